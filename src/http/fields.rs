//! The fields of one head, borrowed from the buffer they arrived in (RFC 9110 section 5).
//!
//! It owns the space for the parsed fields and the ways to look into them. Parsing is httparse's;
//! `head` and `response` make sure beforehand that every line ends in CRLF.
//! It never copies a byte and never allocates.

/// How many fields a head may have: browsers send some 20, and each costs 32 bytes of stack.
pub const FIELDS_MAX: usize = 64;

/// Room for the fields of one head; lives on the caller's stack beside the buffer.
#[derive(Debug)]
pub struct FieldSpace<'b>([httparse::Header<'b>; FIELDS_MAX]);

impl FieldSpace<'_> {
    /// Empty room.
    pub fn new() -> Self {
        FieldSpace([httparse::EMPTY_HEADER; FIELDS_MAX])
    }
}

impl Default for FieldSpace<'_> {
    fn default() -> Self {
        FieldSpace::new()
    }
}

/// The fields of a head in the order in which they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields<'h, 'b>(&'h [httparse::Header<'b>]);

/// Why a block of field lines is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FieldFault {
    /// More than [`FIELDS_MAX`].
    TooMany,
    /// Not `name ":" OWS value OWS CRLF`.
    Malformed,
}

impl<'h, 'b> Fields<'h, 'b> {
    /// Parses a whole block: field lines and the empty line that ends them, all ending in CRLF.
    pub(super) fn parse(
        block: &'b [u8],
        space: &'h mut FieldSpace<'b>,
    ) -> Result<Fields<'h, 'b>, FieldFault> {
        match httparse::parse_headers(block, &mut space.0) {
            Ok(httparse::Status::Complete((len, fields))) if len == block.len() => Ok(Fields(fields)),
            Err(httparse::Error::TooManyHeaders) => Err(FieldFault::TooMany),
            Ok(_) | Err(_) => Err(FieldFault::Malformed),
        }
    }

    /// Every field as (name, value), in order; values have no white space around them.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// The value of the first field of that name (names compare without regard to case).
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of all fields of that name, in order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b, 'n> {
        self.iter().filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"Host: a\r\nconnection: Keep-Alive ,\t x\r\nEmpty:  \r\nCONNECTION:close\r\n\r\n";

    #[test]
    fn fields_are_found_by_name_in_any_case() {
        let mut space = FieldSpace::new();
        let fields = Fields::parse(BLOCK, &mut space).unwrap();
        assert_eq!(fields.first("hOST"), Some(&b"a"[..]));
        assert_eq!(fields.first("empty"), Some(&b""[..]));
        assert_eq!(fields.first("missing"), None);
        let all: Vec<&[u8]> = fields.all("Connection").collect();
        assert_eq!(all, [&b"Keep-Alive ,\t x"[..], b"close"]);
        assert_eq!(fields.iter().count(), 4);
    }

    #[test]
    fn sixty_four_fields_fit_and_one_more_does_not() {
        for (count, fits) in [(FIELDS_MAX, true), (FIELDS_MAX + 1, false)] {
            let block = "a: b\r\n".repeat(count) + "\r\n";
            let mut space = FieldSpace::new();
            let parsed = Fields::parse(block.as_bytes(), &mut space);
            match fits {
                true => assert_eq!(parsed.unwrap().iter().count(), count),
                false => assert_eq!(parsed, Err(FieldFault::TooMany)),
            }
        }
    }

    /// httparse looks at 8, 16 or 32 bytes at once, so each byte is tried at several offsets.
    #[test]
    fn only_token_bytes_make_a_name_and_only_text_makes_a_value() {
        for byte in 0..=u8::MAX {
            for pad in [0, 1, 7, 8, 15, 16, 31, 32, 33, 64] {
                let pad = vec![b'a'; pad];
                let name = [&pad, &[byte][..], b"z: v\r\n\r\n"].concat();
                let value = [b"n: z", &pad[..], &[byte], b"z\r\n\r\n"].concat();
                let name_is_fine = super::super::syntax::is_tchar(byte) || byte == b':';
                let value_is_fine = super::super::syntax::is_text(byte);
                let parses = |block: &[u8]| Fields::parse(block, &mut FieldSpace::new()).is_ok();
                let empty_name = byte == b':' && pad.is_empty();
                assert_eq!(parses(&name), name_is_fine && !empty_name, "{byte:#04x}");
                assert_eq!(parses(&value), value_is_fine, "{byte:#04x}");
            }
        }
    }
}

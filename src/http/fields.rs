//! The fields of one head, borrowed from the buffer they arrived in (RFC 9110 section 5).
//!
//! It owns the room for their places in the head, and the ways to look into them. A block of field lines
//! is taken apart by httparse; `head` and `response` make sure beforehand that every line ends in CRLF.
//! `whole_head` knows the places already. It never copies a byte and never allocates.

use std::fmt;

use super::head::HEAD_LEN_MAX;

/// How many fields a head may have: browsers send some 20.
pub const FIELDS_MAX: usize = 64;

/// Room for the fields of one head; lives on the caller's stack beside the buffer.
#[derive(Debug)]
pub struct FieldSpace(pub(super) [Place; FIELDS_MAX]);

/// Where in a head the name and the value of a field stand. A head has 16 KiB at most, so that 16 bits
/// are enough: each head begins with empty places, and those of 64 pairs of slices would take longer to
/// make than a short head takes to read.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Place {
    name: (u16, u16),
    value: (u16, u16),
}

impl FieldSpace {
    /// Empty room.
    pub fn new() -> Self {
        FieldSpace([Place::default(); FIELDS_MAX])
    }
}

impl Default for FieldSpace {
    fn default() -> Self {
        FieldSpace::new()
    }
}

const _: () = assert!(HEAD_LEN_MAX <= u16::MAX as usize);

impl Place {
    /// The place of a name and a value, each given as where it begins and how long it is. All of it is
    /// within [`HEAD_LEN_MAX`].
    pub(super) fn new(name: (usize, usize), value: (usize, usize)) -> Place {
        let narrow = |(at, len): (usize, usize)| (at as u16, len as u16);
        Place { name: narrow(name), value: narrow(value) }
    }
}

/// The fields of a head in the order in which they came.
#[derive(Clone, Copy)]
pub struct Fields<'h, 'b> {
    head: &'b [u8],
    places: &'h [Place],
}

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
    pub(super) fn parse(block: &'b [u8], space: &'h mut FieldSpace) -> Result<Fields<'h, 'b>, FieldFault> {
        let mut found = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let found = match httparse::parse_headers(block, &mut found) {
            Ok(httparse::Status::Complete((len, fields))) if len == block.len() => fields,
            Err(httparse::Error::TooManyHeaders) => return Err(FieldFault::TooMany),
            Ok(_) | Err(_) => return Err(FieldFault::Malformed),
        };
        // What is empty may stand anywhere.
        let place = |part: &[u8]| (part.as_ptr().addr().saturating_sub(block.as_ptr().addr()), part.len());
        for (vacant, field) in space.0.iter_mut().zip(found) {
            let value = if field.value.is_empty() { (0, 0) } else { place(field.value) };
            *vacant = Place::new(place(field.name.as_bytes()), value);
        }
        Ok(Fields::at(block, space.0.get(..found.len()).unwrap_or_default()))
    }

    /// Those that stand in these places of a head. Their names are tokens.
    pub(super) fn at(head: &'b [u8], places: &'h [Place]) -> Fields<'h, 'b> {
        Fields { head, places }
    }

    /// Every field as (name, value), in order; values have no white space around them.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.as_bytes().map(|(name, value)| (str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The same, with names that nobody need take for text.
    pub(super) fn as_bytes(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'h, 'b> {
        let head = self.head;
        let part = move |(at, len): (u16, u16)| {
            let at = usize::from(at);
            head.get(at..at + usize::from(len)).unwrap_or_default()
        };
        self.places.iter().map(move |place| (part(place.name), part(place.value)))
    }

    /// The value of the first field of that name (names compare without regard to case).
    pub fn first(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The values of all fields of that name, in order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b, 'n> {
        let is_meant = |candidate: &[u8]| candidate.eq_ignore_ascii_case(name.as_bytes());
        self.as_bytes().filter(move |(candidate, _)| is_meant(candidate)).map(|(_, value)| value)
    }
}

impl PartialEq for Fields<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().eq(other.as_bytes())
    }
}

impl Eq for Fields<'_, '_> {}

impl fmt::Debug for Fields<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string())))
            .finish()
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

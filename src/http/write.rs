//! Writers of head lines into a byte vector.
//!
//! Each line ends in CRLF. Only the vector allocates.

use std::io::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::{ByteRange, Status};

/// Bytes encoded in a path (RFC 3986 section 3.3).
///
/// Includes the colon, which would end a scheme in a first segment.
const PATH_ENCODED: &AsciiSet = &all_but(b"/-._~!$&'()*+,;=@");

/// Bytes encoded in a parameter (RFC 8187 section 3.2.1).
const PARAMETER_ENCODED: &AsciiSet = &all_but(b"!#$&+-.^_`|~");

const fn all_but(kept: &[u8]) -> AsciiSet {
    let mut encoded = NON_ALPHANUMERIC.union(AsciiSet::EMPTY);
    let mut at = 0;
    while at < kept.len() {
        encoded = encoded.remove(kept[at]);
        at += 1;
    }
    encoded
}

/// `HTTP/1.1 200 OK` (RFC 9112 section 4).
pub fn status_line(out: &mut Vec<u8>, status: Status) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status.code()));
    out.push(b' ');
    out.extend_from_slice(status.reason().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `GET /path HTTP/1.1` (RFC 9112 section 3).
pub fn request_line(out: &mut Vec<u8>, method: &str, target: &str) {
    debug_assert!(is_on_one_line(method.as_bytes()) && is_on_one_line(target.as_bytes()));
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// `name: value` (RFC 9112 section 5).
///
/// Callers must check foreign bytes for line ends; only debug builds assert.
pub fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(is_on_one_line(name.as_bytes()), "the name of a field");
    debug_assert!(is_on_one_line(value), "the value of the field {name}");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// [`field`] alone.
pub fn field_line(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, name, value);
    out
}

/// `Content-Length: 5`.
pub fn content_length(out: &mut Vec<u8>, len: u64) {
    out.extend_from_slice(b"Content-Length: ");
    decimal(out, len);
    out.extend_from_slice(b"\r\n");
}

/// `Content-Range: bytes 5-9/100` (RFC 9110 section 14.4).
pub fn content_range(out: &mut Vec<u8>, range: ByteRange, complete_len: u64) {
    // Cannot fail for a vector.
    let _ = write!(out, "Content-Range: bytes {}-{}/{complete_len}\r\n", range.first, range.last);
}

/// Empty line that ends a head.
pub fn end_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// One chunk (RFC 9112 section 7.1); empty data gives the last one, without trailers.
pub fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    chunk_size(out, data.len() as u64);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Size line of a chunk; CRLF must follow the data.
pub fn chunk_size(out: &mut Vec<u8>, len: u64) {
    out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
}

/// Decimal number.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Percent-encoded path for Location or a link.
///
/// `//` at the start becomes `/.//`: alone it would name a host (RFC 3986 section 4.2).
/// Resolution removes the dot segment.
pub fn percent_encode_path(out: &mut Vec<u8>, path: &[u8]) {
    if path.starts_with(b"//") {
        out.extend_from_slice(b"/.");
    }
    for piece in percent_encode(path, PATH_ENCODED) {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Query of a location: `?` and its text.
pub fn append_query(out: &mut Vec<u8>, query: Option<&[u8]>) {
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// Relative reference to the directory `name` (RFC 3986 section 4.2), which holds behind any prefix.
///
/// `./` keeps the text before a colon from being a scheme.
pub fn directory_reference(name: &[u8]) -> Vec<u8> {
    let mut out = if name.contains(&b':') { b"./".to_vec() } else { Vec::new() };
    const ENCODED: &AsciiSet = &PATH_ENCODED.remove(b':');
    out.extend(percent_encode(name, ENCODED).flat_map(str::bytes));
    out.push(b'/');
    out
}

/// Content-Disposition with a file name (RFC 6266).
///
/// No name can end the value or add a field. `_` replaces characters that clients read differently;
/// `filename*` then has the encoded name.
pub fn attachment(name: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(name);
    let plain: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != text {
        value.push_str("; filename*=UTF-8''");
        value.extend(percent_encode(text.as_bytes(), PARAMETER_ENCODED));
    }
    value.into_bytes()
}

/// Whether a quoted string may contain `c` (RFC 6266 appendix D).
///
/// Clients unescape backslash and quote differently; some decode `%`; a slash names a directory.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%' | '/')
}

fn is_on_one_line(bytes: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', bytes).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn head_lines_are_written_with_crlf() {
        let head = written(|out| {
            status_line(out, Status::NOT_FOUND);
            field(out, "Server", b"x");
            content_length(out, 1_234_567_890);
            end_head(out);
        });
        assert_eq!(head, "HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 1234567890\r\n\r\n");
        let request = written(|out| request_line(out, "GET", "/a?b"));
        assert_eq!(request, "GET /a?b HTTP/1.1\r\n");
    }

    #[test]
    fn content_range_includes_complete_length() {
        let range = ByteRange { first: 0, last: u64::MAX };
        let fields = written(|out| content_range(out, range, 1000));
        assert_eq!(fields, "Content-Range: bytes 0-18446744073709551615/1000\r\n");
    }

    #[test]
    fn chunk_writes_hex_length_and_last_chunk_is_empty() {
        let body = written(|out| {
            chunk(out, &[b'x'; 26]);
            chunk(out, b"");
        });
        assert_eq!(body, format!("1a\r\n{}\r\n0\r\n\r\n", "x".repeat(26)));
    }

    #[test]
    fn decimal_matches_to_string() {
        for number in [0, 1, 9, 10, 99, 100, 65_536, u64::MAX - 1, u64::MAX] {
            assert_eq!(written(|out| decimal(out, number)), number.to_string());
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "the value of the field X")]
    fn field_value_with_line_end_panics_in_debug() {
        field(&mut Vec::new(), "X", b"a\r\nSet-Cookie: b");
    }

    #[test]
    fn percent_encode_path_output_is_always_a_path() {
        for (path, encoded) in [
            (&b"/a/b-._~!$&'()*+,;=@"[..], "/a/b-._~!$&'()*+,;=@"),
            (b"/a b", "/a%20b"),
            (b"/100%", "/100%25"),
            (b"/?#[]", "/%3F%23%5B%5D"),
            (b"/\r\nX: y", "/%0D%0AX%3A%20y"),
            (b"/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
            (b"/\xc3\xa9\xff\0\x7f", "/%C3%A9%FF%00%7F"),
            (b"a:b", "a%3Ab"),
            (b"//evil.example/", "/.//evil.example/"),
            (b"///", "/.///"),
            (b"", ""),
        ] {
            assert_eq!(written(|out| percent_encode_path(out, path)), encoded);
        }
    }

    #[test]
    fn attachment_quotes_and_encodes_file_name() {
        for (name, expected) in [
            (&b"docs.tar"[..], "\"docs.tar\""),
            (b"a b;c='d'.tar", "\"a b;c='d'.tar\""),
            (b"", "\"\""),
            (b"a\"b\\c", "\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
            (b"50%.tar", "\"50_.tar\"; filename*=UTF-8''50%25.tar"),
            (b"a\r\nSet-Cookie: b", "\"a__Set-Cookie: b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b"),
            (
                "caf\u{e9} \u{20ac}.tar".as_bytes(),
                "\"caf_ _.tar\"; filename*=UTF-8''caf%C3%A9%20%E2%82%AC.tar",
            ),
            (b"\xff.tar", "\"_.tar\"; filename*=UTF-8''%EF%BF%BD.tar"),
            (b"\x7f\0\t", "\"___\"; filename*=UTF-8''%7F%00%09"),
            (b"..", "\"..\""),
        ] {
            let value = String::from_utf8(attachment(name)).unwrap();
            assert_eq!(value, format!("attachment; filename={expected}"));
            assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{value}");
        }
    }
}

//! The head of a request: finding it, bounding it, and what its line and fields come to.
//!
//! It owns the strict reading of RFC 9112 sections 2 and 5, and the bounds on a head. It never
//! owns the bytes, never waits for them, and never routes: it says (consumed, head), "need more",
//! or what to refuse the request with. Each refusal comes as soon as the bytes show it.

use memchr::memchr;

use super::facts::RequestFacts;
use super::fields::FieldFault;
use super::lines::{LineFault, LineScan};
use super::request_line::{REQUEST_LINE_LEN_MAX, RequestLine, TARGET_TOO_LONG};
use super::syntax::is_tchar;
use super::whole_head;
use super::{AcceptedCodings, FieldSpace, Fields, Method, Reject, RequestBody, Status, Target, Version};

/// How long a head may be, empty lines before it included; what servers commonly allow.
pub const HEAD_LEN_MAX: usize = 16 * 1024;
/// How long a request target may be: what RFC 9112 section 3 asks everyone to support, and more.
pub const TARGET_LEN_MAX: usize = 8 * 1024;
/// Empty lines that may precede a request line; some old clients send one after a body.
const EMPTY_LINES_MAX: usize = 4;
/// The first byte of a TLS record that carries a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// One request, as far as its head tells. It borrows from the buffer (`'b`) and from the
/// [`FieldSpace`] (`'h`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHead<'h, 'b> {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: Target<'b>,
    /// What the client speaks.
    pub version: Version,
    /// The request line as it came, without CRLF, for the log; may hold bytes of 0x80 and above.
    pub line: &'b [u8],
    /// All fields.
    pub fields: Fields<'h, 'b>,
    /// How the body is framed.
    pub body: RequestBody,
    /// Whether the connection may carry another request after this one.
    pub keep_alive: bool,
    /// HTTP/1.0 that asked to keep the connection: the answer has to say `Connection: keep-alive`.
    pub keep_alive_asked: bool,
    /// The client sends its body only after a 100 (or never, after a final answer).
    pub expects_continue: bool,
    /// The first Accept field.
    pub accept: Option<&'b [u8]>,
    /// What content may be encoded with.
    pub codings: AcceptedCodings,
    /// The first Referer field.
    pub referer: Option<&'b [u8]>,
    /// The first User-Agent field.
    pub user_agent: Option<&'b [u8]>,
    /// Whether it has a Range field, or one of the conditions that are looked for without one.
    pub is_qualified: bool,
}

/// Parses the request head at the beginning of `buf`: (consumed bytes, head), or `None` when more
/// has to arrive first.
///
/// `searched` is 0 for a new head; between two calls for the same head it remembers how much was
/// seen, so that a head that arrives byte by byte costs no more than its length. It is 0 again
/// after a whole head. What was refused is to be answered and closed, not parsed again.
pub fn parse_request<'h, 'b>(
    buf: &'b [u8],
    searched: &mut usize,
    space: &'h mut FieldSpace,
) -> Result<Option<(usize, RequestHead<'h, 'b>)>, Reject> {
    let Some(start) = skip_empty_lines(buf)? else {
        return Ok(None);
    };
    if *searched <= start
        && let Some(whole) = whole_head::find(buf, start, space)
    {
        *searched = 0;
        let fields = Fields::at(buf, space.0.get(..whole.fields_len).unwrap_or_default());
        return Ok(Some((whole.end, understand(whole.line, fields)?)));
    }
    refuse_endless_line(buf, start, *searched)?;
    let mut lines = LineScan::new(buf, start, searched);
    let mut request_line = None;
    while let Some(line) = lines.next()? {
        if line.start == start {
            request_line = Some(RequestLine::parse(line.bytes)?);
        } else if line.bytes.is_empty() {
            let request_line = match request_line {
                Some(parsed) => parsed,
                None => RequestLine::parse(lines.first_line())?,
            };
            let fields_start = start + request_line.bytes.len() + "\r\n".len();
            let block = buf.get(fields_start..line.end).unwrap_or_default();
            let head = understand(request_line, Fields::parse(block, space)?)?;
            *searched = 0;
            return Ok(Some((line.end, head)));
        }
    }
    Ok(None)
}

/// Where the request line begins (RFC 9112 section 2.2); `None` when not even that can be told.
fn skip_empty_lines(buf: &[u8]) -> Result<Option<usize>, Reject> {
    let mut start = 0;
    for _ in 0..=EMPTY_LINES_MAX {
        match buf.get(start..).unwrap_or_default() {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => start += 2,
            [first, ..] if is_tchar(*first) => return Ok(Some(start)),
            [first, ..] => return Err(refuse_first_byte(*first)),
        }
    }
    Err(Reject::bad_request("There are too many empty lines before the request line."))
}

fn refuse_first_byte(first: u8) -> Reject {
    match first {
        TLS_HANDSHAKE => Reject::bad_request(
            "TLS was sent, but this port speaks plain HTTP, not TLS: use http:// instead of https://.",
        ),
        b'\n' => LineFault::BareLf.into(),
        _ => Reject::bad_request("What was sent does not begin like an HTTP request."),
    }
}

/// 414 as soon as it is certain, which is when the line can no longer end in time. Only the call
/// that first sees so many bytes has to look.
fn refuse_endless_line(buf: &[u8], start: usize, searched: usize) -> Result<(), Reject> {
    let bound = start + REQUEST_LINE_LEN_MAX + "\r\n".len();
    if searched >= bound {
        return Ok(());
    }
    match buf.get(start..bound) {
        Some(line) if memchr(b'\n', line).is_none() => Err(TARGET_TOO_LONG),
        _ => Ok(()),
    }
}

/// Puts the head together, refusing what the fields say against the rules.
fn understand<'h, 'b>(line: RequestLine<'b>, fields: Fields<'h, 'b>) -> Result<RequestHead<'h, 'b>, Reject> {
    let version = line.version;
    let facts = RequestFacts::gather(fields);
    let body = facts.framing.of_request(version)?;
    facts.check_host(version)?;
    let expects_continue = facts.expects_continue(version)?;
    Ok(RequestHead {
        method: line.method,
        target: line.target,
        version,
        line: line.bytes,
        fields,
        body,
        keep_alive: facts.persistence.persists(version),
        keep_alive_asked: facts.persistence.was_asked_for(version),
        // A client that has no body to send cannot be waiting to send it.
        expects_continue: expects_continue && body != RequestBody::None,
        accept: facts.accept,
        codings: facts.codings.accepted(),
        referer: facts.referer,
        user_agent: facts.user_agent,
        is_qualified: facts.is_qualified,
    })
}

impl From<LineFault> for Reject {
    fn from(fault: LineFault) -> Reject {
        match fault {
            LineFault::BareLf => {
                Reject::bad_request("A line of the request ends in LF alone: end it in CR LF.")
            }
            LineFault::TooLong => Reject::new(
                Status::HEADER_FIELDS_TOO_LARGE,
                "The request line and the header fields together are longer than 16 KiB.",
            ),
        }
    }
}

impl From<FieldFault> for Reject {
    fn from(fault: FieldFault) -> Reject {
        match fault {
            FieldFault::TooMany => {
                Reject::new(Status::HEADER_FIELDS_TOO_LARGE, "The request has more than 64 header fields.")
            }
            FieldFault::Malformed => Reject::bad_request(
                "A header field is malformed: it has to be a name, a colon right after it, and a value without control bytes, all on one line.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::request;
    use super::*;

    /// The status that the request is refused with, 200 if it is fine, 0 if more has to come.
    fn verdict(input: &[u8]) -> u16 {
        match request(input, |_, _| ()) {
            Ok(Some(())) => 200,
            Ok(None) => 0,
            Err(reject) => reject.status.code(),
        }
    }

    fn check_all(cases: &[(&[u8], u16)]) {
        for (input, expected) in cases {
            assert_eq!(verdict(input), *expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_plain_get_is_understood() {
        let input = b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nReferer: r\r\n\
            User-Agent: u\r\nX:\r\n\r\n";
        let seen = request(input, |consumed, head| {
            assert_eq!(consumed, input.len());
            assert_eq!(head.method, Method::Get);
            assert_eq!(head.target.path(), b"/a");
            assert_eq!(head.target.query(), Some(&b"b"[..]));
            assert_eq!(head.version, Version::Http11);
            assert_eq!(head.line, b"GET /a?b HTTP/1.1");
            assert_eq!(head.fields.iter().count(), 5);
            assert_eq!(head.body, RequestBody::None);
            assert_eq!(head.accept, Some(&b"text/html"[..]));
            assert_eq!(head.referer, Some(&b"r"[..]));
            assert_eq!(head.user_agent, Some(&b"u"[..]));
            assert!(head.keep_alive && !head.keep_alive_asked && !head.expects_continue);
        });
        assert_eq!(seen, Ok(Some(())));
    }

    #[test]
    fn every_prefix_of_a_head_needs_more_and_is_searched_once() {
        let input = b"\r\nPUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";
        let mut searched = 0;
        for len in 0..input.len() {
            let mut space = FieldSpace::new();
            let parsed = parse_request(&input[..len], &mut searched, &mut space);
            assert_eq!(parsed, Ok(None));
            assert!(len <= 3 || searched == len, "{len} bytes, searched {searched}");
        }
        let mut space = FieldSpace::new();
        let (consumed, head) = parse_request(input, &mut searched, &mut space).unwrap().unwrap();
        assert_eq!((consumed, searched), (input.len(), 0));
        assert_eq!(head.body, RequestBody::Length(1));
    }

    #[test]
    fn what_cannot_begin_a_request_is_refused_at_its_first_byte() {
        for byte in (0..=u8::MAX).filter(|&byte| !is_tchar(byte) && byte != b'\r') {
            check_all(&[(&[byte], 400), (&[b'\r', b'\n', byte], 400)]);
        }
        check_all(&[(b"\rG", 400), (b"\r\r", 400)]);
        let hello = request(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", |_, _| ());
        let why = hello.unwrap_err().why;
        assert!(why.contains("this port speaks plain HTTP, not TLS"), "{why}");
    }

    #[test]
    fn up_to_four_empty_lines_may_come_first() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for (count, expected) in [(0, 200), (1, 200), (4, 200), (5, 400), (6, 400)] {
            let input = "\r\n".repeat(count) + head;
            assert_eq!(verdict(input.as_bytes()), expected, "{count} empty lines");
        }
        check_all(&[(b"\r\n\r\n\r\n\r\n", 0), (b"\r\n\r\n\r\n\r\n\r\n", 400)]);
        let consumed = request(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n", |consumed, _| consumed);
        assert_eq!(consumed, Ok(Some(22)));
    }

    #[test]
    fn field_lines_are_taken_strictly_or_not_at_all() {
        let cases: &[(&[u8], u16)] = &[
            (b"", 200),
            (b"A: b\r\n", 200),
            (b"A:b\r\n", 200),
            (b"A:\t b \t\r\n", 200),
            (b"A:\r\n", 200),
            (b"A: b\tc\xff\r\n", 200),
            (b"!#$%&'*+-.^_`|~09az: b\r\n", 200),
            (b"A : b\r\n", 400),
            (b"A\t: b\r\n", 400),
            (b": b\r\n", 400),
            (b" A: b\r\n", 400),
            (b"A: b\r\n c\r\n", 400),
            (b"A: b\r\n\tc\r\n", 400),
            (b"A: b\r\n \r\n", 400),
            (b"A:\r\n b\r\n", 400),
            (b"A\r\n", 400),
            (b"A b\r\n", 400),
            (b"A: b\n", 400),
            (b"A: b\r\r\n", 400),
            (b"A: b\rc\r\n", 400),
            (b"A: b\rC: d\r\n", 400),
            (b"A:\rb\r\n", 400),
            (b"A\r: b\r\n", 400),
            (b"\r\r\n", 400),
            (b"A: b\0c\r\n", 400),
            (b"A: \x01\r\n", 400),
            (b"A: b\x0b\r\n", 400),
            (b"A: \x7f\r\n", 400),
            (b"A\0: b\r\n", 400),
            (b"\xc9: b\r\n", 400),
            (b"A(: b\r\n", 400),
            (b"\"A\": b\r\n", 400),
        ];
        for (lines, expected) in cases {
            for before in [&b"Host: h\r\n"[..], b"Host: h\r\nLonger: a line of many bytes\r\n"] {
                let input = [b"GET / HTTP/1.1\r\n", before, lines, b"\r\n"].concat();
                assert_eq!(verdict(&input), *expected, "{}", lines.escape_ascii());
            }
        }
        check_all(&[
            (b"GET / HTTP/1.1\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
            (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", 400),
        ]);
    }

    #[test]
    fn a_target_is_refused_when_it_is_certainly_too_long() {
        let line = |len: usize| format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(len - 1));
        assert_eq!(verdict(line(TARGET_LEN_MAX).as_bytes()), 200);
        assert_eq!(verdict(line(TARGET_LEN_MAX + 1).as_bytes()), 414);
        let endless = format!("\r\nGET /{}", "a".repeat(REQUEST_LINE_LEN_MAX));
        let undecided = endless.len() - "GET /".len() + 1;
        assert_eq!(verdict(&endless.as_bytes()[..undecided]), 0);
        assert_eq!(verdict(&endless.as_bytes()[..undecided + 1]), 414);
        assert_eq!(verdict(line(3 * HEAD_LEN_MAX).as_bytes()), 414);
    }

    #[test]
    fn a_head_may_have_16_kib_and_64_fields() {
        let head = |len: usize| {
            let start = "GET / HTTP/1.0\r\nA: ";
            format!("{start}{}\r\n\r\n", "a".repeat(len - start.len() - 4))
        };
        assert_eq!(verdict(head(HEAD_LEN_MAX).as_bytes()), 200);
        assert_eq!(verdict(head(HEAD_LEN_MAX + 1).as_bytes()), 431);
        assert_eq!(verdict(&head(HEAD_LEN_MAX + 1).as_bytes()[..HEAD_LEN_MAX - 1]), 0);
        assert_eq!(verdict(&head(HEAD_LEN_MAX + 1).as_bytes()[..HEAD_LEN_MAX]), 431);
        for (count, expected) in [(64, 200), (65, 431)] {
            let input = format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count));
            assert_eq!(verdict(input.as_bytes()), expected, "{count} fields");
        }
    }

    #[test]
    fn framing_decides_about_the_body() {
        for (lines, expected) in [
            ("Content-Length: 5", Ok(RequestBody::Length(5))),
            ("content-length:5", Ok(RequestBody::Length(5))),
            ("Content-Length: 0", Ok(RequestBody::None)),
            ("TRANSFER-ENCODING: Chunked", Ok(RequestBody::Chunked)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5", Err(400)),
            ("Content-Length: 5\r\nX: y\r\nContent-Length: 5", Err(400)),
            ("Content-Length: 5, 5", Err(400)),
            ("Content-Length: +5", Err(400)),
            ("Transfer-Encoding: gzip, chunked", Err(501)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Err(400)),
        ] {
            let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
            let body = request(input.as_bytes(), |_, head| head.body);
            let body = body.map(Option::unwrap).map_err(|reject| reject.status.code());
            assert_eq!(body, expected, "{lines}");
        }
    }
}

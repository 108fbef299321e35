//! The head of a request: finding it, bounding it, and what its line and fields come to.
//!
//! It owns the strict reading of RFC 9112 sections 2 and 5, the one pass over the fields, and which of them
//! matter before routing. It never owns the bytes, never waits for them, and never routes: it says (consumed, head), "need more",
//! or what to refuse the request with. Each refusal comes as soon as the bytes show it.

use memchr::memchr;

use super::fast_path;
use super::request_line::{REQUEST_LINE_LEN_MAX, RequestLine, TARGET_TOO_LONG};
use super::target::is_authority;
use crate::http::body::framing::Framing;
use crate::http::fields::{HeadError, LineScan};
use crate::http::rules::negotiation::CodingWeights;
use crate::http::rules::persistence::Persistence;
use crate::http::syntax::is_tchar;
use crate::http::{
    AcceptedCodings, FieldBuf, Fields, Method, Reject, RequestBody, RequestTarget, Status, Version,
};

/// Empty lines that may precede a request line; some old clients send one after a body.
const EMPTY_LINES_MAX: usize = 4;
/// The first byte of a TLS record that carries a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_ON_PLAIN_PORT: Reject = Reject::bad_request(
    "TLS was sent, but this port speaks plain HTTP, not TLS: use http:// instead of https://.",
);

/// One request, as far as its head tells. It borrows from the buffer (`'b`) and from the
/// [`FieldBuf`] (`'h`).
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h, 'b> {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: RequestTarget<'b>,
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
    pub http10_keep_alive: bool,
    /// The client sends its body only after a 100 (or never, after a final answer).
    pub expects_continue: bool,
    /// The first Accept field.
    pub accept: Option<&'b [u8]>,
    /// What content may be encoded with.
    pub content_codings: AcceptedCodings,
    /// The first Referer field.
    pub referer: Option<&'b [u8]>,
    /// The first User-Agent field.
    pub user_agent: Option<&'b [u8]>,
    /// Whether it has a Range field, or one of the conditions that are looked for without one.
    pub has_conditions_or_range: bool,
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
    space: &'h mut FieldBuf,
) -> Result<Option<(usize, RequestHead<'h, 'b>)>, Reject> {
    let Some(start) = skip_empty_lines(buf)? else {
        return Ok(None);
    };
    if *searched <= start
        && let Some(whole) = fast_path::parse(buf, start, space)
    {
        *searched = 0;
        let fields = Fields::from_spans(buf, space.0.get(..whole.fields_len).unwrap_or_default());
        return Ok(Some((whole.end, build_head(whole.line, fields)?)));
    }
    check_request_line_len(buf, start, *searched)?;
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
            let head = build_head(request_line, Fields::parse(block, space)?)?;
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
            [TLS_HANDSHAKE, ..] => return Err(TLS_ON_PLAIN_PORT),
            [b'\n', ..] => return Err(HeadError::BareLf.into()),
            _ => return Err(Reject::bad_request("What was sent does not begin like an HTTP request.")),
        }
    }
    Err(Reject::bad_request("There are too many empty lines before the request line."))
}

/// 414 as soon as it is certain, which is when the line can no longer end in time. Only the call
/// that first sees so many bytes has to look.
fn check_request_line_len(buf: &[u8], start: usize, searched: usize) -> Result<(), Reject> {
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
fn build_head<'h, 'b>(line: RequestLine<'b>, fields: Fields<'h, 'b>) -> Result<RequestHead<'h, 'b>, Reject> {
    let version = line.version;
    let mut summary = HeaderSummary::default();
    fields.iter_bytes().for_each(|(name, value)| summary.add_field(name, value));
    let body = summary.framing.request_body(version)?;
    summary.check_host(version)?;
    let expects_continue = summary.expects_continue(version)?;
    Ok(RequestHead {
        method: line.method,
        target: line.target,
        version,
        line: line.bytes,
        fields,
        body,
        keep_alive: summary.persistence.persists(version),
        http10_keep_alive: version == Version::Http10 && summary.persistence.persists(version),
        // A client that has no body to send cannot be waiting to send it.
        expects_continue: expects_continue && body != RequestBody::None,
        accept: summary.accept,
        content_codings: summary.content_codings.accepted(),
        referer: summary.referer,
        user_agent: summary.user_agent,
        has_conditions_or_range: summary.has_conditions_or_range,
    })
}

impl From<HeadError> for Reject {
    fn from(error: HeadError) -> Reject {
        match error {
            HeadError::BareLf => {
                Reject::bad_request("A line of the request ends in LF alone: end it in CR LF.")
            }
            HeadError::TooLong => Reject::new(
                Status::HEADER_FIELDS_TOO_LARGE,
                "The request line and the header fields together are longer than 16 KiB.",
            ),
            HeadError::TooManyFields => {
                Reject::new(Status::HEADER_FIELDS_TOO_LARGE, "The request has more than 64 header fields.")
            }
            HeadError::Field => Reject::bad_request(
                "A header field is malformed: it has to be a name, a colon right after it, and a value without control bytes, all on one line.",
            ),
        }
    }
}

/// What one pass over the fields of a request found.
#[derive(Default, Debug)]
struct HeaderSummary<'b> {
    /// Whether Host is valid, if there is one.
    host: Option<Result<(), Reject>>,
    /// Whether what is expected can be met, if anything is.
    expect: Option<bool>,
    framing: Framing,
    persistence: Persistence,
    accept: Option<&'b [u8]>,
    content_codings: CodingWeights,
    referer: Option<&'b [u8]>,
    user_agent: Option<&'b [u8]>,
    /// There is a condition, or a Range: those fields are looked up only then.
    has_conditions_or_range: bool,
}

impl<'b> HeaderSummary<'b> {
    /// The length tells nearly all names apart, so that most fields cost one comparison.
    fn add_field(&mut self, name: &[u8], value: &'b [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 if is("host") => self.add_host(value),
            5 if is("range") => self.has_conditions_or_range = true,
            6 if is("accept") => self.accept = self.accept.or(Some(value)),
            6 if is("expect") => self.add_expectation(value),
            7 if is("referer") => self.referer = self.referer.or(Some(value)),
            8 if is("if-match") => self.has_conditions_or_range = true,
            10 if is("connection") => self.persistence.add_field(value),
            10 if is("user-agent") => self.user_agent = self.user_agent.or(Some(value)),
            13 if is("if-none-match") => self.has_conditions_or_range = true,
            14 if is("content-length") => self.framing.add_content_length(value),
            15 if is("accept-encoding") => self.content_codings.add_field(value),
            17 if is("if-modified-since") => self.has_conditions_or_range = true,
            17 if is("transfer-encoding") => self.framing.add_transfer_encoding(value),
            19 if is("if-unmodified-since") => self.has_conditions_or_range = true,
            _ => {}
        }
    }

    fn add_host(&mut self, value: &[u8]) {
        self.host = Some(match self.host {
            None if is_authority(value) => Ok(()),
            None => Err(BAD_HOST),
            Some(_) => Err(Reject::bad_request("The request has more than one Host field: send it once.")),
        });
    }

    /// Host: once and valid in HTTP/1.1, at most once and valid in HTTP/1.0 (RFC 9112 section 3.2).
    fn check_host(&self, version: Version) -> Result<(), Reject> {
        match self.host {
            Some(checked) => checked,
            None if version == Version::Http10 => Ok(()),
            None => Err(Reject::bad_request("The request has no Host field, which HTTP/1.1 requires.")),
        }
    }

    fn add_expectation(&mut self, value: &[u8]) {
        let is_continue = value.eq_ignore_ascii_case(b"100-continue");
        self.expect = Some(is_continue && self.expect != Some(false));
    }

    /// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    fn expects_continue(&self, version: Version) -> Result<bool, Reject> {
        match self.expect {
            _ if version == Version::Http10 => Ok(false),
            Some(false) => Err(BAD_EXPECTATION),
            expect => Ok(expect.is_some()),
        }
    }
}

const BAD_HOST: Reject =
    Reject::bad_request("The Host field is malformed: it has to be a host, or a host, a colon and a port.");
const BAD_EXPECTATION: Reject =
    Reject::new(Status::EXPECTATION_FAILED, "The only expectation that can be met here is 100-continue.");

#[cfg(test)]
mod tests;

//! Strict request head parser (RFC 9112 sections 2 and 5).
//!
//! Rejects a request as soon as the bytes show its fault. Never waits, routes or owns bytes.

use memchr::memchr;

use super::fast_path;
use super::request_line::{REQUEST_LINE_LEN_MAX, RequestLine, TARGET_TOO_LONG};
use super::target::is_authority;
use crate::http::body::framing::Framing;
use crate::http::fields::{HeadError, next_line};
use crate::http::rules::negotiation::CodingWeights;
use crate::http::rules::persistence::Persistence;
use crate::http::syntax::is_tchar;
use crate::http::{
    AcceptedCodings, FieldBuf, Fields, Method, Reject, RequestBody, RequestTarget, Status, Version,
};

/// Empty lines allowed before a request line; some old clients send one after a body.
const EMPTY_LINES_MAX: usize = 4;
/// First byte of a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_ON_PLAIN_PORT: Reject =
    Reject::bad_request("This port accepts plain HTTP only, not TLS: use http:// instead of https://.");

/// Request head, borrowed from the buffer (`'b`) and [`FieldBuf`] (`'h`).
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h, 'b> {
    /// Request method.
    pub method: Method,
    /// Request target.
    pub target: RequestTarget<'b>,
    /// HTTP version.
    pub version: Version,
    /// Request line without CRLF, for the log; may have bytes of 0x80 and above.
    pub line: &'b [u8],
    /// Header fields.
    pub fields: Fields<'h, 'b>,
    /// Body framing.
    pub body: RequestBody,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// The client sends its body only after 100; never after a final response.
    pub expects_continue: bool,
    /// Host field.
    pub host: Option<&'b [u8]>,
    /// First Accept field.
    pub accept: Option<&'b [u8]>,
    /// Accepted content codings.
    pub content_codings: AcceptedCodings,
    /// First Referer field.
    pub referer: Option<&'b [u8]>,
    /// First User-Agent field.
    pub user_agent: Option<&'b [u8]>,
    /// Whether Range or a condition other than If-Range exists; only then are they looked up.
    pub has_conditions_or_range: bool,
    /// Whether Want-Repr-Digest exists.
    pub wants_repr_digest: bool,
}

/// Parses the request head at the start of `buf`: (consumed bytes, head), `None` if incomplete.
///
/// `searched` is 0 for a new head and after a complete one. It keeps the searched length between calls:
/// a head that arrives byte by byte costs only its length.
///
/// # Errors
/// Fault of the peer: respond and close, never parse again.
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
    while let Some((line_start, line)) = next_line(buf, start, searched)? {
        if line_start == start {
            // Rejected before the head is complete.
            RequestLine::parse(line)?;
        } else if line.is_empty() {
            let end = std::mem::take(searched);
            let (_, first) = next_line(buf, start, &mut 0)?.unwrap_or_default();
            let fields_start = start + first.len() + "\r\n".len();
            let block = buf.get(fields_start..end).unwrap_or_default();
            let head = build_head(RequestLine::parse(first)?, Fields::parse(block, space)?)?;
            return Ok(Some((end, head)));
        }
    }
    Ok(None)
}

/// Start of the request line (RFC 9112 section 2.2), if known.
fn skip_empty_lines(buf: &[u8]) -> Result<Option<usize>, Reject> {
    let mut start = 0;
    for _ in 0..=EMPTY_LINES_MAX {
        match buf.get(start..).unwrap_or_default() {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => start += 2,
            [first, ..] if is_tchar(*first) => return Ok(Some(start)),
            [TLS_HANDSHAKE, ..] => return Err(TLS_ON_PLAIN_PORT),
            [b'\n', ..] => return Err(HeadError::BareLf.into()),
            _ => return Err(Reject::bad_request("The bytes do not begin an HTTP request.")),
        }
    }
    Err(Reject::bad_request("There are too many empty lines before the request line."))
}

/// 414 once the line cannot end within its limit; only the first call with enough bytes searches.
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
        // Only a client with a body can wait to send it.
        expects_continue: expects_continue && body != RequestBody::None,
        host: summary.host,
        accept: summary.accept,
        content_codings: summary.content_codings.accepted(),
        referer: summary.referer,
        user_agent: summary.user_agent,
        has_conditions_or_range: summary.has_conditions_or_range,
        wants_repr_digest: summary.wants_repr_digest,
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
                Reject::new(Status::HEADER_FIELDS_TOO_LARGE, "The request has more than 100 header fields.")
            }
            HeadError::Field => Reject::bad_request(
                "A header field is malformed: it must be a name, a colon right after it, and a value without \
                 control bytes, all on one line.",
            ),
        }
    }
}

#[derive(Default, Debug)]
struct HeaderSummary<'b> {
    host: Option<&'b [u8]>,
    host_fault: Option<Reject>,
    expect: Option<bool>,
    framing: Framing,
    persistence: Persistence,
    accept: Option<&'b [u8]>,
    content_codings: CodingWeights,
    referer: Option<&'b [u8]>,
    user_agent: Option<&'b [u8]>,
    has_conditions_or_range: bool,
    wants_repr_digest: bool,
}

impl<'b> HeaderSummary<'b> {
    /// Compares the length first: it separates nearly all names, so most fields cost one comparison.
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
            16 if is("want-repr-digest") => self.wants_repr_digest = true,
            17 if is("if-modified-since") => self.has_conditions_or_range = true,
            17 if is("transfer-encoding") => self.framing.add_transfer_encoding(value),
            19 if is("if-unmodified-since") => self.has_conditions_or_range = true,
            _ => {}
        }
    }

    fn add_host(&mut self, value: &'b [u8]) {
        let repeated = Reject::bad_request("The request has more than one Host field: send it once.");
        self.host_fault = match self.host.replace(value) {
            Some(_) => Some(repeated),
            None => (!is_authority(value)).then_some(BAD_HOST),
        };
    }

    /// HTTP/1.1 needs one valid Host, HTTP/1.0 at most one (RFC 9112 section 3.2).
    fn check_host(&self, version: Version) -> Result<(), Reject> {
        match self.host_fault {
            Some(fault) => Err(fault),
            None if self.host.is_some() || version == Version::Http10 => Ok(()),
            None => Err(Reject::bad_request("The request has no Host field, which HTTP/1.1 requires.")),
        }
    }

    fn add_expectation(&mut self, value: &[u8]) {
        let is_continue = value.eq_ignore_ascii_case(b"100-continue");
        self.expect = Some(is_continue && self.expect != Some(false));
    }

    /// RFC 9110 section 10.1.1.
    fn expects_continue(&self, version: Version) -> Result<bool, Reject> {
        match self.expect {
            _ if version == Version::Http10 => Ok(false),
            Some(false) => Err(BAD_EXPECTATION),
            expect => Ok(expect.is_some()),
        }
    }
}

const BAD_HOST: Reject =
    Reject::bad_request("The Host field is malformed: it must be a host, or a host, a colon and a port.");
const BAD_EXPECTATION: Reject =
    Reject::new(Status::EXPECTATION_FAILED, "The only supported expectation is 100-continue.");

#[cfg(test)]
mod tests;

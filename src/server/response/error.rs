//! Error responses: status, message, and body as text, HTML or JSON.
//!
//! A file of the site may replace the page.

use std::fmt::Write;

use super::common_headers::ResponseOutput;
use super::file::entity_tag;
use super::problem::Problem;
use crate::files::{FileVersion, LookupError, PathError};
use crate::http::{
    BASIC_CHALLENGE, ErrorFormat, Reject, RequestHead, Status, content_length, error_format, field,
    status_line,
};
use crate::text::{HtmlText, OneLine, append, json_string};

const NOT_FOUND_MESSAGE: &str = "There is no such page here.";

/// System colours follow the reader's light or dark setting.
const PAGE: &str = include_str!("error_page.html");

/// Besides GET, HEAD and OPTIONS (RFC 9110 section 10.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allow {
    pub(crate) put: bool,
    pub(crate) post: bool,
    pub(crate) delete: bool,
    pub(crate) mkcol: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorResponse {
    pub(crate) status: Status,
    pub(crate) message: &'static str,
    pub(crate) problem: Option<&'static str>,
    pub(crate) allow: Option<Allow>,
    pub(crate) detail: Option<ErrorDetail>,
}

/// How a client wants to read an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ErrorPresentation {
    pub(crate) format: ErrorFormat,
    /// Directories between the request path and the root; `None` if unknown.
    pub(crate) depth: Option<u8>,
}

impl ErrorPresentation {
    pub(crate) fn of_request(head: &RequestHead<'_, '_>) -> Self {
        let path = head.target.path().strip_prefix(b"/");
        let depth = path.map(|rest| rest.iter().filter(|&&byte| byte == b'/').count());
        Self { format: error_format(head.accept), depth: depth.and_then(|depth| depth.try_into().ok()) }
    }
}

/// One enum: each response has room for an error, and is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorDetail {
    Existing(u64, Option<FileVersion>),
    /// `Upload-Offset`: expected and provided.
    Offsets(u64, u64),
    /// `Retry-After`, in seconds.
    RetryAfter(u64),
}

impl Allow {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let more =
            [(self.put, ", PUT"), (self.post, ", POST"), (self.delete, ", DELETE"), (self.mkcol, ", MKCOL")];
        let more = more.into_iter().filter_map(|(is_allowed, name)| is_allowed.then_some(name));
        "GET, HEAD, OPTIONS".chars().chain(more.flat_map(str::chars)).collect::<String>().into_bytes()
    }
}

impl ErrorResponse {
    pub(crate) fn new(status: Status, message: &'static str) -> Self {
        Self { status, message, problem: None, allow: None, detail: None }
    }

    pub(super) fn append_fields(&self, out: &mut Vec<u8>) {
        if let Some(allow) = self.allow {
            field(out, "Allow", &allow.to_bytes());
        }
        if let Some(ErrorDetail::Offsets(expected, _)) = self.detail {
            field(out, "Upload-Offset", expected.to_string().as_bytes());
        }
        if self.status == Status::UNAUTHORIZED {
            field(out, "WWW-Authenticate", BASIC_CHALLENGE);
        }
        if self.problem == Some(Problem::DIGEST_MISSING.uri) {
            field(out, "Want-Repr-Digest", b"sha-256=10");
        }
        match self.detail {
            Some(ErrorDetail::RetryAfter(secs)) => field(out, "Retry-After", secs.to_string().as_bytes()),
            _ if self.status == Status::SERVICE_UNAVAILABLE => field(out, "Retry-After", b"1"),
            _ => {}
        }
    }
}

impl From<Reject> for ErrorResponse {
    fn from(Reject { status, message }: Reject) -> Self {
        Self::new(status, message)
    }
}

impl From<Problem> for ErrorResponse {
    fn from(Problem { uri, status, message }: Problem) -> Self {
        Self { problem: Some(uri), ..Self::new(status, message) }
    }
}

pub(crate) fn path_error(error: &PathError) -> ErrorResponse {
    let (status, message) = match error {
        PathError::BadEscape => (Status::BAD_REQUEST, "The path has a % without two hex digits after it."),
        PathError::Nul => (Status::BAD_REQUEST, "The path has a NUL byte in it."),
        PathError::LeavesRoot => (Status::BAD_REQUEST, "The path leaves the served directory."),
        PathError::Hidden | PathError::NotFound => (Status::NOT_FOUND, NOT_FOUND_MESSAGE),
    };
    ErrorResponse::new(status, message)
}

pub(crate) fn lookup_error(error: &LookupError, path: &[u8]) -> ErrorResponse {
    let (status, message) = match error {
        LookupError::NotFound => (Status::NOT_FOUND, NOT_FOUND_MESSAGE),
        LookupError::NoIndex => (Status::NOT_FOUND, "This folder has no index page."),
        LookupError::Forbidden => (Status::FORBIDDEN, "The server has no permission to read this file."),
        LookupError::NotRegular | LookupError::Directory => {
            (Status::FORBIDDEN, "This is not a regular file, so it is not served.")
        }
        LookupError::Busy => {
            (Status::SERVICE_UNAVAILABLE, "The server has no free file descriptor; try again.")
        }
        LookupError::Stale => (
            Status::SERVICE_UNAVAILABLE,
            "The directory that this server serves is missing or being replaced; try again.",
        ),
        LookupError::Failed(cause) => {
            log::error!("cannot read {}: {cause}", OneLine(path));
            (Status::INTERNAL_SERVER_ERROR, "The server could not read this file.")
        }
    };
    ErrorResponse::new(status, message)
}

type ShownError = (ErrorResponse, ErrorPresentation);

#[derive(Debug, Default)]
pub(super) struct RenderedPage {
    shown: Option<ShownError>,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl RenderedPage {
    /// Not inlined: the writer of files stays small.
    #[inline(never)]
    pub(super) fn queue(&mut self, out: &mut ResponseOutput<'_>, shown: ShownError) -> u64 {
        if self.shown != Some(shown) {
            self.shown = Some(shown);
            self.render(shown);
        }
        let body = if out.head_only { &[] } else { self.body.as_slice() };
        out.send_queue.push_with(|bytes| {
            bytes.extend_from_slice(&self.head);
            out.head_end.finish(bytes);
            bytes.extend_from_slice(body);
        });
        out.send_queue.queued_total() - body.len() as u64
    }

    fn render(&mut self, (error, mut presentation): ShownError) {
        // RFC 9457 is about errors.
        if presentation.format == ErrorFormat::Json && !error.status.is_error() {
            presentation.format = ErrorFormat::Plain;
        }
        let (head, body) = (&mut self.head, &mut self.body);
        body.clear();
        render(body, &error, presentation);
        head.clear();
        status_line(head, error.status);
        let media_type = match presentation.format {
            ErrorFormat::Json => "application/problem+json",
            format => format.media_type(),
        };
        field(head, "Content-Type", media_type.as_bytes());
        content_length(head, body.len() as u64);
        // `Accept` chose the format.
        field(head, "Vary", b"Accept");
        error.append_fields(head);
    }
}

fn render(out: &mut Vec<u8>, error: &ErrorResponse, presentation: ErrorPresentation) {
    let (code, reason) = (error.status.code(), error.status.reason());
    let mut sentence = error.message.to_owned();
    if let Some(ErrorDetail::Existing(len, version)) = error.detail {
        let tag = version.map(|version| format!(" and the ETag {}", entity_tag(version, None)));
        sentence += &format!(" It has {len} bytes{}.", tag.unwrap_or_default());
    }
    match presentation.format {
        ErrorFormat::Html => render_html(out, (code, reason), &sentence, presentation.depth),
        ErrorFormat::Plain => append(out, format_args!("{code} {reason}\n{sentence}\n")),
        ErrorFormat::Json => {
            let uri = error.problem.unwrap_or("about:blank");
            let title = error.problem.map_or_else(|| reason.to_owned(), Problem::title);
            append(out, format_args!("{{\"type\":\"{uri}\",\"title\":\"{title}\",\"status\":{code},"));
            if let Some(ErrorDetail::Offsets(expected, provided)) = error.detail {
                append(out, format_args!("\"expected-offset\":{expected},\"provided-offset\":{provided},"));
            }
            out.extend_from_slice(b"\"detail\":");
            json_string(out, |content| content.write_str(&sentence));
            out.extend_from_slice(b"}\n");
        }
    }
}

fn render_html(out: &mut Vec<u8>, (status_code, reason): (u16, &str), sentence: &str, depth: Option<u8>) {
    // Relative: a proxy may serve the root elsewhere.
    let home = depth.map(|depth| if depth == 0 { "./".to_owned() } else { "../".repeat(depth.into()) });
    let link = home.map(|home| format!("<p><a href=\"{home}\">Go to the home page</a></p>\n"));
    let page =
        PAGE.replace("{code}", &status_code.to_string()).replace("{reason}", &HtmlText(reason).to_string());
    let page = page.replace("{link}\n", &link.unwrap_or_default());
    out.extend_from_slice(page.replace("{sentence}", &HtmlText(sentence).to_string()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCE: &str = "There is nothing at this address.";

    /// HTML page.
    fn rendered(status_code: u16, reason: &str, sentence: &'static str) -> String {
        let mut out = b"before".to_vec();
        render_html(&mut out, (status_code, reason), sentence, Some(3));
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn plain_body_is_status_and_sentence() {
        let mut out = b"before ".to_vec();
        render(&mut out, &ErrorResponse::new(Status::NOT_FOUND, "<&>"), ErrorPresentation::default());
        assert_eq!(out, b"before 404 Not Found\n<&>\n");
    }

    #[test]
    fn html_page_is_under_1536_bytes_and_loads_nothing() {
        let page = rendered(431, "Request Header Fields Too Large", "x".repeat(200).leak());
        assert!(page.len() < 1536, "{} bytes", page.len());
        for fetched in ["src=", "<link", "@import", "url(", "<script"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
    }

    #[test]
    fn html_page_has_each_required_element_once() {
        let page = rendered(404, "Not Found", SENTENCE);
        for part in [
            "<!doctype html>\n<html lang=\"en\">",
            "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width",
            "<meta name=\"color-scheme\" content=\"light dark\">",
            "<title>404 Not Found</title>",
            "<h1><b>404</b> Not Found</h1>",
            "<p>There is nothing at this address.</p>",
            "<a href=\"../../../\">",
        ] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
        assert!(page.ends_with("</html>\n"));
    }

    #[test]
    fn html_page_closes_every_element() {
        let page = rendered(404, "Not Found", SENTENCE);
        for name in ["html", "head", "title", "style", "body", "main", "h1", "b", "p", "a"] {
            let opened =
                page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
            let closed = page.matches(&format!("</{name}>")).count();
            assert!(opened > 0 && opened == closed, "{name}: {opened} {closed}");
        }
    }

    #[test]
    fn html_page_escapes_reason_and_sentence() {
        let page = rendered(400, "<b>&", "</p><script>alert(\"x\", 'ü')</script>");
        assert!(page.contains("<title>400 &lt;b&gt;&amp;</title>"));
        assert!(
            page.contains("<p>&lt;/p&gt;&lt;script&gt;alert(&quot;x&quot;, &#39;ü&#39;)&lt;/script&gt;</p>")
        );
        assert!(!page.contains("<script>"));
    }
}

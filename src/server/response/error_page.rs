//! Responses whose body is worded for a person: rendered here, or a page of the site.
//!
//! They are no representation of what was asked for, so they carry no validator, and neither conditions
//! nor a Range ever touch them. The status and the sentence are given.

use crate::text::{HtmlText, append};

use super::common_headers::{HeadEnd, queue_head};
use super::file::queue_whole;
use super::types::{Allow, ErrorResponse};
use crate::files::Resource;
use crate::http::{ErrorFormat, Status, content_length, field, status_line};
use crate::net::SendQueue;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<title>";

/// System colours follow the reader's light or dark setting by themselves.
const STYLE: &str = "</title>\n<style>\n\
    :root { color-scheme: light dark }\n\
    body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 2rem;\n  \
    box-sizing: border-box; max-width: 34rem; margin-inline: auto;\n  \
    font: 1.125rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }\n\
    h1 { margin: 0; font-size: 1.5rem; line-height: 1.2 }\n\
    h1 b { display: block; font-size: 6rem; line-height: 1; letter-spacing: -.04em }\n\
    p { margin: 1rem 0 0 }\n\
    </style>\n</head>\n<body>\n<main>\n<h1><b>";

const FOOT: &str = "</p>\n<p><a href=\"/\">Go to the home page</a></p>\n</main>\n</body>\n</html>\n";

/// The answer of this kind that was queued last, for most that follow are the same: what is not there is
/// asked for again and again.
#[derive(Debug, Default)]
pub(super) struct RenderedPage {
    error: Option<ErrorResponse>,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl RenderedPage {
    /// Queues an answer whose body is a sentence for a person, with `more` fields of its own.
    pub(super) fn queue(
        &mut self,
        send_queue: &mut SendQueue,
        error: &ErrorResponse,
        head_only: bool,
        head_end: HeadEnd<'_>,
        more: impl FnOnce(&mut Vec<u8>),
    ) -> u64 {
        if self.error.as_ref() != Some(error) {
            self.render(error);
        }
        let body = if head_only { &[] } else { self.body.as_slice() };
        send_queue.push_with(|out| {
            out.extend_from_slice(&self.head);
            more(out);
            head_end.finish(out);
            out.extend_from_slice(body);
        });
        send_queue.queued_total() - body.len() as u64
    }

    fn render(&mut self, error: &ErrorResponse) {
        self.error = Some(*error);
        let (head, body) = (&mut self.head, &mut self.body);
        body.clear();
        let html = error.format == ErrorFormat::Html;
        render(body, error.status.code(), error.status.reason(), error.message, html);
        head.clear();
        status_line(head, error.status);
        let media_type: &[u8] = if html { b"text/html; charset=utf-8" } else { b"text/plain; charset=utf-8" };
        field(head, "Content-Type", media_type);
        content_length(head, body.len() as u64);
        // The form of the page was chosen by what the client accepts.
        field(head, "Vary", b"Accept");
        status_fields(head, error.status, error.allow);
    }
}

/// Queues an error whose body is a file. The file's validators are not the error's: no cache may
/// take one for the other.
pub(super) fn queue_from_file(
    send_queue: &mut SendQueue,
    (status, allow): (Status, Option<Allow>),
    resource: &Resource,
    head_only: bool,
    head_end: HeadEnd<'_>,
) -> u64 {
    let body_start = queue_head(send_queue, status, head_end, |out| {
        field(out, "Content-Type", resource.media_type.as_bytes());
        content_length(out, resource.len);
        status_fields(out, status, allow);
    });
    if !head_only {
        queue_whole(send_queue, resource);
    }
    body_start
}

/// What an error of this status must say, whatever its body.
fn status_fields(out: &mut Vec<u8>, status: Status, allow: Option<Allow>) {
    if let Some(allow) = allow {
        field(out, "Allow", allow.as_bytes());
    }
    if status == Status::SERVICE_UNAVAILABLE {
        field(out, "Retry-After", b"1");
    }
}

/// Appends the body for `status_code` and its `reason` to `out`; `sentence` says what happened.
///
/// As plain text, two lines. As `html`, one page that needs nothing else, in the reader's light or
/// dark colours; all three are escaped, so a sentence may quote what a client has sent.
fn render(out: &mut Vec<u8>, status_code: u16, reason: &str, sentence: &str, html: bool) {
    if html {
        render_html(out, status_code, reason, sentence);
    } else {
        append(out, format_args!("{status_code} {reason}\n{sentence}\n"));
    }
}

fn render_html(out: &mut Vec<u8>, status_code: u16, reason: &str, sentence: &str) {
    let (reason, sentence) = (HtmlText(reason), HtmlText(sentence));
    append(
        out,
        format_args!(
            "{HEAD}{status_code} {reason}{STYLE}{status_code}</b> {reason}</h1>\n<p>{sentence}{FOOT}"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCE: &str = "There is nothing at this address.";

    /// The body in whole, after what `out` already held.
    fn rendered(status_code: u16, reason: &str, sentence: &str, html: bool) -> String {
        let mut out = b"before".to_vec();
        render(&mut out, status_code, reason, sentence, html);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn plain_body_is_status_and_sentence() {
        assert_eq!(
            rendered(404, "Not Found", SENTENCE, false),
            "404 Not Found\nThere is nothing at this address.\n"
        );
        assert_eq!(rendered(400, "<&>", "\"'", false), "400 <&>\n\"'\n");
    }

    #[test]
    fn html_page_is_under_1536_bytes_and_loads_nothing() {
        let page = rendered(431, "Request Header Fields Too Large", &"x".repeat(200), true);
        assert!(page.len() < 1536, "{} bytes", page.len());
        for fetched in ["src=", "<link", "@import", "url(", "<script"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
    }

    #[test]
    fn html_page_has_each_required_element_once() {
        let page = rendered(404, "Not Found", SENTENCE, true);
        for part in [
            "<!doctype html>\n<html lang=\"en\">",
            "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width",
            "<meta name=\"color-scheme\" content=\"light dark\">",
            "<title>404 Not Found</title>",
            "<h1><b>404</b> Not Found</h1>",
            "<p>There is nothing at this address.</p>",
            "<a href=\"/\">",
        ] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
        assert!(page.ends_with("</html>\n"));
    }

    #[test]
    fn html_page_closes_every_element() {
        let page = rendered(404, "Not Found", SENTENCE, true);
        for name in ["html", "head", "title", "style", "body", "main", "h1", "b", "p", "a"] {
            let opened =
                page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
            let closed = page.matches(&format!("</{name}>")).count();
            assert!(opened > 0 && opened == closed, "{name}: {opened} {closed}");
        }
    }

    #[test]
    fn html_page_escapes_reason_and_sentence() {
        let page = rendered(400, "<b>&", "</p><script>alert(\"x\", 'ü')</script>", true);
        assert!(page.contains("<title>400 &lt;b&gt;&amp;</title>"));
        assert!(
            page.contains("<p>&lt;/p&gt;&lt;script&gt;alert(&quot;x&quot;, &#39;ü&#39;)&lt;/script&gt;</p>")
        );
        assert!(!page.contains("<script>"));
    }
}

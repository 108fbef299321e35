//! Which form of prose (an error page, a redirect) suits a client (RFC 9110 section 12.5.1).
//!
//! It owns the reading of Accept for that one question. It never refuses: a client that accepts
//! neither form still gets plain text.

use super::weight::{Weight, weight_among};
use crate::http::syntax::{elements, trim_ows};

/// The two forms in which prose can be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prose {
    /// `text/html`, for browsers.
    Html,
    /// `text/plain`, for terminals and scripts.
    Plain,
}

/// The form to answer in: HTML when HTML (or `text/*`) is named and weighs no less than plain text.
///
/// Browsers name it; curl, wget and scripts send `*/*` or nothing, and get plain text.
pub fn prose_for(accept: Option<&[u8]>) -> Prose {
    let mut weights = Weights::default();
    for range in elements(accept.unwrap_or_default()) {
        weights.note(range);
    }
    match weights.html.or(weights.text) {
        Some(html) if html > 0 && html >= weights.plain() => Prose::Html,
        _ => Prose::Plain,
    }
}

/// The same for what was refused as a request: should one of its lines be an Accept field, it tells.
pub fn prose_for_refused(received: &[u8]) -> Prose {
    let accept = received.split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("Accept:".len())?;
        name.eq_ignore_ascii_case(b"Accept:").then_some(value.trim_ascii())
    });
    prose_for(accept)
}

/// The greatest weight given to each range that bears on the question.
#[derive(Default)]
struct Weights {
    html: Option<Weight>,
    plain: Option<Weight>,
    text: Option<Weight>,
    any: Option<Weight>,
}

impl Weights {
    fn note(&mut self, range: &[u8]) {
        let mut parts = range.split(|&byte| byte == b';').map(trim_ows);
        let media = parts.next().unwrap_or_default();
        let is = |known: &str| media.eq_ignore_ascii_case(known.as_bytes());
        let place = if is("text/html") || is("application/xhtml+xml") {
            &mut self.html
        } else if is("text/plain") {
            &mut self.plain
        } else if is("text/*") {
            &mut self.text
        } else if is("*/*") {
            &mut self.any
        } else {
            return;
        };
        // A range whose weight cannot be read says nothing.
        *place = (*place).max(weight_among(parts));
    }

    /// What plain text weighs: the most specific range that covers it counts.
    fn plain(&self) -> Weight {
        self.plain.or(self.text).or(self.any).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_for_those_who_name_it() {
        use Prose::{Html, Plain};
        for (accept, prose) in [
            ("", Plain),
            ("*/*", Plain),
            ("text/plain", Plain),
            ("application/json", Plain),
            ("text/html", Html),
            ("TEXT/HTML", Html),
            ("text/*", Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Html),
            ("application/xhtml+xml", Html),
            ("text/html;level=1;q=0.5, */*;q=0.1", Html),
            ("text/html;q=0", Plain),
            ("text/html;q=0.000, text/*", Plain),
            ("text/html;q=0.5, text/plain;q=0.5", Html),
            ("text/html;q=0.5, text/plain;q=0.501", Plain),
            ("text/html ; q=0.4 , text/plain ; q=0.3", Html),
            ("text/plain, text/html;Q=0.9", Plain),
            ("text/html;q=0.5, */*;q=0.8", Plain),
            ("text/*;q=0.5, text/plain", Plain),
            ("text/html;q=2", Plain),
            ("text/html;q=1.001", Plain),
            ("text/html;q=0.1234", Plain),
            ("text/html;q=.5", Plain),
            ("text/html;q=", Plain),
            ("text/html;q=x, text/html;q=0.1", Html),
            (",,text/html,,", Html),
            ("text/htmlx, xtext/html", Plain),
        ] {
            assert_eq!(prose_for(Some(accept.as_bytes())), prose, "{accept}");
        }
        assert_eq!(prose_for(None), Plain);
    }

    #[test]
    fn who_is_refused_gets_the_form_of_the_accept_line_if_there_is_one() {
        use Prose::{Html, Plain};
        for (received, prose) in [
            (&b""[..], Plain),
            (b"GET / HTTP/2.0\r\n\r\n", Plain),
            (b"GET / HTTP/2.0\r\nHost: h\r\nACCEPT:text/html\r\n\r\n", Html),
            (b"GET /\nAccept: text/html\n", Html),
            (b"GET / HTTP/2.0\r\nAccept: */*\r\nAccept: text/html\r\n", Plain),
            (b"GET / HTTP/2.0\r\nAccept-Language: text/html\r\nX-Accept: text/html\r\n", Plain),
            (b"\xff\0\nAccept", Plain),
        ] {
            assert_eq!(prose_for_refused(received), prose, "{}", received.escape_ascii());
        }
    }
}

//! Which form of a list suits a client: a page, data or lines (RFC 9110 section 12.5.1).
//!
//! It owns the reading of Accept for that one question. It never refuses: who accepts none of the
//! three gets lines of text, as does who does not care.

use super::weight::{Weight, weight_among};
use crate::http::syntax::{elements, trim_ows};

/// The forms in which a list can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `text/html`, for browsers.
    Html,
    /// `application/json`, for programs.
    Json,
    /// `text/plain`, for terminals and scripts.
    #[default]
    Plain,
}

/// How a form is named by a media range. The most exact name of a form is the one that counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    Any,
    Kind,
    Exact,
}

impl Form {
    /// All of them. Where a client names several and prefers none, the first of these is meant.
    pub const ALL: [Form; 3] = [Form::Html, Form::Json, Form::Plain];

    /// The media type, with its charset where it has one.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Json => "application/json",
            Form::Plain => "text/plain; charset=utf-8",
        }
    }

    fn naming(self, range: &[u8]) -> Option<Naming> {
        let is = |known: &str| range.eq_ignore_ascii_case(known.as_bytes());
        let (exact, kind) = match self {
            Form::Html => (is("text/html") || is("application/xhtml+xml"), is("text/*")),
            Form::Json => (is("application/json"), is("application/*")),
            Form::Plain => (is("text/plain"), is("text/*")),
        };
        match (exact, kind, is("*/*")) {
            (true, _, _) => Some(Naming::Exact),
            (_, true, _) => Some(Naming::Kind),
            (_, _, true) => Some(Naming::Any),
            _ => None,
        }
    }

    /// What this form weighs, and by which name.
    fn weight_in(self, accept: &[u8]) -> Option<(Naming, Weight)> {
        let named = elements(accept).filter_map(|range| {
            let mut parts = range.split(|&byte| byte == b';').map(trim_ows);
            let naming = self.naming(parts.next().unwrap_or_default())?;
            // A range whose weight cannot be read says nothing.
            Some((naming, weight_among(parts)?))
        });
        named.max()
    }
}

/// The form to answer in: the one that weighs most, of several the one that is named most exactly.
/// Who would take anything gets lines.
pub fn form_for(accept: Option<&[u8]>) -> Form {
    let accept = accept.unwrap_or_default();
    // What weighs nothing is not wanted.
    let mut best = (0, Naming::Exact, Form::Plain);
    for form in Form::ALL {
        let Some((naming, weight)) = form.weight_in(accept) else { continue };
        if (weight, naming) > (best.0, best.1) && (naming > Naming::Any || form == Form::Plain) {
            best = (weight, naming, form);
        }
    }
    best.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        use Form::{Html, Json, Plain};
        for (accept, form) in [
            ("", Plain),
            ("*/*", Plain),
            ("image/png", Plain),
            ("text/plain", Plain),
            ("application/json", Json),
            ("APPLICATION/JSON", Json),
            ("application/json; charset=utf-8", Json),
            ("application/*", Json),
            ("application/*, text/*", Html),
            ("text/html", Html),
            ("text/*", Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Html),
            ("application/xhtml+xml", Html),
            ("application/json, text/plain, */*", Json),
            ("text/html, application/json", Html),
            ("application/json, text/html", Html),
            ("application/json, text/html;q=0.9", Json),
            ("text/plain, text/html", Html),
            ("text/html;q=0.9, text/plain", Plain),
            ("application/json;q=0.5, */*;q=0.1", Json),
            ("application/json;q=0.1, */*;q=0.5", Plain),
            ("application/json;q=0, */*", Plain),
            ("application/json;q=0", Plain),
            ("text/html;q=0, text/*", Plain),
            ("text/plain;q=0, */*", Plain),
            ("text/*;q=0.5, text/plain;q=0.1", Html),
            ("text/html;q=x, application/json;q=0.1", Json),
            ("text/html;level=1;q=0.2, application/json;q=0.1", Html),
            (",, application/json ,,", Json),
            ("application/jsonx, xtext/html", Plain),
        ] {
            assert_eq!(form_for(Some(accept.as_bytes())), form, "{accept}");
        }
        assert_eq!(form_for(None), Plain);
    }

    #[test]
    fn prose_and_lists_agree_on_who_is_a_browser() {
        use crate::http::{Prose, prose_for};
        for accept in ["", "*/*", "text/html", "text/*", "text/plain, text/html;q=0.5", "text/html,*/*;q=0.8"]
        {
            let accept = Some(accept.as_bytes());
            assert_eq!(form_for(accept) == Form::Html, prose_for(accept) == Prose::Html, "{accept:?}");
        }
    }
}

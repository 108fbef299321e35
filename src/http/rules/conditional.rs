//! Conditional requests (RFC 9110 section 13).
//!
//! An unreadable condition never makes a request do more than an unconditional one. It never gives 304.

use std::borrow::Cow;

use super::entity_tag::{EntityTag, any_tag_matches};
use crate::http::date::parse_http_date;
use crate::http::syntax::trim_ows;
use crate::http::{Fields, Method};

/// Validators of a representation (section 8.8).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Validators<'a> {
    /// Entity-tag as sent.
    pub entity_tag: Option<&'a [u8]>,
    /// Tags of this version in other encodings: an upload changes all encodings.
    pub encoded_tags: &'a [Box<str>],
    /// Last modification.
    pub modified: Option<Modified>,
}

/// Modification time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Modified {
    /// Seconds since 1970.
    pub unix_secs: i64,
    /// Whether the next modification must have a later second.
    ///
    /// If not, a client may have seen other content with this second.
    pub is_stable: bool,
}

/// Result of the preconditions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PreconditionResult {
    /// Perform the request.
    Perform,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: do nothing.
    Failed,
}

/// Condition fields of one request; repeated fields are one list.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Preconditions<'b>([Option<Cow<'b, [u8]>>; 4]);

/// In the order of [`Preconditions`].
const CONDITION_FIELDS: [&str; 4] = ["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];

impl<'b> Preconditions<'b> {
    /// Conditions among fields.
    pub fn from_fields(fields: Fields<'_, 'b>) -> Preconditions<'b> {
        Preconditions(CONDITION_FIELDS.map(|name| join_values(fields, name)))
    }

    /// Copy that outlives the receive buffer.
    pub fn into_owned(self) -> Preconditions<'static> {
        Preconditions(self.0.map(|value| value.map(|value| Cow::Owned(value.into_owned()))))
    }

    /// Evaluates in the order of section 13.2.2.
    ///
    /// `current` is `None` if nothing exists. The method must select or change a representation.
    pub fn evaluate(
        &self,
        method: Method,
        current: Option<Validators<'_>>,
        now_unix_secs: u64,
    ) -> PreconditionResult {
        let [if_match, if_unmodified_since, if_none_match, if_modified_since] = &self.0;
        let is_satisfied = match (if_match, if_unmodified_since) {
            // An unreadable list matches nothing: the client meant it as a guard.
            (Some(list), _) => matches(list, current, |tag, wanted| tag.strong_eq(wanted)) == Some(true),
            (None, Some(date)) => is_unmodified_since(date, current, now_unix_secs, true),
            (None, None) => true,
        };
        if !is_satisfied {
            return PreconditionResult::Failed;
        }
        let is_get_or_head = matches!(method, Method::Get | Method::Head);
        let is_unchanged = match (if_none_match, if_modified_since) {
            // Unreadable: a fetch is performed, which costs only bytes. A change fails: it might overwrite.
            (Some(list), _) => {
                matches(list, current, |tag, wanted| tag.weak_eq(wanted)).unwrap_or(!is_get_or_head)
            }
            (None, Some(date)) if is_get_or_head => is_unmodified_since(date, current, now_unix_secs, false),
            (None, _) => false,
        };
        match (is_unchanged, is_get_or_head) {
            (false, _) => PreconditionResult::Perform,
            (true, true) => PreconditionResult::NotModified,
            (true, false) => PreconditionResult::Failed,
        }
    }
}

/// Whether Range applies (section 13.1.5): no If-Range, or one strong validator of the current bytes.
///
/// If not, send everything.
pub fn if_range_matches<'v>(
    mut values: impl Iterator<Item = &'v [u8]>,
    current: Validators<'_>,
    now_unix_secs: u64,
) -> bool {
    let Some(value) = values.next() else { return true };
    if values.next().is_some() {
        return false;
    }
    if let Some(requested) = EntityTag::parse(value) {
        return tags_of(current).any(|tag| tag.strong_eq(requested));
    }
    // A date is strong only if no other content can have it (section 8.8.2.2).
    let requested = parse_http_date(value, now_unix_secs);
    current.modified.is_some_and(|modified| modified.is_stable && Some(modified.unix_secs) == requested)
}

fn join_values<'b>(fields: Fields<'_, 'b>, name: &str) -> Option<Cow<'b, [u8]>> {
    let mut values = fields.all(name);
    let first = Cow::Borrowed(values.next()?);
    Some(values.fold(first, |list, value| Cow::Owned([&list, &b", "[..], value].concat())))
}

fn tags_of<'a>(current: Validators<'a>) -> impl Iterator<Item = EntityTag<'a>> + Clone {
    let encoded = current.encoded_tags.iter().map(|tag| tag.as_bytes());
    current.entity_tag.into_iter().chain(encoded).filter_map(EntityTag::parse)
}

/// If-Match (section 13.1.1) or If-None-Match (section 13.1.2); `None` if unreadable.
fn matches(
    list: &[u8],
    current: Option<Validators<'_>>,
    is_equal: fn(EntityTag<'_>, EntityTag<'_>) -> bool,
) -> Option<bool> {
    if trim_ows(list) == b"*" {
        return Some(current.is_some());
    }
    let tags = current.into_iter().flat_map(tags_of);
    any_tag_matches(list, |requested| tags.clone().any(|tag| is_equal(tag, requested)))
}

/// If-Unmodified-Since (section 13.1.4), the inverse of If-Modified-Since (section 13.1.3).
///
/// `if_ignored` is the result without a readable date or a modification time.
fn is_unmodified_since(
    date: &[u8],
    current: Option<Validators<'_>>,
    now_unix_secs: u64,
    if_ignored: bool,
) -> bool {
    match (parse_http_date(date, now_unix_secs), current.and_then(|current| current.modified)) {
        (Some(requested), Some(Modified { unix_secs, is_stable: true })) => unix_secs <= requested,
        (Some(requested), Some(Modified { unix_secs, is_stable: false })) => unix_secs < requested,
        (None, _) | (_, None) => if_ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::http::testing::request;
    use PreconditionResult::{Failed, NotModified, Perform};

    const NOW: u64 = 1_767_225_600;
    const TAG: &[u8] = b"\"x\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const SETTLED: Modified = Modified { unix_secs: 784_111_777, is_stable: true };
    const YOUNG: Modified = Modified { is_stable: false, ..SETTLED };
    const FILE: Option<Validators<'_>> =
        Some(Validators { entity_tag: Some(TAG), encoded_tags: &[], modified: Some(SETTLED) });
    /// Entity-tag without a date, as for embedded pages; a new large file has neither.
    const DATELESS: Option<Validators<'_>> =
        Some(Validators { entity_tag: Some(TAG), encoded_tags: &[], modified: None });
    const TAGLESS: Option<Validators<'_>> =
        Some(Validators { entity_tag: None, encoded_tags: &[], modified: Some(YOUNG) });
    const NOTHING: Option<Validators<'_>> = None;

    /// Results for a GET and a PUT with these field lines.
    fn outcomes(lines: &[&str], current: Option<Validators<'_>>) -> (PreconditionResult, PreconditionResult) {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let input = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let seen = request(input.as_bytes(), |_, head| {
            let conditions = Preconditions::from_fields(head.fields);
            assert_eq!(conditions.clone().into_owned(), conditions);
            let [get, put, of_head] = [Method::Get, Method::Put, Method::Head]
                .map(|method| conditions.evaluate(method, current, NOW));
            assert_eq!(get, of_head, "HEAD is like GET");
            (get, put)
        });
        seen.expect("a request").expect("a whole one")
    }

    #[test]
    fn if_match_performs_on_strong_match_or_wildcard() {
        for (value, current, expected) in [
            ("\"x\"", FILE, Perform),
            ("\"a\", \"x\"", FILE, Perform),
            ("*", FILE, Perform),
            ("*", TAGLESS, Perform),
            (" * ", FILE, Perform),
            ("\"a\"", FILE, Failed),
            ("W/\"x\"", FILE, Failed),
            ("\"x\"", TAGLESS, Failed),
            ("\"x\"", NOTHING, Failed),
            ("*", NOTHING, Failed),
            ("", FILE, Failed),
            ("x", FILE, Failed),
            ("\"x\", *", FILE, Failed),
            ("\"x\", y", FILE, Failed),
        ] {
            let seen = outcomes(&[&format!("If-Match: {value}")], current);
            assert_eq!(seen, (expected, expected), "{value} {current:?}");
        }
    }

    #[test]
    fn if_none_match_weak_match_is_304_for_get_412_for_put() {
        for (value, current, get, put) in [
            ("\"x\"", FILE, NotModified, Failed),
            ("W/\"x\"", FILE, NotModified, Failed),
            ("\"a\",, W/\"x\"", FILE, NotModified, Failed),
            ("*", FILE, NotModified, Failed),
            ("*", TAGLESS, NotModified, Failed),
            ("\"a\"", FILE, Perform, Perform),
            ("\"x\"", TAGLESS, Perform, Perform),
            ("\"x\"", NOTHING, Perform, Perform),
            ("*", NOTHING, Perform, Perform),
            // GET gives everything; PUT is rejected.
            ("x", FILE, Perform, Failed),
            ("\"x\", *", FILE, Perform, Failed),
            ("", NOTHING, Perform, Failed),
        ] {
            let seen = outcomes(&[&format!("If-None-Match: {value}")], current);
            assert_eq!(seen, (get, put), "{value} {current:?}");
        }
    }

    #[test]
    fn encoded_tags_match_the_same_version() {
        let tags = ["\"y-br\"".into(), "\"x-gzip\"".into()];
        let both = Some(Validators { encoded_tags: &tags, ..FILE.unwrap_or_default() });
        for (tag, is_known) in [("\"x\"", true), ("\"x-gzip\"", true), ("\"x-br\"", false)] {
            let (_, put) = outcomes(&[&format!("If-Match: \"a\", {tag}")], both);
            assert_eq!(put == Perform, is_known, "{tag}");
            let (_, put) = outcomes(&[&format!("If-None-Match: \"a\", {tag}")], both);
            assert_eq!(put == Failed, is_known, "{tag}");
        }
    }

    #[test]
    fn repeated_condition_fields_are_one_list() {
        let none = "If-None-Match: \"a\"";
        assert_eq!(outcomes(&[none, "If-None-Match: \"x\""], FILE), (NotModified, Failed));
        assert_eq!(outcomes(&[none, "X: y", "if-none-match: \"b\""], FILE), (Perform, Perform));
        assert_eq!(outcomes(&["If-Match: \"a\"", "If-Match: \"x\""], FILE), (Perform, Perform));
        assert_eq!(outcomes(&["If-Match: *", "If-Match: \"x\""], FILE), (Failed, Failed));
        // A list of two dates is unreadable.
        let since = format!("If-Modified-Since: {THEN}");
        assert_eq!(outcomes(&[&since, &since], FILE), (Perform, Perform));
    }

    #[test]
    fn date_conditions_compare_seconds_unstable_never_equal() {
        let young = Some(Validators { modified: Some(YOUNG), ..FILE.unwrap_or_default() });
        for (date, current, since, not_since) in [
            (BEFORE, FILE, Perform, Failed),
            (THEN, FILE, NotModified, Perform),
            (AFTER, FILE, NotModified, Perform),
            ("Sunday, 06-Nov-94 08:49:37 GMT", FILE, NotModified, Perform),
            ("Sunday, 06-Nov-94 08:49:36 GMT", FILE, Perform, Failed),
            ("Sun Nov  6 08:49:37 1994", FILE, NotModified, Perform),
            ("Sun Nov  6 08:49:36 1994", FILE, Perform, Failed),
            (BEFORE, young, Perform, Failed),
            (THEN, young, Perform, Failed),
            (AFTER, young, NotModified, Perform),
            ("yesterday", FILE, Perform, Perform),
            ("", FILE, Perform, Perform),
            (THEN, DATELESS, Perform, Perform),
            (BEFORE, NOTHING, Perform, Perform),
        ] {
            let (get, put) = outcomes(&[&format!("If-Modified-Since: {date}")], current);
            assert_eq!((get, put), (since, Perform), "{date} {current:?}: it is for who fetches");
            let seen = outcomes(&[&format!("If-Unmodified-Since: {date}")], current);
            assert_eq!(seen, (not_since, not_since), "{date} {current:?}");
        }
    }

    #[test]
    fn conditions_evaluate_in_rfc_order() {
        let (matching, other) = ("If-Match: \"x\"", "If-Match: \"a\"");
        let (same, changed) = ("If-None-Match: \"x\"", "If-None-Match: \"a\"");
        let unmodified = |date| format!("If-Unmodified-Since: {date}");
        let modified = |date| format!("If-Modified-Since: {date}");
        let cases: [(&[&str], PreconditionResult, PreconditionResult); 12] = [
            (&[], Perform, Perform),
            // If-Match overrides If-Unmodified-Since.
            (&[matching, &unmodified(BEFORE)], Perform, Perform),
            (&[other, &unmodified(AFTER)], Failed, Failed),
            // If-None-Match overrides If-Modified-Since.
            (&[same, &modified(BEFORE)], NotModified, Failed),
            (&[changed, &modified(AFTER)], Perform, Perform),
            // If-Match and If-Unmodified-Since come first.
            (&[other, same], Failed, Failed),
            (&[matching, same], NotModified, Failed),
            (&[matching, changed], Perform, Perform),
            (&[&unmodified(BEFORE), same], Failed, Failed),
            (&[&unmodified(THEN), same], NotModified, Failed),
            (&[&unmodified(THEN), &modified(THEN)], NotModified, Perform),
            (&[&unmodified(BEFORE), &modified(THEN)], Failed, Failed),
        ];
        for (lines, get, put) in cases {
            assert_eq!(outcomes(lines, FILE), (get, put), "{lines:?}");
            let reversed: Vec<&str> = lines.iter().rev().copied().collect();
            assert_eq!(outcomes(&reversed, FILE), (get, put), "{reversed:?}");
        }
    }

    #[test]
    fn if_range_matches_strong_validator_only() {
        let young = Some(Validators { modified: Some(YOUNG), ..FILE.unwrap_or_default() });
        let cases: [(&[&str], _, bool); 16] = [
            (&[], FILE, true),
            (&["\"x\""], FILE, true),
            (&["\"a\""], FILE, false),
            (&["W/\"x\""], FILE, false),
            (&["\"x\", \"a\""], FILE, false),
            (&["*"], FILE, false),
            (&[""], FILE, false),
            (&["x"], FILE, false),
            (&["\"x\""], TAGLESS, false),
            (&["\"x\"", "\"x\""], FILE, false),
            (&[THEN], FILE, true),
            (&["Sunday, 06-Nov-94 08:49:37 GMT"], FILE, true),
            (&[BEFORE], FILE, false),
            (&[AFTER], FILE, false),
            (&[THEN], young, false),
            (&[THEN], DATELESS, false),
        ];
        for (values, current, expected) in cases {
            let values = values.iter().map(|value| value.as_bytes());
            let holds = if_range_matches(values.clone(), current.unwrap_or_default(), NOW);
            assert_eq!(holds, expected, "{:?} {current:?}", values.collect::<Vec<_>>());
        }
    }
}

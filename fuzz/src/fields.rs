//! Range, conditions, entity-tags, dates, credentials, Accept and Accept-Encoding.

use reactor_http::http::{
    BasicCredentials, ByteRange, EntityTag, FieldBuf, Method, Modified, PARTS_MAX, PreconditionResult,
    Preconditions, RangeSelection, RequestHead, Validators, accepts_page, error_format, if_range_matches,
    imf_fixdate, listing_format, parse_http_date, parse_request, select_ranges,
};

use super::split_choice;

const NOW_UNIX_SECS: u64 = 1_800_000_000;
/// 9999-12-31, the last day with a year of four digits.
const DATE_MAX: i64 = 253_402_300_799;

pub fn check(input: &[u8]) {
    let (choice, value) = split_choice(input);
    for len in [0, 1, u64::from(choice), 1 << 40, u64::MAX] {
        check_ranges(value, len);
    }
    if let Some(tag) = EntityTag::parse(value) {
        assert!(tag.weak_eq(tag));
        assert_eq!(tag.strong_eq(tag), !value.starts_with(b"W/"));
    }
    if let Some(secs) = parse_http_date(value, NOW_UNIX_SECS)
        && (0..=DATE_MAX).contains(&secs)
    {
        let text = imf_fixdate(secs.unsigned_abs());
        assert_eq!(parse_http_date(&text, NOW_UNIX_SECS), Some(secs), "formatted and parsed again");
    }
    if let Some(credentials) = BasicCredentials::from_field(value) {
        let (user, password) = credentials.parts();
        assert_eq!([user, b":", password].concat(), credentials.as_bytes());
    }
    let _ = (accepts_page(Some(value)), error_format(Some(value)), listing_format(Some(value)));
    let names = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Accept-Encoding"];
    let name = names[usize::from(choice) % names.len()];
    let head = [b"GET / HTTP/1.1\r\nHost: h\r\n", name.as_bytes(), b": ", value, b"\r\n\r\n"].concat();
    if let Ok(Some((_, head))) = parse_request(&head, &mut 0, &mut FieldBuf::new()) {
        check_conditions(&head);
        let codings: Vec<_> = head.content_codings.iter().collect();
        assert_eq!(codings.is_empty(), head.content_codings.is_empty());
        assert!(codings.iter().enumerate().all(|(at, coding)| !codings[..at].contains(coding)));
    }
}

fn check_ranges(value: &[u8], len: u64) {
    let parts = match select_ranges(value, len) {
        RangeSelection::One(part) => vec![part],
        RangeSelection::Several(parts) => parts,
        RangeSelection::Whole | RangeSelection::Unsatisfiable => return,
    };
    assert!(parts.len() <= PARTS_MAX);
    assert!(parts.iter().all(|part| part.first <= part.last && part.last < len), "{parts:?} of {len}");
    let mut sorted = parts;
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|pair| pair[0].last < pair[1].first), "{sorted:?}: a byte is sent twice");
    let total: u128 = sorted.iter().map(|part: &ByteRange| u128::from(part.content_len())).sum();
    assert!(total <= u128::from(len));
}

fn check_conditions(head: &RequestHead<'_, '_>) {
    let modified = Some(Modified { unix_secs: 1_000_000_000, is_stable: true });
    let current = Validators { entity_tag: Some(b"\"a\""), encoded_tags: &[], modified };
    let conditions = Preconditions::from_fields(head.fields);
    for existing in [None, Some(current)] {
        let fetch = conditions.evaluate(Method::Get, existing, NOW_UNIX_SECS);
        assert_eq!(fetch, conditions.evaluate(Method::Head, existing, NOW_UNIX_SECS));
        let change = conditions.evaluate(Method::Put, existing, NOW_UNIX_SECS);
        assert_ne!(change, PreconditionResult::NotModified, "only GET and HEAD get 304");
        assert_eq!(fetch, conditions.clone().into_owned().evaluate(Method::Get, existing, NOW_UNIX_SECS));
        if !head.has_conditions_or_range {
            assert_eq!(fetch, PreconditionResult::Perform);
        }
    }
    let _ = if_range_matches(head.fields.all("if-match"), current, NOW_UNIX_SECS);
}

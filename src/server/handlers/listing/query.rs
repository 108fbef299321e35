//! Query of a listing URL: parser and writer.
//!
//! Invalid parts are ignored.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::files::listing::{ListingOptions, NameFilter, PageRequest, SortKey, SortOrder};
use crate::http::ListingFormat;
use crate::text::split_once;

/// Entries per page: as many as a browser shows without a pause.
pub(super) const PAGE_LEN: usize = 1000;

/// Longest filter in characters. Names have at most 255, so a longer filter matches none, even if cut.
///
/// Each page link repeats the filter.
const FILTER_LEN_MAX: usize = 256;

/// Bytes that a form encodes; space becomes `+` (URL Standard, `application/x-www-form-urlencoded`).
const FORM_ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b' ');

const SORT_KEYS: [(&str, SortKey); 3] =
    [("name", SortKey::Name), ("size", SortKey::Size), ("time", SortKey::Time)];
/// A link has the first name of its format.
const FORMATS: [(&str, ListingFormat); 4] = [
    ("html", ListingFormat::Html),
    ("json", ListingFormat::Json),
    ("plain", ListingFormat::Plain),
    ("text", ListingFormat::Plain),
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ListingQuery {
    pub(super) order: SortOrder,
    pub(super) filter: String,
    pub(super) page: Option<usize>,
    pub(super) format: Option<ListingFormat>,
}

impl ListingQuery {
    /// The last value of a key counts.
    pub(super) fn parse(raw: &[u8]) -> ListingQuery {
        let mut query = ListingQuery::default();
        for pair in raw.split(|&byte| byte == b'&') {
            let (name, value) = split_once(pair, b'=').unwrap_or((pair, b""));
            match (name, decode_value(value).as_str()) {
                (b"sort", name) => query.order.key = named(&SORT_KEYS, name).unwrap_or(query.order.key),
                (b"order", "asc") => query.order.descending = false,
                (b"order", "desc") => query.order.descending = true,
                (b"format", name) => query.format = named(&FORMATS, name).or(query.format),
                (b"page", number) => query.page = number.parse().ok().filter(|&number| number > 0),
                (b"filter", text) => query.filter = text.chars().take(FILTER_LEN_MAX).collect(),
                _ => {}
            }
        }
        query
    }

    /// HTML has pages; other formats have all entries unless a page is requested.
    pub(super) fn listing_options(&self, format: ListingFormat) -> ListingOptions {
        let number = self.page.or((format == ListingFormat::Html).then_some(1));
        ListingOptions {
            order: self.order,
            filter: NameFilter::new(&self.filter),
            hidden: false,
            page: number.map(|number| PageRequest {
                number,
                clamp_to_last_page: format == ListingFormat::Html,
                len: PAGE_LEN,
            }),
        }
    }

    /// For a quoted attribute.
    pub(super) fn link(&self) -> String {
        let pairs: Vec<_> =
            self.pairs().map(|(name, value)| format!("{name}={}", encode_value(&value))).collect();
        if pairs.is_empty() { "./".to_owned() } else { format!("?{}", pairs.join("&amp;")) }
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let sort = Some(self.order.key).filter(|&key| key != SortKey::default());
        let pairs = [
            ("sort", sort.and_then(|key| name_of(&SORT_KEYS, key))),
            ("order", self.order.descending.then(|| "desc".to_owned())),
            ("filter", Some(self.filter.clone()).filter(|text| !text.is_empty())),
            ("page", self.page.map(|number| number.to_string())),
            ("format", self.format.and_then(|format| name_of(&FORMATS, format))),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

fn named<T: Copy>(known: &[(&str, T)], name: &str) -> Option<T> {
    known.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(known: &[(&str, T)], value: T) -> Option<String> {
    known.iter().find(|(_, other)| *other == value).map(|(name, _)| (*name).to_owned())
}

fn encode_value(value: &str) -> String {
    utf8_percent_encode(value, FORM_ENCODED).to_string().replace(' ', "+")
}

/// `%` without two hex digits is literal; invalid UTF-8 becomes U+FFFD.
fn decode_value(raw: &[u8]) -> String {
    let spaced: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(change: impl FnOnce(&mut ListingQuery)) -> ListingQuery {
        let mut query = ListingQuery::default();
        change(&mut query);
        query
    }

    #[test]
    fn query_valid_pairs_taken_others_ignored() {
        for (raw, query) in [
            ("", ListingQuery::default()),
            ("&&=&x&sort&order=&page=&format", ListingQuery::default()),
            ("sort=name&order=asc", ListingQuery::default()),
            ("sort=SIZE&order=up&page=0&format=xml", ListingQuery::default()),
            ("page=-1", ListingQuery::default()),
            ("page=99999999999999999999", ListingQuery::default()),
            ("Sort=size", ListingQuery::default()),
            ("sort=size", with(|query| query.order.key = SortKey::Size)),
            ("sort=time&sort=size", with(|query| query.order.key = SortKey::Size)),
            ("sort=size&sort=x", with(|query| query.order.key = SortKey::Size)),
            ("order=desc", with(|query| query.order.descending = true)),
            ("filter=a+b%26c", with(|query| query.filter = "a b&c".to_owned())),
            ("filter==", with(|query| query.filter = "=".to_owned())),
            ("page=12", with(|query| query.page = Some(12))),
            ("format=json&archive=tar", with(|query| query.format = Some(ListingFormat::Json))),
            ("format=html", with(|query| query.format = Some(ListingFormat::Html))),
            ("format=plain", with(|query| query.format = Some(ListingFormat::Plain))),
        ] {
            assert_eq!(ListingQuery::parse(raw.as_bytes()), query, "{raw}");
        }
    }

    #[test]
    fn listing_options_html_paged_json_and_plain_whole() {
        let page = |query: &ListingQuery, format| query.listing_options(format).page.map(|page| page.number);
        let (none, second) = (ListingQuery::default(), with(|query| query.page = Some(2)));
        assert_eq!(
            (page(&none, ListingFormat::Html), page(&second, ListingFormat::Html)),
            (Some(1), Some(2))
        );
        assert_eq!((page(&none, ListingFormat::Json), page(&second, ListingFormat::Json)), (None, Some(2)));
        assert_eq!((page(&none, ListingFormat::Plain), page(&second, ListingFormat::Plain)), (None, Some(2)));
    }

    #[test]
    fn query_long_filter_cut_to_256_characters() {
        for raw in [&b"a"[..], b"\xff", b"%ff", b"%e2%82%ac"] {
            let query = ListingQuery::parse(&[b"filter=", &raw.repeat(8000 / raw.len())[..]].concat());
            assert_eq!(query.filter.chars().count(), 256, "longer than any name");
            assert!(query.link().len() < 2500, "{} bytes", query.link().len());
        }
    }

    #[test]
    fn link_omits_default_values() {
        assert_eq!(ListingQuery::default().link(), "./");
        let query = with(|query| {
            query.order = SortOrder { key: SortKey::Time, descending: true };
            query.filter = "a b\"<".to_owned();
            query.page = Some(3);
        });
        assert_eq!(query.link(), "?sort=time&amp;order=desc&amp;filter=a+b%22%3C&amp;page=3");
    }

    #[test]
    fn query_values_decoded_and_encoded_as_forms() {
        for (raw, value) in [
            ("", ""),
            ("a+b", "a b"),
            ("a%20b%2B", "a b+"),
            ("%C3%A9%c3%a9", "\u{e9}\u{e9}"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%+1", "% 1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decode_value(raw.as_bytes()), value, "{raw}");
        }
        assert_eq!(encode_value("aZ09-._* +%&=\u{e9}~"), "aZ09-._*+%2B%25%26%3D%C3%A9%7E");
    }

    proptest! {
        #[test]
        fn query_link_round_trips(
            key in proptest::sample::select(vec![SortKey::Name, SortKey::Size, SortKey::Time]),
            descending in any::<bool>(),
            filter in "\\PC{0,8}",
            page in proptest::option::of(1..usize::MAX),
            format in proptest::option::of(proptest::sample::select(ListingFormat::ALL.to_vec())),
        ) {
            let query = ListingQuery { order: SortOrder { key, descending }, filter, page, format };
            let link = query.link().replace("&amp;", "&");
            let raw = link.strip_prefix('?').unwrap_or_default();
            prop_assert_eq!(ListingQuery::parse(raw.as_bytes()), query);
        }

        #[test]
        fn query_parse_any_bytes_never_panics(raw in proptest::collection::vec(any::<u8>(), 0..40)) {
            ListingQuery::parse(&raw);
        }
    }
}

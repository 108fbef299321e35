//! Entity-tags (RFC 9110 section 8.8.3).
//!
//! A tag may contain commas, so lists cannot be split before parsing.

use crate::http::syntax::trim_ows;

/// Entity-tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntityTag<'a> {
    /// `W/`: equivalent content, perhaps other bytes.
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Parses a single tag.
    pub fn parse(text: &'a [u8]) -> Option<EntityTag<'a>> {
        EntityTag::parse_prefix(text).filter(|(_, rest)| rest.is_empty()).map(|(tag, _)| tag)
    }

    fn parse_prefix(text: &'a [u8]) -> Option<(EntityTag<'a>, &'a [u8])> {
        let is_weak = text.starts_with(b"W/");
        let text = text.strip_prefix(b"W/").unwrap_or(text);
        let inside = text.strip_prefix(b"\"")?;
        let len = inside.iter().position(|&byte| !is_etagc(byte))?;
        let (opaque, rest) = text.split_at_checked(len + "\"\"".len())?;
        opaque.ends_with(b"\"").then_some((EntityTag { is_weak, opaque }, rest))
    }

    /// Strong comparison (section 8.8.3.2): equal bytes.
    pub fn strong_eq(self, other: EntityTag<'_>) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    /// Weak comparison.
    pub fn weak_eq(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether a tag is `wanted`; `None` if unreadable or without tags.
///
/// Elements may be empty (section 5.6.1.2).
pub(super) fn any_tag_matches(list: &[u8], wanted: impl Fn(EntityTag<'_>) -> bool) -> Option<bool> {
    let (mut rest, mut tags, mut is_found) = (trim_ows(list), 0, false);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = trim_ows(behind);
            continue;
        }
        let (tag, behind) = EntityTag::parse_prefix(rest)?;
        rest = trim_ows(behind);
        if !(rest.is_empty() || rest.starts_with(b",")) {
            return None;
        }
        tags += 1;
        is_found |= wanted(tag);
    }
    (tags > 0).then_some(is_found)
}

fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn entity_tag_is_quoted_and_may_be_weak() {
        for (text, expected) in [
            ("\"a\"", Some((false, "\"a\""))),
            ("\"\"", Some((false, "\"\""))),
            ("W/\"a\"", Some((true, "\"a\""))),
            ("\"a,b\"", Some((false, "\"a,b\""))),
            ("\"\u{e9}\\!#~\"", Some((false, "\"\u{e9}\\!#~\""))),
            ("", None),
            ("a", None),
            ("*", None),
            ("\"", None),
            ("\"a", None),
            ("a\"", None),
            ("\"a b\"", None),
            ("\"a\tb\"", None),
            ("\"a\"b\"", None),
            ("\"a\" ", None),
            ("w/\"a\"", None),
            ("W/ \"a\"", None),
            ("W/a", None),
            ("'a'", None),
        ] {
            let seen = EntityTag::parse(text.as_bytes());
            let expected = expected.map(|(is_weak, opaque)| EntityTag { is_weak, opaque: opaque.as_bytes() });
            assert_eq!(seen, expected, "{text}");
        }
    }

    #[test]
    fn strong_eq_and_weak_eq_match_rfc_table() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"1\"", "\"2\"", false, false),
            ("\"a\"", "\"A\"", false, false),
        ] {
            let tag = |text: &'static str| EntityTag::parse(text.as_bytes()).expect("a tag");
            for (one, other) in [(tag(one), tag(other)), (tag(other), tag(one))] {
                assert_eq!((one.strong_eq(other), one.weak_eq(other)), (strong, weak), "{one:?}");
            }
        }
    }

    #[test]
    fn tag_list_with_malformed_element_is_none() {
        let wanted = EntityTag::parse(b"\"x\"").expect("a tag");
        for (list, expected) in [
            ("\"x\"", Some(true)),
            ("\"a\",\"x\"", Some(true)),
            ("\"a\" \t, W/\"x\" , \"b\"", Some(true)),
            (" , ,, \"x\" ,", Some(true)),
            ("\"a\", \"b\"", Some(false)),
            ("\"a,\", \",x\"", Some(false)),
            ("", None),
            (",", None),
            ("*", None),
            ("\"x\", *", None),
            ("\"x\" \"a\"", None),
            ("\"x\"\"a\"", None),
            ("\"x\"; q=1", None),
            ("\"x\", a", None),
            ("\"x\", \"a", None),
            ("x", None),
        ] {
            let seen = any_tag_matches(list.as_bytes(), |tag| tag.weak_eq(wanted));
            assert_eq!(seen, expected, "{list}");
        }
    }

    proptest! {
        #[test]
        fn tag_list_any_bytes_no_panic_valid_list_fully_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            tags in proptest::collection::vec("(W/)?\"[!#-~]{0,8}\"", 1..8),
            comma in "[ \t]{0,2},[ \t,]{0,3}",
        ) {
            any_tag_matches(&bytes, |_| false);
            let count = std::cell::Cell::new(0);
            let list = tags.join(&comma);
            prop_assert_eq!(any_tag_matches(list.as_bytes(), |_| { count.set(count.get() + 1); false }), Some(false));
            prop_assert_eq!(count.get(), tags.len());
        }
    }
}

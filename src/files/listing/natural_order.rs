//! Natural order of names, and a name filter.
//!
//! Letters compare case-insensitively, digit runs as numbers, others by code point; ties by bytes, so no names are
//! equal. Language-independent: `é` follows `z`.

use std::cmp::Ordering;
use std::str;

/// Letter or digit run, compared by fields in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NameToken<'a> {
    /// `0` for digits.
    letter: u32,
    /// Without leading zeros: the longer number is greater.
    digits_len: usize,
    digits: &'a [u8],
}

/// Sorts non-UTF-8 bytes after all letters.
const NO_LETTER: u32 = char::MAX as u32 + 1;

struct NameTokens<'a>(&'a [u8]);

impl<'a> Iterator for NameTokens<'a> {
    type Item = NameToken<'a>;

    fn next(&mut self) -> Option<NameToken<'a>> {
        let &first = self.0.first()?;
        if first.is_ascii_digit() {
            let len = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (mut digits, rest) = self.0.split_at(len);
            while let [b'0', tail @ ..] = digits {
                digits = tail;
            }
            self.0 = rest;
            return Some(NameToken { letter: u32::from(b'0'), digits_len: digits.len(), digits });
        }
        let (letter, len) = match first {
            0..0x80 => (first.to_ascii_lowercase().into(), 1),
            _ => first_letter(self.0).unwrap_or((NO_LETTER + u32::from(first), 1)),
        };
        self.0 = self.0.get(len..).unwrap_or_default();
        Some(NameToken { letter, digits_len: 0, digits: &[] })
    }
}

fn first_letter(bytes: &[u8]) -> Option<(u32, usize)> {
    (2..=4).find_map(|len| {
        let letter = str::from_utf8(bytes.get(..len)?).ok()?.chars().next()?;
        Some((fold(letter).into(), len))
    })
}

fn fold(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

pub(super) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let same = common_tokens_len(left, right);
    tokens_from(left, same).cmp(tokens_from(right, same)).then_with(|| left.cmp(right))
}

fn tokens_from(name: &[u8], start: usize) -> NameTokens<'_> {
    NameTokens(name.get(start..).unwrap_or_default())
}

/// Names in one directory often share long prefixes.
fn common_tokens_len(left: &[u8], right: &[u8]) -> usize {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let ends_token = |byte: &u8| byte.is_ascii() && !byte.is_ascii_digit();
    left.iter().take(same).rposition(ends_token).map_or(0, |last| last + 1)
}

/// Case-insensitive substring filter.
#[derive(Clone, Debug)]
pub struct NameFilter {
    folded: String,
    /// Kept to reuse its allocation.
    name: String,
}

impl NameFilter {
    /// `None` if `text` is empty.
    pub fn new(text: &str) -> Option<NameFilter> {
        let folded: String = text.chars().map(fold).collect();
        (!folded.is_empty()).then(|| NameFilter { folded, name: String::new() })
    }

    pub(super) fn matches(&mut self, name: &[u8]) -> bool {
        self.name.clear();
        self.name.extend(String::from_utf8_lossy(name).chars().map(fold));
        self.name.contains(&self.folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn compare_gives_natural_order() {
        let sorted = b" |!|-1|-a|0|00|000|01|1|1a|02|2|10|99999999999999999999999999999998\
            |99999999999999999999999999999999|100000000000000000000000000000000|@|A|a|a b|a.txt|a1.txt\
            |a1b2|a1b10|a01b11|A2|a10|AB|ab|abc|B|file2.txt|File10.txt|file10.txt|z\
            |\xc3\xa9|\xc3\xa92|\xc3\x8910|\xc3\x89a|\xe4\xb8\xad|\xc3|\xc3a|\xff";
        let sorted: Vec<&[u8]> = sorted.split(|&byte| byte == b'|').collect();
        let mut names = sorted.clone();
        names.reverse();
        names.sort_unstable_by(|left, right| compare(left, right));
        let shown = |names: &[&[u8]]| -> Vec<String> {
            names.iter().map(|name| name.escape_ascii().to_string()).collect()
        };
        assert_eq!(shown(&names), shown(&sorted));
    }

    #[test]
    fn filter_matches_substring_ignoring_case() {
        for (text, name, passes) in [
            ("a", "a", true),
            ("A", "cat", true),
            ("cat", "a CAT.txt", true),
            ("cats", "cat", false),
            ("\u{e9}t", "\u{c9}t\u{e9}", true),
            (".txt", "a.txt", true),
            (" ", "ab", false),
            ("*", "ab", false),
        ] {
            let mut filter = NameFilter::new(text).expect(text);
            assert_eq!(filter.matches(name.as_bytes()), passes, "{text} in {name}");
        }
        assert!(NameFilter::new("").is_none());
        let mut filter = NameFilter::new("b").expect("a filter");
        assert!(filter.matches(b"\xff\xfeb") && !filter.matches(b"\xff"));
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let parts = ["0", "00", "1", "9", "10", "a", "A", "b", ".", "\u{e9}", "\u{c9}", "\u{4e2d}"];
        let parts = parts.map(|part| part.as_bytes().to_vec()).to_vec();
        let part = prop_oneof![proptest::sample::select(parts), any::<u8>().prop_map(|byte| vec![byte])];
        proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn compare_is_a_total_order(a in name(), b in name(), c in name()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                prop_assert_ne!(compare(&a, &c), Ordering::Greater);
            }
        }

        #[test]
        fn compare_ignores_common_prefix(a in name(), b in name(), same in name()) {
            let (a, b) = ([&same[..], &a].concat(), [&same[..], &b].concat());
            let whole = NameTokens(&a).cmp(NameTokens(&b)).then_with(|| a.cmp(&b));
            prop_assert_eq!(compare(&a, &b), whole);
        }
    }
}

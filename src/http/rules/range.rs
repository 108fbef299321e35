//! Range requests (RFC 9110 section 14).
//!
//! Many, tiny or overlapping ranges never cost more than the complete representation.

use crate::http::syntax::{after_prefix, elements, parse_decimal};

/// Most parts in a response; file readers need no more.
pub const PARTS_MAX: usize = 32;
/// Longest merged gap in bytes: the head of another part would be longer (section 15.3.7.2).
pub const GAP_LEN_MAX: u64 = 80;

/// Inclusive byte range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByteRange {
    /// First position.
    pub first: u64,
    /// Last position.
    pub last: u64,
}

/// Selection by a Range field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RangeSelection {
    /// Everything: unreadable field, too many ranges, or empty representation.
    Whole,
    /// One range.
    One(ByteRange),
    /// Several ranges in request order, with gaps.
    Several(Vec<ByteRange>),
    /// 416: no requested byte exists.
    Unsatisfiable,
}

/// Selects from a representation of `len` bytes.
///
/// Other units and unreadable values are ignored (section 14.2).
pub fn select_ranges(value: &[u8], len: u64) -> RangeSelection {
    match satisfiable_ranges(value, len).map(coalesce) {
        Some(parts) if parts.is_empty() => RangeSelection::Unsatisfiable,
        // Content-Range cannot express an empty part, see `resolve_spec`.
        Some(parts) if len > 0 && parts.len() <= PARTS_MAX => match *parts {
            [part] => RangeSelection::One(part),
            _ => RangeSelection::Several(parts),
        },
        _ => RangeSelection::Whole,
    }
}

/// Satisfiable ranges in field order, `None` if unreadable; a head has some thousands at most.
fn satisfiable_ranges(value: &[u8], len: u64) -> Option<Vec<ByteRange>> {
    let set = after_prefix(value, "bytes=")?;
    let (mut ranges, mut specs) = (Vec::new(), 0);
    for element in elements(set).filter(|element| !element.is_empty()) {
        ranges.extend(resolve_spec(element, len)?);
        specs += 1;
    }
    (specs > 0).then_some(ranges)
}

/// Range of an element: outer `None` if unreadable, inner if unsatisfiable (section 14.1.2).
///
/// A suffix above 0 is satisfiable, and so is `0-`; of an empty representation, they give byte 0.
fn resolve_spec(element: &[u8], len: u64) -> Option<Option<ByteRange>> {
    let dash = element.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (element.get(..dash)?, element.get(dash + 1..)?);
    let end = len.saturating_sub(1);
    if first.is_empty() {
        let suffix_len = parse_position(last)?;
        return Some(
            (suffix_len > 0).then(|| ByteRange { first: len.saturating_sub(suffix_len), last: end }),
        );
    }
    let first = parse_position(first)?;
    let last = if last.is_empty() { u64::MAX } else { parse_position(last)? };
    let is_satisfiable = first < len || (first, last) == (0, u64::MAX);
    (first <= last).then(|| is_satisfiable.then(|| ByteRange { first, last: last.min(end) }))
}

/// Overflow is beyond every end.
fn parse_position(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| parse_decimal(digits).unwrap_or(u64::MAX))
}

/// Merges ranges with small or no gaps; a merged range has the position of its first part.
fn coalesce(ranges: Vec<ByteRange>) -> Vec<ByteRange> {
    let mut indexed: Vec<(usize, ByteRange)> = ranges.into_iter().enumerate().collect();
    indexed.sort_unstable_by_key(|(_, range)| *range);
    indexed.dedup_by(|(index, range), (merged_index, merged)| {
        let joins = range.first <= merged.last.saturating_add(GAP_LEN_MAX).saturating_add(1);
        if joins {
            merged.last = merged.last.max(range.last);
            *merged_index = (*merged_index).min(*index);
        }
        joins
    });
    indexed.sort_unstable_by_key(|(index, _)| *index);
    indexed.into_iter().map(|(_, range)| range).collect()
}

impl ByteRange {
    /// Length in bytes, at least 1.
    pub fn content_len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const KIB: u64 = 1024;

    fn range(first: u64, last: u64) -> ByteRange {
        ByteRange { first, last }
    }

    /// Selection of these ranges; everything if there are none.
    fn parts(ranges: &[(u64, u64)]) -> RangeSelection {
        match ranges {
            [] => RangeSelection::Whole,
            [(first, last)] => RangeSelection::One(range(*first, *last)),
            _ => RangeSelection::Several(ranges.iter().map(|(first, last)| range(*first, *last)).collect()),
        }
    }

    #[test]
    fn range_forms_are_clamped_to_length() {
        let beyond = "99999999999999999999";
        for (set, expected) in [
            ("0-0", Some((0, 0))),
            ("0-499", Some((0, 499))),
            ("500-999", Some((500, 999))),
            ("500-", Some((500, 1023))),
            ("0-", Some((0, 1023))),
            ("1023-", Some((1023, 1023))),
            ("1000-9999", Some((1000, 1023))),
            ("-1", Some((1023, 1023))),
            ("-24", Some((1000, 1023))),
            ("-1024", Some((0, 1023))),
            ("-5000", Some((0, 1023))),
            ("007-0008", Some((7, 8))),
            (&format!("5-{beyond}"), Some((5, 1023))),
            (&format!("-{beyond}"), Some((0, 1023))),
            ("18446744073709551615-", None),
            (&format!("{beyond}-"), None),
            (&format!("{beyond}-{beyond}"), None),
            ("1024-", None),
            ("1024-2000", None),
            ("-0", None),
            ("-0, 2000-", None),
        ] {
            let expected = expected.map_or(RangeSelection::Unsatisfiable, |range| parts(&[range]));
            assert_eq!(select_ranges(format!("bytes={set}").as_bytes(), KIB), expected, "{set}");
        }
    }

    #[test]
    fn malformed_range_selects_whole() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= , ,",
            "bytes=-",
            "bytes=a-b",
            "bytes=0",
            "bytes=0-1-2",
            "bytes=--1",
            "bytes=1-0",
            "bytes=0-1,5-4",
            "bytes=0-1,x",
            "bytes=0-1;2-3",
            "bytes=+0-1",
            "bytes=0x0-1",
            "bytes=0 -1",
            "bytes=0- 1",
            "bytes =0-1",
            " bytes=0-1",
            "bytes:0-1",
            "byte=0-1",
            "items=0-1",
            "bytes 0-1/1024",
        ] {
            assert_eq!(select_ranges(value.as_bytes(), KIB), RangeSelection::Whole, "{value}");
        }
    }

    #[test]
    fn range_unit_case_spaces_and_empty_elements_accepted() {
        for value in
            ["bytes=1-2", "Bytes=1-2", "BYTES=1-2", "bytes=,1-2", "bytes= 1-2\t, ,", "bytes=1-2,9999-"]
        {
            assert_eq!(select_ranges(value.as_bytes(), KIB), parts(&[(1, 2)]), "{value}");
        }
    }

    #[test]
    fn ranges_of_empty_file_suffix_and_zero_on_are_whole() {
        for (set, expected) in [
            ("0-", RangeSelection::Whole),
            ("1-", RangeSelection::Unsatisfiable),
            ("0-0", RangeSelection::Unsatisfiable),
            ("-0", RangeSelection::Unsatisfiable),
            // Satisfiable: selects everything.
            ("-1", RangeSelection::Whole),
            ("0-0,-5", RangeSelection::Whole),
            ("-1,-2", RangeSelection::Whole),
        ] {
            assert_eq!(select_ranges(format!("bytes={set}").as_bytes(), 0), expected, "{set}");
        }
    }

    #[test]
    fn near_ranges_coalesce_others_keep_order() {
        for (set, expected) in [
            ("0-9,500-509", &[(0, 9), (500, 509)][..]),
            ("500-509,0-9", &[(500, 509), (0, 9)]),
            ("-10,0-9,500-509", &[(1014, 1023), (0, 9), (500, 509)]),
            ("0-9,5-14", &[(0, 14)]),
            ("5-14,0-9", &[(0, 14)]),
            ("0-9,10-19", &[(0, 19)]),
            ("0-9,90-99", &[(0, 99)]),
            ("0-9,91-99", &[(0, 9), (91, 99)]),
            ("0-1023,5-6", &[(0, 1023)]),
            ("5-6,5-6,5-6", &[(5, 6)]),
            ("600-,0-9,-500", &[(524, 1023), (0, 9)]),
            ("500-509,0-9,505-600", &[(500, 600), (0, 9)]),
        ] {
            assert_eq!(select_ranges(format!("bytes={set}").as_bytes(), KIB), parts(expected), "{set}");
        }
    }

    #[test]
    fn more_than_32_ranges_select_whole() {
        let set = |count: u64| {
            let specs: Vec<String> = (0..count).map(|at| format!("{}-{}", at * 1000, at * 1000)).collect();
            format!("bytes={}", specs.join(","))
        };
        let seen = select_ranges(set(32).as_bytes(), 1_000_000);
        assert!(matches!(&seen, RangeSelection::Several(parts) if parts.len() == 32), "{seen:?}");
        assert_eq!(select_ranges(set(33).as_bytes(), 1_000_000), RangeSelection::Whole);
        // The limit is on merged ranges.
        let overlapping = "bytes=".to_owned() + &"0-9,".repeat(3000);
        assert_eq!(select_ranges(overlapping.as_bytes(), KIB), parts(&[(0, 9)]));
    }

    /// Selected bytes as marks; `None` for the complete representation.
    fn selected_bytes(selection: &RangeSelection, len: usize) -> Option<Vec<bool>> {
        let ranges = match selection {
            RangeSelection::Whole => return None,
            RangeSelection::One(range) => vec![*range],
            RangeSelection::Several(ranges) => ranges.clone(),
            RangeSelection::Unsatisfiable => Vec::new(),
        };
        let mut marks = vec![false; len];
        for range in ranges {
            for mark in &mut marks[range.first as usize..=range.last as usize] {
                assert!(!*mark, "no byte comes twice");
                *mark = true;
            }
        }
        Some(marks)
    }

    /// Range as text, and its bytes according to the RFC.
    fn requested_range(kind: u8, a: usize, b: usize, len: usize) -> (String, std::ops::Range<usize>) {
        let (first, last) = (a.min(b), a.max(b));
        match kind {
            0 => (format!("{first}-{last}"), first.min(len)..(last + 1).min(len)),
            1 => (format!("{first}-"), first.min(len)..len),
            _ => (format!("-{first}"), len - first.min(len)..len),
        }
    }

    proptest! {
        #[test]
        fn range_any_bytes_give_valid_parts(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            set in "[0-9,\\- ]{0,60}",
            len in any::<u64>(),
        ) {
            for value in [bytes, format!("bytes={set}").into_bytes()] {
                if let RangeSelection::Several(parts) = select_ranges(&value, len) {
                    prop_assert!((2..=PARTS_MAX).contains(&parts.len()));
                    prop_assert!(parts.iter().all(|part| part.first <= part.last && part.last < len));
                }
            }
        }

        #[test]
        fn selected_parts_cover_requested_bytes_and_small_gaps(
            specs in proptest::collection::vec((0..3u8, 0..3000usize, 0..3000usize), 1..12),
            len in 1..2500usize,
        ) {
            let specs: Vec<_> = specs.into_iter().map(|(kind, a, b)| requested_range(kind, a, b, len)).collect();
            let mut requested = vec![false; len];
            for (_, range) in &specs {
                requested[range.clone()].fill(true);
            }
            let set: Vec<&str> = specs.iter().map(|(text, _)| text.as_str()).collect();
            let selection = select_ranges(format!("bytes={}", set.join(",")).as_bytes(), len as u64);
            let selected = selected_bytes(&selection, len).expect("twelve are not too many");
            let gaps = |marks: &[bool]| -> Vec<bool> { marks.iter().map(|mark| !mark).collect() };
            // Every requested byte is selected; other selected bytes are in short gaps between them.
            prop_assert!(requested.iter().zip(&selected).all(|(requested, selected)| *selected || !*requested));
            let mut at = 0;
            for run in gaps(&requested).chunk_by(|one, other| one == other) {
                let is_bridged = run[0] && selected[at];
                prop_assert!(selected[at..at + run.len()].iter().all(|mark| *mark == selected[at]));
                if is_bridged {
                    prop_assert!(run.len() as u64 <= GAP_LEN_MAX && at > 0 && at + run.len() < len);
                }
                at += run.len();
            }
            prop_assert_eq!(selection == RangeSelection::Unsatisfiable, !requested.contains(&true));
        }
    }
}

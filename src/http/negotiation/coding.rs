//! Which content codings a client accepts (RFC 9110 section 12.5.3).
//!
//! It owns the reading of Accept-Encoding and the order of what is acceptable. It never forces a
//! coding on anybody: content as it is (`identity`) can always be sent, and a client that says
//! nothing gets that. It knows no file, keeps no bytes and never allocates.

use super::weight::{Weight, parse_weight};
use crate::http::syntax::{elements, trim_ows};

/// A content coding that files are found in or can be put into (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentCoding {
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
    /// `gzip` (RFC 1952), which may also be asked for as `x-gzip`.
    Gzip,
}

impl ContentCoding {
    /// All of them, the one that commonly gives the fewest bytes first: our order, where the client
    /// has none.
    const ALL: [ContentCoding; 3] = [ContentCoding::Brotli, ContentCoding::Zstd, ContentCoding::Gzip];

    /// Its name in Content-Encoding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// The codings that a client accepts, the one it likes best first; where it likes two the same, `br`
/// comes before `zstd` and that before `gzip`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AcceptedCodings {
    /// Those that are there come first.
    ranked: [Option<ContentCoding>; ContentCoding::ALL.len()],
}

impl AcceptedCodings {
    /// None but the content as it is.
    pub fn is_empty(&self) -> bool {
        self.ranked[0].is_none()
    }

    /// The codings, the best first.
    pub fn iter(&self) -> impl Iterator<Item = ContentCoding> {
        self.ranked.into_iter().flatten()
    }
}

/// What the Accept-Encoding fields of one request give each coding. Several fields are one list.
///
/// An element that cannot be read says nothing; of a coding that is named twice, the lesser weight
/// counts, so that what was forbidden once stays forbidden.
#[derive(Clone, Copy, Default, Debug)]
pub(in crate::http) struct CodingWeights {
    named: [Option<Weight>; ContentCoding::ALL.len()],
    any: Option<Weight>,
    identity: Option<Weight>,
}

impl CodingWeights {
    /// Takes in one field.
    pub(in crate::http) fn note(&mut self, value: &[u8]) {
        for element in elements(value) {
            let (name, weight) = match element.iter().position(|&byte| byte == b';') {
                Some(at) => element.split_at(at),
                None => (element, &b""[..]),
            };
            if let (Some(place), Some(weight)) = (self.place(trim_ows(name)), weight_in(weight)) {
                *place = Some(place.map_or(weight, |other| other.min(weight)));
            }
        }
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<Weight>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let [brotli, zstd, gzip] = &mut self.named;
        Some(match name.len() {
            1 if is("*") => &mut self.any,
            2 if is("br") => brotli,
            4 if is("gzip") => gzip,
            4 if is("zstd") => zstd,
            6 if is("x-gzip") => gzip,
            8 if is("identity") => &mut self.identity,
            _ => return None,
        })
    }

    /// Those that are accepted and weigh no less than the content as it is, if that is weighed at all.
    pub(in crate::http) fn accepted(&self) -> AcceptedCodings {
        // Who asks for nothing of the kind gets nothing of the kind.
        if self.any.is_none() && self.named.iter().all(Option::is_none) {
            return AcceptedCodings::default();
        }
        let least = self.identity.unwrap_or(0).max(1);
        let mut ranked = [None; ContentCoding::ALL.len()];
        for (coding, named) in ContentCoding::ALL.into_iter().zip(self.named) {
            let weight = named.or(self.any).unwrap_or(0);
            if weight >= least {
                insert(&mut ranked, (weight, coding));
            }
        }
        AcceptedCodings { ranked: ranked.map(|place| place.map(|(_, coding)| coding)) }
    }
}

/// Puts `new` behind all that weigh no less; the others keep their order.
fn insert(ranked: &mut [Option<(Weight, ContentCoding)>], new: (Weight, ContentCoding)) {
    let at = ranked.iter().position(|place| place.is_none_or(|held| held.0 < new.0));
    if let Some(rest) = at.and_then(|at| ranked.get_mut(at..)) {
        // There is a place for each, so the last of these is free.
        rest.rotate_right(1);
        if let Some(place) = rest.first_mut() {
            *place = Some(new);
        }
    }
}

/// The weight in what follows a name: nothing, or `OWS ";" OWS "q=" qvalue`.
fn weight_in(parameter: &[u8]) -> Option<Weight> {
    match parameter {
        [] => Some(1000),
        [_semicolon, rest @ ..] => match trim_ows(rest) {
            [b'q' | b'Q', b'=', weight @ ..] => parse_weight(weight),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepted(values: &[&[u8]]) -> AcceptedCodings {
        let mut weights = CodingWeights::default();
        values.iter().for_each(|value| weights.note(value));
        weights.accepted()
    }

    fn names(values: &[&str]) -> String {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        let accepted = accepted(&values);
        assert_eq!(accepted.is_empty(), accepted.iter().count() == 0);
        accepted.iter().map(ContentCoding::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_clients_weight_decides_and_then_our_order() {
        for (value, codings) in [
            // What browsers, curl and scripts send.
            ("gzip, deflate, br, zstd", "br zstd gzip"),
            ("gzip, deflate, br", "br gzip"),
            ("deflate, gzip, br, zstd", "br zstd gzip"),
            ("gzip, deflate", "gzip"),
            ("gzip", "gzip"),
            ("x-gzip", "gzip"),
            ("GZIP, X-GZip;q=1, BR", "br gzip"),
            ("identity", ""),
            ("", ""),
            ("deflate, compress", ""),
            ("*", "br zstd gzip"),
            // Weights.
            ("br;q=0.8, gzip", "gzip br"),
            ("br;q=0.1, zstd;q=0.2, gzip;q=0.3", "gzip zstd br"),
            ("zstd;q=0.5, gzip;q=0.5, br;q=0.4", "zstd gzip br"),
            ("gzip;q=0.001", "gzip"),
            ("gzip;Q=1.000, br;q=0.999", "gzip br"),
            ("br \t;\t q=0.2 , gzip ; q=0.3", "gzip br"),
            // What is forbidden, and what the asterisk covers.
            ("gzip;q=0", ""),
            ("gzip;q=0.000, br", "br"),
            ("*;q=0", ""),
            ("*;q=0, gzip", "gzip"),
            ("*, gzip;q=0", "br zstd"),
            ("*;q=0.5, gzip;q=0.1", "br zstd gzip"),
            ("br;q=0.4, *;q=0.5", "zstd gzip br"),
            ("gzip, *;q=0.5", "gzip br zstd"),
            ("zstd, gzip;q=0.5, br;q=0.5", "zstd br gzip"),
            // Against the content as it is, where that is weighed.
            ("identity, gzip;q=0.5", ""),
            ("identity;q=0.5, gzip;q=0.5", "gzip"),
            ("identity;q=0.6, gzip;q=0.5, br;q=0.7", "br"),
            ("identity;q=0, gzip", "gzip"),
            ("identity;q=0", ""),
            ("gzip;q=0.1, *;q=1, identity;q=0.2", "br zstd"),
            // Named twice.
            ("gzip, gzip;q=0", ""),
            ("gzip;q=0, gzip", ""),
            ("gzip, x-gzip;q=0.2, br;q=0.3", "br gzip"),
        ] {
            assert_eq!(names(&[value]), codings, "{value}");
        }
    }

    #[test]
    fn elements_that_cannot_be_read_are_skipped() {
        for value in [
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.1234",
            "gzip;q=.5",
            "gzip;q=x",
            "gzip;x=1",
            "gzip;q=1;x=1",
            "gzip;",
            "gzip q=1",
            "gzip; q = 1",
            "gzipx",
            "xgzip",
            "gz ip",
            ";q=1",
            "gzip;q=-1",
            "\"gzip\"",
            "gzip/1",
        ] {
            assert_eq!(names(&[value]), "", "{value}");
            assert_eq!(names(&[&format!(",, {value} ,br;q=0.5,,")]), "br", "{value}");
        }
    }

    #[test]
    fn what_weighs_the_same_keeps_our_order_whatever_comes_before_it() {
        let weights = [1, 2, 3].map(|tenths| (tenths, format!("0.{tenths}")));
        for (br, br_text) in &weights {
            for (zstd, zstd_text) in &weights {
                for (gzip, gzip_text) in &weights {
                    let mut expected = [(br, "br"), (zstd, "zstd"), (gzip, "gzip")];
                    expected.sort_by_key(|(weight, _)| std::cmp::Reverse(**weight));
                    let value = format!("br;q={br_text}, zstd;q={zstd_text}, gzip;q={gzip_text}");
                    assert_eq!(names(&[&value]), expected.map(|(_, name)| name).join(" "), "{value}");
                }
            }
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(names(&["gzip", "br;q=0.5"]), "gzip br");
        assert_eq!(names(&["gzip", "*;q=0"]), "gzip");
        assert_eq!(names(&["identity;q=0.9", "gzip;q=0.5, br"]), "br");
        assert_eq!(names(&["gzip", "", "gzip;q=0"]), "");
        assert_eq!(names(&[]), "");
    }

    /// Elements that are nearly right, and some that are.
    const PIECES: [&str; 22] = [
        "gzip", "x-gzip", "br", "zstd", "identity", "*", ";q=0", ";q=0.5", ";q=0.25", ";q=1", ";q=0.000",
        ";q=", ";", ",", ",", ",", " ", "\t", "deflate", "=", "q", "\u{e9}",
    ];

    /// The weights that `value` gives to `name`, by a reading of its own.
    fn given(value: &str, name: &str) -> Vec<f32> {
        let weight = |element: &str| -> Option<f32> {
            let mut parts =
                element.trim_matches([' ', '\t']).splitn(2, ';').map(|part| part.trim_matches([' ', '\t']));
            let named = parts.next()?.to_ascii_lowercase();
            let named = if named == "x-gzip" { "gzip" } else { &named };
            match parts.next() {
                _ if named != name => None,
                None => Some(1.0),
                Some(parameter) => parameter.strip_prefix("q=")?.parse().ok(),
            }
        };
        value.split(',').filter_map(weight).collect()
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4)) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            prop_assert!(accepted(&values).iter().count() <= 3);
        }

        #[test]
        fn nothing_is_accepted_that_was_not_allowed_and_the_order_is_the_clients(
            value in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..14)
        ) {
            let value = value.concat();
            let least = |weights: Vec<f32>| weights.into_iter().reduce(f32::min);
            let weight = |coding: ContentCoding| {
                least(given(&value, coding.as_str())).or_else(|| least(given(&value, "*"))).unwrap_or(0.0)
            };
            let identity = least(given(&value, "identity")).unwrap_or(0.0);
            let found: Vec<ContentCoding> = accepted(&[value.as_bytes()]).iter().collect();
            for coding in ContentCoding::ALL {
                let expected = weight(coding) > 0.0 && weight(coding) >= identity;
                prop_assert_eq!(found.contains(&coding), expected, "{} in {:?}", coding.as_str(), value);
            }
            let rank = |coding: &ContentCoding| ContentCoding::ALL.iter().position(|other| other == coding);
            for pair in found.windows(2) {
                let (first, second) = (weight(pair[0]), weight(pair[1]));
                prop_assert!(first > second || (first == second && rank(&pair[0]) < rank(&pair[1])), "{:?}", value);
            }
        }
    }
}

//! Tests of negotiation: fields of real clients, malformed fields, arbitrary bytes.
//!
//! The properties hold for any bytes.

use super::*;
use proptest::prelude::*;

fn accepted(values: &[&[u8]]) -> AcceptedCodings {
    let mut weights = CodingWeights::default();
    values.iter().for_each(|value| weights.add_field(value));
    weights.accepted()
}

fn names(values: &[&str]) -> String {
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let accepted = accepted(&values);
    assert_eq!(accepted.is_empty(), accepted.iter().count() == 0);
    accepted.iter().map(ContentCoding::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn codings_rank_by_weight_then_server_order() {
    for (value, codings) in [
        // Fields of browsers, curl and scripts.
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
        // Forbidden codings, and codings that `*` covers.
        ("gzip;q=0", ""),
        ("gzip;q=0.000, br", "br"),
        ("*;q=0", ""),
        ("*;q=0, gzip", "gzip"),
        ("*, gzip;q=0", "br zstd"),
        ("*;q=0.5, gzip;q=0.1", "br zstd gzip"),
        ("br;q=0.4, *;q=0.5", "zstd gzip br"),
        ("gzip, *;q=0.5", "gzip br zstd"),
        ("zstd, gzip;q=0.5, br;q=0.5", "zstd br gzip"),
        // Compared with the weight of `identity`.
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0.6, gzip;q=0.5, br;q=0.7", "br"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0", ""),
        ("gzip;q=0.1, *;q=1, identity;q=0.2", "br zstd"),
        // Repeated codings.
        ("gzip, gzip;q=0", ""),
        ("gzip;q=0, gzip", ""),
        ("gzip, x-gzip;q=0.2, br;q=0.3", "br gzip"),
    ] {
        assert_eq!(names(&[value]), codings, "{value}");
    }
}

#[test]
fn malformed_accept_encoding_elements_are_skipped() {
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
fn codings_of_equal_weight_keep_server_order() {
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
fn repeated_accept_encoding_fields_are_one_list() {
    assert_eq!(names(&["gzip", "br;q=0.5"]), "gzip br");
    assert_eq!(names(&["gzip", "*;q=0"]), "gzip");
    assert_eq!(names(&["identity;q=0.9", "gzip;q=0.5, br"]), "br");
    assert_eq!(names(&["gzip", "", "gzip;q=0"]), "");
    assert_eq!(names(&[]), "");
}

/// Fragments of valid and almost valid elements.
const PIECES: [&str; 22] = [
    "gzip", "x-gzip", "br", "zstd", "identity", "*", ";q=0", ";q=0.5", ";q=0.25", ";q=1", ";q=0.000", ";q=",
    ";", ",", ",", ",", " ", "\t", "deflate", "=", "q", "\u{e9}",
];

/// Weights that `value` gives to `name`, by an independent parser.
fn weights_given_to(value: &str, name: &str) -> Vec<f32> {
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
    fn accept_encoding_any_bytes_do_not_panic(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4)) {
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        prop_assert!(accepted(&values).iter().count() <= 3);
    }

    #[test]
    fn accepted_codings_match_independent_reading(
        value in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..14)
    ) {
        let value = value.concat();
        let least = |weights: Vec<f32>| weights.into_iter().reduce(f32::min);
        let weight = |coding: ContentCoding| {
            least(weights_given_to(&value, coding.as_str())).or_else(|| least(weights_given_to(&value, "*"))).unwrap_or(0.0)
        };
        let identity = least(weights_given_to(&value, "identity")).unwrap_or(0.0);
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

#[test]
fn listing_format_follows_accept() {
    use ListingFormat::{Html, Json, Plain};
    for (accept, format) in [
        ("", Html),
        ("*/*", Html),
        ("image/png", Html),
        ("text/plain", Plain),
        ("text/plain, */*;q=0.1", Plain),
        ("text/plain;q=0.1, */*", Html),
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
        ("application/json;q=0.1, */*;q=0.5", Html),
        ("application/json;q=0, */*", Html),
        ("application/json;q=0", Html),
        ("text/html;q=0", Plain),
        ("text/html;q=0, */*", Plain),
        ("text/html;q=0, text/*", Plain),
        ("text/plain;q=0, */*", Html),
        ("text/*;q=0.5, text/plain;q=0.1", Html),
        ("text/html;q=x, application/json;q=0.1", Json),
        ("text/html;level=1;q=0.2, application/json;q=0.1", Html),
        (",, application/json ,,", Json),
        ("application/jsonx, xtext/html", Html),
    ] {
        assert_eq!(listing_format(Some(accept.as_bytes())), format, "{accept}");
    }
    assert_eq!(listing_format(None), Html);
}

#[test]
fn accepts_page_unless_only_other_types_are_named() {
    for (accept, accepted) in [
        ("", true),
        ("*/*", true),
        ("*/*;q=0.8", true),
        ("text/html", true),
        ("text/*", true),
        ("application/xhtml+xml", true),
        ("text/html,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
        ("image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8", false),
        ("text/css,*/*;q=0.1", false),
        ("application/json", false),
        ("application/json, text/plain, */*", false),
        ("text/html;q=0", false),
        ("text/html;q=0, */*", false),
    ] {
        assert_eq!(accepts_page(Some(accept.as_bytes())), accepted, "{accept}");
    }
    assert!(accepts_page(None));
}

#[test]
fn error_format_is_html_or_json_only_if_accept_names_it() {
    use ListingFormat::{Html, Json, Plain as Text};
    for (accept, format) in [
        ("", Text),
        ("*/*", Text),
        ("text/plain", Text),
        ("application/json", Json),
        ("Application/Problem+JSON; charset=utf-8", Json),
        ("application/json, text/plain, */*", Json),
        ("text/html, application/problem+json", Json),
        ("application/json, text/javascript, */*;q=0.01", Json),
        ("application/json;q=0.5, application/problem+json;q=0.9, text/html;q=0.8", Json),
        ("application/json;q=0.5, text/html", Html),
        ("application/json;q=0.5, */*", Text),
        ("application/json;q=0", Text),
        ("application/*", Text),
        ("application/jsonx", Text),
        ("text/html", Html),
        ("TEXT/HTML", Html),
        ("text/*", Html),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Html),
        ("application/xhtml+xml", Html),
        ("text/html;level=1;q=0.5, */*;q=0.1", Html),
        ("text/html;q=0", Text),
        ("text/html;q=0.000, text/*", Text),
        ("text/html;q=0.5, text/plain;q=0.5", Html),
        ("text/html;q=0.5, text/plain;q=0.501", Text),
        ("text/html ; q=0.4 , text/plain ; q=0.3", Html),
        ("text/plain, text/html;Q=0.9", Text),
        ("text/html;q=0.5, */*;q=0.8", Text),
        ("text/*;q=0.5, text/plain", Text),
        ("text/html;q=2", Text),
        ("text/html;q=1.001", Text),
        ("text/html;q=0.1234", Text),
        ("text/html;q=.5", Text),
        ("text/html;q=", Text),
        ("text/html;q=x, text/html;q=0.1", Html),
        (",,text/html,,", Html),
        ("text/htmlx, xtext/html", Text),
    ] {
        assert_eq!(error_format(Some(accept.as_bytes())), format, "{accept}");
    }
    assert_eq!(error_format(None), Text);
}

#[test]
fn error_format_of_rejected_follows_first_accept_line() {
    use ListingFormat::{Html, Plain as Text};
    for (received, format) in [
        (&b""[..], Text),
        (b"GET / HTTP/2.0\r\n\r\n", Text),
        (b"GET / HTTP/2.0\r\nHost: h\r\nACCEPT:text/html\r\n\r\n", Html),
        (b"GET /\nAccept: text/html\n", Html),
        (b"GET / HTTP/2.0\r\nAccept: */*\r\nAccept: text/html\r\n", Text),
        (b"GET / HTTP/2.0\r\nAccept-Language: text/html\r\nX-Accept: text/html\r\n", Text),
        (b"\xff\0\nAccept", Text),
        (b"\r\n\r\nGET /\r\nAccept: text/html\r\n\r\n", Html),
        (b"GET /\r\n\r\nGET / HTTP/1.1\r\nAccept: text/html\r\n\r\n", Text),
        (b"GET /\n\nAccept: text/html\r\n\r\n", Text),
    ] {
        assert_eq!(error_format_of_rejected(received), format, "{}", received.escape_ascii());
    }
}

#[test]
fn parse_weight_gives_thousandths() {
    for (bytes, weight) in [
        (&b"1"[..], Some(1000)),
        (b"1.000", Some(1000)),
        (b"0", Some(0)),
        (b"0.", Some(0)),
        (b"0.5", Some(500)),
        (b"0.05", Some(50)),
        (b"0.005", Some(5)),
        (b"1.1", None),
        (b"0.0005", None),
        (b"0.5 ", None),
        (b"-0", None),
    ] {
        assert_eq!(parse_weight(&[b"q=", bytes].concat()), weight, "{}", bytes.escape_ascii());
    }
}

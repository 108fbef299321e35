//! Properties that `fuzz/` checks for minutes, here for seconds.
//!
//! They are the same functions. Inputs are pieces of real messages, in any order.

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../fuzz/src/lib.rs"]
#[expect(dead_code, unreachable_pub, reason = "a library for the fuzz targets, which use more of it")]
mod fuzz;

/// Cases of a parser, and of a whole connection.
const PARSER_CASES: u32 = 256;
const CONNECTION_CASES: u32 = 32;

/// Pieces that the grammar of a target is made of.
fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    // The first byte is a choice of some targets.
    (any::<u8>(), vec(piece, 0..16)).prop_map(|(choice, pieces)| [&[choice][..], &pieces.concat()].concat())
}

fn check(cases: u32, words: &'static [&'static str], property: fn(&[u8])) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let ran = proptest::test_runner::TestRunner::new(config).run(&pieces(words), |input| {
        property(&input);
        // Targets without a choice begin with a piece.
        property(input.get(1..).unwrap_or_default());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

const MESSAGES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "PUT /new HTTP/1.1\r\n",
    "HEAD /a.txt HTTP/1.0\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "Host: test\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Range: bytes=1-3\r\n",
    "Expect: 100-continue\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    "GET /dir/b.txt HTTP/1.1\r\nHost: test\r\n\r\n",
    "GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
];
const UPLOADS: &[&str] = &[
    "PUT /new HTTP/1.1\r\nHost: test\r\n",
    "PUT /a.txt HTTP/1.1\r\nHost: test\r\n",
    "PATCH @ HTTP/1.1\r\nHost: test\r\n",
    "HEAD @ HTTP/1.1\r\nHost: test\r\n\r\n",
    "DELETE @ HTTP/1.1\r\nHost: test\r\n\r\n",
    "Upload-Complete: ?0\r\n",
    "Upload-Complete: ?1\r\n",
    "Upload-Offset: 0\r\n",
    "Upload-Offset: 5\r\n",
    "Content-Type: application/partial-upload\r\n",
    "Content-Length: 5\r\n\r\nhello",
    "Content-Length: 0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "If-None-Match: *\r\n",
];

#[test]
fn heads_bodies_and_responses_have_the_properties_of_fuzzing() {
    check(PARSER_CASES, MESSAGES, fuzz::request_head::check);
    check(PARSER_CASES, MESSAGES, fuzz::body::check);
    check(PARSER_CASES, MESSAGES, fuzz::response::check);
}

#[test]
fn paths_and_fields_have_the_properties_of_fuzzing() {
    check(
        PARSER_CASES,
        &["/", "..", ".", "%2e", "%2F", "%00", "a", "b.txt", "?", "#", "//", "\\", "http://test", "%", "é"],
        fuzz::path::check,
    );
    let words = &[
        "bytes=",
        "0-",
        "-5",
        "1-3",
        ",",
        "\"a\"",
        "W/",
        "*",
        "gzip",
        "br",
        ";q=0.5",
        ";q=0",
        "text/html",
        "*/*",
        " ",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Basic YTpi",
        "99999999999999999999",
        "\n",
    ];
    check(PARSER_CASES, words, fuzz::fields::check);
}

#[test]
fn forms_and_proxy_headers_have_the_properties_of_fuzzing() {
    let words = &[
        "--B\r\n",
        "\r\n--B\r\n",
        "\r\n--B--",
        "--B--\r\n",
        "Content-Disposition: form-data; name=\"a\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n",
        "text",
        "\r\n",
        "--",
        "B",
        "\"",
    ];
    check(PARSER_CASES, words, fuzz::form_data::check);
    let words = &[
        "\x21\x11\0\x0c",
        "\x20\0\0\0",
        "\x21\x21\0\x24",
        "\r\n\r\n\0\r\nQUIT\n",
        "\0\0\0\0",
        "\x7f\0\0\x01",
        "\x01\u{7f}",
    ];
    check(PARSER_CASES, words, fuzz::proxy_header::check);
}

#[test]
fn sum_lines_settings_and_saved_runs_have_the_properties_of_fuzzing() {
    check(
        PARSER_CASES,
        &["Client of ", "Server of ", "a", ":", " ", "42", "-1", "\n", "\r\n", "99999999999999999999", "é"],
        fuzz::sum_line::check,
    );
    let words = &[
        "port",
        " = ",
        "8080",
        "\n",
        "[cache-control]\n",
        "\"*.html\"",
        "quiet",
        "true",
        "[",
        "]",
        "\"",
        "# note",
        "bind = [\"0.0.0.0\"]",
        ",",
    ];
    check(PARSER_CASES, words, fuzz::settings_file::check);
    let run = include_str!("fixtures/before.run");
    let parts: Vec<&str> = run.split_inclusive(',').collect();
    for cut in 0..parts.len() {
        fuzz::saved_run::check(parts[..cut].concat().as_bytes());
        fuzz::saved_run::check([&parts[..cut], &parts[cut + 1..]].concat().concat().as_bytes());
    }
    fuzz::saved_run::check(run.as_bytes());
}

#[test]
fn connections_have_the_properties_of_fuzzing() {
    check(CONNECTION_CASES, MESSAGES, fuzz::connection::check);
    check(CONNECTION_CASES, MESSAGES, fuzz::connection::check_tls);
    check(CONNECTION_CASES, UPLOADS, fuzz::upload::check);
}

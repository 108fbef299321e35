//! Property tests of the parsers over arbitrary bytes.
//!
//! No bytes cause a panic or depend on their arrival. Shuffled HTTP fragments reach deeper states.

use proptest::collection::vec;
use proptest::prelude::*;

use super::request::target;
use super::rules::negotiation;
use super::testing::{body, body_in_pieces, request, response};
use super::{BodyDecoder, ChunkedDecoder, Method};

/// HTTP fragments, well-formed and malformed.
const PIECES: &[&[u8]] = &[
    b"GET ",
    b"OPTIONS ",
    b"CONNECT ",
    b"/",
    b"/a?b",
    b"*",
    b"http://h/p",
    b"h:1",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b" HTTP/2.0",
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"200 OK",
    b"204",
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b": ",
    b",",
    b"Host: h\r\n",
    b"Host: h\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: ",
    b"chunked",
    b"gzip",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"5",
    b"5\r\nhello\r\n",
    b"1\r\nx\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b";a=b",
    b"ff",
    b"\0",
    b"\x16\x03",
    b"\x7f",
    b"\xff",
    b"A: b\r\n",
];

fn http_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => http_like(), 1 => vec(any::<u8>(), 0..200)]
}

/// Input with a valid first line, so that more cases reach the fields.
fn beginning_with(line: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    bytes().prop_map(move |rest| [line, &rest, b"\r\n\r\n"].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn request_whole_or_bytewise_parses_the_same(
        input in prop_oneof![bytes(), beginning_with(b"PUT / HTTP/1.1\r\nHost: h\r\n")],
    ) {
        if let Ok(Some(consumed)) = request(&input, |consumed, _| consumed) {
            prop_assert!(consumed <= input.len());
            prop_assert!(input[..consumed].ends_with(b"\r\n\r\n"));
        }
    }

    #[test]
    fn response_whole_or_bytewise_parses_the_same(
        input in prop_oneof![bytes(), beginning_with(b"HTTP/1.1 200 OK\r\n")],
        method in prop_oneof![Just(Method::Get), Just(Method::Head), Just(Method::Connect)],
    ) {
        if let Ok(Some(consumed)) = response(&input, method, |consumed, _| consumed) {
            prop_assert!(consumed <= input.len());
            let ends = [&b"\n\r\n"[..], b"\n\n"];
            prop_assert!(ends.iter().any(|end| input[..consumed].ends_with(end)));
        }
    }

    #[test]
    fn body_in_any_pieces_decodes_the_same(
        input in bytes(),
        len in 0u64..100,
        piece_len in 1usize..20,
    ) {
        for decoder in [
            BodyDecoder::Chunked(ChunkedDecoder::NEW),
            BodyDecoder::Chunked(ChunkedDecoder::LENIENT),
            BodyDecoder::Sized { left: len },
            BodyDecoder::UntilClose,
        ] {
            let whole = body(&input, &decoder);
            prop_assert_eq!(body_in_pieces(&input, &decoder, piece_len), whole);
        }
    }

    #[test]
    fn chunked_encoding_round_trips(
        data in vec(vec(any::<u8>(), 1..50), 0..8),
    ) {
        let mut sent = Vec::new();
        for chunk in &data {
            sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            sent.extend_from_slice(chunk);
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(b"0\r\n\r\n");
        let seen = body(&sent, &BodyDecoder::Chunked(ChunkedDecoder::NEW)).unwrap();
        prop_assert_eq!(seen.data, data.concat());
        prop_assert!(seen.is_done && seen.consumed == sent.len());
    }

    #[test]
    fn target_and_accept_any_bytes_do_not_panic(input in bytes()) {
        for method in [Method::Get, Method::Options, Method::Connect] {
            if let Ok(parsed) = target::parse(method, &input) {
                prop_assert!(!parsed.path().contains(&b'?'));
                let has_query = parsed.query().is_some();
                prop_assert_eq!(has_query, input.contains(&b'?'));
            }
        }
        negotiation::error_format(Some(&input));
    }
}

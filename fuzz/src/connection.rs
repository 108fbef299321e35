//! A whole server connection over the in-memory transport of the tests, plain and over TLS.
//!
//! The oracle is [`requests_in`]: the project's own parsers, called without a connection.

use std::sync::LazyLock;

use reactor_http::http::{BodyDecoder, FieldBuf, Method, ResponseEvent, ResponseReader, parse_request};
use reactor_http::reactor::Now;

use super::in_memory::{Layer, Server};
use super::{cut, split_choice};

/// One time for all inputs: the same date in every response.
pub(crate) static NOW: LazyLock<Now> = LazyLock::new(Now::read);

pub fn check(input: &[u8]) {
    check_over(input, Layer::Plain);
}

/// The bytes arrive in TLS records of their pieces' lengths.
pub fn check_tls(input: &[u8]) {
    check_over(input, Layer::Tls);
}

fn check_over(input: &[u8], layer: Layer) {
    let (choice, script) = split_choice(input);
    let script = cut(script);
    let whole = conversation(script, usize::MAX, layer);
    for piece_len in [1, usize::from(choice) + 2] {
        let pieces = conversation(script, piece_len, layer);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&whole), text(&pieces), "pieces of {piece_len}");
    }
    check_responses(&requests_in(script), &whole);
}

/// All that the server sends for `script`, which arrives in pieces, and then ends.
fn conversation(script: &[u8], piece_len: usize, layer: Layer) -> Vec<u8> {
    let mut server = Server::read_only(layer, *NOW);
    let mut received = Vec::new();
    for piece in script.chunks(piece_len) {
        received.extend(server.send(piece));
    }
    received.extend(server.finish());
    assert!(server.has_ended(), "the input has ended and all output was taken: the connection ends");
    received
}

/// Methods of the requests in `script`; `None` for one that is incomplete or malformed, which is the last.
pub(crate) fn requests_in(script: &[u8]) -> Vec<Option<Method>> {
    let (mut methods, mut rest) = (Vec::new(), script);
    while !rest.is_empty() {
        let mut space = FieldBuf::new();
        let Ok(Some((consumed, head))) = parse_request(rest, &mut 0, &mut space) else {
            methods.push(None);
            break;
        };
        methods.push(Some(head.method));
        rest = &rest[consumed..];
        let mut body = BodyDecoder::from(head.body);
        while !body.is_done() {
            match body.decode(rest) {
                Ok(decoded) if decoded.consumed > 0 => rest = &rest[decoded.consumed..],
                _ => return methods,
            }
        }
        if !head.keep_alive {
            break;
        }
    }
    methods
}

/// Never more responses than requests, each complete, and nothing after one that closes.
pub(crate) fn check_responses(requests: &[Option<Method>], mut bytes: &[u8]) {
    for request in requests {
        if bytes.is_empty() {
            return;
        }
        // A malformed head may have the method HEAD.
        let candidates: &[Method] = if request.is_some() { &[] } else { &[Method::Get, Method::Head] };
        let (consumed, keep_alive) = request
            .iter()
            .chain(candidates)
            .find_map(|method| response_len(*method, bytes))
            .unwrap_or_else(|| panic!("no response at {:?}", String::from_utf8_lossy(bytes)));
        bytes = &bytes[consumed..];
        assert!(keep_alive || bytes.is_empty(), "bytes after a response that closes the connection");
    }
    assert!(bytes.is_empty(), "more responses than requests: {:?}", String::from_utf8_lossy(bytes));
}

/// Length of a complete response, interim responses included, and whether the connection stays open.
fn response_len(method: Method, bytes: &[u8]) -> Option<(usize, bool)> {
    let (mut reader, mut len) = (ResponseReader::new(method), 0);
    while let Some((consumed, event)) = reader.next(&bytes[len..]).ok()? {
        len += consumed;
        if matches!(event, ResponseEvent::End) {
            return Some((len, reader.keep_alive));
        }
    }
    reader.end_of_input().is_ok().then_some((len, false))
}

//! Test drivers for the parsers: each case at once, byte by byte, and with trailing bytes.
//!
//! They assert that the three results agree. Cases are in the files that they test.

use std::fmt::Debug;

use super::{
    BodyDecoder, FieldBuf, Method, Reject, RequestHead, ResponseHead, ResponseHeadError, parse_request,
    parse_response,
};

/// Bytes after a message, which must not change the result.
const TRAILING: [&[u8]; 4] = [b"\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\n", b"\0\xff"];

/// Result of `inspect` on the request head at the start of `input`, parsed three ways.
pub(super) fn request<T: PartialEq + Debug>(
    input: &[u8],
    inspect: impl Fn(usize, &RequestHead<'_, '_>) -> T,
) -> Result<Option<T>, Reject> {
    parse_three_ways(input, |buf, searched| {
        let mut space = FieldBuf::new();
        let parsed = parse_request(buf, searched, &mut space)?;
        Ok(parsed.map(|(consumed, head)| (format!("{head:?}"), inspect(consumed, &head))))
    })
    .map(|seen| seen.map(|(_, inspected)| inspected))
}

/// Result of `inspect` on the response head at the start of `input`, parsed three ways.
pub(super) fn response<T: PartialEq + Debug>(
    input: &[u8],
    method: Method,
    inspect: impl Fn(usize, &ResponseHead<'_>) -> T,
) -> Result<Option<T>, ResponseHeadError> {
    parse_three_ways(input, |buf, searched| {
        let parsed = parse_response(buf, searched, method)?;
        Ok(parsed.map(|(consumed, head)| (format!("{head:?}"), inspect(consumed, &head))))
    })
    .map(|seen| seen.map(|(_, inspected)| inspected))
}

fn parse_three_ways<T: PartialEq + Debug, E: PartialEq + Debug>(
    input: &[u8],
    parse: impl Fn(&[u8], &mut usize) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let whole = parse(input, &mut 0);
    let mut searched = 0;
    let bytewise = (0..=input.len())
        .filter_map(|len| input.get(..len))
        .map(|arrived| parse(arrived, &mut searched))
        .find(|seen| !matches!(seen, Ok(None)))
        .unwrap_or(Ok(None));
    assert_eq!(whole, bytewise, "bytewise: {}", input.escape_ascii());
    if !matches!(whole, Ok(None)) {
        for trailing in TRAILING {
            let longer = [input, trailing].concat();
            let seen = parse(&longer, &mut 0);
            assert_eq!(whole, seen, "with more behind it: {}", input.escape_ascii());
        }
    }
    whole
}

/// Decoded body.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct DecodedBody {
    pub(super) data: Vec<u8>,
    pub(super) consumed: usize,
    pub(super) is_done: bool,
}

/// Decodes the body at the start of `input` three ways.
pub(super) fn body(input: &[u8], decoder: &BodyDecoder) -> Result<DecodedBody, Reject> {
    let whole = body_in_pieces(input, decoder, input.len().max(1));
    let bytewise = body_in_pieces(input, decoder, 1);
    assert_eq!(whole, bytewise, "bytewise: {}", input.escape_ascii());
    if whole.as_ref().map_or(true, |seen| seen.is_done) {
        for trailing in TRAILING {
            let longer = [input, trailing].concat();
            let seen = body_in_pieces(&longer, decoder, longer.len());
            assert_eq!(whole, seen, "with more behind it: {}", input.escape_ascii());
        }
    }
    whole
}

/// Decodes the body at the start of `input`, which arrives `piece_len` bytes at a time.
pub(super) fn body_in_pieces(
    input: &[u8],
    decoder: &BodyDecoder,
    piece_len: usize,
) -> Result<DecodedBody, Reject> {
    let mut decoder = decoder.clone();
    let mut seen = DecodedBody { data: Vec::new(), consumed: 0, is_done: false };
    for mut piece in input.chunks(piece_len) {
        loop {
            let step = decoder.decode(piece)?;
            seen.data.extend_from_slice(step.data);
            seen.consumed += step.consumed;
            piece = &piece[step.consumed..];
            if step.consumed == 0 {
                break;
            }
        }
        assert!(piece.is_empty() || decoder.is_done(), "input was left over");
    }
    seen.is_done = decoder.is_done();
    Ok(seen)
}

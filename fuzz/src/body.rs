//! Body framing: any split gives the same data, end and error.

use reactor_http::http::{BodyDecoder, ChunkedDecoder, Reject};

use super::{TRAILING, split_choice};

pub fn check(input: &[u8]) {
    let (choice, bytes) = split_choice(input);
    let strict = BodyDecoder::Chunked(ChunkedDecoder::NEW);
    let lenient = BodyDecoder::Chunked(ChunkedDecoder::LENIENT);
    let sized = BodyDecoder::Sized { left: u64::from(choice) };
    for decoder in [&strict, &lenient, &sized, &BodyDecoder::UntilClose] {
        let whole = decode(decoder, bytes, usize::MAX);
        for piece_len in [1, usize::from(choice % 16) + 2] {
            assert_eq!(whole, decode(decoder, bytes, piece_len), "pieces of {piece_len}: {decoder:?}");
        }
        if let Ok(seen) = &whole {
            assert!(seen.consumed <= bytes.len() && seen.data.len() <= seen.consumed);
            if seen.is_done {
                let more = [bytes, TRAILING].concat();
                assert_eq!(whole, decode(decoder, &more, usize::MAX), "with trailing bytes");
            } else {
                assert_eq!(seen.consumed, bytes.len(), "it waits for more with bytes left");
            }
        }
    }
    if let Ok(seen) = decode(&strict, bytes, usize::MAX)
        && seen.is_done
    {
        assert_eq!(
            Ok(seen),
            decode(&lenient, bytes, usize::MAX),
            "the lenient decoder reads all valid bodies"
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    data: Vec<u8>,
    consumed: usize,
    is_done: bool,
}

/// Decodes as a receive buffer does that grows by `piece_len` bytes at a time.
fn decode(decoder: &BodyDecoder, bytes: &[u8], piece_len: usize) -> Result<Seen, Reject> {
    let mut decoder = decoder.clone();
    let (mut data, mut consumed, mut end) = (Vec::new(), 0, 0);
    loop {
        let decoded = decoder.decode(&bytes[consumed..end])?;
        assert!(decoded.data.len() <= decoded.consumed && decoded.consumed <= end - consumed);
        consumed += decoded.consumed;
        data.extend_from_slice(decoded.data);
        if decoded.consumed == 0 {
            if decoder.is_done() || end == bytes.len() {
                return Ok(Seen { data, consumed, is_done: decoder.is_done() });
            }
            end = end.saturating_add(piece_len).min(bytes.len());
        }
    }
}

//! Incremental body decoder for every framing, without copies.
//!
//! Data is a slice of the input. It finds the end of the body.

use super::chunked::{ChunkedDecoder, Decoded, take_up_to};
use crate::http::{Reject, RequestBody, ResponseBody};

/// Decoder of one body.
#[derive(Clone, Debug)]
pub enum BodyDecoder {
    /// Known length.
    Sized {
        /// Remaining bytes.
        left: u64,
    },
    /// Chunked body.
    Chunked(ChunkedDecoder),
    /// Body until the connection ends.
    UntilClose,
}

impl BodyDecoder {
    /// Decodes `input` from the last call's `consumed`: at most one slice of data.
    ///
    /// Repeat until nothing is consumed. Bytes after the body stay unread.
    pub fn decode<'i>(&mut self, input: &'i [u8]) -> Result<Decoded<'i>, Reject> {
        let data = match self {
            BodyDecoder::Chunked(decoder) => return decoder.decode(input),
            BodyDecoder::UntilClose => input,
            BodyDecoder::Sized { left } => take_up_to(left, input),
        };
        Ok(Decoded { consumed: data.len(), data })
    }

    /// Whether the body is complete; never for `UntilClose`.
    pub fn is_done(&self) -> bool {
        match self {
            BodyDecoder::Sized { left } => *left == 0,
            BodyDecoder::Chunked(decoder) => decoder.is_done(),
            BodyDecoder::UntilClose => false,
        }
    }
}

impl From<RequestBody> for BodyDecoder {
    fn from(body: RequestBody) -> BodyDecoder {
        match body {
            RequestBody::None => BodyDecoder::Sized { left: 0 },
            RequestBody::Length(len) => BodyDecoder::Sized { left: len },
            RequestBody::Chunked => BodyDecoder::Chunked(ChunkedDecoder::NEW),
        }
    }
}

impl From<ResponseBody> for BodyDecoder {
    fn from(body: ResponseBody) -> BodyDecoder {
        match body {
            ResponseBody::None => BodyDecoder::Sized { left: 0 },
            ResponseBody::Length(len) => BodyDecoder::Sized { left: len },
            ResponseBody::Chunked => BodyDecoder::Chunked(ChunkedDecoder::LENIENT),
            ResponseBody::UntilClose => BodyDecoder::UntilClose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::body;

    #[test]
    fn sized_body_consumes_exactly_its_length() {
        for (len, input, data, is_done) in [
            (0, "next", "", true),
            (5, "hello", "hello", true),
            (5, "hellonext", "hello", true),
            (5, "hell", "hell", false),
            (5, "", "", false),
            (u64::MAX, "hello", "hello", false),
        ] {
            let seen = body(input.as_bytes(), &BodyDecoder::Sized { left: len }).unwrap();
            assert_eq!(seen.data, data.as_bytes());
            assert_eq!((seen.consumed, seen.is_done), (data.len(), is_done));
        }
    }

    #[test]
    fn chunked_body_leaves_following_bytes_unread() {
        let input = b"3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
        let seen = body(input, &BodyDecoder::Chunked(ChunkedDecoder::NEW)).unwrap();
        assert_eq!((seen.consumed, seen.is_done), (13, true));
        assert_eq!(seen.data, b"abc");
    }

    #[test]
    fn until_close_body_consumes_all_and_is_never_done() {
        let seen = body(b"0\r\n\r\n", &BodyDecoder::UntilClose).unwrap();
        assert_eq!(seen.data, b"0\r\n\r\n");
        assert!(!seen.is_done);
    }

    #[test]
    fn sized_body_counts_down() {
        let mut decoder = BodyDecoder::Sized { left: 5 };
        assert_eq!(decoder.decode(b"hel").map(|step| step.consumed), Ok(3));
        assert!(matches!(decoder, BodyDecoder::Sized { left: 2 }));
    }

    #[test]
    fn framings_convert_to_their_decoders() {
        let left = |decoder: BodyDecoder| match decoder {
            BodyDecoder::Sized { left } => (Some(left), decoder.is_done(), false),
            BodyDecoder::Chunked(_) => (None, decoder.is_done(), false),
            BodyDecoder::UntilClose => (None, decoder.is_done(), true),
        };
        let nothing = (Some(0), true, false);
        let five = (Some(5), false, false);
        let chunked = (None, false, false);
        assert_eq!(left(RequestBody::None.into()), nothing);
        assert_eq!(left(RequestBody::Length(5).into()), five);
        assert_eq!(left(RequestBody::Chunked.into()), chunked);
        assert_eq!(left(ResponseBody::None.into()), nothing);
        assert_eq!(left(ResponseBody::Length(5).into()), five);
        assert_eq!(left(ResponseBody::Chunked.into()), chunked);
        assert_eq!(left(ResponseBody::UntilClose.into()), (None, false, true));
    }
}

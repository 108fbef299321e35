//! `multipart/byteranges` body (RFC 9110 section 14.6).
//!
//! The caller queues the bytes of the parts between the heads.
//! Users who store content must be unable to guess the boundary.

use crate::http::write::content_range;
use crate::http::{ByteRange, end_head, field};

/// Multipart body.
#[derive(Clone, Copy, Debug)]
pub struct Multipart<'a> {
    /// Delimiter between parts; must not occur in them.
    pub boundary: u64,
    /// Media type of the representation.
    pub media_type: &'a [u8],
    /// Length of the representation.
    pub complete_len: u64,
}

impl Multipart<'_> {
    /// Content-Type value.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary())
    }

    /// Head of a part, after the CRLF of the previous part.
    ///
    /// The first part has the CRLF, too, as an empty preamble: zsync looks for it.
    pub fn part_head(&self, out: &mut Vec<u8>, part: ByteRange) {
        out.extend_from_slice(format!("\r\n--{}\r\n", self.boundary()).as_bytes());
        field(out, "Content-Type", self.media_type);
        content_range(out, part, self.complete_len);
        end_head(out);
    }

    /// Closing delimiter.
    pub fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("\r\n--{}--\r\n", self.boundary()).as_bytes());
    }

    /// Body length in bytes; saturates for overlapping parts, other sums fit.
    pub fn body_len(&self, parts: &[ByteRange]) -> u64 {
        let mut between = Vec::new();
        for part in parts {
            self.part_head(&mut between, *part);
        }
        self.close(&mut between);
        parts.iter().fold(between.len() as u64, |len, part| len.saturating_add(part.content_len()))
    }

    fn boundary(&self) -> String {
        format!("{:016x}", self.boundary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_body_matches_rfc_form_and_body_len() {
        let multipart = Multipart { boundary: 0x2a, media_type: b"text/plain", complete_len: 100 };
        let parts = [ByteRange { first: 0, last: 1 }, ByteRange { first: 98, last: 99 }];
        let mut body = Vec::new();
        for (part, bytes) in parts.iter().zip([b"ab", b"yz"]) {
            multipart.part_head(&mut body, *part);
            body.extend_from_slice(bytes);
        }
        multipart.close(&mut body);
        let expected = "\r\n--000000000000002a\r\n\
            Content-Type: text/plain\r\nContent-Range: bytes 0-1/100\r\n\r\nab\r\n\
            --000000000000002a\r\n\
            Content-Type: text/plain\r\nContent-Range: bytes 98-99/100\r\n\r\nyz\r\n\
            --000000000000002a--\r\n";
        assert_eq!(String::from_utf8_lossy(&body), expected);
        assert_eq!(multipart.body_len(&parts), body.len() as u64);
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=000000000000002a");
        let all = ByteRange { first: 0, last: u64::MAX };
        assert_eq!(multipart.body_len(&[all, all]), u64::MAX);
    }
}

//! Body framing by Content-Length and Transfer-Encoding (RFC 9112 section 6).
//!
//! Rejects a request that two recipients could read differently. Rejects a response only if it has no
//! single meaning, or a coding that is not decoded here.

use crate::http::status::code_has_body;
use crate::http::syntax::{elements, is_token, parse_decimal};
use crate::http::{Method, Reject, ResponseHeadError, Status, Version};

/// Framing of a request body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestBody {
    /// No body, or an empty one.
    None,
    /// Length in bytes, never 0.
    Length(u64),
    /// Chunked body.
    Chunked,
}

/// Framing of a response body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseBody {
    /// No body, whatever the fields: HEAD, 1xx, 204, 304.
    None,
    /// Length in bytes, possibly 0.
    Length(u64),
    /// Chunked body.
    Chunked,
    /// Body until the server closes; truncation is undetectable.
    UntilClose,
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Framing {
    length: LengthSeen,
    transfer_codings: CodingsSeen,
}

#[derive(Clone, Copy, Default, Debug)]
struct LengthSeen {
    value: Option<u64>,
    repeated: bool,
    /// Not a number, or two that differ.
    invalid: bool,
}

#[derive(Clone, Copy, Default, Debug)]
struct CodingsSeen {
    present: bool,
    chunked: bool,
    /// Coding other than chunked.
    unknown: bool,
    /// Malformed list, or a coding after chunked.
    invalid: bool,
    /// Coding that a client cannot undo. It skips a repeated chunked, identity and empty elements, as curl does.
    undecodable: bool,
}

impl Framing {
    pub(crate) fn add_content_length(&mut self, value: &[u8]) {
        let seen = &mut self.length;
        for element in elements(value) {
            let length = parse_decimal(element);
            let is_first = seen.value.is_none() && !seen.invalid;
            seen.repeated |= !is_first;
            seen.invalid |= length.is_none() || (!is_first && seen.value != length);
            seen.value = seen.value.or(length);
        }
    }

    pub(crate) fn add_transfer_encoding(&mut self, value: &[u8]) {
        let seen = &mut self.transfer_codings;
        seen.present = true;
        for coding in elements(value) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            seen.invalid |= seen.chunked || !(is_chunked || is_coding(coding));
            seen.chunked |= is_chunked;
            seen.unknown |= !is_chunked;
            seen.undecodable |=
                !(is_chunked || coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"));
        }
    }

    fn has_length(&self) -> bool {
        self.length.value.is_some() || self.length.invalid
    }

    /// Whether to suspect smuggling (RFC 9112 section 6.1): both fields, or Transfer-Encoding in HTTP/1.0.
    pub(crate) fn is_ambiguous(&self, version: Version) -> bool {
        self.transfer_codings.present && (self.has_length() || version == Version::Http10)
    }

    /// Strict request framing (RFC 9112 section 6.3).
    pub(crate) fn request_body(&self, version: Version) -> Result<RequestBody, Reject> {
        let message = match (self.transfer_codings, self.length) {
            (CodingsSeen { present: true, .. }, _) if self.has_length() => {
                "The request has both Content-Length and Transfer-Encoding."
            }
            (CodingsSeen { present: true, .. }, _) if version == Version::Http10 => {
                "HTTP/1.0 has no Transfer-Encoding: send a Content-Length, or use HTTP/1.1."
            }
            (CodingsSeen { invalid: true, .. }, _) => {
                "The Transfer-Encoding is malformed: chunked must be in it once, and last."
            }
            (CodingsSeen { unknown: true, .. }, _) => return Err(UNKNOWN_CODING),
            (CodingsSeen { present: true, .. }, _) => return Ok(RequestBody::Chunked),
            (_, LengthSeen { repeated: true, .. }) => {
                "The request has more than one Content-Length: send it once."
            }
            (_, LengthSeen { invalid: true, .. }) => {
                "The Content-Length is not a number of bytes: digits only, below 2^64."
            }
            (_, LengthSeen { value: None | Some(0), .. }) => return Ok(RequestBody::None),
            (_, LengthSeen { value: Some(length), .. }) => return Ok(RequestBody::Length(length)),
        };
        Err(Reject::bad_request(message))
    }

    /// Response framing (RFC 9112 section 6.3).
    pub(crate) fn response_body(
        &self,
        method: Method,
        status: u16,
    ) -> Result<ResponseBody, ResponseHeadError> {
        if method == Method::Head || !code_has_body(status) {
            return Ok(ResponseBody::None);
        }
        if method == Method::Connect && matches!(status, 200..=299) {
            return Err(ResponseHeadError::TUNNEL);
        }
        match (self.transfer_codings, self.length) {
            (CodingsSeen { undecodable: true, .. }, _) => Err(ResponseHeadError::TRANSFER_ENCODING),
            (CodingsSeen { chunked: true, .. }, _) => Ok(ResponseBody::Chunked),
            (CodingsSeen { present: true, .. }, _) => Ok(ResponseBody::UntilClose),
            (_, LengthSeen { invalid: true, .. }) => Err(ResponseHeadError::CONTENT_LENGTH),
            (_, LengthSeen { value: None, .. }) => Ok(ResponseBody::UntilClose),
            (_, LengthSeen { value: Some(length), .. }) => Ok(ResponseBody::Length(length)),
        }
    }
}

const UNKNOWN_CODING: Reject =
    Reject::new(Status::NOT_IMPLEMENTED, "The only supported Transfer-Encoding is chunked.");

fn is_coding(coding: &[u8]) -> bool {
    let name_len =
        coding.iter().position(|&byte| matches!(byte, b';' | b' ' | b'\t')).unwrap_or(coding.len());
    let name = coding.get(..name_len).unwrap_or_default();
    is_token(name) && !name.eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &[(&str, &str)]) -> Framing {
        let mut framing = Framing::default();
        for (name, value) in fields {
            match *name {
                "CL" => framing.add_content_length(value.as_bytes()),
                _ => framing.add_transfer_encoding(value.as_bytes()),
            }
        }
        framing
    }

    #[test]
    fn request_framing_is_single_or_rejected() {
        use RequestBody::{Chunked, Length, None};
        for (fields, body) in [
            (&[][..], Ok(None)),
            (&[("CL", "0")], Ok(None)),
            (&[("CL", "5")], Ok(Length(5))),
            (&[("CL", "0005")], Ok(Length(5))),
            (&[("CL", "18446744073709551615")], Ok(Length(u64::MAX))),
            (&[("CL", "18446744073709551616")], Err(400)),
            (&[("CL", "")], Err(400)),
            (&[("CL", "+5")], Err(400)),
            (&[("CL", "-5")], Err(400)),
            (&[("CL", "5 5")], Err(400)),
            (&[("CL", "0x5")], Err(400)),
            (&[("CL", "5.0")], Err(400)),
            (&[("CL", "5,")], Err(400)),
            (&[("CL", "5, 5")], Err(400)),
            (&[("CL", "5, 6")], Err(400)),
            (&[("CL", "5"), ("CL", "5")], Err(400)),
            (&[("CL", "5"), ("CL", "6")], Err(400)),
            (&[("CL", "x"), ("CL", "5")], Err(400)),
            (&[("CL", "5"), ("CL", "")], Err(400)),
            (&[("TE", "chunked")], Ok(Chunked)),
            (&[("TE", "CHUNKED")], Ok(Chunked)),
            (&[("TE", "gzip")], Err(501)),
            (&[("TE", "identity")], Err(501)),
            (&[("TE", "gzip, chunked")], Err(501)),
            (&[("TE", "gzip"), ("TE", "chunked")], Err(501)),
            (&[("TE", "gzip;q=1, chunked")], Err(501)),
            (&[("TE", "xchunked")], Err(501)),
            (&[("TE", "chunked, chunked")], Err(400)),
            (&[("TE", "chunked"), ("TE", "chunked")], Err(400)),
            (&[("TE", "chunked, gzip")], Err(400)),
            (&[("TE", "chunked"), ("TE", "identity")], Err(400)),
            (&[("TE", "chunked,")], Err(400)),
            (&[("TE", ",chunked")], Err(400)),
            (&[("TE", "")], Err(400)),
            (&[("TE", "chunked;q=1")], Err(400)),
            (&[("TE", "chunked ;q=1")], Err(400)),
            (&[("TE", "\"chunked\"")], Err(400)),
            (&[("TE", "chunked\u{b}")], Err(400)),
            (&[("CL", "5"), ("TE", "chunked")], Err(400)),
            (&[("TE", "chunked"), ("CL", "5")], Err(400)),
            (&[("TE", "gzip"), ("CL", "x")], Err(400)),
            (&[("TE", ""), ("CL", "0")], Err(400)),
        ] {
            let found = framing(fields).request_body(Version::Http11);
            assert_eq!(found.map_err(|reject| reject.status.code()), body, "{fields:?}");
        }
    }

    #[test]
    fn http10_length_accepted_transfer_encoding_rejected() {
        let sized = framing(&[("CL", "5")]).request_body(Version::Http10);
        assert_eq!(sized, Ok(RequestBody::Length(5)));
        let chunked = framing(&[("TE", "chunked")]).request_body(Version::Http10);
        assert_eq!(chunked.map_err(|reject| reject.status), Err(Status::BAD_REQUEST));
    }

    #[test]
    fn response_framing_by_method_then_status_then_fields() {
        use ResponseBody::{Chunked, Length, None, UntilClose};
        let length = &[("CL", "5")][..];
        let chunked = &[("TE", "chunked")][..];
        for (method, status, fields, body) in [
            (Method::Head, 200, length, Ok(None)),
            (Method::Head, 200, chunked, Ok(None)),
            (Method::Get, 100, length, Ok(None)),
            (Method::Get, 204, length, Ok(None)),
            (Method::Get, 304, &[("CL", "x")], Ok(None)),
            (Method::Connect, 200, &[], Err(ResponseHeadError::TUNNEL)),
            (Method::Connect, 404, length, Ok(Length(5))),
            (Method::Get, 200, length, Ok(Length(5))),
            (Method::Get, 200, &[("CL", "0")], Ok(Length(0))),
            (Method::Get, 200, &[("CL", "5, 5")], Ok(Length(5))),
            (Method::Get, 200, &[("CL", "5"), ("CL", "5")], Ok(Length(5))),
            (Method::Get, 200, &[("CL", "5"), ("CL", "6")], Err(ResponseHeadError::CONTENT_LENGTH)),
            (Method::Get, 200, &[("CL", "5, x")], Err(ResponseHeadError::CONTENT_LENGTH)),
            (Method::Get, 200, &[("CL", "x, 5")], Err(ResponseHeadError::CONTENT_LENGTH)),
            (Method::Get, 200, &[("CL", "-5")], Err(ResponseHeadError::CONTENT_LENGTH)),
            (Method::Get, 200, chunked, Ok(Chunked)),
            (Method::Get, 200, &[("TE", "gzip, chunked")], Err(ResponseHeadError::TRANSFER_ENCODING)),
            (Method::Get, 200, &[("TE", "gzip")], Err(ResponseHeadError::TRANSFER_ENCODING)),
            (Method::Get, 200, &[("TE", "chunked, gzip")], Err(ResponseHeadError::TRANSFER_ENCODING)),
            (Method::Get, 200, &[("TE", "chunked;q=1")], Err(ResponseHeadError::TRANSFER_ENCODING)),
            (Method::Head, 200, &[("TE", "gzip")], Ok(None)),
            (Method::Get, 200, &[("TE", "identity")], Ok(UntilClose)),
            (Method::Get, 200, &[("TE", "identity"), ("TE", "chunked")], Ok(Chunked)),
            (Method::Get, 200, &[("TE", "chunked"), ("TE", "chunked")], Ok(Chunked)),
            (Method::Get, 200, &[("TE", "chunked, chunked,")], Ok(Chunked)),
            (Method::Get, 200, &[("TE", "")], Ok(UntilClose)),
            (Method::Get, 200, &[("TE", "chunked"), ("CL", "x")], Ok(Chunked)),
            (Method::Get, 200, &[], Ok(UntilClose)),
        ] {
            let found = framing(fields).response_body(method, status);
            assert_eq!(found, body, "{method:?} {status} {fields:?}");
        }
    }
}

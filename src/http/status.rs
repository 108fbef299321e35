//! The status codes this project answers with, each with its reason phrase (RFC 9110 section 15).
//!
//! It owns the list and what a code says about framing. It never decides which code fits: that is
//! for whoever answers. A code that came from a peer is a plain `u16` in `ResponseHead`.

use std::fmt;

/// A status code that a reply of ours can carry; only the listed ones can be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Status(u16);

#[expect(missing_docs, reason = "each name is the reason phrase of its code")]
impl Status {
    pub const CONTINUE: Status = Status(100);
    pub const OK: Status = Status(200);
    pub const CREATED: Status = Status(201);
    pub const NO_CONTENT: Status = Status(204);
    pub const PARTIAL_CONTENT: Status = Status(206);
    pub const MOVED_PERMANENTLY: Status = Status(301);
    pub const NOT_MODIFIED: Status = Status(304);
    pub const PERMANENT_REDIRECT: Status = Status(308);
    pub const BAD_REQUEST: Status = Status(400);
    pub const FORBIDDEN: Status = Status(403);
    pub const NOT_FOUND: Status = Status(404);
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    pub const REQUEST_TIMEOUT: Status = Status(408);
    pub const CONFLICT: Status = Status(409);
    pub const LENGTH_REQUIRED: Status = Status(411);
    pub const PRECONDITION_FAILED: Status = Status(412);
    pub const CONTENT_TOO_LARGE: Status = Status(413);
    pub const URI_TOO_LONG: Status = Status(414);
    pub const RANGE_NOT_SATISFIABLE: Status = Status(416);
    pub const EXPECTATION_FAILED: Status = Status(417);
    pub const HEADER_FIELDS_TOO_LARGE: Status = Status(431);
    pub const INTERNAL_SERVER_ERROR: Status = Status(500);
    pub const NOT_IMPLEMENTED: Status = Status(501);
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    pub const INSUFFICIENT_STORAGE: Status = Status(507);
}

impl Status {
    /// The three digits, as a number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The reason phrase of RFC 9110 section 15 (431: RFC 6585, 507: RFC 4918).
    pub const fn reason(self) -> &'static str {
        match self {
            Status::CONTINUE => "Continue",
            Status::OK => "OK",
            Status::CREATED => "Created",
            Status::NO_CONTENT => "No Content",
            Status::PARTIAL_CONTENT => "Partial Content",
            Status::MOVED_PERMANENTLY => "Moved Permanently",
            Status::NOT_MODIFIED => "Not Modified",
            Status::PERMANENT_REDIRECT => "Permanent Redirect",
            Status::BAD_REQUEST => "Bad Request",
            Status::FORBIDDEN => "Forbidden",
            Status::NOT_FOUND => "Not Found",
            Status::METHOD_NOT_ALLOWED => "Method Not Allowed",
            Status::REQUEST_TIMEOUT => "Request Timeout",
            Status::CONFLICT => "Conflict",
            Status::LENGTH_REQUIRED => "Length Required",
            Status::PRECONDITION_FAILED => "Precondition Failed",
            Status::CONTENT_TOO_LARGE => "Content Too Large",
            Status::URI_TOO_LONG => "URI Too Long",
            Status::RANGE_NOT_SATISFIABLE => "Range Not Satisfiable",
            Status::EXPECTATION_FAILED => "Expectation Failed",
            Status::HEADER_FIELDS_TOO_LARGE => "Request Header Fields Too Large",
            Status::INTERNAL_SERVER_ERROR => "Internal Server Error",
            Status::NOT_IMPLEMENTED => "Not Implemented",
            Status::SERVICE_UNAVAILABLE => "Service Unavailable",
            Status::VERSION_NOT_SUPPORTED => "HTTP Version Not Supported",
            Status::INSUFFICIENT_STORAGE => "Insufficient Storage",
            Status(_) => "",
        }
    }

    /// Whether it says that the request failed, by the client's fault (4xx) or ours (5xx).
    pub const fn is_error(self) -> bool {
        self.0 >= 400
    }

    /// Whether it sends the client to another address. 304 does not.
    pub const fn is_redirect(self) -> bool {
        matches!(self.0, 301..=303 | 307 | 308)
    }

    /// Whether a reply with this code may have a body (RFC 9110 section 6.4.1): not 1xx, 204, 304.
    pub const fn has_body(self) -> bool {
        code_has_body(self.0)
    }
}

/// [`Status::has_body`] for a code that came from a peer.
pub(super) const fn code_has_body(code: u16) -> bool {
    !matches!(code, 100..=199 | 204 | 304)
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_shows_its_code_and_reason() {
        assert_eq!(Status::OK.to_string(), "200 OK");
        assert_eq!(Status::HEADER_FIELDS_TOO_LARGE.to_string(), "431 Request Header Fields Too Large");
        assert_eq!(Status::INSUFFICIENT_STORAGE.code(), 507);
    }

    #[test]
    fn only_1xx_204_and_304_have_no_body() {
        for (status, has_body) in [
            (Status::CONTINUE, false),
            (Status::NO_CONTENT, false),
            (Status::NOT_MODIFIED, false),
            (Status::OK, true),
            (Status::CREATED, true),
            (Status::NOT_FOUND, true),
        ] {
            assert_eq!(status.has_body(), has_body, "{status}");
        }
    }

    #[test]
    fn a_redirect_leads_elsewhere() {
        assert!(Status::MOVED_PERMANENTLY.is_redirect() && Status::PERMANENT_REDIRECT.is_redirect());
        assert!(!Status::NOT_MODIFIED.is_redirect() && !Status::OK.is_redirect());
        assert!(!Status::BAD_REQUEST.is_redirect());
    }

    #[test]
    fn errors_begin_at_400() {
        assert!(!Status::NOT_MODIFIED.is_error());
        assert!(Status::BAD_REQUEST.is_error() && Status::INSUFFICIENT_STORAGE.is_error());
    }
}

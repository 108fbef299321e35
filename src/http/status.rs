//! Status codes of our responses (RFC 9110 section 15).
//!
//! A peer's status is a plain `u16` in `ResponseHead`.

/// Status code; only the listed codes exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, derive_more::Display)]
#[display("{} {}", self.code(), self.reason())]
pub struct Status(&'static (u16, &'static str));

#[expect(missing_docs, reason = "each name is the reason phrase of its code")]
impl Status {
    pub const OK: Status = Status(&(200, "OK"));
    pub const CREATED: Status = Status(&(201, "Created"));
    pub const NO_CONTENT: Status = Status(&(204, "No Content"));
    pub const PARTIAL_CONTENT: Status = Status(&(206, "Partial Content"));
    pub const MOVED_PERMANENTLY: Status = Status(&(301, "Moved Permanently"));
    pub const SEE_OTHER: Status = Status(&(303, "See Other"));
    pub const NOT_MODIFIED: Status = Status(&(304, "Not Modified"));
    pub const PERMANENT_REDIRECT: Status = Status(&(308, "Permanent Redirect"));
    pub const BAD_REQUEST: Status = Status(&(400, "Bad Request"));
    pub const UNAUTHORIZED: Status = Status(&(401, "Unauthorized"));
    pub const FORBIDDEN: Status = Status(&(403, "Forbidden"));
    pub const NOT_FOUND: Status = Status(&(404, "Not Found"));
    pub const METHOD_NOT_ALLOWED: Status = Status(&(405, "Method Not Allowed"));
    pub const REQUEST_TIMEOUT: Status = Status(&(408, "Request Timeout"));
    pub const CONFLICT: Status = Status(&(409, "Conflict"));
    pub const LENGTH_REQUIRED: Status = Status(&(411, "Length Required"));
    pub const PRECONDITION_FAILED: Status = Status(&(412, "Precondition Failed"));
    pub const CONTENT_TOO_LARGE: Status = Status(&(413, "Content Too Large"));
    pub const URI_TOO_LONG: Status = Status(&(414, "URI Too Long"));
    pub const UNSUPPORTED_MEDIA_TYPE: Status = Status(&(415, "Unsupported Media Type"));
    pub const RANGE_NOT_SATISFIABLE: Status = Status(&(416, "Range Not Satisfiable"));
    pub const EXPECTATION_FAILED: Status = Status(&(417, "Expectation Failed"));
    pub const MISDIRECTED_REQUEST: Status = Status(&(421, "Misdirected Request"));
    pub const PRECONDITION_REQUIRED: Status = Status(&(428, "Precondition Required"));
    pub const TOO_MANY_REQUESTS: Status = Status(&(429, "Too Many Requests"));
    pub const HEADER_FIELDS_TOO_LARGE: Status = Status(&(431, "Request Header Fields Too Large"));
    pub const INTERNAL_SERVER_ERROR: Status = Status(&(500, "Internal Server Error"));
    pub const NOT_IMPLEMENTED: Status = Status(&(501, "Not Implemented"));
    pub const SERVICE_UNAVAILABLE: Status = Status(&(503, "Service Unavailable"));
    pub const VERSION_NOT_SUPPORTED: Status = Status(&(505, "HTTP Version Not Supported"));
    pub const INSUFFICIENT_STORAGE: Status = Status(&(507, "Insufficient Storage"));
}

impl Status {
    /// Numeric code.
    pub const fn code(self) -> u16 {
        self.0.0
    }

    /// Reason phrase (RFC 9110 section 15; 428, 429, 431: RFC 6585; 507: RFC 4918).
    pub const fn reason(self) -> &'static str {
        self.0.1
    }

    /// Whether the code is 4xx or 5xx.
    pub const fn is_error(self) -> bool {
        self.code() >= 400
    }

    /// Whether the code redirects; 304 does not.
    pub const fn is_redirect(self) -> bool {
        matches!(self.code(), 301..=303 | 307 | 308)
    }
}

pub(super) const fn code_has_body(code: u16) -> bool {
    !matches!(code, 100..=199 | 204 | 304)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_displays_code_and_reason() {
        assert_eq!(Status::OK.to_string(), "200 OK");
        assert_eq!(Status::HEADER_FIELDS_TOO_LARGE.to_string(), "431 Request Header Fields Too Large");
        assert_eq!(Status::INSUFFICIENT_STORAGE.code(), 507);
    }

    #[test]
    fn has_body_false_only_for_1xx_204_304() {
        for (status, has_body) in [
            (Status(&(100, "Continue")), false),
            (Status::NO_CONTENT, false),
            (Status::NOT_MODIFIED, false),
            (Status::OK, true),
            (Status::CREATED, true),
            (Status::NOT_FOUND, true),
        ] {
            assert_eq!(code_has_body(status.code()), has_body, "{status}");
        }
    }

    #[test]
    fn is_redirect_true_for_301_308_false_for_304() {
        assert!(Status::MOVED_PERMANENTLY.is_redirect() && Status::PERMANENT_REDIRECT.is_redirect());
        assert!(!Status::NOT_MODIFIED.is_redirect() && !Status::OK.is_redirect());
        assert!(!Status::BAD_REQUEST.is_redirect());
    }

    #[test]
    fn is_error_true_from_400() {
        assert!(!Status::NOT_MODIFIED.is_error());
        assert!(Status::BAD_REQUEST.is_error() && Status::INSUFFICIENT_STORAGE.is_error());
    }
}

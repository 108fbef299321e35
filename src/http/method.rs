//! Request methods (RFC 9110 section 9).
//!
//! Callers decide which methods are served.

/// Request method.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the method it names")]
pub enum Method {
    Get,
    Head,
    Options,
    Put,
    Post,
    Delete,
    Patch,
    Trace,
    Connect,
    /// RFC 4918 section 9.3.
    Mkcol,
    /// Any other well-formed method.
    Unknown,
}

impl Method {
    /// Method with this name. Names are case-sensitive.
    pub fn from_token(token: &[u8]) -> Method {
        match token {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"PUT" => Method::Put,
            b"POST" => Method::Post,
            b"DELETE" => Method::Delete,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            b"MKCOL" => Method::Mkcol,
            _ => Method::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_names_round_trip_and_are_case_sensitive() {
        for name in ["GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE", "PATCH", "TRACE", "CONNECT", "MKCOL"]
        {
            let method = Method::from_token(name.as_bytes());
            assert_eq!(format!("{method:?}").to_uppercase(), name);
            let lower = name.to_ascii_lowercase();
            assert_eq!(Method::from_token(lower.as_bytes()), Method::Unknown);
        }
    }
}

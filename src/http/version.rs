//! HTTP version of a message (RFC 9112 section 2.3).
//!
//! Callers map `VersionError` to a request or response fault.

/// Supported HTTP version. A later HTTP/1.x counts as HTTP/1.1 (RFC 9110 section 2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// HTTP/1.0: closes by default; no chunks or 100 responses.
    Http10,
    /// HTTP/1.1.
    Http11,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum VersionError {
    /// Not `"HTTP/" DIGIT "." DIGIT`.
    Malformed,
    /// Major version other than 1.
    Unsupported,
}

impl Version {
    /// Version in a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Version, VersionError> {
        match bytes {
            b"HTTP/1.1" => Ok(Version::Http11),
            b"HTTP/1.0" => Ok(Version::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Ok(Version::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(VersionError::Unsupported),
            _ => Err(VersionError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_parse_accepts_major_1_only() {
        for (bytes, parsed) in [
            ("HTTP/1.0", Ok(Version::Http10)),
            ("HTTP/1.1", Ok(Version::Http11)),
            ("HTTP/1.2", Ok(Version::Http11)),
            ("HTTP/1.9", Ok(Version::Http11)),
            ("HTTP/0.9", Err(VersionError::Unsupported)),
            ("HTTP/2.0", Err(VersionError::Unsupported)),
            ("HTTP/3.1", Err(VersionError::Unsupported)),
            ("HTTP/1.10", Err(VersionError::Malformed)),
            ("HTTP/11.1", Err(VersionError::Malformed)),
            ("HTTP/1", Err(VersionError::Malformed)),
            ("HTTP/1.", Err(VersionError::Malformed)),
            ("HTTP/1.x", Err(VersionError::Malformed)),
            ("http/1.1", Err(VersionError::Malformed)),
            ("HTTP 1.1", Err(VersionError::Malformed)),
            ("HTTP/1.1 ", Err(VersionError::Malformed)),
            ("", Err(VersionError::Malformed)),
        ] {
            assert_eq!(Version::parse(bytes.as_bytes()), parsed, "{bytes}");
        }
    }
}

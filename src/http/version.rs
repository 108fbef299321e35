//! The version of a message (RFC 9112 section 2.3).
//!
//! It owns which versions we speak. It never decides how to refuse the others: a request and a
//! response with a foreign version are different faults.

/// The versions we speak; a later HTTP/1.x is HTTP/1.1 to us (RFC 9110 section 2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// HTTP/1.0: closes after each answer unless asked not to, knows no chunks and no 100.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Why some bytes are no version of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum VersionError {
    /// Not `"HTTP/" DIGIT "." DIGIT`.
    Malformed,
    /// Well-formed, but the major version is not 1.
    Unsupported,
}

impl Version {
    /// As it stands on the wire; a later HTTP/1.x reads as the 1.1 that it is to us.
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

//! Basic authentication (RFC 7617).
//!
//! Compares nothing.

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::http::syntax::after_prefix;

/// Longest credentials: some hashes take time in proportion.
const CREDENTIALS_LEN_MAX: usize = 1024;

/// Value of WWW-Authenticate.
pub const BASIC_CHALLENGE: &[u8] = b"Basic realm=\"reactor-server\", charset=\"UTF-8\"";

/// `user:password`, without control characters; the user is not empty.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[debug("BasicCredentials(redacted)")]
pub struct BasicCredentials(Vec<u8>);

impl BasicCredentials {
    /// Checks `user:password`.
    pub fn new(text: &[u8]) -> Option<Self> {
        let has_user = text.iter().position(|&byte| byte == b':').is_some_and(|at| at > 0);
        let is_valid = text.len() <= CREDENTIALS_LEN_MAX && !text.iter().any(u8::is_ascii_control);
        (has_user && is_valid).then(|| Self(text.to_owned()))
    }

    /// Parses the value of Authorization.
    pub fn from_field(value: &[u8]) -> Option<Self> {
        let token = after_prefix(value, "Basic ")?.trim_ascii();
        Self::new(&BASE64_STANDARD.decode(token).ok()?)
    }

    /// Both, with the colon.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// User, which has no colon, and password.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        let at = self.0.iter().position(|&byte| byte == b':').unwrap_or_default();
        let (user, password) = self.0.split_at(at);
        (user, password.strip_prefix(b":").unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_parses_to_user_and_password_or_none() {
        let parts = |value: &str| {
            let credentials = BasicCredentials::from_field(value.as_bytes())?;
            let (user, password) = credentials.parts();
            Some((user.to_owned(), password.to_owned()))
        };
        let basic = |text: &[u8]| format!("Basic {}", BASE64_STANDARD.encode(text));
        let found = |user: &[u8], password: &[u8]| Some((user.to_owned(), password.to_owned()));
        assert_eq!(parts("Basic dGVzdDoxMjPCow=="), found(b"test", "123\u{a3}".as_bytes()), "RFC 7617");
        assert_eq!(parts("bASIC   dTpw"), found(b"u", b"p"));
        assert_eq!(parts(&basic(b"u:a:b:")), found(b"u", b"a:b:"));
        assert_eq!(parts(&basic(b"u:")), found(b"u", b""));
        assert_eq!(parts(&basic(b"\xff:\xfe")), found(b"\xff", b"\xfe"));
        for text in [&b""[..], b":", b":p", b"no colon", b"u:a\nb", b"u\0:p", &[b':'; 1025]] {
            assert_eq!(parts(&basic(text)), None, "{text:?}");
        }
        for value in
            ["", "Basic", "Basic ", "Basic dTpw=", "Basic dTp", "Basic !!!!", "Bearer dTpw", "BasicdTpw"]
        {
            assert_eq!(parts(value), None, "{value}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", BasicCredentials::new(b"user:secret"));
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
}

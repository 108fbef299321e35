//! `--cors[=ORIGIN]`: CORS response fields (Fetch standard, section 3.3).
//!
//! The allowed origin is constant, so responses need no `Vary`.

use crate::http::{Fields, field, has_host, is_token, is_token_list};

/// Fields that scripts may read besides the safelisted fields.
const EXPOSED_HEADERS: &[u8] = b"Accept-Ranges, Content-Encoding, Content-Length, Content-Range, Date, ETag, Link, Location, Repr-Digest, Retry-After, Server, Upload-Complete, Upload-Length, Upload-Limit, Upload-Offset";
/// Allowed request fields if the browser's list is missing or invalid.
const ALLOWED_HEADERS: &[u8] = b"Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range";
/// Longest browser list that is echoed: more names than any script needs.
const REQUESTED_HEADERS_LEN_MAX: usize = 1024;
/// Longest cache time of a preflight in Chromium.
const MAX_AGE_SECS: &[u8] = b"7200";

/// Allowed origin: `*`, `null`, or a scheme and a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Parses an origin, in lower case as browsers send it.
    ///
    /// # Errors
    /// Mistake and remedy.
    pub fn parse(text: &str) -> Result<Origin, String> {
        let origin = text.to_ascii_lowercase();
        if matches!(origin.as_str(), "*" | "null") {
            return Ok(Origin(origin));
        }
        let form = "it is not one origin; write it like https://example.com, with no path after it, or *";
        let (scheme, host) = origin.split_once("://").ok_or(form)?;
        let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        // `*` is a legal host character, but such an origin would never match.
        if !is_scheme || !has_host(host.as_bytes()) || host.ends_with(':') || host.contains('*') {
            return Err(form.to_owned());
        }
        // Browsers omit the default port.
        let host = match scheme {
            "http" => host.strip_suffix(":80"),
            "https" => host.strip_suffix(":443"),
            _ => None,
        }
        .unwrap_or(host);
        Ok(Origin(format!("{scheme}://{host}")))
    }

    pub(crate) fn grants(&self, origin: &[u8]) -> bool {
        self.0 == "*" || self.0.as_bytes().eq_ignore_ascii_case(origin)
    }

    pub(crate) fn render(&self, out: &mut Vec<u8>) {
        field(out, "Access-Control-Allow-Origin", self.0.as_bytes());
        field(out, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
    }
}

/// `None`: no preflight.
pub(crate) fn preflight_fields(fields: Fields<'_, '_>, methods: &[u8]) -> Option<Box<[u8]>> {
    fields.first("origin")?;
    fields.first("access-control-request-method").filter(|method| is_token(method))?;
    let requested = fields.first("access-control-request-headers").unwrap_or_default();
    let is_valid_list = requested.len() <= REQUESTED_HEADERS_LEN_MAX && is_token_list(requested);
    let mut out = Vec::with_capacity(256);
    field(&mut out, "Access-Control-Allow-Methods", methods);
    field(&mut out, "Access-Control-Allow-Headers", if is_valid_list { requested } else { ALLOWED_HEADERS });
    field(&mut out, "Access-Control-Max-Age", MAX_AGE_SECS);
    Some(out.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{FieldBuf, parse_request};

    #[test]
    fn origin_parse_normalises_case_and_default_port() {
        for (text, origin) in [
            ("*", "*"),
            ("null", "null"),
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.com", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://a:80", "https://a:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ] {
            assert_eq!(Origin::parse(text), Ok(Origin(origin.to_owned())), "{text}");
        }
    }

    #[test]
    fn origin_parse_invalid_gets_error_with_example() {
        for text in [
            "",
            "example.com",
            "https://",
            "https://example.com/",
            "https://example.com/a",
            "https://a, https://b",
            "https://a https://b",
            "https://*.example.com",
            "https://user@example.com",
            "https://a:",
            "https://a:x",
            "1http://a",
            "http//a",
            "://a",
            "https://a\r\nX: y",
            "https://a?b",
        ] {
            let error = Origin::parse(text).unwrap_err();
            assert!(error.contains("write it like https://example.com"), "{text:?}");
        }
    }

    /// Preflight response to these fields.
    fn preflight_text(fields: &str) -> Option<String> {
        let request = format!("OPTIONS /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut space = FieldBuf::new();
        let (_, head) = parse_request(request.as_bytes(), &mut 0, &mut space).unwrap().unwrap();
        preflight_fields(head.fields, b"GET, HEAD").map(|out| String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn preflight_needs_origin_and_method_fields() {
        assert_eq!(preflight_text(""), None);
        assert_eq!(preflight_text("Origin: http://a\r\n"), None);
        assert_eq!(preflight_text("Access-Control-Request-Method: GET\r\n"), None);
        assert_eq!(preflight_text("Origin: http://a\r\nAccess-Control-Request-Method: G ET\r\n"), None);
        let fields = "Origin: http://a\r\nAccess-Control-Request-Method: PUT\r\n";
        let text = preflight_text(fields).unwrap();
        assert!(
            text.starts_with("Access-Control-Allow-Methods: GET, HEAD\r\nAccess-Control-Allow-Headers: ")
        );
        assert!(text.ends_with("\r\nAccess-Control-Max-Age: 7200\r\n"), "{text}");
    }

    #[test]
    fn preflight_echoes_valid_short_list_else_default() {
        let allowed = |requested: &str| {
            let fields = "Origin: http://a\r\nAccess-Control-Request-Method: GET\r\n";
            let text =
                preflight_text(&format!("{fields}Access-Control-Request-Headers: {requested}\r\n")).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("Access-Control-Allow-Headers: "));
            line.unwrap().to_owned()
        };
        let fixed = String::from_utf8(ALLOWED_HEADERS.to_vec()).unwrap();
        for requested in ["range", "if-match,content-type, x-y", "authorization"] {
            assert_eq!(allowed(requested), requested);
        }
        for requested in ["", "a b", "a,,b", "a: b", "<script>", &"a".repeat(REQUESTED_HEADERS_LEN_MAX + 1)] {
            assert_eq!(allowed(requested), fixed, "{requested}");
        }
        assert_eq!(allowed(&"a".repeat(REQUESTED_HEADERS_LEN_MAX)).len(), REQUESTED_HEADERS_LEN_MAX);
    }
}

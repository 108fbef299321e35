//! `--cache-control 'GLOB=VALUE'`: Cache-Control of matching files.
//!
//! A rule matches the file on disk: `docs/index.html` for `/docs/`.

use super::Glob;
use crate::http::is_field_value;
use crate::text::split_once;

/// Cache-Control value for matching files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    /// Matching files.
    pub glob: Glob,
    /// Field value.
    pub value: Vec<u8>,
}

impl CacheRule {
    /// Parses `GLOB=VALUE`; the first `=` ends the pattern.
    ///
    /// # Errors
    /// Mistake and remedy.
    pub fn parse(text: &[u8]) -> Result<CacheRule, String> {
        let pair = split_once(text, b'=');
        let (pattern, value) = pair.ok_or("it is not a pattern and a value, such as '*.html=no-cache'")?;
        let pattern = std::str::from_utf8(pattern).map_err(|_| "its pattern is not UTF-8")?;
        let glob = Glob::parse(pattern).map_err(|error| format!("as a pattern, {error}"))?;
        let value = Some(value.trim_ascii()).filter(|value| !value.is_empty() && is_field_value(value));
        let value =
            value.ok_or("its value is empty or has a control character; write it like 'max-age=3600'")?;
        Ok(CacheRule { glob, value: value.to_vec() })
    }
}

pub(crate) fn cache_control<'a>(rules: &'a [CacheRule], name: &[u8]) -> Option<&'a [u8]> {
    rules.iter().find(|rule| rule.glob.matches(name)).map(|rule| rule.value.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_first_matching_rule_wins() {
        let texts = ["*.html=no-cache", "assets/**=public, max-age=31536000, immutable", "**= max-age=60 "];
        let rules: Vec<_> =
            texts.iter().map(|text| CacheRule::parse(text.as_bytes()).expect("a rule")).collect();
        for (name, expected) in [
            ("index.html", "no-cache"),
            ("assets/a.html", "no-cache"),
            ("assets/a.js", "public, max-age=31536000, immutable"),
            ("a.js", "max-age=60"),
        ] {
            assert_eq!(cache_control(&rules, name.as_bytes()), Some(expected.as_bytes()), "{name}");
        }
        assert_eq!(cache_control(&rules[..1], b"a.js"), None);
    }

    #[test]
    fn cache_rule_invalid_text_gets_error_with_remedy() {
        for (text, part) in [
            (&b"*.html"[..], "such as '*.html=no-cache'"),
            (b"=no-cache", "as a pattern, it is empty"),
            (b"[a=no-cache", "as a pattern, unclosed character class"),
            (b"caf\xe9=x", "not UTF-8"),
            (b"*.html =x", "as a pattern, it has white space around it"),
            (b"*.html=", "its value is empty"),
            (b"*.html= ", "its value is empty"),
            (b"*.html=a\r\nX: y", "control character"),
        ] {
            let error = CacheRule::parse(text).unwrap_err();
            assert!(error.contains(part), "{}: {error}", text.escape_ascii());
        }
    }
}

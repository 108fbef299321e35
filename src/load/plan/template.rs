//! Text with placeholders, rendered for each request: `{SEQ}` and `{RAND:a:b}`.
//!
//! Other braces are literal, so JSON needs no escapes; `{{SEQ}` sends `{SEQ}`.

mod request;

use fastrand::Rng;

use crate::cli::quote;
use crate::http::decimal;

pub use request::{RequestParts, RequestTemplate};

const REMEDY: &str = "there are {SEQ} and {RAND:1:100}; for the text itself, write {{";

/// A body may contain any bytes.
const NAME_LEN_MAX: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Bytes(Vec<u8>),
    Sequence,
    /// First and last, inclusive.
    Random(u64, u64),
}

/// Bytes with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<TemplatePart>);

impl Template {
    /// Parses placeholders.
    ///
    /// # Errors
    /// An unknown placeholder and the remedy, to follow a colon.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.iter().position(|&byte| byte == b'{') {
            let (before, from) = rest.split_at(at);
            template.push_bytes(before);
            rest = template.parse_brace(from)?;
        }
        template.push_bytes(rest);
        Ok(template)
    }

    /// Literal bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(vec![TemplatePart::Bytes(bytes)])
    }

    /// Appends the bytes for request `seq`.
    pub fn render(&self, out: &mut Vec<u8>, seq: u64, random: &mut Rng) {
        for part in &self.0 {
            match part {
                TemplatePart::Bytes(bytes) => out.extend_from_slice(bytes),
                TemplatePart::Sequence => decimal(out, seq),
                TemplatePart::Random(first, last) => decimal(out, random.u64(first..=last)),
            }
        }
    }

    /// The bytes, if none vary.
    pub fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [TemplatePart::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    fn is_random(&self) -> bool {
        self.0.iter().any(|part| matches!(part, TemplatePart::Random(..)))
    }

    fn parse_brace<'a>(&mut self, from: &'a [u8]) -> Result<&'a [u8], String> {
        let inner = from.get(1..).unwrap_or_default();
        if let Some(escaped) = inner.strip_prefix(b"{")
            && placeholder_name(escaped).is_some()
        {
            self.push_bytes(b"{");
            return Ok(escaped);
        }
        let Some(name) = placeholder_name(inner) else {
            self.push_bytes(b"{");
            return Ok(inner);
        };
        let Some(len) = inner.iter().position(|&byte| byte == b'}') else {
            return Err(format!("the placeholder {} is not closed; {REMEDY}", quote(format!("{{{name}"))));
        };
        let (placeholder_text, rest) = inner.split_at(len);
        let placeholder_text = String::from_utf8_lossy(placeholder_text);
        self.0.push(parse_placeholder(&placeholder_text)?);
        Ok(rest.get(1..).unwrap_or_default())
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(TemplatePart::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(TemplatePart::Bytes(bytes.to_vec())),
        }
    }
}

/// Placeholder name: capitals up to `}` or `:`, or a known name in any case.
fn placeholder_name(inner: &[u8]) -> Option<&str> {
    let len = inner.iter().take(NAME_LEN_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = std::str::from_utf8(inner.get(..len)?).ok().filter(|name| !name.is_empty())?;
    let ends = matches!(inner.get(len), Some(b'}' | b':') | None);
    let is_known = ["SEQ", "RAND"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (ends && (is_known || name.bytes().all(|byte| byte.is_ascii_uppercase()))).then_some(name)
}

fn parse_placeholder(placeholder_text: &str) -> Result<TemplatePart, String> {
    let parts: Vec<&str> = placeholder_text.split(':').collect();
    let shown = quote(format!("{{{placeholder_text}}}"));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    match parts.as_slice() {
        ["SEQ"] => Ok(TemplatePart::Sequence),
        ["RAND", bounds @ ..] => match bounds.iter().map(|bound| number(bound)).collect::<Vec<_>>()[..] {
            [Some(first), Some(last)] if first <= last => Ok(TemplatePart::Random(first, last)),
            [Some(_), Some(_)] => {
                Err(format!("{shown} ends before it begins; write the smaller number first"))
            }
            _ => Err(format!("{shown} is written with two whole numbers, such as {{RAND:1:100}}")),
        },
        [name, ..] if name.eq_ignore_ascii_case("SEQ") || name.eq_ignore_ascii_case("RAND") => {
            Err(format!("{shown} is not a placeholder: names are in capital letters, and {REMEDY}"))
        }
        _ => Err(format!("{shown} is not a placeholder: {REMEDY}")),
    }
}

/// A request target cannot contain literal braces.
pub(super) fn encode_loose_braces(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        encoded.push_str(before);
        let is_open = from.starts_with('{');
        let is_named = |inner: &str| is_open && placeholder_name(inner.as_bytes()).is_some();
        rest = from.get(1..).unwrap_or_default();
        if is_named(rest) {
            // Rejected later by name, if unclosed.
            let (inner, after) = rest.split_at(rest.find('}').map_or(0, |len| len + 1));
            encoded.push('{');
            encoded.push_str(inner);
            rest = after;
        } else {
            encoded.push_str(if is_open { "%7B" } else { "%7D" });
            rest = rest.strip_prefix('{').filter(|inner| is_named(inner)).unwrap_or(rest);
        }
    }
    encoded.push_str(rest);
    encoded
}

#[cfg(test)]
mod tests;

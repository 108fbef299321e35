//! Text with placeholders, rendered for each request: `{SEQ}` and `{RAND:a:b}`.
//!
//! Other braces are literal, so JSON needs no escapes; `{{SEQ}` sends `{SEQ}`.

mod request;

use fastrand::Rng;

use crate::cli::quote;
use crate::http::decimal;
use crate::text::split_once;

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
        while let Some((before, inner)) = split_once(rest, b'{') {
            template.push_bytes(before);
            rest = template.parse_brace(inner)?;
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

    /// Source text for a request target, which cannot contain literal braces.
    fn to_target(&self) -> String {
        let source = |part: &TemplatePart| match part {
            TemplatePart::Bytes(bytes) => {
                String::from_utf8_lossy(bytes).replace('{', "%7B").replace('}', "%7D")
            }
            TemplatePart::Sequence => "{SEQ}".to_owned(),
            TemplatePart::Random(first, last) => format!("{{RAND:{first}:{last}}}"),
        };
        self.0.iter().map(source).collect()
    }

    fn is_random(&self) -> bool {
        self.0.iter().any(|part| matches!(part, TemplatePart::Random(..)))
    }

    /// Returns the rest after a brace, an escaped brace or a placeholder.
    fn parse_brace<'a>(&mut self, inner: &'a [u8]) -> Result<&'a [u8], String> {
        let Some(name) = placeholder_name(inner) else {
            self.push_bytes(b"{");
            let escaped = inner.strip_prefix(b"{").filter(|escaped| placeholder_name(escaped).is_some());
            return Ok(escaped.unwrap_or(inner));
        };
        let Some((placeholder_text, rest)) = split_once(inner, b'}') else {
            return Err(format!("the placeholder {} is not closed; {REMEDY}", quote(format!("{{{name}"))));
        };
        self.0.push(parse_placeholder(&String::from_utf8_lossy(placeholder_text))?);
        Ok(rest)
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

#[cfg(test)]
mod tests;

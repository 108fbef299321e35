//! Text with placeholders, rendered anew for each request: `{SEQ}` and `{RAND:a:b}`.
//!
//! It owns how placeholders are written and escaped; the requests of a run are put together in `request`. A brace that begins
//! no placeholder is itself, so JSON needs no care; `{{SEQ}` sends `{SEQ}`. Rendering allocates
//! nothing of its own, and without placeholders it is one copy.

mod request;

use crate::cli::quote;
use crate::http::decimal;

use super::random::Random;

pub use request::{RequestParts, RequestTemplate};

/// What a refusal recommends.
const REMEDY: &str = "there are {SEQ} and {RAND:1:100}; for the text itself, write {{";

/// The longest name that is taken for that of a placeholder: a body may hold any bytes.
const NAME_LEN_MAX: usize = 16;

/// A part of what is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    /// Always the same.
    Bytes(Vec<u8>),
    /// The number of the request.
    Sequence,
    /// A whole number from the first to the second.
    Random(u64, u64),
}

/// Bytes with placeholders among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<TemplatePart>);

impl Template {
    /// Reads the placeholders in a text.
    ///
    /// # Errors
    /// A placeholder that there is not, in words to stand behind a colon; they name the remedy.
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

    /// These bytes, whatever is in them.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(vec![TemplatePart::Bytes(bytes)])
    }

    /// Appends what this request has in the place of the placeholders.
    pub fn render(&self, out: &mut Vec<u8>, seq: u64, random: &mut Random) {
        for part in &self.0 {
            match part {
                TemplatePart::Bytes(bytes) => out.extend_from_slice(bytes),
                TemplatePart::Sequence => decimal(out, seq),
                TemplatePart::Random(first, last) => decimal(out, random.between(*first, *last)),
            }
        }
    }

    /// The bytes, if there are no placeholders among them.
    pub fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [TemplatePart::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Whether it differs from one time to the next by chance.
    fn is_random(&self) -> bool {
        self.0.iter().any(|part| matches!(part, TemplatePart::Random(..)))
    }

    /// Takes what begins with a brace; returns what follows.
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

/// The name of the placeholder that begins here, behind its brace: capital letters up to `}` or `:`, or
/// a name that there is, in small ones.
fn placeholder_name(inner: &[u8]) -> Option<&str> {
    let len = inner.iter().take(NAME_LEN_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = std::str::from_utf8(inner.get(..len)?).ok().filter(|name| !name.is_empty())?;
    let ends = matches!(inner.get(len), Some(b'}' | b':') | None);
    let is_known = ["SEQ", "RAND"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (ends && (is_known || name.bytes().all(|byte| byte.is_ascii_uppercase()))).then_some(name)
}

/// Understands what stands between the braces.
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
            Err(format!("{shown} is no placeholder: names are in capital letters, and {REMEDY}"))
        }
        _ => Err(format!("{shown} is no placeholder: {REMEDY}")),
    }
}

/// Percent-encodes the braces of a path that belong to no placeholder: they cannot be sent as they are.
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
            // One that is never closed is refused later, by its name.
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

//! Request templates, one per URL.
//!
//! Nothing is sent here.

use fastrand::Rng;

use crate::cli::quote;
use crate::client::config::{FieldEdit, NamedEdit};
use crate::client::request::{begin_head, last_edit};
use crate::client::target::ClientTarget;
use crate::http::{decimal, end_head, field};

use super::Template;

/// Common parts.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestParts<'a> {
    /// Method, as sent.
    pub method: &'a str,
    /// Field edits in order; values may have placeholders.
    pub fields: &'a [NamedEdit],
    /// Body, if any.
    pub body: Option<&'a Template>,
    /// Connection reuse.
    pub keep_alive: bool,
}

/// End of the last field line and of the head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Templates by URL index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestTemplate(Vec<UrlTemplate>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct UrlTemplate {
    /// Whole request, or the part before a variable length.
    head: Template,
    /// Body of variable length.
    body: Option<Template>,
}

impl RequestTemplate {
    /// Paths and field values may have placeholders.
    ///
    /// # Errors
    /// An unknown placeholder and its place.
    pub fn new(targets: &[ClientTarget], parts: &RequestParts<'_>) -> Result<Self, String> {
        targets.iter().map(|target| UrlTemplate::new(target, parts)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a template is random.
    pub fn is_random(&self) -> bool {
        self.0.iter().any(|url| url.head.is_random() || url.body.as_ref().is_some_and(Template::is_random))
    }

    /// Appends request `seq` for the URL.
    pub fn render(&self, out: &mut Vec<u8>, url: u32, seq: u64, random: &mut Rng) {
        let Some(UrlTemplate { head, body }) = usize::try_from(url).ok().and_then(|url| self.0.get(url))
        else {
            return;
        };
        head.render(out, seq, random);
        let Some(body) = body else { return };
        let length_at = out.len();
        out.extend_from_slice(HEAD_END);
        let body_at = out.len();
        body.render(out, seq, random);
        // The length is known only now: rotate it to its place.
        let end = out.len();
        decimal(out, (end - body_at) as u64);
        let len_len = out.len() - end;
        if let Some(rest) = out.get_mut(length_at..) {
            rest.rotate_right(len_len);
        }
    }
}

impl UrlTemplate {
    fn new(target: &ClientTarget, parts: &RequestParts<'_>) -> Result<Self, String> {
        let mut fields = Vec::new();
        for (name, edit) in parts.fields {
            if let FieldEdit::Set(value) = edit {
                Template::parse(value.as_bytes())
                    .map_err(|error| format!("option '--header' with {}: {error}", quote(name)))?;
                field(&mut fields, name, value.as_bytes());
            }
        }
        let path = Template::parse(target.path.as_bytes())
            .map_err(|error| format!("{}: {error}", quote(&target.path)))?;
        let mut head = begin_head(parts.method, &path.to_target(), target, parts.fields);
        if !parts.keep_alive && last_edit(parts.fields, "connection").is_none() {
            field(&mut head, "Connection", b"close");
        }
        head.append(&mut fields);
        let Some(body) = parts.body else {
            end_head(&mut head);
            return Ok(Self { head: Template::parse(&head)?, body: None });
        };
        // `Content-Length` is last, so that its position is known.
        head.extend_from_slice(b"Content-Length: ");
        let mut head = Template::parse(&head)?;
        let Some(bytes) = body.constant() else { return Ok(Self { head, body: Some(body.clone()) }) };
        head.push_bytes(&[bytes.len().to_string().as_bytes(), HEAD_END, bytes].concat());
        Ok(Self { head, body: None })
    }
}

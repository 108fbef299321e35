//! Redirects of `--location` (RFC 9110 section 15.4).
//!
//! Each is a request on a connection of its own.

use super::Session;
use crate::client::messages::printable;
use crate::client::run_error::RunError;
use crate::client::upload::UploadBody;
use crate::http::{RequestBody, ResponseHead};

/// Fields for the first origin alone.
const SECRET_FIELDS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

impl Session {
    pub(super) fn on_redirect(&mut self, head: &ResponseHead<'_>) -> Result<(), RunError> {
        let (Some(max), 300..=303 | 307 | 308) = (self.config.redirects_max, head.status) else {
            return Ok(());
        };
        let location = head.fields.first("location").filter(|location| !location.is_empty());
        let Some(location) = location else { return Ok(()) };
        let location = String::from_utf8_lossy(&location);
        let target = self.config.target.resolve(&location).map_err(RunError::BadRedirect)?;
        let url = printable(target.url().as_bytes());
        if self.redirects == max {
            return Err(RunError::TooManyRedirects(max, url));
        }
        let becomes_get = match (head.status, &*self.config.method) {
            (_, "GET" | "HEAD") | (307 | 308, _) => false,
            (303, _) => true,
            (_, method) => method == "POST",
        };
        self.unredirected.get_or_insert_with(|| Box::new(self.config.clone()));
        if becomes_get {
            self.drop_body();
        } else if !self.upload.as_mut().is_none_or(UploadBody::rewind) {
            let text = format!("the server redirects to {url}, and the body cannot be read again");
            return Err(RunError::Status(text));
        }
        if !target.has_origin_of(&self.config.target) {
            self.config.fields.retain(|(name, _)| !SECRET_FIELDS.contains(&&*name.to_ascii_lowercase()));
            self.has_moved = true;
        }
        self.say(format_args!("redirected to {url}"));
        self.config.target = target;
        (self.redirects, self.repeats) = (self.redirects + 1, true);
        self.write_head(head)
    }

    /// The next file goes to the first origin again.
    pub(super) fn end_redirects(&mut self) {
        if let Some(config) = self.unredirected.take() {
            (self.config, self.redirects, self.has_moved) = (*config, 0, true);
        }
    }

    fn drop_body(&mut self) {
        "GET".clone_into(&mut self.config.method);
        (self.upload, self.config.upload, self.resume) = (None, None, None);
        self.framing = RequestBody::None;
        let is_of_body =
            |name: &str| name.starts_with("content-") || ["repr-digest", "trailer", "expect"].contains(&name);
        self.config.fields.retain(|(name, _)| !is_of_body(&name.to_ascii_lowercase()));
    }
}

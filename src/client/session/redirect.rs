//! Redirects of `--location` (RFC 9110 section 15.4).
//!
//! Each is a request on a connection of its own.

use percent_encoding::{AsciiSet, percent_encode};

use super::Session;
use super::resume::Resumption;
use crate::client::messages::printable;
use crate::client::run_error::RunError;
use crate::client::upload::UploadBody;
use crate::http::{RequestBody, ResponseHead};

/// Fields for the first origin alone.
const SECRET_FIELDS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

impl Session {
    /// Prepares the request to the place that `head` redirects to, if it is to be followed.
    pub(super) fn on_redirect(&mut self, head: &ResponseHead<'_>) -> Result<(), RunError> {
        let location = head.fields.first("location").filter(|location| !location.is_empty());
        let (Some(max), Some(location)) = (self.config.redirects_max, location) else { return Ok(()) };
        if !self.follows(head.status) {
            return Ok(());
        }
        let location = percent_encode(&location, &AsciiSet::EMPTY).to_string();
        let target = self.config.target.resolve(&location).map_err(RunError::BadRedirect)?;
        let url = printable(target.url().as_bytes());
        if self.redirects == max {
            return Err(RunError::TooManyRedirects(max, url));
        }
        self.unredirected.get_or_insert_with(|| Box::new(self.config.clone()));
        if self.becomes_get(head.status) {
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
        // An upload resource is of one place.
        self.resume = self.resume.take().map(|_| Resumption::default());
        (self.config.target, self.tls_session) = (target, None);
        (self.redirects, self.repeats) = (self.redirects + 1, true);
        self.write_head(head)
    }

    /// Not from the resource of an upload that was begun. A PUT that becomes a GET has stored nothing, and a DELETE that
    /// the user was asked about is of one target.
    fn follows(&self, status: u16) -> bool {
        let has_resource = self.resume.as_ref().is_some_and(|resume| resume.resource.is_some());
        match (status, &*self.config.method) {
            (303, "PUT") => false,
            (_, "DELETE") if !self.config.assume_yes => false,
            (300..=303 | 307 | 308, _) => !has_resource,
            _ => false,
        }
    }

    fn becomes_get(&self, status: u16) -> bool {
        match (status, &*self.config.method) {
            (303, method) => method != "HEAD",
            (301 | 302, method) => method == "POST",
            _ => false,
        }
    }

    /// The next file goes to the first origin again.
    pub(super) fn end_redirects(&mut self) {
        if let Some(config) = self.unredirected.take() {
            (self.config, self.redirects, self.has_moved, self.tls_session) = (*config, 0, true, None);
        }
    }

    fn drop_body(&mut self) {
        "GET".clone_into(&mut self.config.method);
        (self.upload, self.config.upload, self.resume) = (None, None, None);
        self.framing = RequestBody::None;
        let is_of_body = |name: &str| {
            ["content-", "if-"].iter().any(|start| name.starts_with(start))
                || ["repr-digest", "trailer", "expect"].contains(&name)
        };
        self.config.fields.retain(|(name, _)| !is_of_body(&name.to_ascii_lowercase()));
    }
}

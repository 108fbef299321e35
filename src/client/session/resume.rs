//! Resumable upload of `--resume` (draft-ietf-httpbis-resumable-upload-11).
//!
//! A 104 response to the PUT names the upload resource. After a fault, HEAD tells its offset, and PATCH sends the rest, each on a
//! connection of its own.

use std::mem;
use std::time::Duration;

use super::Session;
use crate::client::config::FieldEdit;
use crate::client::request::{self, NO_EXPECT_LEN_MAX};
use crate::client::run_error::RunError;
use crate::client::target::ClientTarget;
use crate::client::upload::UploadBody;
use crate::http::{Method, RequestBody, ResponseHead};
use crate::reactor::Now;
use crate::text::units::{duration, plural};

/// Of draft 09 to 11.
const INTEROP_VERSION: &str = "8";
/// Attempts without a greater offset, 140 s in all: a server that restarts is back by then.
const RETRIES_MAX: u32 = 12;
/// First wait; each wait without a greater offset is twice as long.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// Longest wait.
const DELAY_MAX: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Resumption {
    pub(super) resource: Option<String>,
    /// Last one that a response told.
    offset: u64,
    /// Of all upload resources.
    greatest_offset: u64,
    /// The next request sends from the offset.
    is_told: bool,
    retries: u32,
}

impl Session {
    pub(super) fn render_request(&mut self) -> Vec<u8> {
        let (Some(resume), Some(upload)) = (&mut self.resume, &mut self.upload) else {
            return request::render(&self.config, self.framing);
        };
        let (mut config, is_told) = (self.config.clone(), mem::take(&mut resume.is_told));
        upload.start = if is_told { resume.offset } else { 0 };
        self.framing = RequestBody::Length(upload.len().unwrap_or_default() - upload.start);
        if let Some(resource) = &resume.resource {
            config.target.path.clone_from(resource);
            config.method = if is_told { "PATCH" } else { "HEAD" }.to_owned();
            let is_of_creation = |name: &str| name.starts_with("if-") || name == "repr-digest";
            config.fields.retain(|(name, _)| !is_of_creation(&name.to_ascii_lowercase()));
        }
        let mut set = |name, value: &str| config.set_field(name, FieldEdit::Set(value.to_owned()));
        if is_told {
            set("Content-Type", "application/partial-upload");
            set("Upload-Offset", &upload.start.to_string());
        }
        if is_told || resume.resource.is_none() {
            set("Upload-Draft-Interop-Version", INTEROP_VERSION);
            set("Upload-Complete", "?1");
        } else {
            self.framing = RequestBody::None;
        }
        request::render(&config, self.framing)
    }

    pub(crate) fn method(&self) -> Method {
        Method::from_token(self.request.split(|&byte| byte == b' ').next().unwrap_or_default())
    }

    pub(super) fn on_interim(&mut self, head: &ResponseHead<'_>) {
        if self.config.verbose {
            self.print_head(head);
        }
        let is_known = item(head, "upload-draft-interop-version").as_deref() == Some(INTEROP_VERSION);
        if let Some(resume) = self.resume.as_mut().filter(|_| head.status == 104 && is_known) {
            let location = head.fields.first("location");
            let path = location.and_then(|url| path_of(str::from_utf8(&url).ok()?, &self.config.target));
            resume.resource = resume.resource.take().or(path);
        }
    }

    /// Finds out whether another attempt may succeed. The response to HEAD tells the offset.
    pub(super) fn on_resumable_head(&mut self, head: &ResponseHead<'_>) -> Result<(), RunError> {
        let (method, len) = (self.method(), self.upload.as_ref().and_then(UploadBody::len));
        let Some(resume) = &mut self.resume else { return Ok(()) };
        let offset = item(head, "upload-offset").and_then(|offset| offset.parse().ok());
        let is_complete = item(head, "upload-complete");
        let fault = |text: &str| Err(RunError::Status(text.to_owned()));
        match (head.status, method, offset, is_complete.as_deref()) {
            (408 | 429 | 500 | 502..=504, ..) | (409, Method::Patch, Some(_), _) => self.is_transient = true,
            // It has expired: from the start.
            (404 | 410, Method::Head | Method::Patch, ..) => {
                (resume.resource, resume.offset, self.is_transient) = (None, 0, true);
            }
            (200..=299, Method::Put | Method::Patch, _, Some("?0")) => {
                self.is_transient = true;
                return fault("the server has not taken all of it");
            }
            (200..=299, Method::Head, Some(_), Some("?1")) if offset == len => {}
            (200..=299, Method::Head, Some(told), Some("?0")) if told >= resume.offset && offset <= len => {
                if told > resume.greatest_offset {
                    (resume.greatest_offset, resume.retries) = (told, 0);
                }
                (resume.offset, resume.is_told, self.repeats) = (told, true, true);
            }
            (200..=299, Method::Head, ..) => {
                return fault("the server does not tell an offset that can be of this upload");
            }
            _ => {}
        }
        Ok(())
    }

    /// True if another request follows, after a wait.
    pub(super) fn retries_after(&mut self, error: &RunError, now: Now) -> bool {
        let is_late = self.config.max_time.is_some_and(|time| self.started + time <= now.instant);
        let may_retry = self.is_transient(error) && self.has_connected && !is_late && !self.is_unresumable();
        let Some(resume) = self.resume.as_mut().filter(|it| may_retry && it.retries < RETRIES_MAX) else {
            return false;
        };
        let delay = (DELAY_MIN * (1 << resume.retries)).min(DELAY_MAX);
        resume.retries += 1;
        self.reconnect_at = Some(now.instant + delay);
        self.say(format_args!("{error}; trying again in {}", duration(delay)));
        self.reset();
        true
    }

    /// A long file is not sent again to a server without resumable uploads.
    fn is_unresumable(&self) -> bool {
        let sent_len = self.sent_len.saturating_sub(self.request.len() as u64);
        self.method() == Method::Put && self.lacks_resource() && sent_len > NO_EXPECT_LEN_MAX
    }

    pub(super) fn lacks_resource(&self) -> bool {
        self.resume.as_ref().is_some_and(|resume| resume.resource.is_none())
    }

    fn is_transient(&self, error: &RunError) -> bool {
        match error {
            RunError::Status(_) => self.is_transient,
            RunError::Digest(_) | RunError::Several(..) => false,
            // Codes of a connection that is lost, late or not made.
            error => matches!(error.exit_code(), 7 | 18 | 28 | 35 | 52 | 55 | 56),
        }
    }

    pub(super) fn with_remainder(&self, error: RunError) -> RunError {
        let Some(resume) = self.resume.as_ref().filter(|_| self.is_transient(&error)) else { return error };
        let len = self.upload.as_ref().and_then(UploadBody::len).unwrap_or_default();
        let remainder = match &resume.resource {
            Some(_) => format!("the server has {} of {}", resume.offset, plural(len, "byte")),
            None if self.is_unresumable() => {
                "it cannot be resumed: the server does not speak resumable uploads".to_owned()
            }
            None => return error,
        };
        RunError::Several(format!("{error}; {remainder}"), error.exit_code())
    }
}

/// Item (RFC 9651) without parameters.
fn item(head: &ResponseHead<'_>, name: &str) -> Option<String> {
    let value = head.fields.first(name)?;
    Some(str::from_utf8(&value).ok()?.split(';').next()?.trim().to_owned())
}

/// Path of a URL of the same origin.
fn path_of(url: &str, target: &ClientTarget) -> Option<String> {
    let own = target.url();
    let path = own.strip_suffix(&target.path).and_then(|origin| url.strip_prefix(origin)).unwrap_or(url);
    let is_path = path.starts_with('/') && !path.starts_with("//");
    (is_path && path.bytes().all(|byte| byte.is_ascii_graphic())).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_resource_is_a_path_of_the_same_origin() {
        let target = ClientTarget {
            host: "a.test".to_owned(),
            port: 8080,
            is_tls: false,
            path: "/up/file".to_owned(),
        };
        for (url, path) in [
            ("/there?x", Some("/there?x")),
            ("http://a.test:8080/there", Some("/there")),
            ("http://a.test:80801/there", None),
            ("http://a.test:8080@b.test/there", None),
            ("http://b.test:8080/there", None),
            ("https://a.test:8080/there", None),
            ("//b.test/there", None),
            ("http://a.test:8080//b.test", None),
            ("there", None),
            ("/a b", None),
            ("/a\r\nX: y", None),
            ("", None),
        ] {
            assert_eq!(path_of(url, &target).as_deref(), path, "{url}");
        }
    }

    #[test]
    fn waits_between_attempts_end_after_minutes() {
        let delays = (0..RETRIES_MAX).map(|retries| (DELAY_MIN * (1 << retries)).min(DELAY_MAX));
        assert_eq!(delays.sum::<Duration>().as_secs(), 141);
    }
}

//! Next file of a batch.
//!
//! Never touches the connection.

use std::io;

use super::Session;
use super::resume::Resumption;
use crate::client::config::FieldEdit;
use crate::client::messages::printable;
use crate::client::run_error::RunError;
use crate::client::sink::OutputSink;
use crate::client::upload::UploadBody;
use crate::client::upload_queue::{UploadItem, UploadQueue};
use crate::http::RequestBody;
use crate::reactor::Now;
use crate::text::units::{duration, plural};

impl Session {
    /// False, with an outcome, if no file is left.
    pub(super) fn begin_next(&mut self, now: Now) -> bool {
        while let Some(next) = self.uploads.next() {
            match next.and_then(|item| self.open(&item)) {
                Ok(()) => return true,
                Err(error) => self.settle(Err(error), now),
            }
            if self.outcome.is_some() {
                return false;
            }
        }
        self.outcome = Some(Ok(()));
        false
    }

    fn open(&mut self, item: &UploadItem) -> Result<(), RunError> {
        self.end_redirects();
        let algorithm = self.config.repr_digest;
        let source_error = |source| RunError::Source(item.payload.to_string(), source);
        let mut upload = UploadBody::open(&item.payload, algorithm).map_err(source_error)?;
        if let Some(algorithm) = algorithm {
            self.blocking_wait.run(|| upload.compute_digest(algorithm))?.map_err(source_error)?;
            match &upload.digest {
                None => self.config.set_field("Trailer", FieldEdit::Set("Repr-Digest".to_owned())),
                Some(digest) => self.config.set_field("Repr-Digest", FieldEdit::Set(digest.to_string())),
            }
        }
        if self.config.resume && upload.len().is_none() {
            return Err(source_error(io::Error::other("it is no regular file: leave out --resume")));
        }
        self.resume = self.config.resume.then(Resumption::default);
        self.framing = upload.len().map_or(RequestBody::Chunked, RequestBody::Length);
        self.config.target.path.clone_from(&item.path);
        self.config.upload = Some(item.payload.clone());
        self.upload = Some(upload);
        self.reset();
        Ok(())
    }

    pub(super) fn reset(&mut self) {
        self.request = self.render_request();
        (self.unsent, self.discards, self.is_transient) = (false, false, false);
        (self.received_len, self.sent_len) = (0, 0);
        (self.status, self.reason, self.digest_check) = ((0, String::new()), Vec::new(), None);
    }

    /// Nothing is settled if another request follows.
    pub(crate) fn settle(&mut self, result: Result<(), RunError>, now: Now) {
        if result.as_ref().is_err_and(|error| self.retries_after(error, now)) {
            return;
        }
        let is_of_one = self.uploads.is_batch && result.as_ref().is_err_and(RunError::is_of_one_file);
        match result.map_err(|error| self.with_remainder(error)) {
            Err(error) if is_of_one => {
                let path = printable(self.config.target.path.as_bytes());
                let text = match &error {
                    RunError::Source(..) => error.to_string(),
                    _ => format!("{path}: {error}"),
                };
                self.say(format_args!("{text}"));
                self.uploads.first_error.get_or_insert((text, error.exit_code()));
            }
            Err(error) => self.fail(error),
            Ok(()) if self.uploads.is_batch => {
                self.uploads.sent += 1;
                self.uploads.sent_len += self.uploads.current_len;
            }
            Ok(()) => self.outcome = Some(Ok(())),
        }
    }

    pub(crate) fn conclude(&mut self, now: Now) -> Result<(), RunError> {
        let mut outcome = self.outcome.take().unwrap_or(Ok(()));
        if !self.uploads.is_batch || matches!(outcome, Err(RunError::Interrupted(_))) {
            return outcome;
        }
        self.progress.clear();
        if outcome.is_ok() {
            outcome = self.with_sink(OutputSink::finish);
        }
        let UploadQueue { count, sent, sent_len, .. } = self.uploads;
        let (files, len) = (plural(count as u64, "file"), plural(sent_len, "byte"));
        let time = duration(now.instant.saturating_duration_since(self.started));
        let last = outcome.err().map(|error| (error.to_string(), error.exit_code()));
        if let (Some(_), Some((text, _))) = (&self.uploads.first_error, &last) {
            self.say(format_args!("{text}"));
        }
        self.say(format_args!("sent {sent} of {files}, {len}, in {time}"));
        match self.uploads.first_error.take().or(last) {
            None => Ok(()),
            Some((text, code)) => {
                let failed = count - sent;
                Err(RunError::Several(format!("{failed} of {files} not sent; the first error: {text}"), code))
            }
        }
    }
}

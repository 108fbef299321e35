//! Response handling: shows, saves, counts and confirms.
//!
//! The body goes to the sink unchanged, messages to standard error.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use super::blocking::InterruptibleWait;
use super::config::ClientConfig;
use super::connection::{BodyProgress, FetchError, ResponseHandler};
use super::log::{ExchangeLog, write_fields};
use super::messages::printable;
use super::progress::TransferProgress;
use super::request;
use super::run_error::RunError;
use super::sink::OutputSink;
use super::source::Payload;
use super::upload::UploadBody;
use crate::cli::say;
use crate::http::{Fields, RequestBody, ResponseBody, ResponseEvent, ResponseHead};
use crate::net::{AddressConnector, CloseReason, SendQueue};
use crate::reactor::Now;
use crate::text::units::{duration, plural};

pub(super) struct Session {
    pub(super) config: ClientConfig,
    request: Vec<u8>,
    sink: OutputSink,
    pub(super) blocking_wait: InterruptibleWait,
    pub(super) progress: TransferProgress,
    started: Instant,
    pub(super) connector: AddressConnector,
    media_type: String,
    received_len: u64,
    pub(super) outcome: Option<Result<(), RunError>>,
    log: ExchangeLog,
    upload: Option<UploadBody>,
    pub(super) framing: RequestBody,
    /// The final response arrived before the request was sent.
    unsent: bool,
    /// Code, and text such as `403 Forbidden`.
    status: (u16, String),
}

impl Session {
    pub(super) fn new(
        config: ClientConfig,
        upload: Option<UploadBody>,
        connector: AddressConnector,
        log: ExchangeLog,
        now: Now,
    ) -> Self {
        let framing = match upload.as_ref().map(UploadBody::len) {
            None => RequestBody::None,
            Some(Some(len)) => RequestBody::Length(len),
            Some(None) => RequestBody::Chunked,
        };
        Self {
            request: request::render(&config, framing),
            sink: OutputSink::new(&config.output),
            blocking_wait: InterruptibleWait::default(),
            progress: TransferProgress::new(!config.silent),
            started: now.instant,
            connector,
            media_type: String::new(),
            received_len: 0,
            outcome: None,
            log,
            config,
            upload,
            framing,
            unsent: false,
            status: (0, String::new()),
        }
    }

    pub(super) fn on_sent(&self, sent_total: u64) {
        if self.upload.is_some() && self.status.0 == 0 {
            self.progress.set_position(sent_total.saturating_sub(self.request.len() as u64));
        }
    }

    /// The first error counts.
    pub(super) fn fail(&mut self, error: RunError) {
        self.progress.clear();
        self.outcome.get_or_insert(Err(error));
    }

    fn say(&self, line: fmt::Arguments<'_>) {
        if !self.config.silent {
            say(line);
        }
    }

    fn print_head(&self, head: &ResponseHead<'_, '_>) {
        let line = format!("{} {}", head.version.as_str(), status_text(head));
        if !self.config.verbose {
            return self.say(format_args!("{line}"));
        }
        self.say(format_args!("< {line}"));
        for (name, value) in head.fields.iter() {
            self.say(format_args!("< {name}: {}", printable(value)));
        }
        self.say(format_args!("<"));
    }

    fn on_head(&mut self, head: &ResponseHead<'_, '_>, now: Now) -> Result<(), RunError> {
        self.progress.clear();
        self.status = (head.status, status_text(head));
        self.print_head(head);
        self.log.on_response_head(head);
        if self.config.fail && head.status >= 400 {
            return Err(RunError::Status(head.status));
        }
        self.media_type = media_type(head.fields);
        if self.sink.path().is_some() {
            let total_len = match head.body {
                ResponseBody::None => Some(0),
                ResponseBody::Length(len) => Some(len),
                ResponseBody::Chunked | ResponseBody::UntilClose => None,
            };
            self.progress.begin(total_len, now.instant);
        }
        if self.config.include {
            let head = render_head(head);
            self.with_sink(|sink| sink.write_head(&head))?;
        }
        Ok(())
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.with_sink(|sink| sink.write(bytes))?;
        self.received_len += bytes.len() as u64;
        self.progress.set_position(self.received_len);
        Ok(())
    }

    /// A signal interrupts a blocking call.
    fn with_sink(
        &mut self,
        act: impl FnOnce(&mut OutputSink) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let Self { sink, blocking_wait, .. } = self;
        if sink.may_block() { blocking_wait.run(|| act(sink))? } else { act(sink) }
    }

    fn finish(&mut self, now: Now) -> Result<(), RunError> {
        self.with_sink(OutputSink::finish)?;
        self.progress.clear();
        if let Some(upload) = &self.upload {
            return self.report_upload(upload.queued_len);
        }
        let len = plural(self.received_len, "byte");
        let time = duration(now.instant.saturating_duration_since(self.started));
        let kind =
            if self.media_type.is_empty() { String::new() } else { format!(" of {}", self.media_type) };
        let saved_to = |path: &Path| format!(", saved to {}", printable(path.as_os_str().as_bytes()));
        let place = self.sink.path().map(saved_to).unwrap_or_default();
        self.say(format_args!("received {len}{kind} in {time}{place}"));
        Ok(())
    }

    fn report_upload(&self, len: u64) -> Result<(), RunError> {
        let (status, text) = &self.status;
        if !(200..300).contains(status) {
            self.say(format_args!("not stored: the server responded with {text}"));
            return Ok(());
        }
        if self.unsent {
            return Err(RunError::EarlyResponse);
        }
        let (len, path) = (plural(len, "byte"), printable(self.config.target.path.as_bytes()));
        match (self.config.method.as_str(), *status) {
            ("PUT", 201) => self.say(format_args!("stored {len} at {path} (created)")),
            ("PUT", 200 | 204) => self.say(format_args!("stored {len} at {path} (replaced)")),
            _ => self.say(format_args!("sent {len} to {path}: {text}")),
        }
        Ok(())
    }
}

impl ResponseHandler for Session {
    fn on_connected(&mut self, now: Now) -> &[u8] {
        let time = duration(now.instant.saturating_duration_since(self.started));
        if let Some(address) = self.connector.address() {
            self.say(format_args!("connected to {address} ({}) in {time}", self.config.target.host));
            self.log.on_request(address, &self.request, now);
        }
        if self.config.verbose {
            for line in String::from_utf8_lossy(&self.request).lines() {
                self.say(format_args!("> {line}"));
            }
        }
        if let Some(upload) = &self.upload {
            self.progress.begin(upload.len(), now.instant);
        }
        &self.request
    }

    fn awaits_continue(&self) -> bool {
        request::awaits_continue(&self.config, self.framing)
    }

    fn queue_body(&mut self, send_queue: &mut SendQueue) -> BodyProgress {
        let queued = self.upload.as_mut().map(|upload| upload.supply(send_queue));
        queued.unwrap_or(Ok(BodyProgress::Complete)).unwrap_or_else(|source| {
            let name = self.config.upload.as_ref().map(Payload::to_string).unwrap_or_default();
            self.fail(RunError::Source(name, source));
            BodyProgress::Failed
        })
    }

    fn on_early_response(&mut self) {
        self.unsent = true;
    }

    fn on_event(&mut self, event: &ResponseEvent<'_, '_>, now: Now) -> bool {
        let result = match event {
            ResponseEvent::Interim(head) if self.config.verbose => {
                self.print_head(head);
                Ok(())
            }
            ResponseEvent::Head(head) => self.on_head(head, now),
            ResponseEvent::Body(bytes) => self.on_body(bytes),
            ResponseEvent::Interim(_) | ResponseEvent::End => Ok(()),
        };
        result.map_err(|error| self.fail(error)).is_ok()
    }

    fn on_finished(&mut self, outcome: Result<(), FetchError>, now: Now) {
        match outcome.map_err(RunError::Exchange).and_then(|()| self.finish(now)) {
            Ok(()) => self.outcome = self.outcome.take().or(Some(Ok(()))),
            Err(RunError::Exchange(FetchError::Connection(CloseReason::ConnectFailed(kind)))) => {
                self.connector.failed(kind);
            }
            Err(RunError::Exchange(FetchError::TimedOut)) => {
                self.fail(RunError::TimedOut(now.instant.saturating_duration_since(self.started)));
            }
            Err(error) => self.fail(error),
        }
        match &self.outcome {
            Some(Err(error)) => self.log.on_finished(error, self.received_len, now),
            _ => self.log.on_finished(&CloseReason::Finished, self.received_len, now),
        }
    }
}

fn status_text(head: &ResponseHead<'_, '_>) -> String {
    format!("{} {}", head.status, printable(head.reason)).trim_end().to_owned()
}

fn render_head(head: &ResponseHead<'_, '_>) -> Vec<u8> {
    let mut out = format!("{} {}", head.version.as_str(), status_text(head)).into_bytes();
    write_fields(&mut out, head.fields);
    out
}

fn media_type(fields: Fields<'_, '_>) -> String {
    let value = fields.first("content-type").unwrap_or_default();
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default();
    printable(essence).trim().to_owned()
}

//! Response handling: shows, saves, counts and confirms.
//!
//! The body goes to the sink unchanged, messages to standard error.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use super::blocking::InterruptibleWait;
use super::config::{ClientConfig, FieldEdit, OutputChoice};
use super::connection::{BodyProgress, FetchError, ResponseHandler};
use super::log::{ExchangeLog, render};
use super::messages::printable;
use super::progress::TransferProgress;
use super::request;
use super::run_error::RunError;
use super::sink::OutputSink;
use super::source::Payload;
use super::tls::{ClientTls, TlsError};
use super::upload::UploadBody;
use crate::cli::say;
use crate::http::{RequestBody, ResponseBody, ResponseEvent, ResponseFields, ResponseHead};
use crate::net::{AddressConnector, CloseReason, HandshakeError, SendQueue, TlsSession};
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
    pub(super) tls: Option<ClientTls>,
    tls_session: Option<TlsSession>,
    media_type: String,
    received_len: u64,
    pub(super) outcome: Option<Result<(), RunError>>,
    pub(super) log: ExchangeLog,
    upload: Option<UploadBody>,
    pub(super) framing: RequestBody,
    /// The final response came first.
    unsent: bool,
    repeats: bool,
    /// Code, and text such as `403 Forbidden`.
    status: (u16, String),
}

impl Session {
    pub(super) fn new(
        config: ClientConfig,
        upload: Option<UploadBody>,
        connector: AddressConnector,
        tls: Option<ClientTls>,
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
            tls,
            tls_session: None,
            media_type: String::new(),
            received_len: 0,
            outcome: None,
            log,
            config,
            upload,
            framing,
            unsent: false,
            repeats: false,
            status: (0, String::new()),
        }
    }

    pub(super) fn on_sent(&self, sent_total: u64) {
        if self.upload.is_some() && self.status.0 == 0 {
            self.progress.set_position(sent_total.saturating_sub(self.request.len() as u64));
        }
    }

    pub(super) fn fail(&mut self, error: RunError) {
        self.progress.clear();
        self.outcome.get_or_insert(Err(error));
    }

    pub(super) fn log_unconnected(&mut self, now: Now) {
        if let (Some(Err(error)), None) = (&self.outcome, &self.log.exchange) {
            self.log.on_request(self.connector.address(), &self.request, now);
            self.log.on_finished(error, 0, now);
        }
    }

    fn say(&self, line: fmt::Arguments<'_>) {
        if !self.config.silent {
            say(line);
        }
    }

    fn print_head(&self, head: &ResponseHead<'_>) {
        let line = format!("{} {}", head.version.as_str(), status_text(head));
        if !self.config.verbose {
            return self.say(format_args!("{line}"));
        }
        self.say(format_args!("< {line}"));
        for (name, value) in head.fields.iter() {
            self.say(format_args!("< {name}: {}", printable(&value)));
        }
        self.say(format_args!("<"));
    }

    fn print_tls(&self, session: &TlsSession) {
        let resumed = if session.is_resumed { ", resumed" } else { "" };
        self.say(format_args!("* {}, {}{resumed}", session.version, session.cipher));
        let Some(peer) = &session.peer else { return };
        let [subject, issuer] = [&peer.subject, &peer.issuer].map(|name| printable(name.as_bytes()));
        self.say(format_args!("* certificate of {subject}, issued by {issuer}, expires on {}", peer.expires));
    }

    fn on_head(&mut self, head: &ResponseHead<'_>, now: Now) -> Result<(), RunError> {
        self.progress.clear();
        self.status = (head.status, status_text(head));
        self.print_head(head);
        self.log.on_response_head(head);
        // RFC 9110 section 15.5.18.
        let is_unexpected = head.status == 417 && self.awaits_continue();
        self.repeats = is_unexpected && self.upload.as_mut().is_some_and(UploadBody::rewind);
        if self.repeats {
            return Ok(());
        }
        let saves_page = matches!(self.config.output, OutputChoice::RemoteName(_))
            && !matches!(head.status, 200..=299 | 304);
        if saves_page || (self.config.fail && head.status >= 400) {
            return Err(self.status_error());
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
            let head = render(head, self.sink.guards_terminal());
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
        // A 304 has no body: the file stays as it is.
        let is_saved = self.status.0 != 304 || self.config.include;
        if is_saved {
            self.with_sink(OutputSink::finish)?;
        }
        self.progress.clear();
        if let Some(upload) = &self.upload {
            return self.report_upload(upload.queued_len);
        }
        let len = plural(self.received_len, "byte");
        let time = duration(now.instant.saturating_duration_since(self.started));
        let kind =
            if self.media_type.is_empty() { String::new() } else { format!(" of {}", self.media_type) };
        let saved_to = |path: &Path| format!(", saved to {}", printable(path.as_os_str().as_bytes()));
        let place = self.sink.path().filter(|_| is_saved).map(saved_to).unwrap_or_default();
        self.say(format_args!("received {len}{kind} in {time}{place}"));
        Ok(())
    }

    fn status_error(&self) -> RunError {
        let (status, text) = &self.status;
        let deed = match (&self.upload, status) {
            (None, _) => "responded with status",
            (Some(_), ..400) => "redirects it with",
            (Some(_), 400..500) => "refused it with",
            (Some(_), 500..) => "failed with",
        };
        let (effect, remedy) = match &self.config.output {
            _ if self.upload.is_some() && self.config.method == "PUT" => ("not stored: ", ""),
            OutputChoice::RemoteName(_) => ("not saved: ", "; -o FILE saves it all the same"),
            _ => ("", ""),
        };
        RunError::Status(format!("{effect}the server {deed} {text}{remedy}"))
    }

    fn report_upload(&self, len: u64) -> Result<(), RunError> {
        let (status, text) = &self.status;
        let is_put = self.config.method == "PUT";
        if *status >= 400 || (is_put && *status >= 300) {
            return Err(self.status_error());
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
    fn on_handshake(&mut self, outcome: Result<TlsSession, HandshakeError>) {
        match outcome {
            Ok(session) => self.tls_session = Some(session),
            Err(HandshakeError::Certificate(text)) => {
                let text = printable(text.as_bytes());
                self.fail(RunError::Tls(TlsError::Certificate(text)));
            }
            Err(error) => {
                let text = printable(error.to_string().as_bytes());
                self.fail(RunError::Tls(TlsError::Handshake(text)));
            }
        }
    }

    fn on_connected(&mut self, now: Now) -> &[u8] {
        let time = duration(now.instant.saturating_duration_since(self.started));
        let address = self.connector.address();
        self.say(format_args!("connected to {address} ({}) in {time}", self.config.target.host));
        self.log.on_request(address, &self.request, now);
        if self.config.verbose {
            self.tls_session.iter().for_each(|session| self.print_tls(session));
            for line in self.request.split_inclusive(|&byte| byte == b'\n') {
                self.say(format_args!("> {}", printable(line.trim_ascii_end())));
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

    fn on_event(&mut self, event: &ResponseEvent<'_>, now: Now) -> bool {
        let result = match event {
            ResponseEvent::Interim(head) if self.config.verbose => {
                self.print_head(head);
                Ok(())
            }
            ResponseEvent::Head(head) => self.on_head(head, now),
            ResponseEvent::Body(bytes) => self.on_body(bytes),
            ResponseEvent::Interim(_) | ResponseEvent::End => Ok(()),
        };
        result.map_err(|error| self.fail(error)).is_ok() && !self.repeats
    }

    fn on_finished(&mut self, outcome: Result<(), FetchError>, now: Now) {
        if std::mem::take(&mut self.repeats) {
            self.log.on_finished(&CloseReason::Finished, 0, now);
            self.config.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("expect"));
            self.config.fields.push(("Expect".to_owned(), FieldEdit::Remove));
            self.request = request::render(&self.config, self.framing);
            (self.unsent, self.status.0) = (false, 0);
            return self.connector.reconnect(now);
        }
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

fn status_text(head: &ResponseHead<'_>) -> String {
    format!("{} {}", head.status, printable(head.reason)).trim_end().to_owned()
}

fn media_type(fields: ResponseFields<'_>) -> String {
    let value = fields.first("content-type").unwrap_or_default();
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default();
    printable(essence).trim().to_owned()
}

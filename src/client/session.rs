//! Response handling: shows, saves, counts and confirms.
//!
//! The body goes to the sink unchanged, messages to standard error.

use std::fmt::{self, Display};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use self::resume::Resumption;
use super::blocking::InterruptibleWait;
use super::config::{ClientConfig, FieldEdit, OutputChoice};
use super::connection::{BodyProgress, FetchError, ResponseHandler};
use super::log::{ExchangeLog, render};
use super::messages::printable;
use super::progress::TransferProgress;
use super::request;
use super::response_check::{DigestCheck, REASON_LEN_MAX, reason};
use super::run_error::RunError;
use super::sink::OutputSink;
use super::tls::{ClientTls, TlsError};
use super::upload::UploadBody;
use super::upload_queue::UploadQueue;
use crate::access_log::is_secret;
use crate::cli::say;
use crate::http::{RequestBody, ResponseBody, ResponseError, ResponseEvent, ResponseFields, ResponseHead};
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
    uploads: UploadQueue,
    pub(super) upload: Option<UploadBody>,
    pub(super) framing: RequestBody,
    sent_len: u64,
    /// The final response came first.
    unsent: bool,
    repeats: bool,
    is_reused: bool,
    pub(super) reconnect_at: Option<Instant>,
    has_connected: bool,
    redirects: u32,
    unredirected: Option<Box<ClientConfig>>,
    /// The next connection is to another origin, or to the first one again.
    pub(super) has_moved: bool,
    resume: Option<Resumption>,
    /// Another attempt may succeed.
    is_transient: bool,
    status: (u16, String),
    reason: Vec<u8>,
    discards: bool,
    digest_check: Option<DigestCheck>,
}

impl Session {
    pub(super) fn new(
        config: ClientConfig,
        connector: AddressConnector,
        tls: Option<ClientTls>,
        log: ExchangeLog,
        now: Now,
    ) -> Self {
        let mut session = Self {
            request: request::render(&config, RequestBody::None),
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
            uploads: UploadQueue::new(&config),
            config,
            upload: None,
            framing: RequestBody::None,
            sent_len: 0,
            unsent: false,
            repeats: false,
            is_reused: false,
            reconnect_at: None,
            has_connected: false,
            redirects: 0,
            unredirected: None,
            has_moved: false,
            resume: None,
            is_transient: false,
            status: (0, String::new()),
            reason: Vec::new(),
            discards: false,
            digest_check: None,
        };
        if session.config.upload.is_some() {
            session.begin_next(now);
        }
        if session.uploads.is_batch {
            session.progress.begin(Some(session.uploads.total_len), now.instant);
        }
        session
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
            self.progress.suspend(|| say(line));
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
        self.status = (head.status, status_text(head));
        if !self.uploads.is_batch {
            self.progress.clear();
        }
        if !self.uploads.is_batch || self.config.verbose {
            self.print_head(head);
        }
        self.log.on_response_head(head);
        self.on_resumable_head(head)?;
        // RFC 9110 section 15.5.18.
        let is_unexpected = head.status == 417 && self.awaits_continue();
        self.repeats |= is_unexpected && self.upload.as_mut().is_some_and(UploadBody::rewind);
        self.on_redirect(head)?;
        if self.repeats {
            return Ok(());
        }
        let saves_page = matches!(self.config.output, OutputChoice::RemoteName(_))
            && !matches!(head.status, 200..=299 | 304);
        self.media_type = media_type(head.fields);
        if saves_page || self.is_transient || (self.config.fail && head.status >= 400) {
            self.discards = true;
            let is_short = matches!(head.body, ResponseBody::None | ResponseBody::Length(..=REASON_LEN_MAX));
            return if is_short { Ok(()) } else { Err(self.status_error()) };
        }
        self.check_digest(head)?;
        if self.sink.path().is_some() && !self.uploads.is_batch {
            let total_len = match head.body {
                ResponseBody::None => Some(0),
                ResponseBody::Length(len) => Some(len),
                ResponseBody::Chunked | ResponseBody::UntilClose => None,
            };
            self.progress.begin(total_len, now.instant);
        }
        self.write_head(head)
    }

    pub(super) fn write_head(&mut self, head: &ResponseHead<'_>) -> Result<(), RunError> {
        if !self.config.include {
            return Ok(());
        }
        let head = render(head, self.sink.guards_terminal());
        self.with_sink(|sink| sink.write_head(&head))
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.status.0 >= 400 && self.reason.len() as u64 <= REASON_LEN_MAX {
            self.reason.extend_from_slice(bytes);
        }
        if self.discards {
            return Ok(());
        }
        if let Some(check) = &mut self.digest_check {
            check.hasher.update(bytes);
        }
        self.with_sink(|sink| sink.write(bytes))?;
        self.received_len += bytes.len() as u64;
        if !self.uploads.is_batch {
            self.progress.set_position(self.received_len);
        }
        Ok(())
    }

    fn check_digest(&mut self, head: &ResponseHead<'_>) -> Result<(), RunError> {
        let has_body = !matches!(head.body, ResponseBody::None | ResponseBody::Length(0));
        let sent = self.upload.as_ref().and_then(|upload| upload.digest.as_ref());
        match sent {
            // The field is about the stored file.
            Some(sent) if !has_body => return DigestCheck::compare_stored(head, sent),
            _ if self.upload.is_some() && !has_body => {}
            _ if self.config.method == "HEAD" || head.body == ResponseBody::None => {}
            _ => self.digest_check = DigestCheck::new(head),
        }
        if self.upload.is_none() && self.config.repr_digest.is_some() && self.digest_check.is_none() {
            self.say(format_args!("not verified: the response has no digest that is known"));
        }
        Ok(())
    }

    fn with_sink(
        &mut self,
        act: impl FnOnce(&mut OutputSink) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let Self { sink, blocking_wait, .. } = self;
        if sink.may_block() { blocking_wait.run(|| act(sink))? } else { act(sink) }
    }

    fn finish(&mut self, now: Now) -> Result<(), RunError> {
        if self.discards {
            return Err(self.status_error());
        }
        let verified = self.digest_check.take().map(DigestCheck::finish).transpose()?;
        // A 304 has no body: the file stays as it is.
        let is_saved = self.status.0 != 304 || self.config.include;
        if !self.uploads.is_batch {
            if is_saved {
                self.with_sink(OutputSink::finish)?;
            }
            self.progress.clear();
        }
        if let Some(upload) = &self.upload {
            return self.report_upload(upload.queued_len);
        }
        if self.config.method == "DELETE" {
            if self.status.0 >= 300 {
                return Err(self.status_error());
            }
            let path = printable(self.config.target.path.as_bytes());
            self.say(format_args!("deleted {path}: {}", self.status.1));
            return Ok(());
        }
        let len = plural(self.received_len, "byte");
        let time = duration(now.instant.saturating_duration_since(self.started));
        let kind =
            if self.media_type.is_empty() { String::new() } else { format!(" of {}", self.media_type) };
        let saved_to = |path: &Path| format!(", saved to {}", printable(path.as_os_str().as_bytes()));
        let place = self.sink.path().filter(|_| is_saved).map(saved_to).unwrap_or_default();
        let verified = verified.map(|field| format!(", {field} verified")).unwrap_or_default();
        self.say(format_args!("received {len}{kind} in {time}{verified}{place}"));
        Ok(())
    }

    fn status_error(&self) -> RunError {
        let (status, text) = &self.status;
        let is_delete = self.config.method == "DELETE";
        let deed = match (self.upload.is_some() || is_delete, status) {
            (false, _) => "responded with status",
            (true, ..400) => "redirects it with",
            (true, 400..500) => "refused it with",
            (true, 500..) => "failed with",
        };
        let (effect, remedy) = match &self.config.output {
            _ if self.upload.is_some() && self.config.method == "PUT" => ("not stored: ", ""),
            _ if is_delete => ("not deleted: ", ""),
            OutputChoice::RemoteName(_) => ("not saved: ", "; -o FILE saves it all the same"),
            _ => ("", ""),
        };
        let reason = reason(*status, &self.media_type, &self.reason)
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let hint = request::hint(&self.config, *status);
        RunError::Status(format!("{effect}the server {deed} {text}{reason}{hint}{remedy}"))
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
        let note = if self.lacks_resource() { "; the server does not speak resumable uploads" } else { "" };
        let (len, path) = (plural(len, "byte"), printable(self.config.target.path.as_bytes()));
        match (self.config.method.as_str(), *status) {
            _ if self.framing == RequestBody::None => self.say(format_args!("stored {len} at {path}")),
            ("PUT", 201) => self.say(format_args!("stored {len} at {path} (created){note}")),
            ("PUT", 200 | 204) => self.say(format_args!("stored {len} at {path} (replaced){note}")),
            _ => self.say(format_args!("sent {len} to {path}: {text}")),
        }
        Ok(())
    }
}

mod next_upload;
mod redirect;
mod resume;

impl ResponseHandler for Session {
    fn on_handshake(&mut self, outcome: Result<TlsSession, HandshakeError>) {
        match outcome {
            Ok(session) => self.tls_session = Some(session),
            Err(HandshakeError::Certificate(text)) => {
                self.fail(RunError::Tls(TlsError::Certificate(printable(text.as_bytes()))));
            }
            Err(error) => {
                self.fail(RunError::Tls(TlsError::Handshake(printable(error.to_string().as_bytes()))));
            }
        }
    }

    fn on_connected(&mut self, now: Now) -> &[u8] {
        let time = duration(now.instant.saturating_duration_since(self.started));
        let address = self.connector.address();
        self.has_connected = true;
        if !self.is_reused {
            self.say(format_args!("connected to {address} ({}) in {time}", self.config.target.host));
        }
        self.log.on_request(address, &self.request, now);
        if self.config.verbose {
            if !self.is_reused {
                self.tls_session.iter().for_each(|session| self.print_tls(session));
            }
            for line in self.request.split_inclusive(|&byte| byte == b'\n') {
                let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
                match is_secret(name) {
                    true => self.say(format_args!("> {}: (redacted)", printable(name))),
                    false => self.say(format_args!("> {}", printable(line.trim_ascii_end()))),
                }
            }
        }
        if let Some(upload) = self.upload.as_ref().filter(|_| !self.uploads.is_batch) {
            self.progress.begin(upload.len(), now.instant);
        }
        &self.request
    }

    fn awaits_continue(&self) -> bool {
        request::awaits_continue(&self.config, self.framing)
    }

    fn queue_body(&mut self, send_queue: &mut SendQueue) -> BodyProgress {
        let upload = self.upload.as_mut().filter(|_| self.framing != RequestBody::None);
        let queued = upload.map(|upload| upload.supply(send_queue));
        queued.unwrap_or(Ok(BodyProgress::Complete)).unwrap_or_else(|source| {
            let name = self.config.upload.as_ref().map(ToString::to_string).unwrap_or_default();
            self.fail(RunError::Source(name, source));
            BodyProgress::Failed
        })
    }

    fn on_sent(&mut self, len: u64) {
        self.sent_len += len;
        let Some(upload) = self.upload.as_ref().filter(|_| self.status.0 == 0) else { return };
        let UploadQueue { is_batch, begun, count, done_len, current_len, .. } = self.uploads;
        let sent_len = upload.start + self.sent_len.saturating_sub(self.request.len() as u64);
        self.progress.set_position(done_len + sent_len);
        if is_batch {
            let percent = (100 * sent_len).checked_div(current_len).unwrap_or(100);
            let path = || printable(self.config.target.path.as_bytes());
            self.progress.set_label(|| format!("{begun}/{count} {} {percent} %  ", path()));
        }
    }

    fn on_early_response(&mut self) {
        self.unsent = true;
    }

    fn on_event(&mut self, event: &ResponseEvent<'_>, now: Now) -> bool {
        let result = match event {
            ResponseEvent::Interim(head) => {
                self.on_interim(head);
                Ok(())
            }
            ResponseEvent::Head(head) => self.on_head(head, now),
            ResponseEvent::Body(bytes) => self.on_body(bytes),
            ResponseEvent::End => Ok(()),
        };
        result.map_err(|error| self.fail(error)).is_ok() && !self.repeats
    }

    fn on_finished(&mut self, outcome: Result<(), FetchError>, is_reusable: bool, now: Now) -> bool {
        // RFC 9112 section 9.3.1.
        let is_stale = std::mem::take(&mut self.is_reused)
            && self.status.0 == 0
            && matches!(outcome, Err(FetchError::Connection(_) | FetchError::Response(ResponseError::Empty)));
        let repeats = std::mem::take(&mut self.repeats)
            || (is_stale && self.outcome.is_none() && self.upload.as_mut().is_some_and(UploadBody::rewind));
        if repeats {
            self.log.on_finished(&CloseReason::Finished, 0, now);
            if self.status.0 == 417 {
                self.config.set_field("Expect", FieldEdit::Remove);
            }
            self.reset();
            self.connector.reconnect(now);
            return false;
        }
        let result = match (self.outcome.take(), outcome) {
            (Some(result), _) => result,
            (None, Ok(())) => self.finish(now),
            (None, Err(FetchError::Connection(CloseReason::ConnectFailed(kind)))) => {
                self.connector.failed(kind);
                return false;
            }
            (None, Err(FetchError::TimedOut)) => {
                Err(RunError::TimedOut(now.instant.saturating_duration_since(self.started)))
            }
            (None, Err(_)) if self.discards => Err(self.status_error()),
            (None, Err(error)) => Err(RunError::Exchange(error)),
        };
        let reason = result.as_ref().map_or_else(|error| error as &dyn Display, |()| &CloseReason::Finished);
        self.log.on_finished(reason, self.received_len, now);
        // Not after HEAD, to which the connection is bound.
        let is_reusable = is_reusable && self.framing != RequestBody::None;
        self.settle(result, now);
        if self.outcome.is_some() || self.reconnect_at.is_some() || !self.begin_next(now) {
            return false;
        }
        // A stale connection would make a request that must not be sent twice fail (RFC 9110 section 9.2.2).
        let is_reusable = is_reusable && self.config.method == "PUT" && !self.has_moved;
        (self.is_reused, self.reconnect_at) = (is_reusable, (!is_reusable).then_some(now.instant));
        is_reusable
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

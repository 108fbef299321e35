//! Request and response, as the access log records them.
//!
//! From a complete head to the last response byte in the kernel. Pipelined responses leave in one write.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use crate::access_log::{AccessLog, Detail, LogRecord, LogTls};
use crate::http::{BasicCredentials, Method, RequestHead, Version, error_format_of_rejected};
use crate::net::{CloseReason, SendPosition, SendQueue, TlsSession};
use crate::reactor::Now;
use crate::server::response::{ErrorPresentation, RequestFlags, ResponseSpan};

/// nginx's status for a client that closed before its response; logged, never sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;

#[derive(Debug)]
pub(super) struct Exchange {
    summary: RequestSummary,
    since: Now,
    /// If a proxy named it.
    client: Option<SocketAddr>,
    /// In `Pipeline::text`; empty if not logged.
    request_head: Range<u32>,
    response_head: Range<u32>,
    response: Option<ResponseSpan>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RequestSummary {
    pub(super) flags: RequestFlags,
    line: Span,
    referer: Option<Span>,
    user_agent: Option<Span>,
    /// Set only after a login.
    authorization: Option<Span>,
}

/// `u16` suffices for a head of 16 KiB.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u16,
    len: u16,
}

impl RequestSummary {
    pub(super) fn from_head(head: &RequestHead<'_, '_>, bytes: &[u8]) -> Self {
        let &RequestHead { version, keep_alive, .. } = head;
        let head_only = head.method == Method::Head;
        Self {
            flags: RequestFlags { head_only, version, keep_alive, errors: ErrorPresentation::default() },
            line: Span::of_part(head.line, bytes),
            referer: head.referer.map(|value| Span::of_part(value, bytes)),
            user_agent: head.user_agent.map(|value| Span::of_part(value, bytes)),
            authorization: None,
        }
    }

    pub(super) fn set_authorization(&mut self, value: Option<&[u8]>, bytes: &[u8]) {
        self.authorization = value.map(|value| Span::of_part(value, bytes));
    }

    pub(super) fn from_rejected(line: &[u8], bytes: &[u8]) -> Self {
        let head_only = line.starts_with(b"HEAD ");
        let version = Version::Http11;
        let errors = ErrorPresentation { format: error_format_of_rejected(bytes), depth: None };
        let flags = RequestFlags { head_only, version, keep_alive: false, errors };
        Self { flags, line: Span::of_part(line, bytes), referer: None, user_agent: None, authorization: None }
    }
}

impl Span {
    fn of_part(part: &[u8], bytes: &[u8]) -> Self {
        let start = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
        Self { start: start as u16, len: part.len() as u16 }
    }

    fn slice(self, bytes: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        bytes.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ConnInfo<'a> {
    pub(super) peer: SocketAddr,
    pub(super) connection: u64,
    pub(super) sent_total: u64,
    pub(super) closing: Option<CloseReason>,
    pub(super) tls: Option<&'a TlsSession>,
}

#[derive(Debug, Default)]
pub(super) struct Pipeline {
    exchanges: Vec<Exchange>,
    text: Vec<u8>,
}

/// Most connections are idle and have none.
pub(super) type BoxedPipeline = Box<Pipeline>;

impl Pipeline {
    pub(super) fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    pub(super) fn begin(&mut self, summary: RequestSummary, bytes: &[u8], detail: Detail, now: Now) {
        let request_head = self.store_text(bytes, detail != Detail::Nothing);
        self.exchanges.push(Exchange {
            summary,
            since: now,
            client: None,
            request_head,
            response_head: 0..0,
            response: None,
        });
    }

    pub(super) fn set_client(&mut self, client: SocketAddr) {
        self.exchanges.iter_mut().last().into_iter().for_each(|exchange| exchange.client = Some(client));
    }

    pub(super) fn text_len(&self) -> u64 {
        self.text.len() as u64
    }

    pub(super) fn pending_request(&self) -> Option<RequestFlags> {
        let last = self.exchanges.last().filter(|exchange| exchange.response.is_none());
        last.map(|exchange| exchange.summary.flags)
    }

    pub(super) fn record_response(
        &mut self,
        response: ResponseSpan,
        send_queue: &SendQueue,
        position: SendPosition,
        detail: Detail,
    ) {
        let response_head =
            self.store_text(send_queue.queued_since(position, response.body_start), detail == Detail::Heads);
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.response_head = response_head;
            exchange.response = Some(response);
        }
    }

    pub(super) fn record_stream(&mut self, framing_len: u64, end: Option<u64>) {
        if let Some(response) = self.exchanges.last_mut().and_then(|exchange| exchange.response.as_mut()) {
            response.framing_len = framing_len;
            response.end = end.unwrap_or(response.end);
        }
    }

    pub(super) fn truncates_message_if_closed(&self, sent_total: u64) -> bool {
        let mut responses = self.exchanges.iter().filter_map(|exchange| exchange.response);
        responses.any(|response| response.until_close && response.end > sent_total)
    }

    pub(super) fn end_sent(&mut self, conn_info: ConnInfo<'_>, log: &mut AccessLog, now: Now) {
        let count =
            self.exchanges.iter().take_while(|exchange| exchange.is_sent(conn_info.sent_total)).count();
        self.end(count, conn_info, log, now);
    }

    pub(super) fn end_all(&mut self, conn_info: ConnInfo<'_>, log: &mut AccessLog, now: Now) {
        self.end(self.exchanges.len(), conn_info, log, now);
    }

    fn store_text(&mut self, text: &[u8], logged: bool) -> Range<u32> {
        let start = self.text.len() as u32;
        if logged {
            self.text.extend_from_slice(text);
        }
        start..self.text.len() as u32
    }

    fn end(&mut self, count: usize, conn_info: ConnInfo<'_>, log: &mut AccessLog, now: Now) {
        let sent_total = conn_info.sent_total;
        let logged = if log.is_on() { count } else { 0 };
        // Only formats with durations need a clock read.
        let logs_heads = log.detail() == Detail::Heads;
        let age = if logged > 0 && logs_heads { now.age() } else { Duration::ZERO };
        for (index, exchange) in self.exchanges.iter().take(logged).enumerate() {
            let text = |range: &Range<u32>| {
                self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
            };
            let (summary, request_head) = (&exchange.summary, text(&exchange.request_head));
            let client_closed = ResponseSpan { status: CLIENT_CLOSED_REQUEST, ..ResponseSpan::default() };
            let response = exchange.response.unwrap_or(client_closed);
            let is_last = index + 1 == self.exchanges.len() || !exchange.is_sent(sent_total);
            let closing = conn_info.closing.filter(|_| is_last);
            let authorization = summary.authorization.map(|span| span.slice(request_head));
            let credentials = authorization.and_then(BasicCredentials::from_field);
            let mut record = LogRecord {
                host: None,
                user: credentials.as_ref().map(|credentials| credentials.parts().0),
                connection: conn_info.connection,
                tls: conn_info.tls.map(log_tls),
                peer: exchange.client.unwrap_or(conn_info.peer),
                unix: exchange.since.unix,
                duration: now.instant.saturating_duration_since(exchange.since.instant) + age,
                request_line: summary.line.slice(request_head),
                referer: summary.referer.map(|span| span.slice(request_head)),
                user_agent: summary.user_agent.map(|span| span.slice(request_head)),
                request_head: if logs_heads { request_head } else { &[] },
                status: Some(response.status),
                response_head: text(&exchange.response_head),
                body_bytes: sent_total
                    .min(response.end)
                    .saturating_sub(response.body_start + response.framing_len),
                close_reason: closing.as_ref().map(|reason| reason as &dyn Display),
                protocol: Version::Http11.as_str(),
            };
            log.record(&mut record, now.instant);
        }
        if count == self.exchanges.len() {
            self.exchanges.clear();
            self.text.clear();
        } else {
            self.exchanges.drain(..count);
            self.reclaim();
        }
    }

    /// Drops ended text once it is half of all: a pipeline may never become empty.
    fn reclaim(&mut self) {
        // The request head is an exchange's first text.
        let ended = self.exchanges.first().map_or(self.text.len(), |first| first.request_head.start as usize);
        if ended >= self.text.len() - ended {
            self.text.drain(..ended);
            self.exchanges.iter_mut().for_each(|exchange| exchange.shift(ended as u32));
        }
    }
}

fn log_tls(session: &TlsSession) -> LogTls<'_> {
    LogTls {
        version: session.version,
        cipher: &session.cipher,
        server_name: session.server_name.as_deref(),
        is_resumed: session.is_resumed,
        client: session.peer.as_ref().map(|peer| peer.subject.as_str()),
    }
}

impl Exchange {
    fn shift(&mut self, by: u32) {
        for text in [&mut self.request_head, &mut self.response_head] {
            *text = text.start.saturating_sub(by)..text.end.saturating_sub(by);
        }
    }

    fn is_sent(&self, sent_total: u64) -> bool {
        self.response.is_some_and(|response| response.end <= sent_total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::access_log::{LogDestination, LogFormat, LogStyle};

    #[test]
    fn pipeline_never_empty_stays_small_and_logs_in_order() {
        const COUNT: u64 = 500;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let style = LogStyle { format: LogFormat::Headers, ..LogStyle::default() };
        let mut log = AccessLog::open_styled(&LogDestination::File(path.clone()), style).unwrap();
        let peer = ([127, 0, 0, 1], 4000).into();
        let conn_info = |sent_total| ConnInfo { peer, connection: 1, sent_total, closing: None, tls: None };
        let (mut pipeline, mut send_queue, now) = (Pipeline::default(), SendQueue::default(), Now::read());
        for number in 0..COUNT {
            let line = format!("GET /{number} HTTP/1.1");
            let head = format!("{line}\r\nNumber: {number}\r\n\r\n");
            let line = &head.as_bytes()[..line.len()];
            pipeline.begin(
                RequestSummary::from_rejected(line, head.as_bytes()),
                head.as_bytes(),
                Detail::Heads,
                now,
            );
            let position = send_queue.position();
            send_queue
                .push_with(|out| out.extend_from_slice(format!("HTTP/1.1 200 {number}\r\n").as_bytes()));
            // The response is one position long, and always one behind.
            let response = ResponseSpan {
                status: 200,
                body_start: send_queue.queued_total(),
                end: number + 1,
                framing_len: 0,
                until_close: false,
            };
            pipeline.record_response(response, &send_queue, position, Detail::Heads);
            pipeline.end_sent(conn_info(number), &mut log, now);
            assert!(pipeline.text_len() < 500, "{} bytes", pipeline.text_len());
        }
        pipeline.end_sent(conn_info(COUNT), &mut log, now);
        assert!(pipeline.is_empty() && pipeline.text_len() == 0);
        drop(log);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.matches("\n\n").count() as u64, COUNT);
        for (number, block) in text.split_terminator("\n\n").enumerate() {
            let lines: Vec<&str> = block.lines().skip(1).collect();
            let expected = [
                format!("> GET /{number} HTTP/1.1"),
                format!("> Number: {number}"),
                format!("< HTTP/1.1 200 {number}"),
            ];
            assert_eq!(lines, expected);
        }
    }
}

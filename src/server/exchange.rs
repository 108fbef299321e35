//! One request and its answer, as the access log will tell of them.
//!
//! An exchange begins when its head is complete and ends when the last byte of its answer has been
//! handed to the kernel, or the connection has broken. Pipelined answers leave in one write, so
//! several exchanges may be under way: they are a [`Batch`]. Neither parses nor sends anything.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use crate::access_log::{AccessLog, Record};
use crate::http::{RequestHead, Version};
use crate::reactor::Now;

/// What the log says of a request whose sender was gone before it could be answered: not a code that
/// is ever sent, but the one that readers of nginx's logs know for it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What must be remembered of a request until its answer is on its way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) head_only: bool,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) keep_alive_asked: bool,
    since: Duration,
    line: Range<u32>,
    referer: Option<Range<u32>>,
    user_agent: Option<Range<u32>>,
    reply: Option<Reply>,
}

/// What has been queued in answer, in positions of the outbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body_starts: u64,
    pub(super) ends: u64,
}

/// The exchanges of one connection that have not ended, and the text of their log lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    exchanges: Vec<Exchange>,
    text: Vec<u8>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Begins the exchange of a request; its text is kept only if somebody will log it.
    pub(super) fn begin(&mut self, head: &RequestHead<'_, '_>, logged: bool, now: Now) {
        let exchange = Exchange {
            head_only: head.method == crate::http::Method::Head,
            version: head.version,
            keep_alive: head.keep_alive,
            keep_alive_asked: head.keep_alive_asked,
            since: now.unix,
            line: self.keep(head.line, logged),
            referer: head.referer.map(|text| self.keep(text, logged)),
            user_agent: head.user_agent.map(|text| self.keep(text, logged)),
            reply: None,
        };
        self.exchanges.push(exchange);
    }

    /// Begins the exchange of something that is no request; `line` is as much of it as came.
    pub(super) fn begin_refused(&mut self, line: &[u8], logged: bool, now: Now) {
        let head_only = line.starts_with(b"HEAD ");
        let line = self.keep(line, logged);
        self.exchanges.push(Exchange {
            head_only,
            version: Version::Http11,
            keep_alive: false,
            keep_alive_asked: false,
            since: now.unix,
            line,
            referer: None,
            user_agent: None,
            reply: None,
        });
    }

    fn keep(&mut self, text: &[u8], logged: bool) -> Range<u32> {
        let start = self.text.len() as u32;
        if logged {
            self.text.extend_from_slice(text);
        }
        start..self.text.len() as u32
    }

    /// The exchange that has no answer yet.
    pub(super) fn unanswered(&self) -> Option<&Exchange> {
        self.exchanges.last().filter(|exchange| exchange.reply.is_none())
    }

    /// Notes what has been queued in answer to it.
    pub(super) fn answered(&mut self, reply: Reply) {
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.reply = Some(reply);
        }
    }

    /// Logs and forgets the exchanges whose answers have been sent whole.
    pub(super) fn end_sent(&mut self, sent_total: u64, peer: IpAddr, log: &mut AccessLog, now: Now) {
        let is_sent = |exchange: &Exchange| exchange.reply.is_some_and(|reply| reply.ends <= sent_total);
        let count = self.exchanges.iter().take_while(|exchange| is_sent(exchange)).count();
        self.end(count, sent_total, peer, log, now);
    }

    /// Logs and forgets all exchanges, however much of their answers has been sent.
    pub(super) fn end_all(&mut self, sent_total: u64, peer: IpAddr, log: &mut AccessLog, now: Now) {
        self.end(self.exchanges.len(), sent_total, peer, log, now);
    }

    fn end(&mut self, count: usize, sent_total: u64, peer: IpAddr, log: &mut AccessLog, now: Now) {
        let text =
            |range: &Range<u32>| self.text.get(range.start as usize..range.end as usize).unwrap_or_default();
        let logged = if log.is_on() { count } else { 0 };
        for exchange in self.exchanges.iter().take(logged) {
            let unanswered =
                Reply { status: CLIENT_CLOSED_REQUEST, body_starts: sent_total, ends: sent_total };
            let reply = exchange.reply.unwrap_or(unanswered);
            let record = Record {
                peer,
                unix_secs: exchange.since.as_secs() as i64,
                request_line: text(&exchange.line),
                status: reply.status,
                body_bytes: sent_total.min(reply.ends).saturating_sub(reply.body_starts),
                referer: exchange.referer.as_ref().map(text),
                user_agent: exchange.user_agent.as_ref().map(text),
            };
            log.record(&record, now.instant);
        }
        self.exchanges.drain(..count);
        if self.exchanges.is_empty() {
            self.text.clear();
        }
    }
}

//! The client's log: the exchange with every header, in the formats of the server's access log.
//!
//! It owns what is remembered of the exchange until it is over. It is opened before anything is sent,
//! and written at the end. It shows and saves nothing.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use crate::access_log::{AccessLog, LogDestination, LogRecord, LogStyle};
use crate::http::{self, Fields, ResponseHead, end_head};
use crate::net::host_name;
use crate::reactor::Now;

/// The log of one run.
pub(super) struct ExchangeLog {
    log: AccessLog,
    exchange: Option<LoggedExchange>,
}

/// What is known of the exchange that is under way.
struct LoggedExchange {
    peer: SocketAddr,
    started: Now,
    request_head: Vec<u8>,
    /// The status and the head of the final response, once it has come.
    response: Option<(u16, Vec<u8>)>,
}

impl ExchangeLog {
    /// Opens the log.
    ///
    /// # Errors
    /// What opening the file says.
    pub(super) fn open(destination: &LogDestination, style: &LogStyle) -> io::Result<Self> {
        Ok(Self { log: AccessLog::open_styled(destination, style.clone())?, exchange: None })
    }

    /// A request is being sent.
    pub(super) fn on_request(&mut self, peer: SocketAddr, request_head: &[u8], now: Now) {
        if self.log.is_on() {
            let request_head = request_head.to_vec();
            self.exchange = Some(LoggedExchange { peer, started: now, request_head, response: None });
        }
    }

    /// The head of its answer has come.
    pub(super) fn on_response_head(&mut self, head: &ResponseHead<'_, '_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.response = Some((head.status, render(head)));
        }
    }

    /// It is over, for this reason, after so many bytes of the answer's body.
    pub(super) fn on_finished(&mut self, reason: &dyn Display, body_bytes: u64, now: Now) {
        let Some(exchange) = self.exchange.take() else { return };
        let mut record = LogRecord {
            host: Some(&host_name()),
            connection: 1,
            peer: exchange.peer,
            unix: exchange.started.unix,
            duration: now.instant.saturating_duration_since(exchange.started.instant) + now.age(),
            request_line: exchange.request_head.split(|&byte| byte == b'\r').next().unwrap_or_default(),
            referer: field_value(&exchange.request_head, b"referer"),
            user_agent: field_value(&exchange.request_head, b"user-agent"),
            request_head: &exchange.request_head,
            status: exchange.response.as_ref().map(|(status, _)| *status),
            response_head: exchange.response.as_ref().map_or(&[], |(_, head)| head),
            body_bytes,
            close_reason: Some(reason),
            protocol: "HTTP/1.1",
        };
        self.log.record(&mut record, now.instant);
    }
}

/// The value of a field of the request, which this program has written itself.
fn field_value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').skip(1).find_map(|line| {
        let (known, value) = line.split_at_checked(name.len())?;
        known.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b":")).flatten().map(<[u8]>::trim_ascii)
    })
}

/// The head as it was on the wire, but for white space around values.
fn render(head: &ResponseHead<'_, '_>) -> Vec<u8> {
    let mut out = format!("{} {} ", head.version.as_str(), head.status).into_bytes();
    out.extend_from_slice(head.reason);
    write_fields(&mut out, head.fields);
    out
}

/// Ends the status line and appends the fields as they were on the wire.
pub(super) fn write_fields(out: &mut Vec<u8>, fields: Fields<'_, '_>) {
    end_head(out);
    for (name, value) in fields.iter() {
        http::field(out, name, value);
    }
    end_head(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_request_are_found_in_any_case() {
        let head = b"GET /user-agent: HTTP/1.1\r\nHost: a\r\nUser-AGENT:  b \r\nReferers: c\r\n\r\n";
        assert_eq!(field_value(head, b"user-agent"), Some(&b"b"[..]));
        assert_eq!(field_value(head, b"referer"), None);
    }
}

//! Client log: one exchange with both heads, in access log formats.
//!
//! Opened before sending; written at the end.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use super::messages::printable;
use crate::access_log::{AccessLog, LogDestination, LogRecord, LogStyle};
use crate::http::{self, ResponseHead, end_head};
use crate::net::host_name;
use crate::reactor::Now;

pub(super) struct ExchangeLog {
    log: AccessLog,
    /// The last one; `None` before the first connection.
    pub(super) exchange: Option<LoggedExchange>,
}

pub(super) struct LoggedExchange {
    peer: SocketAddr,
    started: Now,
    request_head: Vec<u8>,
    response: Option<(u16, Vec<u8>)>,
}

impl ExchangeLog {
    pub(super) fn open(destination: &LogDestination, style: &LogStyle) -> io::Result<Self> {
        Ok(Self { log: AccessLog::open_styled(destination, style.clone())?, exchange: None })
    }

    pub(super) fn on_request(&mut self, peer: SocketAddr, request_head: &[u8], now: Now) {
        if self.log.is_on() {
            let request_head = request_head.to_vec();
            self.exchange = Some(LoggedExchange { peer, started: now, request_head, response: None });
        }
    }

    pub(super) fn on_response_head(&mut self, head: &ResponseHead<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.response = Some((head.status, render(head, false)));
        }
    }

    pub(super) fn on_finished(&mut self, reason: &dyn Display, body_bytes: u64, now: Now) {
        let Some(exchange) = &self.exchange else { return };
        let mut record = LogRecord {
            tls: None,
            host: Some(&host_name()),
            user: None,
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

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.log.finish()
    }
}

/// Our own request head: no folded lines.
fn field_value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').skip(1).find_map(|line| {
        let (known, value) = line.split_at_checked(name.len())?;
        known.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b":")).flatten().map(<[u8]>::trim_ascii)
    })
}

pub(super) fn render(head: &ResponseHead<'_>, is_printable: bool) -> Vec<u8> {
    let shown = |bytes: &[u8]| if is_printable { printable(bytes).into_bytes() } else { bytes.to_vec() };
    let mut out = format!("{} {} ", head.version.as_str(), head.status).into_bytes();
    out.extend(shown(head.reason));
    end_head(&mut out);
    for (name, value) in head.fields.iter() {
        http::field(&mut out, name, &shown(&value));
    }
    end_head(&mut out);
    out
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

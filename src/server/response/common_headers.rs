//! Fields of every response: `Server`, configured fields, `Date`, `Connection`.
//!
//! All are rendered at the start. `Date` changes once a second.

use std::ops::Range;
use std::rc::Rc;

use crate::http::{Status, end_head, field, field_line, imf_fixdate, status_line};
use crate::net::SendQueue;
use crate::server::ServerConfig;

const SERVER: &[u8] = concat!("reactor-server/", env!("CARGO_PKG_VERSION")).as_bytes();

/// Longest copied body: it leaves with its head in one segment and one `write`.
pub(super) const COPIED_LEN_MAX: usize = 4 * 1024;

pub(crate) struct CommonHeaders {
    unix_secs: Option<u64>,
    standard: RenderedFields,
    /// Without `nosniff`: a 304 has no content.
    not_modified: RenderedFields,
    /// Field line, for TLS only (RFC 6797 section 7.2). Empty if not set.
    hsts: Vec<u8>,
}

struct RenderedFields {
    text: Vec<u8>,
    date_start: usize,
}

impl CommonHeaders {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        // `nosniff`: browsers must trust the media type, not guess from the bytes.
        let standard = [("Server", SERVER), ("X-Content-Type-Options", b"nosniff")];
        let hsts = config.tls.as_ref().and_then(|tls| tls.hsts);
        Self {
            unix_secs: None,
            standard: RenderedFields::new(config, &standard),
            not_modified: RenderedFields::new(config, &[("Server", SERVER)]),
            hsts: hsts.map(hsts_line).unwrap_or_default(),
        }
    }

    pub(super) fn head_end(
        &mut self,
        status: Status,
        connection: &'static [u8],
        is_tls: bool,
        unix_secs: u64,
    ) -> HeadEnd<'_> {
        if self.unix_secs != Some(unix_secs) {
            self.unix_secs = Some(unix_secs);
            let date = imf_fixdate(unix_secs);
            self.standard.set_date(&date);
            self.not_modified.set_date(&date);
        }
        let common = if status == Status::NOT_MODIFIED { &self.not_modified } else { &self.standard };
        let hsts = if is_tls { &*self.hsts } else { &[] };
        HeadEnd { fields: &[], rendered: &common.text, hsts, connection }
    }
}

fn hsts_line(secs: u64) -> Vec<u8> {
    field_line("Strict-Transport-Security", format!("max-age={secs}").as_bytes())
}

impl RenderedFields {
    fn new(config: &ServerConfig, own: &[(&str, &[u8])]) -> Self {
        let mut text = Vec::with_capacity(256);
        for (name, value) in own {
            if !config.headers.iter().any(|header| header.has_name(name)) {
                field(&mut text, name, value);
            }
        }
        for header in &config.headers {
            field(&mut text, &header.name, &header.value);
        }
        if let Some(origin) = &config.cors {
            origin.render(&mut text);
        }
        Self { date_start: text.len(), text }
    }

    fn set_date(&mut self, date: &[u8]) {
        self.text.truncate(self.date_start);
        field(&mut self.text, "Date", date);
    }
}

#[derive(Clone, Copy)]
pub(super) struct HeadEnd<'a> {
    pub(super) fields: &'a [u8],
    rendered: &'a [u8],
    hsts: &'a [u8],
    connection: &'static [u8],
}

impl HeadEnd<'_> {
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.fields);
        out.extend_from_slice(self.rendered);
        out.extend_from_slice(self.hsts);
        out.extend_from_slice(self.connection);
        end_head(out);
    }
}

pub(super) struct ResponseOutput<'a> {
    pub(super) send_queue: &'a mut SendQueue,
    pub(super) status: Status,
    pub(super) head_end: HeadEnd<'a>,
    pub(super) head_only: bool,
}

impl ResponseOutput<'_> {
    /// Returns where the body starts.
    pub(super) fn queue_head(&mut self, write_fields: impl FnOnce(&mut Vec<u8>)) -> u64 {
        self.send_queue.push_with(|out| {
            status_line(out, self.status);
            write_fields(out);
            self.head_end.finish(out);
        });
        self.send_queue.queued_total()
    }

    pub(super) fn queue_shared(&mut self, bytes: &Rc<[u8]>, range: Range<usize>) {
        if self.head_only {
            return;
        }
        match bytes.get(range.clone()).unwrap_or_default() {
            part if part.len() > COPIED_LEN_MAX => self.send_queue.push_shared(Rc::clone(bytes), range),
            part => self.send_queue.push_with(|out| out.extend_from_slice(part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::server::{Header, Origin};

    /// Fields of a response at that second.
    fn rendered(config: &ServerConfig, status: Status, unix_secs: u64) -> String {
        let head_end = CommonHeaders::new(config).head_end(status, b"", false, unix_secs).rendered.to_vec();
        String::from_utf8(head_end).expect("UTF-8")
    }

    fn common(change: impl FnOnce(&mut ServerConfig)) -> String {
        let mut config = ServerConfig::default();
        change(&mut config);
        let text = rendered(&config, Status::OK, 0);
        text.strip_suffix("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n").expect("the date is last").to_owned()
    }

    fn header(text: &str) -> Header {
        Header::parse(text.as_bytes()).expect("a field")
    }

    #[test]
    fn common_headers_have_server_and_nosniff_except_on_304() {
        let server = format!("Server: reactor-server/{}\r\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(common(|_| ()), format!("{server}X-Content-Type-Options: nosniff\r\n"));
        let unchanged = rendered(&ServerConfig::default(), Status::NOT_MODIFIED, 0);
        assert_eq!(unchanged, format!("{server}Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    }

    #[test]
    fn configured_headers_are_added_and_replace_defaults() {
        let text = common(|config| {
            config.headers = vec![header("server: mine"), header("Link: a"), header("Link: b")];
        });
        assert_eq!(text, "X-Content-Type-Options: nosniff\r\nserver: mine\r\nLink: a\r\nLink: b\r\n");
        let text = common(|config| config.headers = vec![header("X-CONTENT-TYPE-OPTIONS: other")]);
        assert_eq!(text.to_lowercase().matches("x-content-type-options").count(), 1, "{text}");
    }

    #[test]
    fn cors_origin_adds_allow_origin_and_expose_headers() {
        let text = common(|config| config.cors = Origin::parse("https://example.com").ok());
        assert!(text.contains("\r\nAccess-Control-Allow-Origin: https://example.com\r\n"), "{text}");
        assert!(text.contains("\r\nAccess-Control-Expose-Headers: "), "{text}");
        assert!(text.contains("Content-Range") && text.contains("ETag"), "{text}");
    }

    #[test]
    fn date_follows_clock_forwards_and_backwards() {
        let mut headers = CommonHeaders::new(&ServerConfig::default());
        for (unix_secs, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_111_776, "Sun, 06 Nov 1994 08:49:36 GMT"),
        ] {
            for status in [Status::OK, Status::NOT_MODIFIED, Status::OK] {
                let text = headers.head_end(status, b"", false, unix_secs).rendered;
                let expected = rendered(&ServerConfig::default(), status, unix_secs);
                assert_eq!(text, expected.as_bytes());
                assert!(expected.ends_with(&format!("\r\nDate: {date}\r\n")), "{expected}");
            }
        }
    }
}

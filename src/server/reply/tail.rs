//! What every head ends with: the fields that go with every answer, the date, the fate of the connection.
//!
//! All answers of one second share the first two, so those are rendered once a second. The time is told;
//! no clock is read.

use crate::http::{Version, end, field, imf_fixdate};
use crate::server::exchange::Exchange;
use crate::server::rules::Rules;

/// What the heads of one second end with, but for their connections.
#[derive(Debug, Default)]
pub(in crate::server) struct Tails {
    unix_secs: Option<u64>,
    usual: Vec<u8>,
    /// Of a 304, which has no content for anyone to guess at.
    unchanged: Vec<u8>,
}

impl Tails {
    /// Those of that second since 1970, under rules that are the same at every call.
    pub(super) fn at(&mut self, unix_secs: u64, rules: &Rules) -> &Tails {
        if self.unix_secs != Some(unix_secs) {
            self.unix_secs = Some(unix_secs);
            let date = imf_fixdate(unix_secs);
            render(&mut self.usual, &rules.common, &date);
            render(&mut self.unchanged, &rules.common_unchanged, &date);
        }
        self
    }

    /// The tail of an answer to that exchange, after which the connection may close.
    pub(super) fn of(&self, exchange: &Exchange, is_unchanged: bool, closes: bool) -> Tail<'_> {
        let rendered = if is_unchanged { &self.unchanged } else { &self.usual };
        Tail { rendered, connection: connection_option(exchange, closes) }
    }
}

fn render(tail: &mut Vec<u8>, common: &[u8], date: &[u8]) {
    tail.clear();
    tail.extend_from_slice(common);
    field(tail, "Date", date);
}

/// The end of one head.
#[derive(Clone, Copy)]
pub(super) struct Tail<'a> {
    rendered: &'a [u8],
    connection: Option<&'static [u8]>,
}

impl Tail<'_> {
    /// Ends the head.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.rendered);
        if let Some(connection) = self.connection {
            field(out, "Connection", connection);
        }
        end(out);
    }
}

/// What the answer must say of the connection (RFC 9112 section 9.3).
fn connection_option(exchange: &Exchange, closes: bool) -> Option<&'static [u8]> {
    if closes {
        return Some(b"close");
    }
    (exchange.version == Version::Http10 && exchange.keep_alive_asked).then_some(b"keep-alive")
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::server::Config;

    #[test]
    fn the_date_follows_the_clock_both_ways() {
        let rules = Rules::new(&Config::default());
        let mut tails = Tails::default();
        for (unix_secs, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_111_776, "Sun, 06 Nov 1994 08:49:36 GMT"),
        ] {
            for _ in 0..2 {
                let Tails { usual, unchanged, .. } = tails.at(unix_secs, &rules);
                for (tail, common) in [(usual, &rules.common), (unchanged, &rules.common_unchanged)] {
                    let expected = [common, b"Date: ".as_slice(), date.as_bytes(), b"\r\n"].concat();
                    assert_eq!(*tail, expected);
                }
            }
        }
    }
}

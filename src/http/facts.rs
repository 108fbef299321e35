//! The facts about a request that its fields hold, gathered in one pass.
//!
//! It owns which fields matter before routing (Host, framing, Connection, Expect, Accept-Encoding, the
//! three that the access log and error bodies need, and whether any asks for less than the whole) and
//! the rules over each. It never copies a value.

use super::framing::Framing;
use super::negotiation::CodingWeights;
use super::persistence::Persistence;
use super::target::is_authority;
use super::{Fields, Reject, Status, Version};

/// What one pass over the fields of a request found.
#[derive(Default, Debug)]
pub(super) struct RequestFacts<'b> {
    host: HostSeen,
    expect: ExpectSeen,
    pub(super) framing: Framing,
    pub(super) persistence: Persistence,
    pub(super) accept: Option<&'b [u8]>,
    pub(super) codings: CodingWeights,
    pub(super) referer: Option<&'b [u8]>,
    pub(super) user_agent: Option<&'b [u8]>,
    /// There is a condition, or a Range: those fields are looked up only then.
    pub(super) is_qualified: bool,
}

#[derive(Default, Debug)]
enum HostSeen {
    #[default]
    Absent,
    Once,
    Invalid,
    Repeated,
}

#[derive(Default, PartialEq, Debug)]
enum ExpectSeen {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

impl<'b> RequestFacts<'b> {
    /// One pass over all fields; nothing is refused yet.
    pub(super) fn gather(fields: Fields<'_, 'b>) -> RequestFacts<'b> {
        let mut facts = RequestFacts::default();
        for (name, value) in fields.as_bytes() {
            facts.note(name, value);
        }
        facts
    }

    /// The length tells nearly all names apart, so that most fields cost one comparison.
    fn note(&mut self, name: &[u8], value: &'b [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 if is("host") => self.host.note(value),
            5 if is("range") => self.is_qualified = true,
            6 if is("accept") => self.accept = self.accept.or(Some(value)),
            6 if is("expect") => self.expect.note(value),
            7 if is("referer") => self.referer = self.referer.or(Some(value)),
            8 if is("if-match") => self.is_qualified = true,
            10 if is("connection") => self.persistence.note(value),
            10 if is("user-agent") => self.user_agent = self.user_agent.or(Some(value)),
            13 if is("if-none-match") => self.is_qualified = true,
            14 if is("content-length") => self.framing.note_content_length(value),
            15 if is("accept-encoding") => self.codings.note(value),
            17 if is("if-modified-since") => self.is_qualified = true,
            17 if is("transfer-encoding") => self.framing.note_transfer_encoding(value),
            19 if is("if-unmodified-since") => self.is_qualified = true,
            _ => {}
        }
    }

    /// Host: once and valid in HTTP/1.1, at most once and valid in HTTP/1.0 (RFC 9112 section 3.2).
    pub(super) fn check_host(&self, version: Version) -> Result<(), Reject> {
        match self.host {
            HostSeen::Absent if version == Version::Http10 => Ok(()),
            HostSeen::Once => Ok(()),
            HostSeen::Absent => {
                Err(Reject::bad_request("The request has no Host field, which HTTP/1.1 requires."))
            }
            HostSeen::Repeated => {
                Err(Reject::bad_request("The request has more than one Host field: send it once."))
            }
            HostSeen::Invalid => Err(Reject::bad_request(
                "The Host field is malformed: it has to be a host, or a host, a colon and a port.",
            )),
        }
    }

    /// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    pub(super) fn expects_continue(&self, version: Version) -> Result<bool, Reject> {
        match self.expect {
            _ if version == Version::Http10 => Ok(false),
            ExpectSeen::Unknown => Err(Reject::new(
                Status::EXPECTATION_FAILED,
                "The only expectation that can be met here is 100-continue.",
            )),
            ExpectSeen::Continue => Ok(true),
            ExpectSeen::Nothing => Ok(false),
        }
    }
}

impl HostSeen {
    fn note(&mut self, value: &[u8]) {
        *self = match self {
            HostSeen::Absent if is_authority(value) => HostSeen::Once,
            HostSeen::Absent => HostSeen::Invalid,
            _ => HostSeen::Repeated,
        };
    }
}

impl ExpectSeen {
    fn note(&mut self, value: &[u8]) {
        let is_met = *self != ExpectSeen::Unknown && value.eq_ignore_ascii_case(b"100-continue");
        *self = if is_met { ExpectSeen::Continue } else { ExpectSeen::Unknown };
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::super::RequestHead;
    use super::super::testing::request;

    /// What `look` sees in a POST of that version with those field lines, or the refusing status.
    fn post<T: PartialEq + Debug>(
        version: &str,
        lines: &str,
        look: impl Fn(&RequestHead<'_, '_>) -> T,
    ) -> Result<T, u16> {
        let input = format!("POST / HTTP/{version}\r\n{lines}\r\n");
        match request(input.as_bytes(), |_, head| look(head)) {
            Ok(seen) => Ok(seen.expect("a whole head")),
            Err(reject) => Err(reject.status.code()),
        }
    }

    #[test]
    fn host_is_required_once_and_well_formed() {
        for (version, lines, expected) in [
            ("1.1", "Host: h\r\n", Ok(())),
            ("1.1", "hOsT:h:80\r\n", Ok(())),
            ("1.1", "Host:\r\n", Ok(())),
            ("1.1", "Host: [::1]:80\r\n", Ok(())),
            ("1.2", "Host: h\r\n", Ok(())),
            ("1.1", "", Err(400)),
            ("1.2", "", Err(400)),
            ("1.1", "Hosts: h\r\n", Err(400)),
            ("1.1", "Host: h\r\nHost: h\r\n", Err(400)),
            ("1.1", "Host: \r\nHost: h\r\n", Err(400)),
            ("1.1", "Host: a, b\r\n", Err(400)),
            ("1.1", "Host: a b\r\n", Err(400)),
            ("1.1", "Host: u@h\r\n", Err(400)),
            ("1.1", "Host: h/p\r\n", Err(400)),
            ("1.1", "Host: http://h\r\n", Err(400)),
            ("1.1", "Host: h:p\r\n", Err(400)),
            ("1.0", "", Ok(())),
            ("1.0", "Host: h\r\n", Ok(())),
            ("1.0", "Host: h\r\nHost: h\r\n", Err(400)),
            ("1.0", "Host: a/b\r\n", Err(400)),
        ] {
            assert_eq!(post(version, lines, |_| ()), expected, "{version} {lines}");
        }
    }

    #[test]
    fn only_100_continue_is_expected_and_only_with_a_body() {
        for (version, lines, expected) in [
            ("1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(true)),
            ("1.1", "expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", Ok(true)),
            ("1.1", "Expect: 100-continue\r\n", Ok(false)),
            ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", Ok(false)),
            ("1.1", "Content-Length: 1\r\n", Ok(false)),
            ("1.1", "Expect: 200-ok\r\nContent-Length: 1\r\n", Err(417)),
            ("1.1", "Expect:\r\n", Err(417)),
            ("1.1", "Expect: 100-continue, x\r\n", Err(417)),
            ("1.1", "Expect: x\r\nExpect: 100-continue\r\n", Err(417)),
            ("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", Ok(false)),
            ("1.0", "Expect: x\r\n", Ok(false)),
        ] {
            let lines = format!("Host: h\r\n{lines}");
            let expects = post(version, &lines, |head| head.expects_continue);
            assert_eq!(expects, expected, "{version} {lines}");
        }
    }

    #[test]
    fn the_connection_field_decides_about_persistence() {
        for (version, lines, expected) in [
            ("1.1", "", (true, false)),
            ("1.1", "Connection: close\r\n", (false, false)),
            ("1.1", "Connection: x\r\nConnection: y, Close\r\n", (false, false)),
            ("1.0", "", (false, false)),
            ("1.0", "Connection: Keep-Alive\r\n", (true, true)),
        ] {
            let lines = format!("Host: h\r\n{lines}");
            let kept = post(version, &lines, |head| (head.keep_alive, head.keep_alive_asked));
            assert_eq!(kept, Ok(expected), "{version} {lines}");
        }
    }

    #[test]
    fn the_codings_of_all_fields_are_gathered() {
        for (lines, codings) in [
            ("", ""),
            ("Accept-Encoding: gzip, br\r\n", "br gzip"),
            ("accept-encoding: br;q=0.5\r\nA: b\r\nACCEPT-ENCODING: gzip\r\n", "gzip br"),
            ("Accept-Encodings: gzip\r\nX-Accept-Encoding: gzip\r\n", ""),
        ] {
            let lines = format!("Host: h\r\n{lines}");
            let found = post("1.1", &lines, |head| {
                head.codings.iter().map(|coding| coding.as_str()).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), Ok(codings), "{lines}");
        }
    }

    #[test]
    fn of_several_lines_the_first_is_the_fact() {
        let lines = "Host: h\r\nAccept: a\r\nACCEPT: b\r\nReferer:\r\nReferer: r\r\n";
        let seen = post("1.1", lines, |head| {
            assert_eq!(head.accept, Some(&b"a"[..]));
            assert_eq!(head.referer, Some(&b""[..]));
            assert_eq!(head.user_agent, None);
        });
        assert_eq!(seen, Ok(()));
    }

    #[test]
    fn a_condition_or_a_range_is_noticed() {
        for (line, expected) in [
            ("X: y", false),
            ("Range: bytes=0-", true),
            ("RANGE: x", true),
            ("If-Match: x", true),
            ("if-none-match: *", true),
            ("If-Modified-Since:", true),
            ("If-Unmodified-Since: x", true),
            // Means nothing without a Range.
            ("If-Range: \"x\"", false),
            ("If-Batch: x", false),
            ("Content-Range: bytes 0-1/2", false),
        ] {
            let lines = format!("Host: h\r\n{line}\r\nA: b\r\n");
            assert_eq!(post("1.1", &lines, |head| head.is_qualified), Ok(expected), "{line}");
        }
    }
}

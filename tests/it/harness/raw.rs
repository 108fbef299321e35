//! A client that sends exactly the bytes it is given and reads answers strictly.
//!
//! It knows no more of HTTP than a test needs: heads, lengths, the end of the connection.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::WAIT_MAX;
use super::secure::{self, ClientStream};

/// Tries to connect to a listener that is just being closed.
const KNOCKS_MAX: usize = 1000;

/// One connection, byte by byte under the test's control.
pub(crate) struct Raw {
    stream: BufReader<ClientStream>,
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The status line and the fields, as they came.
    pub(crate) head: String,
    /// The body, as long as the head says.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of the one field of this name; panics if it is repeated.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() < 2, "{name} is there twice:\n{}", self.head);
        values.first().copied()
    }

    /// The values of a field that may be there more than once, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let named = lines.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).collect()
    }

    /// Where a relative Location leads from the path that was asked for.
    pub(crate) fn location_from(&self, path: &str) -> String {
        let location = self.field("Location").expect("a location");
        let is_relative = !location.starts_with(['/', '\\'])
            && location.split('/').next().is_some_and(|name| !name.contains(':'));
        assert!(is_relative, "{path} leads to {location}");
        let path = path.split('?').next().unwrap_or_default();
        let directory = path.rfind('/').map_or("", |slash| &path[..=slash]);
        format!("{directory}{location}")
    }

    /// The lines of the head but for its date, which may tick between two answers.
    pub(crate) fn dateless(&self) -> Vec<&str> {
        self.head.lines().filter(|line| !line.starts_with("Date:")).collect()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

impl Raw {
    /// Connects, with a deadline on everything.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, WAIT_MAX).expect("the server accepts");
        set_deadlines(&stream);
        Self { stream: BufReader::new(secure::client_stream(address, stream)) }
    }

    /// A connection that is there, with a deadline on everything.
    pub(crate) fn of(stream: TcpStream) -> Self {
        set_deadlines(&stream);
        Self { stream: BufReader::new(ClientStream::Plain(stream)) }
    }

    /// A stream of its own kind.
    #[cfg(feature = "tls")]
    pub(crate) fn over(stream: ClientStream) -> Self {
        set_deadlines(stream.socket());
        Self { stream: BufReader::new(stream) }
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.get_mut().write_all(bytes.as_ref()).expect("the server reads");
        self
    }

    /// Sends these bytes if the peer still takes them; a refusal may have closed the connection.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a GET for this path, kept alive.
    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).reply()
    }

    /// Sends this request line with these fields, between which CRLF stands, and reads the answer.
    pub(crate) fn ask(&mut self, line: &str, fields: &str) -> Reply {
        let end = if fields.is_empty() { "" } else { "\r\n" };
        self.send(format!("{line} HTTP/1.1\r\nHost: test\r\n{fields}{end}\r\n"));
        if line.starts_with("HEAD ") { self.reply_to_head() } else { self.reply() }
    }

    /// Says that no more will be sent.
    pub(crate) fn finish(&mut self) -> &mut Self {
        self.stream.get_mut().close_write().expect("shutdown");
        self
    }

    /// Reads a head: the status line and the fields.
    pub(crate) fn head(&mut self) -> String {
        let mut head = String::new();
        loop {
            let before = head.len();
            let len = self.stream.read_line(&mut head).expect("an answer before the deadline");
            assert!(len > 0, "the connection ended within a head: {head:?}");
            assert!(head.ends_with("\r\n"), "a line ends in CRLF: {head:?}");
            if &head[before..] == "\r\n" {
                head.truncate(before);
                return head;
            }
        }
    }

    /// Reads an answer whose body has a Content-Length, or none where there can be none.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.reply_to_head();
        let len = reply.field("content-length").map_or(0, |len| len.parse().expect("a length"));
        if !matches!(reply.status, 100..=199 | 204 | 304) {
            reply.body = self.bytes(len);
        }
        reply
    }

    /// Reads an answer to a HEAD request: no body, whatever the length says.
    pub(crate) fn reply_to_head(&mut self) -> Reply {
        let head = self.head();
        let status =
            head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        Reply { status: status.unwrap_or_else(|| panic!("no status line: {head:?}")), head, body: Vec::new() }
    }

    /// Reads a body in chunks to its end, which has no trailers.
    pub(crate) fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the size of a chunk");
            let len = usize::from_str_radix(line.trim_end_matches("\r\n"), 16).expect("a number");
            body.extend(self.bytes(len));
            assert_eq!(self.bytes(2), b"\r\n", "CRLF after the data");
            if len == 0 {
                return body;
            }
        }
    }

    /// Reads so many bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).expect("the whole body");
        bytes
    }

    /// Reads up to the end of the connection. A reset is a failure: it destroys answers.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("an orderly end");
        rest
    }

    /// Reads up to the end of the connection, and whether it came in order. The kernel may reset a closed
    /// connection whose peer is slow: it then lacks the memory to wait.
    pub(crate) fn rest_until_any_end(&mut self) -> (Vec<u8>, bool) {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset)), "{end:?}");
        (rest, end.is_ok())
    }

    /// Asserts that the connection ends in order, with nothing more to read.
    pub(crate) fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more than the answer: {:?}", String::from_utf8_lossy(&rest));
    }

    /// The socket, for options and addresses.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref().socket()
    }
}

fn set_deadlines(stream: &TcpStream) {
    stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
    stream.set_write_timeout(Some(WAIT_MAX)).expect("a deadline");
    stream.set_nodelay(true).expect("no delay");
}

/// Asserts that a listener that is being closed answers nobody any more and soon lets nobody in.
pub(crate) fn expect_shut(address: SocketAddr, request: &[u8]) {
    for _ in 0..KNOCKS_MAX {
        let mut stream = match TcpStream::connect_timeout(&address, WAIT_MAX) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            // The listener closed between the handshake and this call's return.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => continue,
            outcome => outcome.expect("let in, refused or thrown out"),
        };
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a deadline");
        let mut answer = Vec::new();
        // It may be thrown out before it has said anything.
        let _ = stream.write_all(request).and_then(|()| stream.read_to_end(&mut answer).map(drop));
        assert!(answer.is_empty(), "an answer: {:?}", String::from_utf8_lossy(&answer));
    }
    panic!("{address} is still open");
}

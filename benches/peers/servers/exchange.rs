//! A plain HTTP client for what must be right before anything is measured, and for what is not timed.
//!
//! It speaks over a blocking socket, reads answers by their length and compares every byte of them. A server
//! that does not do what a row asks is found here, so that no figure stands for something else.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::load::Load;
use super::stream::BlockingStream;

/// An answer that takes longer than this is none. Tools that count instructions slow a server down fiftyfold.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// More requests than any server allows on a connection unless it is told to: nginx allows 1000.
pub(crate) const MANY_REQUESTS: usize = 1010;
/// Enough to see that a connection is kept at all.
pub(crate) const SOME_REQUESTS: usize = 32;
/// Bodies longer than this are asked for twice only.
const LARGE_LEN: usize = 1 << 20;
/// Requests that are under way together where many files are asked for once.
const BATCH: usize = 50;

/// What a server must answer.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// Whatever body it likes, if there is none here.
    pub(crate) body: Option<Vec<u8>>,
}

/// One answer, as it came.
pub(crate) struct Answer {
    status: u16,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether its body is too large to be copied.
    pub(crate) fn is_large(&self) -> bool {
        self.body.len() > LARGE_LEN
    }
}

/// A connection to a server.
pub(crate) struct Client {
    reader: BufReader<BlockingStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, load: &Load) -> io::Result<Self> {
        let stream = BlockingStream::connect(address, ANSWER_TIMEOUT, load.tls.is_some())?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Sends this, which may be several requests.
    pub(crate) fn send(&mut self, requests: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(requests)
    }

    /// The next answer.
    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if self.reader.read_until(b'\n', &mut head)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
            }
        }
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("an answer has no status"))?;
        if text.contains("\ncontent-encoding:") {
            return Err(io::Error::other("an answer is compressed"));
        }
        let len = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let body = match len {
            Some(len) => self.bytes(len)?,
            None if text.contains("\ntransfer-encoding: chunked") => self.chunks()?,
            None => return Err(io::Error::other("an answer has no length")),
        };
        Ok(Answer { status, head, body })
    }

    fn bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Chunks without trailers behind them.
    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            let len = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            body.extend(self.bytes(len)?);
            self.bytes(2)?;
            if len == 0 {
                return Ok(body);
            }
        }
    }

    /// The connection, to be kept as it is.
    pub(crate) fn into_stream(self) -> BlockingStream {
        self.reader.into_inner()
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0))
    }
}

/// Whether the server does what this load asks, on a connection that is kept for so many requests; an error
/// says what it does instead.
pub(crate) fn check(
    address: SocketAddr,
    load: &Load,
    expected: &Expected,
    requests: usize,
) -> Result<Answer, String> {
    let request = load.request(address, 0);
    let is_large = expected.body.as_ref().is_some_and(|body| body.len() > LARGE_LEN);
    let times = if is_large || load.closes { 2 } else { requests / load.depth };
    let batch = request.repeat(load.depth);
    let client = || Client::connect(address, load).map_err(|error| error.to_string());
    let mut kept = client()?;
    let mut last = None;
    for number in 0..times {
        if load.closes {
            kept = client()?;
        }
        kept.send(&batch).map_err(|error| format!("request {}: {error}", number + 1))?;
        for _ in 0..load.depth {
            let answer = kept.receive().map_err(|error| format!("answer {}: {error}", number + 1))?;
            compare(&answer, expected)?;
            last = Some(answer);
        }
        if load.closes && !kept.is_closed() {
            return Err("it does not close the connection when it is asked to".to_owned());
        }
    }
    last.ok_or_else(|| "nothing was asked".to_owned())
}

fn compare(answer: &Answer, expected: &Expected) -> Result<(), String> {
    if answer.status != expected.status {
        return Err(format!("it answers with {} instead of {}", answer.status, expected.status));
    }
    match &expected.body {
        Some(body) if *body != answer.body => Err("it answers with another body".to_owned()),
        _ => Ok(()),
    }
}

/// Asks this many times over one connection, one after the other.
pub(crate) fn repeat(address: SocketAddr, load: &Load, times: usize) -> io::Result<()> {
    let request = load.request(address, 0);
    let mut client = Client::connect(address, load)?;
    for _ in 0..times {
        client.send(&request)?;
        if client.receive()?.status != 200 {
            return Err(io::Error::other("it answers with another status than 200"));
        }
    }
    Ok(())
}

/// Asks for each of the many files once, so that who keeps files has them.
pub(crate) fn visit(address: SocketAddr, load: &Load, count: usize) -> io::Result<()> {
    let numbers: Vec<usize> = (0..count).collect();
    for connection in numbers.chunks(MANY_REQUESTS) {
        let mut client = Client::connect(address, load)?;
        for batch in connection.chunks(BATCH) {
            let requests: Vec<u8> = batch.iter().flat_map(|&number| load.request(address, number)).collect();
            client.send(&requests)?;
            for _ in batch {
                client.receive()?;
            }
        }
    }
    Ok(())
}

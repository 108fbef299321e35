//! A server that parses nothing: what is measured against it is the load generator.
//!
//! A thread with a mio loop of its own reads what is there and answers each request with the same
//! 1 KiB, made beforehand. The end of a connection's first request is looked for once; from then on
//! requests are counted by their length, pipelined ones too, for all of them are the same. It keeps no
//! time, has no limits and is fit for nothing else.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use reactor_http::net::{self, Handshake, Stream, Transport};
use slab::Slab;

use crate::cores;

/// What an answer has behind its head.
const BODY_LEN: usize = 1024;
/// Fields as a server of files sends them. `ab` keeps a connection only if it is told that it may.
const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: responder\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                    Content-Type: application/octet-stream\r\nContent-Length: 1024\r\n\
                    Connection: keep-alive\r\n\r\n";
/// Answers that leave in one write when as many requests came in one read.
const BATCH_MAX: usize = 64;
/// What one read takes: as much as that of the load generator.
const READ_LEN: usize = 64 * 1024;
/// Kernel events taken at once, as many as the reactor takes.
const EVENTS_MAX: usize = 1024;

/// How long connections may take to be made or to go away.
const CONNECTIONS_TIMEOUT: Duration = Duration::from_secs(5);

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// What others may know of the responder at any time.
#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    connections: AtomicU64,
}

/// The responder in its thread.
pub(super) struct Responder {
    address: SocketAddr,
    counts: Arc<Counts>,
    waker: Waker,
    thread: JoinHandle<io::Result<()>>,
}

impl Responder {
    /// Starts it on this core. What it accepts becomes a stream, plain or TLS.
    pub(super) fn start(
        core: usize,
        accept: impl Fn(TcpStream) -> Option<Stream> + Send + 'static,
    ) -> io::Result<Self> {
        let mut listener = net::listen((Ipv4Addr::LOCALHOST, 0).into())?;
        let (address, counts) = (listener.local_addr()?, Arc::<Counts>::default());
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let told = Arc::clone(&counts);
        let thread = thread::spawn(move || {
            cores::pin(core)?;
            let (conns, answers) = (Slab::new(), answer().repeat(BATCH_MAX));
            Loop { listener, accept, conns, answers, answered: 0 }.run(poll, &told)
        });
        Ok(Self { address, counts, waker, thread })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests answered so far, over all connections there have been.
    pub(super) fn answered(&self) -> u64 {
        self.counts.answered.load(Ordering::Relaxed)
    }

    /// Waits until there are so many connections.
    pub(super) fn await_connections(&self, count: usize) -> io::Result<()> {
        let began = Instant::now();
        while self.counts.connections.load(Ordering::Relaxed) != count as u64 {
            if began.elapsed() > CONNECTIONS_TIMEOUT {
                return Err(io::Error::other(format!("there are not {count} connections after seconds")));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Stops it; its connections are dropped.
    pub(super) fn stop(self) -> io::Result<()> {
        self.waker.wake()?;
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the responder has panicked")))
    }
}

/// What each request is answered with.
pub(super) fn answer() -> Vec<u8> {
    [HEAD.as_bytes(), &[b'x'; BODY_LEN]].concat()
}

/// One connection.
struct Conn {
    stream: Stream,
    is_handshaking: bool,
    /// The beginning of its first request, until that is whole.
    first: Vec<u8>,
    request_len: Option<usize>,
    /// Bytes that have come of a request that is not whole.
    part_len: usize,
    /// Bytes of answers that are to be sent, and how much of the first of them has been.
    owed_len: usize,
    answer_sent_len: usize,
}

impl Conn {
    /// How many requests are whole now that these bytes have come.
    fn count(&mut self, bytes: &[u8]) -> usize {
        self.part_len += bytes.len();
        if self.request_len.is_none() {
            self.first.extend_from_slice(bytes);
            let end = self.first.windows(4).position(|window| window == b"\r\n\r\n");
            self.request_len = end.map(|end| end + 4);
        }
        let Some(request_len) = self.request_len else { return 0 };
        let count = self.part_len / request_len;
        self.part_len %= request_len;
        count
    }
}

struct Loop<A> {
    listener: TcpListener,
    accept: A,
    conns: Slab<Conn>,
    /// The answer, as often as a batch has it.
    answers: Vec<u8>,
    answered: u64,
}

impl<A: Fn(TcpStream) -> Option<Stream>> Loop<A> {
    fn run(mut self, mut poll: Poll, counts: &Counts) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; READ_LEN];
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(poll.registry())?,
                    WAKER => return Ok(()),
                    Token(index) => {
                        if self.serve(index, event.is_read_closed(), &mut buffer).is_err() {
                            self.conns.try_remove(index);
                        }
                    }
                }
            }
            counts.answered.store(self.answered, Ordering::Relaxed);
            counts.connections.store(self.conns.len() as u64, Ordering::Relaxed);
        }
    }

    fn accept(&mut self, registry: &Registry) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let slot = self.conns.vacant_entry();
            // Registered before it belongs to a stream: it is the same descriptor.
            registry.register(&mut stream, Token(slot.key()), Interest::READABLE | Interest::WRITABLE)?;
            let first = Vec::new();
            let Some(stream) = (self.accept)(stream) else { continue };
            slot.insert(Conn {
                is_handshaking: stream.needs_handshake(),
                stream,
                first,
                request_len: None,
                part_len: 0,
                owed_len: 0,
                answer_sent_len: 0,
            });
        }
    }

    /// Answers what has come; an error is the end of the connection.
    fn serve(&mut self, index: usize, is_read_closed: bool, buffer: &mut [u8]) -> io::Result<()> {
        let Some(conn) = self.conns.get_mut(index) else { return Ok(()) };
        let answer_len = self.answers.len() / BATCH_MAX;
        loop {
            if conn.is_handshaking {
                match conn.stream.drive_handshake().map_err(|error| io::Error::other(error.to_string()))? {
                    Handshake::Complete(_) => conn.is_handshaking = false,
                    Handshake::NeedsInput | Handshake::NeedsRoom => return Ok(()),
                }
            }
            let len = match conn.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let count = conn.count(&buffer[..len]);
            self.answered += count as u64;
            conn.owed_len += count * answer_len;
            send(conn, &self.answers, answer_len)?;
            if len == 0 || (conn.stream.is_drained(len, buffer.len()) && !is_read_closed) {
                return Ok(());
            }
        }
    }
}

/// Sends what is owed, as far as there is room.
fn send(conn: &mut Conn, answers: &[u8], answer_len: usize) -> io::Result<()> {
    while conn.owed_len > 0 || conn.stream.has_pending_output() {
        let from = conn.answer_sent_len;
        let to = answers.len().min(from + conn.owed_len);
        let owed = [IoSlice::new(&answers[from..to])];
        match conn.stream.write(if from < to { &owed } else { &[] }, false) {
            Ok(len) => {
                conn.owed_len -= len;
                conn.answer_sent_len = (from + len) % answer_len;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

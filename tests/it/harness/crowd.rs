//! A server of many connections, one thread and one habit: it stalls, or answers wrongly.
//!
//! It reads requests without bodies, pipelined or not, and goes on until it is dropped. What it does and
//! when is known exactly: of its stalls it keeps a log, and its wrong answers are bytes that a test gives.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::net::sockopt;

use super::WAIT_MAX;

/// A proper answer.
pub(crate) const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// What a server does.
#[derive(Clone, Debug)]
pub(crate) enum Habit {
    /// Answers at once, but for a time at regular intervals in which it does nothing at all. The
    /// intervals count from its first request, which is how a test knows their phase.
    Stalls(Stalls),
    /// Answers so many requests of each connection properly, and the next one like this.
    Errs { after: usize, bytes: Vec<u8>, end: End },
}

/// When a server does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalls {
    /// From the first request to the first stall.
    pub(crate) first: Duration,
    /// From the beginning of one to that of the next.
    pub(crate) every: Duration,
    /// How long each is.
    pub(crate) len: Duration,
}

/// What becomes of a connection after a wrong answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// It is closed in good order: what comes in is still read, so that nothing resets it.
    Close,
    /// It is reset.
    Reset,
    /// It stays, and nothing more is said on it.
    Silence,
    /// It is closed in good order behind the rest, which goes out when the client has taken in what
    /// came before: when its next request comes, or a while later.
    Late(&'static [u8]),
}

/// A server under way. Dropping it ends it.
pub(crate) struct Crowd {
    address: SocketAddr,
    stop: Arc<Waker>,
    began: Receiver<()>,
    thread: Option<JoinHandle<Log>>,
}

/// What a server knows of itself.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// When it has stalled.
    pub(crate) stalls: Vec<Stall>,
    /// How often it has answered wrongly.
    pub(crate) erred: u64,
    /// How many connections it has taken.
    pub(crate) connections: u64,
}

/// A time in which the server did nothing, since its first request; as it was, not as it was planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
}

impl Crowd {
    pub(crate) fn of(habit: Habit) -> Self {
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let poll = Poll::new().expect("epoll");
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("room in epoll");
        let stop = Arc::new(Waker::new(poll.registry(), STOP).expect("a waker"));
        let (tell, told) = mpsc::channel();
        let serving =
            Serving { habit, poll, listener, conns: Vec::new(), began: None, tell, log: Log::default() };
        Self { address, stop, began: told, thread: Some(thread::spawn(|| serving.run())) }
    }

    /// Its port, as an argument.
    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the first request has come.
    pub(crate) fn wait_for_request(&self) {
        self.began.recv_timeout(WAIT_MAX).expect("a request");
    }

    /// Ends it; what it has done.
    pub(crate) fn stop(mut self) -> Log {
        self.stop.wake().expect("it is told");
        self.thread.take().expect("it is under way").join().expect("it has not failed")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // It is told; it need not be waited for.
        let _ = self.stop.wake();
    }
}

/// One connection. A client may leave at any time: that is the test's to judge.
struct Conn {
    stream: TcpStream,
    /// How much of the end of a head has come.
    head_end_len: usize,
    answered: usize,
    has_erred: bool,
    /// What is still to be said.
    late: &'static [u8],
}

/// The thread of a server.
struct Serving {
    habit: Habit,
    poll: Poll,
    listener: TcpListener,
    conns: Vec<Option<Conn>>,
    /// When the first request came.
    began: Option<Instant>,
    tell: Sender<()>,
    log: Log,
}

/// How long the rest of an answer keeps the client waiting: long enough for it to have taken in the
/// beginning, most often; tests hold if not.
const LATE_BY: Duration = Duration::from_millis(20);

impl Serving {
    fn run(mut self) -> Log {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.stall_if_due();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.expect("epoll goes on"),
            }
            if events.is_empty() {
                (0..self.conns.len()).for_each(|index| self.say_the_rest(index));
            }
            for event in &events {
                match event.token() {
                    STOP => return self.log,
                    LISTENER => self.accept(),
                    Token(index) => {
                        self.stall_if_due();
                        self.serve(index);
                    }
                }
            }
        }
    }

    /// Does nothing while it is time to; how long it may wait for something to do.
    fn stall_if_due(&mut self) -> Option<Duration> {
        let (Habit::Stalls(stalls), Some(began)) = (&self.habit, self.began) else {
            let is_late = self.conns.iter().flatten().any(|conn| !conn.late.is_empty());
            return is_late.then_some(LATE_BY);
        };
        let count = u32::try_from(self.log.stalls.len()).expect("a test is short");
        let planned = stalls.first + stalls.every * count;
        let mut now = began.elapsed();
        if now < planned {
            return Some(planned - now);
        }
        let stall_began = now;
        while now < planned + stalls.len {
            thread::park_timeout(planned + stalls.len - now);
            now = began.elapsed();
        }
        self.log.stalls.push(Stall { began: stall_began, ended: now });
        Some(Duration::ZERO)
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.log.connections += 1;
            // Who is gone already is nobody's loss.
            let _ = stream.set_nodelay(true);
            let index = self.conns.iter().position(Option::is_none).unwrap_or(self.conns.len());
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE).expect("room");
            let conn = Conn { stream, head_end_len: 0, answered: 0, has_erred: false, late: b"" };
            if index == self.conns.len() {
                self.conns.push(None);
            }
            self.conns[index] = Some(conn);
        }
    }

    /// Reads what there is and answers it; the connection is dropped when it is over.
    fn serve(&mut self, index: usize) {
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else { return };
        let had_erred = conn.has_erred;
        let mut bytes = [0; 16 * 1024];
        let mut out = Vec::new();
        let stays = loop {
            match conn.stream.read(&mut bytes) {
                Ok(0) => break false,
                Ok(len) => {
                    if self.began.is_none() {
                        self.began = Some(Instant::now());
                        // Nobody may want to know.
                        let _ = self.tell.send(());
                    }
                    out.clear();
                    let goes_on = conn.answer(&bytes[..len], &self.habit, &mut out);
                    // The few bytes of a test always find room in the socket.
                    if conn.stream.write_all(&out).is_err() || !goes_on {
                        break false;
                    }
                }
                Err(error) => break error.kind() == ErrorKind::WouldBlock,
            }
        };
        self.log.erred += u64::from(conn.has_erred && !had_erred);
        if !stays {
            self.conns[index] = None;
        }
    }

    fn say_the_rest(&mut self, index: usize) {
        if let Some(conn) = self.conns[index].as_mut() {
            conn.finish();
        }
    }
}

impl Conn {
    /// Answers the requests that end in these bytes; `false` when the connection is to be dropped.
    fn answer(&mut self, bytes: &[u8], habit: &Habit, out: &mut Vec<u8>) -> bool {
        for byte in bytes {
            let expected = b"\r\n\r\n"[self.head_end_len];
            self.head_end_len =
                if *byte == expected { self.head_end_len + 1 } else { usize::from(*byte == b'\r') };
            if self.head_end_len < 4 {
                continue;
            }
            self.head_end_len = 0;
            match habit {
                _ if self.has_erred => self.finish(),
                Habit::Errs { after, bytes, end } if self.answered == *after => {
                    self.has_erred = true;
                    out.extend_from_slice(bytes);
                    if !self.err(*end, out) {
                        return false;
                    }
                }
                _ => {
                    self.answered += 1;
                    out.extend_from_slice(GOOD);
                }
            }
        }
        true
    }

    /// Says what there is to say and ends like this; `false` when the connection is to be dropped.
    fn err(&mut self, end: End, out: &mut Vec<u8>) -> bool {
        // Who has left has left.
        let _ = self.stream.write_all(out);
        out.clear();
        match end {
            End::Close => {
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            End::Reset => {
                let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
                return false;
            }
            End::Silence => {}
            End::Late(rest) => self.late = rest,
        }
        true
    }

    fn finish(&mut self) {
        if !self.late.is_empty() {
            let _ = self.stream.write_all(std::mem::take(&mut self.late));
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

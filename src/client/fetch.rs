//! One request from beginning to end: resolving, connecting to one address after the other, the
//! exchange, and the outcome.
//!
//! It is an application of the same reactor as the server. What the answer means to a person is
//! the session's.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::config::Config;
use super::conn::Conn;
use super::session::Session;
use super::words::RunError;
use crate::http::Method;
use crate::net::{self, Link, Pool};
use crate::reactor::{App, Control, ListenerId, Next, Now, Reactor, Readiness};

/// Bytes read at once: large bodies come in large pieces.
const INBOX_LEN: usize = 64 * 1024;
/// How long connecting may take when nothing else is asked for: what curl allows.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);

/// The application of the client's reactor.
struct Fetch {
    session: Session,
    method: Method,
    pool: Pool,
    addresses: VecDeque<SocketAddr>,
    /// The address and the reason of each attempt that failed.
    attempts: Vec<String>,
    connecting: bool,
    connect_deadline: Instant,
    deadline: Option<Instant>,
}

/// Sends the request that the settings describe and deals with the answer.
///
/// # Errors
/// Whatever keeps the answer from being whole and where it belongs.
pub fn fetch(config: Config) -> Result<(), RunError> {
    let now = Now::read();
    let (host, port) = (config.target.host.clone(), config.target.port);
    let deadline = config.max_time.map(|time| now.instant + time);
    let connect_deadline = now.instant + config.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let session = Session::new(config, now);
    session.say(format_args!("this host is {}", this_host()));
    // The resolver of the system, with all its sources, blocks; nothing else goes on meanwhile.
    let addresses: VecDeque<_> = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|source| RunError::Resolve { host, source })?
        .collect();
    let fetch = Fetch {
        method: Method::from_token(session.config.method.as_bytes()),
        session,
        pool: Pool::new(INBOX_LEN),
        addresses,
        attempts: Vec::new(),
        connecting: false,
        connect_deadline,
        deadline,
    };
    let mut reactor = Reactor::new(fetch, now).map_err(RunError::Reactor)?;
    reactor.watch_signals(&[SIGINT, SIGTERM]).map_err(RunError::Reactor)?;
    reactor.run().map_err(RunError::Reactor)?.session.into_outcome()
}

/// The name that this machine goes by.
fn this_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Fetch {
    /// Begins to connect to the next address, or gives up.
    fn connect_next(&mut self, now: Now) -> Option<Link<Conn<Session>>> {
        while let Some(address) = self.addresses.pop_front() {
            match net::connect(address) {
                Ok(stream) => {
                    self.session.address = Some(address);
                    self.connecting = true;
                    let conn = Conn::new(self.method, Some(self.attempt_deadline(now)), self.deadline);
                    return Some(Link::connecting(stream, conn));
                }
                Err(error) => self.note_attempt(address, error.kind()),
            }
        }
        let attempts = self.attempts.join("; ");
        self.session.fail(RunError::Connect { attempts });
        None
    }

    /// Each address that is left gets an equal share of the time that is left.
    fn attempt_deadline(&self, now: Now) -> Instant {
        let left = self.connect_deadline.saturating_duration_since(now.instant);
        let shares = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        now.instant + left / shares
    }

    fn note_attempt(&mut self, address: SocketAddr, kind: io::ErrorKind) {
        let remedy = match kind {
            io::ErrorKind::ConnectionRefused => " (is the server running, and is this its port?)",
            _ => "",
        };
        self.attempts.push(format!("{address}: {kind}{remedy}"));
    }

    fn check_time(&mut self, now: Now) {
        let over = |deadline: Instant| deadline <= now.instant;
        let connect_over = self.session.attempt_failed.is_some() && over(self.connect_deadline);
        if connect_over || self.deadline.is_some_and(over) {
            let limits = (self.session.config.connect_timeout, self.session.config.max_time);
            let limit =
                if connect_over { limits.0.unwrap_or(CONNECT_TIMEOUT) } else { limits.1.unwrap_or_default() };
            self.session.fail(RunError::TimedOut(limit));
        }
    }
}

impl App for Fetch {
    type Conn = Link<Conn<Session>>;

    fn accepted(&mut self, _: ListenerId, _: TcpStream, _: SocketAddr, _: Now) -> Option<Self::Conn> {
        None
    }

    fn drive(&mut self, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        conn.pump(ready, &mut self.session, &mut self.pool, now)
    }

    fn between_turns(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        if let Some(&signal) = control.take_signals().first() {
            self.session.fail(RunError::Interrupted(signal));
        }
        if !self.session.is_over() {
            self.check_time(now);
        }
        if let Some(kind) = self.session.attempt_failed.take() {
            self.connecting = false;
            if let Some(address) = self.session.address {
                self.note_attempt(address, kind);
            }
        }
        if !self.session.is_over()
            && !self.connecting
            && let Some(conn) = self.connect_next(now)
        {
            control.open(conn);
        }
        if self.session.is_over() {
            control.stop();
        }
        [self.deadline, self.session.tick(now)].into_iter().flatten().min()
    }
}

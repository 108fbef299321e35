//! One request from beginning to end: connecting, the exchange, and the outcome.
//!
//! It is an application of the same reactor as the server. What the answer means to a person is
//! the session's.

use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};

use super::config::ClientConfig;
use super::connection::FetchProtocol;
use super::log::ExchangeLog;
use super::run_error::RunError;
use super::session::Session;
use super::source::Payload;
use super::upload::UploadBody;
use crate::access_log::LogDestination;
use crate::cli::{quote, say};
use crate::http::{Method, RequestBody};
use crate::net::{AddressConnector, Connection, Pool, Tick, host_name};
use crate::reactor::{App, Control, HelperPool, Helpers, Key, Next, Now, Reactor, Readiness};

/// Bytes read at once: large bodies come in large pieces.
const RECV_BUF_LEN: usize = 64 * 1024;
/// How long connecting may take when nothing else is asked for: what curl allows.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);

/// The signals that end the run.
const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];
/// Those, and one that would end it if nobody watched, when a write goes beyond the limit on file sizes.
const WATCHED_SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGXFSZ];

/// The application of the client's reactor.
struct FetchApp {
    session: Session,
    pool: Pool,
    deadline: Option<Instant>,
}

/// Sends the request that the settings describe and deals with the answer.
///
/// # Errors
/// Whatever keeps the answer from being whole and where it belongs.
pub fn fetch(config: ClientConfig) -> Result<(), RunError> {
    let now = Now::read();
    let deadline = config.max_time.map(|time| now.instant + time);
    let connect_timeout = config.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let open = |payload: &Payload| {
        UploadBody::open(payload).map_err(|source| RunError::Source(payload.to_string(), source))
    };
    let upload = config.upload.as_ref().map(open).transpose()?;
    let stream_fd =
        upload.as_ref().map(UploadBody::stream_fd).transpose().map_err(RunError::Reactor)?.flatten();
    let log = ExchangeLog::open(&config.log, &config.log_style)
        .map_err(|source| RunError::Log(log_name(&config.log), source))?;
    if !config.silent {
        say(format_args!("this host is {}", host_name()));
    }
    let helpers = Helpers::new(HelperPool::new(1)).map_err(RunError::Reactor)?;
    let target = &config.target;
    let connector = AddressConnector::resolve(&target.host, target.port, connect_timeout, now, &helpers);
    let session = Session::new(config, upload, connector, log, now);
    let fetch = FetchApp { session, pool: Pool::new(RECV_BUF_LEN), deadline };
    let mut reactor = Reactor::new(fetch, now).map_err(RunError::Reactor)?;
    reactor.use_helpers(helpers).map_err(RunError::Reactor)?;
    reactor.watch_signals(&WATCHED_SIGNALS).map_err(RunError::Reactor)?;
    // After the loop watches: a signal between the two would be lost.
    reactor.app_mut().session.blocking_wait.exit_on_signals(&STOP_SIGNALS).map_err(RunError::Reactor)?;
    if let Some(stream_fd) = stream_fd {
        reactor.watch_fd(stream_fd).map_err(RunError::Reactor)?;
    }
    reactor.run().map_err(RunError::Reactor)?.session.outcome.unwrap_or(Ok(()))
}

fn log_name(log: &LogDestination) -> String {
    match log {
        LogDestination::File(path) => quote(path),
        LogDestination::Stdout | LogDestination::Off => "on standard output".to_owned(),
    }
}

impl App for FetchApp {
    type Conn = Connection<FetchProtocol<Session>>;

    fn drive(&mut self, _: Key, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        // There may be more to send, whether or not there is something to read.
        if self.session.framing == RequestBody::Chunked {
            conn.wake();
        }
        let next = conn.pump(Tick::new(ready, &mut self.session, &mut self.pool, now));
        self.session.on_sent(conn.sent_total());
        next
    }

    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        // The other is no news: the write has failed, and whoever wrote says so.
        if let Some(signal) = control.take_signals().into_iter().find(|signal| STOP_SIGNALS.contains(signal))
        {
            self.session.fail(RunError::Interrupted(signal));
        }
        if control.take_fd_readable() {
            control.wake_all();
        }
        if self.deadline.is_some_and(|deadline| deadline <= now.instant) {
            self.session.fail(RunError::TimedOut(self.session.config.max_time.unwrap_or_default()));
        }
        if self.session.outcome.is_none() {
            match self.session.connector.connect_next(now) {
                Ok(None) => {}
                Ok(Some((stream, attempt))) => {
                    let method = Method::from_token(self.session.config.method.as_bytes());
                    let protocol = FetchProtocol::new(method, Some(attempt), self.deadline);
                    control.open(Connection::connecting(stream, protocol));
                }
                Err(error) => self.session.fail(error.into()),
            }
        }
        if self.session.outcome.is_some() {
            control.stop();
        }
        let lookup_deadline = self.session.connector.lookup_deadline();
        [self.deadline, lookup_deadline, self.session.progress.tick(now.instant)].into_iter().flatten().min()
    }

    fn on_shutdown(&mut self, conn: Self::Conn, now: Now) {
        conn.shut_down(&mut self.session, now);
    }
}

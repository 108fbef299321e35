//! Client application for one request.
//!
//! [`Session`] presents the response.

use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};

use super::config::ClientConfig;
use super::connection::FetchProtocol;
use super::log::ExchangeLog;
use super::messages::printable;
use super::prompt::{ask_password, confirm};
use super::run_error::RunError;
use super::session::Session;
use super::target::KnownHost;
use super::tls::ClientTls;
use super::upload::UploadBody;
use crate::access_log::LogDestination;
use crate::cli::{quote, say};
use crate::http::{RESPONSE_HEAD_LEN_MAX, RequestBody};
use crate::net::{AddressConnector, Connection, Pool, Tick, host_name};
use crate::reactor::{App, Control, HelperPool, Helpers, Key, Next, Now, Reactor, Readiness};

/// Default connect timeout, as in curl.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);

const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];
/// Unwatched, SIGXFSZ kills the process when a write exceeds the file size limit.
const WATCHED_SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGXFSZ];

struct FetchApp {
    session: Session,
    pool: Pool,
    deadline: Option<Instant>,
    ended: Now,
    helpers: Helpers,
}

impl FetchApp {
    fn change_origin(&mut self, now: Now) {
        let session = &mut self.session;
        match begin_connect(&session.config, session.tls.take(), &self.helpers, now) {
            Ok((connector, tls)) => (session.connector, session.tls) = (connector, tls),
            Err(error) => session.fail(error),
        }
    }
}

/// Sends the configured request and handles the response.
pub fn fetch(mut config: ClientConfig) -> Result<(), RunError> {
    if config.method == "DELETE" && !config.assume_yes {
        confirm(&format!("delete {}? [y/N] ", printable(config.target.url().as_bytes())))?;
    }
    ask_password(config.login_user.take(), &mut config.fields)?;
    let now = Now::read();
    let log = ExchangeLog::open(&config.log, &config.log_style)
        .map_err(|source| RunError::Log(log_name(&config.log), source, "nothing was sent"))?;
    let log_name = log_name(&config.log);
    let helpers = Helpers::new(HelperPool::new(1)).map_err(RunError::Reactor)?;
    let (connector, tls) = begin_connect(&config, None, &helpers, now)?;
    let (is_silent, deadline) = (config.silent, config.max_time.map(|time| now.instant + time));
    let mut session = Session::new(config, connector, tls, log, now);
    if session.outcome.is_some() {
        return session.conclude(now);
    }
    if !is_silent {
        say(format_args!("this host is {}", host_name()));
    }
    let stream_fd = session.upload.as_ref().map(UploadBody::stream_fd).transpose();
    let stream_fd = stream_fd.map_err(RunError::Reactor)?.flatten();
    let (pool, ended) = (Pool::new(RESPONSE_HEAD_LEN_MAX, None), now);
    let fetch = FetchApp { session, pool, deadline, ended, helpers: helpers.clone() };
    let mut reactor = Reactor::new(fetch, now).map_err(RunError::Reactor)?;
    reactor.use_helpers(helpers).map_err(RunError::Reactor)?;
    reactor.watch_signals(&WATCHED_SIGNALS).map_err(RunError::Reactor)?;
    // After the loop watches: a signal between the two would be lost.
    reactor.app_mut().session.blocking_wait.exit_on_signals(&STOP_SIGNALS).map_err(RunError::Reactor)?;
    if let Some(stream_fd) = stream_fd {
        reactor.watch_fd(stream_fd).map_err(RunError::Reactor)?;
    }
    let FetchApp { mut session, ended, .. } = reactor.run().map_err(RunError::Reactor)?;
    session.log_unconnected(now);
    let is_logged = session.log.finish();
    session.conclude(ended)?;
    is_logged.map_err(|source| RunError::Log(log_name, source, "the exchange itself is complete"))
}

/// Begins to resolve the target. Opens `tls` if it is needed for the first time.
fn begin_connect(
    config: &ClientConfig,
    tls: Option<ClientTls>,
    helpers: &Helpers,
    now: Now,
) -> Result<(AddressConnector, Option<ClientTls>), RunError> {
    let (target, timeout) = (&config.target, config.connect_timeout.unwrap_or(CONNECT_TIMEOUT));
    let tls = match tls {
        None if target.is_tls => Some(ClientTls::open(&config.tls, false).map_err(RunError::Tls)?),
        tls => tls,
    };
    let known = KnownHost::find(&config.known_hosts, &target.host, target.port);
    let connector = match known.is_empty() {
        true => AddressConnector::resolve(&target.host, target.port, timeout, now, helpers),
        false => AddressConnector::known(&target.host, known, timeout, now),
    };
    Ok((connector, tls))
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
        // A stream may have more to send without any input.
        if self.session.framing == RequestBody::Chunked {
            conn.wake();
        }
        conn.pump(Tick::new(ready, &mut self.session, &mut self.pool, now))
    }

    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        // Ignore SIGXFSZ: the failed write is reported.
        if let Some(signal) = control.take_signals().into_iter().find(|signal| STOP_SIGNALS.contains(signal))
        {
            self.session.fail(RunError::Interrupted(signal));
        }
        if control.take_fd_readable() {
            control.wakes_all = true;
        }
        self.ended = now;
        if self.deadline.is_some_and(|deadline| deadline <= now.instant) {
            let error = RunError::TimedOut(self.session.config.max_time.unwrap_or_default());
            self.session.settle(Err(error), now);
        }
        let is_due = self.session.reconnect_at.take_if(|at| *at <= now.instant).is_some();
        if std::mem::take(&mut self.session.has_moved) {
            self.change_origin(now);
        } else if is_due {
            self.session.connector.reconnect(now);
        }
        if self.session.outcome.is_none() && self.session.reconnect_at.is_none() {
            match self.session.connector.connect_next(now) {
                Ok(None) => {}
                Ok(Some((socket, attempt))) => {
                    let target = &self.session.config.target;
                    let stream = match &self.session.tls {
                        Some(tls) if target.is_tls => tls.connect(socket, &target.host),
                        _ => Ok(socket.into()),
                    };
                    let protocol = FetchProtocol::new(self.session.method(), Some(attempt), self.deadline);
                    match stream {
                        Ok(stream) => control.new_connections.push(Connection::connecting(stream, protocol)),
                        Err(error) => self.session.fail(RunError::Tls(error)),
                    }
                }
                Err(error) => self.session.settle(Err(error.into()), now),
            }
        }
        if self.session.outcome.is_some() {
            control.stop = true;
        }
        let Session { connector, progress, reconnect_at, .. } = &mut self.session;
        let deadlines =
            [self.deadline, connector.lookup_deadline(), progress.tick(now.instant), *reconnect_at];
        deadlines.into_iter().flatten().min()
    }

    fn on_shutdown(&mut self, conn: Self::Conn, now: Now) {
        conn.shut_down(&mut self.session, now);
    }
}

//! The server as the reactor sees it: accepting, driving, and shutting down in good order.
//!
//! It owns the site and the buffers. It speaks no protocol; [`Conn`] does.

use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Conn, Site};
use crate::http::HEAD_LEN_MAX;
use crate::net::{Link, Pool};
use crate::reactor::{App, Control, ListenerId, Next, Now, Readiness};

/// The signals that end the server.
pub(super) const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// The application of the server's reactor.
pub struct Server {
    site: Site,
    pool: Pool,
    /// When patience with what is in flight ends, once shutting down has begun.
    grace_ends: Option<Instant>,
    stopped_by: Option<i32>,
}

impl Server {
    pub(super) fn new(site: Site) -> Self {
        Self { site, pool: Pool::new(HEAD_LEN_MAX), grace_ends: None, stopped_by: None }
    }

    /// The signal that cut the shutting down short, if one did.
    pub fn stopped_by(&self) -> Option<i32> {
        self.stopped_by
    }

    /// Stops accepting and lets what is in flight finish; a second request ends it at once.
    fn shut_down(&mut self, control: &mut Control<Link<Conn>>, signal: Option<i32>, now: Now) {
        if self.grace_ends.is_some() {
            self.stopped_by = signal;
            control.stop();
            return;
        }
        let grace = self.site.config.grace;
        log::info!(
            "shutting down: {} connections have {} ms to finish",
            control.connections(),
            grace.as_millis()
        );
        self.grace_ends = Some(now.instant + grace);
        self.site.drain();
        control.stop_listening();
        control.rouse_all();
    }
}

impl App for Server {
    type Conn = Link<Conn>;

    fn accepted(
        &mut self,
        _: ListenerId,
        stream: TcpStream,
        peer: SocketAddr,
        now: Now,
    ) -> Option<Link<Conn>> {
        log::info!("{peer} connected");
        Some(Link::accepted(stream, Conn::new(peer, self.site.config.idle_timeout, now)))
    }

    fn drive(&mut self, conn: &mut Link<Conn>, ready: &mut Readiness, now: Now) -> Next {
        // A request that has already arrived is still answered.
        if self.site.draining && !ready.is_readable() {
            conn.machine_mut().end_idling(now);
        }
        conn.pump(ready, &mut self.site, &mut self.pool, now)
    }

    fn between_turns(&mut self, control: &mut Control<Link<Conn>>, now: Now, idle: bool) -> Option<Instant> {
        if control.take_woken() {
            self.shut_down(control, None, now);
        }
        for signal in control.take_signals() {
            self.shut_down(control, Some(signal), now);
        }
        if let Some(grace_ends) = self.grace_ends
            && (control.connections() == 0 || now.instant >= grace_ends)
        {
            control.stop();
        }
        let log_wants = self.site.log.tick(now.instant, idle);
        [log_wants, self.grace_ends].into_iter().flatten().min()
    }

    fn abandoned(&mut self, conn: Link<Conn>, now: Now) {
        conn.abandon(&mut self.site, now);
    }
}

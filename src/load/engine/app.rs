//! The engine: opens connections, sends what is due, and ends the run.
//!
//! An application of the reactor like the server and the client. It decides when a connection is opened
//! and which one is roused; what it says is the [`LoadProtocol`]'s. The figures are the [`ThreadRun`]'s.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::{LoadProtocol, connect_failure};
use super::interrupt::Interrupt;
use super::pacer::Share;
use super::thread_run::ThreadRun;
use crate::load::plan::run_plan::Plan;
use crate::load::run_info::CpuUsage;
use crate::load::stats::metrics::{Metrics, SoFar};
use crate::net::{self, Connection, Pool};
use crate::reactor::{App, Clock, Control, CpuTime, Key, Next, Now, Reactor, Readiness};

/// What one read takes.
const INBOX_LEN: usize = 64 * 1024;
/// Connections that are opened in one turn, as many as a server of ours accepts in one.
const OPENS_MAX: usize = 64;
/// How often the observer is told.
const OBSERVED_EVERY: Duration = Duration::from_millis(250);

/// What a run came to.
#[derive(Debug)]
pub struct RunResult {
    /// The sums of all threads.
    pub metrics: Metrics,
    /// How long was measured: without the warm-up, up to the end.
    pub wall: Duration,
    /// What it took of the processors meanwhile.
    pub cpu_usage: CpuUsage,
    /// Requests that the schedule wanted sent and that were not, for no connection was free.
    pub unsent: u64,
    /// It was ended by a signal.
    pub interrupted: bool,
    /// That came in the warm-up: nothing was measured.
    pub only_warmed_up: bool,
    /// It was given up, for nobody took a connection.
    pub given_up: bool,
}

impl RunResult {
    /// Adds what another thread came to.
    pub(super) fn merge(&mut self, other: &Self) {
        self.metrics.merge(&other.metrics);
        self.wall = self.wall.max(other.wall);
        self.cpu_usage.merge(&other.cpu_usage);
        self.unsent += other.unsent;
        self.interrupted |= other.interrupted;
        self.only_warmed_up |= other.only_warmed_up;
        self.given_up |= other.given_up;
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// Nothing counts yet.
    Warming {
        /// For how long.
        left: Duration,
    },
    /// Everything counts.
    Measuring {
        /// Since when.
        elapsed: Duration,
    },
}

/// Runs the part of one thread, in this one.
pub(super) fn run_share(
    plan: &Plan,
    addresses: &[Vec<SocketAddr>],
    interrupt: &Interrupt,
    share: Share,
    observer: &mut dyn FnMut(SoFar<'_>, RunPhase),
) -> io::Result<RunResult> {
    let now = Now::read();
    let run = ThreadRun::new(plan, addresses, share, Clock::Running, now.instant)?;
    let engine = LoadApp {
        run,
        pool: Pool::new(INBOX_LEN),
        observer,
        observe_at: now.instant + OBSERVED_EVERY,
        cpu_before: None,
        ended: None,
        early: Some(interrupt),
        interrupted: false,
    };
    let mut reactor = Reactor::new(engine, now)?;
    reactor.enable_timerfd()?;
    if !interrupt.signals().is_empty() {
        reactor.watch_signals(interrupt.signals())?;
    }
    Ok(reactor.run()?.into_ran())
}

/// The application of the load generator's reactor.
struct LoadApp<'o> {
    run: ThreadRun,
    pool: Pool,
    observer: &'o mut dyn FnMut(SoFar<'_>, RunPhase),
    observe_at: Instant,
    /// Processor time that was used before measuring began.
    cpu_before: Option<CpuTime>,
    ended: Option<RunEnd>,
    /// Looked at once, when signals are watched: one may have come before.
    early: Option<&'o Interrupt>,
    interrupted: bool,
}

/// The moment at which a run ended.
#[derive(Clone, Copy)]
struct RunEnd {
    at: Instant,
    cpu: CpuTime,
    unsent: u64,
}

impl LoadApp<'_> {
    /// Opens the connections whose time has come, within the budget.
    fn open(&mut self, control: &mut Control<Connection<LoadProtocol>>, at: Instant) {
        for _ in 0..OPENS_MAX {
            if !self.run.has_more() {
                return;
            }
            let Some((seat, address)) = self.run.seats.next_vacant(at) else { return };
            match net::connect(address) {
                Ok(stream) => {
                    control
                        .open(Connection::connecting(stream, LoadProtocol::new(seat, self.run.manners, at)));
                }
                Err(error) => {
                    let failure = connect_failure(error.kind(), error.raw_os_error());
                    self.run.connect_failed(seat, failure, at);
                }
            }
        }
    }

    /// Gives as many connections a turn as requests are due; tells when the next is. While all are busy,
    /// the first that has its answer sends what is due, and no clock is needed.
    fn rouse(&mut self, control: &mut Control<Connection<LoadProtocol>>, at: Instant) -> Option<Instant> {
        let waiting = self.run.tickets.waiting(at);
        for _ in 0..waiting {
            control.wake(self.run.seats.first_in_line()?);
        }
        self.run.tickets.due_after(waiting)
    }

    fn observe(&mut self, at: Instant) {
        if at >= self.observe_at {
            self.observe_at = at + OBSERVED_EVERY;
            let from = self.run.tickets.measured_from();
            let stage = match from.saturating_duration_since(at) {
                Duration::ZERO => RunPhase::Measuring { elapsed: at.saturating_duration_since(from) },
                left => RunPhase::Warming { left },
            };
            (self.observer)(self.run.metrics().so_far(), stage);
        }
    }

    /// Ends the run if nothing is left to do.
    fn is_over(&mut self, at: Instant) -> bool {
        let is_over = self.run.tickets.is_over(at);
        if is_over && self.ended.is_none() {
            self.ended = Some(RunEnd { at, cpu: CpuTime::read(), unsent: self.run.tickets.waiting(at) });
        }
        is_over
    }

    fn into_ran(mut self) -> RunResult {
        let measured_from = self.run.tickets.measured_from();
        let cpu_before = self.cpu_before.unwrap_or_default();
        let (at, cpu, unsent) = self
            .ended
            .map_or((measured_from, cpu_before, 0), |ending| (ending.at, ending.cpu, ending.unsent));
        self.run.end(at);
        let waited = cpu.waited.zip(cpu_before.waited).map(|(then, before)| then.saturating_sub(before));
        let cpu = cpu.thread.saturating_sub(cpu_before.thread);
        RunResult {
            wall: at.saturating_duration_since(measured_from),
            cpu_usage: CpuUsage::of_thread(cpu, waited),
            unsent,
            interrupted: self.interrupted,
            only_warmed_up: self.interrupted && at < measured_from,
            given_up: self.run.tickets.is_called_off() && !self.interrupted,
            metrics: self.run.metrics,
        }
    }
}

impl App for LoadApp<'_> {
    type Conn = Connection<LoadProtocol>;

    fn drive(&mut self, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        let is_open = self.run.tickets.is_open();
        if is_open && conn.protocol_mut().has_room() && self.run.tickets.has_due(self.run.clock.at(now)) {
            conn.wake();
        }
        let next = conn.pump(ready, &mut self.run, &mut self.pool, now);
        let machine = conn.protocol_mut();
        if is_open {
            self.run.seats.line_up(machine.seat(), machine.has_room());
        }
        next
    }

    fn registered(&mut self, conn: &mut Self::Conn, key: Key) {
        self.run.seats.seated(conn.protocol_mut().seat(), key);
    }

    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        let at = self.run.clock.at(now);
        let came_early = self.early.take().is_some_and(Interrupt::has_come);
        if came_early || !control.take_signals().is_empty() {
            self.interrupted = true;
            self.run.tickets.cancel();
        }
        self.run.tickets.begin(at);
        if self.cpu_before.is_none() && at >= self.run.tickets.measured_from() {
            self.cpu_before = Some(CpuTime::read());
        }
        self.run.abort_if_unreachable(at);
        if self.is_over(at) {
            control.stop();
            return None;
        }
        self.open(control, at);
        let next_due = self.rouse(control, at);
        self.observe(at);
        let opening = self.run.seats.next_opening().filter(|_| self.run.has_more());
        let changes = [self.run.tickets.next_change(), next_due, opening, Some(self.observe_at)];
        changes.into_iter().flatten().min()
    }

    fn on_shutdown(&mut self, conn: Self::Conn, now: Now) {
        conn.shut_down(&mut self.run, now);
    }
}

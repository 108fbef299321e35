//! Reactor application of the load generator.
//!
//! It opens connections, wakes idle ones for due requests, and ends the run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{io, iter};

use super::connection::{LoadProtocol, connect_failure};
use super::interrupt::Interrupt;
use super::pacer::ThreadShare;
use super::thread_run::ThreadRun;
use crate::client::tls::ClientTls;
use crate::http::RESPONSE_HEAD_LEN_MAX;
use crate::load::plan::run_plan::Plan;
use crate::load::run_info::CpuUsage;
use crate::load::stats::metrics::Metrics;
use crate::load::stats::time_series::TimeSeries;
use crate::net::{self, Connection, Pool, Stream, Tick};
use crate::reactor::{App, Clock, Control, CpuTime, Key, Next, Now, Reactor, Readiness};

/// Same as `ACCEPTS_MAX` of the reactor.
const CONNECTS_PER_TICK_MAX: usize = 64;
/// Time to the first observation, and interval in the warm-up, which has a countdown.
const OBSERVE_INTERVAL: Duration = Duration::from_millis(250);

/// Run result.
#[derive(Debug)]
pub struct RunResult {
    /// Sums of all threads.
    pub metrics: Metrics,
    /// Measured time, without warm-up.
    pub wall: Duration,
    /// Its CPU usage.
    pub cpu_usage: CpuUsage,
    /// Due but unsent requests that are no errors: the run ended first.
    pub unsent: u64,
    /// A signal ended the run.
    pub was_interrupted: bool,
    /// Aborted: no connect succeeded, or answers stopped.
    pub was_unreachable: bool,
}

impl RunResult {
    pub(super) fn merge(&mut self, other: &Self) {
        self.metrics.merge(&other.metrics);
        self.wall = self.wall.max(other.wall);
        self.cpu_usage.merge(&other.cpu_usage);
        self.unsent += other.unsent;
        self.was_interrupted |= other.was_interrupted;
        self.was_unreachable |= other.was_unreachable;
    }
}

/// Run phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// Nothing counts, for this time yet.
    WarmUp(Duration),
    /// Every request counts, since this time.
    Measuring(Duration),
}

/// Where the requests go.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// Addresses of each target.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// For https targets.
    pub tls: Option<ClientTls>,
}

pub(super) fn run_thread(
    plan: &Plan,
    endpoints: &Endpoints,
    interrupt: &Interrupt,
    share: ThreadShare,
    observe_interval: Duration,
    observer: &mut dyn FnMut(&TimeSeries, RunPhase),
) -> io::Result<RunResult> {
    let now = Now::read();
    let run = ThreadRun::new(plan, &endpoints.addresses, share, Clock::Running, now.instant)?;
    let app = LoadApp {
        run,
        tls: endpoints.tls.clone(),
        pool: Pool::new(RESPONSE_HEAD_LEN_MAX, None),
        observer,
        observe_interval,
        observe_at: Some(now.instant + OBSERVE_INTERVAL),
        cpu_at_start: None,
        end: RunEnd { at: now.instant, cpu: CpuTime::default(), unsent: 0 },
        early_interrupt: Some(interrupt),
        was_interrupted: false,
    };
    let mut reactor = Reactor::new(app, now)?;
    reactor.enable_timerfd()?;
    if !interrupt.signals.is_empty() {
        reactor.watch_signals(interrupt.signals)?;
    }
    Ok(reactor.run()?.into_result())
}

struct LoadApp<'o> {
    run: ThreadRun,
    tls: Option<ClientTls>,
    pool: Pool,
    observer: &'o mut dyn FnMut(&TimeSeries, RunPhase),
    observe_interval: Duration,
    observe_at: Option<Instant>,
    cpu_at_start: Option<CpuTime>,
    end: RunEnd,
    /// A signal before `watch_signals`.
    early_interrupt: Option<&'o Interrupt>,
    was_interrupted: bool,
}

struct RunEnd {
    at: Instant,
    cpu: CpuTime,
    unsent: u64,
}

impl LoadApp<'_> {
    fn open(&mut self, control: &mut Control<Connection<LoadProtocol>>, at: Instant) {
        for _ in 0..CONNECTS_PER_TICK_MAX {
            if !self.run.has_more_requests() {
                return;
            }
            let Some((slot_index, address)) = self.run.slots.pop_closed(at) else { return };
            match self.connect(slot_index, address) {
                Ok(stream) => {
                    let protocol = LoadProtocol::new(slot_index, self.run.policy, at);
                    control.new_connections.push(Connection::connecting(stream, protocol));
                }
                Err(error) => {
                    let failure = connect_failure(error.kind(), error.raw_os_error());
                    self.run.on_connect_failed(slot_index, failure, at);
                }
            }
        }
    }

    fn connect(&self, slot_index: usize, address: SocketAddr) -> io::Result<Stream> {
        let socket = net::connect(address)?;
        match (&self.tls, self.run.slots.tls_name(slot_index)) {
            (Some(tls), Some(name)) => tls.connect(socket, name).map_err(io::Error::other),
            _ => Ok(socket.into()),
        }
    }

    /// Returns the next due time. If all are busy, the next response triggers the request, without a timer.
    fn wake_idle_connections(
        &mut self,
        control: &mut Control<Connection<LoadProtocol>>,
        at: Instant,
    ) -> Option<Instant> {
        let has_one_host = self.run.has_one_host();
        if !has_one_host {
            self.run.distribute(at);
        }
        let due_count = self.run.scheduler.unsent_count(at);
        for host in 0..self.run.slots.hosts.len() {
            let count = self.run.slots.hosts[host].waiting.len() as u64 + due_count;
            let idle = iter::from_fn(|| self.run.slots.pop_idle(host)).take(count as usize);
            let woken = idle.map(|key| control.woken_keys.push(key)).count() as u64;
            if has_one_host && woken < count {
                return None;
            }
        }
        self.run.scheduler.due_after(due_count)
    }

    fn observe(&mut self, at: Instant) {
        if self.observe_at.is_some_and(|observe_at| observe_at <= at) {
            self.run.estimate_unsent(at, false);
            let from = self.run.scheduler.measured_from;
            let elapsed = at.saturating_duration_since(from);
            let (phase, interval) = match from.saturating_duration_since(at) {
                Duration::ZERO => (RunPhase::Measuring(elapsed), self.observe_interval),
                left => (RunPhase::WarmUp(left), OBSERVE_INTERVAL),
            };
            let into = elapsed.as_nanos() % interval.as_nanos().max(1);
            self.observe_at = at.checked_add(interval.saturating_sub(Duration::from_nanos(into as u64)));
            (self.observer)(&self.run.metrics.series, phase);
        }
    }

    fn into_result(mut self) -> RunResult {
        let RunEnd { at, cpu: then, unsent } = self.end;
        self.run.end(at);
        // A run that is interrupted in its warm-up measures nothing.
        let before = self.cpu_at_start.unwrap_or(then);
        let waited = then.waited.zip(before.waited).map(|(then, before)| then.saturating_sub(before));
        RunResult {
            wall: at.saturating_duration_since(self.run.scheduler.measured_from),
            cpu_usage: CpuUsage::of_thread(then.thread.saturating_sub(before.thread), waited),
            unsent,
            was_interrupted: self.was_interrupted,
            was_unreachable: self.run.scheduler.is_cancelled && !self.was_interrupted,
            metrics: self.run.metrics,
        }
    }
}

impl App for LoadApp<'_> {
    type Conn = Connection<LoadProtocol>;

    fn drive(&mut self, _: Key, conn: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        let wakes_idle = self.run.scheduler.is_open_loop() || !self.run.has_one_host();
        if wakes_idle && conn.protocol_mut().can_send() {
            conn.wake();
        }
        let next = conn.pump(Tick::new(ready, &mut self.run, &mut self.pool, now));
        let protocol = conn.protocol_mut();
        if wakes_idle {
            self.run.slots.set_can_send(protocol.slot_index, protocol.can_send());
        }
        next
    }

    fn registered(&mut self, conn: &mut Self::Conn, key: Key) {
        self.run.slots.set_key(conn.protocol_mut().slot_index, key);
    }

    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        let at = self.run.clock.at(now);
        let has_early_signal =
            self.early_interrupt.take().is_some_and(|early| early.blocking_wait.has_signal());
        if has_early_signal || !control.take_signals().is_empty() {
            self.was_interrupted = true;
            self.run.scheduler.is_cancelled = true;
        }
        self.run.scheduler.end_warmup_if_due(at);
        if self.cpu_at_start.is_none() && at >= self.run.scheduler.measured_from {
            self.cpu_at_start = Some(CpuTime::read());
        }
        self.run.abort_if_unreachable(at);
        if self.run.scheduler.is_finished(at) {
            self.end = RunEnd { at, cpu: CpuTime::read(), unsent: self.run.finish(at) };
            control.stop = true;
            return None;
        }
        self.open(control, at);
        let next_due = self.wake_idle_connections(control, at);
        self.observe(at);
        let next_open_at = self.run.slots.next_open_at().filter(|_| self.run.has_more_requests());
        let wakeups = [self.run.scheduler.next_phase_change(at), next_due, next_open_at, self.observe_at];
        wakeups.into_iter().flatten().min()
    }

    fn on_shutdown(&mut self, conn: Self::Conn, now: Now) {
        conn.shut_down(&mut self.run, now);
    }
}

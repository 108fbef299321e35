//! Event loop: wait, dispatch, drive, accept, free, poll the application.
//!
//! An event only sets bits and queues a key. All work runs from the run queue. The loop never reads from or writes to
//! a connection.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook_mio::v1_0::Signals;

use super::listeners::Listeners;
use super::slots::{Slot, Slots, Timer};
use super::timer_wheel::TimerWheel;
use super::timerfd::TimerFd;
use super::token::{FD, HELPERS, SIGNALS, TIMER, WAKER};
use super::{
    App, Clock, ConnectionLimit, Control, EventSource, Helpers, Key, ListenerId, Next, Now, Readiness,
};

/// Kernel events per tick; the rest waits in the kernel.
const EVENTS_MAX: usize = 1024;
/// Connections that read before the first is driven. They share a later check. At most this many lease a buffer
/// to read ahead.
const READ_AHEAD_BATCH_LEN: usize = 16;
/// Accepts per tick, after the existing connections.
const ACCEPTS_MAX: usize = 64;
/// Evictions per tick while memory is short: each looks at many connections.
const EVICTIONS_MAX: usize = 16;

/// Event loop of one application.
pub struct Reactor<A: App> {
    app: A,
    poll: Poll,
    events: Events,
    slots: Slots<A::Conn>,
    timer_wheel: TimerWheel,
    listeners: Listeners,
    /// The handler writes to a pipe that the loop reads.
    signals: Option<Signals>,
    fd_source: Option<OwnedFd>,
    timerfd: Option<TimerFd>,
    helpers: Option<Helpers>,
    waker: Arc<Waker>,
    control: Control<A::Conn>,
    app_deadline: Option<Instant>,
}

impl<A: App> Reactor<A> {
    /// A reactor whose timers count from `now`.
    pub fn new(app: A, now: Now) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            app,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            slots: Slots::default(),
            timer_wheel: TimerWheel::new(now.instant),
            listeners: Listeners::default(),
            signals: None,
            fd_source: None,
            timerfd: None,
            helpers: None,
            waker,
            control: Control::default(),
            app_deadline: None,
        })
    }

    /// Accepts connections from this socket.
    pub fn listen(&mut self, socket: TcpListener) -> io::Result<ListenerId> {
        self.listeners.add(self.poll.registry(), socket)
    }

    /// The application, before [`Self::run`].
    pub fn app_mut(&mut self) -> &mut A {
        &mut self.app
    }

    /// Limits accepted connections, together with reactors that hold a clone.
    pub fn limit_connections(&mut self, limit: ConnectionLimit) {
        self.listeners.limit = Some(limit);
    }

    /// Reports signals to [`App::on_tick`].
    pub fn watch_signals(&mut self, numbers: &[c_int]) -> io::Result<()> {
        let mut signals = Signals::new(numbers)?;
        self.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Reports input on a descriptor to [`App::on_tick`]. Ignores regular files, which are always ready.
    pub fn watch_fd(&mut self, input: OwnedFd) -> io::Result<()> {
        let source = &mut SourceFd(&input.as_raw_fd());
        match self.poll.registry().register(source, FD, Interest::READABLE) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
            registered => registered?,
        }
        self.fd_source = Some(input);
        Ok(())
    }

    /// Makes [`App::on_tick`] precise to microseconds; epoll counts milliseconds.
    pub fn enable_timerfd(&mut self) -> io::Result<()> {
        self.timerfd = Some(TimerFd::new(self.poll.registry())?);
        Ok(())
    }

    /// Wakes connections when their helper jobs end.
    pub fn use_helpers(&mut self, helpers: Helpers) -> io::Result<()> {
        let source = &mut SourceFd(&helpers.eventfd().as_raw_fd());
        self.poll.registry().register(source, HELPERS, Interest::READABLE)?;
        self.helpers = Some(helpers);
        Ok(())
    }

    /// Wakes the loop from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Runs until [`Control::stop`]. Connection errors end only the connection.
    pub fn run(mut self) -> io::Result<A> {
        let mut now = Now::read();
        self.poll_app(now, false);
        while !self.control.stop {
            self.wait(now)?;
            now = Now::read();
            self.run_once(now);
        }
        for conn in self.slots.into_connections() {
            self.app.on_shutdown(conn, now);
        }
        Ok(self.app)
    }

    fn run_once(&mut self, now: Now) {
        let mut idle = self.events.is_empty() && !self.slots.has_queued();
        self.dispatch_events();
        self.expire_timers(now.instant);
        self.drive_queued(now);
        self.drive_held(now);
        idle &= !self.accept(now);
        if self.slots.has_closed() {
            self.free_closed();
        }
        self.poll_app(now, idle);
    }

    fn wait(&mut self, now: Now) -> io::Result<()> {
        let mut timeout = self.timeout(now.instant);
        if let (Some(timerfd), Some(deadline)) = (&mut self.timerfd, self.app_deadline)
            && timeout != Some(Duration::ZERO)
            && !timerfd.arm(deadline, Clock::Running.at(now))?
        {
            timeout = Some(Duration::ZERO);
        }
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.slots.has_queued() || self.listeners.has_work() {
            return Some(Duration::ZERO);
        }
        let deadlines = [self.timer_wheel.next_deadline, self.app_deadline, self.listeners.deadline()];
        deadlines.into_iter().flatten().min().map(|instant| instant.saturating_duration_since(now))
    }

    fn dispatch_events(&mut self) {
        for event in &self.events {
            if let Some(key) = Key::from_token(event.token()) {
                if let Some(slot) = self.slots.queue(key) {
                    slot.ready.on_event(event);
                }
                continue;
            }
            match event.token() {
                SIGNALS => self.control.signals.extend(self.signals.iter_mut().flat_map(Signals::pending)),
                WAKER => self.control.woken = true,
                FD => self.control.fd_readable = true,
                HELPERS => {
                    let completed = self.helpers.iter().flat_map(Helpers::take_completed);
                    for key in completed {
                        self.slots.queue(key);
                    }
                }
                // The event only ends the wait.
                TIMER => {}
                Token(listener) => self.listeners.on_acceptable(listener),
            }
        }
    }

    fn expire_timers(&mut self, now: Instant) {
        let mut due = Vec::new();
        let tick = self.timer_wheel.expire(now, &mut due);
        for key in due {
            let Some(slot) = self.slots.get(key) else { continue };
            if slot.timer.is_some_and(|timer| timer.tick <= tick) {
                slot.timer = None;
                if slot.connection.deadline().is_some_and(|deadline| deadline <= now) {
                    self.slots.queue(key);
                } else {
                    self.schedule(key);
                }
            }
        }
    }

    /// Schedules a check no later than the deadline's wheel tick.
    fn schedule(&mut self, key: Key) {
        let Some(slot) = self.slots.get(key) else { return };
        let Some(deadline) = slot.connection.deadline() else { return };
        // Most deadlines move later, which costs no wheel operation.
        if slot.timer.is_some_and(|timer| timer.deadline <= deadline) {
            return;
        }
        let tick = self.timer_wheel.tick_of(deadline);
        if slot.timer.is_none_or(|timer| tick < timer.tick) {
            slot.timer = Some(Timer { tick, deadline });
            self.timer_wheel.schedule(key, tick);
        }
    }

    fn drive_queued(&mut self, now: Now) {
        let queued = self.slots.take_queued();
        for batch in queued.chunks(READ_AHEAD_BATCH_LEN) {
            for &key in batch {
                self.contain_panic(key, |app, slot| {
                    app.on_readable(&mut slot.connection, &mut slot.ready, now);
                });
            }
            for &key in batch {
                self.drive(key, now);
            }
        }
        self.slots.return_queue(queued);
    }

    /// Each has its turn before any has a second one.
    fn drive_held(&mut self, now: Now) {
        for _ in 0..self.slots.held_len() {
            if self.app.is_holding(now) {
                return;
            }
            if let Some(key) = self.slots.release_held() {
                self.drive(key, now);
            }
        }
    }

    fn drive(&mut self, key: Key, now: Now) {
        let next = self.contain_panic(key, |app, slot| {
            slot.queued = false;
            app.drive(key, &mut slot.connection, &mut slot.ready, now)
        });
        match next {
            Some(Next::Again) => {
                self.slots.queue(key);
            }
            Some(next @ (Next::Hold | Next::Wait)) => {
                if next == Next::Hold {
                    self.slots.hold(key);
                }
                self.wait_for_events(key);
            }
            Some(Next::Close) => self.slots.close(key),
            None => {}
        }
    }

    fn contain_panic<R>(
        &mut self,
        key: Key,
        work: impl FnOnce(&mut A, &mut Slot<A::Conn>) -> R,
    ) -> Option<R> {
        let slot = self.slots.get(key)?;
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self.app, slot)));
        let contained = |payload| {
            self.app.on_panic(payload);
            self.slots.close(key);
        };
        done.map_err(contained).ok()
    }

    /// Registers the socket once. epoll then also reports earlier readiness.
    fn wait_for_events(&mut self, key: Key) {
        let Some(slot) = self.slots.get(key) else { return };
        if !slot.registered {
            let token = key.token();
            let both = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(slot.connection.source(), token, both) {
                log::error!("cannot watch a connection, so it is closed: {error}");
                self.slots.close(key);
                return;
            }
            slot.registered = true;
        }
        self.schedule(key);
    }

    fn make_room(&mut self, now: Now) -> bool {
        if !self.listeners.needs_room() {
            return false;
        }
        let has_evicted = self.evict(now);
        if !has_evicted {
            self.listeners.on_no_room(now.instant);
        }
        has_evicted
    }

    fn evict(&mut self, now: Now) -> bool {
        let evicted = self.app.evict(self.slots.sample(), now);
        evicted.into_iter().for_each(|key| self.slots.close(key));
        self.free_closed();
        evicted.is_some()
    }

    fn accept(&mut self, now: Now) -> bool {
        if !self.listeners.needs_tick() {
            return false;
        }
        for accepted in 0..ACCEPTS_MAX {
            // Free closed connections first: once full, only an event resumes accepting.
            self.free_closed();
            self.listeners.begin_tick(now.instant);
            if !self.listeners.has_work() && !self.make_room(now) {
                return accepted > 0;
            }
            let Some((id, stream, peer)) = self.listeners.accept(now.instant) else { return accepted > 0 };
            if let Some(conn) = self.app.accepted(id, stream, peer, now) {
                let key = self.slots.insert(conn, Readiness::assume_ready());
                self.drive(key, now);
                if self.listeners.is_draining() {
                    // The application closes it if it has sent nothing.
                    self.slots.queue(key);
                }
            } else {
                self.listeners.release(1);
            }
        }
        true
    }

    fn free_closed(&mut self) {
        let freed = self.slots.free_closed();
        self.listeners.release(freed);
    }

    fn poll_app(&mut self, now: Now, idle: bool) {
        self.control.connections = self.slots.len();
        self.control.is_listening = self.listeners.is_open();
        self.app_deadline = self.app.on_tick(&mut self.control, now, idle);
        if self.control.has_requests() {
            self.apply_requests(now);
        }
        self.listeners.is_short = self.control.is_short;
        if self.control.is_short {
            let _ = (0..EVICTIONS_MAX).find(|_| !self.evict(now));
        }
    }

    fn apply_requests(&mut self, now: Now) {
        if std::mem::take(&mut self.control.stop_listening) {
            // Before other work, so that few new clients come meanwhile.
            self.listeners.drain();
            while self.listeners.is_draining() && self.accept(now) {}
            // The application stops in the next tick if nothing is left.
            self.app_deadline = Some(now.instant);
        }
        for id in std::mem::take(&mut self.control.closing_listeners) {
            self.listeners.close(id);
        }
        for conn in std::mem::take(&mut self.control.new_connections) {
            // An event reports the end of the connect.
            let key = self.slots.insert(conn, Readiness::default());
            if let Some(slot) = self.slots.queue(key) {
                self.app.registered(&mut slot.connection, key);
            }
        }
        // Woken connections have a reason, so they are driven now; queued ones get a tick anyway.
        let mut woken_keys = std::mem::take(&mut self.control.woken_keys);
        for key in woken_keys.drain(..) {
            if self.slots.get(key).is_some_and(|slot| !slot.queued) {
                self.drive(key, now);
            }
        }
        self.control.woken_keys = woken_keys;
        if std::mem::take(&mut self.control.wakes_all) {
            for key in self.slots.keys().collect::<Vec<_>>() {
                self.slots.queue(key);
            }
        }
    }
}

//! Worker threads, each a whole server, and their supervisor.
//!
//! The supervisor takes all signals. If one worker fails, it ends all.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use mio::Waker;

use super::app::ControlMessage;
use super::limits::WORKERS_MAX;
use super::{ServerConfig, ServerConnection};
use crate::reactor::{
    App, Control, Key, Next, Now, Reactor, Readiness, ThreadEvent, available_cores, spawn_reactors,
};

pub(super) fn worker_count(config: &ServerConfig) -> usize {
    // The number exchange alone has its state in one worker.
    let requested = if config.http { config.workers } else { Some(1) };
    requested.unwrap_or_else(available_cores).clamp(1, WORKERS_MAX)
}

/// Returns the signal that cut the shutdown short, or the first failure, once all have ended.
pub(super) fn run<J: Send + 'static>(
    mut supervisor: Box<Reactor<Supervisor>>,
    jobs: Vec<J>,
    work: impl Fn(J, Receiver<ControlMessage>, &dyn Fn(Arc<Waker>)) -> io::Result<()> + Copy + Send + 'static,
) -> io::Result<Option<i32>> {
    let (sender, events) = mpsc::channel();
    // The bytes only wake the supervisor.
    let (notify_sender, notify_receiver) = UnixStream::pair()?;
    supervisor.watch_fd(notify_receiver.into())?;
    let app = supervisor.app_mut();
    app.events = Some(events);
    let jobs = jobs.into_iter().map(|job| {
        let (control_messages, received) = mpsc::channel();
        app.workers.push(WorkerHandle { control_messages, waker: None, has_ended: false });
        move |ready: &dyn Fn(Arc<Waker>)| work(job, received, ready)
    });
    let notify_sender = Arc::new(notify_sender);
    spawn_reactors(jobs, move |index, event| {
        // The receiver is dropped just before the process ends.
        let _ = sender.send((index, event));
        if let Err(error) = (&*notify_sender).write_all(b"!") {
            log::error!("cannot report the status of a worker: {error}");
        }
    })?;
    let app = supervisor.run()?;
    app.failure.map_or(Ok(app.stopped_by), Err)
}

struct WorkerHandle {
    control_messages: Sender<ControlMessage>,
    /// None until the worker is ready; earlier messages wait.
    waker: Option<Arc<Waker>>,
    has_ended: bool,
}

impl WorkerHandle {
    fn wake(&self) {
        if let Some(Err(error)) = self.waker.as_ref().map(|waker| waker.wake()) {
            log::error!("cannot wake a worker: {error}");
        }
    }
}

#[derive(Default)]
pub(super) struct Supervisor {
    events: Option<Receiver<(usize, ThreadEvent<()>)>>,
    workers: Vec<WorkerHandle>,
    stopping: bool,
    stopped_by: Option<i32>,
    failure: Option<io::Error>,
}

impl Supervisor {
    fn broadcast(&mut self, message: ControlMessage) {
        if let ControlMessage::ShutDown(signal) = message
            && std::mem::replace(&mut self.stopping, true)
        {
            self.stopped_by = signal;
        }
        for worker in &self.workers {
            // It may have ended.
            let _ = worker.control_messages.send(message);
            worker.wake();
        }
    }

    fn handle_events(&mut self) {
        while let Some((index, event)) = self.events.as_ref().and_then(|events| events.try_recv().ok()) {
            let Some(worker) = self.workers.get_mut(index) else { continue };
            match event {
                ThreadEvent::Ready(waker) => {
                    worker.waker = Some(waker);
                    worker.wake();
                }
                ThreadEvent::Ended(outcome) => {
                    worker.has_ended = true;
                    self.on_worker_ended(index, outcome);
                }
            }
        }
    }

    fn on_worker_ended(&mut self, index: usize, outcome: Option<io::Result<()>>) {
        let outcome = match outcome {
            Some(Ok(())) if self.stopping => return,
            Some(Ok(())) => "it ended too early".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "it has panicked".to_owned(),
        };
        let failure = format!("worker {} of {} has failed: {outcome}", index + 1, self.workers.len());
        log::error!("{failure}; the server stops");
        self.failure.get_or_insert(io::Error::other(failure));
        if !self.stopping {
            self.broadcast(ControlMessage::ShutDown(None));
        }
    }
}

impl App for Supervisor {
    type Conn = ServerConnection;

    fn drive(&mut self, _: Key, _: &mut ServerConnection, _: &mut Readiness, _: Now) -> Next {
        Next::Close
    }

    fn on_tick(&mut self, control: &mut Control<ServerConnection>, _: Now, _: bool) -> Option<Instant> {
        let stop = control.take_woken().then_some(ControlMessage::ShutDown(None));
        for message in control.take_signals().into_iter().filter_map(ControlMessage::from_signal).chain(stop)
        {
            self.broadcast(message);
        }
        control.take_fd_readable();
        self.handle_events();
        if self.workers.iter().all(|worker| worker.has_ended) {
            control.stop = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use mio::{Poll, Token};

    type First = fn() -> io::Result<bool>;

    /// Worker that waits for control messages, after other work if any.
    struct WaitingJob {
        first: First,
        /// Receives the messages of the worker.
        received: Sender<ControlMessage>,
    }

    fn work(
        job: WaitingJob,
        control_messages: Receiver<ControlMessage>,
        ready: &dyn Fn(Arc<Waker>),
    ) -> io::Result<()> {
        let poll = Poll::new()?;
        ready(Arc::new(Waker::new(poll.registry(), Token(0))?));
        while (job.first)()? {
            let message = control_messages.recv().map_err(io::Error::other)?;
            job.received.send(message).map_err(io::Error::other)?;
            if matches!(message, ControlMessage::ShutDown(_)) {
                break;
            }
        }
        Ok(())
    }

    fn supervisor() -> Box<Reactor<Supervisor>> {
        Box::new(Reactor::new(Supervisor::default(), Now::read()).expect("an event loop"))
    }

    fn panics() -> io::Result<bool> {
        std::panic::resume_unwind(Box::new("on purpose"))
    }

    #[test]
    fn worker_error_panic_or_early_end_stops_all_with_error() {
        let cases: [(First, &str); 3] = [
            (|| Err(io::Error::other("no luck")), "worker 2 of 3 has failed: no luck"),
            (panics, "worker 2 of 3 has failed: it has panicked"),
            (|| Ok(false), "worker 2 of 3 has failed: it ended too early"),
        ];
        for (first, expected) in cases {
            let (sender, received) = mpsc::channel();
            let firsts: [First; 3] = [|| Ok(true), first, || Ok(true)];
            let jobs = firsts.map(|first| WaitingJob { first, received: sender.clone() }).into();
            drop(sender);
            let error = run(supervisor(), jobs, work).expect_err("one has failed");
            assert_eq!(error.to_string(), expected);
            assert_eq!(
                received.iter().collect::<Vec<_>>(),
                [ControlMessage::ShutDown(None); 2],
                "{expected}"
            );
        }
    }

    #[test]
    fn shutdown_waker_stops_all_workers_without_error() {
        let (sender, received) = mpsc::channel();
        let jobs = (0..2).map(|_| WaitingJob { first: || Ok(true), received: sender.clone() }).collect();
        drop(sender);
        let supervisor = supervisor();
        supervisor.waker().wake().expect("it is told");
        assert_eq!(run(supervisor, jobs, work).expect("nothing fails"), None);
        assert_eq!(received.iter().collect::<Vec<_>>(), [ControlMessage::ShutDown(None); 2]);
    }
}

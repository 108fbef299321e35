//! Bounded, buffered log writer that never blocks.
//!
//! Failed or blocked writes are retried with doubling pauses. Lines beyond the buffer bound are
//! dropped whole and counted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::event::{Timespec, poll};

use super::sink::LogSink;

/// Bytes that trigger a write: enough to amortize the system call, and what a pipe holds.
const FLUSH_LEN: usize = 64 * 1024;

/// Bound while the sink fails: about 10,000 lines.
const BUFFER_LEN_MAX: usize = 1024 * 1024;

/// Time without new lines that triggers a write.
const IDLE_FLUSH: Duration = Duration::from_millis(50);

/// Longest delay of a line, so that `tail -f` is useful.
const LINE_AGE_MAX: Duration = Duration::from_secs(1);

/// First retry pause: short, because a pipe with a busy reader holds little.
const BACKOFF_MIN: Duration = Duration::from_millis(1);

/// Longest retry pause: a full disk costs one system call a second.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// One wait for a slow reader at shutdown.
const FINAL_WAIT: Duration = Duration::from_millis(25);

/// Waits without progress before a reader counts as stopped: 0.5 s in total.
const FINAL_FAILED_WAITS_MAX: u32 = 20;

/// Lock wait at shutdown. Other writers abandon stopped readers much sooner.
const FINAL_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Retry interval of the lock: others hold it for microseconds, unless their reader is slow.
const LOCK_RETRY: Duration = Duration::from_millis(1);

/// Dropping it writes the rest.
#[derive(Debug)]
pub(super) struct LogWriter<S: LogSink> {
    sink: S,
    name: &'static str,
    buffer: LogBuffer,
    /// Held while a record is partly written.
    lock: WriteLock,
    buffered_times: Option<(Instant, Instant)>,
    /// After a failure: when to retry, and the pause until then.
    retry: Option<(Instant, Duration)>,
    /// Logged, its end not yet.
    failure: Option<io::Error>,
    dropped: u64,
}

impl<S: LogSink> LogWriter<S> {
    pub(super) fn new(sink: S, name: &'static str, record_end: &'static [u8], lock: WriteLock) -> Self {
        Self {
            sink,
            name,
            buffer: LogBuffer { bytes: Vec::with_capacity(2 * FLUSH_LEN), record_end, partial_len: 0 },
            lock,
            buffered_times: None,
            retry: None,
            failure: None,
            dropped: 0,
        }
    }

    pub(super) fn append(&mut self, now: Instant, write_line: impl FnOnce(&mut Vec<u8>)) {
        if self.buffer.push_with(BUFFER_LEN_MAX, write_line) {
            let oldest = self.buffered_times.map_or(now, |(oldest, _)| oldest);
            self.buffered_times = Some((oldest, now));
        } else {
            self.dropped += 1;
        }
        if self.buffer.bytes.len() >= FLUSH_LEN && !self.is_backing_off(now) {
            self.try_flush(now);
        }
    }

    pub(super) fn tick(&mut self, now: Instant, idle: bool) -> Option<Instant> {
        let due = self.flush_deadline()?;
        if now >= due || (idle && !self.is_backing_off(now)) {
            self.try_flush(now);
        }
        self.flush_deadline()
    }

    pub(super) fn flush(&mut self) -> bool {
        if !self.lock.try_lock() {
            return self.buffer.unwritten_len() == 0;
        }
        let outcome = self.buffer.write_to(&mut self.sink);
        if self.buffer.partial_len == 0 {
            self.lock.unlock();
        }
        let is_written = outcome.is_ok();
        match outcome {
            Ok(()) => self.recover(),
            Err(error) => self.report(error),
        }
        is_written
    }

    /// A partly written record restarts, unless both are the same file.
    pub(super) fn set_sink(&mut self, sink: S, are_same: impl FnOnce(&S, &S) -> bool) {
        if !are_same(&self.sink, &sink) {
            self.buffer.partial_len = 0;
            self.lock.unlock();
        }
        self.sink = sink;
        self.retry = None;
    }

    fn flush_deadline(&self) -> Option<Instant> {
        let (oldest, newest) = self.buffered_times?;
        let quiet_or_old = (newest + IDLE_FLUSH).min(oldest + LINE_AGE_MAX);
        Some(self.retry.map_or(quiet_or_old, |(retry_at, _)| retry_at))
    }

    fn is_backing_off(&self, now: Instant) -> bool {
        self.retry.is_some_and(|(retry_at, _)| now < retry_at)
    }

    fn try_flush(&mut self, now: Instant) {
        let before_len = self.buffer.unwritten_len();
        if self.flush() {
            return;
        }
        let last_pause = self.retry.map_or(Duration::ZERO, |(_, pause)| pause);
        let pause = match self.buffer.unwritten_len() < before_len {
            true => BACKOFF_MIN,
            false => (2 * last_pause).clamp(BACKOFF_MIN, BACKOFF_MAX),
        };
        self.retry = Some((now + pause, pause));
    }

    fn recover(&mut self) {
        if self.failure.is_some() || self.dropped > 0 {
            log::warn!("{}: writing again; {} lines were dropped", self.name, self.dropped);
        }
        self.failure = None;
        self.dropped = 0;
        self.buffered_times = None;
        self.retry = None;
        self.buffer.bytes.shrink_to(2 * FLUSH_LEN);
    }

    /// Logs a failure once, but never `WouldBlock`: standard error may be the same blocked pipe.
    fn report(&mut self, error: io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock || self.failure.is_some() {
            return;
        }
        log::error!(
            "{}: cannot write: {error}; lines are kept up to {} KiB, then dropped, and the write is tried \
             again",
            self.name,
            BUFFER_LEN_MAX / 1024
        );
        self.failure = Some(error);
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        let mut failed_waits = 0;
        while self.lock.lock_within(FINAL_LOCK_TIMEOUT) {
            let before_len = self.buffer.unwritten_len();
            if self.flush() || self.failure.is_some() || failed_waits > FINAL_FAILED_WAITS_MAX {
                break;
            }
            if self.buffer.unwritten_len() == before_len {
                failed_waits += 1;
            }
            let _ = self.sink.wait_writable(FINAL_WAIT);
        }
        self.dropped += self.buffer.drop_all();
        if self.failure.is_some() {
            log::error!("{}: {} lines were dropped", self.name, self.dropped);
        }
        match (self.failure.take(), self.dropped) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, _) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: LogSink> Drop for LogWriter<S> {
    fn drop(&mut self) {
        if self.buffer.unwritten_len() > 0 {
            // Logged already.
            let _ = self.finish();
        }
    }
}

/// Whole records: a new sink needs all of a partly written first one.
#[derive(Debug)]
struct LogBuffer {
    bytes: Vec<u8>,
    record_end: &'static [u8],
    /// Written bytes of the first record.
    partial_len: usize,
}

impl LogBuffer {
    fn unwritten_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.partial_len)
    }

    fn push_with(&mut self, len_max: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let fits = self.bytes.len() <= len_max;
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    fn write_to(&mut self, sink: &mut impl LogSink) -> io::Result<()> {
        let mut written_len = self.partial_len;
        let outcome = loop {
            let rest = self.bytes.get(written_len..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match sink.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written_len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.remove_written(written_len.min(self.bytes.len()));
        outcome
    }

    fn drop_all(&mut self) -> u64 {
        let count = memmem::find_iter(&self.bytes, self.record_end).count();
        self.bytes.clear();
        self.partial_len = 0;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn remove_written(&mut self, written_len: usize) {
        let written = self.bytes.get(..written_len).unwrap_or_default();
        let whole_len = match written_len == self.bytes.len() {
            true => written_len,
            false => memmem::rfind(written, self.record_end).map_or(0, |at| at + self.record_end.len()),
        };
        self.bytes.drain(..whole_len);
        self.partial_len = written_len - whole_len;
    }
}

/// Keeps records whole between writers: a pipe or full disk may take one in pieces.
///
/// If another writer holds the lock, retry as after `WouldBlock`.
#[derive(Debug, Default)]
pub(super) struct WriteLock {
    is_locked: Arc<AtomicBool>,
    is_held: bool,
}

impl WriteLock {
    pub(super) fn share(&self) -> Self {
        Self { is_locked: Arc::clone(&self.is_locked), is_held: false }
    }

    fn try_lock(&mut self) -> bool {
        self.is_held = self.is_held || !self.is_locked.swap(true, Ordering::Acquire);
        self.is_held
    }

    fn lock_within(&mut self, wait_time: Duration) -> bool {
        let pause = Timespec::try_from(LOCK_RETRY).unwrap_or_default();
        for _ in 0..wait_time.as_millis() / LOCK_RETRY.as_millis() {
            if self.try_lock() {
                return true;
            }
            // An early end by a signal is harmless.
            let _ = poll(&mut [], Some(&pause));
        }
        self.try_lock()
    }

    fn unlock(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.is_locked.store(false, Ordering::Release);
        }
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        self.unlock();
    }
}

#[cfg(test)]
mod tests;

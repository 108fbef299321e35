//! The buffered writer: lines in, bounded; few and large writes out, none of which blocks.
//!
//! It owns the buffer, the moment of writing, and what becomes of trouble: a write that fails or
//! would block is tried again after a pause that doubles, meanwhile lines gather up to a bound, and
//! lines beyond it are dropped and counted. It never drops part of a line and never reads the clock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::event::{Timespec, poll};

use super::sink::LogSink;

/// So many bytes are written without waiting for a quiet moment: large enough that a system call
/// costs nothing per line, small enough to be what a pipe holds.
const FLUSH_LEN: usize = 64 * 1024;

/// The most that waits for a sink in trouble: some ten thousand lines.
const BUFFER_LEN_MAX: usize = 1024 * 1024;

/// So long after the last line the log is thought to be quiet, and is written.
const IDLE_FLUSH: Duration = Duration::from_millis(50);

/// No line waits longer than this on a busy server, so that `tail -f` is useful.
const LINE_AGE_MAX: Duration = Duration::from_secs(1);

/// The pause before the second try. Short, because a pipe whose reader is merely busy holds little.
const BACKOFF_MIN: Duration = Duration::from_millis(1);

/// The longest pause between tries: a full disk costs one system call a second.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// At the end, a reader that is busy is given this long at a time to make room for some lines ...
const FINAL_WAIT: Duration = Duration::from_millis(25);

/// ... for as long as it takes some, but so often in vain: half a second in all, after which it is
/// thought to have stopped reading.
const FINAL_FAILED_WAITS_MAX: u32 = 20;

/// At the end, others are waited for as long as this: each of them gives up a reader that has stopped
/// much sooner.
const FINAL_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the lock is tried in that time: others hold it for microseconds, unless their reader makes
/// them wait.
const LOCK_RETRY: Duration = Duration::from_millis(1);

/// A buffer of lines before a [`LogSink`]; dropping it writes what is left.
#[derive(Debug)]
pub(super) struct LogWriter<S: LogSink> {
    sink: S,
    /// What it is called where its trouble is told.
    name: &'static str,
    buffer: LogBuffer,
    /// Held while a record has been written in part.
    lock: WriteLock,
    /// When the oldest and the newest of the buffered lines came.
    buffered_times: Option<(Instant, Instant)>,
    backoff: Duration,
    /// Set while the sink is in trouble: nothing is tried before.
    retry_at: Option<Instant>,
    /// Whether a failure was said whose end was not.
    is_failing: bool,
    /// How many lines were dropped in the present trouble.
    dropped: u64,
}

impl<S: LogSink> LogWriter<S> {
    /// An empty buffer before a sink, for records that end like this.
    pub(super) fn new(sink: S, name: &'static str, record_end: &'static [u8], lock: WriteLock) -> Self {
        Self {
            sink,
            name,
            buffer: LogBuffer { bytes: Vec::with_capacity(2 * FLUSH_LEN), record_end, partial_len: 0 },
            lock,
            buffered_times: None,
            backoff: Duration::ZERO,
            retry_at: None,
            is_failing: false,
            dropped: 0,
        }
    }

    /// Lets `write_line` append one whole line, and writes if enough has gathered.
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

    /// Writes if the loop is idle, or the lines are old or quiet enough; returns when to call again.
    pub(super) fn tick(&mut self, now: Instant, idle: bool) -> Option<Instant> {
        let due = self.flush_deadline()?;
        if now >= due || (idle && !self.is_backing_off(now)) {
            self.try_flush(now);
        }
        self.flush_deadline()
    }

    /// Writes all that the sink takes without blocking; says whether that was everything.
    pub(super) fn flush(&mut self) -> bool {
        if !self.lock.try_lock() {
            return self.buffer.unwritten_len() == 0;
        }
        let outcome = self.buffer.write_to(&mut self.sink);
        if self.buffer.partial_len == 0 {
            self.lock.unlock();
        }
        match &outcome {
            Ok(()) => self.recover(),
            Err(error) => self.report(error),
        }
        outcome.is_ok()
    }

    /// Writes to another sink from now on. A record that the old one took in part is written whole to
    /// the new one, unless both are the same underneath.
    pub(super) fn set_sink(&mut self, sink: S, are_same: impl FnOnce(&S, &S) -> bool) {
        if !are_same(&self.sink, &sink) {
            self.buffer.partial_len = 0;
            self.lock.unlock();
        }
        self.sink = sink;
        self.retry_at = None;
        self.backoff = Duration::ZERO;
    }

    fn flush_deadline(&self) -> Option<Instant> {
        let (oldest, newest) = self.buffered_times?;
        let quiet_or_old = (newest + IDLE_FLUSH).min(oldest + LINE_AGE_MAX);
        Some(self.retry_at.unwrap_or(quiet_or_old))
    }

    fn is_backing_off(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|retry_at| now < retry_at)
    }

    /// Flushes, and pauses longer and longer while that gets nothing across.
    fn try_flush(&mut self, now: Instant) {
        let before_len = self.buffer.unwritten_len();
        if self.flush() {
            return;
        }
        self.backoff = match self.buffer.unwritten_len() < before_len {
            true => BACKOFF_MIN,
            false => (2 * self.backoff).clamp(BACKOFF_MIN, BACKOFF_MAX),
        };
        self.retry_at = Some(now + self.backoff);
    }

    /// Everything is written: whatever the trouble was, it is over.
    fn recover(&mut self) {
        if self.is_failing || self.dropped > 0 {
            log::warn!("{}: writing again; {} lines were dropped", self.name, self.dropped);
        }
        self.is_failing = false;
        self.dropped = 0;
        self.buffered_times = None;
        self.retry_at = None;
        self.backoff = Duration::ZERO;
        self.buffer.bytes.shrink_to(2 * FLUSH_LEN);
    }

    /// Says once that writing fails. A reader that has stopped reading is not a failure, and is not
    /// spoken of until it is over: standard error may well be the same pipe, and would block.
    fn report(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock || self.is_failing {
            return;
        }
        self.is_failing = true;
        log::error!(
            "{}: cannot write: {error}; lines are kept up to {} KiB, then dropped, and \
             writing is tried again",
            self.name,
            BUFFER_LEN_MAX / 1024
        );
    }

    /// Writes what is left, and gives a slow reader a little time to take it.
    fn finish(&mut self) {
        let mut failed_waits = 0;
        while self.lock.lock_within(FINAL_LOCK_TIMEOUT) {
            let before_len = self.buffer.unwritten_len();
            if self.flush() || self.is_failing || failed_waits > FINAL_FAILED_WAITS_MAX {
                break;
            }
            if self.buffer.unwritten_len() == before_len {
                failed_waits += 1;
            }
            let _ = self.sink.wait_writable(FINAL_WAIT);
        }
        self.dropped += self.buffer.drop_all();
        if self.is_failing {
            log::error!("{}: {} lines were dropped", self.name, self.dropped);
        }
    }
}

impl<S: LogSink> Drop for LogWriter<S> {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A queue of whole records, of which the first may have been written in part.
///
/// A record that was written in part stays, for the rest may have to go elsewhere, and then all of it does.
#[derive(Debug)]
struct LogBuffer {
    bytes: Vec<u8>,
    /// What every record ends with, and has nowhere else.
    record_end: &'static [u8],
    /// How much of the first record has been written already.
    partial_len: usize,
}

impl LogBuffer {
    /// How many bytes are yet to be written.
    fn unwritten_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.partial_len)
    }

    /// Takes the record that `write` appends, unless all would be longer than this; says whether.
    fn push_with(&mut self, len_max: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let fits = self.bytes.len() <= len_max;
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    /// Writes until nothing is left or the sink refuses.
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

    /// Drops everything; says how many records that were.
    fn drop_all(&mut self) -> u64 {
        let count = memmem::find_iter(&self.bytes, self.record_end).count();
        self.bytes.clear();
        self.partial_len = 0;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Forgets the records that are written whole.
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

/// A lock between writers with one destination: a record that does not leave in one piece, to a pipe or on
/// a full disk, must not have another's in its middle.
///
/// A writer that does not get it tries again later, as if the destination took nothing now.
#[derive(Debug, Default)]
pub(super) struct WriteLock {
    is_locked: Arc<AtomicBool>,
    is_held: bool,
}

impl WriteLock {
    /// The same lock for another writer.
    pub(super) fn share(&self) -> Self {
        Self { is_locked: Arc::clone(&self.is_locked), is_held: false }
    }

    fn try_lock(&mut self) -> bool {
        self.is_held = self.is_held || !self.is_locked.swap(true, Ordering::Acquire);
        self.is_held
    }

    /// Locks it within this time, if it can be had.
    fn lock_within(&mut self, wait_time: Duration) -> bool {
        let pause = Timespec::try_from(LOCK_RETRY).unwrap_or_default();
        let mut waited = Duration::ZERO;
        while !self.try_lock() {
            if waited >= wait_time {
                return false;
            }
            // Whether it was a signal that ended it does not matter.
            let _ = poll(&mut [], Some(&pause));
            waited += LOCK_RETRY;
        }
        true
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

//! Tests of write times and failures of `LogWriter`, with scripted sinks and virtual time.
//!
//! The tests of `sink` use real files, pipes and sockets.

use super::*;

/// Accepts `room` bytes in total, then returns `refusal`.
struct ScriptedSink {
    room: usize,
    refusal: io::ErrorKind,
    text: Vec<u8>,
    write_count: u32,
}

impl LogSink for ScriptedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_count += 1;
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(self.refusal.into());
        }
        self.room -= count;
        self.text.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn wait_writable(&mut self, _wait_time: Duration) -> io::Result<bool> {
        Ok(self.room > 0)
    }
}

fn writer(room: usize, refusal: io::ErrorKind) -> LogWriter<ScriptedSink> {
    let sink = ScriptedSink { room, refusal, text: Vec::new(), write_count: 0 };
    LogWriter::new(sink, "test", b"\n", WriteLock::default())
}

fn blocking_after(room: usize) -> LogWriter<ScriptedSink> {
    writer(room, io::ErrorKind::WouldBlock)
}

fn append(writer: &mut LogWriter<impl LogSink>, now: Instant, line: &str) {
    writer.append(now, |buffer| {
        buffer.extend_from_slice(line.as_bytes());
        buffer.push(b'\n');
    });
}

fn written(writer: &LogWriter<ScriptedSink>) -> Vec<&str> {
    str::from_utf8(&writer.sink.text).unwrap().lines().collect()
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn empty_buffer_tick_returns_none() {
    let mut writer = blocking_after(100);
    assert_eq!(writer.tick(Instant::now(), true), None);
    assert_eq!(writer.sink.write_count, 0);
}

#[test]
fn lines_are_written_when_idle_quiet_or_old() {
    let now = Instant::now();
    // (idle, ms from the first line to the last, ms from there to the tick, whether it writes)
    let rows = [
        (true, 0, 0, true),
        (false, 0, 0, false),
        (false, 0, 49, false),
        (false, 0, 50, true),
        (false, 990, 9, false),
        (false, 990, 10, true),
    ];
    for (idle, last, tick, writes) in rows {
        let mut writer = blocking_after(100);
        append(&mut writer, now, "first");
        append(&mut writer, now + millis(last), "last");
        let tick = now + millis(last + tick);
        let next = writer.tick(tick, idle);
        assert_eq!(writer.sink.write_count, u32::from(writes));
        assert_eq!(next.is_none(), writes);
        assert!(next.is_none_or(|next| next > tick));
    }
}

#[test]
fn a_full_buffer_is_written_without_a_tick() {
    let mut writer = blocking_after(usize::MAX);
    let line = "a".repeat(1023);
    for _ in 0..64 {
        assert_eq!(writer.sink.write_count, 0);
        append(&mut writer, Instant::now(), &line);
    }
    assert_eq!(writer.sink.write_count, 1);
    assert_eq!(writer.sink.text.len(), FLUSH_LEN);
}

#[test]
fn the_steady_state_does_not_grow_the_buffer() {
    let mut writer = blocking_after(usize::MAX);
    let capacity = writer.buffer.bytes.capacity();
    let line = "a".repeat(200);
    for _ in 0..10_000 {
        append(&mut writer, Instant::now(), &line);
    }
    assert_eq!(writer.buffer.bytes.capacity(), capacity);
}

#[test]
fn a_partial_write_neither_doubles_nor_loses_a_byte() {
    for room in 1..12 {
        let mut writer = blocking_after(room);
        let now = Instant::now();
        append(&mut writer, now, "first");
        append(&mut writer, now, "second");
        let retry_at = writer.tick(now, true).unwrap();
        append(&mut writer, now, "third");
        writer.sink.room = 100;
        assert_eq!(writer.tick(retry_at, false), None);
        assert_eq!(written(&writer), ["first", "second", "third"]);
    }
}

#[test]
fn partial_record_restarts_in_new_sink_unless_same_file() {
    for (are_same, text) in [(false, "second\n"), (true, "cond\n")] {
        let (mut writer, now) = (blocking_after(8), Instant::now());
        append(&mut writer, now, "first");
        append(&mut writer, now, "second");
        assert!(!writer.flush());
        let refusal = io::ErrorKind::WouldBlock;
        let next = ScriptedSink { room: 100, refusal, text: Vec::new(), write_count: 0 };
        writer.set_sink(next, |_, _| are_same);
        assert!(writer.dropped == 0 && writer.flush());
        assert_eq!(str::from_utf8(&writer.sink.text), Ok(text));
    }
}

#[test]
fn buffer_overflow_drops_and_counts_whole_lines() {
    let mut writer = blocking_after(10);
    let now = Instant::now();
    let line_count = 2 * BUFFER_LEN_MAX / 1000;
    for number in 0..line_count {
        append(&mut writer, now, &format!("{number:0999}"));
    }
    assert!(writer.buffer.bytes.len() <= BUFFER_LEN_MAX);
    assert!(writer.dropped > 0);
    let kept_count = line_count - usize::try_from(writer.dropped).unwrap();
    writer.sink.room = usize::MAX;
    assert!(writer.flush());
    assert_eq!(written(&writer).len(), kept_count);
    for (number, line) in written(&writer).iter().enumerate() {
        assert_eq!(*line, format!("{number:0999}"));
    }
    assert!(writer.buffer.bytes.capacity() <= 3 * FLUSH_LEN);
}

#[test]
fn failed_write_is_retried_with_doubling_backoff() {
    for refusal in [io::ErrorKind::WouldBlock, io::ErrorKind::StorageFull] {
        let mut writer = writer(0, refusal);
        let mut now = Instant::now();
        append(&mut writer, now, "line");
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let next = writer.tick(now, true).unwrap();
            // An idle loop does not shorten a pause.
            assert_eq!(writer.tick(now, true), Some(next));
            pauses.push((next - now).as_millis());
            now = next;
        }
        assert_eq!(writer.sink.write_count, 12);
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert_eq!(pauses[10..], [1000, 1000]);
        assert_eq!(writer.dropped, 0);
        writer.sink.room = 100;
        assert_eq!(writer.tick(now, false), None);
        assert_eq!(written(&writer), ["line"]);
    }
}

#[test]
fn failed_flush_sets_failure_until_a_flush_succeeds() {
    let mut writer = writer(0, io::ErrorKind::BrokenPipe);
    append(&mut writer, Instant::now(), "line");
    assert!(!writer.flush() && writer.failure.is_some());
    assert!(!writer.flush() && writer.failure.is_some());
    writer.sink.room = 100;
    assert!(writer.flush() && writer.failure.is_none());
}

/// Accepts one line after each wait, `lines_left` lines in total.
struct SlowReader {
    lines_left: usize,
    is_ready: bool,
    text: Vec<u8>,
}

impl LogSink for SlowReader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.is_ready) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
        self.text.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn wait_writable(&mut self, _wait_time: Duration) -> io::Result<bool> {
        self.is_ready = self.lines_left > 0;
        self.lines_left = self.lines_left.saturating_sub(1);
        Ok(self.is_ready)
    }
}

#[test]
fn finish_waits_for_slow_reader_but_not_for_stopped_one() {
    for (lines_taken, dropped) in [(2000, 0), (500, 500), (0, 1000)] {
        let reader = SlowReader { lines_left: lines_taken, is_ready: false, text: Vec::new() };
        let mut writer = LogWriter::new(reader, "test", b"\n", WriteLock::default());
        for _ in 0..1000 {
            append(&mut writer, Instant::now(), "line");
        }
        assert_eq!(writer.finish().is_ok(), dropped == 0, "{lines_taken}");
        assert_eq!(writer.dropped, dropped, "{lines_taken}");
        assert_eq!(writer.sink.text.len(), (1000 - dropped as usize) * b"line\n".len());
    }
}

#[test]
fn write_lock_prevents_interleaved_records() {
    let now = Instant::now();
    let mut both = [8, 100].map(blocking_after);
    both[1].lock = both[0].lock.share();
    both.iter_mut().for_each(|writer| append(writer, now, "a record"));
    let [one, other] = &mut both;
    assert!(!one.flush());
    let retry_at = other.tick(now, true).expect("it is not its turn");
    assert_eq!((other.sink.write_count, other.failure.is_some()), (0, false));
    one.sink.room = 1;
    assert!(one.flush());
    assert_eq!(other.tick(retry_at, false), None);
    assert_eq!((written(one), written(other)), (vec!["a record"], vec!["a record"]));
}

#[test]
fn would_block_is_not_a_failure() {
    let mut writer = blocking_after(0);
    append(&mut writer, Instant::now(), "line");
    assert!(!writer.flush() && writer.failure.is_none());
}

#[test]
fn finish_writes_what_fits_and_counts_dropped_lines() {
    // (free bytes, lost lines of two)
    for (room, lost) in [(8, 0), (7, 1), (4, 1), (2, 2)] {
        let mut writer = blocking_after(room);
        append(&mut writer, Instant::now(), "one");
        append(&mut writer, Instant::now(), "two");
        assert_eq!(writer.finish().is_ok(), lost == 0, "{room}");
        assert_eq!(writer.sink.text.len(), room);
        assert_eq!(writer.dropped, lost);
    }
}

#[test]
fn write_lock_is_exclusive_until_unlock_or_drop() {
    let mut one = WriteLock::default();
    let mut other = one.share();
    assert!(one.try_lock() && one.try_lock() && !other.try_lock() && !other.lock_within(LOCK_RETRY));
    one.unlock();
    assert!(other.lock_within(Duration::ZERO) && !one.try_lock());
    drop(other);
    assert!(one.try_lock());
}

/// Accepts a fixed number of bytes, then returns `StorageFull`.
struct LimitedSink(usize, Vec<u8>);

impl LogSink for LimitedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.0);
        self.0 -= len;
        self.1.extend_from_slice(&bytes[..len]);
        if len == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(len) }
    }

    fn wait_writable(&mut self, _wait_time: Duration) -> io::Result<bool> {
        Ok(false)
    }
}

fn buffer() -> LogBuffer {
    LogBuffer { bytes: Vec::new(), record_end: b"\n\n", partial_len: 0 }
}

#[test]
fn partial_record_continues_or_restarts() {
    const BLOCKS: &[u8] = b"a\nb\n\nc\nd\n\n";
    for room in 0..BLOCKS.len() {
        for again in [false, true] {
            let mut buffer = buffer();
            assert!(buffer.push_with(100, |bytes| bytes.extend_from_slice(&BLOCKS[..5])));
            assert!(buffer.push_with(100, |bytes| bytes.extend_from_slice(&BLOCKS[5..])));
            assert!(!buffer.push_with(12, |bytes| bytes.extend_from_slice(b"too long")));
            assert!(buffer.write_to(&mut LimitedSink(room, Vec::new())).is_err());
            assert_eq!(buffer.unwritten_len(), BLOCKS.len() - room);
            if again {
                buffer.partial_len = 0;
            }
            let mut rest = LimitedSink(100, Vec::new());
            assert!(buffer.write_to(&mut rest).is_ok() && buffer.bytes.is_empty());
            let from = if again { room / 5 * 5 } else { room };
            assert_eq!(rest.1, BLOCKS[from..], "{room}");
        }
    }
}

#[test]
fn drop_all_counts_the_partial_record_too() {
    for (room, count) in [(0, 2), (4, 2), (5, 1), (9, 1)] {
        let mut buffer = buffer();
        buffer.push_with(100, |bytes| bytes.extend_from_slice(b"a\nb\n\nc\nd\n\n"));
        assert!(buffer.write_to(&mut LimitedSink(room, Vec::new())).is_err());
        assert_eq!((buffer.drop_all(), buffer.bytes.len()), (count, 0));
    }
}

//! Tests of [`LoadProtocol`] in virtual time: bytes in, requests out, request totals.
//!
//! [`ConnectionFixture`] takes the part of `net::Connection`. It checks the totals after each connection.

mod ends;
mod hot_path;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::client::target::ClientTarget;
use crate::load::engine::pacer::{Schedule, ThreadShare};
use crate::load::plan::run_plan::{Plan, Stop, UrlOrder};
use crate::load::plan::template::{RequestParts, RequestTemplate};
use crate::load::stats::time_series::RequestTotals;
use crate::net::Pool;
use crate::reactor::Clock;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const TIMEOUT: Duration = Duration::from_secs(2);

fn plan() -> Plan {
    let targets =
        vec![ClientTarget { host: "localhost".to_owned(), port: 80, is_tls: false, path: "/".to_owned() }];
    let parts = RequestParts { method: "GET", fields: &[], body: None, keep_alive: true };
    let request = RequestTemplate::new(&targets, &parts).expect("no placeholders");
    let stop = Stop { requests: None, duration: Some(Duration::from_secs(60)) };
    Plan { targets, request, stop, timeout: TIMEOUT, ..Plan::default() }
}

/// One protocol and its run.
struct ConnectionFixture {
    protocol: LoadProtocol,
    run: ThreadRun,
    recv_buf: RecvBuf,
    send_queue: SendQueue,
    pool: Pool,
    start: Now,
    now: Now,
    seen_transitions: BTreeSet<(u8, u8)>,
}

impl ConnectionFixture {
    fn new(plan: &Plan) -> Self {
        let start = Now::read();
        let addresses = vec![vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 80))]; plan.targets.len()];
        let mut run =
            ThreadRun::new(plan, &addresses, ThreadShare { index: 0, of: 1 }, Clock::Frozen, start.instant)
                .expect("the plan fits");
        let (slot_index, _) = run.slots.pop_closed(start.instant).expect("a seat");
        Self {
            protocol: LoadProtocol::new(slot_index, run.policy, start.instant),
            run,
            recv_buf: RecvBuf::default(),
            send_queue: SendQueue::default(),
            pool: Pool::new(64 * 1024, None),
            start,
            now: start,
            seen_transitions: BTreeSet::new(),
        }
    }

    /// Fixture with an established connection.
    fn connected(plan: &Plan) -> Self {
        let mut fixture = Self::new(plan);
        assert_eq!(fixture.advance(), Want::Input);
        fixture
    }

    fn note(&mut self, before: LoadPhase) {
        if before != self.protocol.phase {
            self.seen_transitions.insert((before as u8, self.protocol.phase as u8));
        }
    }

    fn advance(&mut self) -> Want {
        let before = self.protocol.phase;
        let want = self.protocol.advance(&mut Io {
            recv_buf: &mut self.recv_buf,
            send_queue: &mut self.send_queue,
            shared: &mut self.run,
            now: self.now,
        });
        self.note(before);
        self.apply(want)
    }

    /// Like `net::Connection`, reports the close to the protocol.
    fn apply(&mut self, want: Want) -> Want {
        if let Want::Close(reason) = want {
            self.protocol.closed(reason, &self.send_queue, &mut self.run, self.now);
            let [sent, answered, failed, unfinished] = self.totals();
            // Unanswered requests of the warm-up do not count.
            let counts = self.run.scheduler.measured_from <= self.now.instant;
            assert!(!counts || sent == answered + failed + unfinished + self.run.slots.unanswered as u64);
        }
        want
    }

    /// New connection of the slot, some time after the last one ended.
    fn reconnect(&mut self, pause: Duration) {
        self.advance_time(pause);
        let (slot_index, _) = self.run.slots.pop_closed(self.now.instant).expect("its seat is vacant");
        self.protocol = LoadProtocol::new(slot_index, self.run.policy, self.now.instant);
        self.recv_buf = RecvBuf::default();
        self.send_queue = SendQueue::default();
        assert_eq!(self.advance(), Want::Input);
    }

    fn receive(&mut self, bytes: &[u8]) -> Want {
        self.recv_buf.spare_capacity(&mut self.pool)[..bytes.len()].copy_from_slice(bytes);
        self.recv_buf.commit(bytes.len());
        self.advance()
    }

    fn end_of_input(&mut self) -> Want {
        self.recv_buf.set_eof();
        self.advance()
    }

    fn advance_time(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn time_out(&mut self) -> Want {
        let deadline = self.protocol.deadline().expect("a deadline");
        self.now = self.start.after(deadline - self.start.instant);
        let before = self.protocol.phase;
        let want = self.protocol.on_timeout(&mut Io {
            recv_buf: &mut self.recv_buf,
            send_queue: &mut self.send_queue,
            shared: &mut self.run,
            now: self.now,
        });
        self.note(before);
        self.apply(want)
    }

    /// Sent, answered, failed, unfinished.
    fn totals(&self) -> [u64; 4] {
        let RequestTotals { sent, answered, failed, unfinished, .. } = self.run.metrics.series.totals;
        [sent, answered, failed, unfinished]
    }

    fn failures(&self) -> Vec<(LoadFailure, u64)> {
        self.run.metrics.failures.seen().collect()
    }
}

#[test]
fn response_triggers_next_request_shutdown_is_unfinished() {
    let mut fixture = ConnectionFixture::connected(&plan());
    for _ in 0..3 {
        assert_eq!(fixture.receive(OK), Want::Input);
    }
    assert_eq!(fixture.totals(), [4, 3, 0, 0]);
    fixture.apply(Want::Close(CloseReason::Shutdown));
    assert_eq!(fixture.totals(), [4, 3, 0, 1]);
}

#[test]
fn response_byte_by_byte_is_answered() {
    let mut fixture = ConnectionFixture::connected(&plan());
    for byte in OK {
        assert_eq!(fixture.receive(&[*byte]), Want::Input);
    }
    assert_eq!(fixture.totals(), [2, 1, 0, 0]);
}

#[test]
fn bad_response_has_its_failure_kind() {
    let close = |bytes: &'static [u8]| (bytes, true);
    for ((bytes, ends), failure) in [
        (close(b""), LoadFailure::ClosedEarly),
        (close(b"HTTP/1.1 200 OK\r\n"), LoadFailure::Truncated),
        (close(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"), LoadFailure::Truncated),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", false), LoadFailure::TooLong),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false), LoadFailure::BadChunk),
        ((b"what?", false), LoadFailure::BadHead),
    ] {
        let mut fixture = ConnectionFixture::connected(&plan());
        let want = if bytes.is_empty() { Want::Input } else { fixture.receive(bytes) };
        let want = if ends { fixture.end_of_input() } else { want };
        assert!(matches!(want, Want::Close(_)), "{failure:?}");
        assert_eq!((fixture.failures(), fixture.totals()), (vec![(failure, 1)], [1, 0, 1, 0]));
    }
}

#[test]
fn io_error_has_its_failure_kind() {
    for (kind, failure) in [
        (ErrorKind::ConnectionReset, LoadFailure::Reset),
        (ErrorKind::BrokenPipe, LoadFailure::SendFailed),
        (ErrorKind::TimedOut, LoadFailure::TimedOut),
    ] {
        let mut fixture = ConnectionFixture::connected(&plan());
        fixture.apply(Want::Close(CloseReason::Failed(kind)));
        assert_eq!((fixture.failures(), fixture.totals()), (vec![(failure, 1)], [1, 0, 1, 0]));
    }
}

#[test]
fn failed_connect_has_its_failure_kind_and_no_request() {
    for (kind, errno, failure) in [
        (ErrorKind::ConnectionRefused, None, LoadFailure::Refused),
        (ErrorKind::TimedOut, None, LoadFailure::ConnectTimedOut),
        (ErrorKind::HostUnreachable, None, LoadFailure::ConnectFailed),
        (ErrorKind::AddrNotAvailable, None, LoadFailure::NoPort),
        (ErrorKind::Other, Some(24), LoadFailure::NoDescriptor),
        (ErrorKind::Other, Some(23), LoadFailure::NoDescriptor),
    ] {
        assert_eq!(connect_failure(kind, errno), failure);
    }
    let mut fixture = ConnectionFixture::new(&plan());
    fixture.apply(Want::Close(CloseReason::ConnectFailed(ErrorKind::ConnectionRefused)));
    assert_eq!(fixture.totals(), [0; 4]);
    assert_eq!(fixture.run.metrics.series.connect_failures.of(LoadFailure::Refused), 1);
}

#[test]
fn timed_out_request_has_timeout_as_latency() {
    let mut fixture = ConnectionFixture::connected(&plan());
    fixture.receive(b"HTTP/1.1 200 OK\r\n");
    fixture.time_out();
    assert_eq!((fixture.failures(), fixture.totals()), (vec![(LoadFailure::TimedOut, 1)], [1, 0, 1, 0]));
    let waited = Duration::from_micros(fixture.run.metrics.corrected().quantile_us(1.0));
    assert!(waited >= TIMEOUT && waited < TIMEOUT + TIMEOUT / 100, "{waited:?}");
}

/// Last response on its connection.
const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn pipelined_requests_after_connection_close_are_resent() {
    let stop = Stop { requests: Some(6), duration: None };
    let mut fixture = ConnectionFixture::connected(&Plan { pipeline: 3, stop, ..plan() });
    assert_eq!(fixture.totals(), [3, 0, 0, 0]);
    fixture.receive(&[OK, OK].concat());
    assert_eq!(fixture.totals(), [5, 2, 0, 0]);
    fixture.receive(LAST);
    assert_eq!((fixture.totals(), fixture.run.slots.unanswered), ([5, 3, 0, 0], 2));
    fixture.reconnect(Duration::from_millis(100));
    assert_eq!((fixture.totals(), fixture.run.metrics.resent), ([6, 3, 0, 0], 2));
    fixture.receive(LAST);
    assert_eq!((fixture.totals(), fixture.run.slots.unanswered), ([6, 4, 0, 0], 2));
    assert!(fixture.run.has_more_requests() && !fixture.run.scheduler.is_finished(fixture.now.instant));
    fixture.reconnect(Duration::from_millis(100));
    fixture.receive(&[OK, OK].concat());
    assert_eq!((fixture.totals(), fixture.failures()), ([6, 6, 0, 0], vec![]));
    assert!(fixture.run.scheduler.is_finished(fixture.now.instant));
    // Each latency counts from the first sending.
    let longest = fixture.run.metrics.uncorrected().quantile_us(1.0);
    assert_eq!(longest / 1000, 200);
}

#[test]
fn bad_response_fails_only_its_own_request() {
    let mut fixture = ConnectionFixture::connected(&Plan { pipeline: 4, ..plan() });
    fixture.receive(&[OK, b"what?"].concat());
    assert_eq!(fixture.failures(), [(LoadFailure::TooLong, 1)]);
    assert_eq!((fixture.totals(), fixture.run.slots.unanswered), ([4, 1, 1, 0], 2));
    // They stay unsent if the run ends first.
    fixture.run.end(fixture.now.instant);
    assert_eq!(fixture.totals(), [4, 1, 1, 2]);
}

#[test]
fn unanswered_request_times_out_from_its_first_sending() {
    let plan = Plan { pipeline: 3, ..plan() };
    // The request times out without another connection.
    let mut fixture = ConnectionFixture::connected(&plan);
    fixture.receive(LAST);
    fixture.advance_time(TIMEOUT);
    fixture.run.on_connect_failed(0, LoadFailure::Refused, fixture.now.instant);
    assert_eq!((fixture.failures(), fixture.totals()), (vec![(LoadFailure::TimedOut, 2)], [3, 1, 2, 0]));
    // It times out when a new connection exists.
    let mut fixture = ConnectionFixture::connected(&plan);
    fixture.receive(LAST);
    fixture.reconnect(TIMEOUT);
    assert_eq!((fixture.failures(), fixture.totals()), (vec![(LoadFailure::TimedOut, 2)], [6, 1, 2, 0]));
    // It times out on the new connection, counted from its first sending.
    let mut fixture = ConnectionFixture::connected(&plan);
    fixture.receive(LAST);
    fixture.reconnect(TIMEOUT / 2);
    assert_eq!(fixture.protocol.deadline(), Some(fixture.start.instant + TIMEOUT));
    fixture.time_out();
    assert_eq!((fixture.failures(), fixture.totals()), (vec![(LoadFailure::TimedOut, 2)], [4, 1, 2, 0]));
    assert_eq!(fixture.run.slots.unanswered, 1);
}

#[test]
fn surplus_bytes_are_too_long_or_unsolicited() {
    for (bytes, failure) in
        [(&b"!"[..], LoadFailure::TooLong), (b"HTTP/9 what?\r\n\r\n", LoadFailure::BadHead)]
    {
        let mut fixture = ConnectionFixture::connected(&plan());
        fixture.receive(OK);
        fixture.receive(bytes);
        assert_eq!((fixture.failures(), fixture.totals()), (vec![(failure, 1)], [2, 1, 1, 0]));
    }
    // Without a request in flight no request fails, but the bytes are counted.
    let mut fixture = ConnectionFixture::connected(&Plan { schedule: Schedule::Constant(0.001), ..plan() });
    fixture.receive(OK);
    assert!(matches!(fixture.receive(b"!"), Want::Close(CloseReason::Refused(_))));
    assert_eq!((fixture.totals(), fixture.run.metrics.unasked), ([1, 1, 0, 0], 1));
}

#[test]
fn late_connect_is_connect_timed_out() {
    let mut fixture = ConnectionFixture::new(&plan());
    fixture.time_out();
    assert_eq!(fixture.run.metrics.series.connect_failures.of(LoadFailure::ConnectTimedOut), 1);
    assert_eq!((fixture.totals(), fixture.run.slots.taken), ([0; 4], 0));
}

#[test]
fn connection_at_request_limit_closes_and_slot_reopens() {
    for (keep_alive, requests) in [(true, Some(2)), (false, None)] {
        let mut fixture =
            ConnectionFixture::connected(&Plan { keep_alive, requests_per_connection: requests, ..plan() });
        for left in (0..requests.unwrap_or(1)).rev() {
            assert_eq!(fixture.receive(OK) == Want::Close(CloseReason::Finished), left == 0);
        }
        assert_eq!(fixture.run.slots.next_open_at(), Some(fixture.now.instant));
    }
}

#[test]
fn request_limit_close_waits_for_pipelined_responses() {
    let mut fixture =
        ConnectionFixture::connected(&Plan { pipeline: 2, requests_per_connection: Some(3), ..plan() });
    assert_eq!([fixture.receive(OK), fixture.receive(OK)], [Want::Input, Want::Input]);
    assert_eq!(fixture.receive(OK), Want::Close(CloseReason::Finished));
    assert_eq!((fixture.totals(), fixture.run.slots.unanswered), ([3, 3, 0, 0], 0));
}

#[test]
fn connect_time_is_not_lag_unconnected_slot_stays_taken() {
    let mut fixture = ConnectionFixture::new(&Plan { schedule: Schedule::Constant(0.001), ..plan() });
    fixture.advance_time(Duration::from_millis(50));
    fixture.advance();
    assert_eq!(fixture.totals(), [1, 0, 0, 0]);
    assert!(fixture.run.metrics.lag.quantile_us(1.0) <= 1);
    let mut fixture = ConnectionFixture::new(&plan());
    fixture.apply(Want::Close(CloseReason::Shutdown));
    assert_eq!(fixture.run.slots.next_open_at(), None);
}

#[test]
fn late_request_latency_counts_from_intended_time() {
    let schedule = Schedule::Constant(10.0);
    let mut fixture = ConnectionFixture::connected(&Plan { schedule, ..plan() });
    fixture.advance_time(Duration::from_millis(250));
    fixture.receive(OK);
    // The second request is due at 100 ms and leaves at 250 ms, after the first response. This delay is not
    // lag.
    assert_eq!(fixture.totals(), [2, 1, 0, 0]);
    fixture.advance_time(Duration::from_millis(10));
    fixture.receive(OK);
    let (corrected, uncorrected) = (fixture.run.metrics.corrected(), fixture.run.metrics.uncorrected());
    assert_eq!((corrected.quantile_us(0.5) / 1000, uncorrected.quantile_us(0.5) / 1000), (160, 10));
    assert!(fixture.run.metrics.lag.quantile_us(1.0) <= 1);
    // The third request, due at 200 ms, is in flight. Then the connection is idle until the next due time.
    fixture.receive(OK);
    assert_eq!((fixture.totals(), fixture.protocol.phase), ([3, 3, 0, 0], LoadPhase::Idle));
    fixture.advance_time(Duration::from_millis(45));
    fixture.advance();
    assert_eq!(fixture.protocol.phase, LoadPhase::AwaitingFirstByte);
    assert_eq!(fixture.run.metrics.lag.quantile_us(1.0) / 1000, 5);
}

#[test]
fn warmup_requests_are_not_counted() {
    let mut fixture = ConnectionFixture::connected(&Plan { warmup: Duration::from_secs(1), ..plan() });
    fixture.receive(OK);
    fixture.advance_time(Duration::from_secs(1));
    fixture.receive(OK);
    assert_eq!(fixture.totals(), [1, 0, 0, 0]);
    fixture.receive(OK);
    assert_eq!(fixture.totals(), [2, 1, 0, 0]);
}

#[test]
fn run_finishes_when_request_quota_is_answered() {
    let stop = Stop { requests: Some(2), duration: None };
    let mut fixture = ConnectionFixture::connected(&Plan { stop, ..plan() });
    fixture.receive(OK);
    assert!(!fixture.run.scheduler.is_finished(fixture.now.instant));
    fixture.receive(OK);
    assert_eq!((fixture.totals(), fixture.protocol.phase), ([2, 2, 0, 0], LoadPhase::Idle));
    assert!(fixture.run.scheduler.is_finished(fixture.now.instant));
}

#[test]
fn unreachable_run_backs_off_and_aborts_after_timeout() {
    let stop = Stop { requests: Some(2), duration: None };
    let mut fixture = ConnectionFixture::new(&Plan { stop, ..plan() });
    let mut pauses = Vec::new();
    for _ in 0..10 {
        fixture.protocol.closed(
            CloseReason::ConnectFailed(ErrorKind::ConnectionRefused),
            &fixture.send_queue,
            &mut fixture.run,
            fixture.now,
        );
        let next = fixture.run.slots.next_open_at().expect("it is tried again");
        pauses.push((next - fixture.now.instant).as_millis());
        assert!(fixture.run.slots.pop_closed(next).is_some());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    fixture.run.abort_if_unreachable(fixture.now.instant);
    assert!(!fixture.run.scheduler.is_finished(fixture.now.instant));
    fixture.advance_time(TIMEOUT);
    fixture.run.abort_if_unreachable(fixture.now.instant);
    assert!(fixture.run.scheduler.is_finished(fixture.now.instant));
}

#[test]
fn transitions_seen_equal_the_table() {
    let open = |per_sec| Plan { schedule: Schedule::Constant(per_sec), ..plan() };
    let mut seen = BTreeSet::new();
    let mut run_case = |plan: &Plan, act: &dyn Fn(&mut ConnectionFixture)| {
        let mut fixture = ConnectionFixture::new(plan);
        act(&mut fixture);
        seen.append(&mut fixture.seen_transitions);
    };
    let half = &OK[..OK.len() / 2];
    let rest = &OK[OK.len() / 2..];
    run_case(&plan(), &|fixture| {
        fixture.advance();
        fixture.receive(half);
        fixture.receive(rest);
        fixture.end_of_input();
    });
    run_case(&plan(), &|fixture| {
        fixture.advance();
        fixture.receive(half);
        fixture.end_of_input();
    });
    run_case(&open(0.001), &|fixture| {
        fixture.advance();
        fixture.receive(OK);
        fixture.end_of_input();
    });
    run_case(&open(10.0), &|fixture| {
        fixture.advance();
        fixture.receive(half);
        fixture.receive(rest);
        fixture.advance_time(Duration::from_secs(1));
        fixture.advance();
    });
    run_case(&Plan { stop: Stop { requests: Some(0), duration: None }, ..plan() }, &|fixture| {
        fixture.advance();
    });
    let table: BTreeSet<_> = TRANSITIONS.iter().map(|(from, to)| (*from as u8, *to as u8)).collect();
    assert_eq!(seen, table);
    assert_eq!(table.len(), TRANSITIONS.len());
}

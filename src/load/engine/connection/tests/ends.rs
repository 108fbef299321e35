//! Tests of the ends of a run: the warm-up, unfinished requests, and the abort of an unreachable run.
//!
//! They run in virtual time.

use super::*;

#[test]
fn abort_needs_connect_failure_and_no_connection_for_timeout() {
    let stop = Stop { requests: Some(2), duration: None };
    let mut fixture = ConnectionFixture::new(&Plan { stop, ..plan() });
    let is_aborted = |fixture: &mut ConnectionFixture| {
        fixture.run.abort_if_unreachable(fixture.now.instant);
        fixture.run.scheduler.is_finished(fixture.now.instant)
    };
    let refused = Want::Close(CloseReason::ConnectFailed(ErrorKind::ConnectionRefused));
    fixture.advance_time(TIMEOUT);
    assert!(!is_aborted(&mut fixture), "the report could not tell why");
    fixture.apply(refused);
    fixture.reconnect(Duration::from_secs(1));
    assert!(!is_aborted(&mut fixture), "somebody is connected");
    fixture.advance_time(TIMEOUT);
    fixture.receive(LAST);
    assert!(!is_aborted(&mut fixture), "nobody is, but not for long");
    fixture.advance_time(TIMEOUT);
    assert!(is_aborted(&mut fixture));
}

#[test]
fn unfinished_latency_counts_from_intended_time() {
    let schedule = Schedule::Constant { per_sec: 10.0 };
    let mut fixture = ConnectionFixture::connected(&Plan { schedule, ..plan() });
    fixture.advance_time(Duration::from_millis(250));
    fixture.receive(OK);
    fixture.advance_time(Duration::from_millis(10));
    fixture.apply(Want::Close(CloseReason::Shutdown));
    // The request was due at 100 ms and sent at 250 ms.
    assert_eq!(
        (fixture.totals(), fixture.run.metrics.unfinished.quantile_us(1.0) / 1000),
        ([2, 1, 0, 1], 160)
    );
}

#[test]
fn warmup_failures_are_not_counted() {
    let warmup = Duration::from_secs(10);
    let mut fixture = ConnectionFixture::connected(&Plan { warmup, pipeline: 3, ..plan() });
    fixture.receive(LAST);
    fixture.reconnect(Duration::from_millis(100));
    fixture.receive(b"what?");
    assert_eq!((fixture.totals(), fixture.failures(), fixture.run.metrics.resent), ([0; 4], vec![], 0));
    let schedule = Schedule::Constant { per_sec: 0.001 };
    let mut fixture = ConnectionFixture::connected(&Plan { warmup, schedule, ..plan() });
    fixture.receive(OK);
    assert!(matches!(fixture.receive(b"!"), Want::Close(CloseReason::Refused(_))));
    assert_eq!(fixture.run.metrics.unasked, 0);
}

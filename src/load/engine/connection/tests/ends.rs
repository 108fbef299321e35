//! What counts at the ends of a run, and what does not: the warm-up, what is unfinished, and whether a run
//! that nobody answers is given up.
//!
//! In virtual time, like the tests of the machine.

use super::*;

#[test]
fn abort_needs_connect_failure_and_no_connection_for_timeout() {
    let stop = Stop { requests: Some(2), duration: None };
    let mut stage = ConnectionFixture::new(&Plan { stop, ..plan() });
    let given_up = |stage: &mut ConnectionFixture| {
        stage.run.abort_if_unreachable(stage.now.instant);
        stage.run.scheduler.is_finished(stage.now.instant)
    };
    let refused = Want::Close(CloseReason::ConnectFailed(ErrorKind::ConnectionRefused));
    stage.advance_time(TIMEOUT);
    assert!(!given_up(&mut stage), "the report could not tell why");
    stage.apply(refused);
    stage.reconnect(Duration::from_secs(1));
    assert!(!given_up(&mut stage), "somebody is connected");
    stage.advance_time(TIMEOUT);
    stage.receive(LAST);
    assert!(!given_up(&mut stage), "nobody is, but not for long");
    stage.advance_time(TIMEOUT);
    assert!(given_up(&mut stage));
}

#[test]
fn unfinished_latency_counts_from_intended_time() {
    let schedule = Schedule::Constant { per_sec: 10.0 };
    let mut stage = ConnectionFixture::connected(&Plan { schedule, ..plan() });
    stage.advance_time(Duration::from_millis(250));
    stage.receive(OK);
    stage.advance_time(Duration::from_millis(10));
    stage.apply(Want::Close(CloseReason::Shutdown));
    // It was due at 100 ms and sent at 250 ms.
    assert_eq!((stage.totals(), stage.run.metrics().unfinished.quantile_us(1.0) / 1000), ([2, 1, 0, 1], 160));
}

#[test]
fn warmup_failures_are_not_counted() {
    let warmup = Duration::from_secs(10);
    let mut stage = ConnectionFixture::connected(&Plan { warmup, pipeline: 3, ..plan() });
    stage.receive(LAST);
    stage.reconnect(Duration::from_millis(100));
    stage.receive(b"what?");
    assert_eq!((stage.totals(), stage.failures(), stage.run.metrics().resent), ([0; 4], vec![], 0));
    let schedule = Schedule::Constant { per_sec: 0.001 };
    let mut stage = ConnectionFixture::connected(&Plan { warmup, schedule, ..plan() });
    stage.receive(OK);
    assert!(matches!(stage.receive(b"!"), Want::Close(CloseReason::Refused(_))));
    assert_eq!(stage.run.metrics().unasked, 0);
}

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
    let schedule = Schedule::Constant(10.0);
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
    let schedule = Schedule::Constant(0.001);
    let mut fixture = ConnectionFixture::connected(&Plan { warmup, schedule, ..plan() });
    fixture.receive(OK);
    assert!(matches!(fixture.receive(b"!"), Want::Close(CloseReason::Refused(_))));
    assert_eq!(fixture.run.metrics.unasked, 0);
}

fn open_loop(per_sec: f64) -> Plan {
    Plan { schedule: Schedule::Constant(per_sec), ..plan() }
}

#[test]
fn refused_connect_gives_up_due_requests_of_open_loop() {
    let refused = |fixture: &mut ConnectionFixture| {
        fixture.run.on_connect_failed(0, LoadFailure::Refused, fixture.now.instant);
        fixture.run.metrics.series.totals.unsent
    };
    let mut fixture = ConnectionFixture::new(&open_loop(100.0));
    assert_eq!(refused(&mut fixture), 1);
    fixture.advance_time(Duration::from_millis(95));
    assert_eq!(refused(&mut fixture), 10);
    // Requests due before the server was back failed too: nobody would have been let in.
    fixture.advance_time(Duration::from_millis(100));
    fixture.advance();
    assert_eq!((fixture.totals(), fixture.run.metrics.series.totals.unsent), ([0; 4], 20));
    fixture.advance_time(Duration::from_millis(10));
    fixture.advance();
    assert_eq!((fixture.totals(), fixture.run.metrics.series.totals.unsent), ([1, 0, 0, 0], 20));
    assert!(fixture.run.metrics.unfinished.is_empty(), "a refusal is no latency");
}

#[test]
fn unsent_requests_at_end_are_errors_without_idle_connection() {
    let at_end = |answers: bool, can_send: bool| {
        let stop = Stop { requests: None, duration: Some(Duration::from_millis(995)) };
        let mut fixture = ConnectionFixture::connected(&Plan { stop, ..open_loop(100.0) });
        if answers {
            fixture.receive(OK);
        }
        fixture.run.slots.set_key(0, crate::reactor::Key::for_test(0));
        fixture.run.slots.set_can_send(0, can_send);
        fixture.advance_time(Duration::from_secs(1));
        let on_time = fixture.run.finish(fixture.now.instant);
        (on_time, fixture.run.metrics.series.totals.unsent, fixture.run.metrics.unfinished.len())
    };
    // A hundred are due, the last one 10 ms before the end; the first one waits for its response.
    assert_eq!(at_end(false, false), (0, 99, 99));
    assert_eq!(at_end(true, true), (99, 0, 0));
}

#[test]
fn closed_loop_lost_time_becomes_unsent_requests() {
    let second = Duration::from_secs(1);
    let unsent = |fixture: &mut ConnectionFixture, is_end| {
        fixture.run.estimate_unsent(fixture.now.instant, is_end);
        fixture.run.metrics.series.totals.unsent
    };
    // One second with ten responses, three without a server.
    let mut fixture = ConnectionFixture::connected(&plan());
    for _ in 0..10 {
        fixture.advance_time(second / 10);
        fixture.receive(OK);
    }
    assert_eq!(unsent(&mut fixture, true), 0);
    let mut hung = fixture;
    let last = hung.now;
    hung.advance_time(second * 3);
    assert_eq!([false, true].map(|is_end| unsent(&mut hung, is_end)), [0, 30]);
    hung.now = last;
    hung.end_of_input();
    hung.run.on_connect_failed(0, LoadFailure::Refused, hung.now.instant);
    hung.advance_time(second * 3);
    // The request in flight at the end of the connection is the eleventh that ended.
    assert_eq!(unsent(&mut hung, false), 33);
    hung.reconnect(Duration::ZERO);
    hung.advance_time(second * 4);
    assert_eq!(unsent(&mut hung, false), 7, "three seconds of eight, so far with eleven requests");
}

#[test]
fn two_time_outs_in_a_row_end_a_run_without_end_time() {
    let stop = Stop { requests: Some(9), duration: None };
    for is_answered in [false, true] {
        let mut fixture = ConnectionFixture::connected(&Plan { stop, ..plan() });
        fixture.time_out();
        assert!(fixture.run.scheduler.may_send(fixture.now.instant), "another connection may do");
        fixture.reconnect(Duration::ZERO);
        if is_answered {
            fixture.receive(OK);
        }
        fixture.time_out();
        assert_eq!(fixture.run.scheduler.may_send(fixture.now.instant), is_answered);
    }
}

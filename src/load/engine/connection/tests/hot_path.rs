//! Allocation test: a request in a running load test allocates nothing.
//!
//! The protocol runs without a reactor, so the count covers protocol, scheduler, templates and metrics only.
//! `load_engine` in `tests/` covers the reactor.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use allocation_counter::measure;
use mio::net::TcpStream;

use super::*;
use crate::net::Transport;

const REQUESTS: u64 = 10_000;
/// Time between two batches of responses; the whole run fits in one interval of the time series.
const PAUSE: Duration = Duration::from_micros(20);

/// Transport that accepts and discards all output.
struct NullTransport;

impl Transport for NullTransport {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        false
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn send_file(&mut self, _: BorrowedFd<'_>, _: &mut u64, _: usize) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn close_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn socket(&mut self) -> &mut TcpStream {
        unreachable!("it is never registered")
    }
}

impl ConnectionFixture {
    /// Receives responses to this many requests, `pipeline` at a time. Due requests leave in between.
    fn exchange(&mut self, requests: u64, responses: &[u8], pipeline: u64) {
        for _ in 0..requests / pipeline {
            self.advance_time(PAUSE);
            assert_eq!(self.receive(responses), Want::Input);
            self.advance_time(PAUSE);
            assert_eq!(self.advance(), Want::Input);
            self.send_queue.flush(&mut NullTransport, &mut usize::MAX.clone());
        }
    }
}

#[test]
fn load_request_allocates_nothing() {
    let targets: Vec<_> = ["/{SEQ}", "/?{RAND:1:1000000}"]
        .map(|path| ClientTarget {
            host: "localhost".to_owned(),
            port: 80,
            is_tls: false,
            path: path.to_owned(),
        })
        .into();
    let parts = RequestParts { method: "GET", fields: &[], body: None, keep_alive: true };
    let request = RequestTemplate::new(&targets, &parts).expect("good placeholders");
    let changing = Plan { targets, request, order: UrlOrder::Random, ..plan() };
    for pipeline in [1, 8] {
        // In two pauses, as many requests become due as receive a response.
        let per_sec = pipeline as f64 / (2.0 * PAUSE.as_secs_f64());
        for schedule in [Schedule::Closed, Schedule::Constant(per_sec)] {
            for plan in [&plan(), &changing] {
                let plan = Plan { pipeline, schedule: schedule.clone(), ..plan.clone() };
                let mut fixture = ConnectionFixture::new(&plan);
                assert_eq!(fixture.advance(), Want::Input);
                // With a schedule, the first request is alone and the others follow later.
                while fixture.totals()[0] < pipeline as u64 {
                    fixture.advance_time(PAUSE);
                    fixture.advance();
                }
                let responses = OK.repeat(pipeline);
                fixture.exchange(800, &responses, pipeline as u64);
                let before = fixture.totals()[1];
                let spent = measure(|| fixture.exchange(REQUESTS, &responses, pipeline as u64));
                assert_eq!(fixture.totals()[1] - before, REQUESTS, "{schedule:?} {pipeline}");
                assert_eq!(spent.count_total, 0, "{schedule:?} {pipeline}");
            }
        }
    }
    // The counter counts something.
    assert!(measure(|| drop(ConnectionFixture::new(&plan()))).count_total > 0);
}

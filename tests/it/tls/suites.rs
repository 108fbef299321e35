//! Suites of plain HTTP that run over TLS, and what only TLS adds to them.
//!
//! Slow clients, limits, shutdown, uploads, ranges. `in_memory::secure` runs those in virtual time.

use std::io::Write;
use std::net::Shutdown;

use rustix::process::Signal;
use rustls::version::TLS13;

use super::{connect, get, serve};
use crate::harness::Raw;
use crate::harness::secure::{Certificate, client_config, over_tls, secured};
use crate::workers::counters;
use crate::{concurrency, deadlines, framing, lifecycle, ranges, upload};

/// The beginning of a handshake.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00";

fn all_over_tls(tests: &[fn()]) {
    tests.iter().for_each(|test| over_tls(*test));
}

#[test]
fn deadlines_over_tls() {
    all_over_tls(&[
        deadlines::stalled_head_gets_408_and_close,
        deadlines::stalled_second_head_gets_408_after_first_response,
        deadlines::idle_keep_alive_connection_closes_without_response,
        deadlines::header_timeout_does_not_apply_to_idle_connection,
        deadlines::empty_line_after_request_starts_no_header_timeout,
    ]);
}

#[test]
fn shutdown_and_closes_over_tls() {
    all_over_tls(&[
        lifecycle::signal_finishes_in_flight_and_accepts_no_more,
        lifecycle::signal_with_nothing_in_flight_exits_at_once,
        lifecycle::request_arrived_before_signal_gets_response,
        lifecycle::client_that_never_reads_is_dropped_after_grace,
        lifecycle::second_signal_exits_at_once_with_128_plus_signal,
        lifecycle::clients_gone_mid_download_server_keeps_running,
        lifecycle::half_closed_client_gets_every_response,
        lifecycle::client_closing_within_head_gets_400,
        lifecycle::file_shrinks_while_sent_body_ends_early_unpadded,
    ]);
}

#[test]
fn ranges_over_tls() {
    all_over_tls(&[
        ranges::range_gets_206_with_exact_bytes_and_content_range,
        ranges::multiple_ranges_get_parts_in_requested_order,
        ranges::if_range_match_gets_206_mismatch_gets_200,
        ranges::pipeline_with_conditions_and_ranges_keeps_order,
    ]);
}

#[test]
fn uploads_over_tls() {
    all_over_tls(&[
        upload::put_creates_201_or_replaces_204_with_etag_of_get,
        upload::chunked_put_stores_decoded_body,
        upload::expect_100_continue_is_sent_only_if_upload_is_accepted,
        upload::pipelined_get_after_put_sees_new_content,
        upload::digest::digest_in_a_trailer_is_checked_byte_by_byte,
        upload::whole::aborted_put_gets_400_and_leaves_no_file,
        upload::whole::killed_server_leaves_no_partial_upload,
        upload::whole::put_in_flight_finishes_after_sigterm,
        upload::whole::paused_put_blocks_no_other_client,
        upload::refused::put_over_max_upload_gets_413_while_still_sending,
        upload::refused::content_length_over_max_upload_gets_413_before_body,
    ]);
}

#[test]
fn slow_readers_and_vanishing_clients_over_tls() {
    all_over_tls(&[
        concurrency::paused_reader_resumes_and_gets_whole_file,
        concurrency::closed_connections_leave_no_open_descriptor,
    ]);
}

#[test]
fn rejected_requests_over_tls() {
    all_over_tls(&[
        framing::requests_before_rejected_one_get_responses_first,
        framing::rejected_flooding_client_still_reads_response,
        framing::head_truncated_by_client_gets_400,
    ]);
}

#[test]
fn max_connections_counts_unfinished_handshakes() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &["--max-connections", "2", "--header-timeout", "24h"]);
    let mut unfinished = [(); 2].map(|()| connect(&server));
    unfinished.iter_mut().for_each(|stream| stream.write_all(HALF_HELLO).expect("room"));
    let config = client_config(&certificate.chain, &[&TLS13]);
    let mut newcomer = Raw::over(secured(&config, "localhost", connect(&server)));
    assert_eq!(newcomer.get("/a.txt").status, 200);
    server.signal(Signal::USR2);
    assert_eq!(counters(&server.stop().stderr)["closed.evicted"], 1);
}

#[test]
fn one_connection_at_a_time_serves_waiting_handshakes() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &["--max-connections", "1"]);
    let config = client_config(&certificate.chain, &[&TLS13]);
    crate::harness::at_once(0..20, |_| {
        get(&server, &config, "localhost").expect("a response");
    });
}

#[test]
fn handshake_in_progress_at_sigterm_counts_as_shutdown() {
    let certificate = Certificate::new(&["localhost"]);
    let server = serve(&certificate, &["--header-timeout", "24h", "--grace", "24h", "--workers", "1"]);
    let config = client_config(&certificate.chain, &[&TLS13]);
    let mut asking = [(), ()].map(|()| Raw::over(secured(&config, "localhost", connect(&server))));
    for client in &mut asking {
        assert_eq!(client.get("/a.txt").status, 200);
        client.send("GET /a.txt HTTP/1.1\r\nHo");
    }
    let mut unfinished = connect(&server);
    unfinished.write_all(HALF_HELLO).expect("room");
    server.signal(Signal::TERM);
    Raw::of(unfinished).expect_end();
    server.signal(Signal::USR2);
    // The server ends with the second: it has seen the signal by then.
    for client in &mut asking {
        let reply = client.send("st: test\r\n\r\n").reply();
        assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
        let _ = client.socket().shutdown(Shutdown::Both);
    }
    let stopped = server.wait();
    let is_shutdown =
        stopped.stderr.contains("closed.timed-out=0 ") && !stopped.stderr.contains("closed.shutdown=0 ");
    assert!(stopped.status.success() && is_shutdown, "{}", stopped.stderr);
}

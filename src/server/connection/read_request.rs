//! Parser and router of the next request in the receive buffer.
//!
//! Input stays in the buffer; nothing is sent.

use std::sync::Arc;
use std::time::Instant;

use super::WorkerState;
use super::access::{RequestOrigin, route_if_allowed};
use super::exchange::{BoxedPipeline, RequestSummary};
use crate::http::{Reject, RequestBody, parse_request};
use crate::net::RecvBuf;
use crate::reactor::Now;
use crate::server::auth::LoginAttempt;
use crate::server::handlers::Action;
use crate::server::response::{Body, ErrorPresentation, Response};
use crate::server::rules::{client_address, is_trusted};

/// Requests per connection and tick: a long pipeline must not starve others.
const REQUESTS_PER_TICK_MAX: u32 = 16;

/// `false`: the request waits for the next tick.
pub(super) fn count_request(tick: &mut Instant, tick_requests: &mut u32, now: Now) -> bool {
    if *tick != now.instant {
        (*tick, *tick_requests) = (now.instant, 0);
    }
    *tick_requests += 1;
    *tick_requests <= REQUESTS_PER_TICK_MAX
}

#[derive(Debug, Default)]
pub(super) struct HeadProgress {
    searched_len: usize,
    pub(super) seen_len: usize,
}

#[derive(Debug)]
pub(super) enum NextRequest {
    Incomplete,
    Rejected(Reject),
    /// Until this time.
    LoginPending(Instant),
    Request {
        len: usize,
        body: RequestBody,
        expects_continue: bool,
        action: Action,
    },
}

/// Inlined: its result is large, and its one caller takes it apart.
#[inline(always)]
pub(super) fn read_request(
    bytes: &[u8],
    head_progress: &mut HeadProgress,
    pipeline: &mut Option<BoxedPipeline>,
    worker: &mut WorkerState,
    (origin, login): (RequestOrigin, &mut Option<Arc<LoginAttempt>>),
) -> NextRequest {
    let now = worker.context.now;
    worker.context.follow_root(false);
    let is_proxied = is_trusted(&worker.context.config.trusted_proxies, origin.peer);
    let uses_cache = !is_proxied && worker.may_use_request_cache(origin);
    let generation = worker.context.cache.generation(now.unix_secs());
    let slot = worker.request_cache.slot_of(bytes, origin.checks_host);
    if uses_cache && let Some((summary, len, response)) = worker.request_cache.get(slot, bytes, generation) {
        worker.stats.request_cache_hits += 1;
        let pipeline = pipeline.get_or_insert_with(|| worker.lease_pipeline());
        pipeline.begin(summary, bytes.get(..len).unwrap_or_default(), worker.log.detail(), now);
        let action = Action::Respond(response);
        return NextRequest::Request { len, body: RequestBody::None, expects_continue: false, action };
    }
    let searched_len = &mut head_progress.searched_len;
    let (len, head) = match parse_request(bytes, searched_len, &mut worker.field_buf) {
        Ok(Some(found)) => found,
        Ok(None) => return NextRequest::Incomplete,
        Err(reject) => return NextRequest::Rejected(reject),
    };
    let (mut summary, bytes) =
        (RequestSummary::from_head(&head, bytes), bytes.get(..len).unwrap_or_default());
    let proxies = &worker.context.config.trusted_proxies;
    let client = is_proxied.then(|| client_address(proxies, origin.peer, head.fields));
    let origin = RequestOrigin { peer: client.unwrap_or(origin.peer), ..origin };
    let checked = (&head, &mut summary);
    let action = match route_if_allowed(bytes, checked, &mut worker.context, (origin, login)) {
        Ok(action) => action,
        Err(until) => return NextRequest::LoginPending(until),
    };
    // Most responses are files.
    if !matches!(&action, Action::Respond(Response { body: Body::File(..), .. })) {
        summary.flags.errors = ErrorPresentation::of_request(&head);
    }
    if uses_cache && worker.context.cache.is_validated() {
        worker.request_cache.insert(slot, (bytes, summary), &head, &action, generation);
    }
    let (body, expects_continue) = (head.body, head.expects_continue);
    let pipeline = pipeline.get_or_insert_with(|| worker.lease_pipeline());
    pipeline.begin(summary, bytes, worker.log.detail(), now);
    client.into_iter().for_each(|client| pipeline.set_client(client));
    NextRequest::Request { len, body, expects_continue, action }
}

/// Empty lines do not count: old clients append one to a body (RFC 9112 section 2.2).
pub(super) fn has_head_bytes(recv_buf: &RecvBuf) -> bool {
    recv_buf.bytes().iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use crate::access_log::{AccessLog, LogDestination, LogFormat, LogStyle};
    use crate::files::{CacheLimits, ContentSource, Root};
    use crate::server::{CacheMode, ServerConfig};

    /// Heads that differ only in the response, only in the log, or only in the last byte.
    const HEADS: &[&str] = &[
        "GET /a.css HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD /a.css HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a.css HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
        "GET /a.css HTTP/1.1\r\nHost: h\r\nReferer: r1\r\nUser-Agent: u1\r\nAccept-Encoding: gzip, br\r\n\r\n",
        "GET /a.css HTTP/1.1\r\nHost: h\r\nReferer: r2\r\nUser-Agent: u1\r\nAccept-Encoding: gzip, br\r\n\r\n",
        "GET /a.css HTTP/1.1\r\nHost: h\r\nReferer: r2\r\nUser-Agent: u1\r\nAccept-Encoding: gzip;q=0\r\n\r\n",
        "GET /a.css HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0\r\n\r\n",
        "GET /a.css HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n",
        "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /b HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n",
        "GET /d HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /d/?archive=tar HTTP/1.1\r\nHost: h\r\n\r\n",
        "OPTIONS /a.css HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a.css HTTP/1.1\r\n\r\n",
    ];

    fn worker_state(directory: &Path, cache: CacheMode, cache_len_max: usize) -> WorkerState {
        let style = LogStyle { format: LogFormat::Headers, ..LogStyle::default() };
        let log = AccessLog::open_styled(&LogDestination::File("/dev/null".into()), style).expect("a log");
        let config = ServerConfig { cache, cache_len_max, ..ServerConfig::default() };
        let store = ContentSource::disk(Root::open(directory).expect("a root"));
        WorkerState::new(config, store, log, Now::read())
    }

    /// Outcome of a request, with its response and its log data.
    fn request_outcome(head: &str, worker: &mut WorkerState, now: Now) -> String {
        outcome_of(head, worker, false, now)
    }

    fn outcome_of(head: &str, worker: &mut WorkerState, checks_host: bool, now: Now) -> String {
        let (mut head_progress, mut pipeline) = (HeadProgress::default(), None);
        worker.context.cache.mark_events_pending();
        let origin = RequestOrigin {
            peer: ([127, 0, 0, 1], 4000).into(),
            is_tls: false,
            checks_host,
            is_refused: false,
        };
        worker.context.now = now;
        let cx = (origin, &mut None);
        match read_request(head.as_bytes(), &mut head_progress, &mut pipeline, worker, cx) {
            // Two equal jobs hold different descriptors.
            NextRequest::Request { action: Action::Prepare(_), .. } => {
                format!("gathers {pipeline:?}")
            }
            next => format!("{next:?} {pipeline:?}"),
        }
    }

    type Change = fn(&Path);

    const CHANGES: &[Change] = &[
        |_| (),
        |directory| fs::write(directory.join("a.css"), "new").expect("writes"),
        |directory| fs::write(directory.join("b"), "there now").expect("writes"),
        |directory| fs::write(directory.join("a.css.gz"), "new twin").expect("writes"),
        |directory| fs::remove_file(directory.join("a.css.gz")).expect("removes"),
        |directory| fs::rename(directory.join("d/new"), directory.join("a.css")).expect("renames"),
        |directory| fs::remove_dir_all(directory.join("d")).expect("removes"),
    ];

    /// Directory with the requested files.
    fn sample_directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a folder");
        fs::create_dir(directory.path().join("d")).expect("a folder");
        for name in ["a.css", "a.css.gz", "d/new"] {
            fs::write(directory.path().join(name), name).expect("a file");
        }
        directory
    }

    /// Compares `rounds` requests before the change, some after it, and some in the next second.
    fn compare(heads: &[&str], rounds: usize, change: Change, cache_len_max: usize) {
        let directory = sample_directory();
        let worker = |mode| worker_state(directory.path(), mode, cache_len_max);
        let (mut cached, mut uncached) = (worker(CacheMode::Fresh), worker(CacheMode::Off));
        let mut compare_rounds = |rounds: usize, now: Now| {
            for head in (0..rounds).flat_map(|_| heads) {
                assert_eq!(
                    request_outcome(head, &mut cached, now),
                    request_outcome(head, &mut uncached, now),
                    "{heads:?}"
                );
            }
        };
        let now = Now::read();
        compare_rounds(rounds, now);
        change(directory.path());
        compare_rounds(3, now);
        compare_rounds(2, now.after(Duration::from_secs(1)));
    }

    #[test]
    fn cached_response_is_not_for_a_host_that_is_checked() {
        let directory = sample_directory();
        let mut worker = worker_state(directory.path(), CacheMode::Fresh, CacheLimits::DEFAULT.bytes_max);
        // A young file is not cached.
        let now = Now::read().after(Duration::from_secs(10));
        let head = "GET /a.css HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        for checks_host in [false, false, false, true, true, false, true] {
            let hits = worker.stats.request_cache_hits;
            let outcome = outcome_of(head, &mut worker, checks_host, now);
            assert_eq!(outcome.contains("Misdirected"), checks_host, "{outcome}");
            assert!(!checks_host || worker.stats.request_cache_hits == hits);
        }
        let hits = worker.stats.request_cache_hits;
        assert!(hits > 0);
        let head = "GET /a.css HTTP/1.1\r\nHost: localhost\r\n\r\n";
        (0..3).for_each(|_| drop(outcome_of(head, &mut worker, true, now)));
        assert!(worker.stats.request_cache_hits > hits);
    }

    #[test]
    fn repeated_request_has_same_outcome_as_uncached() {
        for change in CHANGES {
            for heads in HEADS.chunks(1) {
                (1..=2).for_each(|rounds| compare(heads, rounds, *change, CacheLimits::DEFAULT.bytes_max));
            }
            // Different heads in turn; the small cache evicts early.
            for cache_len_max in [CacheLimits::DEFAULT.bytes_max, 3000] {
                compare(HEADS, 2, *change, cache_len_max);
            }
        }
    }
}

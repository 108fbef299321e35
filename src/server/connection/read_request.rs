//! What the bytes that have come amount to: a request and what becomes of it, something to refuse, or too
//! little to tell.
//!
//! It has the head parsed and routed, unless the `memo` knows what becomes of it, and begins the exchange.
//! It owns what must be remembered of a head that is not whole; it consumes nothing and answers nothing.

use super::WorkerState;
use super::exchange::{BoxedPipeline, RequestSummary};
use super::request_cache::CachedOutcome;
use crate::http::{FieldBuf, Reject, RequestBody, parse_request};
use crate::reactor::Now;
use crate::server::handlers::{Action, route};

/// A head on its way in.
#[derive(Debug, Default)]
pub(super) struct HeadProgress {
    /// How far its end has been searched for, and how much of it was there then.
    searched_len: usize,
    pub(super) seen_len: usize,
    /// When the request that is understood anew each turn was understood first: what the log counts from.
    since: Option<Box<Now>>,
}

impl HeadProgress {
    /// What the request gets is being made; it will be understood anew.
    pub(super) fn retry_next_tick(&mut self, now: Now) {
        self.since.get_or_insert_with(|| Box::new(now));
    }
}

/// What bytes amount to.
#[derive(Debug)]
pub(super) enum NextRequest {
    /// More has to come first.
    Incomplete,
    /// A request whose plan is being made: the same bytes tell more in the next turn.
    Pending,
    /// No request, or not one that can be trusted.
    Rejected(Reject),
    /// A request, of which an exchange has begun.
    Request {
        /// Bytes of its head.
        len: usize,
        body: RequestBody,
        expects_continue: bool,
        action: Action,
    },
}

/// Makes what can be made of `bytes`, the first of which begin a request.
pub(super) fn read_request(
    bytes: &[u8],
    arrival: &mut HeadProgress,
    batch: &mut Option<BoxedPipeline>,
    site: &mut WorkerState,
    now: Now,
) -> NextRequest {
    let since = arrival.since.as_deref().copied().unwrap_or(now);
    let (edition, place) =
        (site.context.cache.generation(now.unix_secs()), site.request_cache.slot_of(bytes));
    if let Some(CachedOutcome { summary: asked, len, response: answer }) =
        site.request_cache.get(place, bytes, edition)
    {
        let batch = batch.get_or_insert_with(|| site.lease_pipeline());
        batch.begin(asked, bytes.get(..len).unwrap_or_default(), site.log.detail(), since);
        let plan = Action::Respond(answer);
        return NextRequest::Request { len, body: RequestBody::None, expects_continue: false, action: plan };
    }
    let mut space = FieldBuf::new();
    let (len, head) = match parse_request(bytes, &mut arrival.searched_len, &mut space) {
        Ok(Some(found)) => found,
        Ok(None) => return NextRequest::Incomplete,
        Err(reject) => return NextRequest::Rejected(reject),
    };
    let Ok(plan) = route(&head, &mut site.context, now) else { return NextRequest::Pending };
    let (asked, bytes) = (RequestSummary::from_head(&head, bytes), bytes.get(..len).unwrap_or_default());
    if site.context.cache.is_validated() {
        site.request_cache.insert(place, (bytes, asked), &head, &plan, edition);
    }
    let batch = batch.get_or_insert_with(|| site.lease_pipeline());
    batch.begin(asked, bytes, site.log.detail(), since);
    NextRequest::Request { len, body: head.body, expects_continue: head.expects_continue, action: plan }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use crate::access_log::{AccessLog, LogDestination, LogFormat, LogStyle};
    use crate::files::{CacheLimits, ContentSource, Root};
    use crate::server::response::Response;
    use crate::server::{CacheMode, ServerConfig};

    /// Some that differ in what they get only, some in what stands in the log only, some in their last byte.
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

    fn worker_state(folder: &Path, cache: CacheMode, cache_len_max: usize) -> WorkerState {
        let style = LogStyle { format: LogFormat::Headers, ..LogStyle::default() };
        let log = AccessLog::open_styled(&LogDestination::File("/dev/null".into()), style).expect("a log");
        let config = ServerConfig { cache, cache_len_max, ..ServerConfig::default() };
        WorkerState::new(config, ContentSource::Disk(Root::open(folder).expect("a root")), log)
    }

    /// All that comes of a request, with the bytes of what it gets and what will be logged.
    fn request_outcome(head: &str, site: &mut WorkerState, now: Now) -> String {
        let (mut arrival, mut batch) = (HeadProgress::default(), None);
        site.context.cache.mark_events_pending();
        match read_request(head.as_bytes(), &mut arrival, &mut batch, site, now) {
            // Two that do the same work hold two descriptors.
            NextRequest::Request { action: Action::Respond(Response::Prepare(_)), .. } => {
                format!("gathers {batch:?}")
            }
            intake => format!("{intake:?} {batch:?}"),
        }
    }

    type Change = fn(&Path);

    const CHANGES: &[Change] = &[
        |_| (),
        |folder| fs::write(folder.join("a.css"), "new").expect("writes"),
        |folder| fs::write(folder.join("b"), "there now").expect("writes"),
        |folder| fs::write(folder.join("a.css.gz"), "new twin").expect("writes"),
        |folder| fs::remove_file(folder.join("a.css.gz")).expect("removes"),
        |folder| fs::rename(folder.join("d/new"), folder.join("a.css")).expect("renames"),
        |folder| fs::remove_dir_all(folder.join("d")).expect("removes"),
    ];

    /// A folder with what is asked for.
    fn sample_directory() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("d")).expect("a folder");
        for name in ["a.css", "a.css.gz", "d/new"] {
            fs::write(folder.path().join(name), name).expect("a file");
        }
        folder
    }

    /// Has these heads come `looks` times before the change, and some times after it and in the next second.
    fn compare(heads: &[&str], looks: usize, change: Change, cache_len_max: usize) {
        let folder = sample_directory();
        let site = |mode| worker_state(folder.path(), mode, cache_len_max);
        let (mut usual, mut forgetful) = (site(CacheMode::Fresh), site(CacheMode::Off));
        let mut ask = |looks: usize, now: Now| {
            for head in (0..looks).flat_map(|_| heads) {
                assert_eq!(
                    request_outcome(head, &mut usual, now),
                    request_outcome(head, &mut forgetful, now),
                    "{heads:?}"
                );
            }
        };
        let now = Now::read();
        ask(looks, now);
        change(folder.path());
        ask(3, now);
        ask(2, now.after(Duration::from_secs(1)));
    }

    #[test]
    fn repeated_request_has_same_outcome_as_uncached() {
        for change in CHANGES {
            for heads in HEADS.chunks(1) {
                (1..=2).for_each(|looks| compare(heads, looks, *change, CacheLimits::DEFAULT.bytes_max));
            }
            // Neighbours; and nothing is kept for long.
            for cache_len_max in [CacheLimits::DEFAULT.bytes_max, 3000] {
                compare(HEADS, 2, *change, cache_len_max);
            }
        }
    }
}

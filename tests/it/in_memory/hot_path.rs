//! What a plain GET of a cached file costs in memory: nothing, whatever the operator has laid down.
//!
//! The protocol is driven by hand here, so that only its own allocations count and none of a wire's.

use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use allocation_counter::measure;
use mio::net::TcpStream;
use reactor_http::access_log::{AccessLog, LogDestination, LogStyle};
use reactor_http::files::{ContentSource, RACY_WINDOW, Root};
use reactor_http::http::HEAD_LEN_MAX;
use reactor_http::net::{Io, Pool, Protocol, RecvBuf, SendQueue, Transport, Want};
use reactor_http::reactor::Now;
use reactor_http::server::config::args;
use reactor_http::server::config::args::Command;
use reactor_http::server::{HttpServerProtocol, ProcessEnv, WorkerState};

use super::of_all_lengths;
use super::pair::ServedDirectory;

/// Times that each request is made, after those that fill the cache, the queues and the log's buffer.
const TIMES: usize = 20;

/// A socket that takes everything and keeps nothing.
struct Void;

impl Transport for Void {
    fn is_drained(&self, _: usize, _: usize) -> bool {
        false
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn send_file(&mut self, _: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
        *offset += len as u64;
        Ok(len)
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

/// A connection whose peer is the test.
struct Bench {
    protocol: HttpServerProtocol,
    context: WorkerState,
    recv_buf: RecvBuf,
    send_queue: SendQueue,
    pool: Pool,
    now: Now,
}

impl Bench {
    fn new(directory: &ServedDirectory, options: &[&str]) -> Self {
        let options = options.iter().map(Into::into).collect();
        let process_env = ProcessEnv { variables: Vec::new(), ..ProcessEnv::read() };
        let Ok(Command::Run(invocation)) = args::command(options, &process_env) else {
            panic!("the options are right")
        };
        let config = invocation.config;
        // By then all that is on the directory has settled, and is kept.
        let now = Now::read().after(10 * RACY_WINDOW);
        let log = AccessLog::open_styled(
            &LogDestination::File(directory.path().join("access.log")),
            LogStyle::default(),
        )
        .expect("a log");
        let store = ContentSource::disk(Root::open(directory.path()).expect("a root"));
        let protocol = HttpServerProtocol::new(([127, 0, 0, 1], 4000).into(), 0, config.idle_timeout, now);
        let (recv_buf, send_queue, pool) =
            (RecvBuf::default(), SendQueue::default(), Pool::new(HEAD_LEN_MAX, None));
        Self { protocol, context: WorkerState::new(config, store, log, now), recv_buf, send_queue, pool, now }
    }

    /// Has a request answered; how many bytes the answer has.
    fn ask(&mut self, request: &[u8]) -> u64 {
        self.ask_after(Duration::from_micros(1), request)
    }

    /// The same, so much later.
    fn ask_after(&mut self, later: Duration, request: &[u8]) -> u64 {
        self.now = self.now.after(later);
        self.recv_buf.spare_capacity(&mut self.pool)[..request.len()].copy_from_slice(request);
        self.recv_buf.commit(request.len());
        self.protocol.on_input(request.len(), &mut self.context);
        let before = self.send_queue.sent_total();
        for expected in [Want::Drain, Want::Input] {
            let want = self.protocol.advance(&mut Io {
                recv_buf: &mut self.recv_buf,
                send_queue: &mut self.send_queue,
                shared: &mut self.context,
                now: self.now,
            });
            assert_eq!(want, expected);
            self.send_queue.flush(&mut Void, &mut usize::MAX.clone());
        }
        self.send_queue.sent_total() - before
    }
}

#[test]
fn ten_thousand_cached_gets_with_log_allocate_nothing() {
    const GETS: usize = 10_000;
    let (directory, files) = of_all_lengths(ServedDirectory::apart);
    let mut bench = Bench::new(&directory, &[]);
    let get = |name: &str| format!("GET /{name} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes();
    let requests: Vec<_> = files.iter().map(|(name, _)| get(name)).collect();
    let mut ask_for_all = |count: usize| {
        for request in requests.iter().cycle().take(count) {
            bench.ask_after(Duration::from_millis(1), request);
        }
    };
    ask_for_all(GETS);
    assert_eq!(measure(|| ask_for_all(GETS)).count_total, 0);
    drop(bench);
    let log = fs::read_to_string(directory.path().join("access.log")).expect("the log");
    assert_eq!(log.lines().count(), 2 * GETS);
}

#[test]
fn cached_get_with_any_rules_allocates_nothing() {
    let (directory, files) = of_all_lengths(ServedDirectory::apart);
    let rules = [
        "-HX-Frame-Options: DENY",
        "--cache-control=*.bin=max-age=60",
        "--cors",
        "--clean-urls",
        "--mime=bin=text/plain",
        "--redirect=/old/*=/new/*",
        "--listing=auto",
        "--fallback=1.bin",
        "--error-page=404=1.bin",
        "--upload",
    ];
    for options in [&[][..], &rules] {
        let mut bench = Bench::new(&directory, options);
        for (name, bytes) in &files {
            for method in ["GET", "HEAD"] {
                let fields = "Host: test\r\nUser-Agent: browser\r\nAccept: */*\r\nReferer: http://test/";
                let request = format!("{method} /{name} HTTP/1.1\r\n{fields}\r\n\r\n").into_bytes();
                let len = if method == "GET" { bytes.len() as u64 } else { 0 };
                (0..TIMES).for_each(|_| assert!(bench.ask(&request) > len));
                let mut count = || measure(|| (0..TIMES).for_each(|_| _ = bench.ask(&request))).count_total;
                // A file that becomes quiet meanwhile is loaded once more.
                assert!(count() == 0 || count() == 0, "{method} {name} {options:?}");
            }
        }
        // What is not on the hot path costs something: the counter counts.
        let part = b"GET /4096.bin HTTP/1.1\r\nHost: test\r\nRange: bytes=0-1\r\n\r\n";
        assert!(measure(|| assert!(bench.ask(part) > 0)).count_total > 0);
    }
}

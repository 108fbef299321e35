//! Two programs on one hand-rolled, single-threaded mio reactor.
//!
//! `reactor-server` serves a directory over HTTP/1.1, with conditions, ranges, compression and listings,
//! and stores uploads in it if it is told to;
//! `reactor-client` fetches over HTTP/1.1, shows or saves what comes, sends files, and puts servers under
//! load. Both are small `main` functions over this library: arguments, configuration, run, exit code. This page is the map;
//! `README.md` has the tour, the options and the numbers.
//!
//! # Layers, and who may use whom
//!
//! | module | its job | may use | never |
//! |---|---|---|---|
//! | [`reactor`] | the event loop: readiness, tokens, run queue, timers, listeners, wake-ups, signals | mio, slab | any other module |
//! | [`net`] | bytes between one socket and two queues; the only read/write loop | `reactor` | `http`, `files` |
//! | [`http`] | HTTP/1.1 as values: bytes in, typed values out, bytes out; heads, bodies, conditions, ranges, negotiation | httparse, httpdate | any other module, sockets, files, clocks |
//! | [`files`] | names and bytes on disk, a cache of them and of their encoded variants that is never stale, listings and archives in slices, uploads that are whole or not there | `text`, rustix, flate2, foldhash, mime_guess, tar | any other module, sockets, HTTP |
//! | [`access_log`] | a record for each exchange, in four formats, redacted and buffered; for both programs | `text`, jiff | any other module |
//! | [`cli`] | options, spelled, set by variables and a file, and taken apart, for both programs | `text`, pico-args, toml | any other module |
//! | [`text`] | escapes for HTML and JSON, deceptive characters, units in output | std | any other module |
//! | [`sum`] | the number exchange: a second, tiny line protocol, with its command and its service | `reactor`, `net`, `cli`, `text` | `http`, `files` |
//! | [`server`] | the glue, and the server's machine | all of the above | `client`, `load` |
//! | [`client`] | the command line, the client's protocol, showing, saving and sending | `reactor`, `net`, `http`, `cli`, `access_log`, `text` | `files`, `server`, `load` |
//! | [`load`] | the load generator: plan, engine, statistics, reports, comparisons, rate search, saved runs | `reactor`, `net`, `http`, `access_log`, `cli`, `client`, `text` | `files`, `server` |
//!
//! `http` and `files` meet only in `server`: in `connection`, `read_request.rs` makes a request of bytes; in
//! `handlers`, `route.rs` decides who answers it, `static_file.rs` finds the file in the right encoding,
//! `preconditions.rs` which part of it is sent, `put.rs` what becomes of an upload, `options.rs` which methods there
//! are, `error_documents.rs` which page stands in for an error, `listing` and `archive.rs` what a folder looks like.
//! A test over `use crate::` keeps the table true.
//!
//! Three traits join the layers. The reactor drives an [`App`](reactor::App), which has many
//! [`EventSource`](reactor::EventSource)s; a [`Connection`](net::Connection) is a connection that pumps bytes for a
//! [`Protocol`](net::Protocol): a protocol without a socket, which says what it waits for
//! ([`Want`](net::Want)). The server, the client and the load generator are pairs of an
//! `App` and a `Protocol`; the number exchange is one more machine on the server's own `App`.
//!
//! # The turn
//!
//! Everything happens in turns of one loop ([`Reactor::run`](reactor::Reactor::run), in
//! `src/reactor/event_loop.rs`):
//!
//! 1. Wait in `epoll_wait`: not at all if somebody still has work, else until the nearest timer.
//! 2. Read the clock, once ([`Now`](reactor::Now)); from here on the time is an argument.
//! 3. For each kernel event: check the key's generation, set [`Readiness`](reactor::Readiness) bits,
//!    queue the [`Key`](reactor::Key). Nothing else.
//! 4. Queue the keys whose deadlines have come.
//! 5. Steal the run queue. Of each sixteen keys, all take in what has come; then each has its turn, and what
//!    must be known after that input, changes on disk, is found out once for all. Who has more to do goes to the next queue; who
//!    waits is registered with epoll, once, and given a timer.
//! 6. Accept, within a budget, after those who are already here.
//! 7. Free the connections that are over, so that they make room for more.
//! 8. Ask the application once: signals, shutting down, flushing the log. Whom it rouses gets a turn at once.
//!
//! # The server's states
//!
//! A state is what the connection waits for; what waits for nothing is a function. The table stands
//! again, with the code, in `src/server/connection/state_machine.rs`; the transitions are
//! [`server::TRANSITIONS`].
//!
//! | state | in words | waits for | leaves to | deadline |
//! |---|---|---|---|---|
//! | [`Reading`](server::ServerPhase::Reading) | reading | input | Parsing · Writing (408) · Closing (end of input, idle) | idle; head, from its first byte on |
//! | [`Parsing`](server::ServerPhase::Parsing) | parsing | the next tick, if the budget is spent | Reading (incomplete head) · Receiving · Preparing · Writing | head |
//! | [`Receiving`](server::ServerPhase::Receiving) | receiving a body | input | Preparing · Writing | body: stall, minimum rate |
//! | [`Preparing`](server::ServerPhase::Preparing) | preparing: listing, archive, gzip | the next tick, after a slice | Writing | 10 s, then a response from what is known, or 503 |
//! | [`Writing`](server::ServerPhase::Writing) | writing file | the socket; a streamed body: the next tick | Parsing (bytes left) · Reading · Closing | write: stall, minimum rate |
//! | [`Closing`](server::ServerPhase::Closing) | closing | the peer's FIN (lingering) | gone | lingering |
//!
//! # The client's states
//!
//! One request per connection; the code is in [`client::connection`], the transitions are
//! [`client::connection::TRANSITIONS`].
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`SendingHead`](client::connection::FetchPhase::SendingHead) | the connection | SendingBody (a body that is not queued at once) · ReadingResponse · Closing (time-out) |
//! | [`SendingBody`](client::connection::FetchPhase::SendingBody) | leave to go on, room, more of the body; and an early answer | ReadingResponse · Closing |
//! | [`ReadingResponse`](client::connection::FetchPhase::ReadingResponse) | the answer's head and body | Closing |
//! | [`Closing`](client::connection::FetchPhase::Closing) | nothing: the link closes | gone |
//!
//! The number exchange has a machine of three states on each side, made the same way: [`sum::server`]
//! and [`sum::client`].
//!
//! # The load generator's states
//!
//! A connection of a run is used for many requests. The code is in [`load::engine::connection`], the
//! transitions are [`load::engine::connection::TRANSITIONS`].
//!
//! | state | waits for | leaves to |
//! |---|---|---|
//! | [`Connecting`](load::engine::connection::LoadPhase::Connecting) | the connection | Idle · AwaitingFirstByte · gone, if it is not made |
//! | [`Idle`](load::engine::connection::LoadPhase::Idle) | a request that is due, or the end of the input | AwaitingFirstByte · Closing |
//! | [`AwaitingFirstByte`](load::engine::connection::LoadPhase::AwaitingFirstByte) | the first byte of an answer | Receiving · Idle · Closing |
//! | [`Receiving`](load::engine::connection::LoadPhase::Receiving) | the rest of it | AwaitingFirstByte · Idle · Closing |
//! | [`Closing`](load::engine::connection::LoadPhase::Closing) | nothing: the link closes | gone |
//!
//! The room is [`load`], whose page says what each of its files owns. Figures are sums while a run
//! lasts ([`load::stats::metrics`]: histograms of hdrhistogram), quotients at its end
//! ([`load::stats::summary`]), and every report, assertion and comparison reads those. Runs in files are
//! JSON (serde_json) with those histograms in base64 ([`load::saved`]). With `--threads` there are
//! several reactors, one in each thread, whose sums are added at the end.
//!
//! # Threads
//!
//! One file starts threads, `src/reactor/threads.rs`, and only if it is told to: by `src/server/workers.rs`
//! (`--workers`) and by `src/load/engine/threads.rs` (`--threads`). Each thread has a whole reactor of its
//! own. Those of the server have a listener each at the same address, a cache and a log; the main thread
//! takes the signals for them, and ends them all when one fails.
//!
//! # Invariants
//!
//! - Events only set bits and queue keys; they never read, write or close. A slot is freed in one
//!   function, after the run queue, so no connection goes away while events are walked.
//! - A key carries a generation: an event or a timer for a connection that is gone finds nobody, even
//!   if its slot has a new tenant.
//! - A readiness bit is cleared only where a system call has shown that it no longer holds. Who stops
//!   early, because a budget is spent, asks for another turn ([`Next::Again`](reactor::Next::Again)).
//! - The read/write/`WouldBlock` loop exists once: [`Connection::pump`](net::Connection::pump).
//! - One function of a machine, `enter`, assigns its state, and asserts the pair against the table.
//! - The clock is read in one file, `src/reactor/clock.rs`; timers are tested in virtual time.
//! - Every queue, buffer, loop and wait has a bound: a named constant or an option.
//! - A connection ends for one named reason ([`CloseReason`](net::CloseReason)), logged once.
//! - What the peer did wrong ([`Reject`](http::Reject)) and what failed on our side are different types.
//! - A [`RelativePath`](files::RelativePath) cannot leave the root, and the kernel (`openat2`) makes
//!   sure once more. A [`RequestHead`](http::RequestHead) has one body framing, or is no head.
//! - No answer is older than its request: what changes on disk is asked for after the bytes have come and
//!   before the file is looked up ([`Protocol::on_input`](net::Protocol::on_input),
//!   [`FileCache::mark_events_pending`](files::FileCache::mark_events_pending)). What is remembered of earlier requests is
//!   good for one [`CacheGeneration`](files::CacheGeneration) of what is on disk.
//! - An [`Upload`](files::Upload) has its name only when it is whole; before that nobody is served it.
//! - Every format of the log escapes what peers send; secrets are taken out in one place for all.
//! - No unsafe code of our own. One thread, unless the server or the load generator is told to have more: each of
//!   those has a reactor of its own, and they share nothing that is waited for, but that uploads take
//!   their names one at a time, and that one thread unpacks a page of the binary for all, once. Whose turn it is to write to the log is a flag that nobody waits for.
//!
//! # Where to begin reading
//!
//! 1. `src/server/connection/state_machine.rs`: the states of a connection, from a request to its answer.
//! 2. [`net::Protocol`] and [`net::Connection`]: what a state may wait for, and who does the waiting.
//! 3. `src/reactor/event_loop.rs`: who gets a turn, and when.
//! 4. `handlers/route.rs`, `handlers/preconditions.rs` and `response/write.rs` in `src/server`: what a request gets,
//!    and how it becomes bytes;
//!    [`http::rules::range`] and [`http::rules::conditional`] for the rules themselves, each a table of tests.
//! 5. [`client::connection`]: the same link and reactor from the other side.
//! 6. [`load::engine::app`] and [`load::engine::pacer`]: the same again, many times over and by the clock.
//! 7. [`sum`]: a whole protocol in two hundred lines, on the same link and reactor.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("reactor-http needs Linux: it stands on epoll, openat2 and sendfile");

pub mod access_log;
pub mod cli;
pub mod client;
pub mod files;
pub mod http;
pub mod load;
pub mod net;
pub mod reactor;
pub mod server;
pub mod sum;
pub mod text;

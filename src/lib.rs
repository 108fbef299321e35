//! Two programs on one hand-written, single-threaded mio reactor: `reactor-server` and `reactor-client`.
//!
//! Both are small `main` functions over this library. This page is the map. `README.md` has the states of a server
//! connection and the files to read first. `docs/architecture.md` has the life of a request, the invariants, and where each
//! thing is decided.
//!
//! # Layers
//!
//! | module | owns |
//! |---|---|
//! | [`reactor`] | the event loop: readiness, tokens, run queue, timers, listeners, wake-ups, signals |
//! | [`net`] | bytes between one socket and two queues; the only read/write loop |
//! | [`http`] | HTTP/1.1 as values, for server and client: heads, bodies, conditions, ranges, negotiation |
//! | [`text`] | escapes, deceptive characters, units |
//! | [`files`] | paths, the root, the file cache, listings, archives, atomic uploads |
//! | [`access_log`] | one record for each exchange: formats, redaction, buffer, destination |
//! | [`cli`] | options from command line, environment and file |
//! | [`sum`] | the number exchange, a second protocol |
//! | [`server`] | settings, states, routes, rules, responses: where `http` and `files` meet |
//! | [`client`] | one request: targets, states, output, saving, uploads |
//! | [`load`] | the load generator |
//!
//! A layer uses layers above it in this table, never those below. `docs/architecture.md` lists which; a test compares
//! every `use` with that list.
//!
//! Four traits join the layers. A reactor drives an [`App`](reactor::App) and its
//! [`EventSource`](reactor::EventSource)s. A [`Connection`](net::Connection) moves bytes between a
//! [`Transport`](net::Transport) and a [`Protocol`](net::Protocol), which returns what it waits for: a
//! [`Want`](net::Want).
//!
//! # A tick
//!
//! [`Reactor::run`](reactor::Reactor::run) repeats:
//!
//! 1. Wait in `epoll_wait`, until an event or the nearest deadline.
//! 2. Read the clock, once ([`Now`](reactor::Now)).
//! 3. Dispatch events: set [`Readiness`](reactor::Readiness) bits and queue [`Key`](reactor::Key)s, nothing else.
//! 4. Queue the keys whose deadline has passed.
//! 5. Drive the run queue, in batches that first read their input and then advance.
//! 6. Accept connections, within a budget.
//! 7. Free closed connections.
//! 8. Poll the application: signals, shutdown, flush of the log.
//!
//! # Reading order
//!
//! 1. [`net::Protocol`] and [`sum::server`]: a contract, and a complete small protocol.
//! 2. [`net::Connection`]: flush, fill, advance.
//! 3. [`reactor::Reactor`]: the tick.
//! 4. [`server::HttpServerProtocol`]: six states; the transitions are [`server::TRANSITIONS`].
//! 5. [`http::request`], [`http::rules`], then `handlers`, `response` and [`files::FileCache`].
//! 6. [`client::connection`], [`load::engine`]: the same layers from the other side.
//!
//! # Example
//!
//! An echo server: a [`Protocol`](net::Protocol), an [`App`](reactor::App) and a [`Reactor`](reactor::Reactor).
//!
//! ```no_run
#![doc = include_str!("../examples/echo.rs")]
//! ```

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

//! Two programs on one hand-rolled, single-threaded mio reactor.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("reactor-http needs Linux: it stands on epoll, openat2 and sendfile");

pub mod access_log;
pub mod client;
pub mod command_line;
pub mod files;
pub mod http;
pub mod net;
pub mod reactor;
pub mod server;

//! Request heads: from bytes to a checked [`RequestHead`](head::RequestHead).
//!
//! Owns the request line, the target and what a server reads from the header fields. It owns no buffer and
//! reads no body.

mod fast_path;
pub mod head;
mod request_line;
pub mod target;

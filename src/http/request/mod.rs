//! Request head parser: bytes to a checked [`RequestHead`](head::RequestHead).
//!
//! Never owns a buffer or reads a body.

mod fast_path;
pub mod head;
mod request_line;
pub mod target;

//! Message bodies (RFC 9112 sections 6 and 7).
//!
//! Owns framing, decoding and multipart ranges. Never buffers a body or uses a file.

pub mod chunked;
pub mod decoder;
pub mod framing;
pub mod multipart;

//! Message bodies (RFC 9112 sections 6 and 7).
//!
//! Owns framing, decoding, multipart ranges and forms. Never buffers a body or uses a file.

pub mod chunked;
pub mod decoder;
pub mod form_data;
pub mod framing;
pub mod multipart;

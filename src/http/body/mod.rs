//! Message bodies: framing, chunked coding, decoding and multipart ranges.
//!
//! Owns RFC 9112 sections 6 and 7. It buffers no body and knows nothing of files.

pub mod chunked;
pub mod decoder;
pub mod framing;
pub mod multipart;

//! Responses as a client reads them: the head, and whole responses piece by piece.
//!
//! Owns the status line, the response head and the sequence of interim and final heads. It follows, retries and
//! shows nothing.

pub mod head;
pub mod reader;

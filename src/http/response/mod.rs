//! Response parsers for clients: heads and complete responses.
//!
//! Never follows redirects, retries or prints.

pub mod head;
pub mod reader;

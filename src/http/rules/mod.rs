//! Rules of RFC 9110 as pure functions.
//!
//! Owns the meaning of fields. Never reads a file or writes bytes.

pub mod basic_auth;
pub mod conditional;
pub mod entity_tag;
pub mod negotiation;
pub(super) mod persistence;
pub mod range;

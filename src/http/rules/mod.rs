//! Rules of RFC 9110 as pure functions: conditions, entity-tags, ranges, negotiation, persistence.
//!
//! Owns what fields mean for a response. It reads no file and writes no bytes.

pub mod conditional;
pub mod entity_tag;
pub mod negotiation;
pub(super) mod persistence;
pub mod range;

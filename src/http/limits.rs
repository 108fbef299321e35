//! Bounds on a head, for requests and responses alike.
//!
//! They stand below all parsers, which share them. A bound that only one parser has stands there.

/// How long a head may be, empty lines before it included; what servers commonly allow.
pub const HEAD_LEN_MAX: usize = 16 * 1024;
/// How long a request target may be: what RFC 9112 section 3 asks everyone to support, and more.
pub const TARGET_LEN_MAX: usize = 8 * 1024;
/// How many fields a head may have: browsers send some 20.
pub const FIELDS_MAX: usize = 64;

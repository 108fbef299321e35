//! Limits on heads, shared by all parsers.
//!
//! A limit of one parser is in the file of that parser.

/// Longest head in bytes with preceding empty lines; a common server limit.
pub const HEAD_LEN_MAX: usize = 16 * 1024;
/// Longest request target in bytes; RFC 9112 section 3 recommends 8,000 or more for a request line.
pub const TARGET_LEN_MAX: usize = 8 * 1024;
/// Most fields in a head, the limit of other servers; browsers send about 20.
pub const FIELDS_MAX: usize = 100;

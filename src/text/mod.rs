//! Text rules shared by both programs.
//!
//! Owns escapes, deceptive characters, quantities and units. Never uses another module.

mod escape;
mod quantity;
pub mod units;

pub use escape::{HtmlText, JsonContent, OneLine, is_deceptive, json_string, plain_len, printable};
pub use quantity::{RATE_MAX, parse_count, parse_duration, parse_rate, parse_size};

use std::fmt;
use std::io::Write;

/// Appends formatted text.
pub fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Cannot fail for a vector.
    let _ = out.write_fmt(text);
}

/// Parts before and after the first `byte`.
pub fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&other| other == byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

//! Text rules shared by both programs.
//!
//! Owns one rule for each: HTML and JSON escapes, deceptive characters, how quantities are written in
//! options, units in output. It decides nothing about which text is shown, and uses no other module.

mod deceptive;
mod escape;
mod quantity;
pub mod units;

pub use deceptive::{is_deceptive, printable};
pub use escape::{HtmlText, JsonContent, OneLine, json_string, plain_len};
pub use quantity::{RATE_MAX, parse_count, parse_duration, parse_rate, parse_size};

use std::fmt;
use std::io::Write;

/// Appends formatted text to bytes.
pub fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// What is before and behind the first of these bytes.
pub fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&other| other == byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

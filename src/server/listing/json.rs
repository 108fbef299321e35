//! A listing as JSON (RFC 8259): an array with an object for each entry, a line each.
//!
//! `name` is for people: bytes that are no UTF-8 are U+FFFD in it. `url` is exact: percent-encoded,
//! relative to the address of the listing. What is not known, or means nothing, is null.

use std::io::Write;

use super::escape;
use super::human::Time;
use crate::files::listing::Entry;
use crate::http::percent_encode_path;

pub(super) fn head(out: &mut Vec<u8>) {
    out.push(b'[');
}

pub(super) fn entry(out: &mut Vec<u8>, entry: &Entry<'_>, is_first: bool) {
    out.extend_from_slice(if is_first { b"\n{\"name\":" } else { b",\n{\"name\":" });
    escape::json(out, entry.name);
    let (kind, slash) = if entry.is_directory { ("directory", "/") } else { ("file", "") };
    push(out, format_args!(",\"type\":\"{kind}\",\"size\":"));
    match entry.is_directory {
        true => out.extend_from_slice(b"null"),
        false => push(out, format_args!("{}", entry.len)),
    }
    match entry.modified_secs.and_then(Time::at) {
        Some(time) => push(out, format_args!(",\"modified\":\"{time}\"")),
        None => out.extend_from_slice(b",\"modified\":null"),
    }
    // A percent-encoded path has nothing in it that JSON would have escaped.
    out.extend_from_slice(b",\"url\":\"");
    percent_encode_path(out, entry.name);
    push(out, format_args!("{slash}\"}}"));
}

pub(super) fn foot(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\n]\n");
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

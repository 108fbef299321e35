//! Encoded content, where HTTP and files are introduced to each other: what a client accepts as what
//! is wanted of a file, and what a file is in as its name in HTTP.
//!
//! It neither chooses nor encodes anything: `files` does, by what is wanted.

use super::Config;
use crate::files::{Coding, Resource, Wanted};
use crate::http::{ContentCoding, RequestHead};
use crate::reactor::Now;

/// What a file is encoded with here, where its owner has not done so.
pub(super) const MADE: &str = ContentCoding::Gzip.as_str();

/// What is wanted of a file for this request.
///
/// Nothing is made for who asks for a range: a part of what is made anew each time would fit no other.
pub(super) fn wanted(head: &RequestHead<'_, '_>, config: &Config, now: Now) -> Wanted {
    if head.codings.is_empty() {
        return Wanted::PLAIN;
    }
    let asks_for_range = head.is_qualified && head.fields.first("range").is_some();
    let may_make = config.compress && !asks_for_range;
    Wanted::new(head.codings.iter().map(of_file), may_make.then_some(now.instant))
}

fn of_file(coding: ContentCoding) -> Coding {
    match coding {
        ContentCoding::Brotli => Coding::Brotli,
        ContentCoding::Zstd => Coding::Zstd,
        ContentCoding::Gzip => Coding::Gzip,
    }
}

fn of_content(coding: Coding) -> ContentCoding {
    match coding {
        Coding::Brotli => ContentCoding::Brotli,
        Coding::Zstd => ContentCoding::Zstd,
        Coding::Gzip => ContentCoding::Gzip,
    }
}

/// What the content of a file is encoded with, as Content-Encoding says it (RFC 9110 section 8.4).
pub(super) fn of(resource: &Resource) -> Option<&'static str> {
    resource.coding.map(|coding| of_content(coding).as_str())
}

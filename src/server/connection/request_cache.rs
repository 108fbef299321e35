//! Requests that come again, byte for byte: what became of them a moment ago.
//!
//! Under load most requests repeat each other: health checks, polls, a page that everybody asks for with the
//! same program. What a GET comes to follows from its head, the files and the second. So while the cache is
//! in one [`CacheGeneration`] (nothing has changed on disk, nothing was let go, and the second is the same), the
//! same head is neither parsed nor routed again.
//!
//! It holds a few heads, found by their first bytes, and keeps no file from being let go. It decides
//! nothing: what it does not know is parsed and routed.

use std::hash::BuildHasher;
use std::rc::{Rc, Weak};

use foldhash::fast::RandomState;

use super::exchange::RequestSummary;
use crate::files::{CacheGeneration, CachedFile};
use crate::http::{RequestBody, RequestHead, Status};
use crate::server::handlers::Action;
use crate::server::response::{Body, ErrorResponse, FileHead, FilePart, Response};

/// Heads that are known at once: what is asked for over and over is little.
const SLOTS: usize = 64;
/// Longer heads are not remembered. A browser's has some 600 bytes, and with cookies twice that.
const CACHED_HEAD_LEN_MAX: usize = 1536;
/// A head is looked for by so many of its first bytes: the target is among them, or most of it.
const HASHED_PREFIX_LEN: usize = 64;

/// What became of the requests that came lately.
#[derive(Debug, Default)]
pub(super) struct RequestCache {
    /// Made for the first head that is to be remembered.
    slots: Vec<Option<RequestSlot>>,
    hasher: RandomState,
}

/// One of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(usize);

/// What is known of a request.
#[derive(Debug)]
pub(super) struct CachedOutcome {
    /// What it asked for.
    pub(super) summary: RequestSummary,
    /// Bytes of its head, which is all there is of it.
    pub(super) len: usize,
    /// What it gets.
    pub(super) response: Response,
}

/// One head, and what it came to.
#[derive(Debug)]
struct RequestSlot {
    head: Vec<u8>,
    summary: RequestSummary,
    response: CachedResponse,
    /// When that was so.
    generation: CacheGeneration,
}

#[derive(Debug)]
enum CachedResponse {
    File(Weak<CachedFile<FileHead>>),
    NotFound(ErrorResponse),
}

impl RequestCache {
    /// Where a request that `bytes` begin with is remembered, if it is.
    pub(super) fn slot_of(&self, bytes: &[u8]) -> SlotId {
        SlotId(self.hasher.hash_one(bytes.get(..HASHED_PREFIX_LEN).unwrap_or(bytes)) as usize % SLOTS)
    }

    /// What became of the request that `bytes` begin with, if it came before in this edition.
    pub(super) fn get(
        &self,
        slot: SlotId,
        bytes: &[u8],
        generation: CacheGeneration,
    ) -> Option<CachedOutcome> {
        let slot = self.slots.get(slot.0)?.as_ref()?;
        if slot.generation != generation || !bytes.starts_with(&slot.head) {
            return None;
        }
        let response = match &slot.response {
            CachedResponse::File(entry) => Response::file(entry.upgrade()?, FilePart::Whole),
            CachedResponse::NotFound(error) => (*error).into(),
        };
        Some(CachedOutcome { summary: slot.summary, len: slot.head.len(), response })
    }

    /// Remembers what a request has come to, which came as `bytes`, if that follows from the files alone: a
    /// whole file, or none.
    pub(super) fn insert(
        &mut self,
        slot: SlotId,
        (bytes, summary): (&[u8], RequestSummary),
        request: &RequestHead<'_, '_>,
        action: &Action,
        generation: CacheGeneration,
    ) {
        let Action::Respond(response) = action else { return };
        let response = match &response.body {
            Body::File(entry, FilePart::Whole) => CachedResponse::File(Rc::downgrade(entry)),
            Body::ErrorPage(error) if error.status == Status::NOT_FOUND => CachedResponse::NotFound(*error),
            _ => return,
        };
        if request.body != RequestBody::None || bytes.len() > CACHED_HEAD_LEN_MAX {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let Some(slot) = self.slots.get_mut(slot.0) else { return };
        // The room of the head that was here serves the next one.
        let mut head = slot.take().map(|slot| slot.head).unwrap_or_default();
        head.clear();
        head.extend_from_slice(bytes);
        *slot = Some(RequestSlot { head, summary, response, generation });
    }
}

//! Cache of request outcomes, keyed by the exact bytes of the head.
//!
//! Within one [`CacheGeneration`], a repeated head is neither parsed nor routed.

use std::hash::BuildHasher;
use std::rc::{Rc, Weak};

use foldhash::fast::RandomState;

use super::exchange::RequestSummary;
use crate::files::{CacheGeneration, CachedFile};
use crate::http::{RequestBody, RequestHead, Status};
use crate::server::handlers::Action;
use crate::server::response::{Body, ErrorResponse, FileHead, FilePart, Response};

/// Cached heads with a checked host, and others: few distinct heads repeat.
const SLOTS: usize = 64;
/// Longest cached head: a browser's has some 600 bytes, with cookies twice that.
const CACHED_HEAD_LEN_MAX: usize = 1536;
/// Hashed bytes of a head, which hold most of its target.
const HASHED_PREFIX_LEN: usize = 64;

#[derive(Debug, Default)]
pub(super) struct RequestCache {
    slots: Vec<Option<RequestSlot>>,
    hasher: RandomState,
    login_generation: u64,
}

#[derive(Debug)]
struct RequestSlot {
    head: Vec<u8>,
    summary: RequestSummary,
    response: CachedResponse,
    generation: CacheGeneration,
}

#[derive(Debug)]
enum CachedResponse {
    File(Weak<CachedFile<FileHead>>),
    NotFound(ErrorResponse),
}

impl RequestCache {
    pub(super) fn set_login_generation(&mut self, generation: u64) {
        if self.login_generation != generation {
            self.login_generation = generation;
            self.slots.clear();
        }
    }

    pub(super) fn slot_of(&self, bytes: &[u8], checks_host: bool) -> usize {
        let hash = self.hasher.hash_one(bytes.get(..HASHED_PREFIX_LEN).unwrap_or(bytes)) as usize;
        hash % SLOTS + if checks_host { SLOTS } else { 0 }
    }

    /// Summary, length of the head, response.
    pub(super) fn get(
        &self,
        slot: usize,
        bytes: &[u8],
        generation: CacheGeneration,
    ) -> Option<(RequestSummary, usize, Response)> {
        let slot = self.slots.get(slot)?.as_ref()?;
        if slot.generation != generation || !bytes.starts_with(&slot.head) {
            return None;
        }
        let response = match &slot.response {
            CachedResponse::File(entry) => Response::file(entry.upgrade()?, FilePart::Whole),
            CachedResponse::NotFound(error) => (*error).into(),
        };
        Some((slot.summary, slot.head.len(), response))
    }

    /// Caches outcomes that follow from the files alone: a whole file or a 404.
    pub(super) fn insert(
        &mut self,
        slot: usize,
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
        let has_more = request.body != RequestBody::None || request.wants_repr_digest;
        if has_more || bytes.len() > CACHED_HEAD_LEN_MAX {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(2 * SLOTS, || None);
        }
        let Some(slot) = self.slots.get_mut(slot) else { return };
        // Heads that do not repeat would evict those that do.
        if slot.as_ref().is_some_and(|slot| slot.generation == generation) {
            return;
        }
        let mut head = slot.take().map(|slot| slot.head).unwrap_or_default();
        head.clear();
        head.extend_from_slice(bytes);
        *slot = Some(RequestSlot { head, summary, response, generation });
    }
}

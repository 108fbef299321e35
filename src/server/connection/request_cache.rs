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

use super::exchange::Asked;
use crate::files::{CacheGeneration, CachedFile};
use crate::http::{RequestBody, RequestHead, Status};
use crate::server::handlers::Plan;
use crate::server::response::{Answer, ErrorAnswer, FileHead, Part};

/// Heads that are known at once: what is asked for over and over is little.
const PLACES: usize = 64;
/// Longer heads are not remembered. A browser's has some 600 bytes, and with cookies twice that.
const KNOWN_HEAD_LEN_MAX: usize = 1536;
/// A head is looked for by so many of its first bytes: the target is among them, or most of it.
const FRONT_LEN: usize = 64;

/// What became of the requests that came lately.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Made for the first head that is to be remembered.
    places: Vec<Option<Place>>,
    hasher: RandomState,
}

/// One of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaceId(usize);

/// What is known of a request.
#[derive(Debug)]
pub(super) struct Known {
    /// What it asked for.
    pub(super) asked: Asked,
    /// Bytes of its head, which is all there is of it.
    pub(super) len: usize,
    /// What it gets.
    pub(super) answer: Answer,
}

/// One head, and what it came to.
#[derive(Debug)]
struct Place {
    head: Vec<u8>,
    asked: Asked,
    outcome: Outcome,
    /// When that was so.
    edition: CacheGeneration,
}

#[derive(Debug)]
enum Outcome {
    File(Weak<CachedFile<FileHead>>),
    NotFound(ErrorAnswer),
}

impl Memo {
    /// Where a request that `bytes` begin with is remembered, if it is.
    pub(super) fn place_of(&self, bytes: &[u8]) -> PlaceId {
        PlaceId(self.hasher.hash_one(bytes.get(..FRONT_LEN).unwrap_or(bytes)) as usize % PLACES)
    }

    /// What became of the request that `bytes` begin with, if it came before in this edition.
    pub(super) fn recall(&self, place: PlaceId, bytes: &[u8], edition: CacheGeneration) -> Option<Known> {
        let place = self.places.get(place.0)?.as_ref()?;
        if place.edition != edition || !bytes.starts_with(&place.head) {
            return None;
        }
        let answer = match &place.outcome {
            Outcome::File(entry) => Answer::File(entry.upgrade()?, Part::Whole),
            Outcome::NotFound(error) => Answer::Error(*error),
        };
        Some(Known { asked: place.asked, len: place.head.len(), answer })
    }

    /// Remembers what a request has come to, which came as `bytes`, if that follows from the files alone: a
    /// whole file, or none.
    pub(super) fn note(
        &mut self,
        place: PlaceId,
        (bytes, asked): (&[u8], Asked),
        request: &RequestHead<'_, '_>,
        plan: &Plan,
        edition: CacheGeneration,
    ) {
        let outcome = match plan {
            Plan::Answer(Answer::File(entry, Part::Whole)) => Outcome::File(Rc::downgrade(entry)),
            Plan::Answer(Answer::Error(error)) if error.status == Status::NOT_FOUND => {
                Outcome::NotFound(*error)
            }
            Plan::Answer(_) | Plan::Store(_) => return,
        };
        if request.body != RequestBody::None || bytes.len() > KNOWN_HEAD_LEN_MAX {
            return;
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let Some(place) = self.places.get_mut(place.0) else { return };
        // The room of the head that was here serves the next one.
        let mut head = place.take().map(|place| place.head).unwrap_or_default();
        head.clear();
        head.extend_from_slice(bytes);
        *place = Some(Place { head, asked, outcome, edition });
    }
}

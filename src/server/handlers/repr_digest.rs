//! `Repr-Digest` of a file, if `Want-Repr-Digest` is there (RFC 9530 sections 3 and 4).
//!
//! Digest of all bytes in their coding, for parts too. The cache keeps it with the file.

use std::mem;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::pending::{HandlerError, HandlerResult, PendingResponse};
use crate::files::CachedFile;
use crate::http::{DigestAlgorithm, DigestHasher, RequestHead, Status, field_line};
use crate::server::context::ServerContext;
use crate::server::response::{Body, FileDigest, FileHead, FilePart, Response};

/// Longest file whose response waits, in bytes: 0.3 s of computing where the processor has no help for SHA.
const AWAITED_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Jobs of one worker, all on the threads for long directories: 5 s of computing at most.
const JOBS_MAX: usize = 16;
/// Longest wait for a slow disk; then the response has no digest.
const DIGEST_TIMEOUT: Duration = Duration::from_secs(10);

struct PendingDigest {
    digest: Arc<FileDigest>,
    response: Response,
}

/// Without a digest if too many are being computed, if the file may be changing, or for other bodies.
pub(super) fn add(response: Response, head: &RequestHead<'_, '_>, context: &ServerContext) -> HandlerResult {
    let Body::File(entry, part) = &response.body else { return Ok(response) };
    let has_version = *part != FilePart::ErrorDocument && entry.value.entity_tag.is_some();
    let wanted = DigestAlgorithm::most_wanted(head.fields.all("want-repr-digest")).filter(|_| has_version);
    let digest = wanted.and_then(|algorithm| digest_of(entry, algorithm, context));
    let Some(digest) = digest else { return Ok(response) };
    let is_awaited = digest.line.get().is_none() && entry.resource.len <= AWAITED_LEN_MAX;
    let mut pending = PendingDigest { digest, response };
    if !is_awaited {
        return Ok(pending.respond());
    }
    // Before the first poll, which sees a digest that is complete by now.
    pending.digest.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(context.key);
    Err(HandlerError::Job(Box::new(pending)))
}

/// One job for a file and all later requests. A long file is read only for the cache, alone.
fn digest_of(
    entry: &Rc<CachedFile<FileHead>>,
    algorithm: DigestAlgorithm,
    context: &ServerContext,
) -> Option<Arc<FileDigest>> {
    let cell = entry.value.digests.get(algorithm as usize)?;
    if let Some(digest) = cell.get() {
        return Some(Arc::clone(digest));
    }
    let (threads, helpers) = (context.listing_helpers.as_ref()?, context.helpers.clone()?);
    let is_long = entry.resource.len > AWAITED_LEN_MAX;
    if threads.pending() >= if is_long { 1 } else { JOBS_MAX } || is_long && Rc::strong_count(entry) == 1 {
        return None;
    }
    let read = entry.reader().ok()?;
    let digest = Arc::clone(cell.get_or_init(Arc::default));
    let result = Arc::clone(&digest);
    threads.submit(None, move || {
        let mut hasher = DigestHasher::new(algorithm);
        let is_unchanged = read(&mut |piece| hasher.update(piece));
        let line = field_line("Repr-Digest", hasher.finish().to_string().as_bytes());
        let _ = result.line.set(is_unchanged.then_some(line));
        let waiting = mem::take(&mut *result.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(|key| helpers.wake(key));
    });
    Some(digest)
}

impl PendingDigest {
    fn respond(&mut self) -> Response {
        let response = mem::replace(&mut self.response, Response::empty(Status::OK, Vec::new()));
        let line = self.digest.line.get().and_then(Option::as_deref);
        Response { fields: line.map(Rc::from), ..response }
    }
}

impl PendingResponse for PendingDigest {
    fn poll(&mut self, _: &mut ServerContext) -> Option<Response> {
        self.digest.line.get().is_some().then(|| self.respond())
    }

    fn on_timeout(&mut self) -> Response {
        self.respond()
    }

    fn helper_timeout(&self) -> Option<Duration> {
        Some(DIGEST_TIMEOUT)
    }
}

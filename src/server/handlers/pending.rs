//! Response that is not ready: the request waits for a job.
//!
//! The connection polls it once a tick, or when a helper thread wakes it. A poll takes about 1 ms, so that
//! other connections run in between.

use std::fmt;

use crate::files::{EncodingPreferences, RelativePath};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Response};

pub(in crate::server) trait PendingResponse {
    /// Does one slice; returns the response when done.
    fn poll(&mut self, context: &mut ServerContext, now: Now) -> Option<Response>;

    fn on_timeout(&mut self) -> Response;
}

// Not a supertrait: see `BodySource`.
impl fmt::Debug for dyn PendingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingResponse")
    }
}

#[derive(Debug)]
pub(super) enum HandlerError {
    /// A document of the site may replace it.
    Error(ErrorResponse),
    Job(Box<dyn PendingResponse>),
    /// Look-up that waits for a gzip job; then the request is routed again.
    Lookup(PendingLookup),
}

#[derive(Debug)]
pub(super) struct PendingLookup {
    pub(super) path: RelativePath<'static>,
    pub(super) accepted: EncodingPreferences,
}

impl From<ErrorResponse> for HandlerError {
    fn from(error: ErrorResponse) -> Self {
        Self::Error(error)
    }
}

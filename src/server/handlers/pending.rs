//! Response that is not ready yet: the request waits for a job.
//!
//! The connection polls the job once a tick until it has a response. Each poll does about a millisecond of work, so
//! that other connections have their turns between them.

use std::fmt;

use crate::files::{EncodingPreferences, RelativePath};
use crate::net::Want;
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Response};

/// A job that ends with a response.
pub(in crate::server) trait PendingResponse {
    /// Does one slice of the work; the response, if the job is done.
    fn poll(&mut self, context: &mut ServerContext, now: Now) -> Option<Response>;

    /// What a job that is not done waits for: its next slice, or a helper thread.
    fn want(&self) -> Want {
        Want::Tick
    }

    /// The response if no time is left.
    fn on_timeout(&mut self) -> Response;
}

// By hand, and no supertrait: that would put the derived code of each type into the program, 25 kB of it.
impl fmt::Debug for dyn PendingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingResponse")
    }
}

/// Why a handler returns no response.
#[derive(Debug)]
pub(super) enum HandlerError {
    /// An error, which a document of the site may replace.
    Error(ErrorResponse),
    /// A job that ends with a response.
    Job(Box<dyn PendingResponse>),
    /// A look-up that waits for a gzip job. The request is routed again when it is done.
    Lookup(PendingLookup),
}

/// A look-up in the cache that waits for a gzip job.
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

//! Response that is not ready: the request waits for a job.
//!
//! The connection polls it once a tick, or when a helper thread wakes it. A poll takes about 1 ms, so that
//! other connections run in between.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use crate::files::{EncodingPreferences, RelativePath};
use crate::http::{ErrorFormat, Status};
use crate::reactor::{Helpers, Key, Now};
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Response};

/// Longest wait for a disk, which may still do the work later.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(120);

pub(in crate::server) trait PendingResponse {
    /// Does one slice; returns the response when done.
    fn poll(&mut self, context: &mut ServerContext, now: Now) -> Option<Response>;

    fn on_timeout(&mut self) -> Response;

    /// Longest wait for a helper thread, if that wakes the connection.
    fn helper_timeout(&self) -> Option<Duration> {
        None
    }
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

pub(super) type ChangeResult = Result<(Status, Vec<u8>), ErrorResponse>;

/// Change of the file system on a helper thread. It ends even if the connection is gone.
pub(super) struct PendingChange {
    results: Receiver<ChangeResult>,
    error_format: ErrorFormat,
}

pub(super) struct ChangeSender {
    results: Sender<ChangeResult>,
    connection: Option<(Helpers, Key)>,
}

impl ChangeSender {
    pub(super) fn send(self, result: ChangeResult) {
        let _ = self.results.send(result);
        if let Some((helpers, key)) = self.connection {
            helpers.wake(key);
        }
    }
}

impl PendingChange {
    /// Without helper threads, `job` runs here.
    pub(super) fn start(
        context: &ServerContext,
        error_format: ErrorFormat,
        job: impl FnOnce(ChangeSender) + Send + 'static,
    ) -> Box<dyn PendingResponse> {
        let (sender, results) = channel();
        let connection = context.helpers.clone().zip(context.key);
        let sender = ChangeSender { results: sender, connection };
        match &context.helpers {
            Some(helpers) => helpers.submit(context.key, || job(sender)),
            None => job(sender),
        }
        Box::new(Self { results, error_format })
    }
}

impl PendingResponse for PendingChange {
    fn poll(&mut self, context: &mut ServerContext, _: Now) -> Option<Response> {
        let result = match self.results.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => return Some(self.on_timeout()),
        };
        // The next request may be received already.
        context.cache.mark_events_pending();
        Some(match result {
            Ok((status, fields)) => Response::empty(status, fields),
            Err(error) => error.into(),
        })
    }

    fn on_timeout(&mut self) -> Response {
        let message = "The disk of the server did not confirm the change: it may or may not be made. Look before you \
                       try again.";
        ErrorResponse::new(Status::INTERNAL_SERVER_ERROR, message, self.error_format).into()
    }

    fn helper_timeout(&self) -> Option<Duration> {
        Some(CHANGE_TIMEOUT)
    }
}

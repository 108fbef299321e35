//! Response that is not ready: the request waits for a job.
//!
//! A poll takes about 1 ms, so that other connections run in between.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, mem};

use crate::files::{EncodingPreferences, RelativePath, UploadError};
use crate::http::Status;
use crate::server::Durability;
use crate::server::context::{ServerContext, run_job};
use crate::server::response::{ErrorResponse, Response};

/// Longest wait for a disk, which may still do the work later.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) trait PendingResponse {
    /// Does one slice.
    fn poll(&mut self, context: &mut ServerContext) -> Option<Response>;

    fn on_timeout(&mut self) -> Response;

    /// Longest wait, if a helper thread wakes the connection.
    fn helper_timeout(&self) -> Option<Duration> {
        None
    }
}

// Not a supertrait: derived `Debug` code of each type adds 25 kB to the program.
impl fmt::Debug for dyn PendingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingResponse")
    }
}

pub(crate) type ResponseOrJob = Result<Response, Box<dyn PendingResponse>>;

pub(super) type HandlerResult = Result<Response, HandlerError>;

#[derive(derive_more::From)]
pub(super) enum HandlerError {
    /// A document of the site may replace it.
    #[from]
    Error(ErrorResponse),
    Job(Box<dyn PendingResponse>),
    /// Waits for a gzip job; then the request is routed again.
    Lookup(PendingLookup),
}

pub(super) struct PendingLookup {
    pub(super) path: RelativePath<'static>,
    pub(super) accepted: EncodingPreferences,
}

pub(super) struct Changed {
    pub(super) status: Status,
    pub(super) fields: Vec<u8>,
    /// Synced before the response.
    pub(super) directories: Vec<Arc<OwnedFd>>,
}

pub(super) type ChangeResult = Result<Changed, ErrorResponse>;

/// Runs on a helper thread, and ends even if the connection is gone.
pub(super) struct PendingChange {
    results: Receiver<ChangeResult>,
}

impl PendingChange {
    /// `change` gets `rename_lock`. Without a sync, unless it `is_long`, or without helper threads, it runs here.
    pub(super) fn start(
        context: &mut ServerContext,
        is_long: bool,
        change: impl FnOnce(&Mutex<()>) -> ChangeResult + Send + 'static,
    ) -> ResponseOrJob {
        let (shared, durability) = (Arc::clone(&context.shared), context.config.durability);
        if durability == Durability::None && !is_long {
            let result = change(&shared.rename_lock);
            return Ok(change_response(result, context));
        }
        let (sender, results) = channel();
        let connection = context.helpers.clone().zip(context.key);
        let job = move || {
            let mut result = change(&shared.rename_lock);
            let mut directories = Vec::new();
            if let (Ok(changed), Durability::Full) = (&mut result, durability) {
                directories = mem::take(&mut changed.directories);
            }
            let respond = move |synced: Result<(), rustix::io::Errno>| {
                let synced = synced.map_err(|errno| UploadError::DirectoryNotSynced(errno.into()).into());
                let _ = sender.send(synced.and(result));
                if let Some((helpers, key)) = connection {
                    helpers.wake(key);
                }
            };
            Arc::clone(&shared.dir_sync).sync_all(directories, Box::new(respond));
        };
        run_job(context.helpers.as_ref(), context.key, job);
        Err(Box::new(Self { results }))
    }
}

fn change_response(result: ChangeResult, context: &mut ServerContext) -> Response {
    // The next request may be received already.
    context.cache.mark_events_pending();
    match result {
        Ok(Changed { status, fields, .. }) => Response::empty(status, fields),
        Err(error) => error.into(),
    }
}

impl PendingResponse for PendingChange {
    fn poll(&mut self, context: &mut ServerContext) -> Option<Response> {
        match self.results.try_recv() {
            Ok(result) => Some(change_response(result, context)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(self.on_timeout()),
        }
    }

    fn on_timeout(&mut self) -> Response {
        let message = "The disk of the server did not confirm the change: it may or may not be made. Look before you \
                       try again.";
        ErrorResponse::new(Status::INTERNAL_SERVER_ERROR, message).into()
    }

    fn helper_timeout(&self) -> Option<Duration> {
        Some(CHANGE_TIMEOUT)
    }
}

//! What all connections of a worker share: the handlers' context, log, response writer, spare room.
//!
//! It is handed down by mutable reference, one connection at a time. It decides nothing.

use super::exchange::BoxedPipeline;
use super::request_cache::RequestCache;
use crate::access_log::AccessLog;
use crate::files::ContentSource;
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::ResponseWriter;
use crate::server::stats::Stats;

/// Spare batches kept for reuse: as many connections as are usually in the middle of an answer.
const SPARE_PIPELINES_MAX: usize = 64;

/// What a connection serves from.
pub struct WorkerState {
    /// What the handlers of requests need.
    pub(in crate::server) context: ServerContext,
    pub(in crate::server) log: AccessLog,
    pub(super) writer: ResponseWriter,
    /// What became of the requests that came lately.
    pub(super) request_cache: RequestCache,
    pub(in crate::server) stats: Stats,
    /// The server is shutting down.
    pub(in crate::server) draining: bool,
    spare_pipelines: Vec<BoxedPipeline>,
    /// Where bytes are made whose number must be known before they are queued.
    pub(super) scratch: Vec<u8>,
}

impl WorkerState {
    /// A site that serves `store` and logs to `log`.
    pub fn new(config: ServerConfig, store: ContentSource, log: AccessLog) -> Self {
        Self {
            log,
            writer: ResponseWriter::new(&config),
            context: ServerContext::new(config, store),
            request_cache: RequestCache::default(),
            stats: Stats::default(),
            draining: false,
            spare_pipelines: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// From now on no new requests are wanted: answers say `Connection: close`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// A batch for a connection that has none: it is empty.
    pub(super) fn lease_pipeline(&mut self) -> BoxedPipeline {
        self.spare_pipelines.pop().unwrap_or_default()
    }

    pub(super) fn return_pipeline(&mut self, pipeline: BoxedPipeline) {
        if self.spare_pipelines.len() < SPARE_PIPELINES_MAX {
            self.spare_pipelines.push(pipeline);
        }
    }
}

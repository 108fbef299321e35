//! State that the connections of one worker share.
//!
//! One connection at a time borrows it.

use super::exchange::BoxedPipeline;
use super::request_cache::RequestCache;
use crate::access_log::AccessLog;
use crate::files::ContentSource;
use crate::http::FieldBuf;
use crate::reactor::Now;
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::ResponseWriter;
use crate::server::stats::Stats;

/// Spare pipelines: usual number of connections in mid-response.
const SPARE_PIPELINES_MAX: usize = 64;

/// Shared state.
pub struct WorkerState {
    pub(crate) context: ServerContext,
    pub(crate) log: AccessLog,
    pub(super) writer: ResponseWriter,
    pub(super) request_cache: RequestCache,
    pub(crate) stats: Stats,
    pub(crate) draining: bool,
    spare_pipelines: Vec<BoxedPipeline>,
    /// To clear it takes longer than to parse a short head.
    pub(super) field_buf: FieldBuf,
    /// For bytes whose length must be known before they are queued.
    pub(super) scratch: Vec<u8>,
}

impl WorkerState {
    /// State of a worker for `store` and `log`.
    pub fn new(config: ServerConfig, store: ContentSource, log: AccessLog, now: Now) -> Self {
        Self {
            log,
            writer: ResponseWriter::new(&config),
            context: ServerContext::new(config, store, now),
            request_cache: RequestCache::default(),
            stats: Stats::default(),
            draining: false,
            spare_pipelines: Vec::new(),
            field_buf: FieldBuf::new(),
            scratch: Vec::new(),
        }
    }

    /// Starts the shutdown: responses have `Connection: close`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Drops what the panic of a connection may have left half changed.
    pub(crate) fn on_panic(&mut self) {
        self.context.cache.clear();
        self.writer = ResponseWriter::new(&self.context.config);
        (self.request_cache, self.field_buf) = (RequestCache::default(), FieldBuf::new());
        self.stats.count_panic();
    }

    pub(super) fn lease_pipeline(&mut self) -> BoxedPipeline {
        self.spare_pipelines.pop().unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn return_pipeline(&mut self, pipeline: BoxedPipeline) {
        if self.spare_pipelines.len() < SPARE_PIPELINES_MAX {
            self.spare_pipelines.push(pipeline);
        }
    }
}

//! What all connections of a worker share: the handlers' context, log, response writer, spare room.
//!
//! It is handed down by mutable reference, one connection at a time. It decides nothing.

use std::sync::{Arc, Mutex};

use super::exchange::BoxedBatch;
use super::request_cache::Memo;
use crate::access_log::AccessLog;
use crate::files::ContentSource;
use crate::server::Config;
use crate::server::context::ServerContext;
use crate::server::response::ResponseWriter;

/// Spare batches kept for reuse: as many connections as are usually in the middle of an answer.
const SPARE_BATCHES_MAX: usize = 64;

/// What a connection serves from.
pub struct Site {
    /// What the handlers of requests need.
    pub(in crate::server) context: ServerContext,
    pub(in crate::server) log: AccessLog,
    pub(super) writer: ResponseWriter,
    /// What became of the requests that came lately.
    pub(super) memo: Memo,
    /// The server is shutting down.
    pub(in crate::server) draining: bool,
    spare_batches: Vec<BoxedBatch>,
    /// Where bytes are made whose number must be known before they are queued.
    pub(super) scratch: Vec<u8>,
}

impl Site {
    /// A site that serves `store` and logs to `log`.
    pub fn new(config: Config, store: ContentSource, log: AccessLog) -> Self {
        Self {
            log,
            writer: ResponseWriter::new(&config),
            context: ServerContext::new(config, store),
            memo: Memo::default(),
            draining: false,
            spare_batches: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// One whose uploads take their names in turn with those of other sites.
    pub(in crate::server) fn naming_by(mut self, naming: Arc<Mutex<()>>) -> Self {
        self.context.naming = naming;
        self
    }

    /// From now on no new requests are wanted: answers say `ServerConnection: close`.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// A batch for a connection that has none: it is empty.
    pub(super) fn lease_batch(&mut self) -> BoxedBatch {
        self.spare_batches.pop().unwrap_or_default()
    }

    pub(super) fn return_batch(&mut self, batch: BoxedBatch) {
        if self.spare_batches.len() < SPARE_BATCHES_MAX {
            self.spare_batches.push(batch);
        }
    }
}

//! The handlers of requests: from a parsed head to a response, or to an upload that begins.
//!
//! `route` chooses the handler; `pending` is the response that is not ready yet; each of the others is a handler. They use `response`, `rules` and the `ServerContext`. They
//! never know a connection, and never write a response.

mod archive;
pub(super) mod error_documents;
mod listing;
mod options;
mod pending;
mod preconditions;
pub(super) mod put;
mod route;
mod static_file;

pub(super) use pending::PendingResponse;
pub(super) use route::{Action, route};

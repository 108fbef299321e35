//! Request handlers: from a head to a response, job or upload.
//!
//! `route` chooses the handler. None uses a connection or writes a response.

mod archive;
mod drop_box;
pub(super) mod error_documents;
mod form;
mod host;
mod listing;
mod names;
mod options;
mod pending;
mod preconditions;
pub(super) mod put;
mod repr_digest;
mod resumable;
mod route;
mod static_file;
mod upload_digest;
mod upload_error;
mod upload_resource;

pub(super) use host::{https_redirect, refuse_cross_site, refuse_host};
pub(super) use options::is_preflight;
pub(super) use pending::PendingResponse;
pub(super) use resumable::{is_upload_resource, sweep};
pub(super) use route::{Action, route};

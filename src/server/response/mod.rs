//! Responses as values, and their HTTP/1.1 writer.
//!
//! Never chooses a response or uses a connection.

mod common_headers;
mod error;
mod file;
mod problem;
mod stream;
mod types;
mod write;

pub(super) use error::{Allow, ErrorDetail, ErrorPresentation, ErrorResponse, lookup_error, path_error};
pub(super) use file::{FileDigest, FileHead, FilePart, entity_tag, file_head, multipart};
pub(super) use problem::Problem;
pub(super) use stream::{BodySource, StreamFraming, StreamedBody};
pub(super) use types::{Body, RequestFlags, Response};
pub(super) use write::{ResponseSpan, ResponseWriter, queue_continue};

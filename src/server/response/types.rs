//! The response to a request, as a value.
//!
//! Handlers return these values, and the writer turns them into HTTP/1.1. The constructors of error responses
//! stand here too: they give each error of `files` its status and its sentence. Nothing here does I/O.

use std::fmt;
use std::rc::Rc;

use super::file::{FileHead, FilePart};
use super::stream::StreamedResponse;
use crate::files::{CachedFile, ContentSource, LookupError, PathError, StoredFile};
use crate::http::{ErrorFormat, RequestHead, Status, Version, error_format};
use crate::text::OneLine;

/// What is said of what is not there.
const NOT_FOUND_MESSAGE: &str = "There is no such page here.";

/// The facts about a request that every response depends on.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct RequestFlags {
    pub(in crate::server) head_only: bool,
    pub(in crate::server) version: Version,
    pub(in crate::server) keep_alive: bool,
    /// The peer speaks HTTP/1.0 and has asked for a connection that persists.
    pub(in crate::server) http10_keep_alive: bool,
}

/// What a request gets.
#[derive(Debug)]
pub(in crate::server) enum Response {
    /// A file, or what a condition or a Range makes of it.
    File(Rc<CachedFile<FileHead>>, FilePart),
    /// 416: a file has nothing of what is asked for; it has that many bytes.
    Unsatisfiable {
        complete_len: u64,
        error: ErrorResponse,
    },
    Redirect {
        location: Vec<u8>,
        page: ErrorResponse,
    },
    Options {
        allow: Allow,
        /// What is said to a page of another origin that asks before it sends.
        preflight: Option<Box<[u8]>>,
    },
    Stored(StoredResponse),
    Error(ErrorResponse),
    /// An error whose body is a file of the site.
    ErrorPage {
        status: Status,
        allow: Option<Allow>,
        entry: Rc<CachedFile<FileHead>>,
    },
    /// Work in slices that comes to another answer.
    Prepare(Box<dyn PreparingResponse>),
    /// A body that is made while it is sent.
    Stream(Box<StreamedResponse>),
}

/// A response that needs work before its head can be written.
///
/// The work is done in slices of about a millisecond, so that other connections have their turns between them.
pub(in crate::server) trait PreparingResponse {
    /// Does one slice of the work; the answer, when it has come to one.
    fn prepare_slice(&mut self, store: &ContentSource) -> Option<Response>;

    /// The answer when no more time is left.
    fn on_timeout(&mut self) -> Response;
}

// By hand, and no supertrait: that would put the derived code of each type into the program, 25 kB of it.
impl fmt::Debug for dyn PreparingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparingResponse")
    }
}

/// What a request gets is being made: the same request finds out more in the next turn.
#[derive(Debug)]
pub(in crate::server) struct Pending;

/// A file that has been stored, and its path as it stands in a URL.
#[derive(Debug, Clone)]
pub(in crate::server) struct StoredResponse {
    pub(in crate::server) stored: StoredFile,
    pub(in crate::server) location: Vec<u8>,
}

/// The methods of a resource (RFC 9110 section 10.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Allow {
    /// It can be fetched.
    Fetch,
    /// It can be fetched, and a file be stored in its place.
    FetchAndStore,
}

/// An error, and how its body is to be worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct ErrorResponse {
    pub(in crate::server) status: Status,
    pub(in crate::server) message: &'static str,
    pub(in crate::server) format: ErrorFormat,
    /// The methods of the resource, if this is about its methods.
    pub(in crate::server) allow: Option<Allow>,
}

impl Response {
    pub(in crate::server) fn status(&self) -> Status {
        match self {
            Self::File(_, part) => part.status(),
            Self::Prepare(_) | Self::Stream(_) => Status::OK,
            Self::Unsatisfiable { error, .. } | Self::Error(error) => error.status,
            Self::Redirect { page, .. } => page.status,
            Self::Stored(response) if response.stored.created => Status::CREATED,
            Self::Options { .. } | Self::Stored(_) => Status::NO_CONTENT,
            Self::ErrorPage { status, .. } => *status,
        }
    }
}

impl Allow {
    /// As the field says it.
    pub(in crate::server) fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Fetch => b"GET, HEAD, OPTIONS",
            Self::FetchAndStore => b"GET, HEAD, OPTIONS, PUT",
        }
    }
}

impl ErrorResponse {
    pub(in crate::server) fn new(status: Status, message: &'static str, format: ErrorFormat) -> Self {
        Self { status, message, format, allow: None }
    }

    /// The same in the form that the client accepts.
    pub(in crate::server) fn for_request(
        head: &RequestHead<'_, '_>,
        status: Status,
        message: &'static str,
    ) -> Self {
        Self::new(status, message, error_format(head.accept))
    }
}

pub(in crate::server) fn error_response(
    head: &RequestHead<'_, '_>,
    status: Status,
    message: &'static str,
) -> Response {
    Response::Error(ErrorResponse::for_request(head, status, message))
}

/// The same where there is no head to look at: of what never became a request, or is over.
pub(in crate::server) fn error_with_format(
    status: Status,
    message: &'static str,
    format: ErrorFormat,
) -> Response {
    Response::Error(ErrorResponse::new(status, message, format))
}

pub(in crate::server) fn path_error(head: &RequestHead<'_, '_>, error: &PathError) -> Response {
    let (status, message) = match error {
        PathError::BadEscape => (Status::BAD_REQUEST, "The path has a % that no two hex digits follow."),
        PathError::Nul => (Status::BAD_REQUEST, "The path has a NUL byte in it."),
        PathError::LeavesRoot => (Status::BAD_REQUEST, "The path leads out of the served directory."),
        PathError::Hidden | PathError::NotFound => (Status::NOT_FOUND, NOT_FOUND_MESSAGE),
    };
    error_response(head, status, message)
}

/// The answer to what cannot be had, where the head may be gone; what is our fault is logged.
pub(in crate::server) fn lookup_error(error: &LookupError, path: &[u8], format: ErrorFormat) -> Response {
    let (status, message) = match error {
        LookupError::NotFound => (Status::NOT_FOUND, NOT_FOUND_MESSAGE),
        LookupError::NoIndex => (Status::NOT_FOUND, "This directory has no index page."),
        LookupError::Forbidden => (Status::FORBIDDEN, "The server may not read this file."),
        LookupError::NotRegular => (Status::FORBIDDEN, "This is not a regular file, so it is not served."),
        LookupError::Busy => {
            (Status::SERVICE_UNAVAILABLE, "The server has no file descriptor to spare; try again.")
        }
        LookupError::Failed(cause) => {
            log::error!("cannot read {}: {cause}", OneLine(path));
            (Status::INTERNAL_SERVER_ERROR, "The server could not read this file.")
        }
    };
    error_with_format(status, message, format)
}

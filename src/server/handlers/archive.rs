//! `?archive=tar`: a folder, with all that would be served of it, as one tar file.
//!
//! It understands the query, words the refusals, and stands between the archive that `files` makes and
//! the stream that carries it. It never reads a folder itself.

use std::rc::Rc;

use crate::files::{Archive, ArchiveError, ContentSource, Piece, RelativePath};
use crate::http::{ErrorFormat, RequestHead, Status, attachment, error_format, field};
use crate::net::CloseReason;
use crate::server::context::ServerContext;
use crate::server::response::{
    BodySource, PreparingResponse, Response, StreamedResponse, error_response, lookup_error,
};
use crate::text::OneLine;

/// Archives that are made at a time. Each holds the names of its members, some MiB at most, and two
/// descriptors; more who ask are told to come again.
const ARCHIVES_MAX: usize = 16;

/// What the archive of the root is called, whose own name is nobody's business.
const ROOT_NAME: &[u8] = b"archive";

/// An archive whose members are being looked up.
#[derive(Debug)]
pub(super) struct ArchiveScan {
    body: ArchiveBody,
    error_format: ErrorFormat,
}

/// An archive, and the leave to make it.
#[derive(Debug, Default)]
pub(super) struct ArchiveBody {
    archive: Archive,
    _permit: Rc<()>,
}

/// The answer to a request for the archive of a folder; `None` if this is no such request.
///
/// A folder named without its trailing slash is none: it is redirected, with its query.
pub(super) fn archive_response(
    query: &[u8],
    head: &RequestHead<'_, '_>,
    path: &RelativePath<'_>,
    context: &ServerContext,
) -> Option<Response> {
    let format = query.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(b"archive="))?;
    if !path.has_trailing_slash() {
        return None;
    }
    let (status, message) = match (format, context.config.listings_enabled()) {
        (b"tar", true) => return Some(begin(head, path, context)),
        (b"tar", false) => {
            (Status::FORBIDDEN, "Archives of folders are turned off on this server, as listings are.")
        }
        (_, true) => (Status::BAD_REQUEST, "The only format of an archive here is tar: ?archive=tar."),
        (_, false) => return None,
    };
    Some(error_response(head, status, message))
}

fn begin(head: &RequestHead<'_, '_>, path: &RelativePath<'_>, context: &ServerContext) -> Response {
    if Rc::strong_count(&context.archive_permits) > ARCHIVES_MAX {
        let message = "The server is making many archives; try again.";
        return error_response(head, Status::SERVICE_UNAVAILABLE, message);
    }
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty());
    match Archive::begin(&context.store, path, name.unwrap_or(ROOT_NAME)) {
        Ok(archive) => {
            let body = ArchiveBody { archive, _permit: Rc::clone(&context.archive_permits) };
            Response::Prepare(Box::new(ArchiveScan { body, error_format: error_format(head.accept) }))
        }
        Err(error) => lookup_error(&error, path.as_bytes(), error_format(head.accept)),
    }
}

impl PreparingResponse for ArchiveScan {
    /// Looks up some more members; the answer, when all are known or enough.
    fn prepare_slice(&mut self, store: &ContentSource) -> Option<Response> {
        match self.body.archive.scan_slice(store) {
            Ok(false) => None,
            Ok(true) => Some(self.on_timeout()),
            Err(error) => Some(lookup_error(&error, self.body.archive.directory(), self.error_format)),
        }
    }

    /// What is not known by now is found out while the archive is sent.
    fn on_timeout(&mut self) -> Response {
        let body = std::mem::take(&mut self.body);
        let mut name = body.archive.name().to_vec();
        name.extend_from_slice(b".tar");
        let mut fields = Vec::new();
        field(&mut fields, "Content-Disposition", &attachment(&name));
        let len = body.archive.known_len();
        Response::Stream(Box::new(StreamedResponse::new("application/x-tar", fields, len, Box::new(body))))
    }
}

impl BodySource for ArchiveBody {
    fn write_slice(&mut self, store: &ContentSource, out: &mut Vec<u8>) -> Result<Piece, CloseReason> {
        self.archive.next_slice(store, out).map_err(|error| {
            log::warn!("the archive of /{} breaks off: {error}", OneLine(self.archive.directory()));
            match error {
                ArchiveError::Shrank => CloseReason::FileTruncated,
                ArchiveError::Failed(error) => CloseReason::FileFailed(error.kind()),
            }
        })
    }
}

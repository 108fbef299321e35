//! `?archive=tar`: a directory and its served files as a tar file.
//!
//! `files` reads the directory.

use std::io::ErrorKind;
use std::rc::Rc;

use super::pending::{HandlerResult, PendingResponse};
use super::{drop_box, preconditions};
use crate::files::{Archive, RelativePath, TarSlice};
use crate::http::{RequestHead, Status, attachment, field_line};
use crate::net::CloseReason;
use crate::server::context::ServerContext;
use crate::server::response::{BodySource, ErrorResponse, Response, StreamedBody, lookup_error};
use crate::text::OneLine;

/// Archives at a time. Each holds two descriptors and some MiB of names at most.
const ARCHIVES_MAX: usize = 16;

/// Archive name for the root, whose own name is private.
const ROOT_NAME: &[u8] = b"archive";

#[derive(Debug, Default)]
struct ArchiveBody {
    archive: Archive,
    _permit: Rc<()>,
}

/// `None`: no archive request. A path without trailing slash is redirected with its query.
pub(super) fn archive_response(
    query: &[u8],
    head: &RequestHead<'_, '_>,
    path: &RelativePath<'_>,
    context: &ServerContext,
) -> Option<HandlerResult> {
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
    Some(Err(ErrorResponse::new(status, message).into()))
}

fn begin(head: &RequestHead<'_, '_>, path: &RelativePath<'_>, context: &ServerContext) -> HandlerResult {
    if Rc::strong_count(&context.archive_permits) > ARCHIVES_MAX {
        let message = "The server is making many archives; try again.";
        return Err(ErrorResponse::new(Status::SERVICE_UNAVAILABLE, message).into());
    }
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty());
    let left_out = (context.config.hidden, drop_box::directory(&context.config));
    let archive = Archive::begin(&context.store, path, name.unwrap_or(ROOT_NAME), left_out)
        .map_err(|error| lookup_error(&error, path.as_bytes()))?;
    let body = ArchiveBody { archive, _permit: Rc::clone(&context.archive_permits) };
    preconditions::respond_later(Box::new(body), head, context.now)
}

impl PendingResponse for ArchiveBody {
    fn poll(&mut self, _: &mut ServerContext) -> Option<Response> {
        match self.archive.scan_slice() {
            Ok(false) => None,
            Ok(true) => Some(self.on_timeout()),
            Err(error) => Some(lookup_error(&error, self.archive.directory()).into()),
        }
    }

    /// Unknown members are looked up while the archive is sent.
    fn on_timeout(&mut self) -> Response {
        let body = std::mem::take(self);
        let mut name = body.archive.name.clone();
        name.extend_from_slice(b".tar");
        let fields = field_line("Content-Disposition", &attachment(&name));
        let len = body.archive.known_len();
        Response::stream(StreamedBody::new("application/x-tar", len, Box::new(body)), fields)
    }
}

impl BodySource for ArchiveBody {
    fn write_slice(&mut self, out: &mut Vec<u8>) -> Result<TarSlice, CloseReason> {
        self.archive.next_slice(out).map_err(|error| {
            log::warn!("the archive of /{} is incomplete: {error}", OneLine(self.archive.directory()));
            match error.kind() {
                ErrorKind::UnexpectedEof => CloseReason::FileTruncated,
                kind => CloseReason::FileFailed(kind),
            }
        })
    }
}

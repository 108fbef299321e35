//! PUT: start of an upload, body and response.
//!
//! `files` writes the file.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::pending::{ChangeResult, PendingChange, PendingResponse};
use super::preconditions::UploadPreconditions;
use super::upload_error::upload_error;
use crate::cli::quote;
use crate::files::{
    ContentSource, PathError, Root, SpacePolicy, StoredFile, Upload, UploadError, is_upload_directory,
};
use crate::http::{
    ErrorFormat, RequestBody, RequestHead, Status, content_length, error_format, field, percent_encode_path,
};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Response, entity_tag, path_error};
use crate::server::{Durability, ServerConfig};

const TOO_LARGE: &str = "The file is larger than this server accepts: --max-upload sets the limit.";

#[derive(Debug)]
pub(in crate::server) struct UploadInProgress {
    upload: Upload,
    preconditions: Option<Box<UploadPreconditions>>,
    location: Vec<u8>,
    pub(in crate::server) error_format: ErrorFormat,
    remaining_len: u64,
    began_at: Instant,
}

pub(in crate::server) fn check_upload_directory(
    config: &ServerConfig,
    store: &ContentSource,
) -> Result<(), String> {
    let Some(directory) = &config.upload else { return Ok(()) };
    match store {
        _ if is_upload_directory(store, path_bytes(directory)) || !config.http => Ok(()),
        ContentSource::Embedded => {
            Err("--upload needs a directory to store files in; name one with --root".to_owned())
        }
        ContentSource::Disk(root) | ContentSource::DiskWithSource(root) => Err(format!(
            "cannot store uploads in {}: there is no such directory in {}; create it, or name another with \
             --upload",
            quote(directory),
            quote(root.path())
        )),
    }
}

pub(super) fn begin(
    head: &RequestHead<'_, '_>,
    context: &mut ServerContext,
    now: Now,
) -> Result<UploadInProgress, ErrorResponse> {
    if context.config.upload.is_none() {
        let message = "Uploads are turned off on this server: starting it with --upload turns them on.";
        return Err(ErrorResponse::for_request(head, Status::FORBIDDEN, message));
    }
    let path = context.config.parse_upload_path(head.target.path());
    let path = path.map_err(|cause| upload_path_error(head, &cause))?;
    check_body(head, context.config.upload_len_max)?;
    context.follow_root(now, true);
    let refused = |cause: UploadError| upload_error(&cause, error_format(head.accept));
    let space = SpacePolicy {
        len: if let RequestBody::Length(len) = head.body { len } else { 0 },
        free_min: context.config.free_min,
        is_synced: context.config.durability != Durability::None,
    };
    let upload = Upload::begin(&context.store, upload_dir(&context.config), &path, space).map_err(refused)?;
    let preconditions = UploadPreconditions::from_head(head, now);
    if let Some(preconditions) = &preconditions
        && !preconditions.are_met(&upload).map_err(refused)?
    {
        return Err(refused(UploadError::PreconditionFailed));
    }
    let mut location = b"/".to_vec();
    percent_encode_path(&mut location, path.as_bytes());
    let (error_format, remaining_len) = (error_format(head.accept), context.config.upload_len_max);
    let began_at = now.instant;
    Ok(UploadInProgress { upload, preconditions, location, error_format, remaining_len, began_at })
}

fn check_body(head: &RequestHead<'_, '_>, len_max: u64) -> Result<(), ErrorResponse> {
    // A part must never pass for the whole (RFC 9110 section 14.5).
    if head.fields.first("content-range").is_some() {
        let message = "Only whole files can be stored here: send the file without a Content-Range.";
        return Err(ErrorResponse::for_request(head, Status::BAD_REQUEST, message));
    }
    match head.body {
        // A client that forgot the file must not store an empty one.
        RequestBody::None if head.fields.first("content-length").is_none() => {
            let message = "The request does not give the length of the file: send a Content-Length, 0 for an \
                           empty file.";
            Err(ErrorResponse::for_request(head, Status::LENGTH_REQUIRED, message))
        }
        RequestBody::Length(len) if len > len_max => {
            Err(ErrorResponse::for_request(head, Status::CONTENT_TOO_LARGE, TOO_LARGE))
        }
        RequestBody::None | RequestBody::Length(_) | RequestBody::Chunked => Ok(()),
    }
}

fn upload_path_error(head: &RequestHead<'_, '_>, cause: &PathError) -> ErrorResponse {
    let (status, message) = match cause {
        PathError::Hidden => (
            Status::FORBIDDEN,
            "Names that begin with a dot are not stored on this server: --hidden sets that.",
        ),
        PathError::NotFound => {
            (Status::BAD_REQUEST, "No file can have this name: it is too long, or has a slash in it.")
        }
        PathError::BadEscape | PathError::Nul | PathError::LeavesRoot => return path_error(head, cause),
    };
    ErrorResponse::for_request(head, status, message)
}

impl UploadInProgress {
    pub(in crate::server) fn write(&mut self, data: &[u8]) -> Result<(), ErrorResponse> {
        let remaining_len = self.remaining_len.checked_sub(data.len() as u64);
        let too_large = ErrorResponse::new(Status::CONTENT_TOO_LARGE, TOO_LARGE, self.error_format);
        self.remaining_len = remaining_len.ok_or(too_large)?;
        self.upload.write(data).map_err(|cause| upload_error(&cause, self.error_format))
    }

    pub(in crate::server) fn finish(
        mut self,
        context: &mut ServerContext,
        now: Now,
    ) -> Result<Response, Box<dyn PendingResponse>> {
        let (mut store, shared) = (context.store.clone(), Arc::clone(&context.shared));
        let (durability, error_format) = (context.config.durability, self.error_format);
        if durability == Durability::None {
            // The next request may be received already.
            context.cache.mark_events_pending();
            let is_new = self.began_at == now.instant;
            let stored = self.place(&mut store, upload_dir(&context.config), &shared.rename_lock, is_new);
            return Ok(match self.result(stored) {
                Ok((status, fields)) => Response::empty(status, fields),
                Err(error) => error.into(),
            });
        }
        let directory = context.config.upload.clone().unwrap_or_default();
        Err(PendingChange::start(context, error_format, move |sender| {
            let stored = self
                .upload
                .sync()
                .and_then(|()| self.place(&mut store, path_bytes(&directory), &shared.rename_lock, false));
            let (result, dir) = (self.result(stored), self.upload.directory());
            // Its files are closed before the response.
            drop(self);
            if durability == Durability::File || result.is_err() {
                return sender.send(result);
            }
            shared.dir_sync.sync(dir, move |synced| {
                let error =
                    |cause: io::Error| upload_error(&UploadError::DirectoryNotSynced(cause), error_format);
                let synced = synced.map_err(|errno| error(errno.into()));
                sender.send(synced.and(result));
            });
        }))
    }

    /// Gives the file its name. `is_new`: the directory was opened in this tick.
    fn place(
        &mut self,
        store: &mut ContentSource,
        upload_dir: &[u8],
        rename_lock: &Mutex<()>,
        is_new: bool,
    ) -> Result<StoredFile, UploadError> {
        let mut follow_path = |upload: &mut Upload| {
            let _ = store.root_mut().map(Root::follow_path);
            upload.follow_path(store, upload_dir)
        };
        if !is_new {
            // The directory may have been replaced while the file came.
            follow_path(&mut self.upload)?;
        }
        // Poisoning is harmless: the lock guards no data.
        let rename_guard = rename_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let preconditions = &self.preconditions;
        let stored = self
            .upload
            .commit_if(|upload| preconditions.as_ref().map_or(Ok(true), |required| required.are_met(upload)));
        drop(rename_guard);
        // It may have been moved before the file got its name.
        let is_in_place = follow_path(&mut self.upload);
        stored.and_then(|stored| is_in_place?.then_some(stored).ok_or(UploadError::Stale))
    }

    /// No Last-Modified: the file may change again within this second.
    fn result(&self, stored: Result<StoredFile, UploadError>) -> ChangeResult {
        let stored = stored.map_err(|cause| upload_error(&cause, self.error_format))?;
        let mut fields = Vec::new();
        if stored.created {
            content_length(&mut fields, 0);
            field(&mut fields, "Location", &self.location);
        }
        if let Some(version) = stored.version {
            field(&mut fields, "ETag", entity_tag(version, None).as_bytes());
        }
        Ok((if stored.created { Status::CREATED } else { Status::NO_CONTENT }, fields))
    }
}

fn upload_dir(config: &ServerConfig) -> &[u8] {
    config.upload.as_deref().map(path_bytes).unwrap_or_default()
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

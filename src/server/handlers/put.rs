//! PUT: start of an upload, body and response.
//!
//! `files` writes the file.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::pending::{Changed, PendingChange, PendingResponse};
use super::preconditions::{UploadPreconditions, check_required};
use super::upload_digest::UploadDigests;
use super::upload_error::{upload_error, upload_path_error};
use crate::cli::quote;
use crate::files::{ContentSource, Root, SpacePolicy, StoredFile, Upload, UploadError, is_upload_directory};
use crate::http::{
    ErrorFormat, RequestBody, RequestHead, Status, content_length, error_format, field, percent_encode_path,
};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Problem, Response, entity_tag};
use crate::server::{Durability, ServerConfig};

/// End of the year 9999: HTTP dates have four digits.
const MODIFIED_SECS_MAX: i64 = 253_402_300_799;

#[derive(Debug)]
pub(in crate::server) struct UploadInProgress {
    upload: Upload,
    digests: Option<Box<UploadDigests>>,
    preconditions: Option<Box<UploadPreconditions>>,
    location: Vec<u8>,
    modified_secs: Option<i64>,
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
        return Err(ErrorResponse::for_problem(head, Problem::UPLOADS_OFF));
    }
    let path = context.config.parse_upload_path(head.target.path());
    let path = path.map_err(|cause| upload_path_error(head, &cause))?;
    check_body(head, context.config.upload_len_max)?;
    check_required(head, &context.config)?;
    let modified_secs = modified_secs(head)?;
    let digests = UploadDigests::begin(head, context.config.require_digest)
        .map_err(|problem| ErrorResponse::for_problem(head, problem))?;
    context.follow_root(now, true);
    let config = &context.config;
    let refused = |cause: UploadError| upload_error(&cause, error_format(head.accept));
    let space = SpacePolicy {
        len: if let RequestBody::Length(len) = head.body { len } else { 0 },
        free_min: config.free_min,
        is_synced: config.durability != Durability::None,
    };
    let upload = Upload::begin(&context.store, upload_dir(config), &path, config.allow_mkdir, space);
    let mut upload = upload.map_err(refused)?;
    modified_secs.inspect(|secs| upload.set_modified(*secs));
    let preconditions = UploadPreconditions::from_head(head, !config.no_overwrite, now);
    if let Some(preconditions) = &preconditions
        && !preconditions.are_met(upload.target()).map_err(refused)?
    {
        return Err(refused(UploadError::PreconditionFailed));
    }
    let mut location = b"/".to_vec();
    percent_encode_path(&mut location, path.as_bytes());
    let (error_format, remaining_len) = (error_format(head.accept), config.upload_len_max);
    Ok(UploadInProgress {
        upload,
        digests: digests.map(Box::new),
        preconditions,
        location,
        modified_secs,
        error_format,
        remaining_len,
        began_at: now.instant,
    })
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
            Err(ErrorResponse::for_problem(head, Problem::UPLOAD_TOO_LARGE))
        }
        RequestBody::None | RequestBody::Length(_) | RequestBody::Chunked => Ok(()),
    }
}

/// `X-OC-Mtime` of ownCloud clients: Unix seconds.
fn modified_secs(head: &RequestHead<'_, '_>) -> Result<Option<i64>, ErrorResponse> {
    let mut values = head.fields.all("x-oc-mtime");
    let Some(value) = values.next() else { return Ok(None) };
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let secs = digits.and_then(|digits| digits.parse().ok()).filter(|secs| *secs <= MODIFIED_SECS_MAX);
    if secs.is_some() && values.next().is_none() {
        return Ok(secs);
    }
    let message = "X-OC-Mtime must be one number: seconds since 1970, up to the year 9999.";
    Err(ErrorResponse::for_request(head, Status::BAD_REQUEST, message))
}

impl UploadInProgress {
    /// Takes one step of the decoder: `data`, and the framing before it.
    pub(in crate::server) fn write(&mut self, framing: &[u8], data: &[u8]) -> Result<(), ErrorResponse> {
        if let Some(digests) = &mut self.digests {
            digests.update(framing, data);
        }
        let remaining_len = self.remaining_len.checked_sub(data.len() as u64);
        let too_large = ErrorResponse::of_problem(Problem::UPLOAD_TOO_LARGE, self.error_format);
        self.remaining_len = remaining_len.ok_or(too_large)?;
        self.upload.write(data).map_err(|cause| upload_error(&cause, self.error_format))
    }

    pub(in crate::server) fn finish(
        mut self,
        context: &mut ServerContext,
        now: Now,
    ) -> Result<Response, Box<dyn PendingResponse>> {
        if let Some(Err(problem)) = self.digests.take().map(|digests| digests.finish()) {
            return Ok(ErrorResponse::of_problem(problem, self.error_format).into());
        }
        let (mut store, error_format) = (context.store.clone(), self.error_format);
        let directory = context.config.upload.clone().unwrap_or_default();
        let is_synced = context.config.durability != Durability::None;
        let is_new = !is_synced && self.began_at == now.instant;
        PendingChange::start(context, error_format, move |rename_lock| {
            let synced = if is_synced { self.upload.sync() } else { Ok(()) };
            let stored = synced
                .and_then(|()| self.place(&mut store, path_bytes(&directory), rename_lock, is_new))
                .map_err(|cause| upload_error(&cause, error_format))?;
            Ok(self.changed(&stored))
        })
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
            .commit_if(|target| preconditions.as_ref().map_or(Ok(true), |required| required.are_met(target)));
        drop(rename_guard);
        // It may have been moved before the file got its name.
        let is_in_place = follow_path(&mut self.upload);
        stored.and_then(|stored| is_in_place?.then_some(stored).ok_or(UploadError::Stale))
    }

    /// No Last-Modified: the file may change again within this second.
    fn changed(&mut self, stored: &StoredFile) -> Changed {
        let mut fields = Vec::new();
        if stored.created {
            content_length(&mut fields, 0);
            field(&mut fields, "Location", &self.location);
        }
        if let Some(version) = stored.version {
            field(&mut fields, "ETag", entity_tag(version, None).as_bytes());
        }
        // The file system may have another range.
        if self.modified_secs == Some(stored.modified_secs) {
            field(&mut fields, "X-OC-Mtime", b"accepted");
        }
        let status = if stored.created { Status::CREATED } else { Status::NO_CONTENT };
        Changed { status, fields, directories: self.upload.changed_directories() }
    }
}

pub(super) fn upload_dir(config: &ServerConfig) -> &[u8] {
    config.upload.as_deref().map(path_bytes).unwrap_or_default()
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

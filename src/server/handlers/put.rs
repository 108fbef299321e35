//! PUT: start of an upload, body and response.
//!
//! `files` writes the file.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::drop_box;
use super::pending::{Changed, PendingChange, PendingResponse};
use super::preconditions::{UploadPreconditions, check_required};
use super::upload_digest::{CONTENT_DIGEST, REPR_DIGEST, UploadDigests};
use super::upload_error::{upload_error, upload_path_error};
use crate::cli::quote;
use crate::files::{
    ContentSource, RelativePath, Root, SpacePolicy, StoredFile, Upload, UploadError, is_upload_directory,
    takes_uploads,
};
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
    pub(super) upload: Upload,
    pub(super) digests: Option<Box<UploadDigests>>,
    preconditions: Option<Box<UploadPreconditions>>,
    pub(super) location: Vec<u8>,
    modified_secs: Option<i64>,
    error_format: ErrorFormat,
    pub(super) remaining_len: u64,
    pub(super) too_long: ErrorResponse,
    began_at: Instant,
}

/// Upload whose content comes in pieces.
pub(in crate::server) trait ReceivingUpload: fmt::Debug {
    fn error_format(&self) -> ErrorFormat;

    /// Takes one step of the decoder: `data`, and the framing before it.
    fn write(&mut self, framing: &[u8], data: &[u8], context: &ServerContext) -> Result<(), ErrorResponse>;

    fn finish(
        self: Box<Self>,
        context: &mut ServerContext,
        now: Now,
    ) -> Result<Response, Box<dyn PendingResponse>>;
}

pub(in crate::server) fn check_upload_directory(
    config: &ServerConfig,
    store: &ContentSource,
) -> Result<(), String> {
    let Some(directory) = &config.upload else { return Ok(()) };
    match store {
        _ if is_upload_directory(store, config.upload_dir()) || !config.http => Ok(()),
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
) -> Result<Box<dyn ReceivingUpload>, ErrorResponse> {
    if context.config.upload.is_none() {
        return Err(ErrorResponse::for_problem(head, Problem::UPLOADS_OFF));
    }
    let path = context.config.parse_upload_path(head.target.path());
    path.map_err(|cause| upload_path_error(head, &cause))?;
    check_body(head, context.config.upload_len_max)?;
    check_required(head, &context.config)?;
    let digests = UploadDigests::begin(head, &[CONTENT_DIGEST, REPR_DIGEST], context.config.require_digest)
        .map_err(|problem| ErrorResponse::for_problem(head, problem))?;
    context.follow_root(now, true);
    let len = if let RequestBody::Length(len) = head.body { len } else { 0 };
    let (config, store) = (&context.config, &context.store);
    let begun = begin_with(head, (config, error_format(head.accept)), len, now, |path, space| {
        Upload::begin(store, config.upload_dir(), path, config.naming(), space)
    })?;
    Ok(Box::new(UploadInProgress { digests: digests.map(Box::new), ..begun }))
}

/// `head` may be that of an earlier request, whose upload continues.
pub(super) fn begin_with(
    head: &RequestHead<'_, '_>,
    (config, error_format): (&ServerConfig, ErrorFormat),
    len: u64,
    now: Now,
    open: impl FnOnce(&RelativePath<'_>, SpacePolicy) -> Result<Upload, UploadError>,
) -> Result<UploadInProgress, ErrorResponse> {
    let path = config.parse_upload_path(head.target.path());
    let path = path.map_err(|cause| upload_path_error(head, &cause))?;
    if drop_box::contains_directory_of(path.as_bytes(), config) {
        let message = "Files are stored in one directory here: leave out the directories below it.";
        return Err(ErrorResponse::new(Status::FORBIDDEN, message, error_format));
    }
    let modified_secs = modified_secs(head)?;
    let preconditions = UploadPreconditions::from_head(head, !config.no_overwrite, now);
    // They would tell what is in a drop box.
    let preconditions = preconditions.filter(|_| !config.upload_only);
    let begun = start(&path, preconditions, (config, error_format), len, now, open)?;
    Ok(UploadInProgress { modified_secs, ..begun })
}

pub(super) fn start(
    path: &RelativePath<'_>,
    preconditions: Option<Box<UploadPreconditions>>,
    (config, error_format): (&ServerConfig, ErrorFormat),
    len: u64,
    now: Now,
    open: impl FnOnce(&RelativePath<'_>, SpacePolicy) -> Result<Upload, UploadError>,
) -> Result<UploadInProgress, ErrorResponse> {
    let refused = |cause: UploadError| upload_error(&cause, error_format);
    let is_synced = config.durability != Durability::None;
    let space = SpacePolicy { len, free_min: config.free_min, is_synced };
    let upload = open(path, space).map_err(refused)?;
    if let Some(preconditions) = &preconditions
        && !preconditions.are_met(upload.target()).map_err(refused)?
    {
        return Err(refused(UploadError::PreconditionFailed));
    }
    let mut location = b"/".to_vec();
    percent_encode_path(&mut location, path.as_bytes());
    Ok(UploadInProgress {
        upload,
        digests: None,
        preconditions,
        location,
        modified_secs: None,
        error_format,
        remaining_len: config.upload_len_max,
        too_long: ErrorResponse::of_problem(Problem::UPLOAD_TOO_LARGE, error_format),
        began_at: now.instant,
    })
}

pub(super) fn check_body(head: &RequestHead<'_, '_>, len_max: u64) -> Result<(), ErrorResponse> {
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

impl ReceivingUpload for UploadInProgress {
    fn error_format(&self) -> ErrorFormat {
        self.error_format
    }

    fn write(&mut self, framing: &[u8], data: &[u8], _: &ServerContext) -> Result<(), ErrorResponse> {
        if let Some(digests) = &mut self.digests {
            digests.update(framing, data);
        }
        let remaining_len = self.remaining_len.checked_sub(data.len() as u64);
        self.remaining_len = remaining_len.ok_or(self.too_long)?;
        self.upload.write(data).map_err(|cause| upload_error(&cause, self.error_format))
    }

    fn finish(
        mut self: Box<Self>,
        context: &mut ServerContext,
        now: Now,
    ) -> Result<Response, Box<dyn PendingResponse>> {
        let (mut store, error_format) = (context.store.clone(), self.error_format);
        let directory = context.config.upload_dir().to_vec();
        let is_synced = context.config.durability != Durability::None;
        let is_new = !is_synced && self.began_at == now.instant;
        PendingChange::start(context, (error_format, false), move |rename_lock| {
            self.verify()?;
            let stored = self
                .sync(true)
                .and_then(|()| self.place(&mut store, &directory, rename_lock, is_new))
                .map_err(|cause| upload_error(&cause, error_format))?;
            Ok(self.changed(&stored))
        })
    }
}

impl UploadInProgress {
    /// Compares the digests of what came with those that the request gives.
    pub(super) fn verify(&mut self) -> Result<(), ErrorResponse> {
        let verified = self.digests.take().map_or(Ok(()), |digests| digests.finish());
        verified.map_err(|problem| ErrorResponse::of_problem(problem, self.error_format))
    }

    /// With the last part, the file gets its time.
    pub(super) fn sync(&mut self, is_last: bool) -> Result<(), UploadError> {
        self.modified_secs.filter(|_| is_last).inspect(|secs| self.upload.set_modified(*secs));
        self.upload.sync()
    }

    /// Gives the file its name. `is_new`: the directory was opened in this tick.
    pub(super) fn place(
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
    pub(super) fn changed(&mut self, stored: &StoredFile) -> Changed {
        let mut fields = Vec::new();
        if stored.created {
            // A drop box may have given it a number.
            let directory_len = self.location.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
            self.location.truncate(directory_len);
            percent_encode_path(&mut self.location, &stored.name);
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

/// Whether `path` is a directory for uploads, with its slash.
pub(super) fn accepts_uploads(path: &RelativePath<'_>, context: &ServerContext) -> bool {
    let config = &context.config;
    let is_open = !config.upload_only || path.as_bytes() == config.upload_dir();
    config.upload.is_some() && is_open && takes_uploads(&context.store, config.upload_dir(), path)
}

//! PUT: start of an upload, body and response.
//!
//! `files` writes the file.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::drop_box;
use super::pending::{Changed, PendingChange, ResponseOrJob};
use super::preconditions::{UploadPreconditions, check_required};
use super::upload_digest::{CONTENT_DIGEST, DigestFields, REPR_DIGEST, UploadDigests};
use super::upload_error::parse_upload_path;
use crate::cli::quote;
use crate::files::{
    ContentSource, PartialUpload, RelativePath, Root, SpacePolicy, StoredFile, Upload, UploadError,
    is_upload_directory, takes_uploads,
};
use crate::http::{
    Preconditions, RequestBody, RequestHead, Status, content_length, field, parse_decimal,
    percent_encode_path,
};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Problem, entity_tag};
use crate::server::{Durability, ServerConfig};

/// End of the year 9999: HTTP dates have four digits.
const MODIFIED_SECS_MAX: i64 = 253_402_300_799;

#[derive(Debug)]
pub(crate) struct UploadInProgress {
    pub(super) upload: Upload,
    pub(super) file: NewFile,
    pub(super) digests: Option<Box<UploadDigests>>,
    pub(super) remaining_len: u64,
    pub(super) too_long: ErrorResponse,
}

#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) path: RelativePath<'static>,
    pub(super) preconditions: UploadPreconditions,
    pub(super) modified_secs: Option<i64>,
}

pub(super) type BeginResult = Result<Box<dyn ReceivingUpload>, ErrorResponse>;

pub(crate) trait ReceivingUpload: fmt::Debug {
    /// `framing` precedes `data`.
    fn write(&mut self, framing: &[u8], data: &[u8], context: &ServerContext) -> Result<(), ErrorResponse>;

    fn finish(self: Box<Self>, context: &mut ServerContext) -> ResponseOrJob;
}

pub(crate) fn check_upload_directory(config: &ServerConfig, store: &ContentSource) -> Result<(), String> {
    let Some(directory) = &config.upload else { return Ok(()) };
    match &store.root {
        _ if is_upload_directory(store, config.upload_dir()) || !config.http => Ok(()),
        None => Err("--upload needs a directory to store files in; name one with --root".to_owned()),
        Some(root) => Err(format!(
            "cannot store uploads in {}: there is no such directory in {}; create it, or name another with \
             --upload",
            quote(directory),
            quote(root.path())
        )),
    }
}

pub(super) fn begin(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> BeginResult {
    if context.config.upload.is_none() {
        return Err(Problem::UPLOADS_OFF.into());
    }
    let file = NewFile::from_head(head, &context.config, context.now)?;
    let digests = check_content(head, &context.config, &[CONTENT_DIGEST, REPR_DIGEST])?;
    context.follow_root(true);
    let len = if let RequestBody::Length(len) = head.body { len } else { 0 };
    let begun = file.begin(&context.store, &context.config, len, None)?;
    Ok(Box::new(UploadInProgress { digests, ..begun }))
}

impl NewFile {
    /// `head` may be that of an earlier request, whose upload continues.
    pub(super) fn from_head(
        head: &RequestHead<'_, '_>,
        config: &ServerConfig,
        now: Now,
    ) -> Result<Self, ErrorResponse> {
        let path = parse_upload_path(head, config)?.to_owned();
        if drop_box::contains_directory_of(path.as_bytes(), config) {
            let message = "Files are stored in one directory here: leave out the directories below it.";
            return Err(ErrorResponse::new(Status::FORBIDDEN, message));
        }
        let (mut conditions, may_replace) = (Preconditions::from_fields(head.fields), !config.no_overwrite);
        if config.upload_only {
            // They would tell what is in a drop box.
            conditions = Preconditions::default();
        }
        let preconditions = UploadPreconditions::new(conditions, may_replace || config.upload_only, now);
        Ok(Self { path, preconditions, modified_secs: modified_secs(head)? })
    }

    pub(super) fn begin(
        self,
        store: &ContentSource,
        config: &ServerConfig,
        len: u64,
        partial: Option<&PartialUpload>,
    ) -> Result<UploadInProgress, ErrorResponse> {
        let is_synced = config.durability != Durability::None;
        let space = SpacePolicy { len, free_min: config.free_min, is_synced };
        let upload = Upload::begin(store, config.upload_dir(), &self.path, config.naming(), space, partial)
            .and_then(|upload| self.preconditions.check(upload.target()).map(|()| upload))?;
        let too_long = Problem::UPLOAD_TOO_LARGE.into();
        let (digests, remaining_len) = (None, config.upload_len_max);
        Ok(UploadInProgress { upload, file: self, digests, remaining_len, too_long })
    }
}

pub(super) fn check_content(
    head: &RequestHead<'_, '_>,
    config: &ServerConfig,
    digest_fields: DigestFields,
) -> Result<Option<Box<UploadDigests>>, ErrorResponse> {
    check_body(head, config.upload_len_max)?;
    check_required(head, config)?;
    UploadDigests::begin(head, digest_fields, config.require_digest)
}

fn check_body(head: &RequestHead<'_, '_>, len_max: u64) -> Result<(), ErrorResponse> {
    // A part must never pass for the whole (RFC 9110 section 14.5).
    if head.fields.first("content-range").is_some() {
        let message = "Only whole files can be stored here: send the file without a Content-Range.";
        return Err(ErrorResponse::new(Status::BAD_REQUEST, message));
    }
    match head.body {
        // A client that forgot the file must not store an empty one.
        RequestBody::None if head.fields.first("content-length").is_none() => {
            let message = "The request does not give the length of the file: send a Content-Length, 0 for an \
                           empty file.";
            Err(ErrorResponse::new(Status::LENGTH_REQUIRED, message))
        }
        RequestBody::Length(len) if len > len_max => Err(Problem::UPLOAD_TOO_LARGE.into()),
        RequestBody::None | RequestBody::Length(_) | RequestBody::Chunked => Ok(()),
    }
}

/// `X-OC-Mtime` of ownCloud clients: Unix seconds.
fn modified_secs(head: &RequestHead<'_, '_>) -> Result<Option<i64>, ErrorResponse> {
    let mut values = head.fields.all("x-oc-mtime");
    let Some(value) = values.next() else { return Ok(None) };
    let secs = parse_decimal(value).and_then(|secs| secs.try_into().ok());
    let secs = secs.filter(|secs| *secs <= MODIFIED_SECS_MAX);
    if secs.is_some() && values.next().is_none() {
        return Ok(secs);
    }
    let message = "X-OC-Mtime must be one number: seconds since 1970, up to the year 9999.";
    Err(ErrorResponse::new(Status::BAD_REQUEST, message))
}

impl ReceivingUpload for UploadInProgress {
    fn write(&mut self, framing: &[u8], data: &[u8], _: &ServerContext) -> Result<(), ErrorResponse> {
        if let Some(digests) = &mut self.digests {
            digests.update(framing, data);
        }
        let remaining_len = self.remaining_len.checked_sub(data.len() as u64);
        self.remaining_len = remaining_len.ok_or(self.too_long)?;
        Ok(self.upload.write(data)?)
    }

    fn finish(mut self: Box<Self>, context: &mut ServerContext) -> ResponseOrJob {
        let (mut store, directory) = (context.store.clone(), context.config.upload_dir().to_vec());
        let is_synced = context.config.durability != Durability::None;
        let is_new = !is_synced && self.file.preconditions.began_at == context.now;
        PendingChange::start(context, false, move |rename_lock| {
            self.verify()?;
            self.sync(true)?;
            let stored = self.place(&mut store, &directory, rename_lock, is_new)?;
            Ok(self.changed(&stored))
        })
    }
}

impl UploadInProgress {
    pub(super) fn verify(&mut self) -> Result<(), ErrorResponse> {
        Ok(self.digests.take().map_or(Ok(()), |digests| digests.finish())?)
    }

    pub(super) fn sync(&mut self, is_last: bool) -> Result<(), UploadError> {
        self.upload.sync(self.file.modified_secs.filter(|_| is_last))
    }

    /// `is_new`: the directory was opened in this tick.
    pub(super) fn place(
        &mut self,
        store: &mut ContentSource,
        upload_dir: &[u8],
        rename_lock: &Mutex<()>,
        is_new: bool,
    ) -> Result<StoredFile, UploadError> {
        let mut follow_path = |upload: &mut Upload| {
            let _ = store.root.as_mut().map(Root::follow_path);
            upload.follow_path(store, upload_dir)
        };
        if !is_new {
            // The directory may have been replaced while the file came.
            follow_path(&mut self.upload)?;
        }
        // Poisoning is harmless: the lock guards no data.
        let rename_guard = rename_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = self.upload.commit_if(|target| self.file.preconditions.check(target));
        drop(rename_guard);
        // It may have been moved before the file got its name.
        let is_in_place = follow_path(&mut self.upload);
        stored.and_then(|stored| is_in_place?.then_some(stored).ok_or(UploadError::Stale))
    }

    /// No Last-Modified: the file may change again within this second.
    pub(super) fn changed(&mut self, stored: &StoredFile) -> Changed {
        let mut fields = Vec::new();
        if stored.created {
            fields = created_fields(&stored.path);
        }
        if let Some(version) = stored.version {
            field(&mut fields, "ETag", entity_tag(version, None).as_bytes());
        }
        // The file system may have another range.
        if self.file.modified_secs == Some(stored.modified_secs) {
            field(&mut fields, "X-OC-Mtime", b"accepted");
        }
        let status = if stored.created { Status::CREATED } else { Status::NO_CONTENT };
        Changed { status, fields, directories: self.upload.changed_directories() }
    }
}

/// `path` is relative to the root.
pub(super) fn created_fields(path: &[u8]) -> Vec<u8> {
    let (mut fields, mut location) = (Vec::new(), b"/".to_vec());
    percent_encode_path(&mut location, path);
    content_length(&mut fields, 0);
    field(&mut fields, "Location", &location);
    fields
}

pub(super) fn accepts_uploads(path: &RelativePath<'_>, context: &ServerContext) -> bool {
    let config = &context.config;
    let is_open = !config.upload_only || path.as_bytes() == config.upload_dir();
    config.upload.is_some() && is_open && takes_uploads(&context.store, config.upload_dir(), path)
}

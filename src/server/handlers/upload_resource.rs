//! Work on an upload resource: creation, offset, append, cancellation.
//!
//! It runs on helper threads. The offset that a response tells is synced.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::pending::{ChangeResult, Changed, PendingChange, ResponseOrJob};
use super::put::{NewFile, ReceivingUpload, UploadInProgress};
use super::upload_digest::{REPR_DIGEST, UploadDigests};
use crate::files::{
    ContentSource, PartialId, PartialLease, PartialLeases, PartialUpload, PartialUploads, Root, UploadError,
};
use crate::http::{
    FieldBuf, Fields, RequestHead, Status, content_length, end_head, field, field_line, parse_decimal,
    parse_request,
};
use crate::reactor::Now;
use crate::server::context::{ServerContext, run_job};
use crate::server::response::{ErrorDetail, ErrorResponse, Problem, Response};
use crate::server::{Durability, ServerConfig};

pub(super) const MEDIA_TYPE: &[u8] = b"application/partial-upload";
/// Where clients find their uploads; no file is served below it.
pub(super) const PREFIX: &[u8] = b"/.reactor-uploads/";
/// Of draft 09 to 11.
pub(super) const INTEROP_VERSION: &[u8] = b"8";
const TAKEN_OVER: &str = "Another request has taken over this upload.";
/// Digits of an Integer (RFC 9651 section 3.3.1).
const INTEGER_DIGITS_MAX: usize = 15;

pub(super) enum Operation {
    TellOffset,
    Append(AppendRequest),
    Cancel,
}

#[derive(Debug)]
pub(super) struct AppendRequest {
    pub(super) creation: Option<Vec<u8>>,
    pub(super) offset: u64,
    /// Least offset after it.
    pub(super) end: u64,
    pub(super) is_complete: bool,
    pub(super) len: Option<u64>,
    pub(super) wants_interim: bool,
    pub(super) digests: Option<Box<UploadDigests>>,
}

#[derive(Debug)]
struct ResourceRequest {
    id: PartialId,
    user: Option<Vec<u8>>,
    config: ServerConfig,
    store: ContentSource,
    root_was_replaced: bool,
    now: Now,
}

/// Waits for its response, or until its body can be received.
#[derive(Debug)]
pub(crate) struct OpeningUpload {
    results: Receiver<Result<Opened, ErrorResponse>>,
}

enum Opened {
    Append(Box<Append>),
    Done(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct Append {
    request: ResourceRequest,
    operation: AppendRequest,
    upload: FoundUpload,
    received: UploadInProgress,
    lease: PartialLease,
}

#[derive(Debug)]
struct FoundUpload {
    partial: PartialUpload,
    len: Option<u64>,
    /// Before a part whose digest is not checked yet.
    verified: Option<u64>,
    /// Of the whole file.
    digests: Option<Box<UploadDigests>>,
}

impl OpeningUpload {
    pub(super) fn new(
        id: PartialId,
        operation: Operation,
        head: &RequestHead<'_, '_>,
        context: &mut ServerContext,
    ) -> Box<Self> {
        context.follow_root(true);
        let request = ResourceRequest {
            id,
            user: context.user(head),
            config: context.config.clone(),
            store: context.store.clone(),
            root_was_replaced: context.shared.root_was_replaced(),
            now: context.now,
        };
        let leases = Arc::clone(&context.shared.upload_leases);
        let (sender, results) = channel();
        let job = move || _ = sender.send(request.run(operation, &leases));
        run_job(context.resource_helpers.as_ref(), context.key, job);
        Box::new(Self { results })
    }

    pub(crate) fn poll(&mut self, context: &ServerContext) -> Option<Result<Box<Append>, Response>> {
        let error = match self.results.try_recv() {
            Ok(Ok(Opened::Append(append))) => return Some(Ok(append)),
            Ok(Ok(Opened::Done(fields))) => return Some(Err(Response::empty(Status::NO_CONTENT, fields))),
            Ok(Err(error)) => error,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => UploadError::Busy.into(),
        };
        Some(Err(Response::error(error, support_fields(&context.config))))
    }
}

impl ResourceRequest {
    /// Takes the upload from a running append first.
    fn run(self, operation: Operation, leases: &PartialLeases) -> Result<Opened, ErrorResponse> {
        let lease = leases.take(self.id);
        match operation {
            Operation::TellOffset => Ok(Opened::Done(self.find(None)?.0.fields(&self.config))),
            Operation::Cancel => {
                self.find(None)?.0.partial.remove().map_err(|cause| self.refuse(cause))?;
                Ok(Opened::Done(Vec::new()))
            }
            Operation::Append(mut operation) => {
                let (mut received, upload) = self.open(&operation)?;
                received.digests = operation.digests.take();
                Ok(Opened::Append(Box::new(Append { request: self, operation, upload, received, lease })))
            }
        }
    }

    fn refuse(&self, cause: UploadError) -> ErrorResponse {
        let cause = match cause {
            UploadError::NoUpload | UploadError::NoParent if self.root_was_replaced => {
                UploadError::RootReplaced
            }
            UploadError::NoParent => UploadError::NoUpload,
            cause => cause,
        };
        cause.into()
    }

    /// Creates it first if `creation` is set.
    fn find(
        &self,
        creation: Option<&[u8]>,
    ) -> Result<(FoundUpload, Result<NewFile, ErrorResponse>), ErrorResponse> {
        let find = || {
            let partials = partials(&self.store, &self.config, creation.is_some())?;
            creation.map_or(Ok(()), |head| partials.create(self.id, head))?;
            partials.find(self.id, SystemTime::UNIX_EPOCH + self.now.unix)
        };
        let mut partial = find().map_err(|cause| self.refuse(cause))?;
        let mut field_buf = FieldBuf::new();
        let Ok(Some((_, head))) = parse_request(&partial.head, &mut 0, &mut field_buf) else {
            log::warn!("the unfinished upload {} is ignored: its record is damaged", self.id);
            return Err(UploadError::NoUpload.into());
        };
        if head.fields.first("upload-user") != self.user.as_deref() {
            return Err(UploadError::NoUpload.into());
        }
        let [len, verified] = ["upload-length", "upload-verified"].map(|name| integer(head.fields, name));
        let digests = UploadDigests::begin(&head, &[REPR_DIGEST], false).unwrap_or_default();
        let file = NewFile::from_head(&head, &self.config, self.now);
        if let Some(verified) = verified.filter(|verified| partial.offset > Some(*verified)) {
            partial.truncate(verified).map_err(|cause| self.refuse(cause))?;
        }
        Ok((FoundUpload { partial, len, verified, digests }, file))
    }

    fn open(&self, append: &AppendRequest) -> Result<(UploadInProgress, FoundUpload), ErrorResponse> {
        let config = &self.config;
        if append.end.max(append.len.unwrap_or(0)) > config.upload_len_max {
            return Err(Problem::UPLOAD_TOO_LARGE.into());
        }
        let (mut found, file) = self.find(append.creation.as_deref())?;
        let offset = found.partial.offset.ok_or(Problem::COMPLETED_UPLOAD)?;
        if offset != append.offset {
            let detail = Some(ErrorDetail::Offsets(offset, append.offset));
            return Err(ErrorResponse { detail, ..Problem::MISMATCHING_UPLOAD_OFFSET.into() });
        }
        if found.len.is_some_and(|len| append.end > len || append.len.is_some_and(|new| new != len)) {
            return Err(Problem::INCONSISTENT_UPLOAD_LENGTH.into());
        }
        let verified = append.digests.as_ref().map(|_| offset);
        found.record(found.len.or(append.len), verified).map_err(|cause| self.refuse(cause))?;
        let space_len = if append.offset == 0 { append.end } else { 0 };
        let begun = file.and_then(|file| file.begin(&self.store, config, space_len, Some(&found.partial)));
        let mut received = begun.inspect_err(|error| {
            // Nothing that is sent later makes a condition true.
            if append.creation.is_some() || error.status == Status::PRECONDITION_FAILED {
                let _ = found.partial.remove();
            }
        })?;
        received.remaining_len = found.len.unwrap_or(config.upload_len_max).saturating_sub(offset);
        if found.len.is_some() {
            received.too_long = Problem::INCONSISTENT_UPLOAD_LENGTH.into();
        }
        Ok((received, found))
    }

    fn location(&self) -> Vec<u8> {
        [PREFIX, self.id.to_string().as_bytes()].concat()
    }

    fn incomplete(&self, upload: &FoundUpload, is_new: bool) -> Changed {
        let (mut status, mut fields) = (Status::NO_CONTENT, upload.fields(&self.config));
        if is_new {
            status = Status::CREATED;
            content_length(&mut fields, 0);
            field(&mut fields, "Location", &self.location());
        }
        Changed { status, fields, directories: Vec::new() }
    }

    /// A kept head without data says that the upload is complete.
    fn place(
        &mut self,
        received: &mut UploadInProgress,
        rename_lock: &Mutex<()>,
    ) -> Result<Changed, UploadError> {
        let is_same_root = |root: &mut Root| (root.id(), root.follow_path(), root.id());
        if self.store.root.as_mut().map(is_same_root).is_none_or(|(before, _, after)| before != after) {
            return Err(UploadError::RootReplaced);
        }
        let stored = received.place(&mut self.store, self.config.upload_dir(), rename_lock, false)?;
        Ok(received.changed(&stored))
    }
}

impl ReceivingUpload for Append {
    fn write(&mut self, framing: &[u8], data: &[u8], context: &ServerContext) -> Result<(), ErrorResponse> {
        // Until the end of a change, no other request takes the upload.
        let _kept = self.lease.keep().ok_or(ErrorResponse::new(Status::CONFLICT, TAKEN_OVER))?;
        self.received.write(framing, data, context)
    }

    fn finish(self: Box<Self>, context: &mut ServerContext) -> ResponseOrJob {
        // The file may be read back for its digest.
        let is_long = true;
        PendingChange::start(context, is_long, |rename_lock| self.store(rename_lock))
    }
}

impl Append {
    /// If the client knows 104.
    pub(crate) fn interim_response(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.operation.wants_interim {
            out.extend_from_slice(b"HTTP/1.1 104 Upload Resumption Supported\r\n");
            field(&mut out, "Upload-Draft-Interop-Version", INTEROP_VERSION);
            field(&mut out, "Location", &self.request.location());
            let limit = upload_limit(&self.request.config, self.upload.partial.time_left);
            field(&mut out, "Upload-Limit", limit.as_bytes());
            end_head(&mut out);
        }
        out
    }

    fn store(self, rename_lock: &Mutex<()>) -> ChangeResult {
        let Append { mut request, operation, mut upload, mut received, lease } = self;
        let _kept = lease.keep().ok_or(ErrorResponse::new(Status::CONFLICT, TAKEN_OVER))?;
        if let Err(error) = received.verify() {
            received.upload.truncate(operation.offset).map_err(|cause| request.refuse(cause))?;
            return Err(error);
        }
        if let Err(cause) = received.sync(operation.is_complete) {
            let _ = upload.partial.remove();
            return Err(request.refuse(cause));
        }
        let offset = upload.len.unwrap_or(request.config.upload_len_max) - received.remaining_len;
        upload.partial.offset = Some(offset);
        if !operation.is_complete {
            upload.record(upload.len, None).map_err(|cause| request.refuse(cause))?;
            return Ok(request.incomplete(&upload, operation.creation.is_some()));
        }
        if upload.len.is_some_and(|len| len != offset) {
            return Err(Problem::INCONSISTENT_UPLOAD_LENGTH.into());
        }
        if let Err(problem) = upload.check_digest(&received).map_err(|cause| request.refuse(cause))? {
            let _ = upload.partial.remove();
            return Err(problem.into());
        }
        let recorded = upload.record(Some(offset), upload.verified);
        let placed = recorded.and_then(|()| request.place(&mut received, rename_lock));
        if matches!(placed, Err(UploadError::PreconditionFailed)) {
            let _ = upload.partial.remove();
        }
        let mut changed = placed?;
        field(&mut changed.fields, "Upload-Complete", b"?1");
        field(&mut changed.fields, "Upload-Offset", offset.to_string().as_bytes());
        Ok(changed)
    }
}

impl FoundUpload {
    fn fields(&self, config: &ServerConfig) -> Vec<u8> {
        let offset = self.partial.offset.or(self.len).unwrap_or(0);
        let mut fields = field_line("Upload-Offset", offset.to_string().as_bytes());
        field(&mut fields, "Upload-Complete", if self.partial.offset.is_none() { b"?1" } else { b"?0" });
        if let Some(len) = self.len {
            field(&mut fields, "Upload-Length", len.to_string().as_bytes());
        }
        field(&mut fields, "Upload-Limit", upload_limit(config, self.partial.time_left).as_bytes());
        field(&mut fields, "Cache-Control", b"no-store");
        fields
    }

    fn check_digest(&mut self, received: &UploadInProgress) -> Result<Result<(), Problem>, UploadError> {
        let Some(mut digests) = self.digests.take() else { return Ok(Ok(())) };
        received.upload.read_back(|piece| digests.update(&[], piece))?;
        Ok(digests.finish())
    }

    fn record(&mut self, len: Option<u64>, verified: Option<u64>) -> Result<(), UploadError> {
        if (self.len, self.verified) == (len, verified) {
            return Ok(());
        }
        (self.len, self.verified) = (len, verified);
        let numbers = [("Upload-Length", len), ("Upload-Verified", verified)];
        let is_kept = |line: &&[u8]| {
            *line != b"\r\n" && !numbers.iter().any(|(name, _)| line.starts_with(name.as_bytes()))
        };
        let head = &mut self.partial.head;
        let old = std::mem::take(head);
        head.extend(old.split_inclusive(|&byte| byte == b'\n').filter(is_kept).flatten());
        for (name, number) in numbers {
            number.inspect(|number| field(head, name, number.to_string().as_bytes()));
        }
        end_head(head);
        self.partial.write_head()
    }
}

pub(super) fn partials(
    store: &ContentSource,
    config: &ServerConfig,
    may_make: bool,
) -> Result<PartialUploads, UploadError> {
    let settings = (config.resumable_for, config.durability != Durability::None);
    PartialUploads::open(store, config.upload_dir(), may_make, settings)
}

/// An Item (RFC 9651) without its parameters; `None` if repeated.
pub(super) fn item<'b>(fields: Fields<'_, 'b>, name: &str) -> Option<&'b [u8]> {
    let mut values = fields.all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    value.split(|&byte| byte == b';').next().map(<[u8]>::trim_ascii)
}

pub(super) fn boolean(fields: Fields<'_, '_>, name: &str) -> Option<bool> {
    match item(fields, name)? {
        b"?1" => Some(true),
        b"?0" => Some(false),
        _ => None,
    }
}

pub(super) fn integer(fields: Fields<'_, '_>, name: &str) -> Option<u64> {
    item(fields, name).filter(|digits| digits.len() <= INTEGER_DIGITS_MAX).and_then(parse_decimal)
}

fn upload_limit(config: &ServerConfig, time_left: Duration) -> String {
    let len_max = config.upload_len_max.min(10_u64.pow(INTEGER_DIGITS_MAX as u32) - 1);
    format!("max-size={len_max}, max-age={}", time_left.as_secs())
}

/// For a target that takes uploads.
pub(super) fn support_fields(config: &ServerConfig) -> Vec<u8> {
    let mut fields = field_line("Accept-Patch", MEDIA_TYPE);
    field(&mut fields, "Upload-Limit", upload_limit(config, config.resumable_for).as_bytes());
    fields
}

//! Preconditions and Range, for downloads and uploads.
//!
//! They apply only if the request would succeed without them (RFC 9110 section 13.2.1).

use std::hash::BuildHasher;
use std::time::SystemTime;

use super::pending::{HandlerError, HandlerResult, PendingResponse};
use super::upload_error::PRECONDITION_FAILED_MESSAGE;
use crate::files::{CachedFile, ExistingFile, Resource, UploadError, UploadTarget};
use crate::http::{
    ByteRange, Method, Modified, PreconditionResult, Preconditions, RangeSelection, RequestHead, Status,
    Validators, field_line, if_range_matches, select_ranges,
};
use crate::reactor::Now;
use crate::server::ServerConfig;
use crate::server::context::ServerContext;
use crate::server::response::{
    Body, ErrorResponse, FileHead, FilePart, Response, entity_tag, file_head, multipart,
};

pub(super) fn apply_conditions_and_range(
    response: Response,
    head: &RequestHead<'_, '_>,
    context: &ServerContext,
) -> Response {
    if !head.has_conditions_or_range {
        return response;
    }
    let Body::File(entry, FilePart::Whole) = response.body else { return response };
    let current = validators(&entry.resource, entry.value.entity_tag.as_deref());
    let conditions = Preconditions::from_fields(head.fields);
    let part = match conditions.evaluate(head.method, Some(current), context.now.unix_secs()) {
        PreconditionResult::Failed => return precondition_failed(),
        PreconditionResult::NotModified => FilePart::NotModified,
        PreconditionResult::Perform => {
            let range = applicable_range(head, current, context.now);
            match range.map_or(RangeSelection::Whole, |range| select_ranges(range, entry.resource.len)) {
                RangeSelection::Whole => FilePart::Whole,
                RangeSelection::One(range) => FilePart::Range(range),
                RangeSelection::Several(ranges) => multipart_part(&entry, ranges, context),
                RangeSelection::Unsatisfiable => return range_not_satisfiable(entry.resource.len),
            }
        }
    };
    Response::file(entry, part)
}

/// A job has no validators: a condition on one fails, and `If-None-Match: *` finds that it exists.
pub(super) fn respond_later(
    job: Box<dyn PendingResponse>,
    head: &RequestHead<'_, '_>,
    now: Now,
) -> HandlerResult {
    let conditions = Preconditions::from_fields(head.fields);
    match conditions.evaluate(head.method, Some(Validators::default()), now.unix_secs()) {
        PreconditionResult::Failed => Ok(precondition_failed()),
        // A listing is negotiated; to vary an archive in the same way is harmless.
        PreconditionResult::NotModified => {
            Ok(Response::empty(Status::NOT_MODIFIED, b"Vary: Accept\r\n".into()))
        }
        PreconditionResult::Perform => Err(HandlerError::Job(job)),
    }
}

fn precondition_failed() -> Response {
    ErrorResponse::new(Status::PRECONDITION_FAILED, PRECONDITION_FAILED_MESSAGE).into()
}

/// RFC 9110 section 14.2.
fn applicable_range<'b>(head: &RequestHead<'_, 'b>, current: Validators<'_>, now: Now) -> Option<&'b [u8]> {
    let mut values = head.fields.all("range").filter(|_| head.method == Method::Get);
    // Two Range fields are a mistake, not a list.
    let value = values.next().filter(|_| values.next().is_none())?;
    if_range_matches(head.fields.all("if-range"), current, now.unix_secs()).then_some(value)
}

/// The boundary is a keyed hash of the entity-tag: equal for HEAD and GET, unpredictable for the file's author. A
/// large file has no tag for 2 s after a change: it is sent whole.
fn multipart_part(entry: &CachedFile<FileHead>, ranges: Vec<ByteRange>, context: &ServerContext) -> FilePart {
    let Some(tag) = &entry.value.entity_tag else { return FilePart::Whole };
    let boundary = context.boundary_hasher.hash_one(tag);
    if multipart(&entry.resource, boundary).body_len(&ranges) >= entry.resource.len {
        return FilePart::Whole;
    }
    FilePart::Ranges { ranges, boundary }
}

fn range_not_satisfiable(complete_len: u64) -> Response {
    let message = "The file has none of the bytes in the Range of the request.";
    let error = ErrorResponse::new(Status::RANGE_NOT_SATISFIABLE, message);
    Response::error(error, field_line("Content-Range", format!("bytes */{complete_len}").as_bytes()))
}

fn validators<'a>(resource: &Resource, entity_tag: Option<&'a str>) -> Validators<'a> {
    let is_stable = resource.mtime_is_stable;
    let modified = resource.modified_secs.map(|unix_secs| Modified { unix_secs, is_stable });
    Validators { entity_tag: entity_tag.map(str::as_bytes), encoded_tags: &[], modified }
}

/// RFC 6585 section 3.
pub(super) fn check_required(head: &RequestHead<'_, '_>, config: &ServerConfig) -> Result<(), ErrorResponse> {
    let mut guards = ["if-match", "if-none-match", "if-unmodified-since"].into_iter();
    if !config.require_conditions || guards.any(|name| head.fields.first(name).is_some()) {
        return Ok(());
    }
    let message = "Changes need a condition here: send If-Match with the ETag of the file, or If-None-Match: * \
                   for a new one.";
    Err(ErrorResponse::new(Status::PRECONDITION_REQUIRED, message))
}

#[derive(Debug)]
pub(super) struct UploadPreconditions {
    conditions: Preconditions<'static>,
    /// A file modified later is unstable and counts as changed.
    pub(super) began_at: Now,
    may_replace: bool,
}

impl UploadPreconditions {
    pub(super) fn new(conditions: Preconditions<'_>, may_replace: bool, now: Now) -> Self {
        Self { conditions: conditions.into_owned(), began_at: now, may_replace }
    }

    pub(super) fn check(&self, target: &UploadTarget) -> Result<(), UploadError> {
        if self.may_replace && self.conditions == Preconditions::default() {
            return Ok(());
        }
        let now = SystemTime::UNIX_EPOCH + self.began_at.unix;
        let existing = match target.existing(None, now) {
            // It is there, without validators.
            Err(UploadError::Directory | UploadError::NotRegular) => ExistingFile::Unreadable,
            existing => existing?,
        };
        let (tag, encoded_tags);
        let current = match &existing {
            ExistingFile::Absent => None,
            ExistingFile::File(file) if !self.may_replace => {
                return Err(UploadError::Taken(Some((file.len, file.version))));
            }
            ExistingFile::Unreadable if !self.may_replace => return Err(UploadError::Taken(None)),
            ExistingFile::Unreadable => Some(Validators::default()),
            ExistingFile::File(resource) => {
                tag = resource.version.map(|version| entity_tag(version, None));
                // A client with Accept-Encoding, such as a browser, knows this version by the tag of an encoding.
                let encoded = target.encoded_files(resource, now);
                encoded_tags =
                    encoded.filter_map(|file| file_head(&file, None, false).entity_tag).collect::<Vec<_>>();
                Some(Validators { encoded_tags: &encoded_tags, ..validators(resource, tag.as_deref()) })
            }
        };
        match self.conditions.evaluate(Method::Put, current, self.began_at.unix_secs()) {
            PreconditionResult::Perform => Ok(()),
            _ => Err(UploadError::PreconditionFailed),
        }
    }
}

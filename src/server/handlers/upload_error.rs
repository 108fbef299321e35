//! Errors of requests that store or remove: status, problem type, sentence.
//!
//! Details of disk errors are for the log only.

use crate::files::{PathError, RelativePath, UploadError};
use crate::http::{RequestHead, Status};
use crate::server::ServerConfig;
use crate::server::response::{ErrorDetail, ErrorResponse, Problem, path_error};

pub(super) const PRECONDITION_FAILED_MESSAGE: &str =
    "The condition in If-Match, If-None-Match or If-Unmodified-Since is false.";
const NO_UPLOAD: &str = "There is no such upload here: it has expired, was cancelled, or never was.";
const NAME_TOO_LONG: &str = "The name is longer than the disk of the server allows.";
const TOO_LARGE: &str = "The file is larger than the disk of the server allows.";
const IN_USE: &str = "The system of the server uses this file or directory, so it is left as it is.";
const OTHER_FILE_SYSTEM: &str = "The directory of the file is on another disk: send the file in one request, \
    without Upload-Complete.";
const ROOT_REPLACED: &str = "The served directory was replaced since the upload began: begin it again.";
const TOO_MANY: &str = "There are too many unfinished uploads on this server; finish or cancel some.";
const BUSY: &str = "The server is short of file descriptors or memory; try again.";
const NOT_SYNCED: &str =
    "The change is made, but its directory could not be synced: a power loss may undo it.";

pub(super) fn parse_upload_path<'b>(
    head: &RequestHead<'_, 'b>,
    config: &ServerConfig,
) -> Result<RelativePath<'b>, ErrorResponse> {
    config.parse_upload_path(head.target.path()).map_err(|cause| match cause {
        PathError::Hidden => Problem::HIDDEN_NAME.into(),
        PathError::NotFound => {
            let message = "No file can have this name: it is too long, or has a slash in it.";
            ErrorResponse::new(Status::BAD_REQUEST, message)
        }
        PathError::BadEscape | PathError::Nul | PathError::LeavesRoot => path_error(&cause),
    })
}

impl From<UploadError> for ErrorResponse {
    fn from(cause: UploadError) -> Self {
        let (status, message) = match cause {
            UploadError::Outside => return Problem::OUTSIDE_UPLOAD_DIRECTORY.into(),
            UploadError::NoParent => return Problem::DIRECTORY_MISSING.into(),
            UploadError::Directory => return Problem::IS_A_DIRECTORY.into(),
            UploadError::NotEmpty => return Problem::DIRECTORY_NOT_EMPTY.into(),
            UploadError::NotRegular => return Problem::NOT_A_REGULAR_FILE.into(),
            UploadError::Embedded => return Problem::BUILT_IN_FILE.into(),
            UploadError::Forbidden => return Problem::NO_PERMISSION.into(),
            UploadError::Full => return Problem::DISK_FULL.into(),
            UploadError::Stale => return Problem::DIRECTORY_REPLACED.into(),
            UploadError::OverQuota => return Problem::OVER_QUOTA.into(),
            UploadError::BelowMinFree => return Problem::BELOW_MIN_FREE.into(),
            UploadError::Taken(existing) => {
                let detail = existing.map(|(len, version)| ErrorDetail::Existing(len, version));
                return ErrorResponse { detail, ..Problem::NAME_TAKEN.into() };
            }
            UploadError::Absent => (Status::NOT_FOUND, "There is no such file or directory here."),
            UploadError::NoUpload => (Status::NOT_FOUND, NO_UPLOAD),
            UploadError::PreconditionFailed => (Status::PRECONDITION_FAILED, PRECONDITION_FAILED_MESSAGE),
            UploadError::ReadOnly => (Status::FORBIDDEN, "The disk of the server is read-only."),
            UploadError::NameTooLong => (Status::BAD_REQUEST, NAME_TOO_LONG),
            UploadError::TooLarge => (Status::CONTENT_TOO_LARGE, TOO_LARGE),
            UploadError::InUse => (Status::CONFLICT, IN_USE),
            UploadError::OtherFileSystem => (Status::CONFLICT, OTHER_FILE_SYSTEM),
            UploadError::RootReplaced => (Status::CONFLICT, ROOT_REPLACED),
            UploadError::TooMany => (Status::INSUFFICIENT_STORAGE, TOO_MANY),
            UploadError::Busy => (Status::SERVICE_UNAVAILABLE, BUSY),
            UploadError::DirectoryNotSynced(cause) => {
                log::error!("cannot sync a directory of uploads: {cause}");
                (Status::INTERNAL_SERVER_ERROR, NOT_SYNCED)
            }
            UploadError::Failed(cause) => {
                log::error!("cannot store an upload: {cause}");
                (Status::INTERNAL_SERVER_ERROR, "The server could not store the file.")
            }
        };
        ErrorResponse::new(status, message)
    }
}

//! Errors of requests that store or remove: status, problem type, sentence.
//!
//! Details of disk errors are for the log only.

use crate::files::{PathError, RelativePath, UploadError};
use crate::http::{ErrorFormat, RequestHead, Status};
use crate::server::ServerConfig;
use crate::server::response::{ErrorDetail, ErrorResponse, Problem, path_error};

pub(super) const PRECONDITION_FAILED_MESSAGE: &str =
    "The condition in If-Match, If-None-Match or If-Unmodified-Since is false.";

pub(super) fn parse_upload_path<'b>(
    head: &RequestHead<'_, 'b>,
    config: &ServerConfig,
) -> Result<RelativePath<'b>, ErrorResponse> {
    config.parse_upload_path(head.target.path()).map_err(|cause| match cause {
        PathError::Hidden => ErrorResponse::for_problem(head, Problem::HIDDEN_NAME),
        PathError::NotFound => {
            let message = "No file can have this name: it is too long, or has a slash in it.";
            ErrorResponse::for_request(head, Status::BAD_REQUEST, message)
        }
        PathError::BadEscape | PathError::Nul | PathError::LeavesRoot => path_error(head, &cause),
    })
}

pub(super) fn upload_error(cause: &UploadError, error_format: ErrorFormat) -> ErrorResponse {
    let other = |status, message| ErrorResponse::new(status, message, error_format);
    let problem = match cause {
        UploadError::Outside => Problem::OUTSIDE_UPLOAD_DIRECTORY,
        UploadError::NoParent => Problem::DIRECTORY_MISSING,
        UploadError::Directory => Problem::IS_A_DIRECTORY,
        UploadError::NotEmpty => Problem::DIRECTORY_NOT_EMPTY,
        UploadError::Taken(_) => Problem::NAME_TAKEN,
        UploadError::NotRegular => Problem::NOT_A_REGULAR_FILE,
        UploadError::Embedded => Problem::BUILT_IN_FILE,
        UploadError::Forbidden => Problem::NO_PERMISSION,
        UploadError::Full => Problem::DISK_FULL,
        UploadError::Stale => Problem::DIRECTORY_REPLACED,
        UploadError::OverQuota => Problem::OVER_QUOTA,
        UploadError::BelowMinFree => Problem::BELOW_MIN_FREE,
        UploadError::Absent => return other(Status::NOT_FOUND, "There is no such file or directory here."),
        UploadError::PreconditionFailed => {
            return other(Status::PRECONDITION_FAILED, PRECONDITION_FAILED_MESSAGE);
        }
        UploadError::ReadOnly => return other(Status::FORBIDDEN, "The disk of the server is read-only."),
        UploadError::InUse => {
            let message = "The system of the server uses this file or directory, so it is left as it is.";
            return other(Status::CONFLICT, message);
        }
        UploadError::NameTooLong => {
            return other(Status::BAD_REQUEST, "The name is longer than the disk of the server allows.");
        }
        UploadError::TooLarge => {
            let message = "The file is larger than the disk of the server allows.";
            return other(Status::CONTENT_TOO_LARGE, message);
        }
        UploadError::Busy => {
            let message = "The server is short of file descriptors or memory; try again.";
            return other(Status::SERVICE_UNAVAILABLE, message);
        }
        UploadError::NoUpload => {
            let message = "There is no such upload here: it has expired, was cancelled, or never was.";
            return other(Status::NOT_FOUND, message);
        }
        UploadError::TooMany => {
            let message = "There are too many unfinished uploads on this server; finish or cancel some.";
            return other(Status::INSUFFICIENT_STORAGE, message);
        }
        UploadError::OtherFileSystem => {
            let message = "The directory of the file is on another disk: send the file in one request, without \
                           Upload-Complete.";
            return other(Status::CONFLICT, message);
        }
        UploadError::RootReplaced => {
            let message = "The served directory was replaced since the upload began: begin it again.";
            return other(Status::CONFLICT, message);
        }
        UploadError::DirectoryNotSynced(cause) => {
            log::error!("cannot sync a directory of uploads: {cause}");
            let message =
                "The change is made, but its directory could not be synced: a power loss may undo it.";
            return other(Status::INTERNAL_SERVER_ERROR, message);
        }
        UploadError::Failed(cause) => {
            log::error!("cannot store an upload: {cause}");
            return other(Status::INTERNAL_SERVER_ERROR, "The server could not store the file.");
        }
    };
    let existing = if let UploadError::Taken(existing) = cause { *existing } else { None };
    let detail = existing.map(|(len, version)| ErrorDetail::Existing(len, version));
    ErrorResponse { detail, ..ErrorResponse::of_problem(problem, error_format) }
}

//! Status and message of each upload error.
//!
//! Details of disk errors are for the log only.

use super::preconditions::PRECONDITION_FAILED_MESSAGE;
use crate::files::UploadError;
use crate::http::{ErrorFormat, Status};
use crate::server::response::ErrorResponse;

pub(super) fn upload_error(cause: &UploadError, error_format: ErrorFormat) -> ErrorResponse {
    let (status, message) = match cause {
        UploadError::Outside => {
            (Status::FORBIDDEN, "Uploads are limited to the directory that --upload names.")
        }
        UploadError::NoParent => {
            (Status::CONFLICT, "The directory of the file does not exist; create it first.")
        }
        UploadError::Directory => {
            (Status::CONFLICT, "The path names a directory: it must end in the name of a file.")
        }
        UploadError::NotRegular => {
            (Status::FORBIDDEN, "The path is not a regular file, so it is not replaced.")
        }
        UploadError::Embedded => {
            (Status::FORBIDDEN, "The file is built into the server, so it is not replaced.")
        }
        UploadError::PreconditionFailed => (Status::PRECONDITION_FAILED, PRECONDITION_FAILED_MESSAGE),
        UploadError::Forbidden => {
            (Status::FORBIDDEN, "The server has no permission to write in this directory.")
        }
        UploadError::ReadOnly => (Status::FORBIDDEN, "The disk of the server is read-only."),
        UploadError::InUse => {
            (Status::CONFLICT, "The file is in use by the system of the server, so it is not replaced.")
        }
        UploadError::NameTooLong => {
            (Status::BAD_REQUEST, "The name is longer than the disk of the server allows.")
        }
        UploadError::TooLarge => {
            (Status::CONTENT_TOO_LARGE, "The file is larger than the disk of the server allows.")
        }
        UploadError::OverQuota => {
            (Status::INSUFFICIENT_STORAGE, "The disk quota of the server is used up; nothing was stored.")
        }
        UploadError::BelowMinFree => (
            Status::INSUFFICIENT_STORAGE,
            "The server keeps the rest of its disk free: --min-free sets how much; nothing was stored.",
        ),
        UploadError::Full => {
            (Status::INSUFFICIENT_STORAGE, "The disk of the server is full; nothing was stored.")
        }
        UploadError::Busy => {
            (Status::SERVICE_UNAVAILABLE, "The server is short of file descriptors or memory; try again.")
        }
        UploadError::Stale => (
            Status::SERVICE_UNAVAILABLE,
            "The directory of the file is missing or was replaced; the file is not at its path. Try again.",
        ),
        UploadError::DirectoryNotSynced(cause) => {
            log::error!("cannot sync the directory of an upload: {cause}");
            let message =
                "The file is there, but its directory could not be synced: a power loss may undo it.";
            (Status::INTERNAL_SERVER_ERROR, message)
        }
        UploadError::Failed(cause) => {
            log::error!("cannot store an upload: {cause}");
            (Status::INTERNAL_SERVER_ERROR, "The server could not store the file.")
        }
    };
    ErrorResponse::new(status, message, error_format)
}

//! Problem types (RFC 9457): errors that a program tells apart by more than the status.
//!
//! Their table is in docs/security.md.

use crate::http::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) uri: &'static str,
    pub(super) status: Status,
    pub(super) message: &'static str,
}

const fn problem(uri: &'static str, status: Status, message: &'static str) -> Problem {
    Problem { uri, status, message }
}

#[rustfmt::skip]
impl Problem {
    pub(crate) const UPLOADS_OFF: Self = problem("urn:reactor-http:uploads-off", Status::FORBIDDEN,
        "Uploads are turned off on this server: starting it with --upload turns them on.");
    pub(crate) const DELETING_OFF: Self = problem("urn:reactor-http:deleting-off", Status::FORBIDDEN,
        "Nothing is deleted on this server: starting it with --upload and --allow-delete turns that on.");
    pub(crate) const MAKING_DIRECTORIES_OFF: Self = problem("urn:reactor-http:making-directories-off", Status::FORBIDDEN,
        "No directory is made on this server: starting it with --upload and --allow-mkdir turns that on.");
    pub(crate) const OUTSIDE_UPLOAD_DIRECTORY: Self = problem("urn:reactor-http:outside-upload-directory", Status::FORBIDDEN,
        "Uploads are limited to the directory that --upload names.");
    pub(crate) const UPLOAD_DIRECTORY: Self = problem("urn:reactor-http:upload-directory", Status::FORBIDDEN,
        "This is the directory of uploads itself, which is not deleted.");
    pub(crate) const HIDDEN_NAME: Self = problem("urn:reactor-http:hidden-name", Status::FORBIDDEN,
        "Names that begin with a dot are not stored on this server: --hidden sets that.");
    pub(crate) const NOT_A_REGULAR_FILE: Self = problem("urn:reactor-http:not-a-regular-file", Status::CONFLICT,
        "The path is not a regular file, so it is left as it is.");
    pub(crate) const BUILT_IN_FILE: Self = problem("urn:reactor-http:built-in-file", Status::FORBIDDEN,
        "The file is built into the server, so it is left as it is.");
    pub(crate) const NO_PERMISSION: Self = problem("urn:reactor-http:no-permission", Status::FORBIDDEN,
        "The server has no permission to write in this directory.");
    pub(crate) const DIRECTORY_MISSING: Self = problem("urn:reactor-http:directory-missing", Status::CONFLICT,
        "The directory of the file does not exist; create it first.");
    pub(crate) const IS_A_DIRECTORY: Self = problem("urn:reactor-http:is-a-directory", Status::CONFLICT,
        "The path names a directory: it must end in the name of a file.");
    pub(crate) const NAME_TAKEN: Self = problem("urn:reactor-http:name-taken", Status::CONFLICT,
        "There is a file of this name already, and --no-overwrite keeps it.");
    pub(crate) const DIRECTORY_NOT_EMPTY: Self = problem("urn:reactor-http:directory-not-empty", Status::CONFLICT,
        "The directory is not empty; it may have hidden names. Delete what is in it first.");
    pub(crate) const UPLOAD_TOO_LARGE: Self = problem("urn:reactor-http:upload-too-large", Status::CONTENT_TOO_LARGE,
        "The file is larger than this server accepts: --max-upload sets the limit.");
    pub(crate) const DIRECTORY_REPLACED: Self = problem("urn:reactor-http:directory-replaced", Status::SERVICE_UNAVAILABLE,
        "The directory of the file is missing or was replaced; the file is not at its path. Try again.");
    pub(crate) const DISK_FULL: Self = problem("urn:reactor-http:disk-full", Status::INSUFFICIENT_STORAGE,
        "The disk of the server is full; nothing was stored.");

    pub(crate) const OVER_QUOTA: Self = problem("urn:reactor-http:over-quota", Status::INSUFFICIENT_STORAGE,
        "The disk quota of the server is used up; nothing was stored.");
    pub(crate) const BELOW_MIN_FREE: Self = problem("urn:reactor-http:below-min-free", Status::INSUFFICIENT_STORAGE,
        "The server keeps the rest of its disk free: --min-free sets how much; nothing was stored.");
    pub(crate) const MISMATCHING_UPLOAD_OFFSET: Self = problem("https://iana.org/assignments/http-problem-types#mismatching-upload-offset", Status::CONFLICT,
        "The Upload-Offset is not that of the upload, which this response tells.");
    pub(crate) const COMPLETED_UPLOAD: Self = problem("https://iana.org/assignments/http-problem-types#completed-upload", Status::BAD_REQUEST,
        "The upload is complete: nothing can be appended to it.");
    pub(crate) const INCONSISTENT_UPLOAD_LENGTH: Self = problem("https://iana.org/assignments/http-problem-types#inconsistent-upload-length", Status::BAD_REQUEST,
        "The length of the upload differs from what was said before.");

    pub(crate) const DIGEST_MISMATCH: Self = problem("https://iana.org/assignments/http-problem-types#digest-mismatching-values", Status::BAD_REQUEST,
        "The content does not have the digest that Content-Digest or Repr-Digest gives; nothing was stored.");
    pub(crate) const DIGEST_INVALID: Self = problem("https://iana.org/assignments/http-problem-types#digest-invalid-values", Status::BAD_REQUEST,
        "A value in Content-Digest or Repr-Digest is no byte sequence; nothing was stored.");
    pub(crate) const DIGEST_MISSING: Self = problem("urn:reactor-http:digest-missing", Status::BAD_REQUEST,
        "Uploads need a digest here: send Repr-Digest with sha-256 or sha-512, as a field or a trailer that Trailer names.");

    pub(super) fn title(uri: &str) -> String {
        let name = uri.rsplit([':', '#']).next().unwrap_or_default().replace('-', " ");
        let first = name.get(..1).unwrap_or_default().to_ascii_uppercase();
        first + name.get(1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Problem; 24] = [
        Problem::UPLOADS_OFF,
        Problem::DELETING_OFF,
        Problem::MAKING_DIRECTORIES_OFF,
        Problem::OUTSIDE_UPLOAD_DIRECTORY,
        Problem::UPLOAD_DIRECTORY,
        Problem::HIDDEN_NAME,
        Problem::NOT_A_REGULAR_FILE,
        Problem::BUILT_IN_FILE,
        Problem::NO_PERMISSION,
        Problem::DIRECTORY_MISSING,
        Problem::IS_A_DIRECTORY,
        Problem::NAME_TAKEN,
        Problem::DIRECTORY_NOT_EMPTY,
        Problem::UPLOAD_TOO_LARGE,
        Problem::DIRECTORY_REPLACED,
        Problem::DISK_FULL,
        Problem::OVER_QUOTA,
        Problem::BELOW_MIN_FREE,
        Problem::DIGEST_MISMATCH,
        Problem::DIGEST_INVALID,
        Problem::DIGEST_MISSING,
        Problem::MISMATCHING_UPLOAD_OFFSET,
        Problem::COMPLETED_UPLOAD,
        Problem::INCONSISTENT_UPLOAD_LENGTH,
    ];

    #[test]
    fn problems_are_listed_in_the_docs_as_one_table() {
        let row = |Problem { uri, status, message }: &Problem| {
            format!("| `{uri}` | {} | {} | {message} |\n", status.code(), Problem::title(uri))
        };
        let table = ALL.iter().map(row).collect::<String>();
        let is_listed = include_str!("../../../docs/security.md").contains(&table);
        assert!(is_listed, "docs/security.md needs these rows:\n{table}");
        assert_eq!(include_str!("problem.rs").matches(concat!("= problem", "(")).count(), ALL.len());
    }

    #[test]
    fn title_is_the_name_in_words() {
        assert_eq!(Problem::title("urn:reactor-http:disk-full"), "Disk full");
        assert_eq!(Problem::title("https://example.com/types#name-taken"), "Name taken");
    }
}

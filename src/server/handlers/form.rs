//! POST of a form: files for a directory, from a browser without scripts.
//!
//! They get their names once the form is complete.

use super::options::not_allowed;
use super::pending::{Changed, PendingChange, ResponseOrJob};
use super::preconditions::{UploadPreconditions, check_required};
use super::put::{BeginResult, NewFile, ReceivingUpload, UploadInProgress, accepts_uploads};
use crate::files::PathError;
use crate::http::{
    FormDecoder, FormEvent, Preconditions, RequestHead, Status, content_length, field, percent_encode_path,
};
use crate::reactor::Now;
use crate::server::context::ServerContext;
use crate::server::response::{ErrorResponse, Problem};

/// Files of one form. Each has two descriptors and a write buffer.
const FILES_MAX: usize = 32;

#[derive(Debug)]
struct FormUpload {
    decoder: FormDecoder,
    files: FormFiles,
}

#[derive(Debug)]
struct FormFiles {
    /// Request path.
    directory: Vec<u8>,
    files: Vec<UploadInProgress>,
    replaces: bool,
    is_in_file: bool,
    began_at: Now,
}

pub(super) fn begin(head: &RequestHead<'_, '_>, context: &mut ServerContext) -> BeginResult {
    context.follow_root(true);
    let path = context.config.parse_upload_path(head.target.path());
    if !path.is_ok_and(|path| accepts_uploads(&path, context)) {
        return Err(not_allowed(head, context));
    }
    check_required(head, &context.config)?;
    if context.config.require_digest {
        return Err(Problem::DIGEST_MISSING.into());
    }
    let decoder = head.fields.first("content-type").and_then(FormDecoder::new).ok_or_else(|| {
        let message = "A form here must be multipart/form-data, with its boundary.";
        ErrorResponse::new(Status::UNSUPPORTED_MEDIA_TYPE, message)
    })?;
    let files = FormFiles {
        directory: head.target.path().to_vec(),
        files: Vec::new(),
        replaces: false,
        is_in_file: false,
        began_at: context.now,
    };
    Ok(Box::new(FormUpload { decoder, files }))
}

impl ReceivingUpload for FormUpload {
    fn write(&mut self, _: &[u8], data: &[u8], context: &ServerContext) -> Result<(), ErrorResponse> {
        let (files, mut taken) = (&mut self.files, Ok(()));
        let decoded = self.decoder.decode(data, |event| {
            if taken.is_ok() {
                taken = files.take_event(event, context);
            }
        });
        taken?;
        decoded.map_err(|reject| ErrorResponse::new(reject.status, reject.message))
    }

    fn finish(self: Box<Self>, context: &mut ServerContext) -> ResponseOrJob {
        let Self { decoder, files: mut form } = *self;
        if let Err(reject) = decoder.finish() {
            return Ok(ErrorResponse::new(reject.status, reject.message).into());
        }
        if form.files.is_empty() {
            let message = "The form has no file: go back, and choose one.";
            return Ok(ErrorResponse::new(Status::BAD_REQUEST, message).into());
        }
        let (mut store, config) = (context.store.clone(), context.config.clone());
        PendingChange::start(context, false, move |rename_lock| {
            for file in &mut form.files {
                file.sync(true)?;
            }
            let (mut fields, mut directories) = (Vec::new(), Vec::new());
            content_length(&mut fields, 0);
            // Relative: a proxy may serve the directory elsewhere.
            field(&mut fields, "Location", if config.upload_only { b"./?stored" } else { b"./" });
            for file in &mut form.files {
                let stored = file.place(&mut store, config.upload_dir(), rename_lock, false);
                let stored = stored.map_err(|cause| explain(cause.into()))?;
                directories.extend(file.changed(&stored).directories);
            }
            Ok(Changed { status: Status::SEE_OTHER, fields, directories })
        })
    }
}

impl FormFiles {
    fn take_event(&mut self, event: FormEvent<'_>, context: &ServerContext) -> Result<(), ErrorResponse> {
        match event {
            FormEvent::Part(_, Some(name)) if !name.is_empty() => {
                self.is_in_file = true;
                self.begin_file(name, context)
            }
            FormEvent::Part(name, _) => {
                self.replaces |= name == b"replace";
                self.is_in_file = false;
                Ok(())
            }
            FormEvent::Data(data) => match self.files.last_mut().filter(|_| self.is_in_file) {
                Some(file) => file.write(&[], data, context),
                None => Ok(()),
            },
        }
    }

    fn begin_file(&mut self, name: &[u8], context: &ServerContext) -> Result<(), ErrorResponse> {
        if self.files.len() == FILES_MAX {
            let message = "A form can have at most 32 files; the page with scripts takes any number.";
            return Err(ErrorResponse::new(Status::CONTENT_TOO_LARGE, message));
        }
        // Some browsers send the path on the client (RFC 7578 section 4.2).
        let name = name.rsplit(|byte| b"/\\".contains(byte)).next().unwrap_or_default();
        let mut raw = self.directory.clone();
        percent_encode_path(&mut raw, name);
        let config = &context.config;
        let path = match config.parse_upload_path(&raw) {
            Ok(path) if !matches!(name, b"" | b"." | b"..") => path,
            Err(PathError::Hidden) => return Err(Problem::HIDDEN_NAME.into()),
            _ => {
                return Err(ErrorResponse::new(
                    Status::BAD_REQUEST,
                    "No file can have the name in the form.",
                ));
            }
        };
        let may_replace = self.replaces && !config.no_overwrite || config.upload_only;
        let preconditions = UploadPreconditions::new(Preconditions::default(), may_replace, self.began_at);
        let file = NewFile { path: path.to_owned(), preconditions, modified_secs: None };
        let begun = file.begin(&context.store, config, 0, None).map_err(explain)?;
        // Phones give several pictures one name; a drop box numbers them.
        if !config.upload_only && self.files.iter().any(|other| other.file.path == begun.file.path) {
            return Err(ErrorResponse::new(Status::BAD_REQUEST, "Two files of the form have the same name."));
        }
        self.files.push(begun);
        Ok(())
    }
}

fn explain(error: ErrorResponse) -> ErrorResponse {
    if error.problem != Some(Problem::NAME_TAKEN.uri) {
        return error;
    }
    let message = "There is a file of this name already: go back, and choose to replace it, or rename yours.";
    ErrorResponse { message, ..error }
}

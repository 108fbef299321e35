//! Directory listings as HTML, JSON or plain text.
//!
//! A step takes about 1 ms at most; a long directory is read on a helper thread.

mod body;
mod html;
mod query;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::files::RelativePath;
use crate::files::listing::{Listing, ListingError, ListingOptions};
use crate::http::{ListingFormat, RequestHead, Status, field, field_line, listing_format};
use crate::server::context::ServerContext;
use crate::server::handlers::pending::{HandlerResult, PendingResponse};
use crate::server::handlers::preconditions;
use crate::server::handlers::put::accepts_uploads;
use crate::server::response::{ErrorResponse, Response, StreamedBody, lookup_error};
use body::ListingBody;
use html::{HtmlWriter, UploadForm};
use query::ListingQuery;

/// Longest wait for a long directory, which is sorted before the head is sent.
const LISTING_TIMEOUT: Duration = Duration::from_secs(30);

type ReadResult = Result<Option<Listing>, ListingError>;

pub(super) struct ListingScan {
    options: ListingOptions,
    /// Of a helper thread, which ends early if this is dropped. `None` before the first slice.
    result: Option<Arc<Mutex<Option<ReadResult>>>>,
    html: HtmlWriter,
    format: ListingFormat,
}

/// Years with four digits: 0000-01-01 to 9999-12-31 23:59:59.
const UNIX_SECS_RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;
/// The calendar repeats after 400 years.
const CYCLE_SECS: i64 = 146_097 * 86_400;

fn utc(unix_secs: i64) -> Option<UtcTime> {
    if !UNIX_SECS_RANGE.contains(&unix_secs) {
        return None;
    }
    // `Timestamp` ends some hours before the end of 9999.
    let cycle_before = Timestamp::from_second(unix_secs - CYCLE_SECS).ok()?;
    Some(UtcTime(Offset::UTC.to_datetime(cycle_before)))
}

/// The time 400 years before. Hand-written: the library's arithmetic and printing add 190 kB of error handling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UtcTime(DateTime);

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UtcTime(time) = self;
        let (year, month, day) = (time.year() + 400, time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        match f.alternate() {
            true => write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
            false => write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
        }
    }
}

pub(super) fn listing_response(
    path: &RelativePath<'_>,
    head: &RequestHead<'_, '_>,
    context: &ServerContext,
) -> HandlerResult {
    let query = ListingQuery::parse(head.target.query().unwrap_or_default());
    let format = query.format.unwrap_or_else(|| listing_format(head.accept));
    let options = ListingOptions { hidden: context.config.hidden, ..query.listing_options(format) };
    let html = HtmlWriter { path: path.as_bytes().to_vec(), query, upload: upload_form(path, context) };
    let scan = ListingScan { options, result: None, html, format };
    preconditions::respond_later(Box::new(scan), head, context.now)
}

pub(crate) fn drop_box_page(path: &RelativePath<'_>, is_stored: bool) -> Response {
    let upload = Some(UploadForm::default());
    let html = HtmlWriter { path: path.as_bytes().to_vec(), upload, ..HtmlWriter::default() };
    let fields = field_line("Content-Security-Policy", html.policy().as_bytes());
    Response::bytes(ListingFormat::Html.media_type(), html.drop_box_page(is_stored), fields)
}

fn upload_form(path: &RelativePath<'_>, context: &ServerContext) -> Option<UploadForm> {
    let config = &context.config;
    accepts_uploads(path, context).then_some(UploadForm {
        replace: !config.no_overwrite,
        mkdir: config.allow_mkdir,
        remove: config.allow_delete,
    })
}

fn listing_error(error: &ListingError, path: &[u8]) -> ErrorResponse {
    let (status, message) = match error {
        ListingError::Lookup(error) => return lookup_error(error, path),
        ListingError::Busy => (Status::SERVICE_UNAVAILABLE, "The server is listing many folders; try again."),
        ListingError::TooLarge => (
            Status::INSUFFICIENT_STORAGE,
            "This folder has too many entries for one list; select some with ?filter=.",
        ),
    };
    ErrorResponse::new(status, message)
}

impl PendingResponse for ListingScan {
    fn poll(&mut self, context: &mut ServerContext) -> Option<Response> {
        let read = match &self.result {
            Some(result) => result.lock().unwrap_or_else(PoisonError::into_inner).take()?,
            None => self.start(context),
        };
        match read {
            Ok(listing) => Some(self.respond(listing?)),
            Err(error) => Some(listing_error(&error, &self.html.path).into()),
        }
    }

    /// Half a listing would look complete.
    fn on_timeout(&mut self) -> Response {
        listing_error(&ListingError::Busy, &self.html.path).into()
    }

    fn helper_timeout(&self) -> Option<Duration> {
        Some(LISTING_TIMEOUT)
    }
}

impl ListingScan {
    /// Most directories are complete after one slice, and need not wait for long ones.
    fn start(&mut self, context: &ServerContext) -> ReadResult {
        let (options, budget) = (self.options.clone(), context.listing_budget.clone());
        let helpers = context.listing_helpers.as_ref().zip(context.helpers.clone()).zip(context.key);
        let read =
            Listing::read(&context.store, &self.html.path, options.clone(), &budget, || helpers.is_none());
        let (Ok(None), Some(((listing_helpers, helpers), key))) = (&read, helpers) else { return read };
        let (store, path) = (context.store.clone(), self.html.path.clone());
        let result = self.result.insert(Arc::default());
        let result = Arc::downgrade(result);
        listing_helpers.submit(None, move || {
            let read = Listing::read(&store, &path, options, &budget, || result.strong_count() > 0);
            if let Some(result) = result.upgrade() {
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
            }
            helpers.wake(key);
        });
        Ok(None)
    }

    fn respond(&mut self, listing: Listing) -> Response {
        let policy = self.html.policy();
        let body = ListingBody::new(listing, self.format, std::mem::take(&mut self.html));
        let mut fields = field_line("Vary", b"Accept");
        if self.format == ListingFormat::Html {
            field(&mut fields, "Content-Security-Policy", policy.as_bytes());
        }
        match body.into_bytes() {
            Ok(bytes) => Response::bytes(self.format.media_type(), bytes, fields),
            Err(body) => Response::stream(StreamedBody::new(self.format.media_type(), None, body), fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_formats_years_0_to_9999_else_none() {
        for (unix_secs, text) in [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_709_164_800, "2024-02-29T00:00:00"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (4_107_542_399, "2100-02-28T23:59:59"),
            (784_111_777, "1994-11-06T08:49:37"),
            (-62_167_219_200, "0000-01-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
        ] {
            assert_eq!(utc(unix_secs).map(|time| time.to_string()).as_deref(), Some(text));
        }
        for unix_secs in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
            assert_eq!(utc(unix_secs), None);
        }
    }
}

//! A directory without an index page, as an answer: a page for people, JSON or lines for programs.
//!
//! A [`Collecting`] is the directory being gathered; a [`Body`] is what comes of it, written in slices
//! as the connection takes it. Which form, order and part of it is the query's and Accept's to say.
//! Nothing here waits, blocks for longer than about a millisecond, or knows a connection.

mod body;
mod escape;
mod html;
mod human;
mod json;
mod query;

use super::reply::Answer;
use super::route::{refusal, unavailable};
use super::site::Site;
use super::stream::{self, Gathering, Stream};
use crate::files::RelativePath;
use crate::files::listing::{self, ListingError};
use crate::http::{Form, Prose, RequestHead, Status, form_for, prose_for};
use body::Writer;
use html::Html;
use query::Query;

pub(super) use body::Body;

/// A listing that is being gathered.
#[derive(Debug)]
pub(super) struct Collecting {
    /// None once it has come to its end.
    gathering: Option<listing::Gathering>,
    path: Vec<u8>,
    query: Query,
    form: Form,
    /// The form of an error.
    prose: Prose,
}

/// The answer to a request for the directory at `path`, which has no index page.
pub(super) fn of(path: &RelativePath<'_>, head: &RequestHead<'_, '_>, site: &Site) -> Answer {
    let query = Query::read(head.target.query().unwrap_or_default());
    let form = query.form.unwrap_or_else(|| form_for(head.accept));
    let prose = prose_for(head.accept);
    match listing::Gathering::begin(path, query.wanted(form), &site.listings) {
        Ok(gathering) => {
            let path = path.as_bytes().to_vec();
            let collecting = Collecting { gathering: Some(gathering), path, query, form, prose };
            Answer::Gather(Box::new(Gathering::Listing(collecting)))
        }
        Err(fault) => explain(&fault, path.as_bytes(), prose),
    }
}

/// The answer to what cannot be listed.
fn explain(fault: &ListingError, path: &[u8], prose: Prose) -> Answer {
    let (status, why) = match fault {
        ListingError::Lookup(fault) => return unavailable(fault, path, prose),
        ListingError::Busy => {
            (Status::SERVICE_UNAVAILABLE, "The server is listing many directories; try again.")
        }
        ListingError::TooLarge => (
            Status::INSUFFICIENT_STORAGE,
            "This directory has too many entries to be listed at once; ask for some with ?filter=.",
        ),
    };
    refusal(status, why, prose)
}

impl Collecting {
    /// Does one slice of the work; the answer, when it has come to one.
    pub(super) fn work(&mut self, site: &Site) -> Option<Answer> {
        match self.gathering.as_mut()?.gather(&site.store) {
            Ok(true) => None,
            Ok(false) => Some(self.finish()),
            Err(fault) => Some(explain(&fault, &self.path, self.prose)),
        }
    }

    /// The answer when no more time is left: half a listing would pass for a whole one.
    pub(super) fn give_up(&mut self) -> Answer {
        self.gathering = None;
        explain(&ListingError::Busy, &self.path, self.prose)
    }

    fn finish(&mut self) -> Answer {
        let Some(gathering) = self.gathering.take() else { return self.give_up() };
        let (path, query) = (std::mem::take(&mut self.path), std::mem::take(&mut self.query));
        let writer = match self.form {
            Form::Html => Writer::Html(Html::new(path, query)),
            Form::Json => Writer::Json,
            Form::Plain => Writer::Plain,
        };
        let body = Body::new(gathering.finish(), writer);
        let len = body.whole_len();
        let mut fields = Vec::new();
        body.fields(&mut fields);
        let body = stream::Body::Listing(Box::new(body));
        Answer::Stream(Box::new(Stream::new(self.form.media_type(), fields, len, body)))
    }
}

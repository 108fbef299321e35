//! From settings to a plan: reads the list of URLs and the body, and puts the requests together.
//!
//! It owns the bounds of what is read and what is said when it cannot be. Nothing is resolved or sent.

use std::fs::File;
use std::io::{self, Read};

use crate::client::config::FieldEdit;
use crate::client::source::{DATA_TYPE, Payload, Source, join};
use crate::client::target::{Overrides, Target};

use super::args::{Places, Settings};
use super::bounded::read_bounded;
use super::perform::LoadError;
use super::plan::Plan;
use super::setup::Sent;
use super::template::{RequestParts, RequestTemplate, Template};
use super::urls::{parse_list, read_list};

/// A longer body is refused: each request that is on the way has a copy of it.
const BODY_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Fills in what the settings leave to files; tells what is sent, too.
///
/// # Errors
/// What cannot be read, or makes no sense when it is.
pub(super) fn prepare(settings: &Settings) -> Result<(Plan, Sent), LoadError> {
    let targets = targets(&settings.places)?;
    let body = body(settings.payload.as_ref())?;
    let mut fields = settings.fields.clone();
    let names_type = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if matches!(settings.payload, Some(Payload::Data(_))) && !names_type {
        fields.push(("Content-Type".to_owned(), FieldEdit::Set(DATA_TYPE.to_owned())));
    }
    let parts = RequestParts {
        method: &settings.method,
        fields: &fields,
        body: body.as_ref(),
        keep_alive: settings.plan.keep_alive,
    };
    let request = RequestTemplate::new(&targets, &parts).map_err(LoadError::Usage)?;
    let sent = Sent::new(&settings.method, &fields, body.as_ref());
    Ok((Plan { targets, request, ..settings.plan.clone() }, sent))
}

fn targets(places: &Places) -> Result<Vec<Target>, LoadError> {
    match places {
        Places::One(target) => Ok(vec![target.clone()]),
        Places::List { list, host, port } => {
            let overrides = Overrides { host: host.clone(), port: *port, keeps_braces: true };
            let bytes = open(list).and_then(read_list).map_err(|error| unreadable(list, &error))?;
            let usage = |error| LoadError::Usage(format!("{list}: {error}"));
            parse_list(&bytes, &overrides).map_err(usage)
        }
    }
}

fn body(payload: Option<&Payload>) -> Result<Option<Template>, LoadError> {
    match payload {
        None => Ok(None),
        Some(Payload::Source(source)) => Ok(Some(Template::constant_of(read(source)?))),
        Some(Payload::Data(data)) => {
            let text = join(data, read)?;
            let usage = |error| LoadError::Usage(format!("option '--data': {error}"));
            Template::parse(&text).map(Some).map_err(usage)
        }
    }
}

fn read(source: &Source) -> Result<Vec<u8>, LoadError> {
    let read = |mut from| read_bounded(&mut from, BODY_LEN_MAX);
    open(source).and_then(read).map_err(|error| unreadable(source, &error))
}

fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    match source {
        Source::Stdin => Ok(Box::new(io::stdin())),
        Source::File(path) => Ok(Box::new(File::open(path)?)),
    }
}

fn unreadable(source: &Source, error: &io::Error) -> LoadError {
    LoadError::Failed(format!("cannot read {source}: {error}"))
}

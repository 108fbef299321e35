//! The command line of `reactor-client`: arguments become a [`Config`], or one line of refusal.
//!
//! It owns which options there are and what they mean together; those of load mode are read in
//! `load::args`. One-letter options mean what they mean for curl, those of load mode what they mean for
//! hey and oha. How options are spelled is the work of `command_line`, what words mean that of
//! `target`. It never prints, exits, or reads the environment.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::config::{Config, FieldEdit, Output, last_segment, parse_field, parse_method, parse_seconds};
use super::load;
use super::source::{self, DATA_TYPE, Payload, datum};
use super::target::{Overrides, parse_host, parse_port, parse_words};
use crate::access_log::{Destination, Format, HeaderChoice, Style};
use crate::command_line::{Given, Program, Spelling, UsageError, Values, quote};

pub use crate::command_line::Command;

/// What `--help` shows.
pub const HELP: &str = include_str!("help.txt");

/// What `--version` shows.
pub const VERSION: &str = concat!("reactor-client ", env!("CARGO_PKG_VERSION"), "\n");

/// The program and its options.
pub const PROGRAM: Program = Program {
    name: "reactor-client",
    spellings: &[
        Spelling::valued(None, "--assert", "'p99<10ms'"),
        Spelling::valued(None, "--compare", "before.run"),
        Spelling::valued(Some('c'), "--concurrency", "50"),
        Spelling::valued(None, "--connect-timeout", "5"),
        Spelling::valued(Some('d'), "--data", "'n={SEQ}'"),
        Spelling::valued(Some('z'), "--duration", "10s"),
        Spelling::valued(None, "--every", "10s"),
        Spelling::flag(Some('f'), "--fail"),
        Spelling::valued(None, "--fail-on", "'p99>+10%'"),
        Spelling::flag(None, "--find-rate"),
        Spelling::valued(None, "--format", "json"),
        Spelling::flag(Some('I'), "--head"),
        Spelling::valued(Some('H'), "--header", "'Accept: text/html'"),
        Spelling::order(Some('h'), "--help"),
        Spelling::valued(None, "--host", "localhost"),
        Spelling::flag(Some('i'), "--include"),
        Spelling::valued(None, "--log", "exchanges.log"),
        Spelling::valued(None, "--log-format", "json"),
        Spelling::valued(None, "--log-headers", "Host,Server"),
        Spelling::flag(None, "--log-secrets"),
        Spelling::valued(Some('m'), "--max-time", "30"),
        Spelling::flag(None, "--no-keepalive"),
        Spelling::valued(None, "--order", "random"),
        Spelling::valued(None, "--out", "report.json"),
        Spelling::valued(Some('o'), "--output", "page.html"),
        Spelling::valued(None, "--pipeline", "8"),
        Spelling::valued(Some('p'), "--port", "8080"),
        Spelling::valued(None, "--ramp", "0..5000/60s"),
        Spelling::valued(Some('q'), "--rate", "1000"),
        Spelling::flag(Some('O'), "--remote-name"),
        Spelling::valued(Some('X'), "--request", "OPTIONS"),
        Spelling::valued(Some('n'), "--requests", "10k"),
        Spelling::valued(None, "--requests-per-connection", "100"),
        Spelling::valued(None, "--save", "before.run"),
        Spelling::valued(None, "--seed", "1"),
        Spelling::flag(Some('S'), "--show-error"),
        Spelling::flag(Some('s'), "--silent"),
        Spelling::valued(None, "--slo", "'p99<10ms'"),
        Spelling::valued(None, "--steps", "100:30s,200:30s"),
        Spelling::valued(None, "--threads", "2"),
        Spelling::valued(None, "--timeout", "5s"),
        Spelling::valued(Some('T'), "--upload-file", "notes.txt"),
        Spelling::valued(None, "--urls", "urls.txt"),
        Spelling::flag(Some('v'), "--verbose"),
        Spelling::order(Some('V'), "--version"),
        Spelling::valued(None, "--warmup", "2s"),
    ],
    values: Values::Any,
};

/// Reads the arguments, without the program's name.
///
/// An option given twice counts as given last, but `--header` adds up.
///
/// # Errors
///
/// A [`UsageError`] that names the option or word at fault.
pub fn parse(args: Vec<OsString>) -> Result<Command<Task>, UsageError> {
    PROGRAM.command(args, |given| match load::args::is_asked_for(given) {
        true => load::args::read_settings(given).map(|settings| Task::Load(Box::new(settings))),
        false => read_config(given).map(|config| Task::Fetch(Box::new(config))),
    })
}

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// One request.
    Fetch(Box<Config>),
    /// A run of many.
    Load(Box<load::args::Settings>),
}

fn read_config(given: &mut Given) -> Result<Config, String> {
    load::args::refuse(given)?;
    let overrides = Overrides {
        host: value(given, "--host", parse_host)?,
        port: value(given, "--port", parse_port)?,
        keeps_braces: false,
    };
    let words: Vec<String> = given.operands().iter().map(word_text).collect();
    let (word, mut target) = parse_words(&words, &overrides)?;
    let head = given.flag("--head");
    let (file, data) = (given.last("--upload-file"), given.all("--data"));
    let method = method(given, word, head, default_method(file.is_some(), !data.is_empty())?)?;
    let is_data = !data.is_empty();
    let upload = match is_data {
        true => Some(Payload::Data(data.into_iter().map(datum).collect::<Result<_, _>>()?)),
        false => source::choose(file, &method, &mut target.path)?.map(Payload::Source),
    };
    let saves_under_its_name = given.clone().flag("--remote-name");
    let output = output(given, &target.path)?;
    let mut fields = fields(given)?;
    if upload.is_some() {
        check_upload(&fields, saves_under_its_name && !is_data)?;
    }
    if is_data && !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        fields.push(("Content-Type".to_owned(), FieldEdit::Set(DATA_TYPE.to_owned())));
    }
    Ok(Config {
        method,
        fields,
        output,
        include: given.flag("--include") || head,
        verbose: given.flag("--verbose"),
        silent: given.flag("--silent"),
        show_error: given.flag("--show-error"),
        fail: given.flag("--fail"),
        max_time: value(given, "--max-time", parse_seconds)?.flatten(),
        connect_timeout: value(given, "--connect-timeout", parse_seconds)?.flatten(),
        log: log(given)?,
        log_style: log_style(given)?,
        target,
        upload,
    })
}

/// The method if nobody says one: it follows from what is sent.
pub(super) fn default_method(is_file: bool, is_data: bool) -> Result<&'static str, String> {
    match (is_file, is_data) {
        (true, false) => Ok("PUT"),
        (false, true) => Ok("POST"),
        (true, true) => Err("-T and -d both say what to send: leave one out".to_owned()),
        (false, false) => Ok("GET"),
    }
}

/// What would spoil what is sent: framing by hand, and saving the answer under the name of the file.
pub(super) fn check_upload(fields: &[(String, FieldEdit)], saves_under_its_name: bool) -> Result<(), String> {
    let framing = ["Content-Length", "Transfer-Encoding"];
    if let Some((name, _)) =
        fields.iter().find(|(name, _)| framing.iter().any(|known| known.eq_ignore_ascii_case(name)))
    {
        return Err(format!(
            "option '--header' with {}: how a file is sent follows from the file",
            quote(name)
        ));
    }
    match saves_under_its_name {
        true => Err("-O would save the answer in the place of the file that is sent; use -o FILE".to_owned()),
        false => Ok(()),
    }
}

/// The method: from a word, `-X` or `-I`, which must not contradict one another.
pub(super) fn method(
    given: &mut Given,
    word: Option<String>,
    head: bool,
    default: &str,
) -> Result<String, String> {
    let understood =
        |word: String| parse_method(&word).map_err(|error| format!("word {}: {error}", quote(&word)));
    let word = word.map(understood).transpose()?;
    let request = value(given, "--request", parse_method)?;
    let head = head.then(|| "HEAD".to_owned());
    let mut methods = [word, request, head].into_iter().flatten();
    let method = methods.next().unwrap_or_else(|| default.to_owned());
    match methods.find(|other| *other != method) {
        Some(other) => Err(format!("two methods are asked for, {method} and {other}: leave one out")),
        None => Ok(method),
    }
}

fn output(given: &mut Given, path: &str) -> Result<Output, String> {
    match (given.last("--output"), given.flag("--remote-name")) {
        (Some(_), true) => Err("-o and -O both say where to save: leave one out".to_owned()),
        (Some(file), false) if file.is_empty() => {
            Err("option '--output' needs the name of a file".to_owned())
        }
        (Some(file), false) if file == "-" => Ok(Output::ForcedStdout),
        (Some(file), false) => Ok(Output::File(PathBuf::from(file))),
        (None, true) => match last_segment(path) {
            Ok(file) => Ok(Output::File(file)),
            Err(error) => Err(format!("option '--remote-name' with {}: {error}; use -o FILE", quote(path))),
        },
        (None, false) => Ok(Output::Stdout),
    }
}

fn log(given: &mut Given) -> Result<Destination, String> {
    match given.last("--log") {
        None => Ok(Destination::Off),
        Some(file) if file.is_empty() => Err("option '--log' needs the name of a file".to_owned()),
        Some(file) if file == "-" => Ok(Destination::Stdout),
        Some(file) => Ok(Destination::File(PathBuf::from(file))),
    }
}

fn log_style(given: &mut Given) -> Result<Style, String> {
    Ok(Style {
        format: value(given, "--log-format", Format::parse)?.unwrap_or(Format::Headers),
        headers: value(given, "--log-headers", HeaderChoice::parse)?.unwrap_or_default(),
        secrets: given.flag("--log-secrets"),
    })
}

pub(super) fn fields(given: &mut Given) -> Result<Vec<(String, FieldEdit)>, String> {
    let headers = given.all("--header");
    headers.iter().map(|header| understand("--header", header, parse_field)).collect()
}

/// The value of an option, understood by `parse`.
pub(super) fn value<T, E: fmt::Display>(
    given: &mut Given,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    given.last(name).map(|value| understand(name, &value, parse)).transpose()
}

/// Understands the value of an option, or says which value of which option it is not.
fn understand<T, E: fmt::Display>(
    name: &str,
    value: &OsString,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let outcome = match value.to_str() {
        Some(text) => parse(text).map_err(|error| error.to_string()),
        None => Err("it is not UTF-8".to_owned()),
    };
    outcome.map_err(|error| {
        let shown = quote(value);
        // Some errors quote the value themselves; once is enough.
        match error.starts_with(&shown) {
            true => format!("option '{name}': {error}"),
            false => format!("option '{name}' with {shown}: {error}"),
        }
    })
}

/// A word as text. Linux knows file names that are not UTF-8; such a word is percent-encoded, which is
/// how a path is sent anyway.
pub(super) fn word_text(word: &OsString) -> String {
    match word.to_str() {
        Some(text) => text.to_owned(),
        None => {
            let keeps_ascii = |b: u8| match b.is_ascii() {
                true => char::from(b).to_string(),
                false => percent_encode(&[b], NON_ALPHANUMERIC).to_string(),
            };
            word.as_bytes().iter().copied().map(keeps_ascii).collect()
        }
    }
}

#[cfg(test)]
mod tests;

//! The command line of `reactor-client`: arguments become a [`Config`], or one line of refusal.
//!
//! It owns which options there are and what they mean together for a single request; those of a run are
//! read in `load`. One-letter options mean what they mean for curl, those of load mode what they mean for
//! hey and oha. How options are spelled is the work of `cli`, what words mean that of
//! `target`. It never prints, exits, or reads the environment.

use super::config::{Config, Output};
use super::options::{file_name, overrides, parse_time, read_request, refuse_load_options, value};
use super::source::{Payload, last_segment};
use crate::access_log::{Destination, Format, HeaderChoice, Style};
use crate::cli::{Given, Program, Spelling, Values, quote};

pub use crate::cli::Command;

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
        Spelling::valued(Some('d'), "--data", "'n={SEQ}'").repeated(),
        Spelling::valued(Some('z'), "--duration", "10s"),
        Spelling::valued(None, "--every", "10s"),
        Spelling::flag(Some('f'), "--fail"),
        Spelling::valued(None, "--fail-on", "'p99>+10%'"),
        Spelling::flag(None, "--find-rate"),
        Spelling::valued(None, "--format", "json"),
        Spelling::flag(Some('I'), "--head"),
        Spelling::valued(Some('H'), "--header", "'Accept: text/html'").repeated(),
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

/// Reads the options of a single request.
///
/// # Errors
/// One line that names the option or word at fault, and the remedy.
pub(crate) fn read_config(given: &mut Given) -> Result<Config, String> {
    refuse_load_options(given)?;
    let overrides = overrides(given, false)?;
    let mut request = read_request(given, &overrides, false)?;
    let saves_under_its_name = given.clone().flag("--remote-name");
    let output = output(given, &request.target.path)?;
    match request.payload {
        Some(Payload::Source(_)) if saves_under_its_name => {
            let told = "-O would save the answer in the place of the file that is sent; use -o FILE";
            return Err(told.to_owned());
        }
        Some(Payload::Data(_)) => request.name_data_type(),
        _ => {}
    }
    Ok(Config {
        method: request.method,
        fields: request.fields,
        output,
        include: given.flag("--include") || request.is_head_asked,
        verbose: given.flag("--verbose"),
        silent: given.flag("--silent"),
        show_error: given.flag("--show-error"),
        fail: given.flag("--fail"),
        max_time: value(given, "--max-time", parse_time)?.filter(|time| !time.is_zero()),
        connect_timeout: value(given, "--connect-timeout", parse_time)?.filter(|time| !time.is_zero()),
        log: log(given)?,
        log_style: log_style(given)?,
        target: request.target,
        upload: request.payload,
    })
}

fn output(given: &mut Given, path: &str) -> Result<Output, String> {
    match (file_name(given, "--output")?, given.flag("--remote-name")) {
        (Some(_), true) => Err("-o and -O both say where to save: leave one out".to_owned()),
        (Some(file), false) if file.as_os_str() == "-" => Ok(Output::ForcedStdout),
        (Some(file), false) => Ok(Output::File(file)),
        (None, true) => last_segment(path)
            .map(Output::File)
            .map_err(|error| format!("option '--remote-name' with {}: {error}; use -o FILE", quote(path))),
        (None, false) => Ok(Output::Stdout),
    }
}

fn log(given: &mut Given) -> Result<Destination, String> {
    Ok(match file_name(given, "--log")? {
        None => Destination::Off,
        Some(file) if file.as_os_str() == "-" => Destination::Stdout,
        Some(file) => Destination::File(file),
    })
}

fn log_style(given: &mut Given) -> Result<Style, String> {
    Ok(Style {
        format: value(given, "--log-format", Format::parse)?.unwrap_or(Format::Headers),
        headers: value(given, "--log-headers", HeaderChoice::parse)?.unwrap_or_default(),
        secrets: given.flag("--log-secrets"),
    })
}

#[cfg(test)]
mod tests;

//! Command line of load mode: options to [`Settings`].
//!
//! It owns the options that select load mode and their combinations.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{OptionSpec, ParsedArgs, UsageError, parse_choice, value};
use crate::client;
use crate::client::config::{FieldEdit, NamedEdit};
use crate::client::options::{
    file_name, overrides, parse_positive_time, parse_time, read_known_hosts, read_request, read_tls,
};
use crate::client::source::{Data, Payload, Source};
use crate::client::target::{ClientTarget, Overrides};
use crate::http::Method;
use crate::text::{parse_count, parse_rate};

pub use crate::cli::Command;

use super::assertion::Assertion;
use super::report::ReportFormat;
use crate::load::compare::thresholds::Thresholds;
use crate::load::engine::pacer::Schedule;
use crate::load::plan::run_plan::{
    CONCURRENCY_DEFAULT, DURATION_DEFAULT, PIPELINE_MAX, Plan, Stop, THREADS_MAX, TIMEOUT_DEFAULT, UrlOrder,
};
use crate::load::plan::schedule::{parse_ramp, parse_steps};
use search::{SearchSettings, read_search};

const PROGRESS_INTERVAL_DEFAULT: Duration = Duration::from_secs(10);
/// A block on a terminal is redrawn as often.
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(250);

const LOAD_MODE_OPTIONS: [&str; 7] =
    ["--concurrency", "--requests", "--duration", "--rate", "--steps", "--ramp", "--find-rate"];
/// The last value of an option wins; `--header` accumulates.
///
/// # Errors
/// The invalid option or word.
pub fn parse(args: Vec<OsString>) -> Result<Command<ClientTask>, UsageError> {
    let is_load_mode = |parsed: &ParsedArgs| LOAD_MODE_OPTIONS.iter().any(|name| parsed.peek(name).is_some());
    client::args::PROGRAM.command(args, |parsed| match is_load_mode(parsed) {
        true => read_settings(parsed).map(|settings| ClientTask::Load(Box::new(settings))),
        false => client::args::read_config(parsed).map(|config| ClientTask::Fetch(Box::new(config))),
    })
}

/// Parsed command of `reactor-client`.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientTask {
    /// Single request.
    Fetch(Box<client::config::ClientConfig>),
    /// Load test.
    Load(Box<Settings>),
}

/// Settings, before files are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Plan; its targets and requests are added later.
    pub plan: Plan,
    /// Source of the targets.
    pub target_selection: TargetSelection,
    /// Request method, as sent.
    pub method: String,
    /// Field edits; values may have placeholders.
    pub fields: Vec<NamedEdit>,
    /// User whose password is asked for.
    pub login_user: Option<OsString>,
    /// Body: raw file, or text with placeholders.
    pub payload: Option<Payload>,
    /// Report format.
    pub format: ReportFormat,
    /// Report file; `None` means standard output.
    pub report_path: Option<PathBuf>,
    /// Interval of progress lines, if standard error is no terminal.
    pub progress_interval: Duration,
    /// Suppresses progress.
    pub silent: bool,
    /// A client-bound run is no error.
    pub allows_invalid: bool,
    /// Limits of `--assert`.
    pub assertion: Option<Assertion>,
    /// File of `--save`.
    pub save_path: Option<PathBuf>,
    /// Saved run of `--compare`.
    pub baseline_path: Option<PathBuf>,
    /// Limits of `--fail-on`.
    pub thresholds: Option<Thresholds>,
    /// Settings of `--find-rate`.
    pub search: Option<SearchSettings>,
}

/// Source of the targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSelection {
    /// Target from the operands.
    One(ClientTarget),
    /// List of URLs, and options that override them.
    List(Source, Overrides),
}

pub(crate) fn read_settings(parsed: &mut ParsedArgs) -> Result<Settings, String> {
    for OptionSpec { long: name, instead, .. } in client::args::PROGRAM.specs {
        if let Some(instead) = instead.filter(|_| parsed.peek(name).is_some()) {
            return Err(format!("option '{name}' is for a single request; in load mode, {instead}"));
        }
    }
    let format = value(parsed, "--format", parse_format)?.unwrap_or_default();
    let search = read_search(parsed, format)?;
    let plan = read_plan(parsed, search.is_some())?;
    let (overrides, list) = (overrides(parsed, true)?, file_name(parsed, "--urls")?);
    let list = list.map(|file| if file.as_os_str() == "-" { Source::Stdin } else { Source::File(file) });
    let request = read_request(parsed, &overrides, list.is_some())?;
    if !request.more_uploads.is_empty() {
        return Err("-T names several files, and load mode sends one: leave out the others".to_owned());
    }
    if request.method == "HEAD" && request.payload.is_some() {
        return Err("-d sends a body, and HEAD has none: leave one out".to_owned());
    }
    // A request with `close` is the last of its connection (RFC 9112 section 9.6).
    let has_close = |(name, edit): &NamedEdit| {
        name.eq_ignore_ascii_case("connection")
            && matches!(edit, FieldEdit::Set(value) if value.split(',').any(|its| its.trim().eq_ignore_ascii_case("close")))
    };
    let keep_alive = plan.keep_alive && !request.fields.iter().any(has_close);
    let plan = Plan { method: Method::from_token(request.method.as_bytes()), keep_alive, ..plan };
    plan.check()?;
    let settings = Settings {
        plan,
        target_selection: match list {
            Some(list) => TargetSelection::List(list, overrides),
            None => TargetSelection::One(request.target),
        },
        method: request.method,
        fields: request.fields,
        login_user: request.login_user,
        payload: request.payload,
        format,
        report_path: report_path(parsed)?,
        progress_interval: value(parsed, "--every", parse_progress_interval)?
            .unwrap_or(PROGRESS_INTERVAL_DEFAULT),
        silent: parsed.flag("--silent"),
        allows_invalid: parsed.flag("--allow-client-bound"),
        assertion: value(parsed, "--assert", Assertion::parse)?,
        save_path: file_name(parsed, "--save")?,
        baseline_path: file_name(parsed, "--compare")?,
        thresholds: value(parsed, "--fail-on", Thresholds::parse)?,
        search,
    };
    if settings.thresholds.is_some() && settings.baseline_path.is_none() {
        return Err("--fail-on needs an earlier run: name it with --compare RUN".to_owned());
    }
    check_single_stdin_use(&settings)?;
    Ok(settings)
}

/// Standard input can be read once.
fn check_single_stdin_use(settings: &Settings) -> Result<(), String> {
    let list = matches!(&settings.target_selection, TargetSelection::List(Source::Stdin, _));
    let sent = match &settings.payload {
        Some(Payload::Source(source)) => usize::from(*source == Source::Stdin),
        Some(Payload::Data(data)) => data.iter().filter(|datum| **datum == Data::File(Source::Stdin)).count(),
        None => 0,
    };
    match usize::from(list) + sent {
        0 | 1 => Ok(()),
        _ => Err("standard input cannot be read twice: name a file instead of one -".to_owned()),
    }
}

pub(super) fn report_path(parsed: &mut ParsedArgs) -> Result<Option<PathBuf>, String> {
    Ok(file_name(parsed, "--out")?.filter(|file| file.as_os_str() != "-"))
}

fn read_plan(parsed: &mut ParsedArgs, is_search: bool) -> Result<Plan, String> {
    let schedule = read_schedule(parsed)?;
    let requests = value(parsed, "--requests", parse_count)?;
    let duration = value(parsed, "--duration", parse_positive_time)?;
    let threads = value(parsed, "--threads", |text| parse_count_at_most(text, THREADS_MAX))?.unwrap_or(1);
    let concurrency = value(parsed, "--concurrency", |text| parse_count_at_most(text, usize::MAX))?;
    let is_alone = schedule == Schedule::Closed && requests.is_none() && duration.is_none();
    if is_alone && !is_search && concurrency == Some(1) {
        return Err("'-c 1' alone is a single request: leave it out, or set -n or -z".to_owned());
    }
    let duration = match (schedule.len(), duration) {
        (Some(_), Some(_)) => {
            return Err("--steps and --ramp set the length of the run: leave -z out".to_owned());
        }
        (Some(len), None) => Some(len),
        (None, None) if requests.is_none() => Some(DURATION_DEFAULT),
        (None, duration) => duration,
    };
    let max = requests.and_then(|requests| usize::try_from(requests).ok()).unwrap_or(usize::MAX);
    Ok(Plan {
        order: value(parsed, "--order", UrlOrder::parse)?.unwrap_or_default(),
        concurrency: concurrency.unwrap_or_else(|| CONCURRENCY_DEFAULT.min(max).max(threads)),
        stop: Stop { requests, duration },
        schedule,
        warmup: value(parsed, "--warmup", parse_time)?.unwrap_or_default(),
        pipeline: value(parsed, "--pipeline", |text| parse_count_at_most(text, PIPELINE_MAX))?.unwrap_or(1),
        keep_alive: !parsed.flag("--no-keepalive"),
        requests_per_connection: value(parsed, "--requests-per-connection", parse_count)?,
        timeout: value(parsed, "--timeout", parse_positive_time)?.unwrap_or(TIMEOUT_DEFAULT),
        threads,
        seed: value(parsed, "--seed", parse_seed)?.unwrap_or_default(),
        tls: read_tls(parsed)?,
        tls_resumes: value(parsed, "--tls-resume", parse_on_off)?.unwrap_or(false),
        known_hosts: read_known_hosts(parsed)?,
        ..Plan::default()
    })
}

fn read_schedule(parsed: &mut ParsedArgs) -> Result<Schedule, String> {
    let rate = value(parsed, "--rate", |text| parse_rate(text, false))?.map(Schedule::Constant);
    let steps = value(parsed, "--steps", parse_steps)?;
    let ramp = value(parsed, "--ramp", parse_ramp)?;
    let mut schedules = [rate, steps, ramp].into_iter().flatten();
    match (schedules.next(), schedules.next()) {
        (_, Some(_)) => Err("-q, --steps and --ramp each set the rate: leave out all but one".to_owned()),
        (schedule, None) => Ok(schedule.unwrap_or(Schedule::Closed)),
    }
}

fn parse_count_at_most(text: &str, max: usize) -> Result<usize, String> {
    match parse_count(text).map(usize::try_from) {
        Ok(Ok(count)) if count <= max => Ok(count),
        Ok(_) => Err(format!("at most {max} are allowed")),
        Err(_) => Err("it is a whole number above 0, such as 50".to_owned()),
    }
}

pub(super) fn parse_format(text: &str) -> Result<ReportFormat, String> {
    parse_choice("the format", &ReportFormat::ALL, text)
}

fn parse_on_off(text: &str) -> Result<bool, String> {
    parse_choice("resumption", &[("on", true), ("off", false)], text)
}

pub(super) fn parse_seed(text: &str) -> Result<u64, &'static str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten().ok_or("a seed is a whole number below 2^64, such as 1")
}

fn parse_progress_interval(text: &str) -> Result<Duration, String> {
    match parse_positive_time(text)? {
        time if time >= PROGRESS_INTERVAL_MIN => Ok(time),
        _ => Err("progress does not change more often than every 250ms".to_owned()),
    }
}

pub mod search;
#[cfg(test)]
mod tests;

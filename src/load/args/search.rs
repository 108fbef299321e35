//! Options of a rate search: `--find-rate`, `--slo`.
//!
//! It owns the rejected options, with reasons.

use std::time::Duration;

use crate::cli::{ParsedArgs, value};
use crate::client::options::{parse_positive_time, parse_time};
use crate::text::parse_rate;

use crate::load::report::ReportFormat;
use crate::load::search::bracket::RATE_MIN;
use crate::load::search::slo::Slo;

const SEARCH_CONFLICTS: [(&str, &str); 8] = [
    ("--allow-client-bound", "a search ends where the client reaches its limit"),
    ("--assert", "--slo has its conditions"),
    ("--compare", "a search is not a single run to compare"),
    ("--fail-on", "a search is not a single run to compare"),
    ("--ramp", "a search sets its rates; -q is the first"),
    ("--requests", "the percentile sets the length of a step; -z overrides it"),
    ("--save", "a search is not a single run to save; --format json has its metrics"),
    ("--steps", "a search sets its rates; -q is the first"),
];

const HDR_FORMAT_ERROR: &str = "option '--format' with 'hdr': an interval log has one run, and --find-rate \
                                makes many; json has the curve";

/// Settings of a rate search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSettings {
    /// Service-level objective.
    pub slo: Slo,
    /// First rate in requests per second; `None`: from a closed loop.
    pub start_rate: Option<f64>,
    /// Step length; `None`: [`Slo::step_len`].
    pub step_len: Option<Duration>,
    /// Warm-up of each step.
    pub warmup: Option<Duration>,
}

pub(super) fn read_search(
    parsed: &mut ParsedArgs,
    format: ReportFormat,
) -> Result<Option<SearchSettings>, String> {
    let slo = match (parsed.flag("--find-rate"), value(parsed, "--slo", Slo::parse)?) {
        (false, None) => return Ok(None),
        (false, Some(_)) => {
            return Err("--slo needs --find-rate: add it, or check a run with --assert".to_owned());
        }
        (true, None) => {
            return Err("--find-rate needs an objective, such as --slo 'p99<10ms,errors<0.1%'".to_owned());
        }
        (true, Some(slo)) => slo,
    };
    if let Some((name, reason)) = SEARCH_CONFLICTS.iter().find(|(name, _)| parsed.peek(name).is_some()) {
        return Err(format!("option '{name}' is not for --find-rate: {reason}"));
    }
    if format == ReportFormat::Hdr {
        return Err(HDR_FORMAT_ERROR.to_owned());
    }
    Ok(Some(SearchSettings {
        slo,
        start_rate: value(parsed, "--rate", parse_start_rate)?,
        step_len: value(parsed, "--duration", parse_positive_time)?,
        warmup: value(parsed, "--warmup", parse_time)?,
    }))
}

fn parse_start_rate(text: &str) -> Result<f64, String> {
    match parse_rate(text, false)? {
        rate if rate < RATE_MIN => Err(format!("a search begins at {RATE_MIN}/s or above")),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::args::tests::{settings, try_settings};

    fn search(line: &str) -> SearchSettings {
        settings(line).search.unwrap_or_else(|| panic!("{line}: no search"))
    }

    #[test]
    fn search_with_slo_only_has_default_settings() {
        let SearchSettings { slo, start_rate, step_len, warmup } = search("--find-rate --slo p99<10ms");
        assert_eq!((slo.text.as_str(), start_rate, step_len, warmup), ("p99<10ms", None, None, None));
        assert_eq!(settings("--find-rate --slo p99<10ms").format, ReportFormat::Text);
        assert_eq!(settings("-c 2").search, None);
        assert_eq!(settings("--find-rate --slo p99<10ms").plan.concurrency, 50);
        assert_eq!(settings("-c 1 --find-rate --slo p99<10ms").plan.concurrency, 1);
    }

    #[test]
    fn search_options_set_start_rate_step_len_warmup_format() {
        let line = "--find-rate --slo p99<10ms -q 2k -z 500ms --warmup 0s --format json";
        let SearchSettings { start_rate, step_len, warmup, .. } = search(line);
        let (half, none) = (Duration::from_millis(500), Duration::ZERO);
        assert_eq!((start_rate, step_len, warmup), (Some(2_000.0), Some(half), Some(none)));
        assert_eq!(settings(line).format, ReportFormat::Json);
        assert!(!settings(line).plan.schedule.is_open_loop(), "each step has a schedule of its own");
    }

    #[test]
    fn invalid_search_options_get_one_line_errors() {
        for (line, wanted) in [
            ("--find-rate", "--find-rate needs an objective, such as --slo 'p99<10ms,errors<0.1%'"),
            ("-n 5 --slo p99<1s", "--slo needs --find-rate: add it, or check a run with --assert"),
            ("--find-rate --slo p99<1", "option '--slo': 'p99<1': a time needs a unit: 1us, 1ms or 1s"),
            (
                "--find-rate --slo rps>1",
                "option '--slo': 'rps>1': the rate is the result of the search: leave it out",
            ),
            (
                "--find-rate --slo p99<1s -q 0.5",
                "option '--rate' with '0.5': a search begins at 1/s or above",
            ),
            (
                "--find-rate --slo p99<1s --format hdr",
                "option '--format' with 'hdr': an interval log has one run, and --find-rate makes many; json \
                 has the curve",
            ),
        ] {
            assert_eq!(try_settings(line), Err(format!("{wanted}; see reactor-client --help")), "{line}");
        }
        for (name, reason) in SEARCH_CONFLICTS {
            let value = if name == "--allow-client-bound" { "" } else { "=1" };
            let line = format!("--find-rate --slo p99<1s {name}{value}");
            let wanted =
                format!("option '{name}' is not for --find-rate: {reason}; see reactor-client --help");
            assert_eq!(try_settings(&line), Err(wanted), "{line}");
        }
    }
}

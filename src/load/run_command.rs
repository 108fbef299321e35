//! Load run command: settings to report and exit code.
//!
//! It computes no metrics.

use std::io::{self, Write};

use super::args::Settings;
use super::compare::{Comparison, compare};
use super::error::LoadError;
use super::output::{OutputFile, ReportOutput};
use super::prepared_run::{PreparedRun, build_plan, find_endpoints};
use super::report::ReportFormat;
use super::saved::{SavedRun, read_run};
use crate::client::tls::TlsError;
use crate::load::engine::interrupt::{Interrupt, STOP_SIGNALS};
use crate::load::saved::commands::check_thresholds;
use crate::load::search::driver::find_rate;
use crate::load::search::slo::most_common_failure;
use crate::load::stats::failure::LoadFailure;
use crate::load::stats::summary::Summary;

/// Runs the load test and reports.
///
/// # Errors
/// The run fails, or its result misses a requirement.
pub fn run(settings: &Settings) -> Result<(), LoadError> {
    let interrupt = Interrupt::watch(&STOP_SIGNALS).map_err(LoadError::signal_watch_failed)?;
    let wait = &interrupt.blocking_wait;
    let (prepared, baseline, out, save) =
        wait.run(|| prepare_run(settings, &interrupt)).map_err(|_| LoadError::NothingMeasured)??;
    if let Some(search) = &settings.search {
        return find_rate(&prepared, search, out);
    }
    let run = prepared.run(&prepared.plan)?;
    // Writing the report may block forever: from here a signal ends the program.
    interrupt.restore_default_action().map_err(LoadError::signal_watch_failed)?;
    let summary = run.summary();
    let comparison = baseline.map(|baseline| compare(&baseline.summary(), &summary, prepared.plan.seed));
    out.write(&settings.format.render(&summary, comparison.as_ref()))?;
    if let Some(save) = save {
        save.write(&run.to_json())?;
    }
    if let Some(comparison) = &comparison
        && !settings.format.supports_comparison()
    {
        // Standard error may be closed.
        let _ = io::stderr().lock().write_all(ReportFormat::Text.render_comparison(comparison).as_bytes());
    }
    judge(settings, &summary, comparison.as_ref())
}

fn prepare_run<'a>(
    settings: &'a Settings,
    interrupt: &'a Interrupt,
) -> Result<(PreparedRun<'a>, Option<SavedRun>, ReportOutput, Option<OutputFile>), LoadError> {
    let (plan, setup) = build_plan(settings)?;
    let baseline = settings.baseline_path.as_deref().map(read_run).transpose()?;
    let prepared = PreparedRun { settings, interrupt, endpoints: find_endpoints(&plan)?, plan, setup };
    let out = ReportOutput::open(settings.report_path.as_deref())?;
    settings.baseline_path.iter().try_for_each(|file| out.check_not_same_file("--compare", file))?;
    let save = out.open_save_file(settings.save_path.as_deref())?;
    Ok((prepared, baseline, out, save))
}

/// A client-bound run does not measure the server.
fn judge(settings: &Settings, summary: &Summary, comparison: Option<&Comparison>) -> Result<(), LoadError> {
    if !summary.validity.is_valid() && !settings.allows_invalid {
        return Err(LoadError::ClientBound);
    }
    if summary.info.gave_up {
        let reason = most_common_failure(summary).unwrap_or_default();
        let has = |failure| summary.connect_failures.of(failure) > 0;
        return Err(match () {
            _ if has(LoadFailure::CertificateRefused) => LoadError::Tls(TlsError::Certificate(reason)),
            _ if has(LoadFailure::HandshakeFailed) => LoadError::Tls(TlsError::Handshake(reason)),
            _ => LoadError::GaveUp(format!("gave up: {reason}; start the server, or correct the address")),
        });
    }
    let failed = settings.assertion.as_ref().map_or_else(Vec::new, |assertion| assertion.judge(summary));
    if !failed.is_empty() {
        return Err(LoadError::AssertionFailed(failed));
    }
    if let (Some(thresholds), Some(comparison)) = (&settings.thresholds, comparison) {
        check_thresholds(thresholds, comparison, settings.allows_invalid)?;
    }
    match summary.totals.answered {
        0 => Err(LoadError::NoResponse),
        _ => Ok(()),
    }
}

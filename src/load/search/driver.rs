//! Search driver: settings to report and exit code, with one run per rate.
//!
//! It keeps only the metrics of a run.

use std::io::{self, Write};
use std::time::Duration;

use super::bracket::{self, NextStep, RATE_MIN, SearchEnd, SearchOutcome};
use super::curve::{Curve, RateStep};
use super::slo::most_common_failure;
use crate::load::args::search::SearchSettings;
use crate::load::engine::pacer::Schedule;
use crate::load::error::LoadError;
use crate::load::live::is_stderr_writable;
use crate::load::output::ReportOutput;
use crate::load::plan::run_plan::{Plan, Stop};
use crate::load::prepared_run::PreparedRun;
use crate::load::report;
use crate::load::run_info::RunInfo;
use crate::load::stats::summary::Summary;
use crate::text::units;

/// Closed loop that estimates the first rate.
const ESTIMATE_LEN: Duration = Duration::from_secs(1);
/// Share of the closed loop's rate: usually it meets the objective, and four times as much fails.
const START_SHARE: f64 = 0.5;
/// Longest default warm-up: connects, and drains the previous step's backlog.
const WARMUP_MAX: Duration = Duration::from_millis(500);
/// Smallest ratio of step to default warm-up.
const WARMUP_DIVISOR: u32 = 4;

pub(crate) fn find_rate(
    prepared: &PreparedRun<'_>,
    wanted: &SearchSettings,
    out: ReportOutput,
) -> Result<(), LoadError> {
    let curve = RateSearch { prepared, wanted, first_info: None, wall: Duration::ZERO }.search()?;
    prepared.interrupt.restore_default_action().map_err(LoadError::signal_watch_failed)?;
    out.write(&prepared.settings.format.render_curve(&curve))?;
    judge(&curve)
}

fn judge(curve: &Curve) -> Result<(), LoadError> {
    match curve.answer.end {
        SearchEnd::Interrupted => Err(LoadError::Failed(curve.in_words())),
        _ if curve.steps.iter().all(|step| step.answered == 0) => Err(LoadError::NoResponse),
        SearchEnd::Found => Ok(()),
        SearchEnd::ClientBound => Err(LoadError::GeneratorSaturated(curve.in_words())),
        SearchEnd::NotMet => Err(LoadError::SloNotMet(curve.in_words())),
    }
}

struct RateSearch<'a> {
    prepared: &'a PreparedRun<'a>,
    wanted: &'a SearchSettings,
    first_info: Option<RunInfo>,
    wall: Duration,
}

impl RateSearch<'_> {
    fn search(mut self) -> Result<Curve, LoadError> {
        let start = self.wanted.start_rate.map_or_else(|| self.estimate_start(), Ok)?;
        let mut steps: Vec<RateStep> = Vec::new();
        let mut outcome = loop {
            let results: Vec<_> = steps.iter().map(RateStep::result).collect();
            if self.prepared.interrupt.blocking_wait.has_signal() {
                break bracket::so_far(&results);
            }
            let is_hopeless = steps.len() > 1 && steps.iter().all(RateStep::has_only_errors);
            match bracket::next(start, &results) {
                NextStep::Try(_) if is_hopeless => {
                    let above_per_sec = Some(steps[0].rate);
                    break SearchOutcome { end: SearchEnd::NotMet, rate_per_sec: None, above_per_sec };
                }
                NextStep::Done(outcome) => break outcome,
                NextStep::Try(rate) => steps.extend(self.step(steps.len() + 1, rate)?),
            }
        };
        if let SearchOutcome { end: SearchEnd::Found, rate_per_sec: Some(rate), .. } = outcome
            && steps.last().is_some_and(RateStep::has_only_errors)
        {
            // The server may have failed for good.
            let again = self.step(steps.len() + 1, rate)?;
            if again.as_ref().is_none_or(RateStep::has_only_errors) {
                outcome.end = SearchEnd::Interrupted;
            }
            steps.extend(again);
        }
        Ok(self.curve(steps, outcome))
    }

    fn curve(self, steps: Vec<RateStep>, outcome: SearchOutcome) -> Curve {
        Curve {
            target: self.first_info.as_ref().map(|first| first.target.clone()).unwrap_or_default(),
            urls: self.prepared.plan.targets.len() as u64,
            setup: self.prepared.setup.clone(),
            objective: self.wanted.slo.text.clone(),
            latency_limit: self.wanted.slo.latency_limit(),
            requests_min: self.wanted.slo.requests_min(),
            concurrency: self.prepared.plan.concurrency as u64,
            pipeline: self.prepared.plan.pipeline as u64,
            threads: self.prepared.plan.threads as u64,
            started_unix_secs: self.first_info.map_or(0, |first| first.started_unix_secs),
            wall_secs: self.wall.as_secs_f64(),
            steps,
            answer: outcome,
        }
    }

    fn estimate_start(&mut self) -> Result<f64, LoadError> {
        let len = self.wanted.step_len.map_or(ESTIMATE_LEN, |len| len.min(ESTIMATE_LEN));
        self.say("estimating the first rate with a closed loop\n");
        let plan = self.plan(self.prepared.plan.schedule.clone(), len);
        let Some(summary) = self.run(&plan)? else { return Ok(RATE_MIN) };
        if let (0, Some(failed)) = (summary.totals.answered, most_common_failure(&summary)) {
            return Err(LoadError::Failed(format!("no request got a response: {failed}")));
        }
        Ok((summary.rate * START_SHARE).max(RATE_MIN))
    }

    fn step(&mut self, number: usize, rate: f64) -> Result<Option<RateStep>, LoadError> {
        let len = self.wanted.step_len.unwrap_or_else(|| self.wanted.slo.step_len(rate));
        let (rate_text, len_text) = (units::rate(rate), units::duration(len));
        self.say(&format!("step {number}: {rate_text} for {len_text}\n"));
        let plan = self.plan(Schedule::Constant(rate), len);
        Ok(self.run(&plan)?.map(|summary| self.judged(rate, &summary)))
    }

    fn judged(&self, rate: f64, summary: &Summary) -> RateStep {
        let step = RateStep::of(rate, &self.wanted.slo, summary);
        let percentile = |name| report::percentile(step.latency.as_ref(), name);
        let figures = ["p50", "p99", "p99.9"].map(|name| format!("{name} {}", percentile(name))).join(", ");
        let reason = step.slo_result.reasons.first().map_or_else(String::new, |reason| format!("; {reason}"));
        self.say(&format!("  {}: {figures}{reason}\n", step.slo_result.verdict));
        step
    }

    fn plan(&self, schedule: Schedule, len: Duration) -> Plan {
        let warmup = self.wanted.warmup.unwrap_or_else(|| (len / WARMUP_DIVISOR).min(WARMUP_MAX));
        let stop = Stop { requests: None, duration: Some(len) };
        Plan { schedule, stop, warmup, ..self.prepared.plan.clone() }
    }

    /// `None` for an interrupted run, which proves nothing.
    fn run(&mut self, plan: &Plan) -> Result<Option<Summary>, LoadError> {
        let run = match self.prepared.run(plan) {
            Err(LoadError::NothingMeasured) => return Ok(None),
            run => run?,
        };
        self.wall += plan.warmup + run.info.wall;
        self.first_info.get_or_insert_with(|| run.info.clone());
        Ok((!self.prepared.interrupt.blocking_wait.has_signal()).then(|| run.summary()))
    }

    /// Standard error may be closed or blocked.
    fn say(&self, text: &str) {
        if !self.prepared.settings.silent && is_stderr_writable() {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }
}

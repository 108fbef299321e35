//! How a run was set up, as far as its figures depend on it: what every report tells of its settings.
//!
//! Made once from the plan; the values of secret fields never get here. It knows names and words, and
//! what of two set-ups differs; numbers of connections and threads are the conditions' own.

use std::time::Duration;

use super::pacer::Schedule;
use super::plan::{Plan, Stop, UrlOrder};
use super::summary::Conditions;
use super::template::Template;
use crate::access_log::{REDACTED, is_secret};
use crate::client::config::FieldEdit;
use crate::text::units::{bytes, count, time};

/// Schedules of more steps than this are cut for people.
const STEPS_SHOWN_MAX: usize = 4;

/// What the requests of a run have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The method, as it is sent.
    pub method: String,
    /// Fields beside those that are always sent, in the order given; without a value, a default field
    /// that is left out.
    pub fields: Vec<(String, Option<String>)>,
    /// Bytes of each body, 0 without one; none if they differ, for the body has placeholders.
    pub body_len: Option<u64>,
}

impl Sent {
    /// What is sent, secrets left out.
    pub(super) fn new(method: &str, edits: &[(String, FieldEdit)], body: Option<&Template>) -> Self {
        let value = |name: &str, edit: &FieldEdit| match edit {
            FieldEdit::Set(_) if is_secret(name.as_bytes()) => {
                Some(String::from_utf8_lossy(REDACTED).into_owned())
            }
            FieldEdit::Set(value) => Some(value.clone()),
            FieldEdit::Remove => None,
        };
        let body_len = body.map_or(Some(0), |body| body.constant().map(|bytes| bytes.len() as u64));
        Self {
            method: method.to_owned(),
            fields: edits.iter().map(|(name, edit)| (name.clone(), value(name, edit))).collect(),
            body_len,
        }
    }

    fn fields_in_words(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| match value {
            Some(value) => format!("{name}: {value}"),
            None => format!("no {name}"),
        });
        fields.collect::<Vec<_>>().join("; ")
    }

    fn body_in_words(&self) -> String {
        match self.body_len {
            Some(0) => "none".to_owned(),
            Some(len) => bytes(len as f64),
            None => "of different lengths".to_owned(),
        }
    }
}

/// For how many requests a connection is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// As long as the server keeps it.
    #[default]
    On,
    /// For so many.
    For(u64),
    /// For one, of which the server is told.
    Off,
}

impl KeepAlive {
    fn in_words(self) -> String {
        match self {
            Self::On => "on".to_owned(),
            Self::For(1) => "for 1 request".to_owned(),
            Self::For(requests) => format!("for {} requests", count(requests)),
            Self::Off => "off".to_owned(),
        }
    }
}

/// What all runs of one command line have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What is sent.
    pub sent: Sent,
    /// How the next address is chosen; none if there is one.
    pub order: Option<UrlOrder>,
    /// What random choices follow from; none if there are none.
    pub seed: Option<u64>,
    /// For how many requests a connection is kept.
    pub keep_alive: KeepAlive,
    /// How long a request may take, and a connection to be made.
    pub timeout: Duration,
    /// The version of the reactor-client that made the run.
    pub client_version: String,
}

impl Setup {
    /// What of a plan its figures depend on.
    pub(super) fn of(plan: &Plan, sent: Sent) -> Self {
        let order = (plan.targets.len() > 1).then_some(plan.order);
        let is_random = order == Some(UrlOrder::Random) || plan.request.is_random();
        let keep_alive = match (plan.keep_alive, plan.requests_per_connection) {
            (false, _) => KeepAlive::Off,
            (true, Some(requests)) => KeepAlive::For(requests),
            (true, None) => KeepAlive::On,
        };
        Self {
            sent,
            order,
            seed: is_random.then_some(plan.seed),
            keep_alive,
            timeout: plan.timeout,
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Names and values for people; what does not apply is empty.
    pub(super) fn entries(&self) -> [(&'static str, String); 8] {
        [
            ("method", self.sent.method.clone()),
            ("extra fields", self.sent.fields_in_words()),
            ("body", self.sent.body_in_words()),
            ("order", self.order.map_or_else(String::new, |order| order.name().to_owned())),
            ("keep-alive", self.keep_alive.in_words()),
            ("time-out", in_time(self.timeout)),
            ("reactor-client", self.client_version.clone()),
            (SEED, self.seed.map_or_else(String::new, |seed| seed.to_string())),
        ]
    }

    /// In one line, without what the line of the target says.
    pub(super) fn in_words(&self) -> String {
        let named = |(name, value): (&str, String)| match (name, value.as_str()) {
            ("method", _) | (_, "") | ("body", "none") => None,
            ("extra fields" | "body", value) => Some(format!("{name}: {value}")),
            (name, value) => Some(format!("{name} {value}")),
        };
        self.entries().into_iter().filter_map(named).collect::<Vec<_>>().join(", ")
    }
}

/// Runs are to differ in their seeds, or nothing is won by making several.
const SEED: &str = "seed";

/// What was to happen when.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// When requests were due.
    pub schedule: Schedule,
    /// When it was to be over.
    pub stop: Stop,
    /// How long it ran before anything counted.
    pub warmup: Duration,
}

impl Course {
    /// That of a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        Self { schedule: plan.schedule.clone(), stop: plan.stop, warmup: plan.warmup }
    }

    /// The schedule, which is cut if it is long.
    pub(super) fn schedule_in_words(&self) -> String {
        match &self.schedule {
            Schedule::Steps(steps) if steps.len() > STEPS_SHOWN_MAX => {
                let first = steps.iter().take(STEPS_SHOWN_MAX).copied().collect();
                format!("{},... {} steps", Schedule::Steps(first), count(steps.len() as u64))
            }
            schedule => schedule.to_string(),
        }
    }

    /// Names and values for people; what does not apply is empty.
    pub(super) fn entries(&self) -> [(&'static str, String); 3] {
        let ends = [
            self.stop.requests.map(|requests| format!("{} requests", count(requests))),
            self.stop.duration.map(in_time),
        ];
        [
            ("schedule", self.schedule_in_words()),
            ("warm-up", in_time(self.warmup)),
            ("ends after", ends.into_iter().flatten().collect::<Vec<_>>().join(" or ")),
        ]
    }
}

fn in_time(len: Duration) -> String {
    if len.is_zero() { "none".to_owned() } else { time(len.as_secs_f64() * 1e6) }
}

/// In what the set-ups of two runs differ so that their figures may: `time-out: 30.0 s and 5.00 s`.
pub(super) fn differences(one: &Conditions, other: &Conditions) -> Vec<String> {
    let mut pairs: Vec<_> = one.setup.entries().into_iter().zip(other.setup.entries()).collect();
    pairs.retain(|((name, _), _)| *name != SEED);
    let (first, second) = (&one.course, &other.course);
    if first.schedule.is_open() && second.schedule.is_open() && first.schedule != second.schedule {
        let words = |course: &Course| ("schedule", course.schedule_in_words());
        pairs.push((words(first), words(second)));
    }
    let warmup = |course: &Course| ("warm-up", in_time(course.warmup));
    pairs.push((warmup(first), warmup(second)));
    let pipeline = |run: &Conditions| ("requests on each at a time", count(run.pipeline));
    pairs.push((pipeline(one), pipeline(other)));
    let shown = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let differ = pairs.into_iter().filter(|((_, one), (_, other))| one != other);
    differ.map(|((name, one), (_, other))| format!("{name}: {} and {}", shown(one), shown(other))).collect()
}

#[cfg(test)]
pub(super) mod tests;

//! Text form of schedules: `200/s`, `100:30s,200:30s`, `0..5000/60s`, `closed`.
//!
//! Formatted schedules parse to the same value.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cli::quote;
use crate::client::options::parse_positive_time;
use crate::load::engine::pacer::Schedule;
use crate::text::parse_rate;

/// More are a mistake.
const STEPS_MAX: usize = 1000;

const CLOSED: &str = "closed";

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::Constant(per_sec) => write!(f, "{per_sec}/s"),
            Self::Steps(steps) => {
                let steps = steps.iter().map(|(rate, len)| format!("{rate}:{}s", len.as_secs_f64()));
                f.write_str(&steps.collect::<Vec<_>>().join(","))
            }
            Self::Ramp { from, to, over: duration } => write!(f, "{from}..{to}/{}s", duration.as_secs_f64()),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = |error| de::Error::custom(format!("its 'schedule': {error}"));
        Self::parse(&String::deserialize(from)?).map_err(wrong)
    }
}

impl Schedule {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            CLOSED => Ok(Self::Closed),
            ramp if ramp.contains("..") => parse_ramp(ramp),
            steps if steps.contains(':') => parse_steps(steps),
            rate => Ok(Self::Constant(parse_rate(rate, false)?)),
        }
    }
}

pub(crate) fn parse_steps(text: &str) -> Result<Schedule, String> {
    const NOT_STEPS: &str = "steps are rates and times, such as 100:30s,200:30s";
    let step = |step: &str| {
        let (rate, time) = step.split_once(':').ok_or(NOT_STEPS)?;
        let rate = parse_rate(rate, true).map_err(|error| format!("{}: {error}", quote(step)))?;
        let time = parse_positive_time(time).map_err(|error| format!("{}: {error}", quote(step)))?;
        Ok::<_, String>((rate, time))
    };
    let steps = text.split(',').map(step).collect::<Result<Vec<_>, _>>()?;
    match steps.len() {
        len if len > STEPS_MAX => Err(format!("there are more than {STEPS_MAX} steps")),
        _ if steps.iter().all(|(rate, _)| *rate == 0.0) => {
            Err("every rate is 0: nothing would be sent".to_owned())
        }
        _ => Ok(Schedule::Steps(steps)),
    }
}

pub(crate) fn parse_ramp(text: &str) -> Result<Schedule, String> {
    const NOT_A_RAMP: &str = "a ramp is two rates and a time, such as 0..5000/60s";
    let (rates, time) = text.rsplit_once('/').ok_or(NOT_A_RAMP)?;
    let (from, to) = rates.split_once("..").ok_or(NOT_A_RAMP)?;
    let (from, to) = (parse_rate(from, true)?, parse_rate(to, true)?);
    let duration = parse_positive_time(time)?;
    match from == 0.0 && to == 0.0 {
        true => Err("both rates are 0: nothing would be sent".to_owned()),
        false => Ok(Schedule::Ramp { from, to, over: duration }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schedule_parses_and_displays_canonically() {
        for (text, written) in [
            ("closed", "closed"),
            ("200", "200/s"),
            ("1.5k/s", "1500/s"),
            ("100:30s,0:250ms,0.5:1m", "100:30s,0:0.25s,0.5:60s"),
            ("0..5k/1m30s", "0..5000/90s"),
        ] {
            assert_eq!(Schedule::parse(text).map(|read| read.to_string()), Ok(written.to_owned()));
        }
        for text in ["", "open", "0", "1:2x", "0..0/1s", "1..2", "-1/s"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn schedule_display_parses_back(
            rates in proptest::collection::vec((1u32..1_000_000_000, 1u64..100_000_000_000), 1..5),
            kind in 0..3u8,
        ) {
            let steps: Vec<_> = rates.iter().map(|(rate, us)| (f64::from(*rate) / 10.0, Duration::from_micros(*us))).collect();
            let (per_sec, duration) = steps[0];
            let schedule = match kind {
                0 => Schedule::Constant(per_sec),
                1 => Schedule::Ramp { from: 0.0, to: per_sec, over: duration },
                _ => Schedule::Steps(steps),
            };
            prop_assert_eq!(Schedule::parse(&schedule.to_string()), Ok(schedule));
        }
    }
}

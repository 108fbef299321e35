//! Axis ticks at round numbers, with labels.
//!
//! Steps are 1, 2 and 5 times a power of ten. Long times use minutes.

use crate::text::units::count;

/// Most ticks: more are unreadable, so steps are chosen for fewer.
const TICKS_MAX: usize = 64;
/// Most ticks that all have labels; with more, only powers of ten have them.
const LABELS_MAX: usize = 7;
/// Powers of ten: from a microsecond to longer than any run.
const POWERS_MAX: i32 = 15;
/// Ticks of a share; one in a thousand million lies above the last.
const PERCENTAGES: [&str; 11] =
    ["0", "50", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999", "99.999999", "99.9999999"];

const SECOND_US: f64 = 1e6;
const MINUTE_US: f64 = 60.0 * SECOND_US;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisUnit {
    Time,
    Count,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct AxisTick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// Ticks that cover the range: at least two, in about `steps_max` steps.
pub(super) fn linear(from: f64, to: f64, unit: AxisUnit, steps_max: u32) -> Vec<AxisTick> {
    let (from, to) = (number(from), number(to));
    let step = round_step((to - from) / f64::from(steps_max.max(1)), unit);
    let first = (from / step).floor();
    let last = (to / step).ceil().max(first + 1.0);
    let scale = label_unit(step, last * step, unit);
    let places = (0..TICKS_MAX).map(|index| first + index as f64).take_while(|place| *place <= last);
    places.map(|place| AxisTick { at: place * step, label: format_label(place * step, scale) }).collect()
}

/// An end not above 0 counts as 1; at most [`POWERS_MAX`] powers are covered.
pub(super) fn logarithmic(from: f64, to: f64, unit: AxisUnit) -> Vec<AxisTick> {
    let above = |value: f64| if value > 0.0 { number(value) } else { 1.0 };
    let to = above(to).max(above(from));
    let from = above(from).max(to / 10f64.powi(POWERS_MAX));
    // Powers of ten of finite numbers are small integers.
    let powers = from.log10().floor() as i32..=to.log10().ceil() as i32 + 1;
    let places = powers.flat_map(|power| [1, 2, 5].map(|digit| (place(digit, power), digit == 1)));
    let places: Vec<(f64, bool)> = places.collect();
    // From the last tick at or below `from` to the first at or above `to`.
    let first = places.partition_point(|(at, _)| *at <= from * (1.0 + 1e-9)).saturating_sub(1);
    let last = places.partition_point(|(at, _)| *at < to * (1.0 - 1e-9)).max(first + 1);
    let places = places.get(first..=last).unwrap_or_default();
    let few = places.len() <= LABELS_MAX;
    let label = |place| format_label(place, label_unit(place, place, unit));
    let tick = |&(at, is_power): &(f64, bool)| AxisTick {
        at,
        label: if few || is_power { label(at) } else { String::new() },
    };
    places.iter().map(tick).collect()
}

fn place(digit: i32, power: i32) -> f64 {
    f64::from(digit) * 10f64.powi(power)
}

pub(super) fn percentiles(to: f64) -> Vec<AxisTick> {
    let at = |percent: &str| percent.parse().map_or(0.0, |percent: f64| percent / 100.0);
    let tick = |percent: &str| AxisTick { at: at(percent), label: format!("{percent} %") };
    PERCENTAGES.map(tick).into_iter().filter(|tick| tick.at <= to + 1e-12).collect()
}

fn number(value: f64) -> f64 {
    // Far beyond 1e15, floats have no steps of 1.
    if value.is_nan() { 0.0 } else { value.clamp(-1e15, 1e15) }
}

fn round_step(least: f64, unit: AxisUnit) -> f64 {
    match unit {
        AxisUnit::Time if least > 20.0 * SECOND_US => round_up(least / MINUTE_US) * MINUTE_US,
        _ => round_up(least.max(1.0)),
    }
}

fn round_up(least: f64) -> f64 {
    let power = least.log10().floor() as i32;
    let steps = [1, 2, 5].map(|digit| place(digit, power));
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(place(1, power + 1))
}

fn label_unit(step: f64, most: f64, unit: AxisUnit) -> (f64, &'static str) {
    match unit {
        AxisUnit::Time if step % MINUTE_US == 0.0 && step > 0.0 => (MINUTE_US, " min"),
        AxisUnit::Time if most >= SECOND_US => (SECOND_US, " s"),
        AxisUnit::Time if most >= 1e3 => (1e3, " ms"),
        AxisUnit::Time => (1.0, " µs"),
        AxisUnit::Count if most >= 1e10 => (1e9, "G"),
        AxisUnit::Count if most >= 1e7 => (1e6, "M"),
        AxisUnit::Count if most >= 1e4 => (1e3, "k"),
        AxisUnit::Count => (1.0, ""),
    }
}

fn format_label(value: f64, (divisor, unit): (f64, &str)) -> String {
    let scaled = value / divisor;
    if scaled == 0.0 {
        return "0".to_owned();
    }
    let digits = match scaled {
        // Whole numbers below the bound fit the cast.
        whole if whole.fract() == 0.0 && whole > 0.0 => count(whole as u64),
        broken => format!("{broken:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[AxisTick]) -> String {
        ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn linear_ticks_are_round_and_cover_the_range() {
        let rows = [
            (0.0, 10e6, AxisUnit::Time, "0,2 s,4 s,6 s,8 s,10 s"),
            (0.0, 1.9e6, AxisUnit::Time, "0,0.5 s,1 s,1.5 s,2 s"),
            (0.0, 390.0, AxisUnit::Time, "0,100 µs,200 µs,300 µs,400 µs"),
            (0.0, 941.0, AxisUnit::Time, "0,0.2 ms,0.4 ms,0.6 ms,0.8 ms,1 ms"),
            (0.0, 1_100.0, AxisUnit::Time, "0,0.5 ms,1 ms,1.5 ms"),
            (910.0, 990.0, AxisUnit::Time, "0.9 ms,0.92 ms,0.94 ms,0.96 ms,0.98 ms,1 ms"),
            (0.0, 120e6, AxisUnit::Time, "0,30 s,60 s,90 s,120 s"),
            (0.0, 600e6, AxisUnit::Time, "0,2 min,4 min,6 min,8 min,10 min"),
            (0.0, 3600e6, AxisUnit::Time, "0,20 min,40 min,60 min"),
            (0.0, 86_400e6, AxisUnit::Time, "0,500 min,1,000 min,1,500 min"),
            (0.0, 864_000e6, AxisUnit::Time, "0,5,000 min,10,000 min,15,000 min"),
            (0.0, 3.0, AxisUnit::Count, "0,1,2,3"),
            (0.0, 1.0, AxisUnit::Count, "0,1"),
            (0.0, 4_900.0, AxisUnit::Count, "0,1,000,2,000,3,000,4,000,5,000"),
            (0.0, 14_000.0, AxisUnit::Count, "0,5k,10k,15k"),
            (0.0, 123_456.0, AxisUnit::Count, "0,50k,100k,150k"),
            (0.0, 9.5e6, AxisUnit::Count, "0,2M,4M,6M,8M,10M"),
            (0.0, 0.0, AxisUnit::Count, "0,1"),
            (5.0, 5.0, AxisUnit::Count, "5,6"),
        ];
        for (from, to, unit, wanted) in rows {
            let ticks = linear(from, to, unit, 5);
            assert_eq!(labels(&ticks), wanted);
            assert!(ticks[0].at <= from && ticks[ticks.len() - 1].at >= to);
        }
    }

    #[test]
    fn logarithmic_ticks_are_round_and_cover_the_range() {
        let rows = [
            (41.0, 800.0, "20 µs,50 µs,100 µs,200 µs,500 µs,1 ms"),
            (50.0, 50.0, "50 µs,100 µs"),
            (33.0, 201_000.0, ",,100 µs,,,1 ms,,,10 ms,,,100 ms,,"),
            (1.0, 3.6e9, "1 µs,,,10 µs,,,100 µs,,,1 ms,,,10 ms,,,100 ms,,,1 s,,,10 s,,,100 s,,,1,000 s,,"),
        ];
        for (from, to, wanted) in rows {
            let ticks = logarithmic(from, to, AxisUnit::Time);
            assert_eq!(labels(&ticks), wanted);
            assert!(ticks[0].at <= from && ticks[ticks.len() - 1].at >= to);
        }
    }

    #[test]
    fn percentile_ticks_end_at_the_given_share() {
        assert_eq!(labels(&percentiles(0.99995)), "0 %,50 %,90 %,99 %,99.9 %,99.99 %");
        assert_eq!(labels(&percentiles(0.8)), "0 %,50 %");
        assert!(percentiles(1.0).len() <= 11);
    }

    #[test]
    fn ticks_of_any_range_are_few_and_finite() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -1.0, 0.0, 1e-300, 1e300];
        for (from, to) in odd.into_iter().flat_map(|from| odd.map(|to| (from, to))) {
            for unit in [AxisUnit::Time, AxisUnit::Count] {
                for ticks in [linear(from, to, unit, 5), logarithmic(from, to, unit), percentiles(to)] {
                    assert!(ticks.len() <= TICKS_MAX, "{from} {to}");
                    assert!(ticks.iter().all(|tick| tick.at.is_finite()), "{from} {to}");
                }
            }
        }
    }
}

//! Chart axis: positions in percent, ticks at round numbers.
//!
//! A value beyond an end is at that end; NaN is at the beginning. Steps are 1, 2 and 5 times a power of ten. Long
//! times use minutes.

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
/// Ratio above which an axis is logarithmic.
const LINEAR_RATIO_MAX: f64 = 20.0;
/// Steps that are enough for an axis.
const STEPS_MAX: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisUnit {
    Time,
    Count,
}

#[derive(Clone, Debug, PartialEq)]
struct AxisTick {
    at: f64,
    label: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum AxisScale {
    #[default]
    Linear,
    Logarithmic,
    /// By rarity: 90, 99 and 99.9 % are equally far apart.
    Percentile,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Axis {
    pub(super) name: &'static str,
    scale: AxisScale,
    from: f64,
    to: f64,
    ticks: Vec<AxisTick>,
}

/// Least and most of numbers that are not negative.
pub(crate) fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

impl Axis {
    pub(crate) fn linear(name: &'static str, from: f64, to: f64, unit: AxisUnit) -> Self {
        Self::over(name, AxisScale::Linear, linear_ticks(from, to, unit, STEPS_MAX))
    }

    pub(crate) fn logarithmic(name: &'static str, from: f64, to: f64, unit: AxisUnit) -> Self {
        Self::over(name, AxisScale::Logarithmic, logarithmic_ticks(from, to, unit))
    }

    /// Microseconds; linear from 0 up to [`LINEAR_RATIO_MAX`].
    pub(crate) fn times(name: &'static str, times_us: impl Iterator<Item = f64>) -> Self {
        Self::fitting(name, 0.0, extent(times_us.filter(|us| *us > 0.0)), AxisUnit::Time)
    }

    pub(crate) fn fitting(name: &'static str, from: f64, (low, high): (f64, f64), unit: AxisUnit) -> Self {
        match high > low * LINEAR_RATIO_MAX {
            true => Self::logarithmic(name, low, high, unit),
            false => Self::linear(name, from, high, unit),
        }
    }

    pub(crate) fn elapsed(name: &'static str, to_us: f64) -> Self {
        let to = if to_us.is_finite() { to_us.max(1.0) } else { 1.0 };
        let mut ticks = linear_ticks(0.0, to, AxisUnit::Time, 2 * STEPS_MAX);
        // A six-second run that took slightly less ends at six.
        let near = ticks.iter().map(|tick| tick.at).find(|at| (to..=to * 1.01).contains(at));
        let to = near.unwrap_or(to);
        ticks.retain(|tick| tick.at <= to);
        Self { name, scale: AxisScale::Linear, from: 0.0, to, ticks }
    }

    /// Includes the largest of `count` values.
    pub(crate) fn percentiles(name: &'static str, count: u64) -> Self {
        // Half as rare as one value, so the largest is visible.
        let to = 1.0 - 1.0 / (count.max(5) as f64 * 2.0);
        Self { name, scale: AxisScale::Percentile, from: 0.0, to, ticks: percentile_ticks(to) }
    }

    fn over(name: &'static str, scale: AxisScale, ticks: Vec<AxisTick>) -> Self {
        let end = |tick: Option<&AxisTick>| tick.map_or(0.0, |tick| tick.at);
        Self { name, scale, from: end(ticks.first()), to: end(ticks.last()), ticks }
    }

    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        self.ticks.iter().map(|tick| (self.position(tick.at), tick.label.as_str()))
    }

    pub(super) fn position(&self, value: f64) -> f64 {
        let along = |value: f64| match self.scale {
            AxisScale::Linear => value,
            AxisScale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
            AxisScale::Percentile => -(1.0 - value).max(f64::MIN_POSITIVE).log10(),
        };
        let (from, to) = (along(self.from), along(self.to));
        let place = (along(value) - from) / (to - from) * 100.0;
        if place.is_finite() { place.clamp(0.0, 100.0) } else { 0.0 }
    }
}

/// Ticks that cover the range: at least two, in about `steps_max` steps.
fn linear_ticks(from: f64, to: f64, unit: AxisUnit, steps_max: u32) -> Vec<AxisTick> {
    let (from, to) = (number(from), number(to));
    let step = round_step((to - from) / f64::from(steps_max.max(1)), unit);
    let first = (from / step).floor();
    let last = (to / step).ceil().max(first + 1.0);
    let scale = label_unit(step, last * step, unit);
    let places = (0..TICKS_MAX).map(|index| first + index as f64).take_while(|place| *place <= last);
    places.map(|place| AxisTick { at: place * step, label: format_label(place * step, scale) }).collect()
}

/// An end not above 0 counts as 1; at most [`POWERS_MAX`] powers are covered.
fn logarithmic_ticks(from: f64, to: f64, unit: AxisUnit) -> Vec<AxisTick> {
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

fn percentile_ticks(to: f64) -> Vec<AxisTick> {
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

    fn is_near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 0.01
    }

    #[test]
    fn axis_position_is_percent_clamped_to_the_ends() {
        let rows = [
            (Axis::linear("x", 0.0, 9.0, AxisUnit::Count), 5.0, 50.0),
            (Axis::linear("x", 0.0, 9.0, AxisUnit::Count), 11.0, 100.0),
            (Axis::logarithmic("x", 1.0, 100.0, AxisUnit::Time), 10.0, 50.0),
            (Axis::logarithmic("x", 1.0, 100.0, AxisUnit::Time), 0.0, 0.0),
            (Axis::percentiles("x", 5_000), 0.99, 50.0),
            (Axis::percentiles("x", 5_000), 0.0, 0.0),
            (Axis::percentiles("x", 5_000), 1.0, 100.0),
            (Axis::percentiles("x", 0), 1.0, 100.0),
            (Axis::elapsed("x", 2.5e6), 1.25e6, 50.0),
            (Axis::elapsed("x", 0.0), 0.0, 0.0),
            (Axis::linear("x", 0.0, 9.0, AxisUnit::Count), f64::NAN, 0.0),
        ];
        for (axis, value, wanted) in rows {
            assert!(is_near(axis.position(value), wanted), "{value} on {axis:?}: {}", axis.position(value));
        }
    }

    #[test]
    fn times_axis_is_logarithmic_above_ratio_20() {
        let axis = |times: &[f64]| Axis::times("latency", times.iter().copied());
        assert_eq!(axis(&[40.0, 800.0]).scale, AxisScale::Linear);
        assert_eq!(axis(&[40.0, 801.0]).scale, AxisScale::Logarithmic);
        assert_eq!((axis(&[]).from, axis(&[]).to), (0.0, 1.0));
        assert_eq!((axis(&[0.0, 7.0]).from, axis(&[7.0]).to), (0.0, 8.0));
    }

    #[test]
    fn elapsed_axis_ticks_end_with_the_run() {
        for (to_us, place, label) in [(9.5e6, 95.0, "9 s"), (5.999e6, 100.0, "6 s"), (6.001e6, 100.0, "6 s")]
        {
            let axis = Axis::elapsed("time", to_us);
            let last = axis.ticks().last().map(|(place, label)| (place.round(), label.to_owned()));
            assert_eq!(last, Some((place, label.to_owned())));
        }
    }

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
            let ticks = linear_ticks(from, to, unit, 5);
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
            let ticks = logarithmic_ticks(from, to, AxisUnit::Time);
            assert_eq!(labels(&ticks), wanted);
            assert!(ticks[0].at <= from && ticks[ticks.len() - 1].at >= to);
        }
    }

    #[test]
    fn percentile_ticks_end_at_the_given_share() {
        assert_eq!(labels(&percentile_ticks(0.99995)), "0 %,50 %,90 %,99 %,99.9 %,99.99 %");
        assert_eq!(labels(&percentile_ticks(0.8)), "0 %,50 %");
        assert!(percentile_ticks(1.0).len() <= 11);
    }

    #[test]
    fn ticks_of_any_range_are_few_and_finite() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -1.0, 0.0, 1e-300, 1e300];
        for (from, to) in odd.into_iter().flat_map(|from| odd.map(|to| (from, to))) {
            for unit in [AxisUnit::Time, AxisUnit::Count] {
                for ticks in
                    [linear_ticks(from, to, unit, 5), logarithmic_ticks(from, to, unit), percentile_ticks(to)]
                {
                    assert!(ticks.len() <= TICKS_MAX, "{from} {to}");
                    assert!(ticks.iter().all(|tick| tick.at.is_finite()), "{from} {to}");
                }
            }
        }
    }
}

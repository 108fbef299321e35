//! Chart axis with positions in percent.
//!
//! A value beyond an end is at that end; NaN is at the beginning.

use super::ticks::{self, AxisTick, AxisUnit};

/// Ratio above which an axis is logarithmic.
const LINEAR_RATIO_MAX: f64 = 20.0;
/// Steps that are enough for an axis.
const STEPS_MAX: u32 = 5;

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
        Self::over(name, AxisScale::Linear, ticks::linear(from, to, unit, STEPS_MAX))
    }

    pub(crate) fn logarithmic(name: &'static str, from: f64, to: f64, unit: AxisUnit) -> Self {
        Self::over(name, AxisScale::Logarithmic, ticks::logarithmic(from, to, unit))
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
        let mut ticks = ticks::linear(0.0, to, AxisUnit::Time, 2 * STEPS_MAX);
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
        Self { name, scale: AxisScale::Percentile, from: 0.0, to, ticks: ticks::percentiles(to) }
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
}

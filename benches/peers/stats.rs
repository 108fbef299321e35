//! Figures of several rounds, as one.
//!
//! Plain functions over numbers: no figure is left out, and none is weighed.

/// The one in the middle, or the mean of the two there.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

/// The least and the most.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

/// The median of the quotients of what was measured in the same round, where both met the same machine.
pub(crate) fn ratio(ours: impl Iterator<Item = f64>, theirs: impl Iterator<Item = f64>) -> f64 {
    median(ours.zip(theirs).map(|(one, other)| one / other))
}

/// How much `y` grows when `x` grows by one: the line with the least squares.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let x_mean = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y_mean = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let along = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>();
    along / points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum::<f64>()
}

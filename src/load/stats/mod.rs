//! Statistics of a run: sums, then quotients.
//!
//! Owns histograms, time series, failure counts, summary and validity.

pub mod failure;
pub mod latency_histogram;
pub mod metric;
pub mod metric_unit;
pub mod metrics;
pub mod spread;
pub mod summary;
pub mod time_series;
pub mod validity;

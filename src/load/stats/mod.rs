//! Statistics of a run: sums while it lasts, quotients at its end.
//!
//! Owns histograms, time series, counts of failures, the summary and the verdict whether the run is valid. It
//! knows no socket and no report format.

pub mod failure;
pub mod latency_histogram;
pub mod metric;
pub mod metrics;
pub mod summary;
pub mod time_series;
pub mod validity;

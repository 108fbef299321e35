//! `--find-rate`: the highest rate that meets an objective.
//!
//! Owns the objective, the bracket of rates, the driver of the steps and the curve that is reported.

pub mod bracket;
pub mod curve;
pub(super) mod driver;
pub mod slo;

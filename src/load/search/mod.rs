//! Rate search (`--find-rate`): the highest rate that meets a service-level objective.
//!
//! It owns the objective, the bracketing, the driver and the curve.

pub mod bracket;
pub mod curve;
pub(super) mod driver;
pub mod slo;

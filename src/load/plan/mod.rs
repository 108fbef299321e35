//! Plan of a run: schedule, URLs and request templates.
//!
//! It sends nothing.

pub mod run_plan;
pub(super) mod schedule;
pub mod template;
pub(super) mod urls;

//! What a run does: its schedule, its URLs and the templates of its requests.
//!
//! Owns the plan and how it is made of the settings. It sends nothing and counts nothing.

pub mod random;
pub mod run_plan;
pub(super) mod schedule;
pub mod template;
pub(super) mod urls;

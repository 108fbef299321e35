//! Load generator.
//!
//! Settings: [`args`], [`plan`], [`run_info`]. Execution: `run_command`, [`engine`], [`search`]. Results: [`stats`],
//! [`report`], [`assertion`], [`compare`](mod@compare), [`saved`], `live` (progress).

pub mod args;
pub mod assertion;
pub mod compare;
pub mod engine;
mod error;
mod live;
mod output;
pub mod plan;
mod prepared_run;
pub mod report;
mod run_command;
pub mod run_info;
pub mod saved;
pub mod search;
pub mod stats;

pub use error::LoadError;
pub use run_command::run;

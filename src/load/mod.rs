//! The load generator: many requests, their figures, and a report of them.
//!
//! | module | owns |
//! |---|---|
//! | [`args`] | the options of a run |
//! | [`plan`] | what a run does: schedule, URLs, request templates |
//! | [`run_info`] | what every report tells of a run's plan and circumstances |
//! | `run_command`, `output`, `live`, `error` | a run from its settings to its exit code, and its progress display |
//! | [`engine`] | the reactor's application, connections and their states, pacing, threads |
//! | [`stats`] | sums, quotients, and whether the client was the bottleneck |
//! | [`report`] | text, JSON, CSV, HdrHistogram and HTML reports |
//! | [`assertion`], [`compare`](mod@compare) | judgements of one run, and of one against another |
//! | [`search`] | the highest rate that meets an objective |
//! | [`saved`] | runs in files, and the commands `compare` and `merge` |

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

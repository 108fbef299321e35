//! The load generator: many requests, their figures, and a report of them.
//!
//! | file | owns |
//! |---|---|
//! | [`args`], `schedule` | the options, and schedules as people write them |
//! | [`plan`], [`run_info`] | what a run is to do; what of it every report tells |
//! | [`template`], [`random`], `urls` | the requests |
//! | [`perform()`], `prepare`, `error`, [`interrupt`], `output`, `live` | a run from its settings to its exit code, and what is seen meanwhile |
//! | [`pacer`] | when each request is to be sent |
//! | `tickets` | which request is next, and when the run is over |
//! | `seats` | the places of the connections, and when each is opened again |
//! | [`machine`], `in_flight` | the states of one connection, and its requests |
//! | [`run`] | what the connections share; what becomes of each request |
//! | [`engine`], [`threads`] | the application of the reactor, and threads of it |
//! | [`metrics`], [`recorder`], [`series`], [`failure`] | the sums |
//! | [`summary`], [`validity`] | the quotients, and whether the generator itself was what was measured |
//! | [`report`], [`assertion`], [`figure`], [`compare`](mod@compare), `resample`, [`regression`] | what is made of them, and nothing else |
//! | [`objective`], [`search`], `find`, [`curve`] | the highest rate that meets an objective |
//! | [`saved`], [`kept`] | runs in files, and what is done with those |

pub mod args;
pub mod assertion;
pub mod compare;
pub mod curve;
pub mod engine;
mod error;
pub mod failure;
pub mod figure;
mod find;
mod in_flight;
pub mod interrupt;
pub mod kept;
mod live;
pub mod machine;
pub mod metrics;
pub mod objective;
mod output;
pub mod pacer;
mod perform;
pub mod plan;
mod prepare;
pub mod random;
pub mod recorder;
pub mod regression;
pub mod report;
mod resample;
pub mod run;
pub mod run_info;
pub mod saved;
mod schedule;
pub mod search;
mod seats;
pub mod series;
pub mod summary;
pub mod template;
pub mod threads;
mod tickets;
mod urls;
pub mod validity;

pub use error::LoadError;
pub use perform::perform;

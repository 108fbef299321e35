//! What the operator lays down for answers: `--header`, `--cache-control`, `--cors`, `--redirect`,
//! `--clean-urls`, `--host`, `--trusted-proxy`.
//!
//! Each rule is held against every kind of answer: nothing of it gets lost on the way to an error, and
//! nothing of it gets where it does no good.

mod addresses;
mod fields;
mod hosts;
mod origins;
mod proxies;

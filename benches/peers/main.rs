//! Side by side with other programs: what a request costs each, in processor time.
//!
//! `benches/README.md` says how to run it, how it measures, and what came of it last.

#[path = "../shared/cores.rs"]
mod cores;
mod generators;
mod options;
#[path = "../shared/responder.rs"]
mod responder;
mod stats;
mod usage;

use std::process::ExitCode;

use options::Wish;

fn main() -> ExitCode {
    let outcome = match options::read(std::env::args_os().skip(1).collect()) {
        Ok(Wish::Nothing) => Ok(()),
        Ok(Wish::Floor(load)) => generators::floor::run(&load).map_err(|error| error.to_string()),
        Ok(Wish::Measure(options)) => generators::measure(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

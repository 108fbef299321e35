//! Side by side with other programs: what a request costs each, in processor time.
//!
//! Servers, unless load generators are asked for. `benches/README.md` says how to run it, `docs/benchmarks.md`
//! how it measures and what was measured last.

#[path = "../shared/cores.rs"]
mod cores;
mod generators;
mod markdown;
mod options;
#[path = "../shared/responder.rs"]
mod responder;
mod servers;
mod stats;
mod usage;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use options::Wish;

fn main() -> ExitCode {
    let outcome = match options::read(env::args_os().skip(1).collect()) {
        Ok(Wish::Nothing) => Ok(()),
        Ok(Wish::Floor(load)) => generators::floor::run(&load).map_err(|error| error.to_string()),
        Ok(Wish::FloorServer(words)) => servers::floor::run(words),
        Ok(Wish::Guard(words)) => Err(servers::guard::run(words.into_iter()).to_string()),
        Ok(Wish::MeasureGenerators(options)) => generators::measure(&options),
        Ok(Wish::MeasureServers(options)) => servers::measure(&options),
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

/// Where a program is, as a shell would look for it; those of the system may not be on everyone's path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

//! `reactor-client`: arguments, configuration, request, exit code.
//!
//! It owns the exit codes that are not a request's own; all else is `reactor_http::client`'s.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use reactor_http::client::args::{self, Command, PROGRAM};
use reactor_http::client::config::ClientConfig;
use reactor_http::client::fetch;
use reactor_http::load;
use reactor_http::load::args::{ClientTask, parse};
use reactor_http::load::saved::commands::SavedRunCommand;
use reactor_http::sum;

/// Wrong usage.
const EXIT_USAGE: u8 = 2;
/// Standard output could not be written, as curl has it.
const EXIT_WRITE: u8 = 23;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if sum::args::is_sum_command(&args) {
        return run_sum(args);
    }
    if let Some(saved_command) = SavedRunCommand::from_args(&args) {
        return run_saved_command(saved_command, args);
    }
    let task = match parse(args) {
        Ok(Command::Help) => return print(args::HELP),
        Ok(Command::Version) => return print(args::VERSION),
        Ok(Command::Run(task)) => task,
        Err(error) => return PROGRAM.fail(&error, EXIT_USAGE),
    };
    match *task {
        ClientTask::Fetch(config) => run_fetch(*config),
        ClientTask::Load(settings) => match load::run(&settings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => PROGRAM.fail(&error, error.exit_code()),
        },
    }
}

fn run_fetch(config: ClientConfig) -> ExitCode {
    let says_errors = config.shows_errors();
    match fetch(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if says_errors => PROGRAM.fail(&error, error.exit_code()),
        Err(error) => ExitCode::from(error.exit_code()),
    }
}

fn run_saved_command(saved_command: SavedRunCommand, args: Vec<OsString>) -> ExitCode {
    let command = match saved_command.parse(args) {
        Ok(Command::Help) => return print(saved_command.help()),
        Ok(Command::Version) => return print(args::VERSION),
        Ok(Command::Run(command)) => command,
        Err(error) => return PROGRAM.fail(&error, EXIT_USAGE),
    };
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.fail(&error, error.exit_code()),
    }
}

fn run_sum(args: Vec<OsString>) -> ExitCode {
    let config = match sum::args::parse(args) {
        Ok(Command::Help) => return print(sum::args::HELP),
        Ok(Command::Version) => return print(args::VERSION),
        Ok(Command::Run(config)) => config,
        Err(error) => return PROGRAM.fail(&error, EXIT_USAGE),
    };
    match sum::run_sum(*config) {
        Ok(outcome) => match io::stdout().lock().write_all(outcome.to_string().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => PROGRAM.fail(&format!("cannot write to standard output: {error}"), EXIT_WRITE),
        },
        Err(error) => PROGRAM.fail(&error, error.exit_code()),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_WRITE),
    }
}

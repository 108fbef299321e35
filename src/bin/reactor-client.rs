//! `reactor-client`: command dispatch.
//!
//! The library defines the other exit codes.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use reactor_http::cli::UsageError;
use reactor_http::client::args::{self, Command, PROGRAM};
use reactor_http::client::config::ClientConfig;
use reactor_http::client::{ask_password, fetch};
use reactor_http::load::args::{ClientTask, parse};
use reactor_http::load::saved::commands::SavedRunCommand;
use reactor_http::load::{self, LoadError};
use reactor_http::sum;
use reactor_http::sum::SumError;
use reactor_http::sum::args::SumClientConfig;
use rustix::pipe::pipe;
use rustix::stdio::{dup2_stdout, stdout};

const EXIT_USAGE: u8 = 2;
/// curl's exit code for a write error, here on standard output.
const EXIT_WRITE: u8 = 23;

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

ctor::declarative::ctor! {
    // Before `main`, std opens /dev/null in place of a closed standard output: every write succeeds.
    #[ctor(unsafe)]
    fn check_stdout() {
        STDOUT_WAS_CLOSED.store(rustix::io::fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
    }
}

fn main() -> ExitCode {
    if STDOUT_WAS_CLOSED.load(Ordering::Relaxed) {
        // A pipe without a reader. std takes EBADF for success.
        let broken = pipe().and_then(|(_, writer)| dup2_stdout(writer));
        if let Err(error) = broken {
            return PROGRAM.fail(&format!("cannot replace a closed standard output: {error}"), EXIT_WRITE);
        }
    }
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if sum::args::is_sum_command(&args) {
        return run(sum::args::parse(args), sum::args::HELP, run_sum);
    }
    if let Some(command) = SavedRunCommand::from_args(&args) {
        return run(command.parse(args), command.help, |task| finish_load(task.run()));
    }
    run(parse(args), args::HELP, |task| match task {
        ClientTask::Fetch(config) => run_fetch(*config),
        ClientTask::Load(mut settings) => {
            match ask_password(settings.login_user.take(), &mut settings.fields) {
                Ok(()) => finish_load(load::run(&settings)),
                Err(error) => PROGRAM.fail(&error, error.exit_code()),
            }
        }
    })
}

fn run<T>(command: Result<Command<T>, UsageError>, help: &str, task: impl FnOnce(T) -> ExitCode) -> ExitCode {
    match command {
        Ok(Command::Help) => print(help),
        Ok(Command::Version) => print(args::VERSION),
        Ok(Command::Run(config)) => task(*config),
        Err(error) => PROGRAM.fail(&error, EXIT_USAGE),
    }
}

fn run_fetch(config: ClientConfig) -> ExitCode {
    let says_errors = !config.silent || config.show_error;
    match fetch(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if says_errors => PROGRAM.fail(&error, error.exit_code()),
        Err(error) => ExitCode::from(error.exit_code()),
    }
}

fn finish_load(result: Result<(), LoadError>) -> ExitCode {
    end(result.map(|()| ExitCode::SUCCESS), LoadError::exit_code)
}

fn run_sum(config: SumClientConfig) -> ExitCode {
    end(sum::run_sum(config).map(|outcome| print(&outcome.to_string())), SumError::exit_code)
}

/// Reports the error, if any.
fn end<E: Display>(result: Result<ExitCode, E>, exit_code: fn(&E) -> u8) -> ExitCode {
    result.unwrap_or_else(|error| PROGRAM.fail(&error, exit_code(&error)))
}

fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.fail(&format!("cannot write to standard output: {error}"), EXIT_WRITE),
    }
}

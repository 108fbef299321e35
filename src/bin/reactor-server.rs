//! `reactor-server`: arguments, configuration, server, exit code.
//!
//! It prints the addresses before it serves; all else is `reactor_http::server`'s.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use reactor_http::reactor::Now;
use reactor_http::server::args::{self, Command, PROGRAM};
use reactor_http::server::{Config, start};

/// Wrong usage.
const EXIT_USAGE: u8 = 2;
/// Exit codes of a program that a signal has ended begin here, as shells have it.
const EXIT_SIGNAL: i32 = 128;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let content_exists = Path::new(args::CONTENT_DIRECTORY).is_dir();
    let done = match args::parse(std::env::args_os().skip(1).collect(), content_exists) {
        Ok(Command::Help) => print(args::HELP),
        Ok(Command::Version) => print(args::VERSION),
        Ok(Command::Run(config)) => serve(*config),
        Err(error) => return PROGRAM.fail(&error, EXIT_USAGE),
    };
    done.unwrap_or_else(|error| PROGRAM.fail(&error, 1))
}

fn serve(config: Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let quiet = config.quiet;
    let mut server = start(config, Now::read())?;
    server.stop_on_signals()?;
    if !quiet {
        let mut lines = String::new();
        for address in server.addresses() {
            lines += &format!("http://{address}/\n");
        }
        for address in server.sum_addresses() {
            lines += &format!("sum {address}\n");
        }
        // A script may have closed its end; the server serves all the same.
        let _ = print(&lines);
    }
    if io::stderr().is_terminal() && !quiet {
        eprintln!("reactor-server: serving; Ctrl-C stops it");
    }
    let server = server.run()?;
    Ok(match server.stopped_by() {
        Some(signal) => ExitCode::from(u8::try_from(EXIT_SIGNAL + signal).unwrap_or(1)),
        None => ExitCode::SUCCESS,
    })
}

fn print(text: &str) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

//! `reactor-server`: starts or checks the server.
//!
//! Prints addresses and host name before serving.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::io::{self, IsTerminal, Write};
use std::path::absolute;
use std::process::ExitCode;

use cap::Cap;
use env_logger::Target;
use reactor_http::access_log::Diagnostics;
use reactor_http::cli::quote;
use reactor_http::net::host_name;
use reactor_http::reactor::Now;
use reactor_http::server::config::args;
use reactor_http::server::config::args::{Command, Invocation, PROGRAM};
use reactor_http::server::{ProcessEnv, RootChoice, ServerConfig, check, log_panics, start};

const EXIT_USAGE: u8 = 2;
/// Added to the number of a fatal signal, as in shells.
const EXIT_SIGNAL: i32 = 128;

/// Counts the memory in use, for `--memory`.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    let done = match args::command(std::env::args_os().skip(1).collect(), &ProcessEnv::read()) {
        Ok(Command::Help) => print(args::HELP),
        Ok(Command::Version) => print(args::VERSION),
        Ok(Command::Run(invocation)) => run(*invocation),
        Err(error) => return PROGRAM.fail(&error, EXIT_USAGE),
    };
    done.unwrap_or_else(|error| PROGRAM.fail(&error, 1))
}

fn run(invocation: Invocation) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let level = if invocation.config.verbose { "info" } else { "warn" };
    init_diagnostics(level);
    invocation.warn();
    match invocation.check {
        Some(settings) => {
            check(invocation.config, Now::read())?;
            print(&settings)
        }
        None => serve(invocation.config),
    }
}

/// Logs to standard error without blocking: the event loop must not wait for a reader.
fn init_diagnostics(level: &str) {
    let mut builder = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level));
    // On a terminal, the library's own target has colours.
    if let (false, Ok(stderr)) = (io::stderr().is_terminal(), Diagnostics::stderr()) {
        builder.target(Target::Pipe(Box::new(stderr)));
    }
    builder.init();
    log_panics();
}

fn serve(config: ServerConfig) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let quiet = config.quiet;
    let served = match &config.root {
        _ if !config.http => String::new(),
        RootChoice::Embedded => " and serves the built-in pages".to_owned(),
        RootChoice::Directory(path) => {
            format!(" and serves {}", quote(absolute(path).as_deref().unwrap_or(path)))
        }
    };
    let mut server = start(config, Some(|| ALLOCATOR.allocated()), Now::read())?;
    let closed = server.confinement.enter()?;
    server.watch_signals()?;
    if !quiet {
        let http = server.addresses.iter().map(|address| format!("http://{address}/\n"));
        let https = server.tls_addresses.iter().map(|address| format!("https://{address}/\n"));
        let sum = server.sum_addresses.iter().map(|address| format!("sum {address}\n"));
        let lines: String = http.chain(https).chain(sum).collect();
        // Ignore errors: a script may have closed its end. The hint goes to standard error:
        // standard output carries only addresses and log.
        let _ = print(&lines);
        let hint = if io::stderr().is_terminal() { "; Ctrl-C stops it" } else { "" };
        let sandbox =
            if closed.is_empty() { "no sandbox".into() } else { format!("closed to {}", closed.join(", ")) };
        if let Some(note) = &server.tls_note {
            Diagnostics::say(&format!("{}: {note}", PROGRAM.name));
        }
        Diagnostics::say(&format!("{}: this host is {}{served}; {sandbox}{hint}", PROGRAM.name, host_name()));
    }
    Ok(match server.run()? {
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

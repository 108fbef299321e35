//! The settings of `reactor-server`: raw arguments in, a [`Command`] or one clear line out.
//!
//! Owns which options there are to give and how they make up a [`ServerConfig`], topic by topic in the files
//! beside it; how values are written is there and in `values`, how options are spelled in
//! `cli`, how the environment and a file lie beneath the arguments in `precedence`. It never
//! prints, exits, or asks the file system: what is found around the program is an argument too.

mod files;
mod operation;
mod precedence;
mod rules;
mod values;

use std::os::unix::ffi::OsStrExt;

use crate::cli::{OptionSpec, ParsedArgs, Program, ValueCheck, duplicate_message};
use crate::server::{RootChoice, ServerConfig};
use values::{parse_bind, parse_port};

pub use crate::cli::Command;
pub use precedence::{Invocation, command};

/// The text of `--help`.
pub const HELP: &str = include_str!("help.txt");

/// The text of `--version`.
pub const VERSION: &str = concat!("reactor-server ", env!("CARGO_PKG_VERSION"), "\n");

/// The directory that is served when none is named, if it is there.
pub const CONTENT_DIRECTORY: &str = "content";

/// The program and its options.
pub const PROGRAM: Program = Program {
    name: "reactor-server",
    specs: &[
        OptionSpec::value(Some('p'), "--port", "8080").defaults_to("8080"),
        OptionSpec::value(Some('b'), "--bind", "0.0.0.0").repeated().defaults_to("localhost"),
        OptionSpec::value(Some('d'), "--root", "./site").path(&[]),
        OptionSpec::value(Some('i'), "--index", "index.html").defaults_to("index.html"),
        OptionSpec::value(None, "--fallback", "index.html"),
        OptionSpec::value(None, "--error-page", "404=404.html").pairs("="),
        OptionSpec::value(None, "--mime", "foo=text/plain").pairs("="),
        OptionSpec::flag(None, "--clean-urls"),
        OptionSpec::value(Some('H'), "--header", "'X-Frame-Options: DENY'").pairs(": "),
        OptionSpec::value(None, "--cache-control", "'*.html=no-cache'").pairs("="),
        OptionSpec::optional_value(None, "--cors", "https://example.com"),
        OptionSpec::value(None, "--redirect", "/old=/new").pairs("="),
        OptionSpec::value(None, "--listing", "auto"),
        OptionSpec::flag(None, "--no-compress"),
        OptionSpec::value(None, "--access-log", "access.log").path(&["-", "off"]).defaults_to("-"),
        OptionSpec::value(None, "--log-format", "json").defaults_to("combined"),
        OptionSpec::value(None, "--log-headers", "Host,User-Agent").defaults_to("all"),
        OptionSpec::flag(None, "--log-secrets"),
        OptionSpec::value(None, "--idle-timeout", "60s").defaults_to("60s"),
        OptionSpec::value(None, "--header-timeout", "10s").defaults_to("10s"),
        OptionSpec::value(None, "--grace", "10s").defaults_to("10s"),
        OptionSpec::value(None, "--max-connections", "1000"),
        OptionSpec::value(None, "--workers", "auto").defaults_to("1"),
        OptionSpec::value(None, "--cache", "stat").defaults_to("fresh"),
        OptionSpec::value(None, "--cache-size", "256MiB").defaults_to("64MiB"),
        OptionSpec::optional_value(Some('u'), "--upload", "incoming"),
        OptionSpec::value(None, "--max-upload", "1GiB").defaults_to("1GiB"),
        OptionSpec::flag(Some('q'), "--quiet"),
        OptionSpec::flag(Some('v'), "--verbose"),
        OptionSpec::value(None, "--sum-port", "9042"),
        OptionSpec::value(None, "--sum-name", "'Room 12'"),
        OptionSpec::value(None, "--sum-number", "42"),
        OptionSpec::flag(None, "--no-http"),
        OptionSpec::value(Some('c'), "--config", "site.toml").settings_file(),
        OptionSpec::action(None, "--check"),
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::action(Some('V'), "--version"),
    ],
    value_check: ValueCheck::Checked,
};

fn read_config(parsed: &mut ParsedArgs, content_exists: bool) -> Result<ServerConfig, String> {
    let mut config = ServerConfig::default();
    operation::read_log(parsed, &mut config)?;
    files::read_documents(parsed, &mut config)?;
    rules::read_rules(parsed, &mut config)?;
    files::read_directories_and_cache(parsed, &mut config)?;
    operation::read_limits(parsed, &mut config)?;
    operation::read_sum(parsed, &mut config)?;
    files::read_uploads(parsed, &mut config)?;
    listen_and_root(parsed, &mut config, content_exists)?;
    Ok(config)
}

/// Where it listens, and the directory that it serves there.
fn listen_and_root(
    parsed: &mut ParsedArgs,
    config: &mut ServerConfig,
    content_exists: bool,
) -> Result<(), String> {
    config.bind =
        parse_bind(&parsed.all("--bind")).map_err(|error| parsed.locate_error_of("--bind", &error))?;
    parsed.set("--port", &mut config.port, parse_port)?;
    match parsed.once("--root")? {
        Some(directory) => config.root = RootChoice::Directory(directory.into()),
        None if content_exists => config.root = RootChoice::Directory(CONTENT_DIRECTORY.into()),
        None => {}
    }
    Ok(())
}

/// Makes what is no option the port or the directory: digits are the port.
fn assign_operands(parsed: &mut ParsedArgs) -> Result<(), String> {
    for operand in parsed.operands() {
        if operand.is_empty() {
            return Err("the directory's name is empty; for this one, write .".to_owned());
        }
        let is_number = operand.as_bytes().iter().all(u8::is_ascii_digit);
        let (option, what) = match is_number {
            true => ("--port", "the port"),
            false => ("--root", "the directory"),
        };
        if let Some(first) = parsed.peek(option) {
            return Err(duplicate_message(what, first, &operand));
        }
        parsed.set_from_operand(option, operand);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

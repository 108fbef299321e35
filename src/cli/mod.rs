//! Command-line parser for every program.
//!
//! Owns options, their sources and error messages. A program adds its table ([`Program`]) and builds its configuration
//! from [`ParsedArgs`]. Never reads the environment or a file: callers pass both.

mod did_you_mean;
mod environment;
mod file;
mod option_spec;
mod parsed_args;
mod show;
mod tokenizer;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::text::is_deceptive;

pub use did_you_mean::parse_choice;
pub use option_spec::{OptionKind, OptionSpec, ValueKind};
pub use parsed_args::{ParsedArgs, Setting, SettingSource};
pub use tokenizer::ValueCheck;
pub use values::{HOST_DEFAULT, SUM_COMMAND, parse_host, parse_port, parse_value, value};

/// Program description.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Message prefix.
    pub name: &'static str,
    /// Options, with `--help` and `--version`.
    pub specs: &'static [OptionSpec],
    /// Rule for option values.
    pub value_check: ValueCheck,
}

/// Requested command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<C> {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Run with this configuration.
    Run(Box<C>),
}

/// Usage error: one line that points to `--help`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{} see {program} --help", if .message.ends_with('?') { "" } else { ";" })]
pub struct UsageError {
    program: &'static str,
    message: String,
}

impl Program {
    /// Parses `args` without the program name.
    ///
    /// `--help` wins over every error: a user with an error needs it most.
    ///
    /// # Errors
    /// Invalid arguments, or an error of `configure`.
    pub fn command<C>(
        &self,
        args: Vec<OsString>,
        configure: impl FnOnce(&mut ParsedArgs) -> Result<C, String>,
    ) -> Result<Command<C>, UsageError> {
        let (mut parsed, outcome) = tokenizer::tokenize(self, args);
        if parsed.flag("--help") {
            return Ok(Command::Help);
        }
        if parsed.flag("--version") {
            return Ok(Command::Version);
        }
        match outcome.and_then(|()| configure(&mut parsed)) {
            Ok(config) => {
                debug_assert!(parsed.all_consumed(), "an option was not looked up: {parsed:?}");
                Ok(Command::Run(Box::new(config)))
            }
            Err(thing) => Err(UsageError { program: self.name, message: thing }),
        }
    }

    /// Prints an error to stderr.
    pub fn fail(&self, error: &dyn fmt::Display, code: u8) -> ExitCode {
        say(format_args!("{}: {error}", self.name));
        ExitCode::from(code)
    }
}

/// Prints a line to stderr, unless the user closed it.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// User text in quotes, on one line.
pub fn quote(text: impl AsRef<OsStr>) -> String {
    format!("'{}'", escaped(text.as_ref()))
}

fn escaped(text: &OsStr) -> String {
    let shown = |letter: char| match is_deceptive(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.to_string_lossy().chars().map(shown).collect()
}

/// Error text for a repeated option.
pub fn duplicate_message(what: &str, first: &OsStr, second: &OsStr) -> String {
    format!("{what} is given twice, {} and {}; leave one out", quote(first), quote(second))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::check_table;

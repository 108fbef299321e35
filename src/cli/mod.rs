//! The command line, the same for every program: arguments in, what they ask for or one line out.
//!
//! Owns what an option is (`option`), how arguments become options (`tokenizer`), set by variables
//! (`environment`) and by a file (`file`), looked up afterwards (`parsed`) and shown (`show`), and how
//! a refusal reads. A program brings its table, [`Program`], and makes its own configuration of what
//! was [`ParsedArgs`]. It knows no program's options but `--help` and `--version`, understands no
//! value but a host and a port (`values`), and reads neither the environment nor a file: both are handed in.

mod did_you_mean;
mod environment;
mod file;
mod option_spec;
mod parsed_args;
mod setting;
mod show;
mod tokenizer;
mod values;

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::text::is_deceptive;

pub use did_you_mean::invalid_choice_message;
pub use option_spec::{OptionKind, OptionSpec, ValueKind};
pub use parsed_args::ParsedArgs;
pub use setting::{Setting, SettingSource};
pub use tokenizer::ValueCheck;
pub use values::{HOST_DEFAULT, SUM_COMMAND, parse_host, parse_port, parse_value, value};

/// What the room needs to know of a program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name that stands in front of what the program says.
    pub name: &'static str,
    /// Its options, `--help` and `--version` among them.
    pub specs: &'static [OptionSpec],
    /// Which values an option may have.
    pub value_check: ValueCheck,
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<C> {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Do the work, so configured.
    Run(Box<C>),
}

/// What makes no sense in the arguments: one line that names the thing and where help is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    program: &'static str,
    message: String,
}

impl Program {
    /// Reads `args`, which are without the program's name; `configure` understands what was given.
    ///
    /// A request for help is granted whatever else is wrong: who makes a mistake needs it most.
    ///
    /// # Errors
    /// The arguments make no sense, to this room or to `configure`.
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

    /// Says why the program fails, on standard error.
    pub fn fail(&self, error: &dyn fmt::Display, code: u8) -> ExitCode {
        say(format_args!("{}: {error}", self.name));
        ExitCode::from(code)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.message.ends_with('?') { "" } else { ";" };
        write!(f, "{}{stop} see {} --help", self.message, self.program)
    }
}

impl Error for UsageError {}

/// Says a line to the person, on standard error; who has closed that does not want to know.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// What a person wrote, in quotes, and on one line whatever is in it.
pub fn quote(text: impl AsRef<OsStr>) -> String {
    format!("'{}'", escaped(text.as_ref()))
}

/// The same without quotes.
fn escaped(text: &OsStr) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.to_string_lossy().chars() {
        match is_deceptive(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

/// Says that only one of two can be meant.
pub fn duplicate_message(what: &str, first: &OsStr, second: &OsStr) -> String {
    format!("{what} is given twice, {} and {}; leave one out", quote(first), quote(second))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::check_table;

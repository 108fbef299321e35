//! One setting: which option, what it is set to, and where that was written.
//!
//! Owns how the place is told in messages and comments. The command line, the environment and a file
//! all become settings, so that what understands an option need not know which it was.

use std::ffi::OsString;
use std::fmt;

use super::{OptionSpec, escaped};

/// An option that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option.
    pub spec: &'static OptionSpec,
    /// Its value, empty if it takes none or if that was left out; `None` turns it off, whatever lies
    /// beneath.
    pub text: Option<OsString>,
    /// Where it was written.
    pub source: SettingSource,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingSource {
    /// Among the arguments.
    CommandLine,
    /// In the environment variable of this name.
    Environment(String),
    /// In a file.
    File {
        /// Its name as it was given.
        name: OsString,
        /// The line, from 1.
        line: usize,
    },
}

impl SettingSource {
    /// In front of an error about the option `long`: what it is called in this place.
    ///
    /// The error may begin with the option itself, as in `--port: 'x' is no port`.
    pub(super) fn locate_error(&self, long: &str, error: &str) -> String {
        let about = error.strip_prefix(long).and_then(|rest| rest.strip_prefix(": "));
        let names_option = error.starts_with("--") || error.starts_with("'--");
        match (self, about) {
            (SettingSource::CommandLine, _) => error.to_owned(),
            (SettingSource::Environment(variable), _) => format!("{variable}: {}", about.unwrap_or(error)),
            (SettingSource::File { .. }, None) if names_option => format!("{self}: {error}"),
            (SettingSource::File { .. }, _) => {
                format!("{self}: {}: {}", bare_name(long), about.unwrap_or(error))
            }
        }
    }
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingSource::CommandLine => f.write_str("command line"),
            SettingSource::Environment(variable) => f.write_str(variable),
            SettingSource::File { name, line } => write!(f, "{}:{line}", escaped(name)),
        }
    }
}

/// What an option is called in a file.
pub(super) fn bare_name(long: &str) -> &str {
    long.trim_start_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locate_error_prefixes_variable_or_file_line() {
        let environment = SettingSource::Environment("REACTOR_PORT".into());
        let file = SettingSource::File { name: "a\nb.toml".into(), line: 3 };
        let cases = [
            (&SettingSource::CommandLine, "--port: 'x' is none", "--port: 'x' is none"),
            (&SettingSource::CommandLine, "'x' is none", "'x' is none"),
            (&environment, "--port: 'x' is none", "REACTOR_PORT: 'x' is none"),
            (&environment, "'x' is none", "REACTOR_PORT: 'x' is none"),
            (&environment, "'--port' goes alone", "REACTOR_PORT: '--port' goes alone"),
            (&file, "--port: 'x' is none", "a\\nb.toml:3: port: 'x' is none"),
            (&file, "'x' is none", "a\\nb.toml:3: port: 'x' is none"),
            (&file, "'--port' goes alone", "a\\nb.toml:3: '--port' goes alone"),
            (&file, "--port is given twice", "a\\nb.toml:3: --port is given twice"),
        ];
        for (source, error, expected) in cases {
            assert_eq!(source.locate_error("--port", error), expected, "{source:?}");
        }
    }
}

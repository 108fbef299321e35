//! Setting: option, value and source.
//!
//! Command line, environment and files all give settings, so option parsers need not know the source.

use std::ffi::OsString;

use super::{OptionSpec, escaped};

/// Option that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Option.
    pub spec: &'static OptionSpec,
    /// Value; empty if omitted. `None` turns the option off, whatever lower layers set.
    pub text: Option<OsString>,
    /// Where it was written.
    pub source: SettingSource,
}

/// Place where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum SettingSource {
    /// Command line.
    #[display("command line")]
    CommandLine,
    /// Environment variable of this name.
    Environment(String),
    /// Settings file.
    #[display("{}:{line}", escaped(name))]
    File {
        /// File name as given.
        name: OsString,
        /// Line number from 1.
        line: usize,
    },
}

impl SettingSource {
    /// Error with its source and the option's name there.
    ///
    /// The error may start with the option: `--port: 'x' is no port`.
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

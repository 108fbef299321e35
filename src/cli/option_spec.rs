//! Option specification: names, value kind and sources.
//!
//! Table entry: `OptionSpec::value(Some('p'), "--port", "8080").kind(Repeated)`.

use std::ffi::OsStr;

/// Option in a program's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// ASCII letter `p` of `-p`.
    pub letter: Option<char>,
    /// `--port`.
    pub long: &'static str,
    /// Value kind.
    pub value_kind: ValueKind,
    /// Other sources than the command line.
    pub kind: OptionKind,
    /// Default value. Flags and [`ValueKind::Optional`] are off by default.
    pub default: Option<&'static str>,
    /// Mode of the program that alone has it.
    pub mode: Option<&'static str>,
    /// Remedy in load mode, which refuses the option.
    pub instead: Option<&'static str>,
}

/// Value of an option, with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// No value.
    NoValue,
    /// Required value, attached or in the next argument.
    Required(&'static str),
    /// Optional value, attached with `=` only, so the next argument is never its value; empty if omitted.
    Optional(&'static str),
}

/// Sources of an option besides the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Environment or file, one value.
    Single,
    /// `Single` path; in a file, relative to the file's directory. The listed words are no paths.
    Path(&'static [&'static str]),
    /// Environment or file, any number of values: in a file, an array.
    Repeated,
    /// `Repeated` with name, separator and content: in a file, an array or a table.
    Pairs(&'static str),
    /// `Repeated` path; in a file, relative to the file's directory.
    Paths,
    /// `Repeated`, never shown.
    Secrets,
    /// Environment only: names the settings file.
    SettingsFile,
    /// Command line only: an action.
    Action,
}

impl OptionKind {
    pub(super) fn is_path(self, text: &OsStr) -> bool {
        match self {
            Self::Path(words) => words.iter().all(|word| text != *word),
            Self::Paths => true,
            _ => false,
        }
    }
}

impl OptionSpec {
    /// Option without a value.
    pub const fn flag(letter: Option<char>, long: &'static str) -> Self {
        let (value_kind, kind) = (ValueKind::NoValue, OptionKind::Single);
        Self { letter, long, value_kind, kind, default: None, mode: None, instead: None }
    }

    /// Option with a value, such as `example`.
    pub const fn value(letter: Option<char>, long: &'static str, example: &'static str) -> Self {
        Self { value_kind: ValueKind::Required(example), ..Self::flag(letter, long) }
    }

    /// Option with an optional value: `--long=example` or `-l=example`.
    pub const fn optional_value(letter: Option<char>, long: &'static str, example: &'static str) -> Self {
        Self { value_kind: ValueKind::Optional(example), ..Self::flag(letter, long) }
    }

    /// Option without a value or setting, such as `--help`.
    pub const fn action(letter: Option<char>, long: &'static str) -> Self {
        Self { kind: OptionKind::Action, ..Self::flag(letter, long) }
    }

    /// Option with this default value.
    pub const fn defaults_to(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    /// Option of one mode only.
    pub const fn only_in(self, mode: &'static str) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Option of a single request only; `instead` is the remedy in load mode.
    pub const fn single(self, instead: &'static str) -> Self {
        Self { instead: Some(instead), ..self }
    }

    /// Option of this kind.
    pub const fn kind(self, kind: OptionKind) -> Self {
        Self { kind, ..self }
    }

    /// Long name without dashes.
    pub(super) fn name(&self) -> &'static str {
        self.long.trim_start_matches('-')
    }

    pub(super) const fn is_allowed_in_file(&self) -> bool {
        !matches!(self.kind, OptionKind::SettingsFile | OptionKind::Action)
    }

    pub(super) const fn is_repeatable(&self) -> bool {
        matches!(
            self.kind,
            OptionKind::Repeated | OptionKind::Pairs(_) | OptionKind::Paths | OptionKind::Secrets
        )
    }

    /// Example without shell quotes.
    pub(super) fn example(&self) -> &'static str {
        match self.value_kind {
            ValueKind::NoValue => "true",
            ValueKind::Required(example) | ValueKind::Optional(example) => example.trim_matches('\''),
        }
    }
}

//! What an option is: its names, whether a value goes with it, and how it may be set.
//!
//! An entry of a program's table is one line: `OptionSpec::value(Some('p'), "--port", "8080")`, and what
//! is special about it behind that, such as `.kind(Repeated)`. It never understands a value.

/// An option as a person may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The `p` of `-p`, if there is one; an ASCII letter.
    pub letter: Option<char>,
    /// `--port`.
    pub long: &'static str,
    /// Whether a value goes with it.
    pub value_kind: ValueKind,
    /// How it may be set.
    pub kind: OptionKind,
    /// The value that stands for none; a flag and what is [`ValueKind::Optional`] are off by themselves.
    pub default: Option<&'static str>,
}

/// Whether a value goes with an option; by way of example, one such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// None.
    NoValue,
    /// One, which hangs on the option or follows it.
    Required(&'static str),
    /// One or none: only what hangs on it by an equals sign is its value, so that what follows is
    /// never mistaken for one. Left out, it counts as empty.
    Optional(&'static str),
}

/// How an option may be set besides the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// By the environment and a file, to one value.
    Single,
    /// The same, and it names a file or directory: in a file, one that is relative to that file's own
    /// directory. These words name none.
    Path(&'static [&'static str]),
    /// By the environment and a file, to any number of values: in a file, an array.
    Repeated,
    /// The same, and each value is a name and what belongs to it with this between them: in a file, an
    /// array or a table.
    Pairs(&'static str),
    /// By the environment, but not by a file: it names the file.
    SettingsFile,
    /// By nothing else: it is an order, not a setting.
    Action,
}

impl OptionSpec {
    /// An option that takes no value.
    pub const fn flag(letter: Option<char>, long: &'static str) -> OptionSpec {
        OptionSpec { letter, long, value_kind: ValueKind::NoValue, kind: OptionKind::Single, default: None }
    }

    /// An option that takes a value, such as `example`.
    pub const fn value(letter: Option<char>, long: &'static str, example: &'static str) -> OptionSpec {
        OptionSpec { value_kind: ValueKind::Required(example), ..OptionSpec::flag(letter, long) }
    }

    /// An option that may be given a value, such as `example`, as in `--long=example` or `-l=example`.
    pub const fn optional_value(
        letter: Option<char>,
        long: &'static str,
        example: &'static str,
    ) -> OptionSpec {
        OptionSpec { value_kind: ValueKind::Optional(example), ..OptionSpec::flag(letter, long) }
    }

    /// An option that takes no value and sets nothing, such as `--help`.
    pub const fn action(letter: Option<char>, long: &'static str) -> OptionSpec {
        OptionSpec { kind: OptionKind::Action, ..OptionSpec::flag(letter, long) }
    }

    /// The same, for an option that stands for `value` if it is not given.
    pub const fn defaults_to(self, value: &'static str) -> OptionSpec {
        OptionSpec { default: Some(value), ..self }
    }

    /// This option, with what is special about it.
    pub const fn kind(self, kind: OptionKind) -> OptionSpec {
        OptionSpec { kind, ..self }
    }

    /// Whether it can stand in a file of settings.
    pub(super) const fn is_allowed_in_file(&self) -> bool {
        !matches!(self.kind, OptionKind::SettingsFile | OptionKind::Action)
    }

    /// Whether it may have more than one value.
    pub(super) const fn is_repeatable(&self) -> bool {
        matches!(self.kind, OptionKind::Repeated | OptionKind::Pairs(_))
    }

    /// A value such as it takes, without the quotes that a shell needs.
    pub(super) fn example(&self) -> &'static str {
        match self.value_kind {
            ValueKind::NoValue => "true",
            ValueKind::Required(example) | ValueKind::Optional(example) => example.trim_matches('\''),
        }
    }
}

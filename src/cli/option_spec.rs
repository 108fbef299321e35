//! What an option is: its names, whether a value goes with it, and how it may be set.
//!
//! An entry of a program's table is one line: `Spelling::valued(Some('p'), "--port", "8080")`, and what
//! is special about it behind that, such as `.repeated()`. It never understands a value.

/// An option as a person may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The `p` of `-p`, if there is one; an ASCII letter.
    pub letter: Option<char>,
    /// `--port`.
    pub long: &'static str,
    /// Whether a value goes with it.
    pub takes: Takes,
    /// How it may be set.
    pub kind: Kind,
    /// The value that stands for none; a flag and what is [`Takes::Attached`] are off by themselves.
    pub default: Option<&'static str>,
}

/// Whether a value goes with an option; by way of example, one such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// One, which hangs on the option or follows it.
    Value(&'static str),
    /// One or none: only what hangs on it by an equals sign is its value, so that what follows is
    /// never mistaken for one. Left out, it counts as empty.
    Attached(&'static str),
}

/// How an option may be set besides the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    Order,
}

impl Spelling {
    /// An option that takes no value.
    pub const fn flag(letter: Option<char>, long: &'static str) -> Spelling {
        Spelling { letter, long, takes: Takes::Nothing, kind: Kind::Single, default: None }
    }

    /// An option that takes a value, such as `example`.
    pub const fn valued(letter: Option<char>, long: &'static str, example: &'static str) -> Spelling {
        Spelling { takes: Takes::Value(example), ..Spelling::flag(letter, long) }
    }

    /// An option that may be given a value, such as `example`, as in `--long=example` or `-l=example`.
    pub const fn attached(letter: Option<char>, long: &'static str, example: &'static str) -> Spelling {
        Spelling { takes: Takes::Attached(example), ..Spelling::flag(letter, long) }
    }

    /// An option that takes no value and sets nothing, such as `--help`.
    pub const fn order(letter: Option<char>, long: &'static str) -> Spelling {
        Spelling { kind: Kind::Order, ..Spelling::flag(letter, long) }
    }

    /// The same, for an option that stands for `value` if it is not given.
    pub const fn defaults_to(self, value: &'static str) -> Spelling {
        Spelling { default: Some(value), ..self }
    }

    /// The same, for an option that may be given many times.
    pub const fn repeated(self) -> Spelling {
        Spelling { kind: Kind::Repeated, ..self }
    }

    /// The same, for an option that may be given many times, each time with a name, this `separator`
    /// and what belongs to the name.
    pub const fn pairs(self, separator: &'static str) -> Spelling {
        Spelling { kind: Kind::Pairs(separator), ..self }
    }

    /// The same, for an option that names a file or directory, unless it is one of these `words`.
    pub const fn path(self, words: &'static [&'static str]) -> Spelling {
        Spelling { kind: Kind::Path(words), ..self }
    }

    /// The same, for the option that names the file of settings.
    pub const fn settings_file(self) -> Spelling {
        Spelling { kind: Kind::SettingsFile, ..self }
    }

    /// Whether a value may go with it.
    pub(super) const fn takes_value(&self) -> bool {
        !matches!(self.takes, Takes::Nothing)
    }

    /// Whether it can stand in a file of settings.
    pub(super) const fn is_setting(&self) -> bool {
        !matches!(self.kind, Kind::SettingsFile | Kind::Order)
    }

    /// Whether it may have more than one value.
    pub(super) const fn is_many(&self) -> bool {
        matches!(self.kind, Kind::Repeated | Kind::Pairs(_))
    }

    /// A value such as it takes, without the quotes that a shell needs.
    pub(super) fn example(&self) -> &'static str {
        match self.takes {
            Takes::Nothing => "true",
            Takes::Value(example) | Takes::Attached(example) => example.trim_matches('\''),
        }
    }
}

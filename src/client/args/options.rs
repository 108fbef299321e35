//! The options as they are spelled: letters that combine, names, values that follow or are attached.
//!
//! It owns the table of options and takes arguments apart: `-sv`, `-fsSo FILE`, `-p8080`,
//! `--port=8080`, and `--` before words that begin with a hyphen. It goes from left to right, so that
//! a value may look like an option and the last of several counts. It never looks at a value.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::super::target::quote;
use super::{UsageError, refuse};

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    ConnectTimeout,
    Fail,
    Head,
    Header,
    Help,
    Host,
    Include,
    MaxTime,
    Output,
    Port,
    RemoteName,
    Request,
    ShowError,
    Silent,
    Verbose,
    Version,
}

/// How an option is written, and whether a value follows it.
pub(super) struct Spelling {
    opt: Opt,
    pub(super) letter: Option<char>,
    pub(super) name: &'static str,
    takes_value: bool,
}

const fn flag(opt: Opt, letter: char, name: &'static str) -> Spelling {
    Spelling { opt, letter: Some(letter), name, takes_value: false }
}

const fn valued(opt: Opt, letter: Option<char>, name: &'static str) -> Spelling {
    Spelling { opt, letter, name, takes_value: true }
}

pub(super) const SPELLINGS: [Spelling; 16] = [
    valued(Opt::ConnectTimeout, None, "connect-timeout"),
    flag(Opt::Fail, 'f', "fail"),
    flag(Opt::Head, 'I', "head"),
    valued(Opt::Header, Some('H'), "header"),
    flag(Opt::Help, 'h', "help"),
    valued(Opt::Host, None, "host"),
    flag(Opt::Include, 'i', "include"),
    valued(Opt::MaxTime, Some('m'), "max-time"),
    valued(Opt::Output, Some('o'), "output"),
    valued(Opt::Port, Some('p'), "port"),
    flag(Opt::RemoteName, 'O', "remote-name"),
    valued(Opt::Request, Some('X'), "request"),
    flag(Opt::ShowError, 'S', "show-error"),
    flag(Opt::Silent, 's', "silent"),
    flag(Opt::Verbose, 'v', "verbose"),
    flag(Opt::Version, 'V', "version"),
];

/// The arguments taken apart, their values not yet looked at.
#[derive(Default)]
pub(super) struct Given {
    /// The options in their order; a flag's value is empty.
    pub(super) options: Vec<(Opt, OsString)>,
    /// What is not an option, in its order.
    pub(super) words: Vec<OsString>,
}

impl Given {
    /// Takes the arguments apart.
    pub(super) fn read(args: Vec<OsString>) -> Result<Self, UsageError> {
        let mut given = Self::default();
        let mut rest = args.into_iter();
        while let Some(arg) = rest.next() {
            match arg.as_bytes() {
                b"--" => given.words.extend(rest.by_ref()),
                [b'-', b'-', ..] => given.read_long(&arg, &mut rest)?,
                [b'-', _, ..] => given.read_letters(&arg, &mut rest)?,
                _ => given.words.push(arg),
            }
        }
        Ok(given)
    }

    /// `--name`, `--name VALUE`, `--name=VALUE`.
    fn read_long(
        &mut self,
        arg: &OsString,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), UsageError> {
        let text = arg.as_bytes().strip_prefix(b"--").unwrap_or_default();
        let mut parts = text.splitn(2, |&b| b == b'=');
        let name = parts.next().unwrap_or_default();
        let attached = parts.next().map(|value| OsString::from_vec(value.to_vec()));
        let shown = format!("--{}", String::from_utf8_lossy(name));
        let spelling = SPELLINGS.iter().find(|s| s.name.as_bytes() == name);
        let spelling = spelling.ok_or_else(|| unknown(&shown))?;
        let value = match (spelling.takes_value, attached) {
            (false, Some(_)) => return refuse(format!("option {} takes no value", quote(&shown))),
            (false, None) => OsString::new(),
            (true, Some(value)) => value,
            (true, None) => rest.next().ok_or_else(|| wants_value(&shown))?,
        };
        self.options.push((spelling.opt, value));
        Ok(())
    }

    /// `-s`, `-sv`, `-o FILE`, `-oFILE`, `-sfo FILE`: the first that takes a value takes the rest.
    fn read_letters(
        &mut self,
        arg: &OsString,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), UsageError> {
        let mut letters = arg.as_bytes().strip_prefix(b"-").unwrap_or_default();
        while let Some((&letter, after)) = letters.split_first() {
            let spelling = SPELLINGS.iter().find(|s| s.letter == Some(char::from(letter)));
            let shown = || {
                let text = String::from_utf8_lossy(letters);
                format!("-{}", text.chars().next().unwrap_or_default())
            };
            let spelling = spelling.ok_or_else(|| unknown(&shown()))?;
            if spelling.takes_value {
                let value = match after {
                    [] => rest.next().ok_or_else(|| wants_value(&shown()))?,
                    _ => OsString::from_vec(after.to_vec()),
                };
                self.options.push((spelling.opt, value));
                return Ok(());
            }
            self.options.push((spelling.opt, OsString::new()));
            letters = after;
        }
        Ok(())
    }

    /// Whether an option is there.
    pub(super) fn has(&self, opt: Opt) -> bool {
        self.options.iter().any(|(given, _)| *given == opt)
    }

    /// The value of an option, the last one if there are several.
    pub(super) fn last(&self, opt: Opt) -> Option<&OsString> {
        let mut from_last = self.options.iter().rev();
        from_last.find_map(|(given, value)| (*given == opt).then_some(value))
    }
}

/// The long name of an option, without its hyphens.
pub(super) fn name_of(opt: Opt) -> &'static str {
    let spelling = SPELLINGS.iter().find(|spelling| spelling.opt == opt);
    spelling.map_or("", |spelling| spelling.name)
}

fn unknown(shown: &str) -> UsageError {
    UsageError(format!("unknown option {}", quote(shown)))
}

fn wants_value(shown: &str) -> UsageError {
    UsageError(format!("option {} needs a value", quote(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Given, UsageError> {
        Given::read(args.iter().map(OsString::from).collect())
    }

    #[test]
    fn every_spelling_says_the_same() {
        let rows: [&[&str]; 6] = [
            &["-s", "-o", "FILE", "x"],
            &["-so", "FILE", "x"],
            &["x", "-soFILE"],
            &["--silent", "x", "--output", "FILE"],
            &["--silent", "--output=FILE", "x"],
            &["-soFILE", "--", "x"],
        ];
        for args in rows {
            let given = read(args).unwrap();
            let options = [(Opt::Silent, OsString::new()), (Opt::Output, OsString::from("FILE"))];
            assert_eq!(given.options, options, "{args:?}");
            assert_eq!(given.words, ["x"], "{args:?}");
        }
    }

    #[test]
    fn a_value_may_hold_anything_and_words_may_begin_with_a_hyphen() {
        let given = read(&["-o", "--", "--host=a=b", "-", "--", "-s", "--"]).unwrap();
        assert_eq!(given.last(Opt::Output).unwrap(), "--");
        assert_eq!(given.last(Opt::Host).unwrap(), "a=b");
        assert_eq!(given.words, ["-", "-s", "--"]);
        assert!(!given.has(Opt::Silent));
    }

    #[test]
    fn the_last_of_several_counts() {
        let given = read(&["-p1", "--port", "2", "-p", "3"]).unwrap();
        assert_eq!(given.last(Opt::Port).unwrap(), "3");
    }

    #[test]
    fn letters_and_names_are_unique() {
        for (index, one) in SPELLINGS.iter().enumerate() {
            for other in &SPELLINGS[index + 1..] {
                assert!(one.name != other.name && one.opt != other.opt);
                assert!(one.letter.is_none() || one.letter != other.letter);
            }
        }
    }
}

//! The options of `reactor-server` and the ways to spell them.
//!
//! Owns the names, and `spell_out`, which rewrites every way to write an option (`-p8080`, `-p=80`,
//! `--port=80`) as `--port 80`. pico-args looks options up by name wherever they stand; after this
//! it cannot mistake a value for an option. It never looks into a value.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::values::quoted;
use super::{UsageError, usage};

/// An option as a person may write it.
struct Spelling {
    /// `-p`, or nothing.
    short: &'static str,
    /// `--port`.
    long: &'static str,
    /// A value to show by way of example, or nothing if it takes none.
    example: &'static str,
}

const fn spelling(short: &'static str, long: &'static str, example: &'static str) -> Spelling {
    Spelling { short, long, example }
}

const SPELLINGS: [Spelling; 12] = [
    spelling("-p", "--port", "8080"),
    spelling("-b", "--bind", "0.0.0.0"),
    spelling("-d", "--root", "./site"),
    spelling("-i", "--index", "index.html"),
    spelling("", "--access-log", "access.log"),
    spelling("", "--idle-timeout", "60s"),
    spelling("", "--header-timeout", "10s"),
    spelling("", "--grace", "10s"),
    spelling("", "--max-connections", "1000"),
    spelling("-q", "--quiet", ""),
    // Granted before anything is spelled out: these are here for their near misses.
    spelling("-h", "--help", ""),
    spelling("-V", "--version", ""),
];

/// Rewrites each option by its long name, its value in an argument of its own.
pub(super) fn spell_out(args: Vec<OsString>) -> Result<Vec<OsString>, UsageError> {
    let mut spelled = Vec::with_capacity(args.len() + 1);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let Some((option, attached)) = recognise(&arg)? else {
            spelled.push(arg);
            continue;
        };
        spelled.push(option.long.into());
        if !option.example.is_empty() {
            let value = attached.or_else(|| args.next());
            spelled.push(usable_value(option, value)?);
        } else if attached.is_some() {
            return usage(format!("'{}' takes no value", option.long));
        }
    }
    Ok(spelled)
}

/// The option that `arg` names and the value that hangs on it, or `None` if it is no option.
fn recognise(arg: &OsStr) -> Result<Option<(&'static Spelling, Option<OsString>)>, UsageError> {
    let bytes = arg.as_bytes();
    if !bytes.starts_with(b"-") || bytes == b"-" {
        return Ok(None);
    }
    let name_len =
        if bytes.starts_with(b"--") { memchr::memchr(b'=', bytes).unwrap_or(bytes.len()) } else { 2 };
    let (name, rest) = bytes.split_at(name_len);
    // `-port` is a slip for `--port`, not the port `ort`.
    let is_slip = SPELLINGS.iter().any(|known| known.long.as_bytes()[1..] == *bytes);
    let found =
        SPELLINGS.iter().find(|known| known.long.as_bytes() == name || known.short.as_bytes() == name);
    match found {
        Some(option) if !is_slip => {
            let value = rest.strip_prefix(b"=").unwrap_or(rest);
            let attached = (!rest.is_empty()).then(|| OsStr::from_bytes(value).to_owned());
            Ok(Some((option, attached)))
        }
        _ => Err(unknown(arg, OsStr::from_bytes(name))),
    }
}

/// A value that begins with a dash is more likely the next option, its own value forgotten.
fn usable_value(option: &Spelling, value: Option<OsString>) -> Result<OsString, UsageError> {
    let (long, example) = (option.long, option.example);
    match value {
        Some(value) if value == "-" => Ok(value),
        Some(value) if value.as_bytes().starts_with(b"-") => usage(format!(
            "'{long}' needs a value, such as {long} {example}, and {} looks like an option",
            quoted(&value)
        )),
        Some(value) if !value.is_empty() => Ok(value),
        _ => usage(format!("'{long}' needs a value, such as {long} {example}")),
    }
}

/// Names the option, without its value, and the one that was probably meant.
fn unknown(arg: &OsStr, name: &OsStr) -> UsageError {
    // Of `-xyz` nobody knows which part was meant to be the name.
    let is_long = name.as_bytes().starts_with(b"--");
    let shown = if is_long { name } else { arg };
    let nearest = SPELLINGS
        .iter()
        .min_by_key(|known| distance(known.long, shown))
        // Two slips: `--prot` is two letters away from `--port`.
        .filter(|known| distance(known.long, shown) <= 2);
    let hint = nearest.map_or(String::new(), |known| format!("did you mean '{}'? ", known.long));
    let shown = quoted(shown);
    UsageError(format!("unknown option {shown}; {hint}see reactor-server --help"))
}

/// How many letters to insert, remove or replace to make `b` of `a` (Levenshtein's distance).
fn distance(a: &str, b: &OsStr) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::args::HELP;

    fn spelled(line: &[&str]) -> Result<Vec<OsString>, UsageError> {
        spell_out(line.iter().map(OsString::from).collect())
    }

    #[test]
    fn every_spelling_becomes_the_long_name_and_its_value() {
        let cases: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["-p8080"], &["--port", "8080"]),
            (&["-p", "8080"], &["--port", "8080"]),
            (&["-p=8080"], &["--port", "8080"]),
            (&["--port", "8080"], &["--port", "8080"]),
            (&["--port=8080"], &["--port", "8080"]),
            (&["--root=a=b"], &["--root", "a=b"]),
            (&["--root", "=a"], &["--root", "=a"]),
            (&["--access-log=-"], &["--access-log", "-"]),
            (&["-q", "-i", "x"], &["--quiet", "--index", "x"]),
            (&["-q", "site", "-b::1", "80"], &["--quiet", "site", "--bind", "::1", "80"]),
            (&["-", "a-p", ""], &["-", "a-p", ""]),
        ];
        for (line, expected) in cases {
            let expected: Vec<OsString> = expected.iter().map(OsString::from).collect();
            assert_eq!(spelled(line), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn every_misspelling_is_told_in_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&["--prot", "1"], "unknown option '--prot'; did you mean '--port'? see reactor-server --help"),
            (
                &["--acess-log=x"],
                "unknown option '--acess-log'; did you mean '--access-log'? \
                 see reactor-server --help",
            ),
            (&["-port", "1"], "unknown option '-port'; did you mean '--port'? see reactor-server --help"),
            (&["--Help"], "unknown option '--Help'; did you mean '--help'? see reactor-server --help"),
            (&["-x"], "unknown option '-x'; see reactor-server --help"),
            (&["-é"], "unknown option '-é'; see reactor-server --help"),
            (&["-80"], "unknown option '-80'; see reactor-server --help"),
            (&["--a\nb=1"], "unknown option '--a\\nb'; see reactor-server --help"),
            (&["--=1"], "unknown option '--'; see reactor-server --help"),
            (&["--quiet=1"], "'--quiet' takes no value"),
            (&["-qp80"], "'--quiet' takes no value"),
            (&["--version=1"], "'--version' takes no value"),
            (&["-p"], "'--port' needs a value, such as --port 8080"),
            (&["--port="], "'--port' needs a value, such as --port 8080"),
            (&["-p="], "'--port' needs a value, such as --port 8080"),
            (&["--root", ""], "'--root' needs a value, such as --root ./site"),
            (
                &["--root", "-p", "80", "site"],
                "'--root' needs a value, such as --root ./site, and '-p' looks like an option",
            ),
            (
                &["--index=-p", "80", "site"],
                "'--index' needs a value, such as --index index.html, \
                 and '-p' looks like an option",
            ),
        ];
        for (line, expected) in cases {
            let error = spelled(line).unwrap_err().to_string();
            assert_eq!(&error, expected, "{line:?}");
        }
    }

    #[test]
    fn the_distance_counts_slips() {
        let cases = [
            ("--port", "--port", 0),
            ("--port", "--prot", 2),
            ("--port", "--ports", 1),
            ("--port", "-port", 1),
            ("--port", "", 6),
            ("", "--port", 6),
        ];
        for (a, b, slips) in cases {
            assert_eq!(distance(a, OsStr::new(b)), slips, "{a} {b}");
        }
    }

    #[test]
    fn the_help_tells_of_every_option() {
        for Spelling { short, long, .. } in SPELLINGS {
            let shown = match short {
                "" => format!("      {long} "),
                _ => format!("  {short}, {long} "),
            };
            assert!(HELP.lines().any(|line| line.starts_with(&shown)), "{long}");
        }
    }
}

//! Command line of `reactor-client sum`.
//!
//! Never prints, exits or reads the environment.

use std::ffi::OsString;

use super::Name;
use crate::cli::{
    HOST_DEFAULT, OptionSpec, ParsedArgs, Program, SUM_COMMAND, UsageError, ValueCheck, parse_host,
    parse_port, quote, value,
};

pub use crate::cli::Command;

/// Text of `sum --help`.
pub const HELP: &str = include_str!("help.txt");

const PORT_DEFAULT: u16 = 9042;

/// Command name and options.
pub const PROGRAM: Program = Program {
    name: "reactor-client sum",
    specs: &[
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::value(None, "--host", "localhost"),
        OptionSpec::value(None, "--name", "Ada"),
        OptionSpec::value(Some('p'), "--port", "9042"),
        OptionSpec::action(Some('V'), "--version"),
    ],
    value_check: ValueCheck::AnyWithNegativeOperands,
};

/// Settings of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumClientConfig {
    /// Number; `None` prompts for it.
    pub number: Option<i64>,
    /// Client name; default: the user's.
    pub name: Option<Name>,
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// True if `args` start with `sum`.
pub fn is_sum_command(args: &[OsString]) -> bool {
    args.first().is_some_and(|word| word == SUM_COMMAND)
}

/// Parses `args`, without program name.
///
/// # Errors
/// Wrong option or word.
pub fn parse(args: Vec<OsString>) -> Result<Command<SumClientConfig>, UsageError> {
    PROGRAM.command(args, read_config)
}

fn read_config(parsed_args: &mut ParsedArgs) -> Result<SumClientConfig, String> {
    let name = value(parsed_args, "--name", Name::new)?;
    let host = value(parsed_args, "--host", parse_host)?.unwrap_or_else(|| HOST_DEFAULT.to_owned());
    let port = value(parsed_args, "--port", parse_port)?.unwrap_or(PORT_DEFAULT);
    let words = parsed_args.operands();
    let number = match &words[..] {
        [_] => None,
        [_, number] => Some(number.to_str().and_then(parse_number).ok_or_else(|| not_a_number(number))?),
        [_, _, extra, ..] => {
            let shown = quote(extra);
            return Err(format!("unexpected word {shown}; a host called sum is written http://sum/"));
        }
        [] => return Err(format!("'{SUM_COMMAND}' is missing")),
    };
    Ok(SumClientConfig { number, name, host, port })
}

pub(super) fn parse_number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

pub(super) fn not_a_number(text: impl AsRef<std::ffi::OsStr>) -> String {
    format!("{} is not an integer from {} to {}", quote(text), i64::MIN, i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::cli::check_table;

    fn parsed(line: &[&str]) -> Result<Command<SumClientConfig>, String> {
        let args: Vec<OsString> = line.iter().map(OsString::from).collect();
        assert!(is_sum_command(&args));
        parse(args).map_err(|error| error.to_string())
    }

    fn config(number: Option<i64>, name: Option<&str>, host: &str, port: u16) -> SumClientConfig {
        SumClientConfig {
            number,
            name: name.and_then(|name| Name::new(name).ok()),
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn parse_accepts_every_form() {
        let local = "127.0.0.1";
        let cases: &[(&[&str], SumClientConfig)] = &[
            (&["sum"], config(None, None, local, 9042)),
            (&["sum", "7"], config(Some(7), None, local, 9042)),
            (&["sum", "+7"], config(Some(7), None, local, 9042)),
            (&["sum", "-5"], config(Some(-5), None, local, 9042)),
            (&["sum", "-5", "-p", "81"], config(Some(-5), None, local, 81)),
            (&["sum", "-p", "81", "-5"], config(Some(-5), None, local, 81)),
            (&["sum", "-p", "81", "--", "-5"], config(Some(-5), None, local, 81)),
            (&["sum", "--", "-5"], config(Some(-5), None, local, 9042)),
            (&["sum", "--name", "-5", "-6"], config(Some(-6), Some("-5"), local, 9042)),
            (&["sum", "-9223372036854775808"], config(Some(i64::MIN), None, local, 9042)),
            (
                &["sum", "--host", "[::1]", "-p81", "7", "--name=Zo\u{eb}: 1"],
                config(Some(7), Some("Zo\u{eb}: 1"), "::1", 81),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line), Ok(Command::Run(Box::new(expected.clone()))), "{line:?}");
        }
        assert_eq!(parsed(&["sum", "x", "--help"]), Ok(Command::Help));
        assert_eq!(parsed(&["sum", "-V"]), Ok(Command::Version));
    }

    #[test]
    fn is_sum_command_only_for_first_word_sum() {
        let args = |line: &[&str]| line.iter().map(OsString::from).collect::<Vec<_>>();
        for line in [&[][..], &["localhost", "sum"], &["sum:80"], &["/sum"], &["SUM"], &["-v", "sum"]] {
            assert!(!is_sum_command(&args(line)), "{line:?}");
        }
    }

    #[test]
    fn parse_errors_are_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&["sum", "x"], "'x' is not an integer from -9223372036854775808 to 9223372036854775807"),
            (&["sum", "1.5"], "'1.5' is not an integer from -9223372036854775808 to 9223372036854775807"),
            (&["sum", ""], "'' is not an integer from -9223372036854775808 to 9223372036854775807"),
            (&["sum", "8080", "GET"], "unexpected word 'GET'; a host called sum is written http://sum/"),
            (&["sum", "-o", "x"], "unknown option '-o'"),
            (&["sum", "-p", "0"], "option '--port': '0' is not a port: it is a number from 1 to 65535"),
            (&["sum", "--host", "a:1"], "option '--host': 'a:1' is not a host name or address"),
            (
                &["sum", "--name", "a\nb"],
                "option '--name' with 'a\\nb': a name is a short text without control characters",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line), Err(format!("{expected}; see reactor-client sum --help")), "{line:?}");
        }
        let long = "9".repeat(30);
        assert!(parsed(&["sum", &long]).is_err());
    }

    #[test]
    fn help_lists_every_option_and_examples_parse() {
        check_table(&PROGRAM, HELP);
        assert!(HELP.is_ascii() && HELP.lines().all(|line| line.len() <= 100));
        let (_, examples) = HELP.split_once("Examples\n").expect("examples");
        for line in examples.lines() {
            let (command, _) = line.trim().split_once("  ").expect("words about it");
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            assert!(parsed(&words).is_ok(), "{command}");
        }
    }
}

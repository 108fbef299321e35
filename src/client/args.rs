//! The command line of `reactor-client`: arguments become a [`Config`], or one line of refusal.
//!
//! It owns what the options mean together, and how a refusal reads. One-letter options mean what they
//! mean for curl. How options are spelled is the work of `options`, what words mean that of `target`.
//! It never prints, exits, or reads the environment.

mod options;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use self::options::{Given, Opt, name_of};
use super::config::{Config, FieldEdit, Output, parse_field, parse_method, parse_seconds, remote_name};
use super::target::{Overrides, parse_host, parse_port, parse_words, quote};

/// What `--help` shows.
pub const HELP: &str = include_str!("help.txt");

/// What `--version` shows.
pub const VERSION: &str = concat!("reactor-client ", env!("CARGO_PKG_VERSION"), "\n");

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Show [`HELP`].
    Help,
    /// Show [`VERSION`].
    Version,
    /// Send a request.
    Run(Box<Config>),
}

/// What is wrong with the command line; shown as one line that begins with the program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reactor-client: {}; see reactor-client --help", self.0)
    }
}

impl std::error::Error for UsageError {}

/// Reads the arguments, without the program's name.
///
/// An option given twice counts as given last, but `--header` adds up. `--help` and `--version` win
/// over values that make no sense.
///
/// # Errors
///
/// A [`UsageError`] that names the option or word at fault.
pub fn parse(args: Vec<OsString>) -> Result<Command, UsageError> {
    let given = Given::read(args)?;
    if given.has(Opt::Help) {
        return Ok(Command::Help);
    }
    if given.has(Opt::Version) {
        return Ok(Command::Version);
    }
    given.check().map(|config| Command::Run(Box::new(config)))
}

impl Given {
    /// The value of an option, understood by `parse`.
    fn value<T, E: fmt::Display>(
        &self,
        opt: Opt,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, UsageError> {
        let value = self.last(opt);
        value.map(|value| understand(opt, value, parse)).transpose()
    }

    fn check(&self) -> Result<Config, UsageError> {
        let overrides =
            Overrides { host: self.value(Opt::Host, parse_host)?, port: self.value(Opt::Port, parse_port)? };
        let words: Vec<String> = self.words.iter().map(word_text).collect();
        let (word, target) =
            parse_words(&words, &overrides).map_err(|error| UsageError(error.to_string()))?;
        let method = self.method(word)?;
        let output = self.output(&target.path)?;
        Ok(Config {
            method,
            fields: self.fields()?,
            output,
            include: self.has(Opt::Include) || self.has(Opt::Head),
            verbose: self.has(Opt::Verbose),
            silent: self.has(Opt::Silent),
            show_error: self.has(Opt::ShowError),
            fail: self.has(Opt::Fail),
            max_time: self.value(Opt::MaxTime, parse_seconds)?.flatten(),
            connect_timeout: self.value(Opt::ConnectTimeout, parse_seconds)?.flatten(),
            target,
        })
    }

    /// The method: from a word, `-X` or `-I`, which must not contradict one another.
    fn method(&self, word: Option<String>) -> Result<String, UsageError> {
        let word = match word {
            Some(word) => match parse_method(&word) {
                Ok(method) => Some(method),
                Err(error) => return refuse(format!("word {}: {error}", quote(&word))),
            },
            None => None,
        };
        let request = self.value(Opt::Request, parse_method)?;
        let head = self.has(Opt::Head).then(|| "HEAD".to_owned());
        let mut methods = [word, request, head].into_iter().flatten();
        let method = methods.next().unwrap_or_else(|| "GET".to_owned());
        match methods.find(|other| *other != method) {
            Some(other) => refuse(format!("two methods are asked for, {method} and {other}: leave one out")),
            None => Ok(method),
        }
    }

    fn output(&self, path: &str) -> Result<Output, UsageError> {
        match (self.last(Opt::Output), self.has(Opt::RemoteName)) {
            (Some(_), true) => refuse("-o and -O both say where to save: leave one out".to_owned()),
            (Some(file), false) if file.is_empty() => {
                refuse("option '--output' needs the name of a file".to_owned())
            }
            (Some(file), false) if file == "-" => Ok(Output::ForcedStdout),
            (Some(file), false) => Ok(Output::File(PathBuf::from(file))),
            (None, true) => match remote_name(path) {
                Ok(file) => Ok(Output::File(file)),
                Err(error) => refuse(format!("option '--remote-name' with {}: {error}", quote(path))),
            },
            (None, false) => Ok(Output::Stdout),
        }
    }

    fn fields(&self) -> Result<Vec<(String, FieldEdit)>, UsageError> {
        let headers = self.options.iter().filter(|(opt, _)| *opt == Opt::Header);
        let fields = headers.map(|(opt, value)| understand(*opt, value, parse_field));
        fields.collect()
    }
}

/// Understands the value of an option, or says which value of which option it is not.
fn understand<T, E: fmt::Display>(
    opt: Opt,
    value: &OsString,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, UsageError> {
    let outcome = match value.to_str() {
        Some(text) => parse(text).map_err(|error| error.to_string()),
        None => Err("it is not UTF-8".to_owned()),
    };
    outcome.map_err(|error| {
        let name = name_of(opt);
        let shown = quote(&value.to_string_lossy());
        // Some errors quote the value themselves; once is enough.
        match error.starts_with(&shown) {
            true => UsageError(format!("option '--{name}': {error}")),
            false => UsageError(format!("option '--{name}' with {shown}: {error}")),
        }
    })
}

/// A word as text. Linux knows file names that are not UTF-8; such a word is percent-encoded, which is
/// how a path is sent anyway.
fn word_text(word: &OsString) -> String {
    match word.to_str() {
        Some(text) => text.to_owned(),
        None => {
            let keeps_ascii = |b: u8| match b.is_ascii() {
                true => char::from(b).to_string(),
                false => percent_encode(&[b], NON_ALPHANUMERIC).to_string(),
            };
            word.as_bytes().iter().copied().map(keeps_ascii).collect()
        }
    }
}

fn refuse<T>(text: String) -> Result<T, UsageError> {
    Err(UsageError(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::options::SPELLINGS;

    use std::os::unix::ffi::OsStringExt;
    use std::time::Duration;

    fn try_parse(args: &[&str]) -> Result<Command, UsageError> {
        parse(args.iter().map(OsString::from).collect())
    }

    fn config(args: &[&str]) -> Config {
        match try_parse(args) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn no_arguments_ask_the_server_of_this_machine() {
        let config = config(&[]);
        assert_eq!(config.target.authority(), "127.0.0.1:8080");
        assert_eq!(config.target.path, "/");
        assert_eq!(config.method, "GET");
        assert_eq!(config.output, Output::Stdout);
        assert_eq!((config.max_time, config.connect_timeout), (None, None));
        assert!(config.fields.is_empty() && config.says_errors());
        assert!(!(config.include || config.verbose || config.silent || config.fail));
    }

    #[test]
    fn options_may_stand_anywhere_in_any_spelling() {
        let rows: [&[&str]; 8] = [
            &["-s", "-f", "-o", "FILE", "-p", "81", "GET", "/x"],
            &["GET", "/x", "-sfo", "FILE", "-p81"],
            &["-sfoFILE", "GET", "-p", "81", "/x"],
            &["--silent", "--fail", "--output", "FILE", "--port=81", "GET", "/x"],
            &["GET", "--output=FILE", "/x", "--port", "81", "-fs"],
            &["-p81", "-sfoFILE", "--", "GET", "/x"],
            &["-p80", "-p81", "-o", "OTHER", "-ssfoFILE", "GET", "/x"],
            &["-sfoFILE", "-XGET", ":81/x"],
        ];
        let wanted = config(rows[0]);
        assert!(wanted.silent && wanted.fail && !wanted.says_errors());
        assert_eq!(wanted.output, Output::File("FILE".into()));
        assert_eq!(wanted.target.authority(), "127.0.0.1:81");
        for args in rows {
            assert_eq!(config(args), wanted, "{args:?}");
        }
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        let config = config(&["-o", "-s", "-H", "-v: --help", "--", "-x.test"]);
        assert_eq!(config.output, Output::File("-s".into()));
        assert_eq!(config.fields[0].0, "-v");
        assert_eq!(config.target.host, "-x.test");
        assert!(!config.silent);
    }

    #[test]
    fn every_flag_has_its_setting() {
        let config = config(&["-ivsSf"]);
        assert!(config.include && config.verbose && config.silent && config.fail);
        assert!(config.show_error && config.says_errors());
    }

    #[test]
    fn times_methods_and_fields_are_understood() {
        let config = config(&[
            "-m1.5",
            "--connect-timeout=0.2",
            "-X",
            "PURGE",
            "--host",
            "[::1]",
            "-HAccept:",
            "--header=X: a=b",
        ]);
        assert_eq!(config.max_time, Some(Duration::from_millis(1500)));
        assert_eq!(config.connect_timeout, Some(Duration::from_millis(200)));
        assert_eq!(config.method, "PURGE");
        assert_eq!(config.target.host, "::1");
        let fields =
            [("Accept".to_owned(), FieldEdit::Remove), ("X".to_owned(), FieldEdit::Set("a=b".to_owned()))];
        assert_eq!(config.fields, fields);
    }

    #[test]
    fn head_asks_for_the_head_and_shows_it() {
        for args in [&["-I"][..], &["-I", "HEAD", "/"], &["-IX", "HEAD"]] {
            let config = config(args);
            assert_eq!(config.method, "HEAD");
            assert!(config.include);
        }
    }

    #[test]
    fn the_body_goes_where_it_is_told() {
        let rows: [(&[&str], Output); 5] = [
            (&["/a"], Output::Stdout),
            (&["/a", "-o", "-"], Output::ForcedStdout),
            (&["/a", "-o-"], Output::ForcedStdout),
            (&["/a", "-o", "b/c"], Output::File("b/c".into())),
            (&["-O", "/a/b%20c?d"], Output::File("b c".into())),
        ];
        for (args, output) in rows {
            assert_eq!(config(args).output, output, "{args:?}");
        }
    }

    #[test]
    fn help_and_version_win_over_bad_values() {
        let rows: [(&[&str], Command); 6] = [
            (&["-h"], Command::Help),
            (&["--help"], Command::Help),
            (&["-p", "x", "-svh"], Command::Help),
            (&["-V", "-h"], Command::Help),
            (&["-V"], Command::Version),
            (&["a", "b", "--version"], Command::Version),
        ];
        for (args, command) in rows {
            assert_eq!(try_parse(args), Ok(command), "{args:?}");
        }
    }

    #[test]
    fn a_word_that_is_not_utf8_is_sent_as_it_is() {
        let args = vec![OsString::from_vec(b"/a b\xff%20".to_vec())];
        match parse(args) {
            Ok(Command::Run(config)) => assert_eq!(config.target.path, "/a%20b%FF%20"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_error_is_one_line_that_names_the_thing() {
        let rows: [(&[&str], &str); 22] = [
            (&["--foo"], "unknown option '--foo'"),
            (&["--foo=bar"], "unknown option '--foo'"),
            (&["-sz"], "unknown option '-z'"),
            (&["-é"], "unknown option '-é'"),
            (&["--f\noo"], "unknown option '--f\\noo'"),
            (&["-o"], "option '-o' needs a value"),
            (&["-so"], "option '-o' needs a value"),
            (&["--port"], "option '--port' needs a value"),
            (&["--silent=yes"], "option '--silent' takes no value"),
            (&["-p", "x"], "option '--port': 'x' is not a port: it is a number from 1 to 65535"),
            (&["--host", "a:1"], "option '--host': 'a:1' is not a host name or address"),
            (&["-m", "soon"], "option '--max-time' with 'soon': seconds are a number such as 5 or 0.5"),
            (&["-H", "x"], "option '--header' with 'x': a header field is written 'Name: value'"),
            (&["-X", "A B"], "option '--request' with 'A B': a method is one word such as GET"),
            (&["CONNECT"], "word 'CONNECT': tunnels are not supported"),
            (&["-X", "PUT", "GET"], "two methods are asked for, GET and PUT: leave one out"),
            (&["-I", "GET"], "two methods are asked for, GET and HEAD: leave one out"),
            (&["-O", "-o", "x", "/a"], "-o and -O both say where to save: leave one out"),
            (&["-o", ""], "option '--output' needs the name of a file"),
            (
                &["-O", "/a/"],
                "option '--remote-name' with '/a/': the path ends with a slash and names no file; use -o FILE",
            ),
            (&["/a", "/b"], "unexpected word '/b'"),
            (&["https://h/"], "https:// is not supported (no TLS); use http://"),
        ];
        for (args, text) in rows {
            let error = try_parse(args).unwrap_err().to_string();
            let wanted = format!("reactor-client: {text}; see reactor-client --help");
            assert_eq!(error, wanted, "{args:?}");
        }
    }

    #[test]
    fn the_help_names_every_option_and_fits_a_screen() {
        for spelling in &SPELLINGS {
            let text = match spelling.letter {
                Some(letter) => format!("  -{letter}, --{}", spelling.name),
                None => format!("      --{}", spelling.name),
            };
            assert!(HELP.contains(&text), "{text}");
        }
        assert!(HELP.ends_with('\n') && !HELP.contains('\t'));
        assert!(HELP.lines().all(|line| line.len() <= 100));
        assert!(!HELP.lines().any(|line| line.ends_with(' ')));
    }

    #[test]
    fn every_example_of_the_help_works() {
        let examples = HELP.split("Examples\n").nth(1).unwrap();
        assert!(examples.lines().count() >= 6);
        for line in examples.lines() {
            let command = line.trim_start().split("   ").next().unwrap();
            let command = command.trim().replace('\'', "");
            let mut args = command.split(' ');
            assert_eq!(args.next(), Some("reactor-client"));
            config(&args.collect::<Vec<_>>());
        }
    }
}

//! The command line of `reactor-client`: arguments become a [`Config`], or one line of refusal.
//!
//! It owns which options there are and what they mean together. One-letter options mean what they
//! mean for curl. How options are spelled is the work of `command_line`, what words mean that of
//! `target`. It never prints, exits, or reads the environment.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::config::{Config, FieldEdit, Output, last_segment, parse_field, parse_method, parse_seconds};
use super::source;
use super::target::{Overrides, parse_host, parse_port, parse_words};
use crate::access_log::{Destination, Format, HeaderChoice, Style};
use crate::command_line::{Given, Program, Spelling, UsageError, Values, quote};

pub use crate::command_line::Command;

/// What `--help` shows.
pub const HELP: &str = include_str!("help.txt");

/// What `--version` shows.
pub const VERSION: &str = concat!("reactor-client ", env!("CARGO_PKG_VERSION"), "\n");

/// The program and its options.
pub const PROGRAM: Program = Program {
    name: "reactor-client",
    spellings: &[
        Spelling::valued(None, "--connect-timeout", "5"),
        Spelling::flag(Some('f'), "--fail"),
        Spelling::flag(Some('I'), "--head"),
        Spelling::valued(Some('H'), "--header", "'Accept: text/html'"),
        Spelling::order(Some('h'), "--help"),
        Spelling::valued(None, "--host", "localhost"),
        Spelling::flag(Some('i'), "--include"),
        Spelling::valued(None, "--log", "exchanges.log"),
        Spelling::valued(None, "--log-format", "json"),
        Spelling::valued(None, "--log-headers", "Host,Server"),
        Spelling::flag(None, "--log-secrets"),
        Spelling::valued(Some('m'), "--max-time", "30"),
        Spelling::valued(Some('o'), "--output", "page.html"),
        Spelling::valued(Some('p'), "--port", "8080"),
        Spelling::flag(Some('O'), "--remote-name"),
        Spelling::valued(Some('X'), "--request", "OPTIONS"),
        Spelling::flag(Some('S'), "--show-error"),
        Spelling::flag(Some('s'), "--silent"),
        Spelling::valued(Some('T'), "--upload-file", "notes.txt"),
        Spelling::flag(Some('v'), "--verbose"),
        Spelling::order(Some('V'), "--version"),
    ],
    values: Values::Any,
};

/// Reads the arguments, without the program's name.
///
/// An option given twice counts as given last, but `--header` adds up.
///
/// # Errors
///
/// A [`UsageError`] that names the option or word at fault.
pub fn parse(args: Vec<OsString>) -> Result<Command<Config>, UsageError> {
    PROGRAM.command(args, read_config)
}

fn read_config(given: &mut Given) -> Result<Config, String> {
    let overrides =
        Overrides { host: value(given, "--host", parse_host)?, port: value(given, "--port", parse_port)? };
    let words: Vec<String> = given.operands().iter().map(word_text).collect();
    let (word, mut target) = parse_words(&words, &overrides)?;
    let head = given.flag("--head");
    let file = given.last("--upload-file");
    let method = method(given, word, head, if file.is_some() { "PUT" } else { "GET" })?;
    let upload = source::choose(file, &method, &mut target.path)?;
    let saves_under_its_name = given.clone().flag("--remote-name");
    let output = output(given, &target.path)?;
    let fields = fields(given)?;
    if upload.is_some() {
        check_upload(&fields, saves_under_its_name)?;
    }
    Ok(Config {
        method,
        fields,
        output,
        include: given.flag("--include") || head,
        verbose: given.flag("--verbose"),
        silent: given.flag("--silent"),
        show_error: given.flag("--show-error"),
        fail: given.flag("--fail"),
        max_time: value(given, "--max-time", parse_seconds)?.flatten(),
        connect_timeout: value(given, "--connect-timeout", parse_seconds)?.flatten(),
        log: log(given)?,
        log_style: log_style(given)?,
        target,
        upload,
    })
}

/// What would spoil what is sent: framing by hand, and saving the answer under the name of the file.
fn check_upload(fields: &[(String, FieldEdit)], saves_under_its_name: bool) -> Result<(), String> {
    let framing = ["Content-Length", "Transfer-Encoding"];
    if let Some((name, _)) =
        fields.iter().find(|(name, _)| framing.iter().any(|known| known.eq_ignore_ascii_case(name)))
    {
        return Err(format!(
            "option '--header' with {}: how a file is sent follows from the file",
            quote(name)
        ));
    }
    match saves_under_its_name {
        true => Err("-O would save the answer in the place of the file that is sent; use -o FILE".to_owned()),
        false => Ok(()),
    }
}

/// The method: from a word, `-X` or `-I`, which must not contradict one another.
fn method(given: &mut Given, word: Option<String>, head: bool, default: &str) -> Result<String, String> {
    let understood =
        |word: String| parse_method(&word).map_err(|error| format!("word {}: {error}", quote(&word)));
    let word = word.map(understood).transpose()?;
    let request = value(given, "--request", parse_method)?;
    let head = head.then(|| "HEAD".to_owned());
    let mut methods = [word, request, head].into_iter().flatten();
    let method = methods.next().unwrap_or_else(|| default.to_owned());
    match methods.find(|other| *other != method) {
        Some(other) => Err(format!("two methods are asked for, {method} and {other}: leave one out")),
        None => Ok(method),
    }
}

fn output(given: &mut Given, path: &str) -> Result<Output, String> {
    match (given.last("--output"), given.flag("--remote-name")) {
        (Some(_), true) => Err("-o and -O both say where to save: leave one out".to_owned()),
        (Some(file), false) if file.is_empty() => {
            Err("option '--output' needs the name of a file".to_owned())
        }
        (Some(file), false) if file == "-" => Ok(Output::ForcedStdout),
        (Some(file), false) => Ok(Output::File(PathBuf::from(file))),
        (None, true) => match last_segment(path) {
            Ok(file) => Ok(Output::File(file)),
            Err(error) => Err(format!("option '--remote-name' with {}: {error}; use -o FILE", quote(path))),
        },
        (None, false) => Ok(Output::Stdout),
    }
}

fn log(given: &mut Given) -> Result<Destination, String> {
    match given.last("--log") {
        None => Ok(Destination::Off),
        Some(file) if file.is_empty() => Err("option '--log' needs the name of a file".to_owned()),
        Some(file) if file == "-" => Ok(Destination::Stdout),
        Some(file) => Ok(Destination::File(PathBuf::from(file))),
    }
}

fn log_style(given: &mut Given) -> Result<Style, String> {
    Ok(Style {
        format: value(given, "--log-format", Format::parse)?.unwrap_or(Format::Headers),
        headers: value(given, "--log-headers", HeaderChoice::parse)?.unwrap_or_default(),
        secrets: given.flag("--log-secrets"),
    })
}

fn fields(given: &mut Given) -> Result<Vec<(String, FieldEdit)>, String> {
    let headers = given.all("--header");
    headers.iter().map(|header| understand("--header", header, parse_field)).collect()
}

/// The value of an option, understood by `parse`.
pub(super) fn value<T, E: fmt::Display>(
    given: &mut Given,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    given.last(name).map(|value| understand(name, &value, parse)).transpose()
}

/// Understands the value of an option, or says which value of which option it is not.
fn understand<T, E: fmt::Display>(
    name: &str,
    value: &OsString,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let outcome = match value.to_str() {
        Some(text) => parse(text).map_err(|error| error.to_string()),
        None => Err("it is not UTF-8".to_owned()),
    };
    outcome.map_err(|error| {
        let shown = quote(value);
        // Some errors quote the value themselves; once is enough.
        match error.starts_with(&shown) {
            true => format!("option '{name}': {error}"),
            false => format!("option '{name}' with {shown}: {error}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    use crate::client::source::Source;
    use crate::command_line::check_table;

    use std::os::unix::ffi::OsStringExt;
    use std::time::Duration;

    fn try_parse(args: &[&str]) -> Result<Command<Config>, UsageError> {
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
    fn the_log_is_off_unless_it_is_named_and_shows_headers_unless_told_otherwise() {
        let style = |format| Style { format, ..Style::default() };
        let plain = config(&[]);
        assert_eq!((plain.log, plain.log_style), (Destination::Off, style(Format::Headers)));
        let named = config(&["--log", "a.log", "--log-format=json"]);
        assert_eq!((named.log, named.log_style), (Destination::File("a.log".into()), style(Format::Json)));
        let shown = config(&["--log=-", "--log-secrets", "--log-headers", "Host"]);
        assert_eq!(shown.log, Destination::Stdout);
        assert!(shown.log_style.secrets);
        assert_eq!(shown.log_style.headers, HeaderChoice::Only(vec!["Host".to_owned()]));
        for wrong in ["--log=", "--log-format=xml", "--log-headers=a:"] {
            assert!(try_parse(&[wrong]).is_err(), "{wrong}");
        }
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
    fn put_sends_a_file_and_a_file_is_sent_by_put() {
        let file = |name: &str| Some(Source::File(name.into()));
        let rows: [(&[&str], &str, &str, Option<Source>); 7] = [
            (&["localhost", "8080", "PUT", "/a.txt"], "PUT", "/a.txt", file("a.txt")),
            (&["-X", "PUT", "/a.txt"], "PUT", "/a.txt", file("a.txt")),
            (&["-T", "x", "/a.txt"], "PUT", "/a.txt", file("x")),
            (&["-Tx", "PUT", ":81/in/"], "PUT", "/in/x", file("x")),
            (&["--upload-file=x", "-X", "POST", "/a"], "POST", "/a", file("x")),
            (&["-T-", "/a"], "PUT", "/a", Some(Source::Stdin)),
            (&["-X", "POST", "/a"], "POST", "/a", None),
        ];
        for (args, method, path, upload) in rows {
            let config = config(args);
            assert_eq!((config.method.as_str(), config.target.path.as_str()), (method, path), "{args:?}");
            assert_eq!(config.upload, upload, "{args:?}");
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
    fn a_word_that_is_not_utf8_is_sent_as_it_is() {
        let args = vec![OsString::from_vec(b"/a b\xff%20".to_vec())];
        match parse(args) {
            Ok(Command::Run(config)) => assert_eq!(config.target.path, "/a%20b%FF%20"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_error_is_one_line_that_names_the_thing() {
        let rows: &[(&[&str], &str)] = &[
            (&["--quux"], "unknown option '--quux'"),
            (&["--quux=bar"], "unknown option '--quux'"),
            (&["-sz"], "unknown option '-z'"),
            (&["-é"], "unknown option '-é'"),
            (&["--f\noo"], "unknown option '--f\\noo'"),
            (&["-o"], "'-o' needs a value, such as -o page.html"),
            (&["-so"], "'-o' needs a value, such as -o page.html"),
            (&["--port"], "'--port' needs a value, such as --port 8080"),
            (&["--silent=yes"], "'--silent' takes no value"),
            (&["-p", "x"], "option '--port': 'x' is not a port: it is a number from 1 to 65535"),
            (&["--host", "a:1"], "option '--host': 'a:1' is not a host name or address"),
            (&["-m", "soon"], "option '--max-time' with 'soon': seconds are a number such as 5 or 0.5"),
            (&["-H", "x"], "option '--header' with 'x': a header field is written 'Name: value'"),
            (&["-X", "A B"], "option '--request' with 'A B': a method is one word such as GET"),
            (&["CONNECT"], "word 'CONNECT': tunnels are not supported"),
            (&["-X", "PUT", "GET"], "two methods are asked for, GET and PUT: leave one out"),
            (&["-I", "GET"], "two methods are asked for, GET and HEAD: leave one out"),
            (&["-T", "x", "GET", "/a"], "-T sends a file, and GET fetches one: leave one out"),
            (&["-IT", "x", "/a"], "-T sends a file, and HEAD fetches one: leave one out"),
            (&["PUT"], "PUT '/': the path ends with a slash and names no file; name it with -T FILE"),
            (
                &["PUT", "/a", "-O"],
                "-O would save the answer in the place of the file that is sent; use -o FILE",
            ),
            (
                &["PUT", "/a", "-H", "content-length: 5"],
                "option '--header' with 'content-length': how a file is sent follows from the file",
            ),
            (&["-O", "-o", "x", "/a"], "-o and -O both say where to save: leave one out"),
            (&["-o", ""], "option '--output' needs the name of a file"),
            (
                &["-O", "/a/"],
                "option '--remote-name' with '/a/': the path ends with a slash and names no file; use -o FILE",
            ),
            (&["/a", "/b"], "unexpected word '/b'"),
            (&["https://h/"], "https:// is not supported (no TLS); use http://"),
        ];
        for &(args, text) in rows {
            let error = try_parse(args).unwrap_err().to_string();
            let wanted = format!("{text}; see reactor-client --help");
            assert_eq!(error, wanted, "{args:?}");
        }
    }

    #[test]
    fn the_help_names_every_option_and_fits_a_screen() {
        check_table(&PROGRAM, HELP);
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

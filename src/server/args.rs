//! The command line of `reactor-server`: raw arguments in, a [`Command`] or one clear line out.
//!
//! Owns which options there are to give and how they make up a [`Config`]; how values are written is
//! in `values`, how options are spelled in `command_line`. It never prints, exits, or asks the file
//! system: whether a directory exists is an argument too.

mod documents;
mod sum;
mod upload;
mod values;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::access_log::{Destination, Format, HeaderChoice, Style};
use crate::command_line::{Given, Program, Spelling, UsageError, Values, twice};
use crate::server::{Config, RootChoice};
use documents::{parse_document, parse_error_pages};
use upload::{parse_directory, parse_size};
use values::{parse_bind, parse_count, parse_destination, parse_index, parse_port, parse_time, parse_words};

pub use crate::command_line::Command;

/// The text of `--help`.
pub const HELP: &str = include_str!("help.txt");

/// The text of `--version`.
pub const VERSION: &str = concat!("reactor-server ", env!("CARGO_PKG_VERSION"), "\n");

/// The directory that is served when none is named, if it is there.
pub const CONTENT_DIRECTORY: &str = "content";

/// The program and its options.
pub const PROGRAM: Program = Program {
    name: "reactor-server",
    spellings: &[
        Spelling::valued(Some('p'), "--port", "8080"),
        Spelling::valued(Some('b'), "--bind", "0.0.0.0"),
        Spelling::valued(Some('d'), "--root", "./site"),
        Spelling::valued(Some('i'), "--index", "index.html"),
        Spelling::valued(None, "--fallback", "index.html"),
        Spelling::valued(None, "--error-page", "404=404.html"),
        Spelling::valued(None, "--access-log", "access.log"),
        Spelling::valued(None, "--log-format", "json"),
        Spelling::valued(None, "--log-headers", "Host,User-Agent"),
        Spelling::flag(None, "--log-secrets"),
        Spelling::valued(None, "--idle-timeout", "60s"),
        Spelling::valued(None, "--header-timeout", "10s"),
        Spelling::valued(None, "--grace", "10s"),
        Spelling::valued(None, "--max-connections", "1000"),
        Spelling::attached(Some('u'), "--upload", "incoming"),
        Spelling::valued(None, "--max-upload", "1GiB"),
        Spelling::flag(Some('q'), "--quiet"),
        Spelling::flag(Some('v'), "--verbose"),
        Spelling::valued(None, "--sum-port", "9042"),
        Spelling::valued(None, "--sum-name", "'Room 12'"),
        Spelling::valued(None, "--sum-number", "42"),
        Spelling::flag(None, "--no-http"),
        Spelling::flag(Some('h'), "--help"),
        Spelling::flag(Some('V'), "--version"),
    ],
    values: Values::Checked,
};

/// Reads `args`, which are without the program's name; `content_exists` says whether
/// [`CONTENT_DIRECTORY`] is a directory here.
///
/// # Errors
/// The arguments make no sense.
pub fn parse(args: Vec<OsString>, content_exists: bool) -> Result<Command<Config>, UsageError> {
    PROGRAM.command(args, |given| read_config(given, content_exists))
}

fn read_config(given: &mut Given, content_exists: bool) -> Result<Config, String> {
    let mut config = Config { quiet: given.flag_once("--quiet")?, ..Config::default() };
    match given.once("--access-log")? {
        Some(value) => config.access_log = parse_destination(value),
        None if config.quiet => config.access_log = Destination::Off,
        None => {}
    }
    config.log_style = log_style(given)?;
    config.verbose = given.flag_once("--verbose")?;
    if let Some(value) = given.once("--index")? {
        config.index = parse_index(&value)?;
    }
    if let Some(value) = given.once("--fallback")? {
        config.fallback = Some(parse_document("--fallback", &value)?);
    }
    config.error_pages = parse_error_pages(&given.all("--error-page"))?;
    for (name, time, zero_allowed) in [
        ("--idle-timeout", &mut config.idle_timeout, false),
        ("--header-timeout", &mut config.header_timeout, false),
        ("--grace", &mut config.grace, true),
    ] {
        if let Some(value) = given.once(name)? {
            *time = parse_time(name, &value, zero_allowed)?;
        }
    }
    if let Some(value) = given.once("--max-connections")? {
        config.connections_max = Some(parse_count("--max-connections", &value)?);
    }
    sum::read(given, &mut config)?;
    upload(given, &mut config)?;
    config.bind = parse_bind(&given.all("--bind"))?;
    let (port, root) = port_and_root(given)?;
    if let Some(value) = port {
        config.port = parse_port(&value)?;
    }
    match root {
        Some(directory) => config.root = RootChoice::Directory(directory.into()),
        None if content_exists => config.root = RootChoice::Directory(CONTENT_DIRECTORY.into()),
        None => {}
    }
    Ok(config)
}

fn log_style(given: &mut Given) -> Result<Style, String> {
    let mut style = Style { secrets: given.flag_once("--log-secrets")?, ..Style::default() };
    if let Some(value) = given.once("--log-format")? {
        style.format = parse_words("--log-format", &value, Format::parse)?;
    }
    if let Some(value) = given.once("--log-headers")? {
        style.headers = parse_words("--log-headers", &value, HeaderChoice::parse)?;
    }
    Ok(style)
}

/// Whether files can be stored, where, and how large they may be.
fn upload(given: &mut Given, config: &mut Config) -> Result<(), String> {
    config.upload = given.once("--upload")?.map(|value| parse_directory(&value)).transpose()?;
    let Some(value) = given.once("--max-upload")? else { return Ok(()) };
    config.upload_len_max = parse_size("--max-upload", &value)?;
    match config.upload {
        Some(_) => Ok(()),
        None => Err("--max-upload limits uploads, which are off; turn them on with --upload".to_owned()),
    }
}

/// The port and the directory, each from its option or from what is no option: digits are the port.
fn port_and_root(given: &mut Given) -> Result<(Option<OsString>, Option<OsString>), String> {
    let mut port = given.once("--port")?;
    let mut root = given.once("--root")?;
    for operand in given.operands() {
        if operand.is_empty() {
            return Err("the directory's name is empty; for this one, write .".to_owned());
        }
        let is_number = operand.as_bytes().iter().all(u8::is_ascii_digit);
        let (slot, what) = match is_number {
            true => (&mut port, "the port"),
            false => (&mut root, "the directory"),
        };
        if let Some(first) = slot {
            return Err(twice(what, first, &operand));
        }
        *slot = Some(operand);
    }
    Ok((port, root))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::command_line::check_table;
    use crate::files::RelativePath;
    use crate::http::Status;
    use crate::server::{Bind, ErrorPage, SumConfig};
    use crate::sum::Name;

    fn parsed(line: &[&str]) -> Result<Command<Config>, UsageError> {
        parse(line.iter().map(OsString::from).collect(), false)
    }

    fn config(line: &[&str]) -> Config {
        match parsed(line) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{line:?} gave {other:?}"),
        }
    }

    fn config_with(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        change(&mut config);
        config
    }

    fn directory(path: &str) -> RootChoice {
        RootChoice::Directory(PathBuf::from(path))
    }

    #[test]
    fn nothing_given_serves_content_if_it_is_there() {
        assert_eq!(config(&[]), Config::default());
        let with_content = config_with(|config| config.root = directory(CONTENT_DIRECTORY));
        let command = parse(Vec::new(), true).unwrap();
        assert_eq!(command, Command::Run(Box::new(with_content)));
        let named = parse(vec!["site".into()], true).unwrap();
        let with_site = config_with(|config| config.root = directory("site"));
        assert_eq!(named, Command::Run(Box::new(with_site)));
    }

    #[test]
    fn every_form_of_port_and_directory_is_understood() {
        let both = config_with(|config| {
            config.port = 0;
            config.root = directory("./site");
        });
        let cases: &[&[&str]] = &[
            &["0", "./site"],
            &["./site", "0"],
            &["./site", "--port", "0"],
            &["--port=0", "./site"],
            &["-p0", "./site"],
            &["-p=0", "-d./site"],
            &["-p", "0", "--root", "./site"],
            &["--root=./site", "-p", "0"],
            &["-d", "./site", "0"],
            &["0", "--", "./site"],
            &["--", "./site", "0"],
        ];
        for line in cases {
            assert_eq!(config(line), both, "{line:?}");
        }
    }

    #[test]
    fn directories_may_have_any_name() {
        let cases: &[(&[&str], &str)] = &[
            (&["--root", "8080"], "8080"),
            (&["./8080"], "./8080"),
            (&["80a"], "80a"),
            (&["--", "-odd"], "-odd"),
            (&["--", "--"], "--"),
            (&["--", "--help"], "--help"),
            (&["--root=a=b"], "a=b"),
            (&["+80"], "+80"),
            (&["-"], "-"),
        ];
        for (line, path) in cases {
            let expected = config_with(|config| config.root = directory(path));
            assert_eq!(config(line), expected, "{line:?}");
        }
        let bytes = OsStr::from_bytes(b"caf\xe9");
        for line in [
            vec![bytes.to_owned()],
            vec!["-d".into(), bytes.to_owned()],
            vec![OsStr::from_bytes(b"--root=caf\xe9").to_owned()],
            vec![OsStr::from_bytes(b"-dcaf\xe9").to_owned()],
        ] {
            let expected = config_with(|config| config.root = RootChoice::Directory(bytes.into()));
            let command = parse(line.clone(), true).unwrap();
            assert_eq!(command, Command::Run(Box::new(expected)), "{line:?}");
        }
    }

    #[test]
    fn every_option_sets_its_own_value() {
        type Change = fn(&mut Config);
        let cases: &[(&[&str], Change)] = &[
            (&["-i", "home.htm"], |config| config.index = "home.htm".into()),
            (&["--index=home.htm"], |config| config.index = "home.htm".into()),
            (&["--fallback", "a/b.html"], |config| {
                config.fallback = RelativePath::parse_plain(b"a/b.html").ok();
            }),
            (&["--error-page", "404=a.html", "--error-page=503=b.html"], |config| {
                let page = |status, name: &str| ErrorPage {
                    status,
                    path: RelativePath::parse_plain(name.as_bytes()).unwrap(),
                };
                config.error_pages =
                    vec![page(Status::NOT_FOUND, "a.html"), page(Status::SERVICE_UNAVAILABLE, "b.html")];
            }),
            (&["--idle-timeout", "2m"], |config| {
                config.idle_timeout = Duration::from_secs(120);
            }),
            (&["--header-timeout=1.5s"], |config| {
                config.header_timeout = Duration::from_millis(1500);
            }),
            (&["--grace", "0"], |config| config.grace = Duration::ZERO),
            (&["--max-connections", "7"], |config| config.connections_max = Some(7)),
            (&["-b", "localhost"], |config| config.bind = Bind::Loopback),
            (&["-b::", "--bind", "10.0.0.1"], |config| {
                config.bind = Bind::Addresses(vec!["::".parse().unwrap(), "10.0.0.1".parse().unwrap()]);
            }),
            (&["--access-log", "off"], |config| config.access_log = Destination::Off),
            (&["--access-log=-"], |config| config.access_log = Destination::Stdout),
            (&["--access-log", "-"], |config| config.access_log = Destination::Stdout),
            (&["--access-log", "a.log"], |config| {
                config.access_log = Destination::File("a.log".into());
            }),
            (&["--log-format", "json"], |config| config.log_style.format = Format::Json),
            (&["--log-headers=none"], |config| config.log_style.headers = HeaderChoice::None),
            (&["--log-secrets"], |config| config.log_style.secrets = true),
            (&["-v"], |config| config.verbose = true),
            (&["-u"], |config| config.upload = Some(PathBuf::new())),
            (&["--upload"], |config| config.upload = Some(PathBuf::new())),
            (&["-u=incoming"], |config| config.upload = Some("incoming".into())),
            (&["--upload=a/b/"], |config| config.upload = Some("a/b".into())),
            (&["-u", "--max-upload", "5k"], |config| {
                config.upload = Some(PathBuf::new());
                config.upload_len_max = 5_000;
            }),
            (&["--upload", "site"], |config| {
                config.upload = Some(PathBuf::new());
                config.root = directory("site");
            }),
            (&["-q"], |config| {
                config.quiet = true;
                config.access_log = Destination::Off;
            }),
            (&["--quiet", "--access-log=-"], |config| config.quiet = true),
            (&["--sum-port", "9042"], |config| {
                config.sum = Some(SumConfig { port: 9042, name: None, number: 42 });
            }),
            (&["--sum-port=0", "--sum-name", "Zo\u{eb}: 1", "--sum-number", "-7", "--no-http"], |config| {
                let name = Name::new("Zo\u{eb}: 1").ok();
                config.sum = Some(SumConfig { port: 0, name, number: -7 });
                config.http = false;
            }),
        ];
        for (line, change) in cases {
            assert_eq!(config(line), config_with(change), "{line:?}");
        }
    }

    #[test]
    fn every_mistake_is_told_in_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&["-x"], "unknown option '-x'"),
            (&["--root", "--", "x"], "'--root' needs a value, such as --root ./site"),
            (&["-q", "--quiet"], "'--quiet' is given twice; once is enough"),
            (&[""], "the directory's name is empty; for this one, write ."),
            (&["80", "81"], "the port is given twice, '80' and '81'; leave one out"),
            (&["-p80", "80"], "the port is given twice, '80' and '80'; leave one out"),
            (&["-p80", "--port=81"], "--port is given twice, '80' and '81'; leave one out"),
            (&["a", "b"], "the directory is given twice, 'a' and 'b'; leave one out"),
            (&["-da", "--", "-b"], "the directory is given twice, 'a' and '-b'; leave one out"),
            (&["-i", "a", "-i", "b"], "--index is given twice, 'a' and 'b'; leave one out"),
            (&["--grace=1", "--grace=1"], "--grace is given twice, '1' and '1'; leave one out"),
            (&["65536"], "port 65536 is too large; ports go up to 65535"),
            (&["--port", "x"], "'x' is not a port; write 0 to 65535"),
            (&["-b::1", "-b[::1]"], "address ::1 is given twice; leave one out"),
            (
                &["--index", "a/b"],
                "'a/b' cannot be an index; it must be a plain file name, not hidden, \
                 without a slash",
            ),
            (&["--fallback=a", "--fallback=b"], "--fallback is given twice, 'a' and 'b'; leave one out"),
            (&["--idle-timeout", "0"], "--idle-timeout: '0' is too short; it must be above 0"),
            (&["--header-timeout", "0s"], "--header-timeout: '0s' is too short; it must be above 0"),
            (&["--grace", "soon"], "--grace: 'soon' is not a time; write it like 500ms, 10s, 2m or 1h"),
            (
                &["--log-format", "xml"],
                "--log-format: 'xml' does not do: a log format is combined, common, json or headers",
            ),
            (
                &["--log-headers", "Host:"],
                "--log-headers: 'Host:' does not do: write all, none, or names of header fields with \
                 commas between them",
            ),
            (&["--sum-port", "x"], "'x' is not a port; write 0 to 65535"),
            (&["--sum-port=0", "--sum-number=1.5"], "--sum-number: '1.5' is not an integer of 64 bits"),
            (
                &["--sum-port=0", "--sum-name=a\nb"],
                "--sum-name: 'a\\nb' cannot be a name; a name is some text, not too long, without \
                 control characters",
            ),
            (&["--sum-name", "Ada"], "'--sum-name' goes with --sum-port, which is not given"),
            (&["--sum-number", "1"], "'--sum-number' goes with --sum-port, which is not given"),
            (&["--no-http"], "'--no-http' goes with --sum-port, which is not given"),
            (&["-u", "--upload=a"], "--upload is given twice, '' and 'a'; leave one out"),
            (&["--upload="], "'--upload' needs a value, such as --upload=incoming"),
            (
                &["--upload=../x"],
                "--upload: '../x' is not a path beneath the root; write it like incoming or \
                 notes/incoming, with no name that begins with a dot",
            ),
            (&["-u", "--max-upload=5x"], "--max-upload: '5x' is not a size; write it like 500k, 20M, 1GiB"),
            (&["--max-upload=5k"], "--max-upload limits uploads, which are off; turn them on with --upload"),
            (&["--max-connections", "0"], "--max-connections: '0' is not a number from 1 up"),
        ];
        for (line, expected) in cases {
            let error = parsed(line).unwrap_err().to_string();
            assert_eq!(error, format!("{expected}; see reactor-server --help"), "{line:?}");
        }
    }

    #[test]
    fn the_help_tells_of_every_option_in_lines_that_fit() {
        check_table(&PROGRAM, HELP);
        let longest = HELP.lines().map(str::len).max();
        assert!(longest <= Some(100), "{longest:?}");
        assert!(HELP.is_ascii());
    }

    #[test]
    fn the_examples_of_the_help_work() {
        let (_, examples) = HELP.split_once("Examples:\n").unwrap();
        assert_eq!(examples.lines().count(), 3);
        for line in examples.lines() {
            let (command, _) = line.trim().split_once("  ").unwrap();
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            assert!(parsed(&words).is_ok(), "{command}");
        }
    }
}

//! The command line of `reactor-server`: raw arguments in, a `Command` or one clear line out.
//!
//! Owns which options there are to give and how they make up a `Config`; how options are spelled
//! is in `spelling`, how their values are written in `values`. It never prints, exits, or asks the
//! file system: whether a directory exists is an argument too.

mod spelling;
mod values;

use std::convert::Infallible;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::access_log::Destination;
use crate::server::{Config, RootChoice};
use spelling::spell_out;
use values::{parse_bind, parse_count, parse_destination, parse_index, parse_port, parse_time};

pub(super) use values::quoted;

/// The text of `--help`.
pub const HELP: &str = include_str!("help.txt");

/// The directory that is served when none is named, if it is there.
pub const CONTENT_DIRECTORY: &str = "content";

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Serve.
    Serve(Box<Config>),
}

/// What makes no sense in the arguments: one line that names the thing and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

/// Reads `args`, which are without the program's name; `content_exists` says whether
/// [`CONTENT_DIRECTORY`] is a directory here.
///
/// A request for help is granted whatever else is wrong: who makes a mistake needs it most.
///
/// # Errors
/// The arguments make no sense.
pub fn parse(mut args: Vec<OsString>, content_exists: bool) -> Result<Command, UsageError> {
    let dashes = args.iter().position(|arg| arg == "--");
    let after_dashes = dashes.map_or(Vec::new(), |at| args.split_off(at));
    let asks_for = |short, long| args.iter().any(|arg| arg == short || arg == long);
    if asks_for("-h", "--help") {
        return Ok(Command::Help);
    }
    if asks_for("-V", "--version") {
        return Ok(Command::Version);
    }
    let given = Given(pico_args::Arguments::from_vec(spell_out(args)?));
    let operands = after_dashes.into_iter().skip(1);
    let config = read_config(given, operands, content_exists)?;
    Ok(Command::Serve(Box::new(config)))
}

fn read_config(
    mut given: Given,
    operands: impl Iterator<Item = OsString>,
    content_exists: bool,
) -> Result<Config, UsageError> {
    let mut config = Config { quiet: given.flag("--quiet")?, ..Config::default() };
    match given.once("--access-log")? {
        Some(value) => config.access_log = parse_destination(value),
        None if config.quiet => config.access_log = Destination::Off,
        None => {}
    }
    if let Some(value) = given.once("--index")? {
        config.index = parse_index(&value)?;
    }
    if let Some(value) = given.once("--idle-timeout")? {
        config.idle_timeout = parse_time("--idle-timeout", &value, false)?;
    }
    if let Some(value) = given.once("--header-timeout")? {
        config.header_timeout = parse_time("--header-timeout", &value, false)?;
    }
    if let Some(value) = given.once("--grace")? {
        config.grace = parse_time("--grace", &value, true)?;
    }
    if let Some(value) = given.once("--max-connections")? {
        config.connections_max = Some(parse_count("--max-connections", &value)?);
    }
    config.bind = parse_bind(&given.all("--bind")?)?;
    let (port, root) = given.port_and_root(operands)?;
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

/// What was given, once every option is spelled out.
struct Given(pico_args::Arguments);

impl Given {
    /// The next value of an option, or `None` if it is not there, or not again.
    fn next(&mut self, name: &'static str) -> Result<Option<OsString>, UsageError> {
        let as_it_is = |value: &OsStr| Ok::<_, Infallible>(value.to_owned());
        let value = self.0.opt_value_from_os_str(name, as_it_is);
        value.map_err(|error| UsageError(error.to_string()))
    }

    fn once(&mut self, name: &'static str) -> Result<Option<OsString>, UsageError> {
        let first = self.next(name)?;
        match (&first, self.next(name)?) {
            (Some(first), Some(second)) => Err(twice(name, first, &second)),
            _ => Ok(first),
        }
    }

    fn all(&mut self, name: &'static str) -> Result<Vec<OsString>, UsageError> {
        let mut values = Vec::new();
        while let Some(value) = self.next(name)? {
            values.push(value);
        }
        Ok(values)
    }

    fn flag(&mut self, name: &'static str) -> Result<bool, UsageError> {
        let given = self.0.contains(name);
        if given && self.0.contains(name) {
            return usage(format!("'{name}' is given twice; once is enough"));
        }
        Ok(given)
    }

    /// The port and the directory, each from its option or from what is no option: digits are the
    /// port. To be called last, when every other option has been taken out.
    fn port_and_root(
        mut self,
        operands: impl Iterator<Item = OsString>,
    ) -> Result<(Option<OsString>, Option<OsString>), UsageError> {
        let mut port = self.once("--port")?;
        let mut root = self.once("--root")?;
        for operand in self.0.finish().into_iter().chain(operands) {
            if operand.is_empty() {
                return usage("the directory's name is empty; for this one, write .".to_owned());
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
}

fn twice(what: &str, first: &OsStr, second: &OsStr) -> UsageError {
    let (first, second) = (quoted(first), quoted(second));
    UsageError(format!("{what} is given twice, {first} and {second}; leave one out"))
}

fn usage<T>(line: String) -> Result<T, UsageError> {
    Err(UsageError(line))
}

impl From<String> for UsageError {
    fn from(line: String) -> UsageError {
        UsageError(line)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for UsageError {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::server::Bind;

    fn parsed(line: &[&str]) -> Result<Command, UsageError> {
        parse(line.iter().map(OsString::from).collect(), false)
    }

    fn config(line: &[&str]) -> Config {
        match parsed(line) {
            Ok(Command::Serve(config)) => *config,
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
        let with_content = config_with(|config| config.root = directory("content"));
        let command = parse(Vec::new(), true).unwrap();
        assert_eq!(command, Command::Serve(Box::new(with_content)));
        let named = parse(vec!["site".into()], true).unwrap();
        let with_site = config_with(|config| config.root = directory("site"));
        assert_eq!(named, Command::Serve(Box::new(with_site)));
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
            assert_eq!(command, Command::Serve(Box::new(expected)), "{line:?}");
        }
    }

    #[test]
    fn every_option_sets_its_own_value() {
        type Change = fn(&mut Config);
        let cases: &[(&[&str], Change)] = &[
            (&["-i", "home.htm"], |config| config.index = "home.htm".into()),
            (&["--index=home.htm"], |config| config.index = "home.htm".into()),
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
            (&["-q"], |config| {
                config.quiet = true;
                config.access_log = Destination::Off;
            }),
            (&["--quiet", "--access-log=-"], |config| config.quiet = true),
        ];
        for (line, change) in cases {
            assert_eq!(config(line), config_with(change), "{line:?}");
        }
    }

    #[test]
    fn help_and_version_are_granted_whatever_else_is_wrong() {
        let cases: &[(&[&str], Command)] = &[
            (&["-h"], Command::Help),
            (&["--help"], Command::Help),
            (&["--nonsense", "-h"], Command::Help),
            (&["-V", "--help"], Command::Help),
            (&["-V"], Command::Version),
            (&["99999", "--version"], Command::Version),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line).as_ref(), Ok(expected), "{line:?}");
        }
        assert_eq!(config(&["--", "--help"]).root, directory("--help"));
    }

    #[test]
    fn every_mistake_is_told_in_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&["--prot", "1"], "unknown option '--prot'; did you mean '--port'? see reactor-server --help"),
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
            (&["--idle-timeout", "0"], "--idle-timeout: '0' is too short; it must be above 0"),
            (&["--header-timeout", "0s"], "--header-timeout: '0s' is too short; it must be above 0"),
            (&["--grace", "soon"], "--grace: 'soon' is not a time; write it like 500ms, 10s, 2m or 1h"),
            (&["--max-connections", "0"], "--max-connections: '0' is not a number from 1 up"),
        ];
        for (line, expected) in cases {
            let error = parsed(line).unwrap_err().to_string();
            assert_eq!(&error, expected, "{line:?}");
        }
    }

    #[test]
    fn the_help_is_in_lines_that_fit() {
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

//! Merge of command line, environment and settings file, in order of precedence.
//!
//! Nothing is read here.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::tls::state_directory;
use super::{PROGRAM, assign_operands, read_config};
use crate::access_log::LogDestination;
use crate::cli::{Command, UsageError, quote};
use crate::server::{ProcessEnv, RootChoice, ServerConfig};

/// Parsed invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Merged settings.
    pub config: ServerConfig,
    /// With `--check`: the settings in force as TOML.
    pub check: Option<String>,
    /// A line per unknown variable named like a setting.
    pub unknown_variables: Vec<String>,
}

impl Invocation {
    /// Logs the unknown variables.
    pub fn warn(&self) {
        for warning in &self.unknown_variables {
            log::warn!("environment: {warning}");
        }
    }
}

/// Parses `args`, without the program name, and merges the layers.
///
/// # Errors
/// Invalid argument, variable or settings file.
pub fn command(args: Vec<OsString>, process_env: &ProcessEnv) -> Result<Command<Invocation>, UsageError> {
    PROGRAM.command(args, |parsed| {
        let is_check = parsed.flag_once("--check")?;
        assign_operands(parsed)?;
        parsed.add_layer(PROGRAM.environment_settings(&process_env.variables)?);
        if let Some(path) = parsed.once("--config")? {
            let path = Path::new(&path);
            let bytes = (process_env.read_file)(path)
                .map_err(|error| parsed.locate_error(&file_error(path, &error)))?;
            parsed.add_layer(PROGRAM.file_settings(path, &bytes)?);
        }
        let mut config =
            read_config(parsed, process_env.content_exists).map_err(|error| parsed.locate_error(&error))?;
        if let Some(tls) = &mut config.tls {
            tls.state_directory = state_directory(&process_env.variables);
        }
        let show =
            || PROGRAM.settings_toml(parsed, &derived_settings(&config), &process_env.working_directory);
        let check = is_check.then(show);
        Ok(Invocation { check, unknown_variables: PROGRAM.unknown_variables(&process_env.variables), config })
    })
}

fn file_error(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "create it, or name another",
        ErrorKind::PermissionDenied => "make it readable for this user, or name another",
        _ => "name another",
    };
    format!("--config: cannot read {}: {error}; {remedy}", quote(path))
}

fn derived_settings(config: &ServerConfig) -> Vec<(&'static str, OsString)> {
    let root = match &config.root {
        RootChoice::Directory(path) => Some(path.clone().into()),
        RootChoice::Embedded => None,
    };
    let found = [
        ("--root", root),
        ("--access-log", (config.access_log == LogDestination::Off).then(|| "off".into())),
        ("--listing", Some(if config.listings_enabled() { "auto" } else { "off" }.into())),
        ("--sum-number", config.sum.as_ref().map(|sum| sum.number.to_string().into())),
    ];
    found.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::server::config::args::HELP;
    use crate::server::config::args::tests::{EMPTY_ENV, parse};

    type Variables<'a> = &'a [(&'a str, &'a str)];

    /// Settings file of each case that needs one.
    fn read_file(path: &Path) -> io::Result<Vec<u8>> {
        let text = match path.to_str() {
            Some("port.toml" | "conf/port.toml") => "port = 1\nroot = 'site'",
            Some("quiet.toml") => "quiet = true\naccess-log = 'a.log'\nverbose = true",
            Some("many.toml") => "bind = ['::1', '10.0.0.1']\n[error-page]\n500 = 'b'\n404 = 'a'",
            Some("rules.toml") => {
                "cors = 'http://a'\nclean-urls = true\nmime = { foo = 'text/x-foo', 'tar.gz' = 'a/b' }\n\
                 redirect = '/a=/b'\n[header]\nX-B = 'b: c'\nX-A = 1\n\
                 [cache-control]\n'*.html' = 'no-cache'\n'**' = 'max-age=5'"
            }
            Some("site.toml") => "root = 'site'",
            Some("upload.toml") => "upload = true\nmax-upload = '5k'",
            Some("other.toml") => "config = 'port.toml'",
            Some("wrong.toml") => "\nport = 'x'\nindex = 'a/b'\n[error-page]\n400 = 'a'",
            _ => return Err(ErrorKind::NotFound.into()),
        };
        Ok(text.into())
    }

    fn invocation(line: &[&str], variables: Variables<'_>) -> Result<Invocation, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let directory = PathBuf::from("/here");
        let process_env = ProcessEnv { variables, working_directory: directory, read_file, ..EMPTY_ENV };
        match command(line.iter().map(OsString::from).collect(), &process_env) {
            Ok(Command::Run(invocation)) => Ok(*invocation),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Settings of the arguments alone.
    fn args_only(line: &[&str]) -> ServerConfig {
        match parse(line.iter().map(OsString::from).collect(), false) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn option_taken_from_highest_layer_that_sets_it() {
        let cases: &[(&[&str], Variables<'_>, &[&str])] = &[
            (&["-c", "port.toml"], &[], &["-p1", "-dsite"]),
            (&["--config=conf/port.toml"], &[], &["-p1", "-dconf/site"]),
            (&[], &[("REACTOR_CONFIG", "port.toml")], &["-p1", "-dsite"]),
            (&["-c", "quiet.toml"], &[("REACTOR_CONFIG", "port.toml")], &["-qv", "--access-log=a.log"]),
            (&["-c", "port.toml"], &[("REACTOR_PORT", "2")], &["-p2", "-dsite"]),
            (&["-c", "port.toml"], &[("REACTOR_PORT", "")], &["-p1", "-dsite"]),
            (&["-c", "port.toml", "-p3"], &[("REACTOR_PORT", "2")], &["-p3", "-dsite"]),
            (&["-c", "port.toml", "3"], &[("REACTOR_PORT", "x")], &["-p3", "-dsite"]),
            (&["-c", "port.toml", "here"], &[("REACTOR_ROOT", "there")], &["-p1", "-dhere"]),
            (&["-c", "port.toml"], &[("REACTOR_ROOT", "there")], &["-p1", "-dthere"]),
            (&["-c", "quiet.toml"], &[("REACTOR_QUIET", "0")], &["-v", "--access-log=a.log"]),
            (&["-q", "-c", "quiet.toml"], &[("REACTOR_QUIET", "0")], &["-qv", "--access-log=a.log"]),
            (&["-c", "many.toml"], &[], &["-b::1", "-b10.0.0.1", "--error-page=500=b", "--error-page=404=a"]),
            (
                &["-c", "many.toml", "--error-page", "503=c"],
                &[("REACTOR_BIND", "::\n0.0.0.0")],
                &["-b::", "-b0.0.0.0", "--error-page=503=c"],
            ),
            (
                &["-c", "rules.toml"],
                &[],
                &[
                    &["--cors=http://a", "--clean-urls", "--mime=foo=text/x-foo", "--mime=tar.gz=a/b"][..],
                    &["--redirect=/a=/b", "-HX-B: b: c", "-HX-A: 1"],
                    &["--cache-control=*.html=no-cache", "--cache-control=**=max-age=5"],
                ]
                .concat(),
            ),
            (&["-c", "upload.toml"], &[], &["-u", "--max-upload=5k"]),
            (&["-c", "upload.toml"], &[("REACTOR_UPLOAD", "incoming")], &["-u=incoming", "--max-upload=5k"]),
        ];
        for (line, variables, expected) in cases {
            let config = invocation(line, variables).map(|invocation| invocation.config);
            assert_eq!(config, Ok(args_only(expected)), "{line:?} {variables:?}");
        }
    }

    #[test]
    fn help_example_file_gives_expected_config() {
        let indent = " ".repeat(31);
        let (_, section) = HELP.split_once("\nSettings:\n").unwrap();
        let (section, _) = section.split_once("\n\n").unwrap();
        let example = section.lines().filter_map(|line| line.strip_prefix(&indent));
        let example = example.collect::<Vec<_>>().join("\n");
        let settings = PROGRAM.file_settings(Path::new("a.toml"), example.as_bytes()).unwrap();
        let config = PROGRAM.command(Vec::new(), |parsed| {
            parsed.add_layer(settings);
            read_config(parsed, false)
        });
        let expected = args_only(&["-q", "-p8080", "-b0.0.0.0", "-b::", "--cache-control=*.html=no-cache"]);
        assert_eq!(config, Ok(Command::Run(Box::new(expected))));
    }

    #[test]
    fn help_example_commands_parse() {
        let (_, examples) = HELP.split_once("Examples:\n").unwrap();
        let examples = examples.lines().filter(|line| line.starts_with("  reactor-server"));
        let commands: Vec<&str> = examples.filter_map(|line| Some(line.trim().split_once("  ")?.0)).collect();
        assert_eq!(commands.len(), 4);
        for command in commands {
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            assert!(invocation(&words, &[]).is_ok(), "{command}");
        }
    }

    #[test]
    fn max_upload_with_upload_turned_off_accepted() {
        let config = invocation(&["-c", "upload.toml"], &[("REACTOR_UPLOAD", "off")]).unwrap().config;
        assert_eq!((config.upload, config.upload_len_max), (None, 5_000));
    }

    #[test]
    fn error_names_file_line_or_variable_of_setting() {
        let cases: &[(&[&str], Variables<'_>, &str)] = &[
            (&["-c", "wrong.toml"], &[], "wrong.toml:3: index: 'a/b' cannot be an index; it must"),
            (
                &["-c", "wrong.toml"],
                &[("REACTOR_INDEX", "a")],
                "wrong.toml:5: error-page: '400' cannot have a page of its own; 401,",
            ),
            (
                &["-c", "wrong.toml", "-ia", "--error-page=404=b"],
                &[],
                "wrong.toml:2: port: 'x' is not a port; write 0 to 65535; see",
            ),
            (&[], &[("REACTOR_PORT", "x")], "REACTOR_PORT: 'x' is not a port; write 0 to 65535; see"),
            (&[], &[("REACTOR_SUM_PORT", "x")], "REACTOR_SUM_PORT: 'x' is not a port; write 0 to 65535"),
            (&[], &[("REACTOR_BIND", "::1\n::1")], "REACTOR_BIND: address ::1 is given twice; leave one"),
            (&[], &[("REACTOR_GRACE", "soon")], "REACTOR_GRACE: 'soon' is not a time; write it like"),
            (&[], &[("REACTOR_QUIET", "2")], "REACTOR_QUIET: '2' is neither on nor off; write 1 or 0"),
            (&[], &[("REACTOR_MAX_UPLOAD", "5k")], "REACTOR_MAX_UPLOAD: --max-upload is for uploads, which"),
            (&["-u", "--max-upload=x"], &[("REACTOR_UPLOAD", "a")], "--max-upload: 'x' is not a size; write"),
            (&["-c", "none.toml"], &[], "--config: cannot read 'none.toml': entity not found; create it,"),
            (&[], &[("REACTOR_CONFIG", "a")], "REACTOR_CONFIG: cannot read 'a': entity not found; create it"),
            (&["-c", "other.toml"], &[], "other.toml:1: 'config' is not a setting; use it on the command"),
            (&["-c", "a", "-c", "b"], &[], "--config is given twice, 'a' and 'b'; leave one out"),
        ];
        for (line, variables, expected) in cases {
            let error = invocation(line, variables).unwrap_err();
            assert!(error.starts_with(expected), "{line:?} {variables:?}: {error}");
        }
    }

    #[test]
    fn invalid_variable_error_begins_with_its_name() {
        let mut refused = 0;
        for spec in PROGRAM.specs {
            let name = format!("REACTOR_{}", spec.long[2..].replace('-', "_").to_uppercase());
            for value in ["\u{1}", "../x", "-5", "=", ":", "a/"] {
                let Err(error) = invocation(&[], &[(&name, value)]) else { continue };
                assert!(error.starts_with(&format!("{name}: ")), "{name}={value:?}: {error}");
                refused += 1;
            }
        }
        assert!(refused > 50, "{refused}");
    }

    #[test]
    fn unknown_variables_reported_without_error() {
        let invocation = invocation(&[], &[("REACTOR_SERVICE_HOST", "::1"), ("REACTOR_CHECK", "1")]).unwrap();
        assert_eq!(invocation.config, ServerConfig::default());
        assert_eq!(invocation.check, None);
        assert_eq!(
            invocation.unknown_variables,
            ["REACTOR_CHECK is not a setting", "REACTOR_SERVICE_HOST is not a setting"]
        );
    }

    /// Settings that `--check` shows.
    fn shown(line: &[&str]) -> String {
        invocation(&[&["--check"], line].concat(), &[]).unwrap().check.unwrap()
    }

    #[test]
    fn check_shows_every_setting() {
        let settings = shown(&[]);
        for spec in PROGRAM.specs {
            let key = spec.long.trim_start_matches('-');
            let is_there = settings.lines().any(|line| {
                let line = line.strip_prefix("# ").unwrap_or(line);
                line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = "))
            });
            let is_action = ["help", "version", "check", "config"].contains(&key);
            assert_eq!(is_there, !is_action, "{key}");
        }
    }

    #[test]
    fn check_output_read_as_file_gives_same_config() {
        let sum = ["--sum-port=0", "--sum-name=Room \"1\"", "--no-http"];
        let rules = ["--error-page=404=a", "--error-page=500=b", "-b::1", "-b10.0.0.1"];
        let cases: &[&[&str]] = &[
            &[],
            &["-q"],
            &["-d/srv/site", "-p0", "-v"],
            &["-u=in", "--max-upload=5k", "--access-log=/var/log/a.log"],
            &sum,
            &rules,
            &["-HX-A: \"b\"", "-HX-A:\\", "--cors", "--mime=a=b/c", "--clean-urls", "--redirect=/a=/b"],
            &["--cors=http://a", "--cache-control=*=no-cache", "--cache-control=**=x"],
            &["--idle-timeout=1.5s", "--grace=0", "--fallback=index.html", "--max-connections=7"],
        ];
        for line in cases {
            let settings = PROGRAM.file_settings(Path::new("elsewhere/a.toml"), shown(line).as_bytes());
            let mut parsed = None;
            let read = PROGRAM.command(Vec::new(), |empty| {
                empty.add_layer(settings?);
                parsed = Some(empty.clone());
                read_config(empty, false)
            });
            // The shown settings include derived values.
            let mut expected = args_only(line);
            expected.listing = Some(expected.listings_enabled());
            if expected.root == RootChoice::Directory(".".into()) {
                expected.root = RootChoice::Directory("/here".into());
            }
            assert_eq!(read, Ok(Command::Run(Box::new(expected))), "{line:?}");
            // The shown settings are stable, except for their origin.
            let values = |text: &str| {
                let lines = text.lines().filter_map(|line| Some(line.split_once("  # ")?.0.to_owned()));
                lines.collect::<Vec<_>>()
            };
            let again = PROGRAM.settings_toml(
                &parsed.unwrap(),
                &derived_settings(&args_only(line)),
                Path::new("/there"),
            );
            assert_eq!(values(&again), values(&shown(line)), "{line:?}");
        }
    }

    #[test]
    fn check_shows_source_of_each_setting() {
        let line = ["--check", "-c", "port.toml", "--fallback=a"];
        let invocation = invocation(&line, &[("REACTOR_GRACE", "0")]).unwrap();
        let settings = invocation.check.unwrap();
        for shown in [
            "port = 1  # port.toml:1",
            "root = \"/here/site\"  # port.toml:2",
            "fallback = \"a\"  # command line",
            "grace = 0  # REACTOR_GRACE",
            "index = \"index.html\"  # default",
        ] {
            assert!(settings.lines().any(|line| line == shown), "{shown}: {settings}");
        }
    }
}

//! Tests of the command line for any program: help, errors, and a table of hard command lines.
//!
//! Each line is parsed under both rules for values. Results are compared as text.

use std::os::unix::ffi::OsStrExt;

use super::*;

const PROGRAM: Program = Program {
    name: "prog",
    specs: &[
        OptionSpec::value(Some('p'), "--port", "8080"),
        OptionSpec::flag(Some('q'), "--quiet"),
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::action(Some('V'), "--version"),
    ],
    value_check: ValueCheck::Checked,
};

fn command(line: &[&str]) -> Result<Command<bool>, String> {
    let args = line.iter().map(OsString::from).collect();
    let outcome = PROGRAM.command(args, |parsed| match parsed.once("--port")? {
        Some(port) => Err(format!("{} is taken", quote(port))),
        None => Ok(parsed.flag("--quiet")),
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
fn help_and_version_win_over_other_errors() {
    let cases: &[(&[&str], Command<bool>)] = &[
        (&["-h"], Command::Help),
        (&["--help"], Command::Help),
        (&["--nonsense", "-h"], Command::Help),
        (&["-qz", "--help"], Command::Help),
        (&["--port", "-h"], Command::Help),
        (&["-p", "x", "-qqh"], Command::Help),
        (&["-V", "-h"], Command::Help),
        (&["-V"], Command::Version),
        (&["a", "b", "-px", "--version"], Command::Version),
        (&["--", "-h"], Command::Run(Box::new(false))),
        (&["-q"], Command::Run(Box::new(true))),
    ];
    for (line, expected) in cases {
        assert_eq!(command(line).as_ref(), Ok(expected), "{line:?}");
    }
}

#[test]
fn usage_error_ends_with_help_hint() {
    let cases: &[(&[&str], &str)] = &[
        (&["-p80"], "'80' is taken; see prog --help"),
        (&["-x"], "unknown option '-x'; see prog --help"),
        (&["--prot"], "unknown option '--prot'; did you mean '--port'? see prog --help"),
        (&["-x", "-y", "-p80"], "unknown option '-x'; see prog --help"),
    ];
    for (line, expected) in cases {
        assert_eq!(command(line), Err((*expected).to_owned()), "{line:?}");
    }
}

#[test]
fn quote_escapes_to_one_line() {
    assert_eq!(quote("a\nb\u{1b}[31mé"), "'a\\nb\\u{1b}[31mé'");
    assert_eq!(quote(OsStr::from_bytes(b"caf\xe9")), "'caf\u{fffd}'");
}

/// Table with an option of each kind.
const KINDS: &[OptionSpec] = &[
    OptionSpec::value(Some('p'), "--port", "8080"),
    OptionSpec::value(Some('b'), "--bind", "::1").kind(OptionKind::Repeated),
    OptionSpec::value(Some('c'), "--config", "a.toml").kind(OptionKind::SettingsFile),
    OptionSpec::optional_value(Some('u'), "--upload", "incoming"),
    OptionSpec::flag(Some('q'), "--quiet"),
    OptionSpec::flag(Some('s'), "--silent"),
    OptionSpec::action(Some('h'), "--help"),
    OptionSpec::action(Some('V'), "--version"),
];

/// Result of a command line: options, a bar and operands; or an action; or an error.
fn outcome(values: ValueCheck, args: Vec<OsString>) -> String {
    let program = Program { name: "prog", specs: KINDS, value_check: values };
    let command = program.command(args, |parsed| {
        let mut words: Vec<String> = Vec::new();
        for setting in parsed.settings() {
            let value = setting.text.as_ref().filter(|_| setting.spec.value_kind != ValueKind::NoValue);
            words.push(setting.spec.long.to_owned() + &value.map(quote).unwrap_or_default());
        }
        for known in KINDS {
            match known.value_kind {
                ValueKind::NoValue => drop(parsed.flag(known.long)),
                _ => drop(parsed.all(known.long)),
            }
        }
        words.push("|".to_owned());
        words.extend(parsed.operands().iter().map(quote));
        Ok(words.join(" "))
    });
    match command {
        Ok(Command::Help) => "help".to_owned(),
        Ok(Command::Version) => "version".to_owned(),
        Ok(Command::Run(expected)) => *expected,
        Err(error) => error.message,
    }
}

#[test]
fn hard_command_lines_tokenized_as_listed() {
    for (line, checked, any) in HARD_LINES {
        let args: Vec<OsString> = line.iter().map(OsString::from).collect();
        assert_eq!(outcome(ValueCheck::Checked, args.clone()), *checked, "{line:?}, checked");
        assert_eq!(outcome(ValueCheck::Any, args), any.unwrap_or(checked), "{line:?}, any");
    }
    assert!(HARD_LINES.len() >= 60);
}

#[test]
fn hard_command_lines_accept_non_utf8() {
    let bytes = |line: &[&[u8]]| line.iter().map(|arg| OsStr::from_bytes(arg).to_owned()).collect::<Vec<_>>();
    for (line, expected) in BYTE_LINES {
        assert_eq!(outcome(ValueCheck::Checked, bytes(line)), *expected, "{line:?}");
    }
}

type HardLine = (&'static [&'static str], &'static str, Option<&'static str>);

/// Arguments; result if values are checked; result if any value is valid, if different.
const HARD_LINES: &[HardLine] = &[
    (&[], "|", None),
    (&["-p8080"], "--port'8080' |", None),
    (&["-p", "8080"], "--port'8080' |", None),
    (&["-p=8080"], "--port'8080' |", None),
    (&["-p=", "x"], "'-p' needs a value, such as -p 8080", Some("--port'' | 'x'")),
    (&["-p", ""], "'-p' needs a value, such as -p 8080", Some("--port'' |")),
    (&["-p"], "'-p' needs a value, such as -p 8080", None),
    (
        &["-p", "-q"],
        "'-p' needs a value, such as -p 8080, and '-q' looks like an option",
        Some("--port'-q' |"),
    ),
    (&["-p", "--"], "'-p' needs a value, such as -p 8080", Some("--port'--' |")),
    (&["-p", "--", "x"], "'-p' needs a value, such as -p 8080", Some("--port'--' | 'x'")),
    (&["-p", "-"], "--port'-' |", None),
    (&["-p", "-1"], "--port'-1' |", None),
    (
        &["-p", "-1x"],
        "'-p' needs a value, such as -p 8080, and '-1x' looks like an option",
        Some("--port'-1x' |"),
    ),
    (&["-p-1"], "--port'-1' |", None),
    (&["-p--"], "'-p' needs a value, such as -p 8080", Some("--port'--' |")),
    (&["-p==1"], "--port'=1' |", None),
    (&["--port=8080"], "--port'8080' |", None),
    (&["--port", "=8080"], "--port'=8080' |", None),
    (&["--port=="], "--port'=' |", None),
    (&["--port="], "'--port' needs a value, such as --port 8080", Some("--port'' |")),
    (
        &["--port", "--quiet"],
        "'--port' needs a value, such as --port 8080, and '--quiet' looks like an option",
        Some("--port'--quiet' |"),
    ),
    (
        &["--port", "--port", "--port"],
        "'--port' needs a value, such as --port 8080, and '--port' looks like an option",
        Some("'--port' needs a value, such as --port 8080"),
    ),
    (
        &["--port=--port"],
        "'--port' needs a value, such as --port 8080, and '--port' looks like an option",
        Some("--port'--port' |"),
    ),
    (
        &["--port", "-p"],
        "'--port' needs a value, such as --port 8080, and '-p' looks like an option",
        Some("--port'-p' |"),
    ),
    (&["--port", "a b"], "--port'a b' |", None),
    (&["--port", "\n"], "--port'\\n' |", None),
    (&["-p1", "-p2", "--port", "3"], "--port'1' --port'2' --port'3' |", None),
    (&["-q"], "--quiet |", None),
    (&["-qq", "--quiet"], "--quiet --quiet --quiet |", None),
    (&["-qs"], "--quiet --silent |", None),
    (&["-qsp80"], "--quiet --silent --port'80' |", None),
    (&["-qsp", "80"], "--quiet --silent --port'80' |", None),
    (&["-qsp=80"], "--quiet --silent --port'80' |", None),
    (&["-qsp"], "'-p' needs a value, such as -p 8080", None),
    (&["-qps"], "--quiet --port's' |", None),
    (&["-q=1"], "'-q' takes no value", None),
    (&["-qs=1"], "'-s' takes no value", None),
    (&["--quiet="], "'--quiet' takes no value", None),
    (&["--quiet=1"], "'--quiet' takes no value", None),
    (&["--quiet", "1"], "--quiet | '1'", None),
    (&["-u"], "--upload'' |", None),
    (&["-u", "in"], "--upload'' | 'in'", None),
    (&["-u=in"], "--upload'in' |", None),
    (&["-uin"], "unknown option '-i'", None),
    (&["-u="], "'-u' needs a value, such as -u=incoming", Some("--upload'' |")),
    (&["-u=-"], "--upload'-' |", None),
    (&["-u=--"], "'-u' needs a value, such as -u=incoming", Some("--upload'--' |")),
    (&["-u==in"], "--upload'=in' |", None),
    (&["-uq"], "--upload'' --quiet |", None),
    (&["-qu=in"], "--quiet --upload'in' |", None),
    (&["-uu"], "--upload'' --upload'' |", None),
    (&["--upload"], "--upload'' |", None),
    (&["--upload", "in"], "--upload'' | 'in'", None),
    (&["--upload=in=a"], "--upload'in=a' |", None),
    (
        &["--upload=-q"],
        "'--upload' needs a value, such as --upload=incoming, and '-q' looks like an option",
        Some("--upload'-q' |"),
    ),
    (&["--upload="], "'--upload' needs a value, such as --upload=incoming", Some("--upload'' |")),
    (&["a", "b", "-q", "c"], "--quiet | 'a' 'b' 'c'", None),
    (&["--", "-q", "--port", "1"], "| '-q' '--port' '1'", None),
    (&["--", "--"], "| '--'", None),
    (&["a", "--", "b", "--", "-c"], "| 'a' 'b' '--' '-c'", None),
    (&["-q", "--", "-q"], "--quiet | '-q'", None),
    (&["-"], "| '-'", None),
    (&["-", "-q", "-"], "--quiet | '-' '-'", None),
    (&[""], "| ''", None),
    (&["", "-q", ""], "--quiet | '' ''", None),
    (&["-p", "1", "--", "-p", "2"], "--port'1' | '-p' '2'", None),
    (&["-port"], "unknown option '-port'; did you mean '--port'?", None),
    (&["-port", "1"], "unknown option '-port'; did you mean '--port'?", None),
    (&["-quiet"], "unknown option '-quiet'; did you mean '--quiet'?", None),
    (&["-upload=in"], "--upload'' --port'load=in' |", None),
    (&["-por"], "--port'or' |", None),
    (&["-ports"], "--port'orts' |", None),
    (&["--por", "1"], "unknown option '--por'; did you mean '--port'?", None),
    (&["--prot=1"], "unknown option '--prot'; did you mean '--port'?", None),
    (&["--ports"], "unknown option '--ports'; did you mean '--port'?", None),
    (&["--Port"], "unknown option '--Port'; did you mean '--port'?", None),
    (&["--p"], "unknown option '--p'", None),
    (&["---port"], "unknown option '---port'; did you mean '--port'?", None),
    (&["---"], "unknown option '---'", None),
    (&["--=1"], "unknown option '--'", None),
    (&["--=", "-q"], "unknown option '--'", None),
    (&["-x"], "unknown option '-x'", None),
    (&["-x", "-y"], "unknown option '-x'", None),
    (&["-qx"], "unknown option '-x'", None),
    (&["-qxp1"], "unknown option '-x'", None),
    (&["-xq"], "unknown option '-xq'", None),
    (&["-é"], "unknown option '-é'", None),
    (&["-qé"], "unknown option '-é'", None),
    (&["-=1"], "unknown option '-=1'", None),
    (&["-1"], "unknown option '-1'", None),
    (&["-80", "-q"], "unknown option '-80'", None),
    (&["-p1", "-x", "-q"], "unknown option '-x'", None),
    (
        &["--port", "--prot", "--port=1"],
        "'--port' needs a value, such as --port 8080, and '--prot' looks like an option",
        Some("--port'--prot' --port'1' |"),
    ),
    (&["-b1", "--bind", "2", "-b=3", "a"], "--bind'1' --bind'2' --bind'3' | 'a'", None),
    (&["-q\n"], "unknown option '-\\n'", None),
    (&["--quiet\n"], "unknown option '--quiet\\n'; did you mean '--quiet'?", None),
    (&["-p\n"], "--port'\\n' |", None),
    (&["--bind", "it's"], "--bind'it's' |", None),
    (&["-b'a b'"], "--bind''a b'' |", None),
    (&["-b=\"\""], "--bind'\"\"' |", None),
    (&["--config", "-", "-c-"], "--config'-' --config'-' |", None),
    (&["-p0x1F", "-u=0"], "--port'0x1F' --upload'0' |", None),
    (&["-h"], "help", None),
    (&["-xh"], "unknown option '-xh'", None),
    (&["-p", "-h"], "help", Some("--port'-h' |")),
    (&["-ph"], "--port'h' |", None),
    (
        &["--port=-h"],
        "'--port' needs a value, such as --port 8080, and '-h' looks like an option",
        Some("--port'-h' |"),
    ),
    (&["--help=1"], "'--help' takes no value", None),
    (&["-qVh"], "help", None),
    (&["--", "-h"], "| '-h'", None),
    (&["-x", "--help"], "help", None),
    (&["-h=1", "-V"], "version", None),
];

type ByteLine = (&'static [&'static [u8]], &'static str);

const BYTE_LINES: &[ByteLine] = &[
    (&[b"-b\xff"], "--bind'�' |"),
    (&[b"--bind=\xff="], "--bind'�=' |"),
    (&[b"--bind", b"\xff"], "--bind'�' |"),
    (&[b"\xff", b"-q"], "--quiet | '�'"),
    (&[b"-\xff"], "unknown option '-�'"),
    (&[b"-q\xff"], "unknown option '-�'"),
    (&[b"--\xff=1"], "unknown option '--�'"),
    (&[b"-p\xff", b"-q"], "--port'�' --quiet |"),
    (&[b"-u=\xff"], "--upload'�' |"),
    (&[b"--quiet=\xff"], "'--quiet' takes no value"),
];

/// Asserts that option names are unique and that the help lists each option.
pub(crate) fn check_table(program: &Program, help: &str) {
    for granted in ["--help", "--version"] {
        let is_action = |known: &OptionSpec| known.long == granted && known.kind == OptionKind::Action;
        assert!(program.specs.iter().any(is_action), "{granted}");
    }
    for (index, OptionSpec { letter, long, value_kind, default, .. }) in program.specs.iter().enumerate() {
        let others = &program.specs[..index];
        assert!(others.iter().all(|other| other.long != *long), "{long}");
        assert!(letter.is_none() || others.iter().all(|other| other.letter != *letter), "{long}");
        let next = if matches!(value_kind, ValueKind::Optional(_)) { "[=" } else { " " };
        let shown = match letter {
            Some(letter) => format!("  -{letter}, {long}{next}"),
            None => format!("      {long}{next}"),
        };
        // The description of a long flag begins in the next line.
        let is_entry = |line: &str| line.starts_with(&shown) || line == shown.trim_end();
        assert!(help.lines().any(is_entry), "{long}");
        assert!(default.is_none_or(|value| help.contains(&format!("[default: {value}"))), "{long}");
    }
}

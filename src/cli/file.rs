//! Settings from a TOML file; its keys are long option names.
//!
//! Only types are checked: the option's parser gets every value as text. The caller passes the bytes.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::did_you_mean::nearest_name;
use super::{OptionKind, OptionSpec, Program, Setting, SettingSource, ValueKind, escaped, quote};

/// Key, if in a table; value; position.
type TomlEntry<'a, 'i> = (Option<&'a str>, &'a DeValue<'i>, Range<usize>);

impl Program {
    /// Parses a settings file.
    ///
    /// # Errors
    /// Invalid TOML or setting: one line that starts with file name and line number.
    pub fn file_settings(&self, path: &Path, bytes: &[u8]) -> Result<Vec<Setting>, String> {
        let file =
            TomlFile { path, line_ends: memchr::memchr_iter(b'\n', bytes).collect(), specs: self.specs };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| file.error_at(error.valid_up_to(), "invalid TOML: it is not UTF-8"))?;
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            file.error_at(at, &format!("invalid TOML: {}", error.message().replace('\n', ", ")))
        })?;
        let mut settings = Vec::new();
        for (name, value, span) in entries_in_file_order(table.get_ref()) {
            settings.extend(file.read(name.unwrap_or_default(), value, span)?);
        }
        Ok(settings)
    }
}

struct TomlFile<'a> {
    path: &'a Path,
    /// Found once: every setting needs its line number.
    line_ends: Vec<usize>,
    specs: &'static [OptionSpec],
}

impl TomlFile<'_> {
    fn read(&self, name: &str, value: &DeValue<'_>, span: Range<usize>) -> Result<Vec<Setting>, String> {
        let known = self.specs.iter().find(|known| known.name() == name);
        let Some(spec) = known.filter(|known| known.is_allowed_in_file()) else {
            return Err(self.error_at(span.start, &self.unknown_key_message(name, known.is_some())));
        };
        if let (DeValue::Boolean(on), false) = (value, matches!(spec.value_kind, ValueKind::Required(_))) {
            let text = on.then(OsString::new);
            return Ok(vec![Setting { spec, text, source: self.source(span.start) }]);
        }
        let setting = |(name, part, span): TomlEntry<'_, '_>| {
            let is_whole = std::ptr::eq(part, value);
            let text = self.value_text(spec, (name, part, is_whole), span.start)?;
            Ok(Setting { spec, text: Some(text), source: self.source(span.start) })
        };
        option_values(spec, value, span).into_iter().map(setting).collect()
    }

    /// Text of one value; `name` is its key in a table, `is_whole` false if it is nested.
    fn value_text(
        &self,
        spec: &OptionSpec,
        (name, value, is_whole): (Option<&str>, &DeValue<'_>, bool),
        at: usize,
    ) -> Result<OsString, String> {
        let option = spec.name();
        let text = scalar_text(value).filter(|_| spec.value_kind != ValueKind::NoValue);
        let text = text.filter(|text| name.is_some() || !text.is_empty());
        let Some(text) = text else {
            let (wanted, found) = (expected_type(spec), type_name(value));
            // Distinguishes a nested list or table from the outer one.
            let is_nested = !is_whole && matches!(value, DeValue::Array(_) | DeValue::Table(_));
            let place = if is_nested { " in it" } else { "" };
            return Err(self.error_at(at, &format!("{option}: expected {wanted}, found {found}{place}")));
        };
        match (spec.kind, name) {
            (OptionKind::Pairs(separator), Some(name)) if name.contains(separator.trim()) => {
                let message =
                    format!("{option}: {} cannot be a name, because it has a '{separator}'", quote(name));
                Err(self.error_at(at, &message))
            }
            (OptionKind::Pairs(separator), Some(name)) => Ok(format!("{name}{separator}{text}").into()),
            (kind, _) if kind.is_path(OsStr::new(&text)) => {
                Ok(self.path.parent().unwrap_or(Path::new("")).join(text).into())
            }
            _ => Ok(text.into()),
        }
    }

    fn unknown_key_message(&self, name: &str, is_action: bool) -> String {
        if is_action {
            return format!("{} is not a setting; use it on the command line", quote(name));
        }
        let known = self.specs.iter().filter(|known| known.is_allowed_in_file());
        let plain_name = name.trim_start_matches('-').to_ascii_lowercase();
        let hint = nearest_name(known.map(OptionSpec::name), OsStr::new(&plain_name));
        let hint = hint.map(|name| format!("; did you mean '{name}'?"));
        format!("unknown key {}{}", quote(name), hint.unwrap_or_default())
    }

    fn error_at(&self, at: usize, message: &str) -> String {
        format!("{}:{}: {message}", escaped(self.path.as_os_str()), self.line_number(at))
    }

    fn source(&self, at: usize) -> SettingSource {
        SettingSource::File { name: self.path.into(), line: self.line_number(at) }
    }

    fn line_number(&self, at: usize) -> usize {
        self.line_ends.partition_point(|&end| end < at) + 1
    }
}

fn entries_in_file_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<TomlEntry<'a, 'i>> {
    let entry = |(name, value): (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)| {
        (Some(name.get_ref().as_ref()), value.get_ref(), name.span())
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_unstable_by_key(|(_, _, span)| span.start);
    entries
}

fn option_values<'a, 'i>(
    spec: &OptionSpec,
    value: &'a DeValue<'i>,
    span: Range<usize>,
) -> Vec<TomlEntry<'a, 'i>> {
    match (value, spec.kind) {
        (DeValue::Array(array), _) if spec.is_repeatable() => {
            array.iter().map(|value| (None, value.get_ref(), value.span())).collect()
        }
        (DeValue::Table(table), OptionKind::Pairs(_)) => entries_in_file_order(table),
        _ => vec![(None, value, span)],
    }
}

fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Some(value.map_or_else(|_| number.to_string(), |value| value.to_string()))
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(|value: f64| value.to_string()),
        _ => None,
    }
}

fn expected_type(spec: &OptionSpec) -> String {
    let (option, example) = (spec.name(), spec.example());
    match (spec.value_kind, spec.kind) {
        (ValueKind::NoValue, _) => "true or false".to_owned(),
        (ValueKind::Optional(_), _) => format!("true, false or a value such as \"{example}\""),
        (_, OptionKind::Pairs(_)) => format!("a list such as [\"{example}\"] or a table [{option}]"),
        (_, OptionKind::Repeated | OptionKind::Paths | OptionKind::Secrets) => {
            format!("a list such as [\"{example}\"]")
        }
        _ if example.bytes().all(|byte| byte.is_ascii_digit()) => format!("a number such as {example}"),
        _ => format!("a value such as \"{example}\""),
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(text) if text.is_empty() => "an empty string",
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ValueCheck;

    const PROGRAM: Program = Program {
        name: "prog",
        specs: &[
            OptionSpec::value(None, "--port", "8080"),
            OptionSpec::value(None, "--idle-timeout", "60s"),
            OptionSpec::value(None, "--root", "./site").kind(OptionKind::Path(&[])),
            OptionSpec::value(None, "--log", "a.log").kind(OptionKind::Path(&["-", "off"])),
            OptionSpec::value(None, "--bind", "::1").kind(OptionKind::Repeated),
            OptionSpec::value(None, "--error-page", "404=404.html").kind(OptionKind::Pairs("=")),
            OptionSpec::value(None, "--header", "'A: b'").kind(OptionKind::Pairs(": ")),
            OptionSpec::optional_value(None, "--upload", "incoming"),
            OptionSpec::flag(None, "--quiet"),
            OptionSpec::value(None, "--config", "a.toml").kind(OptionKind::SettingsFile),
            OptionSpec::action(None, "--help"),
        ],
        value_check: ValueCheck::Checked,
    };

    fn read(text: &str) -> Result<String, String> {
        let settings = PROGRAM.file_settings(Path::new("conf/a.toml"), text.as_bytes())?;
        let shown = settings.into_iter().map(|Setting { spec, text, source }| {
            let SettingSource::File { name, line } = source else { panic!("{source:?}") };
            assert_eq!(name, "conf/a.toml");
            let text = text.map_or("off".into(), |text| escaped(&text));
            format!("{line} {} {text}", spec.name()).trim_end().to_owned()
        });
        Ok(shown.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn toml_value_types_accepted_for_each_option_kind() {
        let cases = [
            ("", ""),
            ("# nothing\n", ""),
            ("port = 8080", "1 port 8080"),
            ("port = '8080'", "1 port 8080"),
            ("port = 0x1F_90", "1 port 8080"),
            ("port = -1", "1 port -1"),
            ("port = +5", "1 port 5"),
            ("port = 99999999999999999999999", "1 port 99999999999999999999999"),
            ("\n\nidle-timeout = 60", "3 idle-timeout 60"),
            ("idle-timeout = 1.5", "1 idle-timeout 1.5"),
            ("idle-timeout = 6_0.0e1", "1 idle-timeout 600"),
            ("idle-timeout = inf", "1 idle-timeout inf"),
            ("idle-timeout = '2m'", "1 idle-timeout 2m"),
            ("root = 'site'", "1 root conf/site"),
            ("root = '../site'", "1 root conf/../site"),
            ("root = '/srv'", "1 root /srv"),
            ("log = 'a.log'", "1 log conf/a.log"),
            ("log = '-'", "1 log -"),
            ("log = 'off'", "1 log off"),
            ("root = '-'", "1 root conf/-"),
            ("bind = '::1'", "1 bind ::1"),
            ("bind = ['::1',\n\n'::']", "1 bind ::1|3 bind ::"),
            ("bind = []", ""),
            ("quiet = true", "1 quiet"),
            ("quiet = false", "1 quiet off"),
            ("upload = true", "1 upload"),
            ("upload = false", "1 upload off"),
            ("upload = 'true'", "1 upload true"),
            ("error-page = ['404=a']", "1 error-page 404=a"),
            ("error-page = '404=a'", "1 error-page 404=a"),
            ("[error-page]\n500 = 'b'\n404 = 'a=c'", "2 error-page 500=b|3 error-page 404=a=c"),
            ("error-page = { 500 = 'b', 404 = 'a' }", "1 error-page 500=b|1 error-page 404=a"),
            ("error-page.500 = 'b'\nerror-page.404 = 'a'", "1 error-page 500=b|2 error-page 404=a"),
            ("[header]\n'B' = ''\n'A' = 5\n", "2 header B:|3 header A: 5"),
            ("port = 1\r\nquiet = true\r\n", "1 port 1|2 quiet"),
            ("\u{feff}port = 1\nquiet = true", "1 port 1|2 quiet"),
            ("quiet = true\nport = 1\nbind = ''' \n'''", "1 quiet|2 port 1|3 bind  \\n"),
        ];
        for (text, shown) in cases {
            assert_eq!(read(text).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn toml_invalid_setting_error_names_line() {
        let cases = [
            ("\nprot = 1", "2: unknown key 'prot'; did you mean 'port'?"),
            ("--port = 1", "1: unknown key '--port'; did you mean 'port'?"),
            ("idle_timeout = 1", "1: unknown key 'idle_timeout'; did you mean 'idle-timeout'?"),
            ("IDLE_TIMEOUT = 1", "1: unknown key 'IDLE_TIMEOUT'; did you mean 'idle-timeout'?"),
            ("[server]\nport = 1", "1: unknown key 'server'"),
            ("\"a\\nb\" = 1", "1: unknown key 'a\\nb'"),
            ("zzz = 1\nprot = 1", "1: unknown key 'zzz'"),
            ("port = 1\nhelp = true", "2: 'help' is not a setting; use it on the command line"),
            ("config = 'b.toml'", "1: 'config' is not a setting; use it on the command line"),
            ("port = true", "1: port: expected a number such as 8080, found true"),
            ("port = [1]", "1: port: expected a number such as 8080, found a list"),
            ("port = ''", "1: port: expected a number such as 8080, found an empty string"),
            ("[port]", "1: port: expected a number such as 8080, found a table"),
            ("root = 1979-05-27", "1: root: expected a value such as \"./site\", found a date or time"),
            ("quiet = 'yes'", "1: quiet: expected true or false, found a string"),
            ("quiet = 1", "1: quiet: expected true or false, found a number"),
            (
                "upload = ['a']",
                "1: upload: expected true, false or a value such as \"incoming\", found a list",
            ),
            ("bind = [\n'::',\nfalse]", "3: bind: expected a list such as [\"::1\"], found false"),
            ("bind = ['::', []]", "1: bind: expected a list such as [\"::1\"], found a list in it"),
            (
                "[header]\nA = { b = 'c' }",
                "2: header: expected a list such as [\"A: b\"] or a table [header], found a table in it",
            ),
            ("[bind]\na = 'b'", "1: bind: expected a list such as [\"::1\"], found a table"),
            (
                "[error-page]\n404 = true",
                "2: error-page: expected a list such as [\"404=404.html\"] or a table [error-page], found \
                 true",
            ),
            ("[error-page]\n'4=4' = 'a'", "2: error-page: '4=4' cannot be a name, because it has a '='"),
            ("[header]\n'A:' = 'a'", "2: header: 'A:' cannot be a name, because it has a ': '"),
            ("port = 1\nport = 2", "2: invalid TOML: duplicate key"),
            ("quiet = true\nport 80", "2: invalid TOML: key with no value, expected `=`"),
            ("root = site", "1: invalid TOML: string values must be quoted, expected literal string"),
        ];
        for (text, shown) in cases {
            assert_eq!(read(text), Err(format!("conf/a.toml:{shown}")), "{text}");
        }
        let message = PROGRAM.file_settings(Path::new("a\nb"), b"\n\n\xe9 = 1");
        assert_eq!(message, Err("a\\nb:3: invalid TOML: it is not UTF-8".to_owned()));
        let deep = format!("port = {}", "[".repeat(100_000));
        assert!(read(&deep).unwrap_err().starts_with("conf/a.toml:1: invalid TOML: "));
    }

    #[test]
    fn toml_150000_values_read_quickly_with_right_lines() {
        const COUNT: usize = 150_000;
        let text = format!("bind = [\n{}]\nport = []", "'a',\n".repeat(COUNT));
        let began = std::time::Instant::now();
        let message = PROGRAM.file_settings(Path::new("f"), text.as_bytes()).unwrap_err();
        assert!(message.starts_with(&format!("f:{}: port: ", COUNT + 3)), "{message}");
        let text = text.replace("port = []", "");
        let settings = PROGRAM.file_settings(Path::new("f"), text.as_bytes()).unwrap();
        for (index, setting) in settings.iter().enumerate() {
            assert_eq!(setting.source, SettingSource::File { name: "f".into(), line: index + 2 });
        }
        let mut parsed = crate::cli::ParsedArgs::new(PROGRAM.specs, settings, Vec::new());
        assert_eq!(parsed.all("--bind").len(), COUNT);
        // Linear time takes 1 to 2 s; quadratic time takes minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

//! Settings of all layers, for lookup: option, value and source.
//!
//! Command line, environment and files all give settings, so option parsers need not know the source.
//! Only the highest layer that sets an option counts. Lookup by long name consumes an option:
//! the list of pico-args only shrinks.

use std::ffi::{OsStr, OsString};

use super::{OptionSpec, duplicate_message, escaped, quote};

/// Option that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Option.
    pub spec: &'static OptionSpec,
    /// Value; empty if omitted. `None` turns the option off, whatever lower layers set.
    pub text: Option<OsString>,
    /// Where it was written.
    pub source: SettingSource,
}

/// Place where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Display)]
pub enum SettingSource {
    /// Command line.
    #[display("command line")]
    CommandLine,
    /// Environment variable of this name.
    Environment(String),
    /// Settings file.
    #[display("{}:{line}", escaped(name))]
    File {
        /// File name as given.
        name: OsString,
        /// Line number from 1.
        line: usize,
    },
}

/// Options and operands.
#[derive(Clone, Debug)]
pub struct ParsedArgs {
    specs: &'static [OptionSpec],
    settings: Vec<Setting>,
    /// Not yet consumed.
    options: pico_args::Arguments,
    operands: Vec<OsString>,
}

impl ParsedArgs {
    pub(super) fn new(specs: &'static [OptionSpec], settings: Vec<Setting>, operands: Vec<OsString>) -> Self {
        let options = pico_args::Arguments::from_vec(Vec::new());
        let mut parsed = Self { specs, settings: Vec::new(), options, operands };
        parsed.add(settings);
        parsed
    }

    /// Adds a lower layer. Options already set keep their values.
    pub fn add_layer(&mut self, lower: Vec<Setting>) {
        let is_new = |setting: &Setting| self.settings_of(setting.spec.long).next().is_none();
        let lower = lower.into_iter().filter(is_new).collect();
        self.add(lower);
    }

    /// Sets an option from an operand.
    pub fn set_from_operand(&mut self, name: &'static str, operand: OsString) {
        let spec = self.specs.iter().find(|known| known.long == name);
        debug_assert!(spec.is_some(), "{name} is not an option");
        let source = SettingSource::CommandLine;
        let setting = spec.map(|spec| Setting { spec, text: Some(operand), source });
        self.add(setting.into_iter().collect());
    }

    /// Adds settings. pico-args gets each option once: it needs quadratic time for thousands of names. The values are
    /// read from the settings.
    fn add(&mut self, mut added: Vec<Setting>) {
        let is_set = |spec: &&OptionSpec| values_of(&added, spec.long).next().is_some();
        let names = self.specs.iter().filter(is_set).map(|spec| OsString::from(spec.long));
        let empty = pico_args::Arguments::from_vec(Vec::new());
        let words = std::mem::replace(&mut self.options, empty).finish().into_iter().chain(names);
        self.options = pico_args::Arguments::from_vec(words.collect());
        self.settings.append(&mut added);
    }

    /// Effective settings in order, consumed or not.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// First value; not consumed.
    pub fn peek(&self, name: &str) -> Option<&OsStr> {
        self.settings_of(name).find_map(|setting| setting.text.as_deref())
    }

    /// Whether an option is explicitly off; not consumed.
    pub fn is_turned_off(&self, name: &str) -> bool {
        self.settings_of(name).any(|setting| setting.text.is_none())
    }

    /// Error with the option's source before it, unless that is the command line.
    pub fn locate_error_of(&self, name: &str, error: &str) -> String {
        let part = error.split('\'').nth(1).filter(|part| !part.is_empty());
        // Prefers the value that the error shows, at least in part.
        let rank = |setting: &&Setting| match setting.text.as_ref().map(quote) {
            Some(shown) if error.contains(&shown) => 0,
            Some(shown) if part.is_some_and(|part| shown.contains(part)) => 1,
            _ => 2,
        };
        let about = self.settings_of(name).min_by_key(rank);
        about.map_or_else(|| error.to_owned(), |setting| setting.locate_error(error))
    }

    /// [`Self::locate_error_of`] for an error such as `--port: 'x' is …`.
    pub fn locate_error(&self, error: &str) -> String {
        let start = error.strip_prefix('\'').unwrap_or(error);
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        let about = self.specs.iter().find(|known| start.strip_prefix(known.long).is_some_and(ends));
        about.map_or_else(|| error.to_owned(), |spec| self.locate_error_of(spec.long, error))
    }

    fn settings_of(&self, name: &str) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(move |setting| setting.spec.long == name)
    }

    /// Whether a flag is set.
    pub fn flag(&mut self, name: &'static str) -> bool {
        self.options.contains(name)
    }

    /// Whether a flag is set.
    ///
    /// # Errors
    /// Set more than once.
    pub fn flag_once(&mut self, name: &'static str) -> Result<bool, String> {
        match self.all(name).len() {
            count @ 0..=1 => Ok(count == 1),
            _ => Err(format!("'{name}' is given twice; once is enough")),
        }
    }

    /// Single value.
    ///
    /// # Errors
    /// Several values.
    pub fn once(&mut self, name: &'static str) -> Result<Option<OsString>, String> {
        let mut values = self.all(name);
        match &values[..] {
            [first, second, ..] => Err(duplicate_message(name, first, second)),
            _ => Ok(values.pop()),
        }
    }

    /// Single value, parsed.
    ///
    /// # Errors
    /// Several values, or an error of `parse`, with its source.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&OsStr) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let value = self.once(name)?;
        value.as_deref().map(parse).transpose().map_err(|error| self.locate_error_of(name, &error))
    }

    /// Single value or default, parsed.
    ///
    /// # Errors
    /// As [`ParsedArgs::read`].
    pub fn value<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&OsStr) -> Result<T, String>,
    ) -> Result<T, String> {
        let default = self.specs.iter().find(|known| known.long == name).and_then(|known| known.default);
        self.read(name, &parse)?.map_or_else(|| parse(OsStr::new(default.unwrap_or_default())), Ok)
    }

    /// Values, in order.
    pub fn all(&mut self, name: &'static str) -> Vec<OsString> {
        match self.options.contains(name) {
            true => values_of(&self.settings, name).map(OsStr::to_owned).collect(),
            false => Vec::new(),
        }
    }

    /// Operands, in order.
    pub fn operands(&mut self) -> Vec<OsString> {
        std::mem::take(&mut self.operands)
    }

    pub(super) fn all_consumed(&self) -> bool {
        self.options.clone().finish().is_empty()
    }
}

impl Setting {
    /// Error with its source and the option's name there.
    ///
    /// The error may start with the option: `--port: 'x' is no port`.
    fn locate_error(&self, error: &str) -> String {
        let Self { spec, source, .. } = self;
        let about = error.strip_prefix(spec.long).and_then(|rest| rest.strip_prefix(": "));
        let names_option = error.starts_with("--") || error.starts_with("'--");
        match (source, about) {
            (SettingSource::CommandLine, _) => error.to_owned(),
            (SettingSource::Environment(variable), _) => format!("{variable}: {}", about.unwrap_or(error)),
            (SettingSource::File { .. }, None) if names_option => format!("{source}: {error}"),
            (SettingSource::File { .. }, _) => {
                format!("{source}: {}: {}", spec.name(), about.unwrap_or(error))
            }
        }
    }
}

fn values_of<'a>(settings: &'a [Setting], name: &'a str) -> impl Iterator<Item = &'a OsStr> {
    settings.iter().filter(move |setting| setting.spec.long == name).filter_map(|set| set.text.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::OptionKind;

    const SPELLINGS: &[OptionSpec] = &[
        OptionSpec::value(None, "--port", "8080"),
        OptionSpec::value(None, "--root", "site"),
        OptionSpec::value(None, "--bind", "::1").kind(OptionKind::Repeated),
        OptionSpec::optional_value(None, "--upload", "incoming"),
        OptionSpec::flag(None, "--quiet"),
    ];

    fn setting(name: &str, text: Option<&str>, source: SettingSource) -> Setting {
        let spec = SPELLINGS.iter().find(|known| known.long == name).unwrap();
        Setting { spec, text: text.map(OsString::from), source }
    }

    fn given(ports: &[&str], flags: &[&str]) -> ParsedArgs {
        let ports = ports.iter().map(|port| setting("--port", Some(port), SettingSource::CommandLine));
        let flags = flags.iter().map(|flag| setting(flag, Some(""), SettingSource::CommandLine));
        let operands = vec!["b".into(), "--quiet".into(), "a".into()];
        ParsedArgs::new(SPELLINGS, ports.chain(flags).collect(), operands)
    }

    fn on_line(line: usize) -> SettingSource {
        SettingSource::File { name: "f".into(), line }
    }

    fn in_variable() -> SettingSource {
        SettingSource::Environment("VARIABLE".into())
    }

    #[test]
    fn once_and_all_find_values() {
        let values = ["2", "1", "--quiet", "=3"];
        for count in 0..=values.len() {
            let values = &values[..count];
            let parsed = given(values, &[]);
            assert_eq!(parsed.clone().all("--port"), *values);
            let once = match count {
                0 | 1 => Ok(values.first().map(OsString::from)),
                _ => Err("--port is given twice, '2' and '1'; leave one out".to_owned()),
            };
            assert_eq!(parsed.clone().once("--port"), once);
        }
    }

    #[test]
    fn flag_counted_apart_from_values_and_operands() {
        let twice = Err("'--quiet' is given twice; once is enough".to_owned());
        for (flags, flag, once) in [
            (&[][..], false, Ok(false)),
            (&["--quiet"], true, Ok(true)),
            (&["--quiet", "--quiet"], true, twice),
        ] {
            let mut parsed = given(&["--quiet"], flags);
            assert_eq!(parsed.clone().flag("--quiet"), flag);
            assert_eq!(parsed.flag_once("--quiet"), once);
            assert_eq!(parsed.operands(), ["b", "--quiet", "a"]);
        }
    }

    #[test]
    fn all_consumed_false_until_every_lookup() {
        let mut parsed = given(&["80"], &["--quiet"]);
        parsed.flag("--quiet");
        assert!(!parsed.all_consumed());
        parsed.all("--port");
        assert!(parsed.all_consumed());
    }

    #[test]
    fn highest_layer_that_sets_option_wins() {
        let mut parsed = given(&["1"], &[]);
        parsed.add_layer(vec![
            setting("--port", Some("2"), in_variable()),
            setting("--bind", Some("a"), in_variable()),
            setting("--bind", Some("b"), in_variable()),
            setting("--quiet", None, in_variable()),
        ]);
        parsed.add_layer(vec![
            setting("--port", Some("3"), on_line(1)),
            setting("--bind", Some("c"), on_line(2)),
            setting("--quiet", Some(""), on_line(3)),
            setting("--upload", Some(""), on_line(4)),
        ]);
        assert!(
            parsed.is_turned_off("--quiet")
                && !parsed.is_turned_off("--upload")
                && !parsed.is_turned_off("--root")
        );
        assert_eq!(parsed.peek("--bind"), Some(OsStr::new("a")));
        assert_eq!(parsed.once("--port"), Ok(Some("1".into())));
        assert_eq!(parsed.all("--bind"), ["a", "b"]);
        assert_eq!(parsed.flag_once("--quiet"), Ok(false));
        assert_eq!(parsed.once("--upload"), Ok(Some("".into())));
        assert!(parsed.all_consumed());
    }

    #[test]
    fn consumed_option_hides_layer_added_later() {
        let mut parsed = given(&["1"], &[]);
        assert_eq!(parsed.once("--port"), Ok(Some("1".into())));
        parsed.add_layer(vec![setting("--port", Some("2"), on_line(1))]);
        assert_eq!(parsed.once("--port"), Ok(None));
    }

    #[test]
    fn operand_set_as_option_wins_over_lower_layer() {
        let mut parsed = given(&[], &[]);
        parsed.set_from_operand("--root", "--quiet".into());
        parsed.add_layer(vec![setting("--root", Some("other"), on_line(1))]);
        assert_eq!(parsed.once("--root"), Ok(Some("--quiet".into())));
        assert!(!parsed.flag("--quiet"));
    }

    #[test]
    fn locate_error_names_source_of_shown_value() {
        let mut parsed = given(&["x"], &[]);
        parsed.add_layer(vec![
            setting("--bind", Some("a"), on_line(1)),
            setting("--bind", Some("b=c"), on_line(2)),
            setting("--upload", Some("a"), in_variable()),
        ]);
        let cases = [
            ("--port: 'x' is none", "--port: 'x' is none"),
            ("--bind: 'a' is none", "f:1: bind: 'a' is none"),
            ("--bind: 'b=c' is none", "f:2: bind: 'b=c' is none"),
            ("--bind: 'c' is none", "f:2: bind: 'c' is none"),
            ("--bind: none at all", "f:1: bind: none at all"),
            ("--binding: 'a'", "--binding: 'a'"),
            ("--upload: it is off", "VARIABLE: it is off"),
            ("'--upload' goes alone", "VARIABLE: '--upload' goes alone"),
            ("--root: there is none", "--root: there is none"),
            ("nothing about --bind", "nothing about --bind"),
        ];
        for (error, expected) in cases {
            assert_eq!(parsed.locate_error(error), expected);
        }
        assert_eq!(parsed.locate_error_of("--bind", "'b=c' is none"), "f:2: bind: 'b=c' is none");
    }

    #[test]
    fn locate_error_prefixes_variable_or_file_line() {
        let environment = SettingSource::Environment("REACTOR_PORT".into());
        let file = SettingSource::File { name: "a\nb.toml".into(), line: 3 };
        let command_line = SettingSource::CommandLine;
        let cases = [
            (&command_line, "--port: 'x' is none", "--port: 'x' is none"),
            (&command_line, "'x' is none", "'x' is none"),
            (&environment, "--port: 'x' is none", "REACTOR_PORT: 'x' is none"),
            (&environment, "'x' is none", "REACTOR_PORT: 'x' is none"),
            (&environment, "'--port' goes alone", "REACTOR_PORT: '--port' goes alone"),
            (&file, "--port: 'x' is none", "a\\nb.toml:3: port: 'x' is none"),
            (&file, "'x' is none", "a\\nb.toml:3: port: 'x' is none"),
            (&file, "'--port' goes alone", "a\\nb.toml:3: '--port' goes alone"),
            (&file, "--port is given twice", "a\\nb.toml:3: --port is given twice"),
        ];
        for (source, error, expected) in cases {
            let located = setting("--port", Some("x"), source.clone()).locate_error(error);
            assert_eq!(located, expected, "{source:?}");
        }
    }
}

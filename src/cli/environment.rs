//! Settings from environment variables: `REACTOR_IDLE_TIMEOUT` for `--idle-timeout`.
//!
//! The caller passes the variables. Unknown ones are reported, not rejected: service managers may
//! add variables with this prefix.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::did_you_mean::nearest_name;
use super::{OptionKind, OptionSpec, Program, Setting, SettingSource, ValueKind, escaped, quote};

const PREFIX: &str = "REACTOR_";

/// Flag values, in any case.
const ON: [&str; 4] = ["1", "true", "yes", "on"];
const OFF: [&str; 4] = ["0", "false", "no", "off"];

impl Program {
    /// Settings in environment variables; an empty one sets nothing.
    ///
    /// # Errors
    /// Invalid value.
    pub fn environment_settings(&self, variables: &[(OsString, OsString)]) -> Result<Vec<Setting>, String> {
        let mut settings = Vec::new();
        for spec in self.specs.iter().filter(|known| known.kind != OptionKind::Action) {
            let name = format!("{PREFIX}{}", variable_suffix(spec));
            let value = variables.iter().find(|(known, _)| *known == *name).map(|(_, value)| value);
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            let texts = parse_values(spec, value).map_err(|error| format!("{name}: {error}"))?;
            let source = SettingSource::Environment(name);
            settings.extend(texts.into_iter().map(|text| Setting { spec, text, source: source.clone() }));
        }
        Ok(settings)
    }

    /// Warnings about variables with the prefix that set nothing.
    pub fn unknown_variables(&self, variables: &[(OsString, OsString)]) -> Vec<String> {
        let known = self.specs.iter().filter(|known| known.kind != OptionKind::Action);
        let known: Vec<String> = known.map(variable_suffix).collect();
        let names = variables.iter().filter_map(|(name, _)| name.as_bytes().strip_prefix(PREFIX.as_bytes()));
        let unknown_names =
            names.map(OsStr::from_bytes).filter(|name| !known.iter().any(|known| **name == **known));
        let mut lines: Vec<String> = unknown_names.map(|name| unknown_variable(name, &known)).collect();
        // The environment has no order.
        lines.sort_unstable();
        lines
    }
}

fn unknown_variable(name: &OsStr, known: &[String]) -> String {
    let hint = nearest_name(known.iter(), name).map(|known| format!("; did you mean {PREFIX}{known}?"));
    format!("{PREFIX}{} is not a setting{}", escaped(name), hint.unwrap_or_default())
}

fn variable_suffix(spec: &OptionSpec) -> String {
    spec.name().replace('-', "_").to_ascii_uppercase()
}

/// `None` turns an option off.
fn parse_values(spec: &OptionSpec, value: &OsStr) -> Result<Vec<Option<OsString>>, String> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    match spec.value_kind {
        ValueKind::NoValue | ValueKind::Optional(_) if is_one_of(&ON) => Ok(vec![Some(OsString::new())]),
        ValueKind::NoValue | ValueKind::Optional(_) if is_one_of(&OFF) => Ok(vec![None]),
        ValueKind::NoValue => Err(format!("{} is neither on nor off; write 1 or 0", quote(value))),
        _ if spec.is_repeatable() => {
            let lines = value.as_bytes().split(|&byte| byte == b'\n');
            let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let lines = lines.filter(|line| !line.is_empty());
            Ok(lines.map(|line| Some(OsStr::from_bytes(line).to_owned())).collect())
        }
        _ => Ok(vec![Some(value.to_owned())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ValueCheck;

    const PROGRAM: Program = Program {
        name: "prog",
        specs: &[
            OptionSpec::value(None, "--idle-timeout", "60s"),
            OptionSpec::value(None, "--bind", "::1").kind(OptionKind::Repeated),
            OptionSpec::value(None, "--error-page", "404=a").kind(OptionKind::Pairs("=")),
            OptionSpec::optional_value(None, "--upload", "incoming"),
            OptionSpec::flag(None, "--quiet"),
            OptionSpec::value(None, "--config", "a.toml").kind(OptionKind::SettingsFile),
            OptionSpec::action(None, "--help"),
        ],
        value_check: ValueCheck::Checked,
    };

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Settings as text, with `off` for `None`.
    fn read(name: &str, value: &str) -> Result<String, String> {
        let settings = PROGRAM.environment_settings(&variables(&[("PATH", "/bin"), (name, value)]))?;
        let shown = settings.into_iter().map(|setting| {
            assert_eq!(setting.source, SettingSource::Environment(name.to_owned()));
            let text = setting.text.map_or("off".into(), quote);
            format!("{} {text}", setting.spec.long)
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn variable_parsed_for_each_option_kind() {
        let cases = [
            ("REACTOR_IDLE_TIMEOUT", "2m", "--idle-timeout '2m'"),
            ("REACTOR_IDLE_TIMEOUT", "off", "--idle-timeout 'off'"),
            ("REACTOR_IDLE_TIMEOUT", "a\nb", "--idle-timeout 'a\\nb'"),
            ("REACTOR_IDLE_TIMEOUT", "", ""),
            ("REACTOR_BIND", "::1", "--bind '::1'"),
            ("REACTOR_BIND", "\na\r\nb c\n\n", "--bind 'a' --bind 'b c'"),
            ("REACTOR_ERROR_PAGE", "404=a\n500=b", "--error-page '404=a' --error-page '500=b'"),
            ("REACTOR_QUIET", "1", "--quiet ''"),
            ("REACTOR_QUIET", "True", "--quiet ''"),
            ("REACTOR_QUIET", "yes", "--quiet ''"),
            ("REACTOR_QUIET", "ON", "--quiet ''"),
            ("REACTOR_QUIET", "0", "--quiet off"),
            ("REACTOR_QUIET", "no", "--quiet off"),
            ("REACTOR_QUIET", "", ""),
            ("REACTOR_UPLOAD", "1", "--upload ''"),
            ("REACTOR_UPLOAD", "incoming", "--upload 'incoming'"),
            ("REACTOR_UPLOAD", "Off", "--upload off"),
            ("REACTOR_CONFIG", "a.toml", "--config 'a.toml'"),
            ("REACTOR_HELP", "1", ""),
            ("REACTOR_OTHER", "1", ""),
            ("reactor_quiet", "1", ""),
        ];
        for (name, value, settings) in cases {
            assert_eq!(read(name, value).as_deref(), Ok(settings), "{name}={value:?}");
        }
        let shown = "REACTOR_QUIET: '2' is neither on nor off; write 1 or 0";
        assert_eq!(read("REACTOR_QUIET", "2"), Err(shown.to_owned()));
    }

    #[test]
    fn variable_value_accepts_non_utf8() {
        let value = OsStr::from_bytes(b"caf\xe9").to_owned();
        let settings = PROGRAM.environment_settings(&[("REACTOR_BIND".into(), value.clone())]);
        assert_eq!(settings.unwrap()[0].text, Some(value));
    }

    #[test]
    fn unknown_variables_listed_with_nearest_name() {
        let found = variables(&[
            ("REACTOR_SERVICE_HOST", "10.0.0.1"),
            ("REACTOR_QUITE", "1"),
            ("REACTOR_HELP", "1"),
            ("REACTOR_QUIET", ""),
            ("REACTOR", "1"),
            ("PATH", "/bin"),
        ]);
        let shown = [
            "REACTOR_HELP is not a setting",
            "REACTOR_QUITE is not a setting; did you mean REACTOR_QUIET?",
            "REACTOR_SERVICE_HOST is not a setting",
        ];
        assert_eq!(PROGRAM.unknown_variables(&found), shown);
    }
}

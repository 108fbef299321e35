//! Effective settings as TOML, each with its source.
//!
//! `file` reads the output back to equal settings. Paths are absolute: the file may be moved.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{OptionKind, OptionSpec, ParsedArgs, Program, Setting, ValueKind};
use crate::text::is_deceptive;

impl Program {
    /// TOML of all settings; `defaults`, derived from other settings, override table defaults.
    ///
    /// Relative paths start at `directory`.
    pub fn settings_toml(
        &self,
        parsed: &ParsedArgs,
        defaults: &[(&str, OsString)],
        directory: &Path,
    ) -> String {
        let mut shown = String::new();
        for spec in self.specs.iter().filter(|known| known.is_allowed_in_file()) {
            let set = parsed.settings().iter().filter(|setting| setting.spec.long == spec.long);
            let set: Vec<&Setting> = set.collect();
            let texts: Vec<&OsStr> = set.iter().filter_map(|setting| setting.text.as_deref()).collect();
            let default = defaults.iter().find(|(name, _)| *name == spec.long);
            let default = default.map(|(_, text)| text.as_os_str()).or(spec.default.map(OsStr::new));
            let is_required = !spec.is_repeatable() && matches!(spec.value_kind, ValueKind::Required(_));
            let line = match (set.first(), default) {
                (Some(first), _) if spec.kind == OptionKind::Secrets => {
                    format!("# {} = \"(secret)\"  # {}\n", spec.name(), first.source)
                }
                (Some(first), _) => toml_line(spec, &texts, directory, &first.source.to_string()),
                (None, None) if is_required => {
                    let example = toml_value(OsStr::new(spec.example()));
                    format!("# {} = {example}  # not set; this is an example\n", spec.name())
                }
                (None, default) => toml_line(spec, default.as_slice(), directory, "default"),
            };
            shown += &line;
        }
        shown
    }
}

fn toml_line(spec: &OptionSpec, texts: &[&OsStr], directory: &Path, source: &str) -> String {
    let name = spec.name();
    let texts: Vec<OsString> = texts.iter().map(|text| absolute_path(spec.kind, text, directory)).collect();
    let value = match (spec.value_kind, texts.first()) {
        _ if spec.is_repeatable() => toml_array(&texts),
        (ValueKind::NoValue, first) => first.is_some().to_string(),
        (ValueKind::Optional(_), Some(text)) if text.is_empty() => "true".to_owned(),
        (_, Some(text)) => toml_value(text),
        (_, None) => "false".to_owned(),
    };
    match texts.iter().all(|text| text.to_str().is_some()) {
        true => format!("{name} = {value}  # {source}\n"),
        // TOML cannot express such bytes.
        false => format!(
            "# {name} = {}  # {source}; not UTF-8, so a file cannot set it\n",
            value.replace('\n', " ")
        ),
    }
}

fn toml_array(texts: &[OsString]) -> String {
    match texts {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", toml_value(one)),
        many => {
            let lines = many.iter().map(|text| format!("    {},\n", toml_value(text)));
            format!("[\n{}]", lines.collect::<String>())
        }
    }
}

fn absolute_path(kind: OptionKind, text: &OsStr, directory: &Path) -> OsString {
    if !kind.is_path(text) {
        return text.to_owned();
    }
    // Removes `.` and doubled slashes.
    directory.join(text).components().collect::<PathBuf>().into()
}

/// Integer if it reads back equal, else a quoted string.
fn toml_value(text: &OsStr) -> String {
    let plain_text = text.to_string_lossy();
    if plain_text.parse::<i64>().is_ok_and(|number| number.to_string() == plain_text) {
        return plain_text.into_owned();
    }
    let quoted = |letter: char| match u32::from(letter) {
        _ if matches!(letter, '"' | '\\') => format!("\\{letter}"),
        _ if !is_deceptive(letter) => letter.to_string(),
        code @ ..=0xffff => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    };
    format!("\"{}\"", plain_text.chars().map(quoted).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::cli::{SettingSource, ValueCheck};

    const SPELLINGS: &[OptionSpec] = &[
        OptionSpec::value(None, "--port", "8080").defaults_to("8080"),
        OptionSpec::value(None, "--name", "'Room 12'"),
        OptionSpec::value(None, "--root", "./site").kind(OptionKind::Path(&[])),
        OptionSpec::value(None, "--log", "a.log").kind(OptionKind::Path(&["-", "off"])).defaults_to("-"),
        OptionSpec::value(None, "--bind", "::1").kind(OptionKind::Repeated).defaults_to("localhost"),
        OptionSpec::value(None, "--header", "'A: b'").kind(OptionKind::Pairs(": ")),
        OptionSpec::optional_value(None, "--upload", "incoming"),
        OptionSpec::flag(None, "--quiet"),
        OptionSpec::value(None, "--config", "a.toml").kind(OptionKind::SettingsFile),
        OptionSpec::action(None, "--help"),
    ];

    const PROGRAM: Program = Program { name: "prog", specs: SPELLINGS, value_check: ValueCheck::Checked };

    fn set(name: &str, text: Option<&OsStr>, source: &SettingSource) -> Setting {
        let spec = SPELLINGS.iter().find(|known| known.long == name).unwrap();
        Setting { spec, text: text.map(OsStr::to_owned), source: source.clone() }
    }

    fn shown(settings: Vec<Setting>, defaults: &[(&str, OsString)]) -> String {
        PROGRAM.settings_toml(&ParsedArgs::new(SPELLINGS, settings, Vec::new()), defaults, Path::new("/here"))
    }

    #[test]
    fn settings_toml_without_settings_lists_defaults() {
        let expected = "\
            port = 8080  # default\n\
            # name = \"Room 12\"  # not set; this is an example\n\
            root = \"/here/content\"  # default\n\
            log = \"-\"  # default\n\
            bind = [\"localhost\"]  # default\n\
            header = []  # default\n\
            upload = false  # default\n\
            quiet = false  # default\n";
        assert_eq!(shown(Vec::new(), &[("--root", "content".into())]), expected);
    }

    #[test]
    fn settings_toml_shows_source_and_reads_back_equal() {
        let here = SettingSource::CommandLine;
        let file = SettingSource::File { name: "a\nb".into(), line: 3 };
        let variable = SettingSource::Environment("REACTOR_X".into());
        let text = |text: &'static str| Some(OsStr::new(text));
        let settings = vec![
            set("--port", text("0080"), &here),
            set("--name", text("\"\\\n\u{85}\u{e9}\u{ad}\u{e0041}"), &here),
            set("--root", text("./a//b/"), &here),
            set("--log", text("off"), &variable),
            set("--bind", text("::1"), &variable),
            set("--bind", text("-7"), &variable),
            set("--header", text("A: b"), &file),
            set("--upload", text(""), &file),
            set("--quiet", None, &variable),
        ];
        let expected = "\
            port = \"0080\"  # command line\n\
            name = \"\\\"\\\\\\u000A\\u0085\u{e9}\\u00AD\\U000E0041\"  # command line\n\
            root = \"/here/a/b\"  # command line\n\
            log = \"off\"  # REACTOR_X\n\
            bind = [\n    \"::1\",\n    -7,\n]  # REACTOR_X\n\
            header = [\"A: b\"]  # a\\nb:3\n\
            upload = true  # a\\nb:3\n\
            quiet = false  # REACTOR_X\n";
        let toml = shown(settings.clone(), &[]);
        assert_eq!(toml, expected);
        let read = PROGRAM.file_settings(Path::new("elsewhere/b.toml"), toml.as_bytes()).unwrap();
        let texts = |settings: &[Setting]| {
            let text =
                |set: &Setting| absolute_path(set.spec.kind, set.text.as_ref()?, Path::new("/here")).into();
            settings.iter().map(text).collect::<Vec<Option<OsString>>>()
        };
        assert_eq!(texts(&read), texts(&settings));
    }

    #[test]
    fn settings_toml_non_utf8_value_is_comment() {
        let odd = OsStr::from_bytes(b"caf\xe9");
        let here = SettingSource::CommandLine;
        let toml = shown(vec![set("--bind", Some(odd), &here), set("--bind", Some(odd), &here)], &[]);
        let comment = "# bind = [     \"caf\u{fffd}\",     \"caf\u{fffd}\", ]  # command line; not UTF-8, so a file cannot set it\n";
        assert!(toml.contains(comment), "{toml}");
        assert!(PROGRAM.file_settings(Path::new("a"), toml.as_bytes()).is_ok());
    }
}

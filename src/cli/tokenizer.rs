//! Command-line tokenizer: one pass from left to right.
//!
//! Knows which options take a value, so a value is never mistaken for an option.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::vec::IntoIter;

use super::did_you_mean::nearest_name;
use super::{OptionSpec, ParsedArgs, Program, Setting, SettingSource, ValueKind, quote};

/// Rule for option values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueCheck {
    /// Rejects an empty value and `-x`, except `-` and negative numbers: the value was probably forgotten.
    Checked,
    /// Accepts any value, as curl does.
    Any,
    /// `Any`; and a negative number that is not a value is an operand.
    AnyWithNegativeOperands,
}

pub(super) fn tokenize(program: &Program, args: Vec<OsString>) -> (ParsedArgs, Result<(), String>) {
    let mut tokenizer = Tokenizer::new(program, args);
    let outcome = tokenizer.run();
    (ParsedArgs::new(program.specs, tokenizer.settings, tokenizer.operands), outcome)
}

struct Tokenizer {
    specs: &'static [OptionSpec],
    value_check: ValueCheck,
    args: IntoIter<OsString>,
    settings: Vec<Setting>,
    operands: Vec<OsString>,
}

impl Tokenizer {
    fn new(&Program { specs, value_check, .. }: &Program, args: Vec<OsString>) -> Tokenizer {
        Tokenizer { specs, value_check, args: args.into_iter(), settings: Vec::new(), operands: Vec::new() }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut outcome = Ok(());
        while let Some(arg) = self.args.next() {
            match arg.as_bytes() {
                b"--" => self.operands.extend(self.args.by_ref()),
                // Continues after an error: `--help` may follow.
                [b'-', digits @ ..] if self.is_negative_operand(digits) => self.operands.push(arg),
                [b'-', b'-', ..] => outcome = outcome.and(self.read_long(&arg)),
                [b'-', _, ..] => outcome = outcome.and(self.read_short(&arg)),
                _ => self.operands.push(arg),
            }
        }
        outcome
    }

    fn is_negative_operand(&self, letters: &[u8]) -> bool {
        self.value_check == ValueCheck::AnyWithNegativeOperands && letters.iter().all(u8::is_ascii_digit)
    }

    /// `--name`, `--name VALUE`, `--name=VALUE`.
    fn read_long(&mut self, arg: &OsStr) -> Result<(), String> {
        let bytes = arg.as_bytes();
        let (name, attached) = bytes.split_at(memchr::memchr(b'=', bytes).unwrap_or(bytes.len()));
        match self.specs.iter().find(|known| known.long.as_bytes() == name) {
            Some(spec) => self.push_option(spec, spec.long, attached),
            None => Err(self.unknown_option_message(OsStr::from_bytes(name))),
        }
    }

    /// `-s`, `-sv`, `-o FILE`, `-oFILE`, `-o=FILE`, `-sfo FILE`: an option with a value takes the rest.
    fn read_short(&mut self, arg: &OsStr) -> Result<(), String> {
        let (dash, mut letters) = arg.as_bytes().split_at(1);
        // `-port` is a typing error for `--port`, not the port `ort`.
        let is_slip = |known: &OptionSpec| known.long.as_bytes().strip_prefix(dash) == Some(arg.as_bytes());
        if self.specs.iter().any(is_slip) {
            return Err(self.unknown_option_message(arg));
        }
        while let Some((&letter, after)) = letters.split_first() {
            let found = self.specs.iter().find(|known| known.letter == Some(char::from(letter)));
            let Some(spec) = found else {
                // In `-xyz`, the intended name is unknown; in `-qxyz`, it is `x`.
                let is_whole = letters.len() + dash.len() == arg.len();
                let first = String::from_utf8_lossy(letters).chars().next().unwrap_or_default();
                let shown = if is_whole { arg.to_owned() } else { format!("-{first}").into() };
                return Err(self.unknown_option_message(&shown));
            };
            let takes_rest = matches!(spec.value_kind, ValueKind::Required(_)) || after.starts_with(b"=");
            let (attached, others) = if takes_rest { (after, &b""[..]) } else { (&b""[..], after) };
            self.push_option(spec, &format!("-{}", char::from(letter)), attached)?;
            letters = others;
        }
        Ok(())
    }

    /// `shown` is the option as written; its value is attached or next.
    fn push_option(&mut self, spec: &'static OptionSpec, shown: &str, attached: &[u8]) -> Result<(), String> {
        let example = match spec.value_kind {
            ValueKind::Required(example) => Some(format!("{shown} {example}")),
            ValueKind::NoValue | ValueKind::Optional(_) if attached.is_empty() => None,
            ValueKind::Optional(example) => Some(format!("{shown}={example}")),
            ValueKind::NoValue => return Err(format!("'{shown}' takes no value")),
        };
        let text = example.map(|example| self.parse_value(shown, &example, attached)).transpose()?;
        let text = text.unwrap_or_default();
        self.settings.push(Setting { spec, text: Some(text), source: SettingSource::CommandLine });
        Ok(())
    }

    /// A rejected value stays, to be read as an option.
    fn parse_value(&mut self, shown: &str, example: &str, attached: &[u8]) -> Result<OsString, String> {
        let value = match attached {
            [] => self.args.as_slice().first().map(OsString::as_os_str),
            _ => Some(OsStr::from_bytes(attached.strip_prefix(b"=").unwrap_or(attached))),
        };
        let needs = format!("'{shown}' needs a value, such as {example}");
        let value = value.ok_or_else(|| needs.clone())?;
        if self.value_check == ValueCheck::Checked {
            match value.as_bytes() {
                b"" | b"--" => return Err(needs),
                [b'-', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {}
                [b'-', _, ..] => return Err(format!("{needs}, and {} looks like an option", quote(value))),
                _ => {}
            }
        }
        let value = value.to_owned();
        if attached.is_empty() {
            self.args.next();
        }
        Ok(value)
    }

    fn unknown_option_message(&self, shown: &OsStr) -> String {
        let names = self.specs.iter().map(OptionSpec::name);
        let dashes = shown.as_bytes().iter().take_while(|&&byte| byte == b'-').count();
        let (_, wrong) = shown.as_bytes().split_at(dashes);
        let hint = nearest_name(names, OsStr::from_bytes(wrong));
        let hint = hint.map(|name| format!("; did you mean '--{name}'?")).unwrap_or_default();
        format!("unknown option {}{hint}", quote(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPELLINGS: &[OptionSpec] = &[
        OptionSpec::value(Some('p'), "--port", "8080"),
        OptionSpec::value(Some('b'), "--bind", "0.0.0.0"),
        OptionSpec::value(Some('d'), "--root", "./site"),
        OptionSpec::value(Some('i'), "--index", "index.html"),
        OptionSpec::value(None, "--access-log", "access.log"),
        OptionSpec::value(Some('o'), "--output", "page.html"),
        OptionSpec::optional_value(Some('u'), "--upload", "incoming"),
        OptionSpec::flag(Some('q'), "--quiet"),
        OptionSpec::flag(Some('s'), "--silent"),
        OptionSpec::action(Some('h'), "--help"),
        OptionSpec::action(Some('V'), "--version"),
    ];

    /// Long options with marked values, and operands.
    type SplitArgs = (Vec<OsString>, Vec<OsString>);

    fn split_args(value_check: ValueCheck, line: &[&str]) -> Result<SplitArgs, String> {
        let program = Program { name: "prog", specs: SPELLINGS, value_check };
        let mut tokenizer = Tokenizer::new(&program, line.iter().map(OsString::from).collect());
        tokenizer.run()?;
        let words = tokenizer.settings.iter().flat_map(|Setting { spec, text, .. }| {
            let value = text.as_deref().filter(|_| spec.value_kind != ValueKind::NoValue);
            let value = value.map(|value| [OsStr::new("="), value].into_iter().collect());
            [Some(OsString::from(spec.long)), value].into_iter().flatten()
        });
        Ok((words.collect(), tokenizer.operands))
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn each_form_gives_long_name_and_value() {
        let cases: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &[], &[]),
            (&["-p8080"], &["--port", "=8080"], &[]),
            (&["-p", "8080"], &["--port", "=8080"], &[]),
            (&["-p=8080"], &["--port", "=8080"], &[]),
            (&["--port", "8080"], &["--port", "=8080"], &[]),
            (&["--port=8080"], &["--port", "=8080"], &[]),
            (&["--root=a=b"], &["--root", "=a=b"], &[]),
            (&["--root", "=a"], &["--root", "==a"], &[]),
            (&["--access-log=-"], &["--access-log", "=-"], &[]),
            (&["-q", "-i", "x"], &["--quiet", "--index", "=x"], &[]),
            (&["-qp80"], &["--quiet", "--port", "=80"], &[]),
            (&["-q", "site", "-b::1", "80"], &["--quiet", "--bind", "=::1"], &["site", "80"]),
            (&["-s", "-o", "FILE", "x"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["-so", "FILE", "x"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["x", "-soFILE"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["x", "-so=FILE"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["--silent", "x", "--output", "FILE"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["--silent", "--output=FILE", "x"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["-soFILE", "--", "x"], &["--silent", "--output", "=FILE"], &["x"]),
            (&["--port", "-80"], &["--port", "=-80"], &[]),
            (&["-p=-80"], &["--port", "=-80"], &[]),
            (&["--upload", "site"], &["--upload", "="], &["site"]),
            (&["--upload=in", "site"], &["--upload", "=in"], &["site"]),
            (&["-u", "site"], &["--upload", "="], &["site"]),
            (&["-u=in", "site"], &["--upload", "=in"], &["site"]),
            (&["-qu", "-us"], &["--quiet", "--upload", "=", "--upload", "=", "--silent"], &[]),
            (&["-qu=in", "-up80"], &["--quiet", "--upload", "=in", "--upload", "=", "--port", "=80"], &[]),
            (&["-", "a-p", ""], &[], &["-", "a-p", ""]),
            (&["-", "--", "-s", "--"], &[], &["-", "-s", "--"]),
        ];
        for (line, options, operands) in cases {
            for value_check in [ValueCheck::Checked, ValueCheck::Any] {
                let expected = (words(options), words(operands));
                assert_eq!(split_args(value_check, line), Ok(expected), "{line:?}");
            }
        }
    }

    #[test]
    fn unchecked_value_accepts_option_like_text() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["-o", "--", "--root=a=b"], &["--output", "=--", "--root", "=a=b"]),
            (&["-o", "-s"], &["--output", "=-s"]),
            (&["-o", "--help"], &["--output", "=--help"]),
            (&["-o-s"], &["--output", "=-s"]),
            (&["-o", ""], &["--output", "="]),
            (&["--output="], &["--output", "="]),
        ];
        for (line, options) in cases {
            assert_eq!(split_args(ValueCheck::Any, line), Ok((words(options), Vec::new())), "{line:?}");
        }
    }

    #[test]
    fn misspelled_option_gets_one_line_error() {
        let cases: &[(&[&str], &str)] = &[
            (&["--prot", "1"], "unknown option '--prot'; did you mean '--port'?"),
            (&["--acess-log=x"], "unknown option '--acess-log'; did you mean '--access-log'?"),
            (&["-port", "1"], "unknown option '-port'; did you mean '--port'?"),
            (&["--Help"], "unknown option '--Help'; did you mean '--help'?"),
            (&["-x"], "unknown option '-x'"),
            (&["-sz"], "unknown option '-z'"),
            (&["-sé"], "unknown option '-é'"),
            (&["-é"], "unknown option '-é'"),
            (&["-80"], "unknown option '-80'"),
            (&["--a\nb=1"], "unknown option '--a\\nb'"),
            (&["--=1"], "unknown option '--'"),
            (&["--quiet=1"], "'--quiet' takes no value"),
            (&["-q=1"], "'-q' takes no value"),
            (&["--version=1"], "'--version' takes no value"),
            (&["-p"], "'-p' needs a value, such as -p 8080"),
            (&["-sp"], "'-p' needs a value, such as -p 8080"),
        ];
        for (line, expected) in cases {
            for value_check in [ValueCheck::Checked, ValueCheck::Any] {
                assert_eq!(split_args(value_check, line), Err((*expected).to_owned()), "{line:?}");
            }
        }
    }

    #[test]
    fn missing_value_gets_error_with_example() {
        let cases: &[(&[&str], &str)] = &[
            (&["--port="], "'--port' needs a value, such as --port 8080"),
            (&["--upload=", "x"], "'--upload' needs a value, such as --upload=incoming"),
            (&["-u=-q"], "'-u' needs a value, such as -u=incoming, and '-q' looks like an option"),
            (&["-p="], "'-p' needs a value, such as -p 8080"),
            (&["--root", ""], "'--root' needs a value, such as --root ./site"),
            (&["--root", "--", "x"], "'--root' needs a value, such as --root ./site"),
            (
                &["--root", "-p", "80", "site"],
                "'--root' needs a value, such as --root ./site, and '-p' looks like an option",
            ),
            (
                &["--index=-p", "80", "site"],
                "'--index' needs a value, such as --index index.html, and '-p' looks like an option",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(split_args(ValueCheck::Checked, line), Err((*expected).to_owned()), "{line:?}");
        }
    }
}

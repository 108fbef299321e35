//! Constants of the sources, with values that are computed from their expressions.
//!
//! It knows integers, floats, durations, ranges and structs of those; `+ - * / << >>`, `as`, parentheses,
//! `Duration::from_*`, `TYPE::MAX`, the length of a string, and other constants.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::source::{Source, code, is_test_only, without_tests};

/// A constant as it is written.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) kind: String,
    expression: String,
    /// The first sentence of its comment.
    pub(super) reason: String,
}

/// What a constant is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Int(i128),
    Real(f64),
    Time(Duration),
    Range(i128, i128),
}

/// All constants of the sources, by name.
pub(super) struct Constants(BTreeMap<String, Vec<Constant>>);

impl Constants {
    /// Collects the constants outside of tests.
    pub(super) fn collect(sources: &[Source]) -> Constants {
        let mut all: BTreeMap<String, Vec<Constant>> = BTreeMap::new();
        for source in sources.iter().filter(|source| !is_test_only(&source.path)) {
            for constant in in_source(source) {
                all.entry(constant.name.clone()).or_default().push(constant);
            }
        }
        Constants(all)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Constant> {
        self.0.values().flatten()
    }

    /// The value of a constant; of a struct, the value of each field.
    pub(super) fn values(&self, constant: &Constant) -> Result<Vec<(String, Value)>, String> {
        let text = constant.expression.as_str();
        let about = |error| format!("{}: {}: {error} in `{text}`", constant.file, constant.name);
        let fields = text.strip_prefix(&*constant.kind).and_then(|rest| rest.trim().strip_prefix('{'));
        let Some(fields) = fields.and_then(|fields| fields.strip_suffix('}')) else {
            let value = self.evaluate(text, &constant.file).map_err(about)?;
            return Ok(vec![(String::new(), value)]);
        };
        let fields = fields.split(',').filter(|field| !field.trim().is_empty());
        let value = |field: &str| {
            let (name, text) =
                field.split_once(':').ok_or_else(|| about("a field without a value".to_owned()))?;
            Ok((name.trim().to_owned(), self.evaluate(text, &constant.file).map_err(about)?))
        };
        fields.map(value).collect()
    }

    fn evaluate(&self, text: &str, file: &str) -> Result<Value, String> {
        let mut parser = Parser { rest: text.trim(), constants: self, file };
        let value = parser.shifts()?;
        match parser.rest.strip_prefix("..=") {
            Some(rest) => {
                parser.rest = rest.trim_start();
                let end = parser.shifts()?.int()?;
                parser.end().map(|()| Ok(Value::Range(value.int()?, end)))?
            }
            None => parser.end().map(|()| value),
        }
    }

    /// The value of the constant that a file calls so: its own, or the only one.
    fn named(&self, name: &str, file: &str) -> Result<Value, String> {
        let named = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let own = named.iter().find(|constant| constant.file == file);
        let constant = match (own, named) {
            (Some(own), _) => own,
            (None, [only]) => only,
            (None, []) => return Err(format!("no constant {name}")),
            (None, _) => return Err(format!("several constants {name}")),
        };
        self.evaluate(&constant.expression, &constant.file)
    }
}

impl Value {
    fn int(self) -> Result<i128, String> {
        match self {
            Value::Int(int) => Ok(int),
            other => Err(format!("{other:?} is no integer")),
        }
    }
}

/// The constants of one file.
fn in_source(source: &Source) -> Vec<Constant> {
    let code = without_tests(&code(&source.text));
    let code_lines: Vec<&str> = code.lines().collect();
    let lines: Vec<&str> = source.text.lines().collect();
    let items = code_lines.iter().enumerate().filter_map(|(index, line)| {
        let at = line.find("const ")?;
        let is_item = matches!(line[..at].trim(), "" | "pub") || line[..at].trim().starts_with("pub(");
        let (name, _) = line[at + "const ".len()..].split_once(':').filter(|_| is_item)?;
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let (head, expression) = assignment(&code_lines[index..])?;
        let kind = head.rsplit_once(": ").map_or("", |(_, kind)| kind).trim().to_owned();
        let reason = first_sentence(&comment(&lines, index));
        let file = source.path.clone();
        is_name.then(|| Constant { name: name.to_owned(), file, kind, expression, reason })
    });
    items.collect()
}

/// What stands before the `=` of an item, and what between it and the semicolon.
fn assignment(lines: &[&str]) -> Option<(String, String)> {
    let item = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let end = item.find(';')?;
    // The type of an array has a semicolon, and no value before it: it is nothing that is evaluated.
    let (head, expression) = item[..end].split_once(" = ")?;
    Some((head.to_owned(), expression.trim().to_owned()))
}

/// The first paragraph of the comment above a line, or the comment at its end.
fn comment(lines: &[&str], index: usize) -> String {
    let text = |line: &str| {
        let line = line.trim();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//")).map(|text| text.trim().to_owned())
    };
    let is_attribute = |line: &&&str| line.trim_start().starts_with("#[");
    let above = lines[..index].iter().rev().skip_while(is_attribute);
    let mut above: Vec<String> = above.map_while(|line| text(line)).collect();
    above.reverse();
    let first: Vec<String> = above.into_iter().take_while(|line| !line.is_empty()).collect();
    let behind = lines[index].split_once("// ").map(|(_, text)| text.to_owned());
    if first.is_empty() { behind.unwrap_or_default() } else { first.join(" ") }
}

/// The text up to the first full stop before a capital letter. Links to items become their names.
pub(super) fn first_sentence(text: &str) -> String {
    let is_end = |at: &usize| {
        let after = text[at + 1..].strip_prefix(' ').and_then(|rest| rest.chars().next());
        let is_ellipsis = text[..*at].ends_with('.');
        !is_ellipsis
            && after.is_none_or(|c| c.is_uppercase() || matches!(c, '`' | '['))
            && (at + 1 == text.len() || text[at + 1..].starts_with(' '))
    };
    let end = text.match_indices(['.', '!', '?']).map(|(at, _)| at).find(is_end);
    let sentence = end.map_or(text, |end| &text[..=end]).trim();
    let mut plain = sentence.to_owned();
    while let Some(start) = plain.find("](") {
        let end = plain[start..].find(')').map_or(plain.len(), |len| start + len + 1);
        plain.replace_range(start..end, "");
        if let Some(open) = plain[..start].rfind('[') {
            plain.remove(open);
        }
    }
    plain.replace("[`", "`").replace("`]", "`").replace("Self::", "")
}

/// A parser of expressions, by recursive descent.
struct Parser<'t> {
    rest: &'t str,
    constants: &'t Constants,
    file: &'t str,
}

impl<'t> Parser<'t> {
    fn end(&self) -> Result<(), String> {
        if self.rest.is_empty() { Ok(()) } else { Err(format!("cannot evaluate `{}`", self.rest)) }
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("no `{token}` before `{}`", self.rest)) }
    }

    fn shifts(&mut self) -> Result<Value, String> {
        let mut value = self.sum()?;
        loop {
            let is_left = self.take("<<");
            if !is_left && !self.take(">>") {
                return Ok(value);
            }
            let (int, by) = (value.int()?, self.sum()?.int()?);
            value = Value::Int(if is_left { int << by } else { int >> by });
        }
    }

    fn sum(&mut self) -> Result<Value, String> {
        let mut value = self.product()?;
        loop {
            value = match self.rest.chars().next() {
                Some('+') if self.take("+") => {
                    arithmetic(value, self.product()?, |a, b| a + b, |a, b| a + b)?
                }
                Some('-') if self.take("-") => {
                    arithmetic(value, self.product()?, |a, b| a - b, |a, b| a - b)?
                }
                _ => return Ok(value),
            };
        }
    }

    fn product(&mut self) -> Result<Value, String> {
        let mut value = self.cast()?;
        loop {
            value = match self.rest.chars().next() {
                Some('*') if self.take("*") => arithmetic(value, self.cast()?, |a, b| a * b, |a, b| a * b)?,
                Some('/') if self.take("/") => arithmetic(value, self.cast()?, |a, b| a / b, |a, b| a / b)?,
                _ => return Ok(value),
            };
        }
    }

    fn cast(&mut self) -> Result<Value, String> {
        let value = self.atom()?;
        if !self.take("as ") {
            return Ok(value);
        }
        match (self.word(), value) {
            ("f64" | "f32", Value::Int(int)) => Ok(Value::Real(int as f64)),
            (_, value @ Value::Int(_)) => Ok(value),
            (kind, value) => Err(format!("cannot cast {value:?} to {kind}")),
        }
    }

    /// A name, a path or a number.
    fn word(&mut self) -> &'t str {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let mut len = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let fraction =
            self.rest[len..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(fraction) = fraction.filter(|_| self.rest.starts_with(|c: char| c.is_ascii_digit())) {
            len += 1 + fraction.find(|c| !is_part(c)).unwrap_or(fraction.len());
        }
        let (word, rest) = self.rest.split_at(len);
        self.rest = rest.trim_start();
        word
    }

    fn atom(&mut self) -> Result<Value, String> {
        if self.take("(") {
            let value = self.shifts()?;
            return self.expect(")").map(|()| value);
        }
        if self.take("-") {
            return arithmetic(Value::Int(0), self.atom()?, |a, b| a - b, |a, b| a - b);
        }
        // The contents of a literal are blanked, and as long as they were.
        if let Some((text, rest)) = self.rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            self.rest = rest;
            return self.expect(".len()").map(|()| Value::Int(text.len() as i128));
        }
        let word = self.word();
        match word {
            "Duration::from_secs" => self.duration(1_000_000_000),
            "Duration::from_millis" => self.duration(1_000_000),
            "Duration::from_micros" => self.duration(1000),
            "Duration::from_nanos" => self.duration(1),
            "u8::MAX" => Ok(Value::Int(u8::MAX.into())),
            "u16::MAX" => Ok(Value::Int(u16::MAX.into())),
            "u32::MAX" => Ok(Value::Int(u32::MAX.into())),
            "u64::MAX" | "usize::MAX" => Ok(Value::Int(u64::MAX.into())),
            "i64::MAX" | "isize::MAX" => Ok(Value::Int(i64::MAX.into())),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => number(word),
            _ if self.rest.starts_with('(') || word.is_empty() => {
                Err(format!("cannot evaluate `{word}{}`", self.rest))
            }
            _ => self.constants.named(word.rsplit("::").next().unwrap_or(word), self.file),
        }
    }

    fn duration(&mut self, unit_nanos: u64) -> Result<Value, String> {
        self.expect("(")?;
        let count = self.shifts()?.int()?;
        let nanos = u64::try_from(count * i128::from(unit_nanos)).map_err(|error| error.to_string())?;
        self.expect(")").map(|()| Value::Time(Duration::from_nanos(nanos)))
    }
}

fn number(word: &str) -> Result<Value, String> {
    const SUFFIXES: [&str; 12] =
        ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let plain = word.replace('_', "");
    let digits = SUFFIXES.iter().find_map(|suffix| plain.strip_suffix(suffix)).unwrap_or(&plain);
    let int = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(hex), _) => i128::from_str_radix(hex, 16),
        (_, Some(octal)) => i128::from_str_radix(octal, 8),
        _ => digits.parse(),
    };
    let real = |_| plain.trim_end_matches("f64").parse().map(Value::Real);
    int.map(Value::Int).or_else(real).map_err(|_| format!("`{word}` is no number"))
}

fn arithmetic(
    left: Value,
    right: Value,
    of_ints: impl Fn(i128, i128) -> i128,
    of_reals: impl Fn(f64, f64) -> f64,
) -> Result<Value, String> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Value::Int(of_ints(left, right))),
        (Value::Real(left), Value::Real(right)) => Ok(Value::Real(of_reals(left, right))),
        // Minus is zero less the number.
        (Value::Int(0), Value::Real(right)) => Ok(Value::Real(of_reals(0.0, right))),
        (Value::Time(time), Value::Int(factor)) | (Value::Int(factor), Value::Time(time)) => {
            let factor = u32::try_from(of_ints(1, factor)).map_err(|error| error.to_string())?;
            Ok(Value::Time(time * factor))
        }
        (left, right) => Err(format!("cannot compute with {left:?} and {right:?}")),
    }
}

#[test]
fn expressions_have_the_values_of_rust() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let constants = Constants::collect(&[
        source("src/a.rs", "const A: usize = 2;\nconst B: usize = 3;\npub(super) const ONE: u8 = 1;"),
        source("src/b.rs", "const B: usize = 4;\n#[cfg(test)]\nmod tests {\n const A: u8 = 9;\n}"),
    ]);
    let evaluate = |text: &str| constants.evaluate(text, "src/b.rs");
    let cases = [
        ("16 * 1024", Value::Int(16 * 1024)),
        ("1 << 20", Value::Int(1 << 20)),
        ("(1 << 33) - 1", Value::Int((1 << 33) - 1)),
        ("100_000u64", Value::Int(100_000)),
        ("0x10 + 2 * 3", Value::Int(22)),
        ("A + B as usize", Value::Int(6)),
        ("super::ONE + \"HTTP/1.1\".len()", Value::Int(9)),
        ("1..=50 * 2", Value::Range(1, 100)),
        ("0.95", Value::Real(0.95)),
        ("1e6", Value::Real(1e6)),
        ("60.0 * 2.0", Value::Real(120.0)),
        ("Duration::from_millis(5 * 60)", Value::Time(Duration::from_millis(300))),
        ("2 * Duration::from_secs(1)", Value::Time(Duration::from_secs(2))),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), Ok(expected), "{text}");
    }
    for unknown in ["C", "f(1)", "1 +", "size_of::<u8>()", "1 2", "\"a\"", "x.y", "Duration::from_secs(0.5)"]
    {
        assert!(evaluate(unknown).is_err(), "{unknown}");
    }
    assert!(constants.evaluate("B", "src/c.rs").is_err(), "two constants have this name");
}

#[test]
fn first_sentence_ends_before_a_capital_letter() {
    let cases = [
        ("A bound, e.g. of 4.5 KiB. It is [`Much`].", "A bound, e.g. of 4.5 KiB."),
        ("... and [`Self::more`] (RFC 9112 section 3). More", "... and `more` (RFC 9112 section 3)."),
        ("At first ... and then", "At first ... and then"),
        ("Of [`Much`](crate::Much) and [more](a.md), 1 MiB.", "Of `Much` and more, 1 MiB."),
        ("Whole.", "Whole."),
    ];
    for (text, expected) in cases {
        assert_eq!(first_sentence(text), expected);
    }
}

//! The project's own sources, for the tests that read them.
//!
//! It knows just enough of Rust's grammar to tell code from comments, strings and tests; line and
//! column of what is left stay what they were.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Its path below the package, such as `src/net/connection.rs`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// All files with this extension below these folders of the package, in order.
pub(crate) fn sources(folders: &[&str], extension: &str) -> Vec<Source> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| package.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).expect("a source in UTF-8");
            let path = path.strip_prefix(package).expect("below the package");
            found.push(Source { path: path.to_string_lossy().into_owned(), text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Whether a module is compiled for unit tests only.
pub(crate) fn is_test_only(path: &str) -> bool {
    let is_part = path.starts_with("src/") && path.contains("/tests/");
    is_part || path.ends_with("/testing.rs") || path.ends_with("/tests.rs")
}

/// The source with comments and the contents of literals blanked out.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let comment = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else {
            0
        };
        let blanked = if comment > 0 { comment } else { literal(rest, &code) };
        if blanked == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (gone, left) = rest.split_at(blanked);
        code.extend(gone.chars().map(|c| if c == '\n' || (c == '"' && comment == 0) { c } else { ' ' }));
        rest = left;
    }
    code
}

/// The length of the comment at the front; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let bytes = &rest.as_bytes()[at..];
        match bytes {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string or character at the front, nothing if there is none.
fn literal(rest: &str, before: &str) -> usize {
    let in_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let hashes = rest.strip_prefix('r').map_or(0, |rest| rest.len() - rest.trim_start_matches('#').len());
    let bytes = rest.as_bytes();
    match bytes {
        [b'r', ..] if bytes.get(1 + hashes) == Some(&b'"') && (!in_name || before.ends_with(['b', 'c'])) => {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |len| start + len + end.len())
        }
        [b'"', ..] => quoted(bytes, b'"'),
        [b'\'', b'\\', ..] => quoted(bytes, b'\''),
        // What is not closed after one character is a lifetime.
        [b'\'', ..] => match rest[1..].char_indices().nth(1) {
            Some((len, '\'')) => len + 2,
            _ => 0,
        },
        _ => 0,
    }
}

/// The length of what is quoted at the front, with its escapes.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// How far the item at the front goes: to its closing brace, or to a semicolon before any.
pub(crate) fn item_len(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(c, '}' | ';') {
            return at + 1;
        }
    }
    code.len()
}

/// The code without the items that exist in tests only.
pub(crate) fn without_tests(code: &str) -> String {
    const TESTS: &str = "#[cfg(test)]";
    let mut left = code.to_owned();
    while let Some(start) = left.find(TESTS) {
        let len = TESTS.len() + item_len(&left[start + TESTS.len()..]);
        let blank: String =
            left[start..start + len].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        left.replace_range(start..start + len, &blank);
    }
    left
}

#[test]
fn code_and_without_tests_keep_only_code() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cases = [
        ("a // \"b\nc", "a c"),
        ("a /* /* b */ */ c", "a c"),
        ("\"a\\\"b\" c", "\" \" \" c"),
        ("\"a // b\" c", "\" \" c"),
        ("x(r#\"a b\"#) c", "x( \" \" ) c"),
        ("f(b'\\'', 'x', '{') c", "f(b , , ) c"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("for r in x", "for r in x"),
    ];
    for (text, expected) in cases {
        assert_eq!(words(&code(text)), expected, "{text}");
        assert_eq!(code(text).len(), text.len(), "{text}");
    }
    let text = "use a;\n#[cfg(test)]\nmod tests {\n fn f() {}\n}\nuse b;\n#[cfg(test)]\nmod c;\nd";
    assert_eq!(words(&without_tests(text)), "use a; use b; d");
}

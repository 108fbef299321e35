//! What of a source exists in unit tests only, and so is no part of the programs.
//!
//! It finds items under `#[cfg(test)]` by their tokens, wherever they stand, and takes them as whole
//! lines. What it does not know to be such an item, and to end where a line does, it leaves alone: it
//! never takes away what is compiled.

use std::iter;
use std::ops::Range;

use super::tokens::{Kind, tokens};

/// Items that end with the brace that closes their first one, if no semicolon comes before it.
const BRACE_ITEMS: &[&str] = &["enum", "extern", "fn", "impl", "macro_rules!", "mod", "struct", "trait"];

/// Items that end with a semicolon.
const SEMICOLON_ITEMS: &[&str] = &["const", "let", "static", "type", "use"];

/// A token and where it begins.
type Token<'a> = (usize, Kind, &'a str);

/// The lines of such items as ranges of bytes, in order, with the empty lines before them. A file that
/// is for tests as a whole is one range.
pub(crate) fn test_items(source: &str) -> Vec<Range<usize>> {
    let tokens = with_offsets(source);
    if tokens.iter().any(|(_, kind, text)| *kind == Kind::Attribute && is_test(text, "#!")) {
        return iter::once(0..source.len()).collect();
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    // Where the comments and attributes begin that belong to what comes next.
    let mut lead = None;
    for (index, (at, kind, text)) in tokens.iter().enumerate() {
        if found.last().is_some_and(|last| *at < last.end) {
            continue;
        }
        lead = match kind {
            Kind::Doc if text[2..].starts_with('!') => None,
            Kind::Doc | Kind::Comment | Kind::Attribute => lead.or(line_start(source, *at)),
            Kind::Plain if text.trim().is_empty() && text.matches('\n').count() < 2 => lead,
            _ => None,
        };
        if *kind == Kind::Attribute
            && is_test(text, "#")
            && let Some(start) = lead
            && let Some(end) = item_end(&tokens[index..]).and_then(|end| line_end(source, end))
        {
            let start = after_code(source, start);
            match found.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => found.push(start..end),
            }
            lead = None;
        }
    }
    found
}

/// The names of the modules that such items declare and that are files of their own.
pub(crate) fn modules(items: &str) -> Vec<String> {
    let code = tokens(items).into_iter().filter(|(kind, _)| !is_trivia(*kind)).map(|(_, text)| text);
    let code: String = code.collect();
    let declared = code.split_inclusive(';').filter_map(|item| item.strip_suffix(';')?.rsplit_once("mod "));
    let names = declared.map(|(_, name)| name.trim());
    names.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
}

/// The tokens with their places.
fn with_offsets(source: &str) -> Vec<Token<'_>> {
    let mut at = 0;
    let mut placed = Vec::new();
    for (kind, text) in tokens(source) {
        placed.push((at, kind, text));
        at += text.len();
    }
    placed
}

fn is_test(attribute: &str, sign: &str) -> bool {
    let bare: String = attribute.split_whitespace().collect();
    bare.strip_prefix(sign) == Some("[cfg(test)]")
}

/// Whether it stands beside the code: the compiler sees the item without it.
fn is_trivia(kind: Kind) -> bool {
    matches!(kind, Kind::Doc | Kind::Comment | Kind::Attribute)
}

/// The start of the line, if nothing but white space is before this place.
fn line_start(source: &str, at: usize) -> Option<usize> {
    let start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    source[start..at].trim().is_empty().then_some(start)
}

/// The start of the empty lines before this place, which is the start of a line.
fn after_code(source: &str, at: usize) -> usize {
    let code_len = source[..at].trim_end().len();
    source[code_len..at].find('\n').map_or(0, |newline| code_len + newline + 1)
}

/// The end of the line, if nothing but white space is behind this place.
fn line_end(source: &str, at: usize) -> Option<usize> {
    let end = source[at..].find('\n').map_or(source.len(), |newline| at + newline + 1);
    source[at..end].trim().is_empty().then_some(end)
}

/// Where the item ends that these tokens begin with.
fn item_end(tokens: &[Token<'_>]) -> Option<usize> {
    let is_braced = is_braced(tokens)?;
    let mut depth = 0;
    for (at, _, text) in tokens.iter().filter(|(_, kind, _)| *kind == Kind::Plain) {
        for (place, c) in text.char_indices() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            match (depth, c) {
                (0, ';') => return Some(at + place + 1),
                (0, '}') if is_braced => return Some(at + place + 1),
                (..0, _) => return None,
                _ => {}
            }
        }
    }
    None
}

/// Whether the item is one that ends with a brace; nothing if it is none that is known.
fn is_braced(tokens: &[Token<'_>]) -> Option<bool> {
    let mut code = tokens.iter().filter(|(_, kind, _)| !is_trivia(*kind));
    let mut last = None;
    let words =
        code.by_ref().take_while(|(_, kind, text)| *kind != Kind::Plain || !text.contains(['{', '=', ';']));
    for (_, _, word) in words {
        if BRACE_ITEMS.contains(word) {
            return Some(true);
        }
        if SEMICOLON_ITEMS.contains(word) {
            last = Some(false);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left, and what is taken away.
    fn split(source: &str) -> (String, String) {
        let (mut left, mut taken, mut at) = (String::new(), String::new(), 0);
        for item in test_items(source) {
            left.push_str(&source[at..item.start]);
            taken.push_str(&source[item.clone()]);
            at = item.end;
        }
        (left + &source[at..], taken)
    }

    #[test]
    fn test_items_finds_each_kind_of_item_whole() {
        let items = [
            "mod tests {\n    fn f() {\n    }\n}\n",
            "mod testing;\n",
            "pub(crate) mod testing;\n",
            "fn f<'a>(x: [u8; 3]) -> [u8; 3]\nwhere\n    A: B,\n{\n    '}'; \"}\"; /* } */ g!{ x };\n}\n",
            "pub(super) const fn f() {}\n",
            "const X: &[u8] = &[1; 2];\n",
            "const X: u8 = {\n    1\n};\n",
            "use super::{a, b::{self}};\n",
            "struct A;\n",
            "struct A(u8, u8);\n",
            "pub struct A<T> {\n    a: T,\n}\n",
            "enum A {\n    B { c: u8 },\n    D = 4,\n}\n",
            "impl<'a> A for B<'a> {\n    fn f() {}\n}\n",
            "trait A {\n    fn f();\n}\n",
            "type F = fn() -> u8;\n",
            "macro_rules! m {\n    () => {};\n}\n",
            "#[derive(Debug)]\n// So.\nstruct A {\n}\n",
        ];
        for item in items {
            let item = format!("/// Says `}}`.\n#[must_use]\n#[cfg(test)]\n{item}");
            for (before, after) in
                [("", ""), ("use a;\n", "\nfn b() {}\n"), ("//! Of the file.\n", "use c;\n")]
            {
                let source = format!("{before}{item}{after}");
                assert_eq!(split(&source), (format!("{before}{after}"), item.clone()), "{source}");
            }
        }
    }

    #[test]
    fn test_items_leaves_compiled_code() {
        let sources = [
            "fn f() {}\n",
            "#[cfg(not(test))]\nfn f() {}\n",
            "#[cfg(any(test, unix))]\nfn f() {}\n",
            "const A: &str = \"\n#[cfg(test)]\nmod tests {\n}\n\";\n",
            "// #[cfg(test)]\nfn f() {}\n",
            "/*\n#[cfg(test)]\n*/\nmod a {}\n",
            // Where these end is not for this module to know.
            "enum A {\n    #[cfg(test)]\n    B,\n    C,\n}\n",
            "#[cfg(test)] fn f() {} fn g() {}\n",
            "a(); #[cfg(test)]\nfn f() {}\n",
            "#[cfg(test)]\nfn f() {\n",
            "#[cfg(test)]\n",
        ];
        for source in sources {
            assert_eq!(split(source), (source.to_owned(), String::new()));
        }
    }

    #[test]
    fn test_items_includes_its_blank_lines_and_comments() {
        let source = "//! Doc.\n\n#[cfg(test)]\nmod a;\n\n#[cfg(test)]\nmod b;\nmod c;\n\n// Alone.\n\n// With it.\n\
                      #[cfg(test)]\nfn f() {}\n\nfn g() {} // So.\n#[cfg(test)]\nmod tests {\n}\n";
        let left = "//! Doc.\nmod c;\n\n// Alone.\n\nfn g() {} // So.\n";
        assert_eq!(split(source).0, left);
        assert_eq!(test_items(source).len(), 3, "what follows one another is one range");
    }

    #[test]
    fn test_items_with_cfg_test_file_is_one_range() {
        let source = "//! Doc.\n#![cfg(test)]\nfn f() {}\n";
        assert_eq!(split(source), (String::new(), source.to_owned()));
    }

    #[test]
    fn modules_lists_only_modules_without_braces() {
        let items = "#[cfg(test)]\nmod a;\n/// Of mod x;\n#[cfg(test)]\npub(crate) mod b_c;\n#[cfg(test)]\nmod tests {\n    use d;\n}\nuse e;\n";
        assert_eq!(modules(items), ["a", "b_c"]);
    }
}

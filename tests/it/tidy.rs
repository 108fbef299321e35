//! The style that a machine can keep: lengths, module docs, words that have no place here, pages
//! that need nobody else's server.
//!
//! Each rule is shown a made-up source that breaks it, for a rule that cannot fail keeps nothing.

use std::collections::BTreeMap;

use crate::harness::source::{Source, code, is_test_only, item_len, sources, without_tests};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const DOC_LINES_MIN: usize = 2;

/// Words for what is not finished; each is put together here, or this file would break its own rule.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
];

/// A rule: what is wrong with a source, as line numbers and words.
type Rule = fn(&Source) -> Vec<(usize, String)>;

const RULES: &[Rule] =
    &[file_length, function_length, module_doc, unfinished, forbidden, sleeping, unexplained];

fn file_length(source: &Source) -> Vec<(usize, String)> {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX { vec![(lines, format!("the file has {lines} lines"))] } else { Vec::new() }
}

fn function_length(source: &Source) -> Vec<(usize, String)> {
    let code = code(&source.text);
    let starts = code.match_indices("fn ").filter(|(at, _)| is_word(&code, *at, 2));
    let long = starts.filter_map(|(at, _)| {
        let lines = code[at..at + item_len(&code[at..])].lines().count();
        let name = code[at..].split(['(', '<']).next().unwrap_or_default().to_owned();
        (lines > FUNCTION_LINES_MAX).then(|| (line(&code, at), format!("{name} has {lines} lines")))
    });
    long.collect()
}

fn module_doc(source: &Source) -> Vec<(usize, String)> {
    let lines = source.text.lines().take_while(|line| line.starts_with("//!"));
    let said = lines.filter(|line| line.len() > "//! ".len()).count();
    if said < DOC_LINES_MIN { vec![(1, format!("{said} lines of module doc"))] } else { Vec::new() }
}

fn unfinished(source: &Source) -> Vec<(usize, String)> {
    let found = UNFINISHED.iter().flat_map(|word| occurrences(&source.text, word));
    found.collect()
}

fn forbidden(source: &Source) -> Vec<(usize, String)> {
    let mut code = code(&source.text);
    // Only before `main` can a closed standard output be told.
    if source.path == "src/bin/reactor-client.rs" {
        code = code.replacen("#[ctor(unsafe)]", "", 1);
    }
    let found =
        ["#[allow(", "#![allow(", "#[ignore", "unsafe"].into_iter().flat_map(|word| occurrences(&code, word));
    found.collect()
}

fn sleeping(source: &Source) -> Vec<(usize, String)> {
    let code = code(&source.text);
    if source.path.starts_with("tests/") { occurrences(&code, "sleep(") } else { Vec::new() }
}

/// What may panic in the library says why it cannot.
fn unexplained(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") || is_test_only(&source.path) {
        return Vec::new();
    }
    let code = without_tests(&code(&source.text));
    let lines: Vec<&str> = source.text.lines().collect();
    let explained = |number: &usize| {
        let above = number.checked_sub(2).and_then(|index| lines.get(index));
        lines[number - 1].contains("// ") || above.is_some_and(|line| line.trim_start().starts_with("// "))
    };
    let panics = [".unwrap()", ".expect(\"", "panic!(", "unreachable!("];
    let found = panics.into_iter().flat_map(|call| occurrences(&code, call));
    found.filter(|(number, _)| !explained(number)).collect()
}

fn occurrences(text: &str, word: &str) -> Vec<(usize, String)> {
    let found = text.match_indices(word).filter(|(at, _)| is_word(text, *at, word.len()));
    found.map(|(at, _)| (line(text, at), format!("there is `{word}`"))).collect()
}

/// Whether what begins there is no part of a longer name.
fn is_word(text: &str, at: usize, len: usize) -> bool {
    let in_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (word, after) = text[at..].split_at(len);
    let begins = !in_name(word.chars().next()) || !in_name(text[..at].chars().next_back());
    begins && (!in_name(word.chars().next_back()) || !in_name(after.chars().next()))
}

fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What a page fetches from elsewhere, or runs.
fn foreign(page: &str) -> Vec<(usize, String)> {
    let text = page.replace("xmlns=\"http://www.w3.org/", "xmlns=\"");
    let own = ["http://localhost:", "http://localhost/", "http://127.0.0.1:"];
    let addresses = text.match_indices("//").filter(|(at, _)| {
        let start = text[..*at].rfind([' ', '"', '\'', '(', '>', '\n']).map_or(0, |before| before + 1);
        !own.iter().any(|own| text[start..].starts_with(own))
    });
    let scripts = ["<script", "javascript:", " onload=", " onclick=", "@import"];
    let scripts = scripts.into_iter().flat_map(|word| text.match_indices(word));
    addresses.chain(scripts).map(|(at, what)| (line(&text, at), format!("there is `{what}`"))).collect()
}

/// Types that are defined at the outer level of more than one module, with the files.
fn duplicate_types(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !is_test_only(&source.path)) {
        let code = without_tests(&code(&source.text));
        for name in code.lines().filter_map(type_name) {
            places.entry(name.to_owned()).or_default().push(&source.path);
        }
    }
    let duplicates = places.into_iter().filter(|(_, places)| places.len() > 1);
    duplicates.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

/// The name of the type that a line at the outer level defines.
fn type_name(line: &str) -> Option<&str> {
    let item = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let (keyword, rest) = item.split_once(' ')?;
    let is_type = ["struct", "enum", "trait", "union", "type"].contains(&keyword);
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    is_type.then_some(name)
}

fn report(path: &str, faults: &[(usize, String)]) -> Vec<String> {
    faults.iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

#[test]
fn sources_pass_every_style_rule() {
    let sources = sources(&["src", "build", "tests", "benches"], "rs");
    assert!(sources.len() > 80, "there are more sources than {}", sources.len());
    let check = |source: &Source| -> Vec<String> {
        RULES.iter().flat_map(|rule| report(&source.path, &rule(source))).collect()
    };
    let faults: Vec<_> = sources.iter().flat_map(check).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn content_pages_have_no_external_links_or_scripts() {
    let mut pages = 0;
    for extension in ["html", "css", "svg"] {
        for page in sources(&["content"], extension) {
            assert_eq!(report(&page.path, &foreign(&page.text)), [""; 0]);
            pages += 1;
        }
    }
    assert!(pages >= 3, "there are pages");
}

#[test]
fn rules_reject_bad_and_accept_good_sources() {
    let doc = "//! One.\n//! Two.\n";
    let function = |lines: usize| format!("{doc}fn long() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
    let cases: [(&str, String, Rule, bool); 17] = [
        ("src/a.rs", "x\n".repeat(500), file_length, true),
        ("src/a.rs", "x\n".repeat(501), file_length, false),
        ("src/a.rs", function(70), function_length, true),
        ("src/a.rs", function(71), function_length, false),
        ("src/a.rs", doc.to_owned(), module_doc, true),
        ("src/bin/a.rs", "//! One.\n//!\nuse a;\n//! Two.".to_owned(), module_doc, false),
        ("src/a.rs", format!("// {}: more", UNFINISHED[0]), unfinished, false),
        ("src/a.rs", "#[allow(dead_code)]".to_owned(), forbidden, false),
        ("src/a.rs", "#![forbid(unsafe_code)] // unsafe".to_owned(), forbidden, true),
        ("src/a.rs", "fn f() { unsafe { g() } }".to_owned(), forbidden, false),
        ("src/bin/a.rs", "#[ctor(unsafe)]".to_owned(), forbidden, false),
        ("tests/a.rs", "thread::sleep(time);".to_owned(), sleeping, false),
        ("src/a.rs", "let x = y.unwrap();".to_owned(), unexplained, false),
        ("src/a.rs", "let x = y.expect(\"why\");".to_owned(), unexplained, false),
        ("src/a.rs", "// It was pushed just now.\nlet x = y.unwrap();".to_owned(), unexplained, true),
        ("src/a.rs", "#[cfg(test)]\nmod tests { fn f() { y.unwrap() } }".to_owned(), unexplained, true),
        ("src/a.rs", "x.expect(len);\nx.unwrap_or(1);".to_owned(), unexplained, true),
    ];
    for (path, text, rule, passes) in cases {
        let faults = rule(&Source { path: path.to_owned(), text: text.clone() });
        assert_eq!(faults.is_empty(), passes, "{path}: {text}: {faults:?}");
    }
}

#[test]
fn foreign_reports_external_addresses_and_scripts() {
    let cases = [
        ("<a href=\"http://example.com/\">", 1),
        ("<link href=\"https://example.com/a.css\">", 1),
        ("<img src=\"//example.com/a.png\">", 1),
        ("<script>alert(1)</script>", 1),
        ("a { background: url(https://example.com/a.png) }", 1),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\">", 0),
        ("<code>http://localhost:8080/</code> <a href=\"/style.css\">", 0),
    ];
    for (page, faults) in cases {
        assert_eq!(foreign(page).len(), faults, "{page}");
    }
}

#[test]
fn each_type_name_is_defined_once() {
    let sources = sources(&["src"], "rs");
    assert_eq!(duplicate_types(&sources), [""; 0]);
}

#[test]
fn duplicate_type_names_are_found_in_every_form() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    for second in [
        "struct A;",
        "pub enum A {}",
        "pub(super) trait A {}",
        "pub(in crate::a) type A = B;",
        "union A<T> {}",
    ] {
        let found = duplicate_types(&[source("src/a.rs", "pub struct A<'a> {}"), source("src/b.rs", second)]);
        assert_eq!(found, ["A: src/a.rs, src/b.rs"], "{second}");
    }
    for second in [
        "fn f() {\n    struct A;\n}",
        "// struct A;",
        "#[cfg(test)]\nmod tests {\nstruct A;\n}",
        "type AA = B;",
    ] {
        let found = duplicate_types(&[source("src/a.rs", "struct A;"), source("src/b.rs", second)]);
        assert_eq!(found, [""; 0], "{second}");
    }
}

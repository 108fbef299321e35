//! README, docs/ and the map in src/lib.rs say what the code says.
//!
//! Compared: states, layers, dependencies, options, files, functions, links, and the lengths that the pages promise.
//! Prose and sample output are not compared. The pages of options and limits are generated and have tests of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reactor_http::{client, load, server, sum};

use crate::harness::source::{code, sources, without_tests};
use crate::layering::ROOMS;

const README_LINES_MAX: usize = 250;
const CORE_CODE_LINES_MAX: usize = 5000;
const GLOSSARY_WORDS: usize = 25;
const MAP_WORDS_MAX: usize = 500;

/// The path of a file of the repository.
fn full_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The content of a file of the repository.
fn text_of(path: &str) -> String {
    fs::read_to_string(full_path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all pages.
fn pages() -> Vec<String> {
    let docs = sources(&["docs"], "md").into_iter().map(|page| page.path);
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benches/README.md"]
        .map(str::to_owned)
        .into_iter()
        .chain(docs)
        .collect()
}

/// The lines below a heading, up to the next heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let body = &text[start + heading.len() + 2..];
    body.find("\n#").map_or(body, |end| &body[..end])
}

/// The cells of the rows of all tables, without the header rows.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &&str| line.starts_with('|') && !line.starts_with("|---");
    let is_heading = |index: usize| lines.get(index + 1).is_some_and(|next| next.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(index, line)| is_row(line) && !is_heading(*index));
    rows.map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The text outside of code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The targets of the links outside of code blocks.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let ends = prose.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim_start())).collect()
}

/// The doc comment of a module.
fn module_doc(path: &str) -> String {
    let text = text_of(path);
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// The options that a help text explains: the words with a hyphen at the beginning of a line.
fn options_in_help(program: &str, command: Option<&str>) -> BTreeSet<String> {
    let output = Command::new(program).args(command).arg("--help").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).expect("the help is UTF-8");
    let leading = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().take_while(|word| word.starts_with('-'));
        words.map(|word| word.split([',', '[']).next().unwrap_or_default().to_owned()).collect()
    };
    help.lines().flat_map(leading).collect()
}

/// The options of both programs, all commands of the client included.
fn options() -> BTreeMap<&'static str, BTreeSet<String>> {
    let client = env!("CARGO_BIN_EXE_reactor-client");
    let commands = [None, Some("sum"), Some("compare"), Some("merge")];
    let of_client = commands.iter().flat_map(|command| options_in_help(client, *command)).collect();
    let of_server = options_in_help(env!("CARGO_BIN_EXE_reactor-server"), None);
    [("reactor-server", of_server), ("reactor-client", of_client)].into()
}

/// The states in a table, with links to items taken off.
fn states(text: &str) -> Vec<Vec<String>> {
    let plain = |cell: &str| match cell.split_once("](") {
        Some((name, _)) => name.trim_start_matches('[').to_owned(),
        None => cell.to_owned(),
    };
    rows(text).iter().map(|row| row.iter().copied().map(plain).collect()).collect()
}

/// The transitions in the table of states of a module doc. The column before the last but one does not matter.
fn transitions_in_doc(path: &str) -> BTreeSet<(String, String)> {
    let doc = module_doc(path);
    let heading = doc.lines().find(|line| line.starts_with("| state")).expect("a table of states");
    let column =
        heading.trim_matches('|').split('|').position(|cell| cell.trim() == "leaves to").expect("a column");
    let table = states(&doc);
    let pairs = table.iter().flat_map(|row| {
        let targets = row[column]
            .split('·')
            .filter_map(|target| target.split([' ', ',']).find(|word| !word.is_empty()));
        let targets = targets.filter(|target| *target != "gone").map(str::to_owned);
        targets.map(|target| (row[0].trim_matches('`').to_owned(), target)).collect::<Vec<_>>()
    });
    pairs.collect()
}

fn transitions<P: Debug>(pairs: &[(P, P)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(from, to)| (format!("{from:?}"), format!("{to:?}"))).collect()
}

#[test]
fn readme_has_at_most_250_lines() {
    let lines = text_of("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines: what belongs to docs/?");
}

#[test]
fn readme_option_table_has_ten_options_of_the_help() {
    let (readme, options) = (text_of("README.md"), options());
    let table = rows(section(&readme, "## Ten options"));
    assert_eq!(table.len(), 10);
    for row in table {
        let option = quoted(row[1]).next().expect("an option");
        assert!(options[format!("reactor-{}", row[0]).as_str()].contains(option), "{option}");
    }
}

/// The long options of the commands of a program in a text, and of nothing behind a pipe or a semicolon.
fn long_options<'a>(text: &'a str, program: &str) -> Vec<&'a str> {
    let calls = text.match_indices(program).map(|(at, _)| &text[at + program.len()..]);
    let calls = calls.filter(|rest| rest.starts_with(' '));
    let words = calls.flat_map(|rest| {
        let line = rest.lines().next().unwrap_or_default();
        let line = line.split(['|', ';', '`']).next().unwrap_or_default();
        line.split_whitespace().take_while(|word| *word != "#")
    });
    let options = words.filter_map(|word| word.split('=').next());
    options.filter(|word| word.len() > 2 && word.starts_with("--")).collect()
}

#[test]
fn long_options_stop_at_pipe_and_comment() {
    let text = "$ client -s --a=1 x --bc | client-two --d\nclient: --e\nclient --f # --g\n`client` and --h";
    assert_eq!(long_options(text, "client"), ["--a", "--bc", "--f"]);
}

#[test]
fn commands_in_pages_have_existing_options() {
    let mut found = 0;
    for (page, text) in pages().iter().map(|page| (page, text_of(page).replace("\\\n", " "))) {
        for (program, options) in options() {
            for option in long_options(&text, program) {
                found += 1;
                assert!(options.contains(option), "{page}: {program} has no option {option}");
            }
        }
    }
    assert!(found > 30, "there are commands");
}

#[test]
fn readme_state_table_equals_the_one_of_the_state_machine() {
    let in_readme = states(section(&text_of("README.md"), "### The states of a server connection"));
    let in_code = states(&module_doc("src/server/connection/state_machine.rs"));
    assert_eq!(in_code.len(), 6);
    assert_eq!(in_readme, in_code);
}

#[test]
fn state_tables_have_exactly_the_transitions() {
    for (path, expected) in [
        ("src/server/connection/state_machine.rs", transitions(server::TRANSITIONS)),
        ("src/client/connection.rs", transitions(client::connection::TRANSITIONS)),
        ("src/load/engine/connection.rs", transitions(load::engine::connection::TRANSITIONS)),
        ("src/sum/server.rs", transitions(sum::server::TRANSITIONS)),
        ("src/sum/client.rs", transitions(sum::client::TRANSITIONS)),
    ] {
        assert_eq!(transitions_in_doc(path), expected, "{path}");
    }
}

#[test]
fn core_files_exist_and_have_at_most_5000_code_lines() {
    let readme = text_of("README.md");
    let files = links(section(&readme, "## Read the core"));
    let table = rows(section(&readme, "## Read the core"));
    let lines_of = |row: &Vec<&str>| {
        let path = links(row[0]).remove(0);
        without_tests(&code(&text_of(&path))).lines().filter(|line| !line.trim().is_empty()).count()
    };
    let lines: usize = table.iter().map(lines_of).sum();
    assert!(table.len() > 20 && files.len() >= table.len());
    assert!(lines <= CORE_CODE_LINES_MAX, "the core has {lines} lines of code");
}

#[test]
fn layer_table_equals_the_checked_layers() {
    let page = text_of("docs/architecture.md");
    let names = |cell: &str| quoted(cell).map(str::to_owned).collect::<BTreeSet<_>>();
    let in_page: BTreeMap<String, BTreeSet<String>> = rows(section(&page, "## Layers"))
        .iter()
        .map(|row| {
            (row[0].trim_start_matches('[').split(']').next().expect("a name").to_owned(), names(row[2]))
        })
        .collect();
    let layers = ROOMS.iter().filter(|room| !["bin", "lib"].contains(&room.name));
    let in_code =
        layers.map(|room| (room.name.to_owned(), room.rooms.iter().map(|&name| name.to_owned()).collect()));
    assert_eq!(in_page, in_code.collect());
}

#[test]
fn dependency_table_lists_each_with_a_reason() {
    let (page, manifest) = (text_of("docs/architecture.md"), text_of("Cargo.toml"));
    let sections = ["[dependencies]", "[dev-dependencies]"].map(|heading| {
        let start = manifest.find(heading).unwrap_or_else(|| panic!("no {heading}")) + heading.len();
        let body = &manifest[start..];
        body.find("\n[").map_or(body, |end| &body[..end])
    });
    let lines = sections.iter().flat_map(|body| body.lines());
    let names = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let in_manifest: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    let table = rows(section(&page, "## Dependencies"));
    let in_page: BTreeSet<&str> = table.iter().flat_map(|row| quoted(row[0])).collect();
    assert_eq!(in_page, in_manifest);
    for row in table {
        assert!(!row[3].is_empty(), "{} has no reason", row[0]);
    }
}

#[test]
fn each_place_in_where_is_what_exists() {
    let page = text_of("docs/architecture.md");
    let table = rows(section(&page, "## Where is what"));
    assert!(table.len() >= 20);
    for row in table {
        let file = links(row[1]).remove(0);
        for part in row[2].split(';') {
            let file = links(part).pop().unwrap_or_else(|| file.clone());
            let code = code(&text_of(file.trim_start_matches("../")));
            let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for name in quoted(part).filter(|name| !name.starts_with('-')) {
                assert!(words.contains(name), "{}: {name} is not in {file}", row[0]);
            }
        }
    }
}

#[test]
fn links_in_pages_have_existing_targets() {
    for page in pages() {
        let directory = full_path(&page).parent().expect("a directory").to_owned();
        for link in links(&text_of(&page)) {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let (target, wanted) = link.split_once('#').unwrap_or((&link, ""));
            let target = if target.is_empty() { full_path(&page) } else { directory.join(target) };
            assert!(target.exists(), "{page} links to {link}, which does not exist");
            let has_anchor = || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(wanted));
            assert!(wanted.is_empty() || has_anchor(), "{page} links to {link}, which has no such heading");
        }
    }
}

#[test]
fn files_named_in_pages_exist() {
    let map = module_doc("src/lib.rs");
    let texts = pages().into_iter().map(|page| (text_of(&page), page));
    for (text, page) in texts.chain([(map, "src/lib.rs".to_owned())]) {
        for name in quoted(&prose(&text)) {
            let is_source =
                ["src/", "tests/", "benches/", "build/"].iter().any(|start| name.starts_with(start));
            let is_file = !name.contains([' ', '*', '{']) && Path::new(name).extension().is_some();
            assert!(!(is_source && is_file) || full_path(name).exists(), "{page}: {name}");
        }
    }
}

#[test]
fn glossary_has_25_words_in_order() {
    let page = text_of("docs/glossary.md");
    let words: Vec<&str> = rows(&page).iter().map(|row| row[0]).collect();
    assert_eq!(words.len(), GLOSSARY_WORDS);
    assert!(words.is_sorted(), "{words:?}");
}

#[test]
fn map_in_lib_has_at_most_500_words_and_every_module() {
    let map = module_doc("src/lib.rs");
    let words = map.split_whitespace().count();
    assert!(words <= MAP_WORDS_MAX, "the map has {words} words");
    let in_map: BTreeSet<String> = rows(section(&map, "# Layers")).iter().map(|row| anchor(row[0])).collect();
    let modules = text_of("src/lib.rs");
    let modules = modules.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(in_map, modules.map(str::to_owned).collect());
}

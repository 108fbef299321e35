//! The README, the map and the help texts say the same as the code.
//!
//! Documentation that nobody compares goes stale: options, states, dependencies, limits and links are
//! compared here with what they tell of. Prose and sample output are not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A file of the repository.
fn text_of(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What follows a heading, up to the next one of any level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let body = &text[start + heading.len() + 2..];
    body.find("\n#").map_or(body, |end| &body[..end])
}

/// The cells of the rows of all tables, without those of the headings.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &&str| line.starts_with('|') && !line.starts_with("|---");
    let is_heading = |index: usize| lines.get(index + 1).is_some_and(|next| next.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(index, line)| is_row(line) && !is_heading(*index));
    rows.map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The names that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The options that a help text explains: those at the beginning of a line.
fn options_in_help(program: &str, command: Option<&str>) -> BTreeSet<String> {
    let output = Command::new(program).args(command).arg("--help").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).expect("the help is UTF-8");
    let leading = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().take_while(|word| word.starts_with('-'));
        words.map(|word| word.trim_end_matches(',').to_owned()).collect()
    };
    help.lines().flat_map(leading).collect()
}

/// The options in the table below a heading of the README.
fn options_in_readme(heading: &str) -> BTreeSet<String> {
    let readme = text_of("README.md");
    let cells = rows(section(&readme, heading)).into_iter().map(|row| row[0]);
    let names = cells.flat_map(quoted).filter_map(|code| code.split_whitespace().next());
    names.filter(|name| name.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn option_tables_list_exactly_the_help_options() {
    let client = env!("CARGO_BIN_EXE_reactor-client");
    for (program, command, heading) in [
        (env!("CARGO_BIN_EXE_reactor-server"), None, "### Options of reactor-server"),
        (client, None, "### Options of reactor-client"),
        (client, Some("sum"), "### Options of reactor-client sum"),
        (client, Some("compare"), "### Options of reactor-client compare"),
        (client, Some("merge"), "### Options of reactor-client merge"),
    ] {
        let in_help = options_in_help(program, command);
        assert!(in_help.contains("--help") && in_help.len() > 5, "{in_help:?}");
        assert_eq!(options_in_readme(heading), in_help, "{heading}");
    }
}

/// The rows of the table of states, links to items taken off.
fn states(text: &str) -> Vec<Vec<String>> {
    let plain = |cell: &str| match cell.split_once("](") {
        Some((name, _)) => name.trim_start_matches('[').to_owned(),
        None => cell.to_owned(),
    };
    rows(text).iter().map(|row| row.iter().copied().map(plain).collect()).collect()
}

/// The doc comment of a module.
fn module_doc(path: &str) -> String {
    let text = text_of(path);
    let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

#[test]
fn state_tables_match_module_docs() {
    let (readme, map) = (text_of("README.md"), module_doc("src/lib.rs"));
    let in_readme = states(section(&readme, "### The states of a connection"));
    let in_map = ["# The server's states", "# The client's states", "# The load generator's states"]
        .map(|heading| states(section(&map, heading)))
        .concat();
    let in_code = [
        "src/server/connection/state_machine.rs",
        "src/client/connection.rs",
        "src/load/engine/connection.rs",
    ]
    .map(|path| states(&module_doc(path)))
    .concat();
    assert_eq!(in_code.len(), 15);
    assert_eq!(in_readme, in_code);
    assert_eq!(in_map, in_code);
}

#[test]
fn dependency_table_lists_each_with_a_reason() {
    let (readme, manifest) = (text_of("README.md"), text_of("Cargo.toml"));
    let sections = ["[dependencies]", "[dev-dependencies]"].map(|heading| {
        let start = manifest.find(heading).unwrap_or_else(|| panic!("no {heading}")) + heading.len();
        let body = &manifest[start..];
        body.find("\n[").map_or(body, |end| &body[..end])
    });
    let lines = sections.iter().flat_map(|body| body.lines());
    let names = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let in_manifest: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    let table = rows(section(&readme, "## Dependencies"));
    let in_readme: BTreeSet<&str> = table.iter().flat_map(|row| quoted(row[0])).collect();
    assert_eq!(in_readme, in_manifest);
    for row in table {
        assert!(!row[1].is_empty(), "{} has no reason", row[0]);
    }
}

/// Where the links of a text lead, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let ends = prose.flat_map(|part| part.split("](").skip(1));
    ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// What a heading is called in a link, as GitHub has it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn readme_links_have_existing_targets() {
    for file in ["README.md", "benches/README.md"] {
        let text = text_of(file);
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let anchors: Vec<String> =
            headings.map(|line| anchor(line.trim_start_matches('#').trim_start())).collect();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let directory = directory.parent().expect("it is in a folder");
        let links = links(&text);
        assert!(!links.is_empty(), "{file} has links");
        for link in links {
            let found = match link.strip_prefix('#') {
                Some(wanted) => anchors.iter().any(|anchor| anchor == wanted),
                None => link.starts_with("https://") || directory.join(link).exists(),
            };
            assert!(found, "{file} links to {link}, and there is no such thing");
        }
    }
}

#[test]
fn limits_table_names_existing_constants() {
    let readme = text_of("README.md");
    let table = rows(section(&readme, "## Limits and numbers"));
    assert!(table.len() > 20, "the table is there");
    for row in table {
        let constant = quoted(row[2]).next().expect("the name of a constant");
        let file = links(row[3]).first().copied().expect("a link to its file");
        let declared = text_of(file).contains(&format!("const {constant}: "));
        assert!(declared, "{constant} is not in {file}");
    }
}

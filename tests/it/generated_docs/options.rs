//! Pages of options, generated from what the programs say with `--help` and `--check`.
//!
//! The variables of the server are those that `--check` does not warn of.

use std::process::Command;

use super::help::{Block, Entry, Help, is_example, parse};
use super::{check_page, page_head, table};
use crate::harness::unset_settings;

const SERVER: &str = env!("CARGO_BIN_EXE_reactor-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_reactor-client");

/// Standard output and standard error of a program that ends well.
fn output(program: &str, args: &[&str], variables: &[String]) -> (String, String) {
    let mut command = Command::new(program);
    unset_settings(&mut command);
    command.env_remove("RUST_LOG");
    command.args(args).envs(variables.iter().map(|name| (name, "")));
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{program} {args:?} fails");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

fn help(program: &str, args: &[&str]) -> Help {
    parse(&output(program, args, &[]).0)
}

/// The environment variable of an option of the server.
fn variable(entry: &Entry) -> Option<String> {
    let long = entry.names().into_iter().find_map(|name| name.strip_prefix("--"))?.to_owned();
    (!long.is_empty()).then(|| format!("REACTOR_{}", long.replace('-', "_").to_uppercase()))
}

fn entries(help: &Help) -> impl Iterator<Item = &Entry> {
    let blocks = help.sections.iter().flat_map(|section| &section.blocks);
    blocks.flat_map(|block| if let Block::Entries(entries) = block { &entries[..] } else { &[] })
}

/// The variables that set something. An empty one sets nothing, but a wrong name gets a warning.
fn variables(help: &Help) -> Vec<String> {
    let names: Vec<String> = entries(help).filter_map(variable).collect();
    let (_, warnings) = output(SERVER, &["--check"], &names);
    let is_unknown = |name: &String| warnings.contains(&format!("{name} is not a setting"));
    let known: Vec<String> = names.into_iter().filter(|name| !is_unknown(name)).collect();
    assert!(known.len() > 20 && warnings.contains("REACTOR_HELP is not a setting"), "{warnings}");
    known
}

/// The name and the default of each setting that `--check` shows.
fn settings() -> Vec<(String, String)> {
    let (toml, _) = output(SERVER, &["--check"], &[]);
    let lines = toml.lines().filter_map(|line| line.split_once(" = "));
    let value = |rest: &str| rest.split("  # ").next().unwrap_or_default().to_owned();
    lines.map(|(name, rest)| (name.trim_start_matches("# ").to_owned(), value(rest))).collect()
}

/// The text with Markdown's special characters in code spans, and so the `names`.
fn inline(text: &str, names: &[&str]) -> String {
    let mut marked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word_start = marked.is_empty() || marked.ends_with([' ', '(']);
        if let Some((quoted, after)) = rest.strip_prefix('\'').filter(|_| is_word_start).and_then(close_quote)
        {
            marked.push_str(&code(quoted));
            rest = after;
            continue;
        }
        if first == ' ' || (is_word_start && matches!(first, '(' | '"')) {
            marked.push(first);
            rest = &rest[1..];
            continue;
        }
        let (token, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        let word = token.trim_end_matches(['.', ',', ';', ':', ')', '"']);
        match is_code(word, names) {
            true => marked = format!("{marked}{}{}", code(word), &token[word.len()..]),
            false => marked.push_str(token),
        }
        rest = after;
    }
    marked
}

/// What is before the next closing quote, and what is behind it.
fn close_quote(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices('\'').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let mut closing = ends.filter(|(_, after)| !after.starts_with(char::is_alphanumeric));
    closing.next()
}

fn is_code(word: &str, names: &[&str]) -> bool {
    let is_path = word.starts_with(['-', '/']) || (word.starts_with('.') && word.len() > 1);
    is_path
        || names.contains(&word)
        || word.contains("://")
        || word.contains(['*', '_', '<', '>', '{', '}', '[', ']', '|', '=', '\\'])
}

/// A code span, also within a table.
fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{}`", text.replace('|', "\\|")),
    }
}

/// The cells of an entry: option, value, default, variable, meaning.
fn row(entry: &Entry, variables: &[String]) -> Vec<String> {
    let names = entry.names();
    let (value, is_optional) = entry.value();
    // A description that follows its option after a single space would count as the value.
    assert!(names.is_empty() || value.split(' ').count() <= 3, "{value} is no value of {names:?}");
    let (default, meaning) = entry.default_and_meaning();
    let placeholders: Vec<&str> =
        value.split(|c: char| !c.is_ascii_uppercase()).filter(|name| !name.is_empty()).collect();
    let mut text = String::new();
    for part in &meaning {
        let gap = if text.is_empty() { "" } else { "<br>" };
        let part = if is_example(part) { code(part.trim()) } else { inline(part, &placeholders) };
        text = format!("{text}{gap}{part}");
    }
    let term = match names.is_empty() {
        true => code(
            &entry
                .term
                .split("  ")
                .map(str::trim)
                .filter(|form| !form.is_empty())
                .collect::<Vec<_>>()
                .join("` `"),
        ),
        false => names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
    };
    vec![
        term,
        match (names.is_empty(), is_optional) {
            (true, _) => String::new(),
            (false, true) => format!("{}, optional", code(&value)),
            (false, false) => code(&value),
        },
        if default.contains(' ') { inline(&default, &[]) } else { code(&default) },
        variable(entry).filter(|name| variables.contains(name)).map_or_else(String::new, |name| code(&name)),
        text,
    ]
}

/// The sections of a help text, with headings of this level.
fn sections(help: &Help, level: &str, variables: &[String]) -> String {
    let mut page = String::new();
    for section in &help.sections {
        page += &format!("\n{level} {}\n", section.title);
        if !section.note.is_empty() {
            page += &format!("\n{}\n", inline(&section.note, &[]));
        }
        for block in &section.blocks {
            page += &match block {
                Block::Text(text) => format!("\n{}\n", inline(text, &[])),
                Block::Verbatim(lines) => format!("\n```text\n{}\n```\n", lines.join("\n")),
                Block::Entries(entries) => {
                    let is_words = entries.iter().all(|entry| entry.names().is_empty());
                    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, variables)).collect();
                    let first = if is_words { "words" } else { "option" };
                    format!(
                        "\n{}",
                        table(&[first, "value", "default", "environment variable", "meaning"], &rows)
                    )
                }
            };
        }
    }
    page
}

/// The commands that the help of the client names: `see reactor-client sum -h`.
fn client_commands() -> Vec<String> {
    let (text, _) = output(CLIENT, &["--help"], &[]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mentions = text.split("see reactor-client ").skip(1);
    let commands: Vec<String> =
        mentions.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    commands
}

#[test]
fn options_page_of_server_matches_help() {
    let help = help(SERVER, &["--help"]);
    let origin = "This page has the text of `reactor-server --help`. In a settings file, an option has its long name \
                  without the hyphens in front. `reactor-server --check` accepts each environment variable on this page.";
    let mut page = page_head("Options of reactor-server", origin);
    page += &format!("\n{}\n", inline(&help.lead, &[]));
    page += &sections(&help, "##", &variables(&help));
    check_page("docs/options-server.md", &page);
}

#[test]
fn options_page_of_client_matches_help() {
    let origin = "This page has the help texts of `reactor-client` and of its commands. The client reads no settings \
                  from a file or from the environment.";
    let mut page = page_head("Options of reactor-client", origin);
    let commands = client_commands();
    let all = std::iter::once(String::new()).chain(commands);
    for command in all {
        let args: Vec<&str> =
            [command.as_str(), "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let help = help(CLIENT, &args);
        page += format!("\n## reactor-client {command}").trim_end();
        let lead = help.lead.split_once(": ").map_or(help.lead.as_str(), |(_, lead)| lead);
        page += &format!("\n\n{}\n", inline(&super::help::sentence(lead), &[]));
        page += &sections(&help, "###", &[]);
    }
    check_page("docs/options-client.md", &page);
}

#[test]
fn every_setting_of_check_has_help() {
    let help = help(SERVER, &["--help"]);
    for (name, _) in settings() {
        let long = format!("--{name}");
        assert!(
            entries(&help).any(|entry| entry.names().contains(&&*long)),
            "--help does not explain {long}"
        );
    }
}

/// A default of several words depends on the machine, and is not compared.
#[test]
fn defaults_in_help_match_check() {
    let help = help(SERVER, &["--help"]);
    let settings = settings();
    let mut compared = 0;
    for entry in entries(&help) {
        let (default, _) = entry.default_and_meaning();
        let long = entry.names().into_iter().find_map(|name| name.strip_prefix("--"));
        let setting = settings.iter().find(|(name, _)| Some(name.as_str()) == long);
        if let Some((name, value)) = setting.filter(|_| !default.is_empty() && !default.contains(' ')) {
            let value = value.trim_matches(['[', ']']).trim_matches('"');
            // These have a default in words or in another option.
            if !["fallback", "sum-number"].contains(&name.as_str()) {
                assert_eq!(default, value, "--{name}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "{compared} defaults are compared");
}

#[test]
fn special_characters_become_code_spans() {
    let cases = [
        ("in ./a, or - (see --b)", "in `./a`, or `-` (see `--b`)"),
        ("'A: b' and the server's own", "`A: b` and the server's own"),
        ("* stays; [a-z] and N=F.", "`*` stays; `[a-z]` and `N=F`."),
        ("\"Client of N\" is N", "\"Client of `N`\" is `N`"),
        ("a|b", "`a\\|b`"),
    ];
    for (text, expected) in cases {
        assert_eq!(inline(text, &["N"]), expected);
    }
}

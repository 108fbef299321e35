//! Import circles among files, and the floors inside `server`.
//!
//! Two files of one directory may import each other. A larger circle, or one across directories, hides which
//! file is the lower one. A parent module and the children that it declares count as one file.

use crate::harness::imports::ImportGraph;
use crate::harness::source::{Source, sources};

const CIRCLE_LEN_MAX: usize = 2;

/// Circles that are too large, or that cross directories.
fn faults(graph: &ImportGraph) -> Vec<String> {
    let mut faults = Vec::new();
    for circle in graph.circles() {
        let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
        let directory = |module: &[String]| module[..module.len() - 1].to_vec();
        let first = circle.first().map(|module| directory(module));
        let is_in_one_directory = circle.iter().all(|module| Some(directory(module)) == first);
        if circle.len() > CIRCLE_LEN_MAX || !is_in_one_directory {
            faults.push(names.join(" "));
        }
    }
    faults
}

fn graph_of(files: &[(&str, &str)]) -> ImportGraph {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    ImportGraph::of(&sources)
}

#[test]
fn sources_have_only_circles_of_two_in_one_directory() {
    let graph = ImportGraph::of(&sources(&["src"], "rs"));
    assert!(graph.edges().count() > 500, "the graph is nearly empty");
    let faults = faults(&graph);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn faults_reports_circles_through_every_kind_of_path() {
    let cases: [(&[(&str, &str)], usize); 8] = [
        (&[("src/a/b.rs", "use super::c::X;"), ("src/a/c.rs", "use super::b::Y;")], 0),
        (&[("src/a/b.rs", "use crate::d::c::X;"), ("src/d/c.rs", "use crate::a::b::Y;")], 1),
        (
            &[
                ("src/a/b.rs", "use super::c::X;"),
                ("src/a/c.rs", "fn f() { super::d::g() }"),
                ("src/a/d.rs", "use crate::a::{b::Y, c};"),
            ],
            1,
        ),
        // Through a re-export of the parent.
        (
            &[
                ("src/a/mod.rs", "mod b; mod c; mod d; pub(crate) use d::Z; pub use c::X;"),
                ("src/a/b.rs", "use super::X;"),
                ("src/a/c.rs", "use super::Z;"),
                ("src/a/d.rs", "use super::b::Y;"),
            ],
            1,
        ),
        // A parent and its child are one file.
        (&[("src/a/mod.rs", "mod b; use b::X;"), ("src/a/b.rs", "use super::Y;")], 0),
        // Tests do not count.
        (
            &[
                ("src/a/b.rs", "use crate::d::c::X;"),
                ("src/d/c.rs", "#[cfg(test)]\nmod tests {\n use crate::a::b::Y;\n}"),
            ],
            0,
        ),
        (&[("src/a/b.rs", "use crate::d::c::X;"), ("src/d/c/tests.rs", "use crate::a::b::Y;")], 0),
        (
            &[
                ("src/a/b.rs", "use crate::d::c::X;"),
                ("src/d/c.rs", "use crate::a::e::Y;"),
                ("src/a/e.rs", ""),
            ],
            0,
        ),
    ];
    for (files, expected) in cases {
        assert_eq!(faults(&graph_of(files)).len(), expected, "{files:?}");
    }
}

/// What each part of `server` may import of the others, from the lowest up. `startup` and `workers` may import
/// all of it.
const FLOORS: [(&str, &[&str]); 11] = [
    ("stats", &[]),
    ("limits", &[]),
    ("rules", &[]),
    ("config", &["limits", "rules"]),
    ("response", &["config", "rules"]),
    ("reload", &[]),
    ("auth", &["config", "reload"]),
    ("shared", &["auth", "rules", "stats"]),
    ("context", &["auth", "config", "response", "rules", "shared"]),
    ("handlers", &["config", "context", "response", "rules"]),
    ("connection", &["auth", "config", "context", "handlers", "response", "rules", "stats"]),
];

/// Imports of `server` that lead to a floor above, or past one.
fn floor_violations(graph: &ImportGraph) -> Vec<String> {
    let part = |module: &[String]| match module {
        [room, part, ..] if room == "server" => Some(part.clone()),
        _ => None,
    };
    let violations = graph.edges().filter(|(from, to)| {
        let (Some(from), Some(to)) = (part(from), part(to)) else { return false };
        let floor = FLOORS.iter().find(|(name, _)| *name == from);
        floor.is_some_and(|(_, allowed)| from != to && !allowed.contains(&to.as_str()))
    });
    violations.map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::"))).collect()
}

#[test]
fn server_parts_import_lower_floors_only() {
    let graph = ImportGraph::of(&sources(&["src"], "rs"));
    for (name, _) in FLOORS {
        let is_imported = |to: &[String]| to.len() > 1 && to[0] == "server" && to[1] == name;
        assert!(graph.edges().any(|(_, to)| is_imported(to)), "nothing imports server::{name}");
    }
    assert_eq!(floor_violations(&graph), [""; 0]);
    let handler = "use crate::server::connection::state_machine::X;";
    let above =
        graph_of(&[("src/server/handlers/put.rs", handler), ("src/server/connection/state_machine.rs", "")]);
    assert_eq!(floor_violations(&above).len(), 1);
    let response = "use super::super::handlers::put;";
    let above = graph_of(&[("src/server/response/write.rs", response), ("src/server/handlers/put.rs", "")]);
    assert_eq!(floor_violations(&above).len(), 1);
}

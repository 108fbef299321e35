//! Who may use whom: the rooms of the house, their doors, and the crates that each may bring in.
//!
//! The checker reads the paths in `src`, not the compiler's mind: what is in `use` and in paths that
//! are written out. Code that exists in tests only is exempt.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::imports::{module, paths};
use crate::harness::source::{Source, code, is_test_only, sources, without_tests};

/// What a room may use.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) rooms: &'static [&'static str],
    crates: &'static [&'static str],
    /// Parts of the standard library that are another room's business.
    never: &'static [&'static str],
}

const CLOCKS: [&str; 3] = ["std::time::Instant", "std::time::SystemTime", "std::thread"];

pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "reactor",
        rooms: &[],
        crates: &["derive_where", "enum_dispatch", "mio", "slab", "log", "rustix", "signal_hook_mio"],
        never: &["std::fs", "std::thread"],
    },
    Room {
        name: "net",
        rooms: &["reactor"],
        crates: &[
            "auto_impl",
            "enum_dispatch",
            "thiserror",
            "mio",
            "rustix",
            "nix",
            "log",
            "rustls",
            "rustls_native_certs",
            "rcgen",
            "x509_cert",
        ],
        never: &["std::thread", "std::path"],
    },
    Room {
        name: "http",
        rooms: &[],
        crates: &[
            "derive_more",
            "thiserror",
            "jiff",
            "itoa",
            "base64",
            "httparse",
            "httpdate",
            "memchr",
            "percent_encoding",
            "sha2",
        ],
        never: &["std::net", "std::fs", CLOCKS[0], CLOCKS[1], CLOCKS[2]],
    },
    Room {
        name: "files",
        rooms: &["text"],
        crates: &[
            "derive_more",
            "derive_where",
            "thiserror",
            "rustix",
            "percent_encoding",
            "mime_guess",
            "flate2",
            "foldhash",
            "log",
            "tar",
        ],
        never: &["std::net", "std::thread"],
    },
    Room {
        name: "access_log",
        rooms: &["text"],
        crates: &["itoa", "rustix", "jiff", "memchr", "log"],
        never: &["std::thread", "std::net::TcpStream"],
    },
    Room {
        name: "cli",
        rooms: &["text"],
        crates: &["derive_more", "thiserror", "strsim", "pico_args", "memchr", "toml"],
        never: &[
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::ToSocketAddrs",
            "std::fs",
            "std::env",
            CLOCKS[0],
            CLOCKS[1],
            CLOCKS[2],
        ],
    },
    Room {
        name: "sum",
        rooms: &["reactor", "net", "cli", "text"],
        crates: &["derive_more", "thiserror", "mio", "log", "signal_hook"],
        never: &["std::fs", "std::thread", "std::net::TcpStream"],
    },
    Room {
        name: "server",
        rooms: &["reactor", "net", "http", "files", "access_log", "cli", "sum", "text"],
        crates: &[
            "derive_more",
            "landlock",
            "nix",
            "enum_dispatch",
            "ipnet",
            "mio",
            "log",
            "rustix",
            "signal_hook",
            "fast_glob",
            "foldhash",
            "jiff",
            "percent_encoding",
            "argon2",
            "bcrypt",
            "hmac",
            "sha2",
            "sha_crypt",
        ],
        never: &["std::thread"],
    },
    Room {
        name: "client",
        rooms: &["reactor", "net", "http", "access_log", "cli", "text"],
        crates: &[
            "derive_more",
            "thiserror",
            "mio",
            "log",
            "rustix",
            "base64",
            "percent_encoding",
            "indicatif",
            "serde_json",
            "tempfile",
            "signal_hook",
        ],
        never: &["std::thread", "std::net::TcpStream"],
    },
    Room {
        name: "load",
        rooms: &["reactor", "net", "http", "access_log", "cli", "client", "text"],
        crates: &[
            "derive_more",
            "mio",
            "log",
            "rustix",
            "percent_encoding",
            "tempfile",
            "signal_hook",
            "thiserror",
            "flate2",
            "fastrand",
            "hdrhistogram",
            "base64",
            "serde",
            "serde_json",
            // In tests only.
            "schemars",
        ],
        never: &["std::thread", "std::net::TcpStream"],
    },
    Room {
        name: "bin",
        rooms: &["server", "client", "load", "reactor", "net", "access_log", "sum", "cli"],
        crates: &["cap", "ctor", "env_logger", "rustix"],
        never: &[],
    },
    Room { name: "text", rooms: &[], crates: &[], never: &["std::net", "std::fs", "std::env"] },
    Room { name: "lib", rooms: &[], crates: &[], never: &["std"] },
];

/// The one file that reads the time.
const CLOCK: &str = "src/reactor/clock.rs";
/// Who asks it: once a turn, and once at the start of each program.
const CLOCK_READERS: [&str; 6] = [
    "src/reactor/event_loop.rs",
    "src/client/fetch.rs",
    "src/sum/app.rs",
    "src/load/engine/app.rs",
    "src/load/prepared_run.rs",
    "src/bin/reactor-server.rs",
];

/// The one file that starts threads: each has a reactor of its own.
const THREADS: &str = "src/reactor/threads.rs";

/// The room of this crate that a path leads to, if it leads to one.
fn destination<'a>(path: &'a [String], module: &'a [String]) -> Option<&'a str> {
    match path.first()?.as_str() {
        "crate" | "reactor_http" => path.get(1).map(String::as_str),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            if ups < module.len() { module.first() } else { path.get(ups) }.map(String::as_str)
        }
        _ => None,
    }
}

/// What this file does that its room may not, and the rooms that it uses.
fn check(source: &Source, externals: &BTreeSet<String>) -> (Vec<String>, BTreeSet<String>) {
    let module = module(&source.path);
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    let Some(room) = ROOMS.iter().find(|room| module.first().is_some_and(|name| name == room.name)) else {
        return (vec![format!("{}: a room that is not in the table", source.path)], used);
    };
    for path in paths(&without_tests(&code(&source.text))) {
        let text = path.join("::");
        if let Some(to) = destination(&path, &module).filter(|to| *to != room.name) {
            used.insert(to.to_owned());
            if !room.rooms.contains(&to) {
                faults.push(format!("{}: {} may not use {text}", source.path, room.name));
            }
        }
        if externals.contains(&path[0]) && !room.crates.contains(&path[0].as_str()) {
            faults.push(format!("{}: {} may not use the crate of {text}", source.path, room.name));
        }
        let within = |whole: &str| text == whole || text.starts_with(&format!("{whole}::"));
        let never = room.never.iter().any(|never| within(never));
        let may_start_threads = source.path == THREADS && within("std::thread");
        if (never && !may_start_threads) || reads_clock(&text, &source.path) {
            faults.push(format!("{}: {} has no business with {text}", source.path, room.name));
        }
    }
    (faults, used)
}

fn reads_clock(path: &str, file: &str) -> bool {
    let ends = |end: &str| path == end || path.ends_with(&format!("::{end}"));
    let reads = ends("Instant::now") || ends("SystemTime::now") || ends("Timestamp::now");
    (reads && file != CLOCK) || (ends("Now::read") && !CLOCK_READERS.contains(&file))
}

/// Rooms that use one another, if there are any.
fn cycle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut left = uses.clone();
    loop {
        // Whoever uses nobody that is left stands on firm ground.
        let names: BTreeSet<_> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, used| !used.is_disjoint(&names));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(names.into_iter().collect::<Vec<_>>().join(", "));
        }
    }
}

/// The crates that the manifest names.
fn externals() -> BTreeSet<String> {
    let manifest = include_str!("../../Cargo.toml");
    let sections = manifest.split("\n[").filter(|section| section.contains("dependencies]"));
    let lines = sections.flat_map(str::lines).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

fn made_up(path: &str, text: &str) -> Vec<String> {
    check(&Source { path: path.to_owned(), text: text.to_owned() }, &externals()).0
}

#[test]
fn sources_use_only_their_allowed_dependencies() {
    let externals = externals();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for source in sources(&["src"], "rs").iter().filter(|source| !is_test_only(&source.path)) {
        let (found, used) = check(source, &externals);
        faults.extend(found);
        uses.entry(module(&source.path)[0].clone()).or_default().extend(used);
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(uses["server"].len() >= 5 && uses["net"].len() == 1, "the checker is blind: {uses:?}");
    assert_eq!(cycle(&uses), None);
}

#[test]
fn check_reports_each_forbidden_dependency() {
    assert!(externals().is_superset(&["mio", "rustix", "signal_hook_mio"].map(str::to_owned).into()));
    let cases = [
        ("src/reactor/event_loop.rs", "use crate::net::Link;"),
        ("src/reactor/event_loop.rs", "use crate::{net::Link, reactor::Key};"),
        ("src/reactor/event_loop.rs", "fn f() { super::super::http::parse() }"),
        ("src/reactor/mod.rs", "use super::server::Conn;"),
        ("src/net/connection.rs", "use crate::http;"),
        ("src/net/connection.rs", "fn f(x: crate::files::Root) {}"),
        ("src/http/request/head.rs", "use std::{fmt, net::IpAddr};"),
        ("src/http/request/head.rs", "use std::fs::File;"),
        ("src/http/date.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("src/http/date.rs", "use std::time::{Duration, Instant};"),
        ("src/http/write.rs", "use crate::net::Outbox;"),
        ("src/http/write.rs", "use rustix::io;"),
        ("src/files/root.rs", "use crate::http::Status;"),
        ("src/files/root.rs", "use std::net::TcpStream;"),
        ("src/load/engine/threads.rs", "use std::thread;"),
        ("src/load/engine/threads.rs", "use std::net::TcpStream;"),
        ("src/server/workers.rs", "use std::thread;"),
        ("src/reactor/event_loop.rs", "use std::thread;"),
        ("src/server/startup.rs", "fn f() { std::thread::spawn(g); }"),
        ("src/server/workers.rs", "fn f() { Instant::now(); }"),
        ("src/access_log/mod.rs", "use crate::reactor::Now;"),
        ("src/access_log/mod.rs", "use mio::Token;"),
        ("src/sum/server.rs", "use crate::http::Status;"),
        ("src/sum/server.rs", "use crate::access_log::Console;"),
        ("src/client/connection.rs", "use crate::files::Root;"),
        ("src/client/connection.rs", "use crate::server::Conn;"),
        ("src/server/connection/state_machine.rs", "use crate::client::Conn;"),
        ("src/server/connection/state_machine.rs", "fn f() { let now = Instant::now(); }"),
        ("src/server/connection/state_machine.rs", "fn f() { let now = Now::read(); }"),
        ("src/server/connection/state_machine.rs", "use slab::Slab;"),
        ("src/attic/mod.rs", "//! A room that nobody knows."),
    ];
    for (path, text) in cases {
        assert_eq!(made_up(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn check_accepts_allowed_dependencies() {
    let cases = [
        (
            "src/net/connection.rs",
            "use crate::reactor::{Key, Now};\nuse super::{Inbox, Outbox};\nuse mio::net::TcpStream;",
        ),
        ("src/server/config/args/values.rs", "use super::super::Config;\nuse crate::server::Durability;"),
        ("src/server/handlers/route.rs", "use crate::{files::Root, http::Status};"),
        ("src/reactor/threads.rs", "use std::thread;"),
        ("src/http/request/head.rs", "// use crate::net::Link;\nconst A: &str = \"crate::net::Link\";"),
        ("src/http/request/head.rs", "#[cfg(test)]\nmod tests {\n use crate::net::Link;\n}\nuse std::fmt;"),
        ("src/reactor/clock.rs", "fn f() { Instant::now(); SystemTime::now(); }"),
        ("src/reactor/event_loop.rs", "fn f(x: Vec<Instant>) { Now::read(); }"),
    ];
    for (path, text) in cases {
        assert_eq!(made_up(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn cycle_finds_cycles_and_accepts_acyclic_uses() {
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            uses.entry((*to).to_owned()).or_default();
            uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        cycle(&uses)
    };
    assert_eq!(uses(&[("a", "b"), ("b", "c"), ("a", "c")]), None);
    assert_eq!(uses(&[("a", "b"), ("b", "c"), ("c", "b")]).as_deref(), Some("a, b, c"));
}

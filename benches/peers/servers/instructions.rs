//! The instructions that a server executes for a request, outside the kernel.
//!
//! `valgrind` counts those of a whole run; two runs that differ only in the number of requests leave what a
//! request costs. That hardly varies, whatever else the machine does. One process each, one connection.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::bench::{Bench, Entry};
use super::exchange::{self, Answer, Expected};
use super::goal::{Goal, Reached};
use super::load::Load;
use super::process::Running;
use super::server::Server;
use super::site::SMALL;
use crate::markdown::Markdown;
use crate::on_path;

/// Requests of the two runs.
const FEW: usize = 500;
const MANY: usize = 2500;
/// A page that this project's server has without any directory.
const BUILT_IN: &str = "/HelloWorld.html";
/// How long a server may take to come up, and to end, when each instruction is counted.
const SLOWLY: Duration = Duration::from_secs(60);
const GOAL: Goal = Goal::AtMost(3000.0, "instructions");
/// Caddy brings a runtime with threads of its own, which cannot be told from requests.
const SERVERS: [Server; 5] = [Server::Floor, Server::Ours, Server::Nginx, Server::H2o, Server::Lighttpd];

/// Measures it, if it is asked for.
pub(crate) fn measure(bench: &Bench) -> Result<(), String> {
    if !bench.wants("instructions") {
        return Ok(());
    }
    println!("### Instructions outside the kernel, for a request: 1 KiB, 1 connection\n");
    let Some(valgrind) = on_path("valgrind") else {
        println!("Not measured: valgrind is not installed.\n");
        return Ok(());
    };
    let load = Load::of(SMALL, 1);
    let body = fs::read(bench.site.file(SMALL)).map_err(|error| error.to_string())?;
    let answer = bench.answer(&load, &Expected { status: 200, body: Some(body) })?;
    let mut table = Markdown::new(["server", "instructions a request"]);
    let mut ours = f64::NAN;
    for Entry { name, server, .. } in bench.entries(&SERVERS) {
        let alone = Entry::changed(&name, server, |setup| setup.alone = true);
        let mut outcome = each(bench, &valgrind, &alone, &load, &answer);
        let mut name = name;
        if server == Server::Ours && outcome.is_err() {
            // A valgrind that does not know openat2 keeps it from serving a directory.
            name = format!("{name}, a page built in");
            let built_in = Entry::changed(&name, server, |setup| setup.is_built_in = true);
            outcome = each(bench, &valgrind, &built_in, &Load::of(BUILT_IN, 1), &answer);
        }
        bench.go_on()?;
        match outcome {
            Ok(each) => {
                if server == Server::Ours {
                    ours = each;
                }
                table.line([name, format!("{each:.0}")]);
            }
            Err(reason) => table.reason(&name, &reason),
        }
    }
    let reached = Reached { to_floor: f64::NAN, to_best_peer: f64::NAN, value: ours };
    println!("{table}\nGoal: {}.\n", GOAL.judge(reached));
    Ok(())
}

/// What a request costs this server.
fn each(bench: &Bench, valgrind: &Path, entry: &Entry, load: &Load, answer: &Answer) -> Result<f64, String> {
    let few = run(bench, valgrind, entry, load, answer, FEW)?;
    let many = run(bench, valgrind, entry, load, answer, MANY)?;
    Ok((many as f64 - few as f64) / (MANY - FEW) as f64)
}

/// The instructions of a server's life in which it answers so many requests.
fn run(
    bench: &Bench,
    valgrind: &Path,
    entry: &Entry,
    load: &Load,
    answer: &Answer,
    requests: usize,
) -> Result<u64, String> {
    let text = |error: std::io::Error| error.to_string();
    bench.go_on()?;
    let mut setup = bench.setup(entry, load).map_err(text)?;
    if entry.server == Server::Floor {
        bench.prepare_floor(&mut setup, load, answer).map_err(text)?;
    }
    let server = entry.server.command(&setup)?;
    let counted = setup.folder.join("instructions");
    let mut command = Command::new(valgrind);
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", counted.display()));
    command.arg(server.get_program()).args(server.get_args());
    let running = Running::start(&command, &[bench.cores.server], setup.port, SLOWLY, &setup.folder)?;
    exchange::repeat(running.address(), load, requests).map_err(text)?;
    if !running.end(SLOWLY) {
        return Err("it does not end".to_owned());
    }
    let report = fs::read_to_string(&counted).map_err(text)?;
    let total = report.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| "valgrind has counted nothing".to_owned())
}

//! The rows: what files are asked for in daily life, and what this project wants of each.
//!
//! Each row has a table of its own; a summary, with a line for each, comes at the end of everything.

use std::fs;
use std::thread;

use reactor_http::files::QUIET_AGE;

use super::bench::Bench;
use super::congestion::{self, Congestion};
use super::exchange::Expected;
use super::goal::Goal;
use super::load::{Load, TlsUse};
use super::server::Server;
use super::site::{LARGE, MIDDLE, NOTHING, SMALL};
use super::table::{Figures, MICROS, Unit};
use crate::markdown::Markdown;

/// Connections of most rows: as of many users.
const CONNECTIONS: usize = 64;
/// More small files than the default cache holds.
const FILES: usize = 100_000;
/// Requests at a time on a connection, where they are pipelined.
const DEPTH: usize = 16;
/// Of large files: milliseconds for 10^9 bytes.
const PER_GB: Unit = Unit { name: "ms a GB", per_us: 1e6 / (10 << 20) as f64 };

/// One row.
struct Row {
    name: String,
    load: Load,
    status: u16,
    unit: Unit,
    goals: &'static [Goal],
    /// The congestion control that is set for it.
    congestion: Option<String>,
}

impl Row {
    fn new(name: &str, load: Load, goals: &'static [Goal]) -> Self {
        Self { name: name.to_owned(), load, status: 200, unit: MICROS, goals, congestion: None }
    }

    fn large(congestion: Option<&String>) -> Self {
        let in_force = congestion.cloned().or_else(|| congestion::in_force().ok()).unwrap_or_default();
        let name = format!("10 MiB, 8 connections, {in_force}");
        let row = Self::new(&name, Load::of(LARGE, 8), &[Goal::BestPeer(1.0)]);
        Self { unit: PER_GB, congestion: congestion.cloned(), ..row }
    }
}

fn rows(congestion: &[String]) -> Vec<Row> {
    let small = |connections| Load::of(SMALL, connections);
    let mut rows = vec![
        Row::new("1 KiB, 64 connections", small(CONNECTIONS), &[Goal::Floor(1.10)]),
        Row::new("1 KiB, 512 connections", small(512), &[Goal::Floor(1.12)]),
        Row::new("1 KiB, 1 connection", small(1), &[Goal::Floor(1.05)]),
        Row::new("1 KiB, a browser's head", small(CONNECTIONS).with_head_of_browser(), &[Goal::Floor(1.15)]),
        Row::new("16 KiB", Load::of(MIDDLE, CONNECTIONS), &[Goal::Floor(1.10)]),
        Row::new("100,000 files", small(CONNECTIONS).over_files(FILES), &[Goal::BestPeer(0.95)]),
    ];
    if congestion.is_empty() {
        rows.push(Row::large(None));
    }
    rows.extend(congestion.iter().map(|name| Row::large(Some(name))));
    let not_found = Row::new("404", Load::of(NOTHING, CONNECTIONS), &[Goal::BestPeer(0.95)]);
    rows.extend([
        Row::new("a new connection each", small(CONNECTIONS).closing(), &[Goal::BestPeer(0.95)]),
        Row { status: 404, ..not_found },
        Row::new(
            "pipelined, 16 deep",
            small(CONNECTIONS).pipelined(DEPTH),
            &[Goal::AtMost(1.2, "µs"), Goal::BestPeer(0.25)],
        ),
    ]);
    rows.extend(tls_rows());
    rows
}

fn tls_rows() -> [Row; 4] {
    let row = |name, load: Load, tls, goals| Row::new(name, load.over_tls(tls), goals);
    let large = row("TLS, 10 MiB", Load::of(LARGE, 8), TlsUse::Kept, &[Goal::BestPeer(1.0)]);
    [
        row("TLS, 1 KiB", Load::of(SMALL, CONNECTIONS), TlsUse::Kept, &[Goal::BestPeer(0.95)]),
        Row { unit: PER_GB, ..large },
        row("TLS, full handshakes", Load::of(SMALL, 1), TlsUse::Full, &[Goal::BestPeer(1.0)]),
        row("TLS 1.2, resumed handshakes", Load::of(SMALL, 1), TlsUse::Resumed, &[Goal::BestPeer(1.0)]),
    ]
}

/// Measures the rows that are asked for; what comes back is the summary.
pub(crate) fn measure(bench: &Bench, congestion: &[String]) -> Result<Option<Markdown>, String> {
    let columns =
        ["row", "unit"].into_iter().chain(Server::listed().into_iter().map(Server::name)).chain(["goal"]);
    let mut summary = Markdown::new(columns);
    let mut is_empty = true;
    for row in rows(congestion) {
        if bench.wants(&row.name) {
            is_empty = false;
            summary.line(measure_row(bench, &row)?);
        }
    }
    Ok((!is_empty).then_some(summary))
}

/// The cells of the summary.
fn measure_row(bench: &Bench, row: &Row) -> Result<Vec<String>, String> {
    println!("### {}\n", row.name);
    let set = row.congestion.as_deref().map(Congestion::set).transpose();
    let _set = match set {
        Ok(set) => set,
        Err(reason) => {
            println!("Not measured: {reason}.\n");
            return Ok(vec![row.name.clone(), "not measured".to_owned()]);
        }
    };
    if let Some(count) = row.load.files {
        bench.site.lay_out_many(count).map_err(|error| error.to_string())?;
        // Files that have only just changed are not kept.
        thread::sleep(QUIET_AGE);
    }
    let body = match row.status {
        200 => Some(fs::read(bench.site.file(row.load.path)).map_err(|error| error.to_string())?),
        _ => None,
    };
    let expected = Expected { status: row.status, body };
    let servers = Server::listed().into_iter().filter(|server| row.load.tls.is_none() || server.has_tls());
    let entries = bench.entries(&servers.collect::<Vec<_>>());
    let mut lanes = bench.line_up(entries, &row.load, &expected, &[bench.cores.server])?;
    if let Some(count) = row.load.files {
        for lane in &mut lanes {
            lane.visit(&row.load, count);
        }
    }
    bench.rounds(&mut lanes, &row.load, row.status)?;
    let figures = Figures::new(&lanes, row.unit);
    let verdict = figures.judge(row.goals);
    println!("{}\nGoal: {verdict}.\n", figures.table());
    let values = Server::listed().into_iter().map(|server| figures.value(server));
    let values = values.map(|value| value.map_or("–".to_owned(), |value| format!("{value:.2}")));
    let name_and_unit = [row.name.clone(), row.unit.name.to_owned()];
    Ok(name_and_unit.into_iter().chain(values).chain([verdict]).collect())
}

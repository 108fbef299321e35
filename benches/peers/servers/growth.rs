//! How the cost of a request grows: with idle connections, with distinct files, with the fields of a request.
//!
//! Each server meets all levels in each round. The slope is that of the straight line through the medians.

use std::fs;
use std::io;
use std::thread;

use reactor_http::files::RACY_WINDOW;

use super::bench::{Bench, Entry, Lane};
use super::exchange::Expected;
use super::idle::Idle;
use super::load::Load;
use super::process::Running;
use super::server::Server;
use super::site::SMALL;
use crate::markdown::Markdown;
use crate::stats::{median, ratio, slope};

/// Active connections in all of them.
const CONNECTIONS: usize = 64;
const IDLE: [usize; 4] = [1, 100, 1000, 10_000];
const FIELDS: [usize; 4] = [1, 10, 30, 60];
/// Few, more and very many files; fewer are many for a quick run, that need not be laid out for seconds.
const FILES: [usize; 3] = [10, 1000, 100_000];
const FILES_QUICK: [usize; 3] = [10, 1000, 10_000];
/// Those that are compared; nginx as it is best at small files.
const SERVERS: [Server; 5] = [Server::Floor, Server::Ours, Server::Nginx, Server::H2o, Server::Lighttpd];

/// One step of what grows.
struct Level {
    count: usize,
    idle: usize,
    load: Load,
}

/// What grows.
struct Growth<'a> {
    bench: &'a Bench,
    /// What there is one more of, if the cost of one is of interest.
    one: Option<&'static str>,
    levels: Vec<Level>,
    /// All of them are asked for once before anything is measured.
    files: Option<usize>,
}

/// Measures what is asked for.
pub(crate) fn measure(bench: &Bench) -> Result<(), String> {
    let small = || Load::of(SMALL, CONNECTIONS);
    if bench.wants("idle connections") {
        println!("### Idle connections beside 64 active ones, 1 KiB: µs a request\n");
        let level = |count| Level { count, idle: count, load: small() };
        let levels = IDLE.map(level).into_iter().collect();
        Growth { bench, one: Some("connection"), levels, files: None }.measure(bench.entries(&SERVERS))?;
    }
    if bench.wants("fields") {
        println!("### Fields of a request, 1 KiB, 64 connections: µs a request\n");
        let level = |count| Level { count, idle: 0, load: small().with_fields(count) };
        let levels = FIELDS.map(level).into_iter().collect();
        Growth { bench, one: Some("field"), levels, files: None }.measure(bench.entries(&SERVERS))?;
    }
    if bench.wants("distinct files") {
        files(bench)?;
    }
    Ok(())
}

fn files(bench: &Bench) -> Result<(), String> {
    println!("### Distinct files of 1 KiB, at random, 64 connections: µs a request\n");
    let counts = if bench.is_quick { FILES_QUICK } else { FILES };
    let most = counts[counts.len() - 1];
    bench.site.lay_out_many(most).map_err(|error| error.to_string())?;
    // Files that have only just changed are not kept.
    thread::sleep(RACY_WINDOW);
    let level = |count| Level { count, idle: 0, load: Load::of(SMALL, CONNECTIONS).over_files(count) };
    let levels = counts.map(level).into_iter().collect();
    let mut entries = bench.entries(&SERVERS);
    let large =
        Entry::changed("reactor-server, 1 GiB", Server::Ours, |setup| setup.cache_size = Some("1GiB"));
    entries.insert(entries.len().min(2), large);
    Growth { bench, one: None, levels, files: Some(most) }.measure(entries)
}

impl Growth<'_> {
    fn measure(&self, entries: Vec<Entry>) -> Result<(), String> {
        let Self { bench, levels, .. } = self;
        let Some(last) = levels.last() else { return Ok(()) };
        let body = fs::read(bench.site.file(SMALL)).map_err(|error| error.to_string())?;
        let expected = Expected { status: 200, body: Some(body) };
        let mut lanes = bench.line_up(entries, &last.load, &expected, &[bench.cores.server])?;
        for lane in &mut lanes {
            if let Some(count) = self.files {
                bench.go_on()?;
                lane.visit(&last.load, count);
            }
        }
        let rounds = if bench.is_quick { 1 } else { bench.rounds };
        let mut figures = vec![Vec::new(); lanes.len()];
        for round in 0..rounds {
            for turn in 0..lanes.len() {
                bench.go_on()?;
                let index = (round + turn) % lanes.len();
                let Ok(running) = &lanes[index].state else { continue };
                let mut costs = Vec::with_capacity(levels.len());
                let outcome = self.round(running, &mut costs);
                figures[index].push(costs);
                if let Err(reason) = outcome {
                    lanes[index].state = Err(reason);
                }
            }
        }
        bench.go_on()?;
        println!("{}", self.table(&lanes, &figures));
        Ok(())
    }

    /// What a request costs at each level, as far as the server gets.
    fn round(&self, running: &Running, costs: &mut Vec<f64>) -> Result<(), String> {
        let mut idle = Idle::default();
        for level in &self.levels {
            let grown = idle.grow_to(level.idle, running.address(), &level.load);
            let sample = grown
                .map_err(|error: io::Error| error.to_string())
                .and_then(|()| self.bench.round(running, &level.load, 200))
                .map_err(|reason| format!("with {}: {reason}", thousands(level.count)))?;
            costs.push(sample.cpu_us);
        }
        Ok(())
    }

    /// A server that has come to an end has what it was measured at before.
    fn table(&self, lanes: &[Lane], figures: &[Vec<Vec<f64>>]) -> Markdown {
        let levels = self.levels.iter().map(|level| thousands(level.count));
        let slope_of = self.one.map(|one| format!("ns for each {one}"));
        let columns = ["server".to_owned()].into_iter().chain(levels).chain(slope_of);
        let mut table = Markdown::new(columns.chain(["last / first".to_owned()]));
        for (Lane { entry, state, .. }, rounds) in lanes.iter().zip(figures) {
            let has_some = rounds.iter().any(|costs| !costs.is_empty());
            match state {
                Err(reason) if has_some => table.note(&format!("{} got no further: {reason}", entry.name)),
                Err(reason) => table.reason(&entry.name, reason),
                Ok(_) => {}
            }
            if has_some {
                table.line([entry.name.clone()].into_iter().chain(self.cells(rounds)));
            }
        }
        table
    }

    fn cells(&self, rounds: &[Vec<f64>]) -> Vec<String> {
        let at = |index: usize| rounds.iter().filter_map(move |costs| costs.get(index).copied());
        let shown =
            |value: f64, digits| if value.is_nan() { "–".to_owned() } else { format!("{value:.digits$}") };
        let counts = self.levels.iter().map(|level| level.count as f64);
        let points: Vec<(f64, f64)> =
            counts.enumerate().map(|(index, count)| (count, median(at(index)))).collect();
        let medians = points.iter().map(|(_, cost)| shown(*cost, 2));
        let more = self.one.map(|_| shown(slope(&points) * 1000.0, 3));
        let times = shown(ratio(at(points.len().saturating_sub(1)), at(0)), 2);
        medians.chain(more).chain([times]).collect()
    }
}

/// A number with commas, for people.
pub(crate) fn thousands(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (more, rest) => format!("{},{rest:03}", thousands(more)),
    }
}

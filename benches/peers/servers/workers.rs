//! What a second worker brings, beside nginx with two.
//!
//! All cores are everyone's here, the load's too, so that the kernel decides who runs where. Where a request
//! costs the load as much as the server, two cores are busy with one worker already, and a second cannot
//! bring much; where the server has most of the work, it can double the rate. So both are measured.

use std::fs;

use super::bench::{Bench, Entry, Lane, Sample};
use super::exchange::Expected;
use super::load::Load;
use super::server::Server;
use super::site::{LISTED, SMALL};
use crate::markdown::Markdown;
use crate::stats::{median, ratio};

const WORKERS: usize = 2;
/// Threads of the load.
const THREADS: usize = 2;

/// Measures it, if it is asked for.
pub(crate) fn measure(bench: &Bench) -> Result<(), String> {
    if !bench.wants("workers") {
        return Ok(());
    }
    if bench.all_cores.len() < WORKERS {
        println!("### Workers\n\nNot measured: there is one core only.\n");
        return Ok(());
    }
    // Two, however many there are: what more of them bring is another question.
    let cores = &bench.all_cores[..WORKERS];
    bench.go_to(cores)?;
    let body = fs::read(bench.site.file(SMALL)).map_err(|error| error.to_string())?;
    println!("### Workers, on two cores shared with the load: 1 KiB, 64 connections\n");
    table(bench, cores, &Load::of(SMALL, 64).on_threads(THREADS), Some(body))?;
    println!("### Workers, on two cores shared with the load: a list of 500 files, 16 connections\n");
    table(bench, cores, &Load::of(LISTED, 16).on_threads(THREADS), None)?;
    bench.go_to(&[bench.cores.generator])
}

fn table(bench: &Bench, cores: &[usize], load: &Load, body: Option<Vec<u8>>) -> Result<(), String> {
    let two = |name, server| Entry::changed(name, server, |setup| setup.workers = WORKERS);
    let pairs = [(Server::Ours, "reactor-server, 2 workers"), (Server::Nginx, "nginx, 2 workers")];
    let entries = pairs.iter().flat_map(|&(server, name)| [Entry::plain(server), two(name, server)]);
    let expected = Expected { status: 200, body };
    let mut lanes = bench.line_up(entries.collect(), load, &expected, cores)?;
    bench.rounds(&mut lanes, load, 200)?;
    let columns = [
        "server",
        "requests/s",
        "× one worker",
        "µs a request",
        "load's µs",
        "server's cores",
        "load's cores",
    ];
    let mut table = Markdown::new(columns);
    for pair in lanes.chunks(2) {
        for lane in pair {
            match &lane.state {
                Ok(_) => table.line(cells(lane, &pair[0])),
                Err(reason) => table.reason(&lane.entry.name, reason),
            }
        }
    }
    println!("{table}");
    Ok(())
}

fn cells(lane: &Lane, one: &Lane) -> Vec<String> {
    let rates = |lane: &Lane| lane.samples.iter().map(|sample| sample.per_sec).collect::<Vec<_>>();
    let of = |figure: fn(&Sample) -> f64| median(lane.samples.iter().map(figure));
    vec![
        lane.entry.name.clone(),
        format!("{:.0}", of(|sample| sample.per_sec)),
        format!("{:.2}", ratio(rates(lane).into_iter(), rates(one).into_iter())),
        format!("{:.2}", of(|sample| sample.cpu_us)),
        format!("{:.2}", of(|sample| sample.load_busy * 1e6 / sample.per_sec)),
        format!("{:.2}", of(|sample| sample.busy)),
        format!("{:.2}", of(|sample| sample.load_busy)),
    ]
}

//! What the access log costs: this project's server beside itself, with its log in a file.
//!
//! The file is in the folder of the site, so on whatever disk temporary files are.

use std::fs;

use super::bench::{Bench, Entry};
use super::exchange::Expected;
use super::goal::{Goal, Reached};
use super::load::Load;
use super::server::Server;
use super::site::SMALL;
use super::table::{Figures, MICROS};
use crate::stats::median;

/// Microseconds that a line may cost.
const GOAL: Goal = Goal::AtMost(0.4, "µs more");
const CONNECTIONS: usize = 64;

/// Measures it, if it is asked for.
pub(crate) fn measure(bench: &Bench) -> Result<(), String> {
    if !bench.wants("access log") {
        return Ok(());
    }
    println!("### 1 KiB, 64 connections, access log off and on\n");
    let load = Load::of(SMALL, CONNECTIONS);
    let body = fs::read(bench.site.file(SMALL)).map_err(|error| error.to_string())?;
    let expected = Expected { status: 200, body: Some(body) };
    let logging = Entry::changed("reactor-server, log on", Server::Ours, |setup| setup.logs = true);
    let entries = vec![Entry::plain(Server::Ours), logging];
    let mut lanes = bench.line_up(entries, &load, &expected, &[bench.cores.server])?;
    bench.rounds(&mut lanes, &load, 200)?;
    println!("{}", Figures::new(&lanes, MICROS).table());
    if let [off, on] = &lanes[..] {
        let more = on.samples.iter().zip(&off.samples).map(|(on, off)| on.cpu_us - off.cpu_us);
        let reached = Reached { to_floor: f64::NAN, to_best_peer: f64::NAN, value: median(more) };
        println!("Goal: {}.\n", GOAL.judge(reached));
    }
    Ok(())
}

//! What an idle connection costs a server in memory.
//!
//! The memory of all its processes before and after so many connections have each sent one request and then
//! stay. What the kernel holds for a socket is in nobody's figure, for it is the same for all.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use super::bench::{Bench, Lane};
use super::exchange::Expected;
use super::goal::{Goal, Reached};
use super::growth::thousands;
use super::idle::Idle;
use super::load::{Load, TlsUse};
use super::server::Server;
use super::site::SMALL;
use crate::markdown::Markdown;
use crate::stats::{median, range};

const CONNECTIONS: usize = 10_000;
/// Their handshakes take a second for each thousand.
const TLS_CONNECTIONS: usize = 2_000;
/// A server has this long to tidy up before its memory is read.
const SETTLES: Duration = Duration::from_millis(200);
/// Bytes that a connection may cost.
const GOAL: Goal = Goal::AtMost(512.0, "B");
const SERVERS: [Server; 5] =
    [Server::Ours, Server::NginxSendfile, Server::H2o, Server::Lighttpd, Server::Caddy];
const TLS_GOAL: Goal = Goal::BestPeer(1.0);
const TLS_SERVERS: [Server; 4] = [Server::Ours, Server::Nginx, Server::H2o, Server::Lighttpd];
/// Starts of each: memory hardly varies.
const STARTS_MAX: usize = 3;

/// Measures it, if it is asked for.
pub(crate) fn measure(bench: &Bench, has_tls: bool) -> Result<(), String> {
    if !bench.wants(if has_tls { "TLS memory" } else { "memory" }) {
        return Ok(());
    }
    let (count, kind) = if has_tls { (TLS_CONNECTIONS, "idle TLS") } else { (CONNECTIONS, "idle") };
    println!("### Memory of {} {kind} connections, after one request each\n", thousands(count));
    let plain = Load::of(SMALL, 1);
    let load = if has_tls { plain.over_tls(TlsUse::Kept) } else { plain };
    let servers = if has_tls { &TLS_SERVERS[..] } else { &SERVERS };
    let body = fs::read(bench.site.file(SMALL)).map_err(|error| error.to_string())?;
    let expected = Expected { status: 200, body: Some(body) };
    let mut table = Markdown::new(["server", "bytes each", "least to most", "MiB before"]);
    let (mut ours, mut best_peer) = (f64::NAN, f64::NAN);
    let starts = if bench.is_quick { 1 } else { bench.rounds.min(STARTS_MAX) };
    for entry in bench.entries(servers) {
        let mut costs = Vec::new();
        let mut outcome = Ok((f64::NAN, f64::NAN));
        for _ in 0..starts {
            let lanes = bench.line_up(vec![entry.clone()], &load, &expected, &[bench.cores.server])?;
            outcome =
                lanes.into_iter().next().ok_or_else(String::new).and_then(|lane| cost(lane, &load, count));
            costs.extend(outcome.as_ref().map(|(each, _)| *each).ok());
        }
        match outcome {
            Err(reason) => table.reason(&entry.name, &reason),
            Ok((_, before)) => {
                let (least, most) = range(costs.iter().copied());
                let each = median(costs.into_iter());
                if entry.server == Server::Ours {
                    ours = each;
                } else {
                    best_peer = each.min(best_peer);
                }
                table.line([
                    entry.name,
                    format!("{each:.0}"),
                    format!("{least:.0} to {most:.0}"),
                    format!("{:.1}", before / f64::from(1 << 20)),
                ]);
            }
        }
    }
    let reached = Reached { to_floor: f64::NAN, to_best_peer: ours / best_peer, value: ours };
    let goal = if has_tls { TLS_GOAL } else { GOAL };
    println!("{table}\nGoal: {}.\n", goal.judge(reached));
    Ok(())
}

/// The bytes of a connection, and those that there were without any.
fn cost(lane: Lane, load: &Load, count: usize) -> Result<(f64, f64), String> {
    let running = lane.state?;
    let text = |error: io::Error| error.to_string();
    let resident = || {
        thread::sleep(SETTLES);
        running.resident_len().map(|len| len as f64).map_err(text)
    };
    let before = resident()?;
    let mut idle = Idle::default();
    idle.grow_to(count, running.address(), load).map_err(text)?;
    Ok(((resident()? - before) / count as f64, before))
}

//! The figures of all rounds of a row, as medians and ratios, in a table.
//!
//! A ratio is taken within a round, where both sides met the same machine, and the median of those is
//! shown; so it need not be the quotient of the two medians beside it.

use super::bench::{Lane, Sample};
use super::goal::{Goal, Reached, judge_all};
use super::server::Server;
use crate::markdown::Markdown;
use crate::stats::{median, range, ratio};

/// What a figure is called, and what it is in microseconds a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) per_us: f64,
}

/// Of small answers.
pub(crate) const MICROS: Unit = Unit { name: "µs a request", per_us: 1.0 };

/// The lanes of a row, and which of them the others are compared with.
pub(crate) struct Figures<'a> {
    lanes: &'a [Lane],
    unit: Unit,
    floor: Option<&'a Lane>,
    best_peer: Option<&'a Lane>,
}

fn cpu(lane: &Lane) -> impl Iterator<Item = f64> {
    lane.samples.iter().map(|sample| sample.cpu_us)
}

impl<'a> Figures<'a> {
    /// The best peer is the one with the least median.
    pub(crate) fn new(lanes: &'a [Lane], unit: Unit) -> Self {
        let measured = || lanes.iter().filter(|lane| !lane.samples.is_empty());
        let peers = measured().filter(|lane| lane.entry.server.is_peer());
        let best_peer = peers.min_by(|one, other| median(cpu(one)).total_cmp(&median(cpu(other))));
        let floor = measured().find(|lane| lane.entry.server == Server::Floor);
        Self { lanes, unit, floor, best_peer }
    }

    /// The median of this server, in the unit of the row.
    pub(crate) fn value(&self, server: Server) -> Option<f64> {
        let lane = self.lanes.iter().find(|lane| lane.entry.server == server && !lane.samples.is_empty())?;
        Some(median(cpu(lane)) * self.unit.per_us)
    }

    /// What this project's server has come to, judged by these goals.
    pub(crate) fn judge(&self, goals: &[Goal]) -> String {
        judge_all(goals, self.reached())
    }

    /// What this project's server has come to.
    pub(crate) fn reached(&self) -> Reached {
        let ours = self.lanes.iter().find(|lane| lane.entry.server == Server::Ours);
        let to = |other| ours.map_or(f64::NAN, |ours| against(ours, other));
        let value = self.value(Server::Ours).unwrap_or(f64::NAN);
        Reached { to_floor: to(self.floor), to_best_peer: to(self.best_peer), value }
    }

    /// All lanes, with all that was measured.
    pub(crate) fn table(&self) -> Markdown {
        let columns = [
            "server",
            self.unit.name,
            "least to most",
            "× floor",
            "× best peer",
            "requests/s",
            "core",
            "load",
        ];
        let mut table = Markdown::new(columns);
        for lane in self.lanes {
            if let Err(reason) = &lane.state {
                table.reason(&lane.entry.name, reason);
                continue;
            }
            let (least, most) = range(cpu(lane));
            let of = |figure: fn(&Sample) -> f64| median(lane.samples.iter().map(figure));
            let unit = self.unit.per_us;
            table.line([
                lane.entry.name.clone(),
                format!("{:.2}", median(cpu(lane)) * unit),
                format!("{:.2} to {:.2}", least * unit, most * unit),
                shown(against(lane, self.floor)),
                shown(against(lane, self.best_peer)),
                format!("{:.0}", of(|sample| sample.per_sec)),
                format!("{:.0}%", of(|sample| sample.busy) * 100.0),
                format!("{:.0}%", of(|sample| sample.load_busy) * 100.0),
            ]);
        }
        table
    }
}

/// How many times as much this one takes.
fn against(lane: &Lane, other: Option<&Lane>) -> f64 {
    other.map_or(f64::NAN, |other| ratio(cpu(lane), cpu(other)))
}

/// A ratio that there may not be.
fn shown(ratio: f64) -> String {
    if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") }
}

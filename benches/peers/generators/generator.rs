//! The load generators, and the command line with which each does the same.
//!
//! One thread each, connections kept, no pipelining, no limit but time; each is ended when its round is
//! over, so that they are told to run for longer than that.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::round::Load;
use crate::on_path;

/// More than `ab` sends in a round of some seconds.
const AB_REQUESTS_MAX: u32 = 20_000_000;

/// One that is measured, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generator {
    /// This program, as its own child: see [`super::floor`].
    Floor,
    /// This project's.
    Ours,
    Wrk,
    H2load,
    Oha,
    Ab,
}

impl Generator {
    /// All of them; the first two are what the others are compared with.
    pub(crate) const ALL: [Self; 6] = [Self::Floor, Self::Ours, Self::Wrk, Self::H2load, Self::Oha, Self::Ab];

    /// What it is called, on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "the floor",
            Self::Ours => "reactor-client",
            Self::Wrk => "wrk",
            Self::H2load => "h2load",
            Self::Oha => "oha",
            Self::Ab => "ab",
        }
    }

    /// Whether the others are compared with it.
    pub(crate) fn is_measure(self) -> bool {
        matches!(self, Self::Floor | Self::Ours)
    }

    /// Whether it speaks TLS.
    pub(crate) fn has_tls(self) -> bool {
        self != Self::Floor
    }

    /// Whether it can be run.
    pub(crate) fn is_there(self) -> bool {
        self.program().is_some()
    }

    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Floor => env::current_exe().ok(),
            Self::Ours => Some(PathBuf::from(env!("CARGO_BIN_EXE_reactor-client"))),
            Self::Wrk | Self::H2load | Self::Oha | Self::Ab => on_path(self.name()),
        }
    }

    /// What puts this load on.
    pub(crate) fn command(self, load: &Load) -> Option<Command> {
        let mut command = Command::new(self.program()?);
        let Load { address, connections, .. } = load;
        let url = format!("{}://{address}/", if load.is_tls { "https" } else { "http" });
        // The others check no certificate.
        let trust = |option: &str| if load.is_tls { format!("{option} ") } else { String::new() };
        // It is ended before.
        let seconds = load.lasts.as_secs() + 60;
        command.args(
            match self {
                Self::Floor => {
                    format!("--floor --address {address} --connections {connections} --seconds {seconds}")
                }
                Self::Ours => format!("{}-c {connections} -z {seconds}s {url}", trust("-k")),
                Self::Wrk => format!("-t 1 -c {connections} -d {seconds}s {url}"),
                Self::H2load => format!("--h1 -t 1 -c {connections} -D {seconds} {url}"),
                Self::Oha => format!("{}--no-tui -c {connections} -z {seconds}s {url}", trust("--insecure")),
                // It has room for the times of so many requests from the start, and ends when they are done.
                Self::Ab => format!("-q -k -c {connections} -t {seconds} -n {AB_REQUESTS_MAX} {url}"),
            }
            .split(' '),
        );
        Some(command)
    }
}

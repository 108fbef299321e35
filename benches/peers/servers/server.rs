//! The servers, and the command line with which each does the same at its best.
//!
//! One worker unless it is asked for more, no access log, its file cache on, connections kept for as long as
//! the load likes. What a server is configured with is in [`super::settings`].

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::settings::{self, Setup};
use crate::on_path;

/// One that is measured, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    /// This program, as its own child: see [`super::floor`].
    Floor,
    /// This project's.
    Ours,
    /// Another build of it, which `REACTOR_SERVER_EARLIER` names.
    Earlier,
    NginxSendfile,
    Nginx,
    H2o,
    Lighttpd,
    Darkhttpd,
    Caddy,
}

impl Server {
    /// All of them; the first two are what the others are compared with.
    const ALL: [Self; 9] = [
        Self::Floor,
        Self::Ours,
        Self::Earlier,
        Self::NginxSendfile,
        Self::Nginx,
        Self::H2o,
        Self::Lighttpd,
        Self::Darkhttpd,
        Self::Caddy,
    ];

    /// Those that tables have: all, and an earlier build if one is named.
    pub(crate) fn listed() -> Vec<Self> {
        Self::ALL.into_iter().filter(|server| *server != Self::Earlier || server.is_there()).collect()
    }

    /// What it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "the floor",
            Self::Ours => "reactor-server",
            Self::Earlier => "earlier build",
            Self::NginxSendfile => "nginx, sendfile",
            Self::Nginx => "nginx, no sendfile",
            Self::H2o | Self::Lighttpd | Self::Darkhttpd | Self::Caddy => self.program_name(),
        }
    }

    /// Whether it is neither the floor nor this project's.
    pub(crate) fn is_peer(self) -> bool {
        !matches!(self, Self::Floor | Self::Ours)
    }

    /// Whether it is in the rows of TLS. There `sendfile` changes nothing.
    pub(crate) fn has_tls(self) -> bool {
        matches!(self, Self::Ours | Self::Earlier | Self::Nginx | Self::H2o | Self::Lighttpd)
    }

    /// Whether it can be run.
    pub(crate) fn is_there(self) -> bool {
        self.program().is_some()
    }

    /// What it says of itself, in one line; nothing of what is built here.
    pub(crate) fn version(self) -> Option<String> {
        let option = match self {
            Self::Floor | Self::Ours | Self::Earlier | Self::Nginx => return None,
            Self::NginxSendfile | Self::Lighttpd => "-v",
            Self::H2o => "--version",
            Self::Darkhttpd => "--help",
            Self::Caddy => "version",
        };
        let output = Command::new(self.program()?).arg(option).output().ok()?;
        let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let said = String::from_utf8_lossy(&said);
        let is_version = |word: &&str| word.contains('.') && word.contains(|c: char| c.is_ascii_digit());
        let version = said.split([' ', '/', ',', '\n']).find(is_version)?.trim_start_matches('v');
        Some(format!("{} {version}", self.program_name()))
    }

    /// What starts it.
    pub(crate) fn command(self, setup: &Setup) -> Result<Command, String> {
        let program = self.program().ok_or("not installed")?;
        let mut command = Command::new(program);
        command.args(settings::words(self, setup).map_err(|error| error.to_string())?);
        Ok(command)
    }

    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Floor => env::current_exe().ok(),
            Self::Ours => Some(PathBuf::from(env!("CARGO_BIN_EXE_reactor-server"))),
            Self::Earlier => env::var_os("REACTOR_SERVER_EARLIER").map(PathBuf::from),
            _ => on_path(self.program_name()),
        }
    }

    fn program_name(self) -> &'static str {
        match self {
            Self::Floor => "peers",
            Self::Ours | Self::Earlier => "reactor-server",
            Self::NginxSendfile | Self::Nginx => "nginx",
            Self::H2o => "h2o",
            Self::Lighttpd => "lighttpd",
            Self::Darkhttpd => "darkhttpd",
            Self::Caddy => "caddy",
        }
    }
}

//! The program that puts a load on: `wrk` or, where that is not installed, this project's client.
//!
//! It runs for the time of a round, is told to end as by Ctrl-C, and reports how many answers came. That is
//! the one figure that is believed of a report; processor time is the kernel's.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::load::{Load, TlsUse};
use super::site;
use crate::on_path;
use crate::usage;

/// How long it may take to report once it is told to end.
const REPORTS_WITHIN: Duration = Duration::from_secs(20);
const LOOKS_EVERY: Duration = Duration::from_millis(5);
/// It ends by itself after so much more than a round.
const SPARE: Duration = Duration::from_secs(30);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Wrk,
    ReactorClient,
    /// `openssl s_time`: one connection after the other.
    OpensslTime,
}

/// What came of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) answered: u64,
    /// Answers with a status of 400 or above.
    pub(crate) refused: u64,
    /// Connections that failed, and requests without an answer in time.
    pub(crate) failed: u64,
    pub(crate) per_sec: f64,
    /// The processors that the tool used: 1 is one whole core.
    pub(crate) busy: f64,
}

/// A tool that does not outlive its round.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended by itself needs no ending.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Tool {
    /// What it is called, on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::ReactorClient => "reactor-client",
            Self::OpensslTime => "openssl s_time",
        }
    }

    /// The one of this name or, if none is named, the best that is there.
    pub(crate) fn choose(name: Option<&str>) -> Result<Self, String> {
        let has_wrk = on_path(Self::Wrk.name()).is_some();
        match name {
            None if has_wrk => Ok(Self::Wrk),
            Some("wrk") if has_wrk => Ok(Self::Wrk),
            Some("wrk") => Err("wrk is not on PATH; --load reactor-client needs nothing".to_owned()),
            None | Some("reactor-client") => Ok(Self::ReactorClient),
            Some(other) => Err(format!("--load: {other} is neither wrk nor reactor-client")),
        }
    }

    /// Puts this load on for so long.
    pub(crate) fn run(
        self,
        load: &Load,
        address: SocketAddr,
        lasts: Duration,
        folder: &Path,
    ) -> Result<Outcome, String> {
        if matches!(load.tls, Some(TlsUse::Full | TlsUse::Resumed)) && self != Self::OpensslTime {
            return Self::OpensslTime.run(load, address, lasts, folder);
        }
        let text = |error: io::Error| format!("{}: {error}", self.name());
        let mut command = self.command(load, address, lasts, folder).map_err(text)?;
        if load.tls.is_some() {
            command.env("OPENSSL_CONF", openssl_settings(load, folder).map_err(text)?);
        }
        let report = folder.join("report");
        command.stdout(fs::File::create(&report).map_err(text)?);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let mut tool = Ended(command.spawn().map_err(text)?);
        thread::sleep(lasts);
        let used = usage::of(tool.0.id()).map_err(text)?;
        let busy = used.as_secs_f64() / began.elapsed().as_secs_f64();
        // s_time ends by itself.
        if self != Self::OpensslTime
            && let Some(pid) = Pid::from_raw(tool.0.id().cast_signed())
        {
            kill_process(pid, Signal::INT).map_err(|error| text(error.into()))?;
        }
        await_end(&mut tool.0).map_err(text)?;
        let report = fs::read_to_string(&report).map_err(text)?;
        let outcome = match self {
            Self::Wrk => wrk_report(&report, busy),
            Self::ReactorClient => client_report(&report, busy),
            Self::OpensslTime => openssl_report(&report, busy),
        };
        outcome.ok_or_else(|| format!("{} has reported nothing of use", self.name()))
    }

    fn command(
        self,
        load: &Load,
        address: SocketAddr,
        lasts: Duration,
        folder: &Path,
    ) -> io::Result<Command> {
        let Load { connections, threads, depth, .. } = load;
        if self == Self::OpensslTime {
            let handshake = if load.tls == Some(TlsUse::Resumed) { "-reuse -tls1_2" } else { "-new -tls1_3" };
            let path = load.path;
            let words =
                format!("s_time {handshake} -time {} -connect {address} -www {path}", lasts.as_secs().max(1));
            let mut command = Command::new("openssl");
            command.args(words.split(' '));
            return Ok(command);
        }
        let seconds = (lasts + SPARE).as_secs();
        let mut command = match self {
            Self::Wrk | Self::OpensslTime => Command::new("wrk"),
            Self::ReactorClient => Command::new(env!("CARGO_BIN_EXE_reactor-client")),
        };
        let words = match self {
            Self::Wrk | Self::OpensslTime => format!("-t {threads} -c {connections} -d {seconds}s"),
            Self::ReactorClient => format!(
                "-s --format json --threads {threads} -c {connections} -z {seconds}s --pipeline {depth}"
            ),
        };
        command.args(words.split(' '));
        load.fields.iter().for_each(|field| {
            command.arg("-H").arg(field);
        });
        if self == Self::Wrk
            && let Some(script) = script(load)
        {
            let path = folder.join("load.lua");
            fs::write(&path, script)?;
            command.arg("-s").arg(path);
        }
        if self == Self::ReactorClient && load.closes {
            command.arg("--no-keepalive");
        }
        if self == Self::ReactorClient && load.tls.is_some() {
            command.arg("-k");
        }
        let scheme = if load.tls.is_some() { "https" } else { "http" };
        let url = |path: &str| format!("{scheme}://{address}{path}");
        match load.files {
            Some(count) if self == Self::ReactorClient => {
                let urls: String = (0..count).map(|number| url(&site::path_of(number)) + "\n").collect();
                let path = folder.join("urls");
                fs::write(&path, urls)?;
                command.arg("--order").arg("random").arg("--urls").arg(path);
            }
            _ => {
                command.arg(url(load.path));
            }
        }
        Ok(command)
    }
}

/// The settings of openssl in wrk and `s_time`: X25519 alone. In TLS 1.2 a certificate needs its curve as well.
fn openssl_settings(load: &Load, folder: &Path) -> io::Result<PathBuf> {
    let groups = if load.tls == Some(TlsUse::Resumed) { "X25519:P-256" } else { "X25519" };
    let path = folder.join("openssl.cnf");
    let text =
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = default\n[default]\nGroups = ";
    fs::write(&path, format!("{text}{groups}\n"))?;
    Ok(path)
}

/// What `wrk` has no option for, in Lua. A script that makes each request is run for each request. Rounds
/// differ in their files: a cache must not hold just those of the round before.
fn script(load: &Load) -> Option<String> {
    match load.files {
        Some(count) => Some(format!(
            r#"local head, tail
init = function(args)
  math.randomseed(os.time())
  head, tail = string.match(wrk.format("GET", "/many/@"), "^(.-)@(.*)$")
end
request = function()
  local number = math.random(0, {count} - 1)
  return head .. string.format("%03d/%03d.html", math.floor(number / 1000), number % 1000) .. tail
end
"#
        )),
        None if load.depth > 1 => Some(format!(
            r#"local requests
init = function(args)
  requests = string.rep(wrk.format("GET", wrk.path), {})
end
request = function() return requests end
"#,
            load.depth
        )),
        None => None,
    }
}

fn await_end(child: &mut Child) -> io::Result<()> {
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > REPORTS_WITHIN {
            return Err(io::Error::other("it does not end"));
        }
        thread::sleep(LOOKS_EVERY);
    }
    Ok(())
}

/// What `wrk` prints: it counts answers, pipelined ones too.
fn wrk_report(report: &str, busy: f64) -> Option<Outcome> {
    let behind = |label: &str| report.lines().find_map(|line| line.trim().strip_prefix(label));
    let answered = report.lines().find_map(|line| line.trim().split_once(" requests in "))?.0.parse().ok()?;
    let refused = behind("Non-2xx or 3xx responses:").map_or(Some(0), |count| count.trim().parse().ok())?;
    let per_sec = behind("Requests/sec:")?.trim().parse().ok()?;
    let errors = behind("Socket errors:").unwrap_or_default();
    let failed = errors.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok()).sum();
    Some(Outcome { answered, refused, failed, per_sec, busy })
}

/// What `openssl s_time` prints last, such as `123 connections in 2 real seconds, …`.
fn openssl_report(report: &str, busy: f64) -> Option<Outcome> {
    let (answered, rest) =
        report.lines().rev().find(|line| line.contains(" real seconds"))?.split_once(" connections in ")?;
    let (answered, seconds): (u64, f64) = (answered.parse().ok()?, rest.split(' ').next()?.parse().ok()?);
    Some(Outcome { answered, refused: 0, failed: 0, per_sec: answered as f64 / seconds, busy })
}

/// What this project's client prints with `--format json`.
fn client_report(report: &str, busy: f64) -> Option<Outcome> {
    let report: Value = serde_json::from_str(report).ok()?;
    let requests = report.get("requests")?;
    let count = |name: &str| requests.get(name)?.as_u64();
    Some(Outcome {
        answered: count("answered")?,
        refused: count("bad_statuses")?,
        failed: count("failed")?,
        per_sec: report.get("answers_per_sec")?.as_f64()?,
        busy,
    })
}

//! The program that puts a load on: `wrk` or, where that is not installed, this project's client.
//!
//! It runs for the time of a round, is told to end as by Ctrl-C, and reports how many answers came. That is
//! the one figure that is believed of a report; processor time is the kernel's.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::load::Load;
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
        let text = |error: io::Error| format!("{}: {error}", self.name());
        let mut command = self.command(load, address, lasts + SPARE, folder).map_err(text)?;
        let report = folder.join("report");
        command.stdout(fs::File::create(&report).map_err(text)?);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let mut tool = Ended(command.spawn().map_err(text)?);
        thread::sleep(lasts);
        let used = usage::of(tool.0.id()).map_err(text)?;
        let busy = used.as_secs_f64() / began.elapsed().as_secs_f64();
        if let Some(pid) = Pid::from_raw(tool.0.id().cast_signed()) {
            kill_process(pid, Signal::INT).map_err(|error| text(error.into()))?;
        }
        await_end(&mut tool.0).map_err(text)?;
        let report = fs::read_to_string(&report).map_err(text)?;
        let outcome = match self {
            Self::Wrk => wrk_report(&report, busy),
            Self::ReactorClient => client_report(&report, busy),
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
        let seconds = lasts.as_secs();
        let mut command = match self {
            Self::Wrk => Command::new("wrk"),
            Self::ReactorClient => Command::new(env!("CARGO_BIN_EXE_reactor-client")),
        };
        let words = match self {
            Self::Wrk => format!("-t {threads} -c {connections} -d {seconds}s"),
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
        let url = |path: &str| format!("http://{address}{path}");
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

/// What `wrk` has no option for, in Lua. A script that makes each request is run for each request.
fn script(load: &Load) -> Option<String> {
    match load.files {
        Some(count) => Some(format!(
            r#"local head, tail
init = function(args)
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

//! What a run is to do: typed, and checked as a whole.
//!
//! It owns what goes together and what does not. It reads no command line, opens nothing and
//! resolves nothing; the engine takes it as it is.

use std::time::Duration;

use crate::cli::invalid_choice_message;
use serde::{Deserialize, Serialize};

use crate::client::target::ClientTarget;
use crate::http::Method;

use super::template::RequestTemplate;
use crate::load::engine::pacer::Schedule;
use crate::load::stats::latency_histogram::maybe_micros;

/// How long a run lasts if nothing else is said.
pub const DURATION_DEFAULT: Duration = Duration::from_secs(10);
/// How many connections a run has if nothing else is said: what hey and oha have.
pub const CONCURRENCY_DEFAULT: usize = 50;
/// How long a request may take if nothing else is said.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// More requests than this on the way on one connection measure a queue, not a server.
pub const PIPELINE_MAX: usize = 1024;
/// More reactors than this have no cores to run on.
pub const THREADS_MAX: usize = 256;

/// Everything the engine needs to know of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whom to ask, in the order of the requests' templates; at least one.
    pub targets: Vec<ClientTarget>,
    /// How the next of them is chosen.
    pub order: UrlOrder,
    /// What is sent, by the index of the target.
    pub request: RequestTemplate,
    /// The method, for reading answers: one to HEAD has no body.
    pub method: Method,
    /// Connections, over all threads; at least one for each.
    pub concurrency: usize,
    /// When it is over.
    pub stop: Stop,
    /// When requests are due.
    pub schedule: Schedule,
    /// How long it runs before anything counts. It comes before what [`Plan::stop`] says.
    pub warmup: Duration,
    /// Requests that may be on the way on one connection, 1 or more.
    pub pipeline: usize,
    /// Whether a connection is kept for another request.
    pub keep_alive: bool,
    /// After so many requests a connection is closed and opened again.
    pub requests_per_connection: Option<u64>,
    /// How long a request may take, and a connection to be made.
    pub timeout: Duration,
    /// Reactors, each in a thread of its own.
    pub threads: usize,
    /// What random choices follow from.
    pub seed: u64,
}

/// How the target of the next request is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum UrlOrder {
    /// One after the other, from the first again after the last.
    #[default]
    Sequential,
    /// Any, each as likely as the others.
    Random,
}

impl UrlOrder {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Random => "random",
        }
    }

    /// Reads `sequential` or `random`.
    ///
    /// # Errors
    /// In words to stand behind a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "sequential" => Ok(Self::Sequential),
            "random" => Ok(Self::Random),
            _ => Err(invalid_choice_message("the order", &["sequential", "random"], text)),
        }
    }
}

/// When a run is over: at the first of the two that comes. At least one is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When so many requests have been sent and have come to an end.
    pub requests: Option<u64>,
    /// When so much time has passed.
    #[serde(rename = "duration_us", with = "maybe_micros")]
    pub duration: Option<Duration>,
}

impl Default for Plan {
    /// One connection in a closed loop without an end, and nobody to ask yet.
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            order: UrlOrder::default(),
            request: RequestTemplate::default(),
            method: Method::Get,
            concurrency: 1,
            stop: Stop::default(),
            schedule: Schedule::Closed,
            warmup: Duration::ZERO,
            pipeline: 1,
            keep_alive: true,
            requests_per_connection: None,
            timeout: TIMEOUT_DEFAULT,
            threads: 1,
            seed: 0,
        }
    }
}

impl Plan {
    /// Checks what does not follow from single values.
    ///
    /// # Errors
    /// What does not go together, and what to do about it, in one line.
    pub fn check(&self) -> Result<(), String> {
        let Self { concurrency, threads, pipeline, .. } = *self;
        if threads > concurrency {
            return Err(format!(
                "each of {threads} threads needs a connection, and -c is {concurrency}: raise -c or lower --threads"
            ));
        }
        if self.stop.requests.is_some_and(|requests| requests < concurrency as u64) {
            let requests = self.stop.requests.unwrap_or_default();
            return Err(format!(
                "-n {requests} leaves some of {concurrency} connections without a request: raise -n or lower -c"
            ));
        }
        if !self.keep_alive && pipeline > 1 {
            return Err(
                "--no-keepalive sends one request on a connection, and --pipeline several: leave one out"
                    .to_owned(),
            );
        }
        if !self.keep_alive && self.requests_per_connection.is_some() {
            return Err("--no-keepalive is one request on each connection already: leave it out, or \
                        --requests-per-connection"
                .to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let stop = Stop { requests: Some(100), duration: None };
        Plan { concurrency: 4, stop, ..Plan::default() }
    }

    #[test]
    fn conflicting_plan_settings_error_names_remedy() {
        assert_eq!(plan().check(), Ok(()));
        for (wrong, part) in [
            (Plan { threads: 5, ..plan() }, "raise -c or lower --threads"),
            (Plan { concurrency: 101, ..plan() }, "raise -n or lower -c"),
            (Plan { keep_alive: false, pipeline: 2, ..plan() }, "leave one out"),
            (Plan { keep_alive: false, requests_per_connection: Some(2), ..plan() }, "leave it out"),
        ] {
            let error = wrong.check().unwrap_err();
            assert!(error.ends_with(part) || error.contains(part), "{error}");
        }
    }

    #[test]
    fn url_order_name_parses_back() {
        for order in [UrlOrder::Sequential, UrlOrder::Random] {
            assert_eq!(UrlOrder::parse(order.name()), Ok(order));
        }
        assert!(UrlOrder::parse("Random").is_err());
    }
}

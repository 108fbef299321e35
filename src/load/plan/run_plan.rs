//! Validated plan of a run.
//!
//! It reads no options and resolves no names.

use std::time::Duration;

use crate::cli::parse_choice;
use serde::{Deserialize, Serialize};

use crate::client::target::{ClientTarget, KnownHost};
use crate::client::tls::TlsOptions;
use crate::http::Method;

use super::template::RequestTemplate;
use crate::load::engine::pacer::Schedule;
use crate::load::stats::latency_histogram::maybe_micros;

/// Default length.
pub const DURATION_DEFAULT: Duration = Duration::from_secs(10);
/// Default connections, as in hey and oha.
pub const CONCURRENCY_DEFAULT: usize = 50;
/// Default request time-out.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Pipeline limit: more measures a queue, not the server.
pub const PIPELINE_MAX: usize = 1024;
/// Thread limit: more have no cores to run on.
pub const THREADS_MAX: usize = 256;

/// Run plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Targets, at least one.
    pub targets: Vec<ClientTarget>,
    /// Order of the targets.
    pub order: UrlOrder,
    /// Templates by target.
    pub request: RequestTemplate,
    /// Method: a response to HEAD has no body.
    pub method: Method,
    /// Connections over all threads, at least one each.
    pub concurrency: usize,
    /// End conditions.
    pub stop: Stop,
    /// Request schedule.
    pub schedule: Schedule,
    /// Time before measuring; [`Plan::stop`] counts after it.
    pub warmup: Duration,
    /// Requests in flight on a connection, at least 1.
    pub pipeline: usize,
    /// Connection reuse.
    pub keep_alive: bool,
    /// Requests after which a connection is replaced.
    pub requests_per_connection: Option<u64>,
    /// Time-out of requests and connects.
    pub timeout: Duration,
    /// Threads, each with a reactor.
    pub threads: usize,
    /// Random seed.
    pub seed: u64,
    /// TLS options.
    pub tls: TlsOptions,
    /// Whether connections resume TLS sessions.
    pub tls_resumes: bool,
    /// Hosts that are not resolved.
    pub known_hosts: Vec<KnownHost>,
}

/// How the target of the next request is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, derive_more::Display)]
#[serde(rename_all = "lowercase")]
#[display(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum UrlOrder {
    /// List order, repeated.
    #[default]
    Sequential,
    /// Uniform random.
    Random,
}

impl UrlOrder {
    /// Parses `sequential` or `random`.
    ///
    /// # Errors
    /// A message to follow a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_choice("the order", &[("sequential", Self::Sequential), ("random", Self::Random)], text)
    }
}

/// End conditions, at least one; the first ends the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Ended requests.
    pub requests: Option<u64>,
    /// Measured time.
    #[serde(rename = "duration_us", with = "maybe_micros")]
    pub duration: Option<Duration>,
}

impl Default for Plan {
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
            tls: TlsOptions::default(),
            tls_resumes: false,
            known_hosts: Vec::new(),
        }
    }
}

impl Plan {
    /// Checks combinations of values.
    ///
    /// # Errors
    /// The conflict and the remedy.
    pub fn check(&self) -> Result<(), String> {
        let Self { concurrency, threads, pipeline, .. } = *self;
        if threads > concurrency {
            return Err(format!(
                "each of {threads} threads needs a connection, and -c is {concurrency}: raise -c or lower --threads"
            ));
        }
        if let Some(requests) = self.stop.requests.filter(|requests| *requests < concurrency as u64) {
            return Err(format!(
                "-n {requests} leaves some of {concurrency} connections without a request: raise -n or lower -c"
            ));
        }
        if !self.keep_alive && pipeline > 1 {
            return Err("--no-keepalive or 'Connection: close' sends one request on a connection, and \
                        --pipeline several: leave one out"
                .to_owned());
        }
        if !self.keep_alive && self.requests_per_connection.is_some() {
            return Err("--no-keepalive or 'Connection: close' is one request on each connection already: \
                        leave it out, or --requests-per-connection"
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
            assert_eq!(UrlOrder::parse(&order.to_string()), Ok(order));
        }
        assert!(UrlOrder::parse("Random").is_err());
    }
}

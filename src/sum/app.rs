//! Client application of the number exchange.
//!
//! Prints only prompts and the connected hosts.

use std::io::{self, BufRead, Read, Write};
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::TIMEOUT;
use super::args::{SumClientConfig, not_a_number, parse_number};
use super::client::{SumClientProtocol, SumExchange, SumFailure};
use super::line::{LINE_LEN_MAX, Name, SumLine, SumRole};
use crate::cli::say;
use crate::net::{AddressConnector, CloseReason, ConnectError, Connection, Pool, Tick, host_name};
use crate::reactor::{App, Control, HelperPool, Helpers, Key, Next, Now, Reactor, Readiness};
use crate::text::units::duration;

/// Longest input line: a longer one is no number. Its rest counts as the next line.
const PROMPT_LINE_LEN_MAX: u64 = 256;
/// Most prompts: after so many lines without a number, no person is typing.
const TRIES_MAX: usize = 100;

/// Result. Displays as client line, server line, sum.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{}\n{}\nsum: {sum}\n", own.format_as(SumRole::Client), server.format_as(SumRole::Server))]
pub struct SumOutcome {
    /// Client's line.
    pub own: SumLine,
    /// Server's line.
    pub server: SumLine,
    /// Sum of both numbers.
    pub sum: i64,
}

/// Error, displayed as one line.
#[derive(Debug, thiserror::Error)]
pub enum SumError {
    /// No number to send.
    #[error("{0}")]
    NoNumber(String),
    /// No connection.
    #[error("{}", connect_message(.0))]
    Connect(ConnectError),
    /// Terminated by this signal.
    #[error("interrupted before the response was complete")]
    Interrupted(i32),
    /// Event loop failure.
    #[error("the event loop failed: {0}")]
    Reactor(io::Error),
    /// No number from the server.
    #[error("{0}")]
    Exchange(SumFailure),
    /// The sum exceeds 64 bits.
    #[error("the sum of {0} and {1} does not fit into 64 bits")]
    Overflow(i64, i64),
}

impl SumError {
    /// Exit code, as for requests if possible.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoNumber(_) => 2,
            Self::Connect(ConnectError::Resolve(..)) => 6,
            Self::Connect(ConnectError::Failed(_)) => 7,
            Self::Connect(ConnectError::TimedOut(_)) => 28,
            // As in shells.
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Reactor(_) | Self::Exchange(SumFailure::Refused(_)) => 1,
            Self::Exchange(SumFailure::NoResponse) => 52,
            Self::Exchange(SumFailure::TimedOut) => 28,
            Self::Exchange(SumFailure::InvalidLine(_) | SumFailure::Connection(_)) | Self::Overflow(..) => 56,
        }
    }
}

fn connect_message(error: &ConnectError) -> String {
    match error {
        ConnectError::TimedOut(limit) => format!("timed out after {}", duration(*limit)),
        error => error.to_string(),
    }
}

/// Exchanges numbers with the server.
///
/// # Errors
/// See [`SumError`].
pub fn run_sum(config: SumClientConfig) -> Result<SumOutcome, SumError> {
    let number = match config.number {
        Some(number) => number,
        None => prompt_number(io::stdin().lock(), io::stderr()).map_err(SumError::NoNumber)?,
    };
    let own = SumLine { name: config.name.unwrap_or_else(default_name), number };
    let now = Now::read();
    let host = config.host;
    let helpers = Helpers::new(HelperPool::new(1)).map_err(SumError::Reactor)?;
    let sum = SumApp {
        connector: AddressConnector::resolve(&host, config.port, TIMEOUT, now, &helpers),
        exchange: SumExchange { own, outcome: None },
        pool: Pool::new(LINE_LEN_MAX, None),
        error: None,
    };
    let mut event_loop = Reactor::new(sum, now).map_err(SumError::Reactor)?;
    event_loop.use_helpers(helpers).map_err(SumError::Reactor)?;
    event_loop.watch_signals(&[SIGINT, SIGTERM]).map_err(SumError::Reactor)?;
    let sum = event_loop.run().map_err(SumError::Reactor)?;
    let address = sum.connector.address();
    let outcome = sum.into_outcome()?;
    say(format_args!("this host is {}, connected to {address} ({host})", host_name()));
    Ok(outcome)
}

fn prompt_number(mut input: impl BufRead, mut screen: impl Write) -> Result<i64, String> {
    for _ in 0..TRIES_MAX {
        // Input may still arrive after the screen closes.
        let _ = write!(screen, "Your number: ").and_then(|()| screen.flush());
        let mut line = Vec::new();
        let read = input.by_ref().take(PROMPT_LINE_LEN_MAX).read_until(b'\n', &mut line);
        let failed =
            |error: io::Error| format!("no number was given: cannot read standard input: {}", error.kind());
        if read.map_err(failed)? == 0 {
            let _ = writeln!(screen);
            return Err("no number was given: standard input ended".to_owned());
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(number) = parse_number(&text) {
            return Ok(number);
        }
        let _ = writeln!(screen, "{}", not_a_number(text.trim()));
    }
    Err(format!("no number was given in {TRIES_MAX} lines"))
}

fn default_name() -> Name {
    Name::first_valid([std::env::var("USER").unwrap_or_default(), host_name()])
}

struct SumApp {
    exchange: SumExchange,
    connector: AddressConnector,
    pool: Pool,
    error: Option<SumError>,
}

impl SumApp {
    fn into_outcome(self) -> Result<SumOutcome, SumError> {
        let Self { exchange: SumExchange { own, outcome }, error, .. } = self;
        error.map_or(Ok(()), Err)?;
        let server = outcome.unwrap_or(Err(SumFailure::NoResponse)).map_err(SumError::Exchange)?;
        let sum = own.number.checked_add(server.number);
        let sum = sum.ok_or(SumError::Overflow(own.number, server.number))?;
        Ok(SumOutcome { own, server, sum })
    }

    fn connect_next(&mut self, now: Now) -> Result<Option<Connection<SumClientProtocol>>, SumError> {
        if let Some(Err(SumFailure::Connection(CloseReason::ConnectFailed(kind)))) = self.exchange.outcome {
            self.exchange.outcome = None;
            self.connector.failed(kind);
        }
        if self.exchange.outcome.is_some() {
            return Ok(None);
        }
        let attempt = self.connector.connect_next(now).map_err(SumError::Connect)?;
        Ok(attempt.map(|(stream, deadline)| {
            Connection::connecting(stream.into(), SumClientProtocol::new(deadline))
        }))
    }
}

impl App for SumApp {
    type Conn = Connection<SumClientProtocol>;

    fn drive(&mut self, _: Key, connection: &mut Self::Conn, ready: &mut Readiness, now: Now) -> Next {
        connection.pump(Tick::new(ready, &mut self.exchange, &mut self.pool, now))
    }

    fn on_tick(&mut self, control: &mut Control<Self::Conn>, now: Now, _: bool) -> Option<Instant> {
        let interrupted = control.take_signals().first().map(|&signal| SumError::Interrupted(signal));
        match interrupted.map_or_else(|| self.connect_next(now), Err) {
            Ok(Some(connection)) => control.new_connections.push(connection),
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        if self.error.is_some() || self.exchange.outcome.is_some() {
            control.stop = true;
        }
        self.connector.lookup_deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::SumLineError;

    #[test]
    fn exit_code_of_each_error() {
        let refused = SumFailure::Refused("no".to_owned());
        let reset = SumFailure::Connection(CloseReason::Failed(io::ErrorKind::ConnectionReset));
        for (error, code) in [
            (SumError::NoNumber(String::new()), 2),
            (SumError::Connect(ConnectError::TimedOut(TIMEOUT)), 28),
            (SumError::Interrupted(2), 130),
            (SumError::Connect(ConnectError::Failed(String::new())), 7),
            (SumError::Exchange(refused), 1),
            (SumError::Exchange(SumFailure::InvalidLine(SumLineError::CutShort)), 56),
            (SumError::Exchange(SumFailure::NoResponse), 52),
            (SumError::Exchange(SumFailure::TimedOut), 28),
            (SumError::Exchange(reset), 56),
            (SumError::Overflow(1, i64::MAX), 56),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    fn asked(input: &[u8]) -> (Result<i64, String>, String) {
        let mut screen = Vec::new();
        let outcome = prompt_number(input, &mut screen);
        (outcome, String::from_utf8(screen).unwrap())
    }

    #[test]
    fn prompt_repeats_until_an_integer() {
        let range = "is not an integer from -9223372036854775808 to 9223372036854775807";
        let (number, output) = asked(b"seven\n\n7.5\n \x1b[31m\n -7 \r\n8\n");
        assert_eq!(number, Ok(-7));
        let lines: Vec<_> = output.split("Your number: ").collect();
        let expected = ["'seven'", "''", "'7.5'", "'\\u{1b}[31m'"].map(|shown| format!("{shown} {range}\n"));
        assert_eq!(lines[1..5], expected);
        assert_eq!((lines[0], &lines[5..]), ("", &[""][..]));
    }

    #[test]
    fn prompt_at_eof_without_number_is_an_error() {
        let eof = Err("no number was given: standard input ended".to_owned());
        assert_eq!(asked(b"").0, eof);
        assert_eq!(asked(b"x\n").0, eof);
        assert_eq!(asked(b"x").0, eof);
        assert_eq!(asked(b"12").0, Ok(12), "the last line may lack its end");
    }

    #[test]
    fn prompt_gives_up_after_100_lines() {
        let too_many = Err("no number was given in 100 lines".to_owned());
        assert_eq!(asked(&b"x\n".repeat(1000)).0, too_many);
        assert_eq!(asked(&b"x".repeat(100_000)).0, too_many);
    }
}

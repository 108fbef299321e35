//! The number exchange without sockets: both protocols wired together, and what happens when nothing
//! comes, in virtual time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reactor_http::net::{CloseReason, Want};
use reactor_http::reactor::Now;
use reactor_http::sum::client;
use reactor_http::sum::{
    Name, SumClientProtocol, SumExchange, SumFailure, SumLine, SumServerProtocol, SumState, TIMEOUT,
};

use super::pair::Side;
use super::wire::{Pace, Pipe, Port, Random};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);
/// Far more turns than two lines need, even byte by byte on a wire that stutters.
const TURNS_MAX: usize = 10_000;

fn line(name: &str, number: i64) -> SumLine {
    SumLine { name: Name::new(name).expect("a name"), number }
}

/// The server's protocol, and a client that is the test.
struct Alone {
    side: Side<SumServerProtocol>,
    up: Pipe,
    down: Pipe,
    began: Now,
}

impl Alone {
    /// The wire holds so many bytes that nobody has taken.
    fn new(capacity: usize) -> Self {
        let began = Now::read();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        let state = SumState::new(Name::new("Bob").ok(), 42, 0..0);
        let side = Side::new(SumServerProtocol::new(peer, began), state, Want::Input);
        Self { side, up: Pipe::new(usize::MAX), down: Pipe::new(capacity), began }
    }

    /// One turn, so long after the beginning; what the server has sent since.
    fn turn(&mut self, after: Duration) -> String {
        let mut port = Port { incoming: &mut self.up, outgoing: &mut self.down, pace: &mut Pace::Whole };
        self.side.turn(&mut port, self.began.after(after));
        String::from_utf8(self.down.take(usize::MAX)).expect("text")
    }
}

#[test]
fn sum_any_chunking_both_sides_finish_with_the_numbers() {
    let paces = (0..200).map(|seed| Pace::Seeded(Random(seed)));
    for mut pace in paces.chain([Pace::Whole, Pace::AtMost(1), Pace::AtMost(7)]) {
        let now = Now::read();
        let mut server = Alone::new(64);
        let exchange = SumExchange { own: line("Ada", 7), outcome: None };
        let mut client = Side::new(SumClientProtocol::new(now.instant + SECOND), exchange, Want::Tick);
        for _ in 0..TURNS_MAX {
            let (up, down) = (&mut server.up, &mut server.down);
            client.turn(&mut Port { incoming: down, outgoing: up, pace: &mut pace }, now);
            server.side.turn(&mut Port { incoming: up, outgoing: down, pace: &mut pace }, now);
            if client.ended.is_some() && server.side.ended.is_some() {
                break;
            }
        }
        assert_eq!(client.context.outcome, Some(Ok(line("Bob", 42))), "{pace:?}");
        let both = (client.ended, server.side.ended);
        assert_eq!(both, (Some(CloseReason::Finished), Some(CloseReason::Finished)), "{pace:?}");
        let said =
            ["Client of Ada has connected to Server of Bob", "Client of Ada: 7, Server of Bob: 42, sum: 49"];
        assert_eq!(std::mem::take(&mut server.side.context.output_lines), said, "{pace:?}");
        assert!(!server.side.context.ended);
    }
}

#[test]
fn sum_server_silent_client_gets_error_line_after_10_s() {
    let mut server = Alone::new(1000);
    assert_eq!((server.turn(Duration::ZERO), server.turn(TIMEOUT - TENTH)), (String::new(), String::new()));
    assert_eq!(server.side.ended, None);
    assert_eq!(server.turn(TIMEOUT), "error: no complete line arrived within 10 s\n");
    assert!(matches!(server.side.ended, Some(CloseReason::Refused(_))));
}

#[test]
fn sum_server_trickled_line_still_times_out() {
    let mut server = Alone::new(1000);
    for second in 0..10 {
        server.up.put(b"C");
        assert_eq!(server.turn(second * SECOND), "");
    }
    assert_eq!(server.turn(TIMEOUT), "error: no complete line arrived within 10 s\n");
    assert!(server.side.ended.is_some() && server.side.context.output_lines.is_empty());
}

#[test]
fn sum_server_unread_response_times_out() {
    let mut server = Alone::new(0);
    server.up.put(b"Client of Ada: 7\n");
    server.turn(SECOND);
    server.turn(SECOND + TIMEOUT - TENTH);
    assert_eq!(server.side.ended, None);
    server.turn(SECOND + TIMEOUT);
    assert_eq!(server.side.ended, Some(CloseReason::TimedOut("the peer to receive the response")));
}

#[test]
fn sum_server_drain_closes_silent_and_finishes_started() {
    let mut silent = Alone::new(1000);
    let mut speaking = Alone::new(1000);
    speaking.up.put(b"Client of Ad");
    for server in [&mut silent, &mut speaking] {
        server.turn(SECOND);
        server.side.context.draining = true;
        server.side.protocol().close_if_idle(server.began.after(2 * SECOND));
    }
    assert_eq!(silent.turn(2 * SECOND), "");
    assert_eq!(silent.side.ended, Some(CloseReason::Shutdown));
    assert_eq!(speaking.turn(2 * SECOND), "");
    speaking.up.put(b"a: 7\n");
    assert_eq!(speaking.turn(3 * SECOND), "Server of Bob: 42\n");
    assert_eq!(speaking.side.ended, Some(CloseReason::Finished));
}

/// A client's protocol after its connection was made; the wire brings nothing.
fn asking(connect_timeout: Duration, connected_after: Duration) -> (Side<SumClientProtocol>, Pipe, Now) {
    let now = Now::read();
    let exchange = SumExchange { own: line("Ada", 7), outcome: None };
    let mut side = Side::new(SumClientProtocol::new(now.instant + connect_timeout), exchange, Want::Tick);
    let (mut incoming, mut outgoing) = (Pipe::new(0), Pipe::new(1000));
    let mut port = Port { incoming: &mut incoming, outgoing: &mut outgoing, pace: &mut Pace::Whole };
    side.turn(&mut port, now.after(connected_after));
    (side, outgoing, now)
}

#[test]
fn sum_client_without_response_times_out_after_10_s() {
    let (mut side, mut sent, now) = asking(SECOND, TENTH);
    assert_eq!(sent.take(1000), b"Client of Ada: 7\n");
    let mut turn = |after| {
        let mut nothing = Pipe::new(0);
        let mut port = Port { incoming: &mut nothing, outgoing: &mut sent, pace: &mut Pace::Whole };
        side.turn(&mut port, now.after(after));
        side.context.outcome.clone()
    };
    assert_eq!(turn(TIMEOUT), None);
    assert_eq!(turn(TENTH + TIMEOUT), Some(Err(SumFailure::TimedOut)));
}

/// A connection that is made when its time is over: the states on the way.
pub(crate) fn overdue_sum_client() -> (client::SumClientPhase, client::SumClientPhase) {
    let (mut side, mut sent, now) = asking(SECOND, SECOND);
    assert!(sent.take(1000).is_empty(), "the line is never sent");
    assert_eq!(side.context.outcome, Some(Err(SumFailure::TimedOut)));
    (SumClientProtocol::new(now.instant).phase(), side.protocol().phase())
}

#[test]
fn client_response_at_the_deadline_is_taken() {
    let (mut side, mut sent, now) = asking(SECOND, TENTH);
    let mut incoming = Pipe::new(1000);
    incoming.put(b"Server of Bob: 42\n");
    let mut port = Port { incoming: &mut incoming, outgoing: &mut sent, pace: &mut Pace::Whole };
    side.turn(&mut port, now.after(TENTH + TIMEOUT));
    assert_eq!(side.context.outcome, Some(Ok(line("Bob", 42))));
    assert_eq!(side.ended, Some(CloseReason::Finished));
}

#[test]
fn server_end_of_input_at_the_deadline_is_no_timeout() {
    let mut server = Alone::new(1000);
    server.turn(Duration::ZERO);
    server.up.end();
    server.turn(TIMEOUT);
    assert_eq!(server.side.ended, Some(CloseReason::PeerClosed));
}

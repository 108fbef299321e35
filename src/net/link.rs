//! One connection: a socket, its two queues, and the machine that understands them.
//!
//! [`Link::pump`] is the only read/write/`WouldBlock` loop of the project. The link also lives the
//! life of the connection (connecting, open, lingering), so that no machine has to. It knows
//! nothing of any protocol.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustix::net::sockopt;

use super::channel::{Channel, Moved};
use super::{CloseReason, Machine, Pool, Want};
use crate::reactor::{Connection, Next, Now, Readiness};

/// Bytes that one connection may read, and as many that it may write, in one turn: enough to keep
/// the socket busy, little enough that a fast peer starves nobody. Of files it is four times as much,
/// for they take less time (`FILE_LEN_PER_BYTE`, of the outbox).
const TURN_LEN_MAX: usize = 256 * 1024;
/// A lingering connection is closed after this long without input ...
const LINGER_SILENCE: Duration = Duration::from_secs(5);
/// ... and after this long in any case.
const LINGER_IN_ALL: Duration = Duration::from_secs(30);

/// The life of the connection; the life of a message is the machine's.
#[derive(Debug)]
enum Life {
    /// The kernel is still connecting.
    Connecting,
    Open,
    /// Our side is closed; what still comes in is discarded until the peer closes too, so that no
    /// reset destroys what it has yet to read.
    Lingering(Box<Linger>),
}

/// How long a link lingers. Few do, so it stands apart from the link.
#[derive(Debug)]
struct Linger {
    silence_ends: Instant,
    ends: Instant,
}

/// A connection that is pumped by the reactor.
#[derive(Debug)]
pub struct Link<M> {
    channel: Channel,
    life: Life,
    want: Want,
    /// What had been sent before this turn.
    sent_before: u64,
    machine: M,
}

impl<M: Machine> Link<M> {
    /// A link over an established connection; the machine is asked to advance when the first
    /// input arrives.
    pub fn accepted(stream: TcpStream, machine: M) -> Self {
        Self::new(stream, Life::Open, Want::Input, machine)
    }

    /// A link over a connection that the kernel is still making; the machine is asked to advance
    /// when it is made.
    pub fn connecting(stream: TcpStream, machine: M) -> Self {
        Self::new(stream, Life::Connecting, Want::Turn, machine)
    }

    fn new(stream: TcpStream, life: Life, want: Want, machine: M) -> Self {
        Self { channel: Channel::new(stream), life, want, sent_before: 0, machine }
    }

    /// The protocol's part of the connection.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Lets the machine advance at the next pump, whether or not input has come: there is news for it
    /// from outside the connection.
    pub fn rouse(&mut self) {
        if matches!(self.life, Life::Open) && self.want == Want::Input {
            self.want = Want::Turn;
        }
    }

    /// Bytes sent since the connection began.
    pub fn sent_total(&self) -> u64 {
        self.channel.outbox.sent_total()
    }

    /// The end of the loop: the machine is told, unless its conversation is over already.
    pub fn abandon(mut self, site: &mut M::Site, now: Now) {
        if !matches!(self.life, Life::Lingering(_)) {
            self.reset_if_broken_off();
            self.machine.closed(CloseReason::Shutdown, &self.channel.outbox, site, now);
        }
    }

    /// Takes in what has come, if that is what is waited for and nothing else is to be done first; the
    /// pump of the same turn goes on from there.
    pub fn fill_ahead(&mut self, ready: &mut Readiness, site: &mut M::Site, pool: &mut Pool, now: Now) {
        let waits =
            matches!(self.life, Life::Open) && self.want == Want::Input && self.channel.outbox.is_empty();
        if !waits || !ready.is_readable() || self.channel.is_unsendable() || self.is_overdue(now) {
            return;
        }
        match self.fill(ready, site, pool, &mut TURN_LEN_MAX.clone()) {
            Moved::Yes => self.want = Want::Turn,
            Moved::Failed(reason) => self.want = Want::Close(reason),
            Moved::Blocked | Moved::Spent => self.channel.inbox.release(pool),
        }
    }

    /// Moves bytes and advances the machine until there is nothing to do but wait.
    pub fn pump(&mut self, ready: &mut Readiness, site: &mut M::Site, pool: &mut Pool, now: Now) -> Next {
        self.channel.outbox.lease(pool);
        self.sent_before = self.channel.outbox.sent_total();
        let next = match self.life {
            Life::Connecting => self.finish_connecting(ready, site, pool, now),
            Life::Open => self.converse(ready, site, pool, now),
            Life::Lingering(_) => self.linger(ready, site, pool, now),
        };
        self.channel.inbox.release(pool);
        self.channel.outbox.release(pool);
        next
    }

    /// Writable is not connected: first the pending error, then the peer's address tell.
    fn finish_connecting(
        &mut self,
        ready: &mut Readiness,
        site: &mut M::Site,
        pool: &mut Pool,
        now: Now,
    ) -> Next {
        if ready.is_writable() {
            let error = match self.channel.stream.take_error() {
                Ok(None) => self.channel.stream.peer_addr().err(),
                Ok(pending) => pending,
                Err(error) => Some(error),
            };
            match error {
                None => {
                    self.life = Life::Open;
                    return self.converse(ready, site, pool, now);
                }
                Some(error) if matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::WouldBlock) => {
                    ready.write_blocked();
                }
                Some(error) => {
                    return self.close(CloseReason::ConnectFailed(error.kind()), ready, site, pool, now);
                }
            }
        }
        if self.is_overdue(now) {
            let reason = CloseReason::ConnectFailed(ErrorKind::TimedOut);
            return self.close(reason, ready, site, pool, now);
        }
        Next::Wait
    }

    /// The loop: flush, fill, advance, until blocked, spent or over.
    fn converse(&mut self, ready: &mut Readiness, site: &mut M::Site, pool: &mut Pool, now: Now) -> Next {
        let (mut read_budget, mut write_budget) = (TURN_LEN_MAX, TURN_LEN_MAX);
        if self.is_overdue(now) {
            let Channel { inbox, outbox, .. } = &mut self.channel;
            self.want = self.machine.expire(inbox, outbox, site, now);
        } else if self.want == Want::Turn {
            self.advance(site, now);
        }
        loop {
            let flushed = match self.want {
                Want::Close(reason) => return self.close(reason, ready, site, pool, now),
                _ => self.channel.flush(ready, &mut write_budget),
            };
            let moved = match (self.want, flushed) {
                (Want::Input | Want::Either, Moved::Failed(reason @ CloseReason::Failed(_))) => {
                    self.channel.read_on(reason, ready, &mut self.machine, site, pool, &mut read_budget)
                }
                (_, Moved::Failed(reason)) => Moved::Failed(reason),
                (Want::Turn, _) => Moved::Spent,
                (Want::Either, Moved::Yes) => Moved::Yes,
                // Who has much to send still listens: the answer may come early.
                (Want::Input | Want::Either, Moved::Spent) => {
                    match self.fill(ready, site, pool, &mut read_budget) {
                        Moved::Blocked => Moved::Spent,
                        moved => moved,
                    }
                }
                (Want::Input | Want::Either, _) => self.fill(ready, site, pool, &mut read_budget),
                (_, flushed) => flushed,
            };
            match moved {
                Moved::Yes => self.advance(site, now),
                Moved::Blocked => return Next::Wait,
                Moved::Spent => return Next::Again,
                Moved::Failed(reason) => return self.close(reason, ready, site, pool, now),
            }
        }
    }

    fn advance(&mut self, site: &mut M::Site, now: Now) {
        let Channel { inbox, outbox, .. } = &mut self.channel;
        self.want = self.machine.advance(inbox, outbox, site, now);
    }

    fn fill(
        &mut self,
        ready: &mut Readiness,
        site: &mut M::Site,
        pool: &mut Pool,
        budget: &mut usize,
    ) -> Moved {
        self.channel.fill(ready, &mut self.machine, site, pool, budget)
    }

    fn is_overdue(&self, now: Now) -> bool {
        self.machine.deadline().is_some_and(|deadline| deadline <= now.instant)
    }

    /// Ends the conversation: at once, or by lingering if the peer may still be sending.
    fn close(
        &mut self,
        reason: CloseReason,
        ready: &mut Readiness,
        site: &mut M::Site,
        pool: &mut Pool,
        now: Now,
    ) -> Next {
        let broken_off = self.reset_if_broken_off();
        self.machine.closed(reason, &self.channel.outbox, site, now);
        if broken_off
            || !self.must_linger(reason, *ready)
            || self.channel.stream.shutdown(Shutdown::Write).is_err()
        {
            return Next::Close;
        }
        let ends = now.instant + LINGER_IN_ALL;
        let linger = Linger { silence_ends: now.instant + LINGER_SILENCE, ends };
        self.life = Life::Lingering(Box::new(linger));
        self.linger(ready, site, pool, now)
    }

    /// Sees to it that closing resets the connection if its end would pass for the end of a message.
    fn reset_if_broken_off(&self) -> bool {
        let broken_off = matches!(self.life, Life::Open) && self.machine.breaks_off(&self.channel.outbox);
        if broken_off
            && let Err(errno) = sockopt::set_socket_linger(&self.channel.stream, Some(Duration::ZERO))
        {
            log::warn!("cannot reset a connection whose answer breaks off: {errno}");
        }
        broken_off
    }

    /// Whether closing at once could make the kernel reset the connection, and so destroy an answer
    /// that the peer has yet to read: its end has only now left, and input is unread or is likely to
    /// come. A conversation that has ended as agreed, with nothing unread, needs no patience; nor
    /// does one that has been silent, whose last answer is long there.
    fn must_linger(&self, reason: CloseReason, ready: Readiness) -> bool {
        let answered_now =
            self.channel.outbox.is_empty() && self.channel.outbox.sent_total() > self.sent_before;
        let all_read = self.channel.inbox.is_empty() && !ready.is_readable();
        let agreed = reason == CloseReason::Finished && all_read;
        answered_now && reason.lingers() && !agreed && !self.channel.inbox.is_eof()
    }

    /// Discards input until the peer closes or patience ends.
    fn linger(&mut self, ready: &mut Readiness, site: &mut M::Site, pool: &mut Pool, now: Now) -> Next {
        let mut budget = TURN_LEN_MAX;
        loop {
            self.channel.inbox.discard();
            let moved = self.fill(ready, site, pool, &mut budget);
            let Life::Lingering(linger) = &mut self.life else { return Next::Close };
            match moved {
                Moved::Yes if !self.channel.inbox.is_eof() => {
                    linger.silence_ends = now.instant + LINGER_SILENCE;
                }
                _ if now.instant >= linger.silence_ends.min(linger.ends) => return Next::Close,
                Moved::Blocked => return Next::Wait,
                Moved::Spent => return Next::Again,
                Moved::Yes | Moved::Failed(_) => return Next::Close,
            }
        }
    }
}

impl<M: Machine> Connection for Link<M> {
    fn source(&mut self) -> &mut TcpStream {
        &mut self.channel.stream
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.life {
            Life::Connecting | Life::Open => self.machine.deadline(),
            Life::Lingering(linger) => Some(linger.silence_ends.min(linger.ends)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener as StdListener, TcpStream as StdStream};

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;
    use crate::net::{Inbox, Outbox};

    /// Answers whatever comes, and then refuses more if that is how it is; gives up when it is told.
    struct Parrot {
        refuses: bool,
        deadline: Option<Instant>,
        /// How often it was told of input, and how often it went on.
        received: usize,
        advanced: usize,
    }

    impl Machine for Parrot {
        type Site = ();

        fn advance(&mut self, inbox: &mut Inbox, outbox: &mut Outbox, _: &mut (), _: Now) -> Want {
            self.advanced += 1;
            if inbox.is_empty() {
                return Want::Close(CloseReason::Refused("no more"));
            }
            inbox.consume(inbox.bytes().len());
            outbox.push_static(b"answer");
            if self.refuses { Want::Drain } else { Want::Input }
        }

        fn received(&mut self, _: &mut ()) {
            self.received += 1;
        }

        fn deadline(&self) -> Option<Instant> {
            self.deadline
        }

        fn expire(&mut self, _: &mut Inbox, _: &mut Outbox, _: &mut (), _: Now) -> Want {
            Want::Close(CloseReason::TimedOut("a word"))
        }

        fn closed(&mut self, _: CloseReason, _: &Outbox, _: &mut (), _: Now) {}
    }

    /// A link whose peer has just spoken, and the peer.
    fn addressed(refuses: bool) -> (Link<Parrot>, StdStream) {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let mut peer = StdStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        peer.write_all(b"question").expect("room");
        let (stream, _) = listener.accept().expect("the other end");
        stream.set_nonblocking(true).expect("no blocking");
        poll(&mut [PollFd::new(&stream, PollFlags::IN)], None).expect("the question");
        let machine = Parrot { refuses, deadline: None, received: 0, advanced: 0 };
        (Link::accepted(TcpStream::from_std(stream), machine), peer)
    }

    fn pump(link: &mut Link<Parrot>, ready: &mut Readiness, now: Now) -> Next {
        link.pump(ready, &mut (), &mut Pool::new(1024), now)
    }

    #[test]
    fn an_answer_that_ends_the_connection_is_waited_for_until_the_peer_closes_or_patience_ends() {
        let now = Now::read();
        for peer_closes in [true, false] {
            let (mut link, peer) = addressed(true);
            let mut ready = Readiness::untried();
            assert_eq!(pump(&mut link, &mut ready, now), Next::Wait);
            assert_eq!(link.deadline(), Some(now.instant + LINGER_SILENCE));
            if peer_closes {
                drop(peer);
                poll(&mut [PollFd::new(&link.channel.stream, PollFlags::RDHUP)], None).expect("the end");
                assert_eq!(pump(&mut link, &mut Readiness::untried(), now), Next::Close);
            } else {
                let before = now.after(LINGER_SILENCE - Duration::from_millis(1));
                assert_eq!(pump(&mut link, &mut ready, before), Next::Wait);
                assert_eq!(pump(&mut link, &mut ready, now.after(LINGER_SILENCE)), Next::Close);
            }
        }
    }

    #[test]
    fn a_connection_that_has_been_silent_is_closed_at_once() {
        let now = Now::read();
        let (mut link, _peer) = addressed(false);
        let mut ready = Readiness::untried();
        assert_eq!(pump(&mut link, &mut ready, now), Next::Wait);
        link.machine_mut().deadline = Some(now.instant);
        assert_eq!(pump(&mut link, &mut ready, now), Next::Close);
    }

    #[test]
    fn what_is_taken_in_ahead_is_told_at_once_and_understood_in_its_turn() {
        let now = Now::read();
        let (mut link, peer) = addressed(false);
        let (mut ready, mut pool) = (Readiness::untried(), Pool::new(1024));
        let told = |link: &mut Link<Parrot>| (link.machine.received, link.machine.advanced);
        link.fill_ahead(&mut ready, &mut (), &mut pool, now);
        assert_eq!(told(&mut link), (1, 0));
        assert_eq!(pump(&mut link, &mut ready, now), Next::Wait);
        assert_eq!(told(&mut link), (1, 1));
        // Nothing more has come, and a buffer is held for nothing only while there is hope.
        let mut ready = Readiness::untried();
        link.fill_ahead(&mut ready, &mut (), &mut pool, now);
        assert!(!ready.is_readable() && link.channel.inbox.bytes().is_empty());
        assert_eq!(pump(&mut link, &mut ready, now), Next::Wait);
        assert_eq!(told(&mut link), (1, 1));
        // Whose time is over is not listened to any more, and the end is no input.
        link.machine_mut().deadline = Some(now.instant);
        peer.shutdown(Shutdown::Write).expect("its end");
        poll(&mut [PollFd::new(&link.channel.stream, PollFlags::RDHUP)], None).expect("the end");
        let mut ready = Readiness::untried();
        link.fill_ahead(&mut ready, &mut (), &mut pool, now);
        assert!(ready.is_readable() && !link.channel.inbox.is_eof());
        link.machine_mut().deadline = None;
        link.fill_ahead(&mut ready, &mut (), &mut pool, now);
        assert!(link.channel.inbox.is_eof() && told(&mut link) == (1, 1));
        assert_eq!(pump(&mut link, &mut ready, now), Next::Close);
    }
}

//! Connection slots: address, connection and reconnect time.
//!
//! It opens no socket.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pacer::ThreadShare;
use super::scheduler::InFlightRequest;
use crate::load::plan::run_plan::Plan;
use crate::reactor::Key;

/// First pause after all addresses failed, or after an unused connection; doubles each time.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// A restarted server is noticed within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Maximum if connections end unused: a due request may wait for it.
const UNUSED_RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(100);
/// Per host, about 4 MB; the oldest are given up.
const WAITING_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct TargetHost {
    addresses: Vec<SocketAddr>,
    tls_name: Option<String>,
    connected: usize,
    /// All addresses failed, and there is no connection.
    pub(super) is_refusing: bool,
    /// Longest idle first.
    idle_queue: VecDeque<usize>,
    /// Oldest first. With one host, requests stay in the schedule.
    pub(super) waiting: VecDeque<InFlightRequest>,
}

#[derive(Debug, Default)]
pub(super) struct LoadSlot {
    pub(super) host_index: usize,
    address_index: usize,
    failures: u32,
    unused_connections: u32,
    key: Option<Key>,
    is_in_idle_queue: bool,
    pub(super) can_send: bool,
    left_at: Option<Instant>,
    /// Oldest first; at most `pipeline`.
    pub(super) unanswered: VecDeque<InFlightRequest>,
}

#[derive(Debug)]
pub(super) struct ConnectionSlots {
    pub(super) hosts: Vec<TargetHost>,
    pub(super) host_of: Vec<usize>,
    pub(super) slots: Vec<LoadSlot>,
    reopen_queue: BinaryHeap<Reverse<(Instant, usize)>>,
    measured_from: Instant,
    /// Lost time of slots that could not connect and now are connected.
    lost: Duration,
    pub(super) taken: usize,
    pub(super) unanswered: usize,
}

impl ConnectionSlots {
    /// Spreads slots over hosts in proportion to their targets, and evenly over a host's addresses.
    pub(super) fn new(
        plan: &Plan,
        addresses: &[Vec<SocketAddr>],
        share: ThreadShare,
        start: Instant,
    ) -> io::Result<Self> {
        let count = share.own_count(plan.concurrency as u64) as usize;
        let (hosts, host_of) = origins(plan, addresses)?;
        let mut slots = Vec::with_capacity(count);
        // Slots per host over all threads: its addresses rotate.
        let mut slots_of = vec![0; hosts.len()];
        for number in 0..plan.concurrency {
            // At least one slot per host and thread.
            let first = number / (share.of as usize).max(1);
            let host_index = if first < hosts.len() { first } else { host_of[number % host_of.len()] };
            if share.owns(number as u64) {
                let address_index = slots_of[host_index] % hosts[host_index].addresses.len();
                slots.push(LoadSlot { host_index, address_index, ..LoadSlot::default() });
            }
            slots_of[host_index] += 1;
        }
        let closed = (0..count).map(|slot_index| Reverse((start, slot_index))).collect();
        let (measured_from, lost) = (start + plan.warmup, Duration::ZERO);
        Ok(Self { hosts, host_of, slots, reopen_queue: closed, measured_from, lost, taken: 0, unanswered: 0 })
    }

    pub(super) fn pop_closed(&mut self, at: Instant) -> Option<(usize, SocketAddr)> {
        self.next_open_at().filter(|when| *when <= at)?;
        let Reverse((_, slot_index)) = self.reopen_queue.pop()?;
        let slot = &self.slots[slot_index];
        Some((slot_index, self.hosts[slot.host_index].addresses[slot.address_index]))
    }

    pub(super) fn next_open_at(&self) -> Option<Instant> {
        self.reopen_queue.peek().map(|Reverse((when, _))| *when)
    }

    pub(super) fn set_key(&mut self, slot_index: usize, key: Key) {
        self.slots[slot_index].key = Some(key);
    }

    pub(super) fn on_connected(&mut self, slot_index: usize, at: Instant) {
        self.taken += 1;
        let slot = &mut self.slots[slot_index];
        self.lost += slot.lost_time(self.measured_from, at);
        slot.failures = 0;
        let host = &mut self.hosts[slot.host_index];
        (host.connected, host.is_refusing) = (host.connected + 1, false);
    }

    /// After an unused connection, pauses: a server that closes at once would get thousands of connections.
    pub(super) fn left(&mut self, slot_index: usize, opened: Instant, was_used: bool, at: Instant) {
        self.taken = self.taken.saturating_sub(1);
        let slot = &mut self.slots[slot_index];
        (slot.key, slot.can_send) = (None, false);
        self.hosts[slot.host_index].connected -= 1;
        slot.left_at = Some(at);
        slot.unused_connections = if was_used { 0 } else { slot.unused_connections.saturating_add(1) };
        let when = slot
            .unused_connections
            .checked_sub(1)
            .map_or(at, |doublings| at.max(opened + pause(doublings).min(UNUSED_RECONNECT_PAUSE_MAX)));
        self.reopen_queue.push(Reverse((when, slot_index)));
    }

    pub(super) fn failed(&mut self, slot_index: usize, at: Instant) {
        let slot = &mut self.slots[slot_index];
        (slot.key, slot.can_send) = (None, false);
        let host = &mut self.hosts[slot.host_index];
        let addresses = host.addresses.len();
        slot.failures = slot.failures.saturating_add(1);
        slot.address_index = (slot.address_index + 1) % addresses;
        let rounds = slot.failures / u32::try_from(addresses).unwrap_or(u32::MAX);
        host.is_refusing |= rounds > 0 && host.connected == 0;
        let pause = rounds.checked_sub(1).map_or(Duration::ZERO, pause);
        self.reopen_queue.push(Reverse((at + pause, slot_index)));
    }

    /// Queued at most once; `pop_idle` skips slots that cannot send.
    pub(super) fn set_can_send(&mut self, slot_index: usize, can_send: bool) {
        let slot = &mut self.slots[slot_index];
        slot.can_send = can_send && slot.key.is_some();
        if slot.can_send && !std::mem::replace(&mut slot.is_in_idle_queue, true) {
            self.hosts[slot.host_index].idle_queue.push_back(slot_index);
        }
    }

    pub(super) fn pop_idle(&mut self, host: usize) -> Option<Key> {
        while let Some(slot_index) = self.hosts[host].idle_queue.pop_front() {
            let slot = &mut self.slots[slot_index];
            slot.is_in_idle_queue = false;
            if slot.can_send {
                return slot.key;
            }
        }
        None
    }

    pub(super) fn strand(&mut self, slot_index: usize, request: InFlightRequest) {
        self.slots[slot_index].unanswered.push_back(request);
        self.unanswered += 1;
    }

    pub(super) fn pop_unanswered(&mut self, slot_index: usize) -> Option<InFlightRequest> {
        if self.unanswered == 0 {
            return None;
        }
        let request = self.slots.get_mut(slot_index)?.unanswered.pop_front()?;
        self.unanswered -= 1;
        Some(request)
    }

    pub(super) fn push_waiting(&mut self, request: InFlightRequest) -> Option<InFlightRequest> {
        let waiting = &mut self.hosts[self.host_of[request.url as usize]].waiting;
        waiting.push_back(request);
        if waiting.len() > WAITING_MAX { waiting.pop_front() } else { None }
    }

    pub(super) fn tls_name(&self, slot_index: usize) -> Option<&str> {
        self.hosts[self.slots[slot_index].host_index].tls_name.as_deref()
    }

    pub(super) fn lost_time(&self, at: Instant) -> Duration {
        let lost = self.slots.iter().map(|slot| slot.lost_time(self.measured_from, at));
        self.lost + lost.sum::<Duration>()
    }
}

impl LoadSlot {
    /// A first connect under way has lost nothing yet.
    fn lost_time(&self, measured_from: Instant, at: Instant) -> Duration {
        let since = if self.failures > 0 { self.left_at.unwrap_or(measured_from) } else { at };
        at.saturating_duration_since(since.max(measured_from))
    }
}

fn pause(doublings: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << doublings.min(16)).min(PAUSE_MAX)
}

fn origins(plan: &Plan, addresses: &[Vec<SocketAddr>]) -> io::Result<(Vec<TargetHost>, Vec<usize>)> {
    let mut names: Vec<(&str, u16, bool)> = Vec::new();
    let (mut hosts, mut host_of) = (Vec::<TargetHost>::new(), Vec::with_capacity(plan.targets.len()));
    for (url, target) in plan.targets.iter().enumerate() {
        let name = (target.host.as_str(), target.port, target.is_tls);
        let index = names.iter().position(|known| *known == name).unwrap_or(names.len());
        if index == names.len() {
            names.push(name);
            let addresses = addresses.get(url).cloned().unwrap_or_default();
            if addresses.is_empty() {
                return Err(io::Error::other(format!("{} has no address", target.authority())));
            }
            let tls_name = target.is_tls.then(|| target.host.clone());
            hosts.push(TargetHost { addresses, tls_name, ..TargetHost::default() });
        }
        host_of.push(index);
    }
    let (needed, connections) = (hosts.len() * plan.threads.max(1), plan.concurrency);
    if hosts.is_empty() || needed > connections {
        return Err(io::Error::other(format!(
            "{} hosts need a connection each in every thread, {needed}, and there are {connections}: raise -c",
            hosts.len()
        )));
    }
    Ok((hosts, host_of))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use super::*;

    use crate::client::target::ClientTarget;

    const SINGLE_THREAD: ThreadShare = ThreadShare { index: 0, of: 1 };

    /// Plan with this many connections; each letter is a host.
    fn plan(hosts: &str, concurrency: usize) -> Plan {
        let target = |host: char| ClientTarget {
            host: host.to_string(),
            port: 80,
            is_tls: false,
            path: "/".to_owned(),
        };
        Plan { targets: hosts.chars().map(target).collect(), concurrency, ..Plan::default() }
    }

    /// Address number `number` of this host.
    fn address(host: char, number: u8) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(127, 0, number, host as u8), 80))
    }

    fn seats(
        hosts: &str,
        concurrency: usize,
        each: u8,
        share: ThreadShare,
        start: Instant,
    ) -> io::Result<ConnectionSlots> {
        let addresses: Vec<Vec<_>> =
            hosts.chars().map(|host| (0..each).map(|number| address(host, number)).collect()).collect();
        let plan = Plan { threads: share.of as usize, ..plan(hosts, concurrency) };
        ConnectionSlots::new(&plan, &addresses, share, start)
    }

    fn connections_by_address(
        hosts: &str,
        concurrency: usize,
        each: u8,
        threads: u64,
    ) -> BTreeMap<SocketAddr, usize> {
        let start = crate::reactor::Now::read().instant;
        let mut spread = BTreeMap::new();
        for index in 0..threads {
            let mut slots =
                seats(hosts, concurrency, each, ThreadShare { index, of: threads }, start).expect("seats");
            while let Some((_, address)) = slots.pop_closed(start) {
                *spread.entry(address).or_default() += 1;
            }
        }
        spread
    }

    #[test]
    fn slots_spread_by_targets_over_hosts_evenly_over_addresses() {
        let even = |addresses: &[(char, u8, usize)]| {
            addresses.iter().map(|(host, number, count)| (address(*host, *number), *count)).collect()
        };
        for (hosts, concurrency, each, threads, expected) in [
            ("a", 5, 1, [1, 2, 3], &[('a', 0, 5)][..]),
            ("a", 6, 2, [1, 2, 3], &[('a', 0, 3), ('a', 1, 3)]),
            ("ab", 6, 1, [1, 2, 3], &[('a', 0, 3), ('b', 0, 3)]),
            ("aaab", 8, 1, [1, 1, 2], &[('a', 0, 5), ('b', 0, 3)]),
            ("ab", 8, 2, [1, 2, 3], &[('a', 0, 2), ('a', 1, 2), ('b', 0, 2), ('b', 1, 2)]),
            ("aaab", 40, 2, [1, 1, 2], &[('a', 0, 15), ('a', 1, 14), ('b', 0, 6), ('b', 1, 5)]),
            // The first slots of each thread go to different hosts.
            ("aaab", 40, 2, [3, 3, 3], &[('a', 0, 14), ('a', 1, 14), ('b', 0, 6), ('b', 1, 6)]),
            ("abc", 9, 1, [1, 2, 3], &[('a', 0, 3), ('b', 0, 3), ('c', 0, 3)]),
        ] {
            for threads in threads {
                let spread = connections_by_address(hosts, concurrency, each, threads);
                assert_eq!(spread, even(expected), "{hosts} {concurrency} {threads}");
            }
        }
    }

    #[test]
    fn slots_with_too_few_connections_or_no_address_fail() {
        let start = crate::reactor::Now::read().instant;
        assert!(seats("abc", 2, 1, SINGLE_THREAD, start).is_err());
        assert!(seats("abc", 5, 1, ThreadShare { index: 1, of: 2 }, start).is_err());
        assert!(seats("abc", 6, 1, ThreadShare { index: 1, of: 2 }, start).is_ok());
        assert!(seats("a", 1, 0, SINGLE_THREAD, start).is_err());
    }

    #[test]
    fn failed_connect_tries_next_address_then_backs_off() {
        let start = crate::reactor::Now::read().instant;
        let mut slots = seats("a", 1, 2, SINGLE_THREAD, start).expect("seats");
        for (pause, number) in [(0, 0), (0, 1), (10, 0), (10, 1), (20, 0), (20, 1), (40, 0)] {
            let when = slots.next_open_at().expect("it is vacant");
            assert_eq!(when, start + Duration::from_millis(pause));
            let (slot_index, found) = slots.pop_closed(when).expect("it is vacant");
            assert_eq!((slot_index, found), (0, address('a', number)));
            slots.failed(slot_index, start);
        }
    }

    #[test]
    fn slot_closed_after_connect_reopens_without_pause() {
        let start = crate::reactor::Now::read().instant;
        let mut slots = seats("a", 1, 1, SINGLE_THREAD, start).expect("seats");
        for pause in [10, 20, 40] {
            slots.reopen_queue.clear();
            slots.failed(0, start);
            assert_eq!(slots.next_open_at(), Some(start + Duration::from_millis(pause)));
        }
        slots.reopen_queue.clear();
        slots.on_connected(0, start);
        slots.left(0, start, true, start);
        assert_eq!(slots.next_open_at(), Some(start));
        slots.reopen_queue.clear();
        slots.failed(0, start);
        assert_eq!(slots.next_open_at(), Some(start + Duration::from_millis(10)));
    }

    #[test]
    fn unused_connection_reopens_after_pause_from_its_opening() {
        let start = crate::reactor::Now::read().instant;
        let mut slots = seats("a", 1, 1, SINGLE_THREAD, start).expect("seats");
        for (unused_for, wanted) in [(0, 10), (0, 20), (30, 40), (95, 95), (0, 100), (0, 100), (3000, 3000)] {
            let opened = slots.next_open_at().expect("it is vacant");
            slots.pop_closed(opened).expect("it is vacant");
            slots.on_connected(0, opened);
            slots.left(0, opened, false, opened + Duration::from_millis(unused_for));
            assert_eq!(slots.next_open_at(), Some(opened + Duration::from_millis(wanted)));
        }
        // After a request, the slot reopens at once.
        let opened = slots.next_open_at().expect("it is vacant");
        slots.pop_closed(opened).expect("it is vacant");
        slots.on_connected(0, opened);
        slots.left(0, opened, true, opened);
        assert_eq!(slots.next_open_at(), Some(opened));
    }

    #[test]
    fn pop_idle_is_fifo_and_skips_closed_and_busy_slots() {
        let start = crate::reactor::Now::read().instant;
        let mut slots = seats("a", 3, 1, SINGLE_THREAD, start).expect("seats");
        let mut keys = Vec::new();
        for slot_index in 0..3 {
            let key = Key::for_test(slot_index);
            slots.on_connected(slot_index as usize, start);
            slots.set_key(slot_index as usize, key);
            slots.set_can_send(slot_index as usize, true);
            slots.set_can_send(slot_index as usize, true);
            keys.push(key);
        }
        slots.left(0, start, true, start);
        assert_eq!([slots.pop_idle(0), slots.pop_idle(0)], [Some(keys[1]), Some(keys[2])]);
        assert_eq!(slots.pop_idle(0), None);
        // A slot that became busy in the queue is skipped too, and is queued once.
        for can_send in [true, false, true, false] {
            slots.set_can_send(1, can_send);
        }
        slots.set_can_send(2, true);
        assert_eq!((slots.hosts[0].idle_queue.len(), slots.pop_idle(0)), (2, Some(keys[2])));
    }

    #[test]
    fn lost_time_counts_from_end_of_connection_if_connect_fails() {
        let start = crate::reactor::Now::read().instant;
        let after = |millis| start + Duration::from_millis(millis);
        let mut slots = seats("a", 2, 1, SINGLE_THREAD, start).expect("seats");
        slots.on_connected(0, after(100));
        assert_eq!(slots.lost_time(after(900)), Duration::ZERO, "slow connects");
        slots.failed(1, after(1000));
        assert!(!slots.hosts[0].is_refusing, "the other slot is connected");
        slots.left(0, start, true, after(1000));
        slots.failed(0, after(1001));
        assert!(slots.hosts[0].is_refusing);
        slots.on_connected(1, after(1500));
        assert!(!slots.hosts[0].is_refusing);
        assert_eq!(slots.lost_time(after(1800)), Duration::from_millis(1500 + 800));
        slots.on_connected(0, after(1900));
        assert_eq!(slots.lost_time(after(5000)), Duration::from_millis(1500 + 900));
    }

    #[test]
    fn waiting_requests_are_bounded_oldest_leaves_first() {
        let start = crate::reactor::Now::read().instant;
        let mut slots = seats("ab", 2, 1, SINGLE_THREAD, start).expect("seats");
        for number in 0..WAITING_MAX as u64 + 2 {
            let request = InFlightRequest { url: 1, intended: start, sent: start, number, is_counted: false };
            let dropped = slots.push_waiting(request).map(|request| request.number);
            assert_eq!(dropped, number.checked_sub(WAITING_MAX as u64));
        }
        assert_eq!(slots.hosts.iter().map(|host| host.waiting.len()).collect::<Vec<_>>(), [0, WAITING_MAX]);
    }
}

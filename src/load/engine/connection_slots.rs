//! Connection slots: address, connection and reconnect time.
//!
//! It opens no socket.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::in_flight::InFlightRequest;
use super::pacer::ThreadShare;
use crate::load::plan::run_plan::Plan;
use crate::reactor::Key;

/// First pause after all addresses failed, or after an unused connection; doubles each time.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Maximum: a restarted server is noticed within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Maximum if connections end unused: a due request may wait for it.
const UNUSED_RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct TargetHost {
    addresses: Vec<SocketAddr>,
    urls: Vec<u32>,
    asked: u64,
}

#[derive(Debug, Default)]
struct LoadSlot {
    host_index: usize,
    address_index: usize,
    failures: u32,
    unused_connections: u32,
    key: Option<Key>,
    is_in_idle_queue: bool,
    can_send: bool,
    /// Requests of the last connection, oldest first; at most `pipeline`.
    unanswered: VecDeque<InFlightRequest>,
}

#[derive(Debug)]
pub(super) struct ConnectionSlots {
    hosts: Vec<TargetHost>,
    slots: Vec<LoadSlot>,
    /// Slots, longest idle first.
    idle_queue: VecDeque<usize>,
    reopen_queue: BinaryHeap<Reverse<(Instant, usize)>>,
    share: ThreadShare,
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
        let (hosts, host_of) = origins(plan, addresses)?;
        let count = share.own_count(plan.concurrency as u64) as usize;
        let mut slots = Vec::with_capacity(count);
        // Slots per host over all threads: its addresses rotate.
        let mut slots_of = vec![0; hosts.len()];
        for number in 0..plan.concurrency {
            // At least one slot per host.
            let host = match host_of.get(number % host_of.len()) {
                Some(host) if number >= hosts.len() => *host,
                _ => number % hosts.len(),
            };
            let addresses = hosts.get(host).map_or(1, |host| host.addresses.len());
            let before = slots_of.get_mut(host).map_or(0, |slots| std::mem::replace(slots, *slots + 1));
            if share.owns(number as u64) {
                let address_index = before % addresses;
                slots.push(LoadSlot { host_index: host, address_index, ..LoadSlot::default() });
            }
        }
        let closed = (0..count).map(|slot_index| Reverse((start, slot_index))).collect();
        let idle = VecDeque::with_capacity(count);
        Ok(Self { hosts, slots, idle_queue: idle, reopen_queue: closed, share, taken: 0, unanswered: 0 })
    }

    pub(super) fn pop_closed(&mut self, at: Instant) -> Option<(usize, SocketAddr)> {
        self.next_open_at().filter(|when| *when <= at)?;
        let Reverse((_, slot_index)) = self.reopen_queue.pop()?;
        let slot = self.slots.get(slot_index)?;
        let address = self.hosts.get(slot.host_index)?.addresses.get(slot.address_index)?;
        Some((slot_index, *address))
    }

    pub(super) fn next_open_at(&self) -> Option<Instant> {
        self.reopen_queue.peek().map(|Reverse((when, _))| *when)
    }

    pub(super) fn set_key(&mut self, slot_index: usize, key: Key) {
        if let Some(slot) = self.slots.get_mut(slot_index) {
            slot.key = Some(key);
        }
    }

    pub(super) fn on_connected(&mut self, slot_index: usize) {
        self.taken += 1;
        if let Some(slot) = self.slots.get_mut(slot_index) {
            slot.failures = 0;
        }
    }

    /// Reopens the slot at once; after an unused connection, with a pause. Without the pause, a server that
    /// closes at once would get thousands of connections.
    pub(super) fn left(&mut self, slot_index: usize, opened: Instant, was_used: bool, at: Instant) {
        self.taken = self.taken.saturating_sub(1);
        self.clear_key(slot_index);
        let Some(slot) = self.slots.get_mut(slot_index) else { return };
        slot.unused_connections = if was_used { 0 } else { slot.unused_connections.saturating_add(1) };
        let when = slot
            .unused_connections
            .checked_sub(1)
            .map_or(at, |doublings| at.max(opened + pause(doublings).min(UNUSED_RECONNECT_PAUSE_MAX)));
        self.reopen_queue.push(Reverse((when, slot_index)));
    }

    /// Tries the next address; after all failed, with a pause.
    pub(super) fn failed(&mut self, slot_index: usize, at: Instant) {
        self.clear_key(slot_index);
        let Some(slot) = self.slots.get_mut(slot_index) else { return };
        let addresses = self.hosts.get(slot.host_index).map_or(1, |host| host.addresses.len());
        slot.failures = slot.failures.saturating_add(1);
        slot.address_index = (slot.address_index + 1) % addresses;
        let rounds = slot.failures / u32::try_from(addresses).unwrap_or(u32::MAX);
        let pause = rounds.checked_sub(1).map_or(Duration::ZERO, pause);
        self.reopen_queue.push(Reverse((at + pause, slot_index)));
    }

    fn clear_key(&mut self, slot_index: usize) {
        if let Some(slot) = self.slots.get_mut(slot_index) {
            slot.key = None;
            slot.can_send = false;
        }
    }

    /// Queued at most once; `pop_idle` skips slots that cannot send.
    pub(super) fn set_can_send(&mut self, slot_index: usize, can_send: bool) {
        if let Some(slot) = self.slots.get_mut(slot_index) {
            slot.can_send = can_send && slot.key.is_some();
            if slot.can_send && !std::mem::replace(&mut slot.is_in_idle_queue, true) {
                self.idle_queue.push_back(slot_index);
            }
        }
    }

    pub(super) fn pop_idle(&mut self) -> Option<Key> {
        while let Some(slot_index) = self.idle_queue.pop_front() {
            let Some(slot) = self.slots.get_mut(slot_index) else { continue };
            slot.is_in_idle_queue = false;
            if slot.can_send {
                return slot.key;
            }
        }
        None
    }

    pub(super) fn strand(&mut self, slot_index: usize, request: InFlightRequest) {
        if let Some(slot) = self.slots.get_mut(slot_index) {
            slot.unanswered.push_back(request);
            self.unanswered += 1;
        }
    }

    pub(super) fn pop_unanswered(&mut self, slot_index: usize) -> Option<InFlightRequest> {
        if self.unanswered == 0 {
            return None;
        }
        let request = self.slots.get_mut(slot_index)?.unanswered.pop_front()?;
        self.unanswered -= 1;
        Some(request)
    }

    pub(super) fn first_unanswered(&self, slot_index: usize) -> Option<&InFlightRequest> {
        self.slots.get(slot_index)?.unanswered.front()
    }

    pub(super) fn pop_any_unanswered(&mut self) -> Option<InFlightRequest> {
        let slot_index = self.slots.iter().position(|slot| !slot.unanswered.is_empty())?;
        self.pop_unanswered(slot_index)
    }

    /// `choose(number, url_count)` selects the URL.
    pub(super) fn next_url(&mut self, slot_index: usize, choose: impl FnOnce(u64, u64) -> u64) -> u32 {
        let host = match self.hosts.as_mut_slice() {
            // Reading the slot is one more cache miss.
            [only] => Some(only),
            all => self.slots.get(slot_index).and_then(|slot| all.get_mut(slot.host_index)),
        };
        let Some(host) = host else { return 0 };
        let number = self.share.global_number(host.asked);
        host.asked += 1;
        let index = choose(number, host.urls.len() as u64) as usize;
        host.urls.get(index).copied().unwrap_or_default()
    }
}

fn pause(doublings: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << doublings.min(16)).min(PAUSE_MAX)
}

/// Distinct hosts, and each target's host index.
fn origins(plan: &Plan, addresses: &[Vec<SocketAddr>]) -> io::Result<(Vec<TargetHost>, Vec<usize>)> {
    let mut names: Vec<(&str, u16)> = Vec::new();
    let (mut hosts, mut host_of) = (Vec::<TargetHost>::new(), Vec::with_capacity(plan.targets.len()));
    for (url, target) in plan.targets.iter().enumerate() {
        let name = (target.host.as_str(), target.port);
        let index = names.iter().position(|known| *known == name).unwrap_or(names.len());
        if index == names.len() {
            names.push(name);
            let addresses = addresses.get(url).cloned().unwrap_or_default();
            if addresses.is_empty() {
                return Err(io::Error::other(format!("{} has no address", target.authority())));
            }
            hosts.push(TargetHost { addresses, urls: Vec::new(), asked: 0 });
        }
        if let Some(host) = hosts.get_mut(index) {
            host.urls.push(u32::try_from(url).unwrap_or(u32::MAX));
        }
        host_of.push(index);
    }
    if hosts.is_empty() || hosts.len() > plan.concurrency {
        let (hosts, connections) = (hosts.len(), plan.concurrency);
        return Err(io::Error::other(format!(
            "{hosts} hosts need a connection each, and there are {connections}: raise -c"
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
        let target = |host: char| ClientTarget { host: host.to_string(), port: 80, path: "/".to_owned() };
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
        ConnectionSlots::new(&plan(hosts, concurrency), &addresses, share, start)
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
        for threads in [1, 2, 3] {
            for (hosts, concurrency, each, expected) in [
                ("a", 5, 1, &[('a', 0, 5)][..]),
                ("a", 6, 2, &[('a', 0, 3), ('a', 1, 3)]),
                ("ab", 6, 1, &[('a', 0, 3), ('b', 0, 3)]),
                ("aaab", 8, 1, &[('a', 0, 5), ('b', 0, 3)]),
                ("ab", 8, 2, &[('a', 0, 2), ('a', 1, 2), ('b', 0, 2), ('b', 1, 2)]),
                ("aaab", 40, 2, &[('a', 0, 15), ('a', 1, 14), ('b', 0, 6), ('b', 1, 5)]),
                ("abc", 3, 1, &[('a', 0, 1), ('b', 0, 1), ('c', 0, 1)]),
            ] {
                assert_eq!(
                    connections_by_address(hosts, concurrency, each, threads),
                    even(expected),
                    "{hosts} {concurrency}"
                );
            }
        }
    }

    #[test]
    fn slots_with_too_few_connections_or_no_address_fail() {
        let start = crate::reactor::Now::read().instant;
        assert!(seats("abc", 2, 1, SINGLE_THREAD, start).is_err());
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
        slots.on_connected(0);
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
            slots.left(0, opened, false, opened + Duration::from_millis(unused_for));
            assert_eq!(slots.next_open_at(), Some(opened + Duration::from_millis(wanted)));
        }
        // After a request, the slot reopens at once.
        let opened = slots.next_open_at().expect("it is vacant");
        slots.pop_closed(opened).expect("it is vacant");
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
            slots.set_key(slot_index as usize, key);
            slots.set_can_send(slot_index as usize, true);
            slots.set_can_send(slot_index as usize, true);
            keys.push(key);
        }
        slots.left(0, start, true, start);
        assert_eq!([slots.pop_idle(), slots.pop_idle()], [Some(keys[1]), Some(keys[2])]);
        assert_eq!(slots.pop_idle(), None);
        // A slot that became busy in the queue is skipped too, and is queued once.
        for can_send in [true, false, true, false] {
            slots.set_can_send(1, can_send);
        }
        slots.set_can_send(2, true);
        assert_eq!((slots.idle_queue.len(), slots.pop_idle()), (2, Some(keys[2])));
    }

    #[test]
    fn sequential_urls_rotate_over_all_threads() {
        let start = crate::reactor::Now::read().instant;
        let of = 2;
        let mut request = [0, 1].map(|index| {
            let mut slots = seats("aaa", 2, 1, ThreadShare { index, of }, start).expect("seats");
            [0; 3].map(|_| slots.next_url(0, |number, urls| number % urls))
        });
        let mut all = request.as_flattened_mut().to_vec();
        all.sort_unstable();
        assert_eq!((request, all), ([[0, 2, 1], [1, 0, 2]], vec![0, 0, 1, 1, 2, 2]));
    }
}

//! State shared by all workers of the process.
//!
//! A cached GET takes no lock and writes nothing here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::{Add, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ServerTls;
use super::auth::Authenticator;
use super::rules::{RequestRates, address_network};
use super::stats::Stats;
use crate::files::{DirSync, PartialLeases, RootId};
use crate::net::{Bandwidth, MemoryLimit};
use crate::reactor::ListenerId;

/// Shortages of memory that follow sooner are one, which is reported once.
const SHORTAGE_APART: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Shared {
    pub(super) tls: Option<ServerTls>,
    pub(super) tls_listeners: Range<ListenerId>,
    /// Set if plain HTTP is redirected.
    pub(super) https_port: Option<u16>,
    pub(super) authenticator: Option<Arc<Authenticator>>,
    /// Preconditions must hold while an upload gets its name.
    pub(super) rename_lock: Mutex<()>,
    pub(super) dir_sync: Arc<DirSync>,
    pub(super) upload_leases: Arc<PartialLeases>,
    /// `None` before the first log line of it.
    reported_root: Mutex<Option<RootId>>,
    /// Beyond loopback, or everywhere if the option is given.
    pub(super) connections_per_ip_max: Option<usize>,
    /// Clones count the open connections, by IPv4 address or IPv6 /64.
    addresses: Mutex<HashMap<IpAddr, Arc<()>>>,
    pub(super) request_rates: RequestRates,
    pub(super) memory: Option<MemoryLimit>,
    pub(super) bandwidth: Option<Arc<Bandwidth>>,
    /// The end of the time in which a shortage of memory is not reported anew.
    shortage_until: Mutex<Option<Instant>>,
    /// Counters since SIGUSR2, by worker index.
    reports: Mutex<Vec<Option<Stats>>>,
}

impl Shared {
    pub(super) fn is_first_to_find(&self, root: RootId) -> bool {
        let mut reported = self.reported_root.lock().unwrap_or_else(PoisonError::into_inner);
        reported.replace(root) != Some(root)
    }

    pub(super) fn root_was_replaced(&self) -> bool {
        self.reported_root.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// A clone counts until it is dropped.
    pub(super) fn count_address(&self, ip: IpAddr) -> Arc<()> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() == addresses.capacity() {
            addresses.retain(|_, count| Arc::strong_count(count) > 1);
        }
        Arc::clone(addresses.entry(address_network(ip)).or_default())
    }

    pub(super) fn is_new_shortage(&self, now: Instant) -> bool {
        let mut until = self.shortage_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.replace(now + SHORTAGE_APART).is_none_or(|until| until < now)
    }

    pub(super) fn report(&self, worker_id: WorkerId, stats: Stats) -> Option<Stats> {
        // A worker that panics leaves complete counters.
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.resize(worker_id.worker_count, None);
        if let Some(slot) = reports.get_mut(worker_id.index) {
            *slot = Some(stats);
        }
        let all: Option<Vec<Stats>> = reports.iter().copied().collect();
        all.map(|all| {
            reports.clear();
            all.into_iter().fold(Stats::default(), Stats::add)
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkerId {
    pub(super) index: usize,
    pub(super) worker_count: usize,
}

impl WorkerId {
    /// Process-wide, from 1.
    pub(super) fn connection_number(self, count: u64) -> u64 {
        count.saturating_sub(1).saturating_mul(self.worker_count as u64).saturating_add(self.index as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let shared = Shared::default();
        let count = |text: &str| shared.count_address(text.parse().expect("an address"));
        let one = count("2001:db8:0:1::1");
        let same = ["2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff"].map(count);
        let others = ["2001:db8:0:2::1", "192.0.2.1", "192.0.2.2"].map(count);
        let mapped = count("::ffff:192.0.2.1");
        assert!(same.iter().all(|same| Arc::ptr_eq(same, &one)));
        assert!(others.iter().all(|other| !Arc::ptr_eq(other, &one)));
        assert!(Arc::ptr_eq(&mapped, &others[1]));
    }

    #[test]
    fn addresses_without_connections_are_forgotten() {
        let shared = Shared::default();
        let kept = shared.count_address([192, 0, 2, 1].into());
        for number in 0..100_000_u32 {
            shared.count_address(std::net::Ipv4Addr::from(number).into());
        }
        let addresses = shared.addresses.lock().expect("a table");
        assert!(addresses.len() < 100, "{}", addresses.len());
        assert!(Arc::strong_count(&kept) == 2 && addresses.values().any(|count| Arc::ptr_eq(count, &kept)));
    }

    #[test]
    fn connection_numbers_of_two_workers_are_distinct() {
        let numbers =
            |index| (1..=3).map(move |count| WorkerId { index, worker_count: 2 }.connection_number(count));
        assert_eq!(numbers(0).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(numbers(1).collect::<Vec<_>>(), [2, 4, 6]);
    }
}

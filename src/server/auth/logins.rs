//! Logins in progress, and the delays after wrong passwords.
//!
//! No password is compared here.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Mac;
use super::password_file::PasswordFile;
use crate::reactor::{Helpers, Key};

/// Most verifications at a time: a class logs in at once.
const RUNNING_MAX: usize = 32;
/// Cached successes: more than most files have users.
const VERIFIED_MAX: usize = 4096;
/// Remembered addresses with wrong passwords: bounds memory.
const ADDRESSES_MAX: usize = 4096;
/// Delay after the second wrong password; each more doubles it.
const DELAY_MIN: Duration = Duration::from_millis(250);
/// Longest delay: below [`LOGIN_TIMEOUT`].
const DELAY_MAX: Duration = Duration::from_secs(8);
/// Time after the last wrong password until all are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// Longest wait for a verification: a client waits for the head.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct LoginAttempt {
    started: Instant,
    outcome: OnceLock<LoginOutcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// The time of the next step.
    Pending(Instant),
    TimedOut,
    Wrong,
    /// Cached, unless the passwords were loaded anew.
    Right,
}

#[derive(Default)]
pub(super) struct Logins {
    pub(super) file: Arc<PasswordFile>,
    pub(super) verified: HashSet<Mac>,
    running: HashMap<Mac, RunningLogin>,
    /// Number of wrong passwords, start of the last.
    wrong: HashMap<IpAddr, (u32, Instant)>,
}

struct RunningLogin {
    attempt: Arc<LoginAttempt>,
    address: IpAddr,
    waiting: Vec<(Helpers, Key)>,
}

impl LoginAttempt {
    pub(crate) fn outcome(&self, now: Instant) -> LoginOutcome {
        let deadline = self.started + LOGIN_TIMEOUT;
        match self.outcome.get() {
            Some(LoginOutcome::Pending(until)) if now >= *until => LoginOutcome::Wrong,
            Some(outcome) => *outcome,
            None if now < deadline => LoginOutcome::Pending(deadline),
            None => LoginOutcome::TimedOut,
        }
    }
}

impl Logins {
    pub(super) fn new(file: PasswordFile) -> Self {
        Self { file: Arc::new(file), ..Self::default() }
    }

    /// `None`: too many. `true`: the caller must verify.
    pub(super) fn begin(
        &mut self,
        mac: Mac,
        ip: IpAddr,
        waiter: Option<(Helpers, Key)>,
        now: Instant,
    ) -> Option<(Arc<LoginAttempt>, bool)> {
        if let Some(running) = self.running.get_mut(&mac) {
            let is_pending = matches!(running.attempt.outcome(now), LoginOutcome::Pending(_));
            running.waiting.extend(waiter.filter(|_| is_pending));
            return Some((Arc::clone(&running.attempt), false));
        }
        let address = subnet(ip);
        self.wrong.retain(|_, (_, started)| now < *started + FORGET_AFTER);
        let is_delayed = |&(count, started)| now < started + delay(count);
        if self.wrong.get(&address).is_some_and(is_delayed)
            || self.running.values().any(|running| running.address == address)
            || self.running.len() >= RUNNING_MAX
        {
            return None;
        }
        let attempt = Arc::new(LoginAttempt { started: now, outcome: OnceLock::new() });
        let waiting = waiter.into_iter().collect();
        self.running.insert(mac, RunningLogin { attempt: Arc::clone(&attempt), address, waiting });
        Some((attempt, true))
    }

    /// A success with a replaced `file` is not cached.
    pub(super) fn end(&mut self, mac: Mac, is_right: bool, file: &Arc<PasswordFile>) {
        let Some(RunningLogin { attempt, address, waiting }) = self.running.remove(&mac) else { return };
        let outcome = match is_right {
            true => LoginOutcome::Right,
            false => LoginOutcome::Pending(attempt.started + self.count_wrong(address, attempt.started)),
        };
        if is_right && Arc::ptr_eq(file, &self.file) {
            if self.verified.len() >= VERIFIED_MAX {
                self.verified.clear();
            }
            self.verified.insert(mac);
        }
        let _ = attempt.outcome.set(outcome);
        waiting.into_iter().for_each(|(helpers, key)| helpers.wake(key));
    }

    fn count_wrong(&mut self, address: IpAddr, started: Instant) -> Duration {
        if self.wrong.len() >= ADDRESSES_MAX {
            self.wrong.clear();
        }
        let record = self.wrong.entry(address).or_insert((0, started));
        *record = (record.0.saturating_add(1), started);
        delay(record.0)
    }
}

fn delay(wrong_count: u32) -> Duration {
    let doublings = wrong_count.saturating_sub(2).min(16);
    if wrong_count < 2 { Duration::ZERO } else { (DELAY_MIN * (1 << doublings)).min(DELAY_MAX) }
}

/// An IPv6 host has a /64.
fn subnet(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::HelperPool;
    use std::sync::mpsc;

    const MAC: Mac = [1; 32];

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn end(logins: &mut Logins, mac: Mac, is_right: bool) {
        let file = Arc::clone(&logins.file);
        logins.end(mac, is_right, &file);
    }

    /// Starts a verification and ends it; returns the attempt, or `None` if there were too many.
    fn log_in(logins: &mut Logins, text: &str, is_right: bool, now: Instant) -> Option<Arc<LoginAttempt>> {
        let (attempt, is_first) = logins.begin(MAC, ip(text), None, now)?;
        assert!(is_first);
        end(logins, MAC, is_right);
        Some(attempt)
    }

    #[test]
    fn delays_double_for_wrong_passwords_of_one_address() {
        let (mut logins, mut now) = (Logins::default(), Instant::now());
        for millis in [0, 250, 500, 1000, 2000, 4000, 8000, 8000] {
            let attempt = log_in(&mut logins, "2001:db8::1", false, now).expect("it may try");
            let end = now + Duration::from_millis(millis);
            if millis > 0 {
                let before = end - Duration::from_millis(1);
                assert_eq!(attempt.outcome(before), LoginOutcome::Pending(end));
                assert!(logins.begin(MAC, ip("2001:db8::2"), None, before).is_none(), "the same /64");
                let other = log_in(&mut logins, "2001:db8:0:1::1", true, before).expect("another /64");
                assert_eq!(other.outcome(before), LoginOutcome::Right);
            }
            assert_eq!(attempt.outcome(end), LoginOutcome::Wrong);
            now = end;
        }
        let right = log_in(&mut logins, "2001:db8::1", true, now).expect("it may try");
        assert_eq!(right.outcome(now), LoginOutcome::Right, "a right password is not delayed");
        now += FORGET_AFTER;
        let attempt = log_in(&mut logins, "2001:db8::1", false, now).expect("it may try");
        assert_eq!(attempt.outcome(now), LoginOutcome::Wrong, "the others are forgotten");
    }

    #[test]
    fn one_verification_per_address_and_a_bound_in_all() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        let (first, _) = logins.begin(MAC, ip("10.0.0.1"), None, now).expect("it may try");
        assert!(logins.begin([2; 32], ip("10.0.0.1"), None, now).is_none());
        assert!(logins.begin([2; 32], ip("::ffff:10.0.0.1"), None, now).is_none());
        let (joined, is_first) = logins.begin(MAC, ip("10.0.0.9"), None, now).expect("the same credentials");
        assert!(Arc::ptr_eq(&first, &joined) && !is_first);
        for number in 2..=RUNNING_MAX {
            let address = IpAddr::from([10, 0, 1, number as u8]);
            assert!(logins.begin([number as u8; 32], address, None, now).is_some(), "{number}");
        }
        assert!(logins.begin([99; 32], ip("10.0.0.3"), None, now).is_none());
        assert_eq!(first.outcome(now + LOGIN_TIMEOUT), LoginOutcome::TimedOut);
        end(&mut logins, MAC, true);
        assert_eq!(first.outcome(now + LOGIN_TIMEOUT), LoginOutcome::Right);
        assert!(logins.begin([99; 32], ip("10.0.0.3"), None, now).is_some());
    }

    #[test]
    fn end_wakes_connection_while_many_jobs_are_pending() {
        let helpers = Helpers::new(HelperPool::new(1)).expect("an eventfd");
        let (_release, released) = mpsc::channel::<()>();
        helpers.submit(None, move || _ = released.recv());
        while !helpers.is_full() {
            helpers.submit(None, || {});
        }
        let (mut logins, waiter) = (Logins::default(), (helpers.clone(), Key::for_test(1)));
        logins.begin(MAC, ip("::1"), Some(waiter), Instant::now()).expect("it may try");
        end(&mut logins, MAC, true);
        assert!(helpers.wakes_loop());
    }

    #[test]
    fn success_with_old_passwords_is_not_cached() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        let old = Arc::default();
        for file in [old, Arc::clone(&logins.file)] {
            logins.begin(MAC, ip("::1"), None, now).expect("it may try");
            logins.end(MAC, true, &file);
            assert_eq!(logins.verified.contains(&MAC), Arc::ptr_eq(&file, &logins.file));
        }
    }

    #[test]
    fn tables_stay_bounded() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        for number in 0..2 * ADDRESSES_MAX as u32 {
            let mut mac = MAC;
            mac[..4].copy_from_slice(&number.to_be_bytes());
            let address = IpAddr::from(number.to_be_bytes());
            for is_right in [true, false] {
                logins.begin(mac, address, None, now).expect("it may try");
                end(&mut logins, mac, is_right);
            }
        }
        assert!(logins.wrong.len() <= ADDRESSES_MAX && logins.verified.len() <= VERIFIED_MAX);
        assert!(logins.running.is_empty());
    }
}

//! Coarse timer wheel.
//!
//! A connection moves its deadline by a store; a wheel tick checks it.

use std::mem;
use std::time::{Duration, Instant};

use super::Key;

/// Time-outs are in seconds, so 100 ms is precise enough.
const TICK: Duration = Duration::from_millis(100);
const TICKS_PER_SEC: u64 = 10;
/// Buckets, one per wheel tick, a bit each in a `u128`. Later deadlines are checked at this horizon (12.7 s),
/// which also bounds how long keys of closed connections stay.
const BUCKETS: u64 = 128;

pub(super) struct TimerWheel {
    origin: Instant,
    last_tick: u64,
    buckets: Vec<Vec<Key>>,
    /// Bit `i`: bucket `i` has keys.
    occupied: u128,
    next_tick: Instant,
    /// Cached: read each event loop tick, rarely changed.
    pub(super) next_deadline: Option<Instant>,
}

impl TimerWheel {
    pub(super) fn new(origin: Instant) -> Self {
        let buckets = vec![Vec::new(); BUCKETS as usize];
        Self { origin, last_tick: 0, buckets, occupied: 0, next_tick: origin + TICK, next_deadline: None }
    }

    /// First wheel tick not before the deadline, within the horizon.
    pub(super) fn tick_of(&self, deadline: Instant) -> u64 {
        let since = deadline.saturating_duration_since(self.origin);
        let tick = whole_ticks(since) + u64::from(!since.subsec_nanos().is_multiple_of(TICK.subsec_nanos()));
        tick.clamp(self.last_tick + 1, self.last_tick + BUCKETS - 1)
    }

    pub(super) fn schedule(&mut self, key: Key, tick: u64) {
        let bucket = tick % BUCKETS;
        self.occupied |= 1 << bucket;
        self.buckets[bucket as usize].push(key);
        self.next_deadline = self.compute_next_deadline();
    }

    pub(super) fn expire(&mut self, now: Instant, due: &mut Vec<Key>) -> u64 {
        if now < self.next_tick {
            return self.last_tick;
        }
        let now_tick = whole_ticks(now.saturating_duration_since(self.origin));
        // After a long sleep, one round empties every bucket.
        let first = (self.last_tick + 1).max(now_tick.saturating_sub(BUCKETS - 1));
        for tick in first..=now_tick {
            let bucket = tick % BUCKETS;
            if self.occupied & (1 << bucket) != 0 {
                self.occupied &= !(1 << bucket);
                let keys = &mut self.buckets[bucket as usize];
                // Its memory too: keys move through all buckets in groups, so each would keep the maximum.
                due.append(&mut mem::take(keys));
            }
        }
        self.last_tick = self.last_tick.max(now_tick);
        self.next_tick = self.instant_of(self.last_tick + 1);
        self.next_deadline = self.compute_next_deadline();
        self.last_tick
    }

    fn compute_next_deadline(&self) -> Option<Instant> {
        if self.occupied == 0 {
            return None;
        }
        let from = self.last_tick + 1;
        let ahead = self.occupied.rotate_right((from % BUCKETS) as u32).trailing_zeros();
        Some(self.instant_of(from + u64::from(ahead)))
    }

    fn instant_of(&self, tick: u64) -> Instant {
        self.origin + TICK * u32::try_from(tick).unwrap_or(u32::MAX)
    }
}

/// In 64 bits: 128-bit division is slow.
fn whole_ticks(time: Duration) -> u64 {
    time.as_secs() * TICKS_PER_SEC + u64::from(time.subsec_nanos() / TICK.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(index: u32) -> Key {
        Key { index, generation: 1 }
    }

    fn schedule(wheel: &mut TimerWheel, index: u32, deadline: Instant) {
        let tick = wheel.tick_of(deadline);
        wheel.schedule(key(index), tick);
    }

    fn expired(wheel: &mut TimerWheel, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due.iter().map(|key| key.index).collect()
    }

    #[test]
    fn key_is_due_at_first_tick_not_before_its_deadline() {
        let origin = Instant::now();
        for after_micros in [100_001, 150_000, 200_000] {
            let mut wheel = TimerWheel::new(origin);
            schedule(&mut wheel, 1, origin + Duration::from_micros(after_micros));
            assert_eq!(wheel.next_deadline, Some(origin + Duration::from_millis(200)));
            assert_eq!(expired(&mut wheel, origin + Duration::from_millis(199)), [0; 0]);
            assert_eq!(expired(&mut wheel, origin + Duration::from_millis(200)), [1]);
            assert_eq!(wheel.next_deadline, None);
        }
    }

    #[test]
    fn deadline_beyond_horizon_is_due_at_the_horizon() {
        let origin = Instant::now();
        let mut wheel = TimerWheel::new(origin);
        schedule(&mut wheel, 1, origin + Duration::from_secs(60));
        let horizon = wheel.next_deadline.expect("it is scheduled");
        assert_eq!(horizon, origin + Duration::from_millis(12_700));
        assert_eq!(expired(&mut wheel, horizon), [1]);
    }

    #[test]
    fn past_deadline_is_due_at_the_next_tick() {
        let origin = Instant::now();
        let mut wheel = TimerWheel::new(origin);
        expired(&mut wheel, origin + Duration::from_secs(5));
        schedule(&mut wheel, 1, origin);
        assert_eq!(expired(&mut wheel, origin + Duration::from_millis(5_100)), [1]);
    }

    #[test]
    fn rescheduled_keys_leave_no_bucket_capacity_behind() {
        const KEYS: u32 = 10_000;
        let (mut now, mut due) = (Instant::now(), Vec::new());
        let mut wheel = TimerWheel::new(now);
        (0..KEYS).for_each(|index| schedule(&mut wheel, index, now + Duration::from_secs(3_600)));
        for _ in 0..2 * BUCKETS {
            now = wheel.next_deadline.expect("they are scheduled");
            wheel.expire(now, &mut due);
            assert_eq!(due.len(), KEYS as usize);
            due.drain(..).for_each(|key| schedule(&mut wheel, key.index, now + Duration::from_secs(3_600)));
        }
        let room: usize = wheel.buckets.iter().map(Vec::capacity).sum();
        assert!(room < 3 * KEYS as usize, "room for {room} keys");
    }

    #[test]
    fn expire_after_long_sleep_returns_every_key_once() {
        let origin = Instant::now();
        let mut wheel = TimerWheel::new(origin);
        for index in 0..200 {
            schedule(&mut wheel, index, origin + Duration::from_millis(u64::from(index) * 60));
        }
        let mut due = expired(&mut wheel, origin + Duration::from_secs(3_600));
        due.sort_unstable();
        assert_eq!(due, (0..200).collect::<Vec<_>>());
        assert_eq!(wheel.next_deadline, None);
    }
}

//! Taking turns: several logs with one destination, of which one writes at a time.
//!
//! A record that does not leave in one piece, to a pipe or on a full disk, must not have another's in its
//! middle. Nobody waits for a turn but at the very end: who does not get it tries again later, as if the
//! destination took nothing now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{Timespec, poll};

/// How often it is looked at the end whether the turn has come: others need some microseconds, unless
/// their reader makes them wait.
const LOOKS_EVERY: Duration = Duration::from_millis(1);

/// One writer's access to the turn, or the freedom of who writes alone.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: Option<Arc<AtomicBool>>,
    is_mine: bool,
}

impl Turn {
    /// Those of so many writers; who is alone needs none.
    pub(super) fn of(count: usize) -> Vec<Self> {
        let taken = (count > 1).then(Arc::default);
        (0..count).map(|_| Self { taken: taken.clone(), is_mine: false }).collect()
    }

    /// Takes it, if nobody has it; says whether this one has it now.
    pub(super) fn take(&mut self) -> bool {
        if let Some(taken) = &self.taken
            && !self.is_mine
        {
            self.is_mine = !taken.swap(true, Ordering::Acquire);
            return self.is_mine;
        }
        true
    }

    /// Takes it within this time, if it can be had.
    pub(super) fn wait(&mut self, wait_time: Duration) -> bool {
        let pause = Timespec::try_from(LOOKS_EVERY).unwrap_or_default();
        let mut waited = Duration::ZERO;
        while !self.take() {
            if waited >= wait_time {
                return false;
            }
            // Whether it was a signal that ended it does not matter.
            let _ = poll(&mut [], Some(&pause));
            waited += LOOKS_EVERY;
        }
        true
    }

    /// Leaves it to the others.
    pub(super) fn pass(&mut self) {
        if let Some(taken) = self.taken.as_ref().filter(|_| std::mem::take(&mut self.is_mine)) {
            taken.store(false, Ordering::Release);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pass();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_turn_until_it_passes_it_on_or_is_gone() {
        let [mut one, mut other] = <[Turn; 2]>::try_from(Turn::of(2)).expect("two");
        assert!(one.take() && one.take() && !other.take() && !other.wait(LOOKS_EVERY));
        one.pass();
        assert!(other.wait(Duration::ZERO) && !one.take());
        drop(other);
        assert!(one.take());
    }

    #[test]
    fn who_is_alone_always_has_it() {
        let mut alone = Turn::of(1).remove(0);
        assert!(alone.take() && alone.wait(Duration::ZERO));
        alone.pass();
        assert!(alone.take());
    }
}

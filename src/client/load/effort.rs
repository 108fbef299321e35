//! What a run took of the processors: the measure of whether it was the generator that was measured.
//!
//! Sums, like all figures of a run; the quotients are [`super::summary`]'s. It reads no clock.

use std::time::Duration;

/// What a run took of the processors, from when it counted to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// CPU time, in user mode and in the kernel, of all threads together.
    pub cpu: Duration,
    /// The same of the thread that used most: the run was bound by it if this is as long as the run.
    pub cpu_busiest: Duration,
    /// For how long all threads together were ready to run and waited for a processor; nothing if that
    /// is not known.
    pub waited: Option<Duration>,
    /// What was used and, if known, waited for by the thread for which that is most.
    pub wanted_most: Duration,
}

impl Effort {
    /// That of one thread.
    pub fn of_thread(cpu: Duration, waited: Option<Duration>) -> Self {
        Self { cpu, cpu_busiest: cpu, waited, wanted_most: cpu.saturating_add(waited.unwrap_or_default()) }
    }

    /// Adds that of other threads, or of another run.
    pub fn merge(&mut self, other: &Self) {
        self.cpu = self.cpu.saturating_add(other.cpu);
        self.cpu_busiest = self.cpu_busiest.max(other.cpu_busiest);
        self.waited = self.waited.zip(other.waited).map(|(one, more)| one.saturating_add(more));
        self.wanted_most = self.wanted_most.max(other.wanted_most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_the_busiest_is_remembered() {
        let secs = Duration::from_secs;
        let mut sum = Effort::of_thread(secs(3), Some(secs(1)));
        sum.merge(&Effort::of_thread(secs(2), Some(secs(5))));
        let (cpu, cpu_busiest, waited, wanted_most) = (secs(5), secs(3), Some(secs(6)), secs(7));
        assert_eq!(sum, Effort { cpu, cpu_busiest, waited, wanted_most });
        sum.merge(&Effort::of_thread(secs(4), None));
        let (cpu, cpu_busiest, waited) = (secs(9), secs(4), None);
        assert_eq!(sum, Effort { cpu, cpu_busiest, waited, wanted_most }, "not of all is it known");
    }
}

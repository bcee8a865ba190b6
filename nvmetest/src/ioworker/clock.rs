//! The clock of a worker: CLOCK_MONOTONIC, read in a few nanoseconds.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the time stamp counter is read by an intrinsic")
)]

use crate::cmdlog::now_ns;

/// How long the rate of the counter is measured before the clock is used first.
const CALIBRATION_NS: u64 = 1_000_000;

/// How often the counter is compared with the clock of the system.
const COMPARE_EVERY_NS: u64 = 50_000_000;

/// The rate is a fixed-point number with so many bits behind the point.
const POINT: u32 = 32;

/// Tells the time in nanoseconds of CLOCK_MONOTONIC, and never less than before.
///
/// Where the time stamp counter of the processor has an invariant rate, time is read from it. Now and then it is
/// compared with the clock of the system, and its rate is corrected by a little, so that the two do not drift apart.
#[derive(Debug)]
pub(super) struct Clock {
    counter: Option<Counter>,
    last_ns: u64,
}

#[derive(Debug)]
struct Counter {
    /// The first time it was compared.
    first: (u64, u64),
    /// The last time: the counter, and what this clock showed.
    last: (u64, u64),
    /// Nanoseconds for each count.
    rate: u64,
    compare_at: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let counter = is_invariant().then(Counter::calibrate).flatten();
        Self { counter, last_ns: now_ns() }
    }

    #[inline]
    pub(super) fn now_ns(&mut self) -> u64 {
        let now = match &mut self.counter {
            Some(counter) => counter.now_ns(),
            None => now_ns(),
        };
        // The counters of two processors may differ by a little.
        self.last_ns = self.last_ns.max(now);
        self.last_ns
    }
}

impl Counter {
    /// Measures the rate; `None` if the counter does not count.
    fn calibrate() -> Option<Self> {
        let first = (count(), now_ns());
        loop {
            let last = (count(), now_ns());
            if last.1 - first.1 < CALIBRATION_NS {
                continue;
            }
            let rate = rate(first, last)?;
            let mut counter = Self { first, last, rate, compare_at: 0 };
            counter.compare_at = counter.next_comparison(last.0);
            return Some(counter);
        }
    }

    #[inline]
    fn now_ns(&mut self) -> u64 {
        let now = count();
        if self.compare_at <= now {
            self.compare(now);
        }
        self.at(now)
    }

    #[inline]
    fn at(&self, count: u64) -> u64 {
        let (last, shown) = self.last;
        // The counter of another processor may be a little behind.
        let since = u128::from(count.saturating_sub(last));
        shown + ((since * u128::from(self.rate)) >> POINT) as u64
    }

    /// Takes the rate since the beginning, and a little more or less of it: what was shown stays shown, and the
    /// difference is gone by the next time.
    #[cold]
    fn compare(&mut self, count: u64) {
        let (shown, true_ns) = (self.at(count), now_ns());
        let measured = rate(self.first, (count, true_ns)).unwrap_or(self.rate);
        let ahead = i128::from(shown) - i128::from(true_ns);
        // A process that did not run for long may be far off, and still time goes on, at half the speed or double.
        let limit = i128::from(measured / 2);
        let correction = i128::from(measured) * ahead / i128::from(COMPARE_EVERY_NS);
        let rate = i128::from(measured) - correction.clamp(-2 * limit, limit);
        (self.rate, self.last) = (rate as u64, (count, shown));
        self.compare_at = self.next_comparison(count);
    }

    fn next_comparison(&self, count: u64) -> u64 {
        let counts = (u128::from(COMPARE_EVERY_NS) << POINT) / u128::from(self.rate.max(1));
        count.saturating_add(counts as u64)
    }
}

/// Nanoseconds for each count, between two comparisons.
fn rate(first: (u64, u64), last: (u64, u64)) -> Option<u64> {
    let counts = last.0.checked_sub(first.0).filter(|counts| *counts != 0)?;
    let rate = (u128::from(last.1 - first.1) << POINT) / u128::from(counts);
    u64::try_from(rate).ok().filter(|rate| *rate != 0)
}

/// Whether the rate of the time stamp counter is the same in all states of the processor.
fn is_invariant() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::__cpuid;

        const ADVANCED_POWER_MANAGEMENT: u32 = 0x8000_0007;
        let highest = __cpuid(0x8000_0000).eax;
        ADVANCED_POWER_MANAGEMENT <= highest && __cpuid(ADVANCED_POWER_MANAGEMENT).edx & 1 << 8 != 0
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

#[inline]
fn count() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: Each processor of this architecture has the counter, and reading it touches nothing.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back_and_is_that_of_the_system() {
        let mut clock = Clock::new();
        let (start, mut last, mut farthest) = (now_ns(), 0, 0);
        // Longer than some comparisons are apart.
        while last < start + 4 * COMPARE_EVERY_NS {
            let (before, shown, after) = (now_ns(), clock.now_ns(), now_ns());
            assert!(last <= shown, "{shown} after {last}");
            last = shown;
            // What lies between is nobody's fault.
            farthest = farthest.max(before.saturating_sub(shown)).max(shown.saturating_sub(after));
        }
        assert!(farthest < 200_000, "{farthest} ns apart");
    }

    #[test]
    fn a_clock_that_is_off_comes_back_without_a_jump() {
        let Some(mut counter) = is_invariant().then(Counter::calibrate).flatten() else { return };
        // It is a thousandth too fast, and ahead.
        counter.rate += counter.rate / 1000;
        counter.last.1 += 1_000_000;
        let (start, mut last) = (now_ns(), 0);
        while now_ns() < start + 4 * COMPARE_EVERY_NS {
            let now = counter.now_ns();
            assert!(last <= now, "{now} after {last}");
            last = now;
        }
        let apart = counter.now_ns().abs_diff(now_ns());
        assert!(apart < 200_000, "{apart} ns apart");
    }

    #[test]
    fn the_calibration_is_exact_where_the_counter_counts() {
        // Three counts for each nanosecond.
        let rate = rate((1000, 50), (4000, 1050)).unwrap();
        assert_eq!(rate, (1 << POINT) / 3);
        assert_eq!(super::rate((1000, 50), (1000, 1050)), None);
    }
}

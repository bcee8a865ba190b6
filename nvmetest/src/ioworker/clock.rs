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
/// Elsewhere each look is such a comparison.
#[derive(Debug)]
pub(super) struct Clock {
    /// The first time it was compared: the counter, and the clock of the system. Without a counter there is none.
    first: Option<(u64, u64)>,
    /// The last time: the counter, and what this clock showed.
    last: (u64, u64),
    /// Nanoseconds for each count.
    rate: u64,
    compare_at: u64,
    /// The counters of two processors may differ by a little: what was read last is not gone behind.
    count: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let counting = is_invariant().then(Self::calibrate).flatten();
        counting.unwrap_or_else(|| Self {
            first: None,
            last: (0, now_ns()),
            rate: 0,
            compare_at: 0,
            count: 0,
        })
    }

    #[inline(always)]
    pub(super) fn now_ns(&mut self) -> u64 {
        self.count = self.count.max(count());
        if self.compare_at <= self.count {
            self.compare();
        }
        self.shown()
    }

    /// Measures the rate; `None` if the counter does not count.
    fn calibrate() -> Option<Self> {
        let first = (count(), now_ns());
        loop {
            let last = (count(), now_ns());
            if last.1 - first.1 < CALIBRATION_NS {
                continue;
            }
            let rate = rate(first, last)?;
            let compare_at = next_comparison(last.0, rate);
            return Some(Self { first: Some(first), last, rate, compare_at, count: last.0 });
        }
    }

    /// What it shows where the counter is.
    #[inline(always)]
    fn shown(&self) -> u64 {
        let (last, shown) = self.last;
        let since = u128::from(self.count.wrapping_sub(last));
        shown + ((since * u128::from(self.rate)) >> POINT) as u64
    }

    /// Takes the rate since the beginning, and a little more or less of it: what was shown stays shown, and the
    /// difference is gone by the next time.
    #[cold]
    fn compare(&mut self) {
        let (shown, true_ns) = (self.shown(), now_ns());
        let Some(first) = self.first else {
            // It does not count, and so it shows this until the next look.
            (self.last, self.rate) = ((self.count, shown.max(true_ns)), 0);
            return;
        };
        let measured = rate(first, (self.count, true_ns)).unwrap_or(self.rate);
        let ahead = i128::from(shown) - i128::from(true_ns);
        // A process that did not run for long may be far off, and still time goes on, at half the speed or double.
        let limit = i128::from(measured / 2);
        let correction = i128::from(measured) * ahead / i128::from(COMPARE_EVERY_NS);
        let rate = i128::from(measured) - correction.clamp(-2 * limit, limit);
        (self.rate, self.last) = (rate as u64, (self.count, shown));
        self.compare_at = next_comparison(self.count, self.rate);
    }
}

/// The count at which the counter is compared next.
fn next_comparison(count: u64, rate: u64) -> u64 {
    let counts = (u128::from(COMPARE_EVERY_NS) << POINT) / u128::from(rate.max(1));
    count.saturating_add(counts as u64)
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
        let Some(mut clock) = is_invariant().then(Clock::calibrate).flatten() else { return };
        // It is a thousandth too fast, and ahead.
        clock.rate += clock.rate / 1000;
        clock.last.1 += 1_000_000;
        let (start, mut last) = (now_ns(), 0);
        while now_ns() < start + 4 * COMPARE_EVERY_NS {
            let now = clock.now_ns();
            assert!(last <= now, "{now} after {last}");
            last = now;
        }
        let apart = clock.now_ns().abs_diff(now_ns());
        assert!(apart < 200_000, "{apart} ns apart");
    }

    #[test]
    fn a_clock_without_a_counter_shows_the_time_of_the_system() {
        let mut clock = Clock { first: None, last: (0, 0), rate: 0, compare_at: 0, count: 0 };
        for _ in 0..1000 {
            let (before, shown, after) = (now_ns(), clock.now_ns(), now_ns());
            assert!((before..=after).contains(&shown), "{before} <= {shown} <= {after}");
        }
        // Nor does it go back when that clock seems to.
        clock.last.1 += 1 << 60;
        let ahead = clock.now_ns();
        assert!(1 << 60 < ahead && ahead <= clock.now_ns());
    }

    #[test]
    fn the_calibration_is_exact_where_the_counter_counts() {
        // Three counts for each nanosecond.
        let rate = rate((1000, 50), (4000, 1050)).unwrap();
        assert_eq!(rate, (1 << POINT) / 3);
        assert_eq!(super::rate((1000, 50), (1000, 1050)), None);
    }
}

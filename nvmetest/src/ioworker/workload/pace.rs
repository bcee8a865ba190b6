//! When commands are due.

const SECOND_NS: u64 = 1_000_000_000;

/// The times at which commands are due at a rate: command `n` exactly `n` seconds divided by the rate after the start,
/// rounded down to nanoseconds.
///
/// The remainder of each division is kept, so that no error adds up at any rate.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    rate: u64,
    due_ns: u64,
    /// What the division has left over so far, in parts of `rate` of a nanosecond.
    remainder: u64,
}

impl Pace {
    /// Commands at `rate` in a second, which is not 0.
    pub(super) fn new(rate: u64) -> Self {
        Self { rate, due_ns: 0, remainder: 0 }
    }

    /// When the next command is due, in nanoseconds after the start.
    #[inline]
    pub(super) fn due_ns(&self) -> u64 {
        self.due_ns
    }

    #[inline]
    pub(super) fn advance(&mut self) {
        // Neither part depends on how far it is: the processor is faster at remembering than the division here would be
        // if it were of the number of the command.
        self.due_ns += SECOND_NS / self.rate;
        self.remainder += SECOND_NS % self.rate;
        if self.rate <= self.remainder {
            self.due_ns += 1;
            self.remainder -= self.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_due_exactly_at_its_time_at_any_rate() {
        for rate in [1, 3, 7, 12_345, 700_000, 999_999_937, 1_000_000_007, 5_000_000_000] {
            let mut pace = Pace::new(rate);
            for number in 0..100_000_u128 {
                let exact = number * u128::from(SECOND_NS) / u128::from(rate);
                assert_eq!(u128::from(pace.due_ns()), exact, "command {number} at {rate}");
                pace.advance();
            }
        }
    }
}

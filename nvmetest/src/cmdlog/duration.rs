//! Lengths of time for people.

use std::fmt;

/// Nanoseconds, in the unit that fits: `850 ns`, `12.3 µs`, `4.5 ms`, `5 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        // Whole thousandths, cut off: a latency is not said to be a limit that it did not reach.
        let thousandths = (u128::from(self.0) * 1000 / unit) as u64;
        let (whole, part) = (thousandths / 1000, thousandths % 1000);
        let text = match part {
            0 => format!("{whole} {name}"),
            _ => {
                let part = format!("{part:03}");
                format!("{whole}.{} {name}", part.trim_end_matches('0'))
            }
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_fits() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (12_345, "12.345 µs"),
            (999_999, "999.999 µs"),
            (1_500_000, "1.5 ms"),
            (5_000_000_000, "5 s"),
            (5_020_000_000, "5.02 s"),
            (u64::MAX, "18446744073.709 s"),
        ] {
            assert_eq!(Duration(ns).to_string(), text);
        }
    }
}

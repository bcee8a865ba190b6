//! Times of a run as people write them.

use std::fmt;

/// A time in milliseconds since 1970, which is shown as ISO 8601 has it: `2026-11-22T23:04:15Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utc(pub(crate) u64);

/// The days of 400 years, after which the calendar repeats itself.
const ERA: u64 = 146_097;

impl Utc {
    /// Returns year, month from 1, and day from 1.
    fn date(self) -> (u64, u64, u64) {
        // Years begin in March here, so that a leap day is the last of its year.
        let day = self.0 / 86_400_000 + 719_468;
        let (era, day) = (day / ERA, day % ERA);
        let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        (year, month, day - (153 * march + 2) / 5 + 1)
    }

    /// Returns hours, minutes and seconds.
    fn time(self) -> (u64, u64, u64) {
        let seconds = self.0 / 1_000 % 86_400;
        (seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_that_of_the_calendar() {
        let shown = |seconds: u64| Utc(seconds * 1_000).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(shown(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(shown(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(shown(4_107_542_400), "2100-03-01T00:00:00Z");
        // What a broken file says is shown, too.
        assert!(!Utc(u64::MAX).to_string().is_empty());
    }
}

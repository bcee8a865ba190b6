//! Days, on which waivers end.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// A day of the calendar (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Returns the day that it is.
    pub(crate) fn today() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::after_1970(since.as_secs() / (24 * 60 * 60))
    }

    fn after_1970(mut days: u64) -> Self {
        let mut year = 1970;
        while days_of_year(year) <= days && year < 9999 {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while u64::from(days_of_month(year, month)) <= days && month < 12 {
            days -= u64::from(days_of_month(year, month));
            month += 1;
        }
        Self { year, month, day: u8::try_from(days + 1).unwrap_or(31) }
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let mut parts = text.split('-');
            let mut part = |length: usize| {
                let part = parts.next()?;
                let digits = part.bytes().all(|byte| byte.is_ascii_digit());
                if digits && part.len() == length { part.parse::<u16>().ok() } else { None }
            };
            let (year, month, day) = (part(4)?, part(2)?, part(2)?);
            let day = Self { year, month: month.try_into().ok()?, day: day.try_into().ok()? };
            let exists = (1..=12).contains(&day.month)
                && (1..=days_of_month(year, day.month)).contains(&day.day);
            (exists && parts.next().is_none()).then_some(day)
        };
        parse().ok_or_else(|| format!("`{text}` is no day; write such as 2027-03-31"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (364, "1970-12-31"),
            (365, "1971-01-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (20_819, "2027-01-01"),
        ] {
            assert_eq!(Day::after_1970(days).to_string(), text);
            assert_eq!(text.parse(), Ok(Day::after_1970(days)));
        }
        assert!("2027-01-31".parse::<Day>().unwrap() < "2027-02-01".parse().unwrap());
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["2027-02-29", "2027-13-01", "2027-00-10", "2027-1-1", "tomorrow", "2027-01-01-01", ""]
        {
            assert_eq!(
                text.parse::<Day>().unwrap_err(),
                format!("`{text}` is no day; write such as 2027-03-31")
            );
        }
    }
}

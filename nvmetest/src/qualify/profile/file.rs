//! A profile as it is written down.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::pattern::Pattern;
use crate::results::Mode;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) title: String,
    pub(super) mode: Mode,
    pub(super) seed: Option<u64>,
    #[serde(default)]
    pub(super) tests: Tests,
    #[serde(default)]
    pub(super) time: Time,
    #[serde(default)]
    pub(super) unexpected: Unexpected,
    #[serde(default)]
    pub(super) waivers: Waivers,
    #[serde(default)]
    pub(super) required: Required,
    #[serde(default)]
    pub(super) limits: Limits,
}

/// Which tests run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tests {
    /// All of these areas.
    pub(super) areas: Option<Vec<Spanned<String>>>,
    /// And these tests.
    pub(super) include: Option<Vec<Spanned<Pattern>>>,
    /// But none of these.
    #[serde(default)]
    pub(super) exclude: Vec<Spanned<Pattern>>,
    /// Tests that are ignored for such a reason run.
    #[serde(default)]
    pub(super) ignored: Vec<Pattern>,
}

/// How long tests may take, and how often they run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    /// For tests that do not say it themselves.
    pub(super) timeout: Option<Span>,
    /// All timeouts are multiplied by it.
    pub(super) scale: Option<Spanned<f64>>,
    pub(super) repeats: Option<Spanned<u32>>,
}

/// What is done about what is not as expected.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unexpected {
    pub(super) retries: Option<Spanned<u32>>,
}

/// Which entries of baselines count.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waivers {
    /// For these tests or clauses; `*` is any.
    #[serde(rename = "use")]
    pub(super) used: Option<Spanned<Vec<Pattern>>>,
}

/// What has to be so, whatever a baseline says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Required {
    /// These tests pass.
    #[serde(default)]
    pub(super) pass: Vec<Spanned<Pattern>>,
    /// None of these is not applicable.
    #[serde(default)]
    pub(super) applicable: Vec<Spanned<Pattern>>,
}

/// What is measured, and how far it may go.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    #[serde(default)]
    pub(super) latency: Vec<Latency>,
    #[serde(default)]
    pub(super) figure: Vec<Figure>,
    #[serde(default)]
    pub(super) health: Vec<Health>,
}

/// How long commands may take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Latency {
    pub(super) commands: Vec<Spanned<String>>,
    /// `max`, or a percentile such as `p99.9`.
    pub(super) at: Spanned<String>,
    pub(super) most: Span,
    /// Where the figure comes from.
    pub(super) source: Option<String>,
}

/// What tests may measure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    /// As in `Controller::measure`, or `iops`.
    pub(super) name: Spanned<String>,
    /// The tests of which it is; without any, all.
    #[serde(default)]
    pub(super) tests: Vec<Spanned<Pattern>>,
    /// In the unit of the figure, as the next.
    pub(super) most: Option<f64>,
    pub(super) least: Option<f64>,
    /// Where the figure comes from.
    pub(super) source: Option<String>,
}

/// What the SMART / Health Information may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    pub(super) field: Spanned<String>,
    /// The most that it may be after the tests.
    pub(super) most: Option<u64>,
    /// The least that it may be after the tests.
    pub(super) least: Option<u64>,
    /// By how much it may grow from before the tests until after them.
    pub(super) grows: Option<u64>,
    /// Where the figure comes from.
    pub(super) source: Option<String>,
}

/// A time such as `"10 s"`, `"1.5ms"` or `"2h"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time; write such as \"10s\", \"1.5ms\" or \"2h\"");
        let digits = text.trim_end_matches(|letter: char| letter.is_alphabetic());
        let unit = match &text[digits.len()..] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        let count: f64 = digits.trim().parse().map_err(|_| wrong())?;
        Duration::try_from_secs_f64(count * unit).map(Self).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        let span = |text: &str| Span::try_from(text.to_owned()).map(|span| span.0);
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("1.5 ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(span("20 µs"), Ok(Duration::from_micros(20)));
        assert_eq!(span("2h"), Ok(Duration::from_hours(2)));
        for wrong in ["10", "s", "-1s", "1 fortnight", "", "infs", "1e300h"] {
            assert!(span(wrong).unwrap_err().contains("is no time"), "{wrong}");
        }
    }
}

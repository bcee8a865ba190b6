//! A verdict on the page: a word, with a sign and a colour.

use maud::Markup;
use maud::html;

use crate::runner::Verdict;

/// The verdicts, what is worst first: a requirement has the worst of its tests.
pub(super) const WORST_FIRST: [Verdict; 12] = [
    Verdict::DutLost,
    Verdict::Crash,
    Verdict::Timeout,
    Verdict::Fail,
    Verdict::UnexpectedPass,
    Verdict::Blocked,
    Verdict::Missing,
    Verdict::ExpectedFail,
    Verdict::Flake,
    Verdict::Pass,
    Verdict::Skipped,
    Verdict::NotApplicable,
];

/// Returns the place of a verdict in [`WORST_FIRST`].
pub(super) fn rank(verdict: Verdict) -> usize {
    WORST_FIRST.iter().position(|it| *it == verdict).unwrap_or(0)
}

/// Returns the class of a verdict, which has a sign and a colour in `report.css`.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail | Verdict::Timeout => "fail",
        Verdict::ExpectedFail => "known",
        Verdict::UnexpectedPass | Verdict::Flake => "odd",
        Verdict::Skipped | Verdict::NotApplicable => "none",
        // `Crash`, `DutLost`, `Blocked`, `Missing`.
        _ => "broken",
    }
}

/// Returns the verdict as a reader reads it.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Pass",
        Verdict::Fail => "Fail",
        Verdict::Crash => "Crash",
        Verdict::Timeout => "Timeout",
        Verdict::DutLost => "Device lost",
        Verdict::NotApplicable => "Not applicable",
        Verdict::Skipped => "Skipped",
        Verdict::Blocked => "Blocked",
        Verdict::Missing => "Missing",
        Verdict::ExpectedFail => "Expected fail",
        Verdict::UnexpectedPass => "Unexpected pass",
        Verdict::Flake => "Flake",
    }
}

/// Returns the verdict as an element of a line.
pub(super) fn badge(verdict: Verdict) -> Markup {
    html! { b.{ "v " (class(verdict)) } { (word(verdict)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_a_sign_so_that_no_verdict_is_told_by_its_colour_alone() {
        let css = include_str!("report.css");
        for verdict in WORST_FIRST {
            let sign = format!(".v.{}::before", class(verdict));
            assert!(css.contains(&sign), "{sign}");
        }
    }
}

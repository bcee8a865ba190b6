//! What became of a test.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::Error;

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Verdict {
    /// The controller does what the test asks for.
    Pass,
    /// It does not; or the test left something behind.
    Fail,
    /// The process that ran the test ended in it.
    Crash,
    /// The test as a whole took longer than it may.
    Timeout,
    /// The controller was lost: it reports a fatal status, answers all ones, or its process died.
    DutLost,
    /// The controller does not have what is under test; the message names the field and its value.
    NotApplicable,
    /// The test was left out by a rule, which the message names.
    Skipped,
    /// The test could not get as far as what it tests.
    Blocked,
    /// The test was to run and reported nothing. Never a pass.
    Missing,
    /// The test failed, and the baseline says that it does.
    ExpectedFail,
    /// The test passed, and the baseline says that it fails.
    UnexpectedPass,
    /// The test was run several times, with several verdicts.
    Flake,
}

impl Verdict {
    /// Returns whether a run with this verdict can still end well.
    pub fn is_as_expected(self) -> bool {
        matches!(
            self,
            Self::Pass | Self::NotApplicable | Self::Skipped | Self::ExpectedFail | Self::Flake
        )
    }

    /// Returns whether the controller or the test did something wrong, which a baseline may expect.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Crash | Self::Timeout | Self::DutLost)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A verdict and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// Empty if the test passed.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Self { verdict, message: message.into() }
    }

    pub(crate) fn pass() -> Self {
        Self::new(Verdict::Pass, "")
    }

    /// Adds what was found after the test. A failure stays the failure that it is, unless the controller
    /// turns out to be lost.
    pub(crate) fn worsen(&mut self, verdict: Verdict, message: &str) {
        if !self.verdict.is_failure() || verdict == Verdict::DutLost {
            self.verdict = verdict;
        }
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        self.message.push_str(message);
    }
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        match error {
            Error::NotApplicable(reason) => Self::new(Verdict::NotApplicable, reason),
            Error::Skipped(reason) => Self::new(Verdict::Skipped, reason),
            Error::Blocked(reason) => Self::new(Verdict::Blocked, reason),
            error if error.is_lost() => Self::new(Verdict::DutLost, crate::fixture::chain(&error)),
            error => Self::new(Verdict::Fail, crate::fixture::chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_fails_a_test_that_passed_and_does_not_hide_a_timeout() {
        let mut finding = Finding::pass();
        finding.worsen(Verdict::Fail, "left behind: a queue");
        assert_eq!(finding, Finding::new(Verdict::Fail, "left behind: a queue"));

        let mut finding = Finding::new(Verdict::Timeout, "too long");
        finding.worsen(Verdict::Fail, "left behind: a queue");
        assert_eq!(finding, Finding::new(Verdict::Timeout, "too long\nleft behind: a queue"));

        finding.worsen(Verdict::DutLost, "gone");
        assert_eq!(finding.verdict, Verdict::DutLost);
    }

    #[test]
    fn what_did_not_run_is_no_pass() {
        for verdict in [Verdict::Blocked, Verdict::Missing, Verdict::UnexpectedPass] {
            assert!(!verdict.is_as_expected(), "{verdict}");
        }
    }
}

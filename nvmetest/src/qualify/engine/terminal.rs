//! What a person sees of a run while it runs.

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;

use super::lane::Lane;
use super::plan::Plan;
use crate::results::Attempt;
use crate::transport::DeviceUri;

/// Standard error: progress if it is a terminal, and a line for each unexpected result.
#[derive(Debug)]
pub(super) struct Terminal {
    quiet: bool,
    is_terminal: bool,
}

impl Terminal {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, is_terminal: io::stderr().is_terminal() }
    }

    pub(super) fn begin(&mut self, _total: usize) {}

    /// How long until it wants to show something again.
    pub(super) fn tick(&self) -> Option<Duration> {
        (self.is_terminal && !self.quiet).then_some(Duration::from_secs(1))
    }

    /// Shows where the run is.
    pub(super) fn show(&mut self, _lanes: &[Lane], _plan: &Plan) {}

    /// Shows what became of a test.
    pub(super) fn result(&mut self, device: &DeviceUri, attempt: &Attempt, again: bool) {
        if attempt.verdict.is_as_expected() {
            return;
        }
        let reason = attempt.message.lines().next().unwrap_or_default();
        let again = if again { " (it is run again)" } else { "" };
        let Attempt { verdict, test, .. } = attempt;
        self.note(&format!("{verdict}: {test} on {device}: {reason}{again}"));
    }

    pub(super) fn note(&mut self, sentence: &str) {
        if !self.quiet {
            // There is nowhere else to say it.
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    }

    pub(super) fn finish(&mut self) {}
}

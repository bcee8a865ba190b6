//! Results in the Kernel Test Anything Protocol (KTAP), version 1.
//!
//! A test has the number that it has in the plan. One that is missing has no line: its number is left out, which each
//! reader of the protocol reports.

use std::fmt::Write;

use super::Outcome;
use super::Results;
use crate::runner::Verdict;

impl Results {
    /// Returns the results as KTAP.
    ///
    /// ```
    /// use nvmetest::results::Results;
    ///
    /// let results = Results::parse(
    /// r#"{"kind":"run","schema":1,"id":"r1","tool":"0.1.0","suite":{"name":"nvme","tests":1,"hash":"0"},"profile":"default","mode":"ci","seed":7,"host":"lab1","command":[],"started_ms":0}
    /// {"kind":"test","device":0,"test":"flush::a_flush","area":"flush","file":"flush.rs","line":3}
    /// {"kind":"attempt","device":0,"test":"flush::a_flush","attempt":1,"verdict":"Pass","found":"Pass","started_ms":1,"took_us":40}
    /// "#)?;
    /// assert_eq!(results.ktap(), "KTAP version 1\n1..1\nok 1 flush::a_flush\n");
    /// # Ok::<(), nvmetest::results::ResultsError>(())
    /// ```
    pub fn ktap(&self) -> String {
        let outcomes = self.outcomes();
        let mut text = "KTAP version 1\n".to_owned();
        if let Some((shard, elsewhere)) = self.part() {
            let elsewhere = elsewhere.map_or("others".to_owned(), |count| count.to_string());
            let _ = writeln!(text, "# shard {shard}: {elsewhere} of the tests are in other shards");
        }
        let _ = writeln!(text, "1..{}", outcomes.len());
        let several = 1 < self.devices.len();
        for (outcome, number) in outcomes.iter().zip(1..) {
            self.test(&mut text, number, outcome, several);
        }
        text
    }

    fn test(&self, text: &mut String, number: usize, outcome: &Outcome<'_>, several: bool) {
        let mut name = outcome.planned.test.clone();
        let device = outcome.device.and_then(|device| self.devices.get(&device));
        if let Some(device) = device.filter(|_| several) {
            let _ = write!(name, "@{}", device.uri);
        }
        let name = one_line(&name).replace('#', "_");
        let Some(last) = outcome.attempts.last() else {
            let _ = writeln!(text, "# missing: {number} {name}");
            return;
        };
        let reason = one_line(last.message.lines().next().unwrap_or_default());
        let (ok, directive) = match outcome.verdict {
            Verdict::Pass => (true, String::new()),
            Verdict::Flake if last.verdict.is_as_expected() => {
                (true, format!(" # Flake in {} attempts", outcome.attempts.len()))
            }
            Verdict::NotApplicable | Verdict::Skipped => (true, format!(" # SKIP {reason}")),
            Verdict::ExpectedFail => {
                let waiver = last.waiver.as_ref().map(|waiver| one_line(&waiver.reason));
                (true, format!(" # XFAIL {}", waiver.unwrap_or(reason)))
            }
            Verdict::Timeout => (false, " # TIMEOUT".to_owned()),
            Verdict::Crash | Verdict::DutLost | Verdict::Blocked => {
                (false, format!(" # ERROR {}", outcome.verdict))
            }
            verdict => (false, format!(" # {verdict}")),
        };
        if !ok {
            for line in last.message.lines() {
                let _ = writeln!(text, "# {}", one_line(line));
            }
        }
        let state = if ok { "ok" } else { "not ok" };
        let line = format!("{state} {number} {name}{directive}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Takes out what would begin another line, or be heard by a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

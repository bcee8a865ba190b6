//! What is said at the end of a run.

use std::collections::BTreeMap;
use std::fmt;

use super::job::Job;
use super::record::FILE;
use crate::results::Mode;
use crate::results::Outcome;
use crate::results::Results;
use crate::results::Subject;
use crate::runner::Verdict;

/// What is said at the end of a run.
pub(super) struct Summary<'r> {
    job: &'r Job,
    results: &'r Results,
}

impl<'r> Summary<'r> {
    pub(super) fn of(job: &'r Job, results: &'r Results) -> Self {
        Self { job, results }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, results } = self;
        let outcomes = results.outcomes();
        for outcome in &outcomes {
            show(f, results, outcome)?;
        }
        for note in &results.notes {
            let tells = matches!(note.about, Subject::Quarantined | Subject::Interrupted);
            let breach = note.about == Subject::Other && note.text.starts_with("profile ");
            if tells
                || breach
                || (note.about == Subject::Lost && note.text.contains("lost for good"))
            {
                writeln!(f, "{}", note.text)?;
            }
        }
        let mut tally: BTreeMap<Verdict, usize> = BTreeMap::new();
        for outcome in &outcomes {
            *tally.entry(outcome.verdict).or_default() += 1;
        }
        let tally: Vec<String> =
            tally.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        writeln!(f, "verdicts: {}", tally.join(", "))?;
        if job.profile.mode == Mode::Certify {
            writeln!(f, "mode: certify; no waiver turned a failure into anything else")?;
        }
        for device in results.devices.values() {
            let (uri, model) = (&device.uri, &device.model);
            let (serial, firmware) = (&device.serial, &device.firmware);
            writeln!(f, "device: {uri} is {model} (serial {serial}, firmware {firmware})")?;
        }
        if let Some(run) = results.runs.last() {
            writeln!(f, "seed: {}", run.seed)?;
        }
        writeln!(f, "results: {}", job.out.join(FILE).display())
    }
}

/// Shows a test that a reader has to know of.
fn show(f: &mut fmt::Formatter<'_>, results: &Results, outcome: &Outcome<'_>) -> fmt::Result {
    let Outcome { planned, device, verdict, attempts } = outcome;
    let failed = attempts.iter().rfind(|attempt| !attempt.verdict.is_as_expected());
    let Some(attempt) = failed else { return Ok(()) };
    let on = device.and_then(|device| results.devices.get(&device));
    let on = on.filter(|_| 1 < results.devices.len());
    let on = on.map_or(String::new(), |device| format!(" on {}", device.uri));
    writeln!(f, "---- {verdict}: {}{on} ----", planned.test)?;
    if *verdict == Verdict::Flake {
        let verdicts: Vec<String> = attempts.iter().map(|it| it.verdict.to_string()).collect();
        writeln!(f, "attempts: {}", verdicts.join(", "))?;
    }
    writeln!(f, "{}", attempt.message)?;
    if let Some(waiver) = &attempt.waiver {
        writeln!(f, "waiver: {} ({}); it does not count", waiver.reason, waiver.clause)?;
    }
    if let Some(evidence) = &attempt.evidence {
        writeln!(f, "evidence: {evidence}")?;
    }
    if let Some(rerun) = &attempt.rerun {
        writeln!(f, "run it again: {rerun}")?;
    }
    writeln!(f)
}

//! Results as JUnit XML, which the engines of laboratories read.
//!
//! A suite is an area of tests on a device; a case has the area as its class and its whole name. What a device does
//! wrong is a `failure`; an `error` says that nothing is known of the device: the process crashed, the device was lost,
//! the test was blocked or is missing. What was expected to fail is `skipped`, with the reason of its waiver, and so is
//! what does not apply. The schema of JUnit has no place for more, so that the rest is in `properties`.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::FlakyOrRerun;
use quick_junit::NonSuccessKind;
use quick_junit::Property;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestRerun;
use quick_junit::TestSuite;

use super::Attempt;
use super::Device;
use super::Mode;
use super::Outcome;
use super::Results;
use super::utc::Utc;
use crate::runner::Verdict;

impl Results {
    /// Returns the results as JUnit XML.
    ///
    /// Characters that XML does not allow are left out.
    ///
    /// ```
    /// use nvmetest::results::Results;
    ///
    /// let results = Results::parse(
    /// r#"{"kind":"run","schema":1,"id":"r1","tool":"0.1.0","suite":{"name":"nvme","tests":1,"hash":"0"},"profile":"default","mode":"ci","seed":7,"host":"lab1","command":[],"started_ms":0}
    /// {"kind":"test","device":0,"test":"flush::a_flush","area":"flush","file":"flush.rs","line":3}
    /// "#)?;
    /// assert!(results.junit().contains(r#"<error message="the test reported nothing" type="Missing"/>"#));
    /// # Ok::<(), nvmetest::results::ResultsError>(())
    /// ```
    pub fn junit(&self) -> String {
        let run = self.runs.first();
        let mut report = Report::new(run.map_or("nvmetest", |run| &*run.suite.name));
        if let Some(end) = self.ends.last() {
            report.set_time(Duration::from_millis(end.took_ms));
        }
        let certify = run.is_some_and(|run| run.mode == Mode::Certify);
        let mut suites: BTreeMap<(Option<u32>, String), TestSuite> = BTreeMap::new();
        for outcome in self.outcomes() {
            let device = outcome.device.and_then(|device| self.devices.get(&device));
            let suite = suites
                .entry((outcome.device, outcome.planned.area.clone()))
                .or_insert_with_key(|(_, area)| self.suite(area, device));
            suite.add_test_case(case(&outcome, device, certify));
        }
        for mut suite in suites.into_values() {
            suite.set_time(suite.test_cases.iter().filter_map(|case| case.time).sum());
            report.add_test_suite(suite);
        }
        report.to_string().expect("what is written to memory can be written")
    }

    fn suite(&self, area: &str, device: Option<&Device>) -> TestSuite {
        let name = device.map_or_else(|| area.to_owned(), |it| format!("{area}@{}", it.uri));
        let mut suite = TestSuite::new(name);
        if let Some(run) = self.runs.first() {
            suite.extra.insert("hostname".into(), (&*run.host).into());
            suite.extra.insert("timestamp".into(), Utc(run.started_ms).to_string().into());
            for (name, value) in [("run", &run.id), ("profile", &run.profile), ("tool", &run.tool)]
            {
                suite.add_property(Property::new(name, &**value));
            }
            suite.add_property(Property::new("seed", run.seed.to_string()));
            if let Some((shard, elsewhere)) = self.part() {
                suite.add_property(Property::new("shard", shard.to_string()));
                if let Some(elsewhere) = elsewhere {
                    suite.add_property(Property::new("tests_elsewhere", elsewhere.to_string()));
                }
            }
        }
        suite.add_properties(of_device(device));
        suite
    }
}

fn case(outcome: &Outcome<'_>, device: Option<&Device>, certify: bool) -> TestCase {
    let mut case = TestCase::new(&*outcome.planned.test, status(outcome, certify));
    case.set_classname(&*outcome.planned.area);
    if let Some(attempt) = outcome.attempts.last() {
        case.set_time(took(attempt));
    }
    case.add_property(Property::new("verdict", outcome.verdict.to_string()));
    if let Some(clause) = &outcome.planned.clause {
        case.add_property(Property::new("requirement", outcome.planned.requirement()));
        case.add_property(Property::new("clause", &**clause));
    }
    case.add_properties(of_device(device));
    let place = format!("{}:{}", outcome.planned.file, outcome.planned.line);
    case.add_property(Property::new("source", place));
    let last = outcome.attempts.last();
    if let Some(waiver) = last.and_then(|attempt| attempt.waiver.as_ref()) {
        let text = format!("{}: {} ({})", waiver.verdict, waiver.reason, waiver.clause);
        case.add_property(Property::new("waiver", text));
    }
    if let Some(evidence) = last.and_then(|attempt| attempt.evidence.as_ref()) {
        case.add_property(Property::new("evidence", &**evidence));
    }
    if let Some(rerun) = last.and_then(|attempt| attempt.rerun.as_ref()) {
        case.add_property(Property::new("rerun", &**rerun));
    }
    for measured in last.into_iter().flat_map(|attempt| &attempt.measured) {
        let value = format!("{} {}", measured.value, measured.unit);
        case.add_property(Property::new(format!("measured.{}", measured.name), value));
    }
    case
}

fn of_device(device: Option<&Device>) -> Vec<Property> {
    let Some(device) = device else { return Vec::new() };
    let Device { uri, model, serial, firmware, .. } = device;
    let of = [("device", uri), ("model", model), ("firmware", firmware), ("serial", serial)];
    of.into_iter().map(|(name, value)| Property::new(name, value.trim())).collect()
}

fn status(outcome: &Outcome<'_>, certify: bool) -> TestCaseStatus {
    let Some((last, earlier)) = outcome.attempts.split_last() else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(Verdict::Missing.to_string()).set_message("the test reported nothing");
        return status;
    };
    let reruns = earlier.iter().filter(|attempt| kind(attempt.verdict).is_some());
    let reruns = reruns.map(|attempt| rerun(attempt));
    let decided = match outcome.verdict {
        // Where nothing is run again on purpose, what differs is a finding.
        Verdict::Flake if certify || !last.verdict.is_as_expected() => {
            Some(kind(last.verdict).unwrap_or(NonSuccessKind::Failure))
        }
        Verdict::Flake => None,
        verdict => kind(verdict),
    };
    if let Some(kind) = decided {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(outcome.verdict.to_string());
        status.set_message(first_line(&last.message));
        status.set_description(&*last.message);
        status.set_rerun_kind(FlakyOrRerun::Rerun).add_reruns(reruns);
        return status;
    }
    if matches!(last.verdict, Verdict::Pass) {
        let mut status = TestCaseStatus::success();
        status.add_reruns(reruns);
        return status;
    }
    let mut status = TestCaseStatus::skipped();
    status.set_type(last.verdict.to_string());
    match &last.waiver {
        Some(waiver) if last.verdict == Verdict::ExpectedFail => {
            status.set_message(format!("{} ({})", waiver.reason, waiver.clause));
            status.set_description(&*last.message);
        }
        _ => drop(status.set_message(&*last.message)),
    }
    status
}

/// Returns what is wrong with a test of this verdict: the device, or that nothing is known.
fn kind(verdict: Verdict) -> Option<NonSuccessKind> {
    match verdict {
        Verdict::Crash | Verdict::DutLost | Verdict::Blocked | Verdict::Missing => {
            Some(NonSuccessKind::Error)
        }
        verdict if verdict.is_as_expected() => None,
        _ => Some(NonSuccessKind::Failure),
    }
}

fn rerun(attempt: &Attempt) -> TestRerun {
    let mut rerun = TestRerun::new(kind(attempt.verdict).unwrap_or(NonSuccessKind::Failure));
    rerun.set_time(took(attempt));
    rerun.set_type(attempt.verdict.to_string());
    rerun.set_message(first_line(&attempt.message));
    rerun.set_description(&*attempt.message);
    rerun
}

fn took(attempt: &Attempt) -> Duration {
    Duration::from_micros(attempt.took_us)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

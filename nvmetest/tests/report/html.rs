//! The page tells the truth, stays small, and is nobody's but ours.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use nvmetest::report;
use nvmetest::results::Begin;
use nvmetest::results::EndReason;
use nvmetest::results::Measurement;
use nvmetest::results::Mode;
use nvmetest::results::Results;
use nvmetest::results::Shard;
use nvmetest::runner::Verdict;
use proptest::prelude::*;

use super::results;
use super::synthetic;

const NOWHERE: &str = "/nowhere";

fn page(results: &Results) -> String {
    report::html(results, Path::new(NOWHERE), None)
}

/// A run in which all passed.
fn passed(tests: usize) -> Results {
    let mut results = results(synthetic::lines(tests, 1, Mode::Ci));
    results.attempts = Vec::new();
    let template = synthetic::lines(1, 1, Mode::Ci).into_iter().find_map(|line| match line {
        nvmetest::results::Line::Attempt(attempt) => Some(attempt),
        _ => None,
    });
    for planned in &results.planned {
        let test = planned.test.clone();
        results.attempts.push(nvmetest::results::Attempt { test, ..template.clone().unwrap() });
    }
    results.notes.clear();
    results.ends[0].exit = 0;
    results
}

fn headline(page: &str) -> &str {
    page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap()
}

#[test]
fn the_headline_is_true() {
    let results = passed(4);
    assert_eq!(headline(&page(&results)), "All as expected");
    assert!(page(&results).contains("All 4 tests ended as expected."));

    let mut certify = results.clone();
    certify.runs[0].mode = Mode::Certify;
    assert_eq!(headline(&page(&certify)), "No findings");
    // What a baseline excuses is a finding there.
    certify.attempts[1].verdict = Verdict::ExpectedFail;
    assert_eq!(headline(&page(&certify)), "Not as expected");
    certify.runs[0].mode = Mode::Ci;
    assert_eq!(headline(&page(&certify)), "All as expected");

    let mut failed = results.clone();
    failed.attempts[1].verdict = Verdict::Fail;
    assert_eq!(headline(&page(&failed)), "Not as expected");

    let mut exit = results.clone();
    exit.ends[0].exit = 3;
    assert_eq!(headline(&page(&exit)), "Not as expected");
    assert!(page(&exit).contains("the run ended with exit code 3"));
}

#[test]
fn a_shard_is_not_taken_for_the_run() {
    let mut results = passed(4);
    results.runs[0].shard = Some(Shard { index: 2, count: 3, tests: 234, cut: 1 });
    let text = page(&results);
    assert_eq!(headline(&text), "All as expected, in this shard");
    assert!(text.contains("This is shard 2 of 3: 230 tests are elsewhere"));
    assert!(text.contains("class=\"glance part\""), "and is no pass at a glance");
    assert!(results.junit().contains(r#"<property name="shard" value="2/3"/>"#));
    assert!(results.junit().contains(r#"<property name="tests_elsewhere" value="230"/>"#));
    let ktap = results.ktap();
    assert_eq!(ktap.lines().nth(1), Some("# shard 2/3: 230 of the tests are in other shards"));
    assert_eq!(ktap.lines().nth(2), Some("1..4"));
}

#[test]
fn each_opcode_has_its_longest_command_and_where_that_was() {
    let mut results = passed(4);
    let slow = &mut results.attempts[2].commands[0];
    (slow.latency, slow.slowest) = (vec![(100.0, 11_000_000_000)], "Identify <cns=1>".to_owned());
    slow.limits = vec![(100.0, 10_000_000_000)];
    let text = page(&results);
    let row = text.split("<tr>").find(|row| row.contains("Identify &lt;cns=1&gt;")).unwrap();
    assert!(row.contains("11.00 s") && row.contains("10.00 s") && row.contains("Beyond"), "{row}");
    assert!(row.contains(&*results.attempts[2].test), "{row}");
}

#[test]
fn a_figure_beyond_a_limit_is_marked_whichever_way_it_is_beyond() {
    let figure = |value: f64, limit: Option<f64>, at_least: Option<f64>| {
        let mut results = passed(1);
        let (name, unit) = ("speed".to_owned(), "MB/s".to_owned());
        results.attempts[0].measured = vec![Measurement { name, value, unit, limit, at_least }];
        let text = page(&results);
        let row = text.split("<tr>").find(|row| row.contains("<td>speed</td>")).unwrap();
        (row.contains(">Beyond<"), row.contains(">Within<"))
    };
    assert_eq!(figure(5.0, Some(5.0), Some(5.0)), (false, true));
    assert_eq!(figure(6.0, Some(5.0), None), (true, false));
    assert_eq!(figure(4.0, None, Some(5.0)), (true, false));
    assert_eq!(figure(4.0, None, None), (false, false));
}

#[test]
fn what_ran_when_a_run_went_down_is_named() {
    let mut results = passed(2);
    results.ends.clear();
    let test = results.attempts.pop().unwrap().test;
    results.begun.push(Begin { device: 0, test: test.clone(), attempt: 1, at_ms: 0 });
    let text = page(&results);
    let alarm = text.split("class=\"alarm\"").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(alarm.contains(&test), "{alarm}");
}

#[test]
fn a_run_that_is_not_complete_says_so_first_and_names_what_is_missing() {
    let results = passed(4);
    let mut missing = results.clone();
    missing.attempts.remove(2);
    let text = page(&missing);
    assert_eq!(headline(&text), "The run is not complete");
    let (alarm, findings) =
        (text.find("class=\"alarm\"").unwrap(), text.find("id=\"tests\"").unwrap());
    assert!(alarm < findings);
    assert!(text[alarm..findings].contains(&missing.planned[2].test));

    let mut killed = results.clone();
    killed.ends.clear();
    assert!(page(&killed).contains("it was killed, still goes on, or lacks a part"));
    let mut interrupted = results;
    interrupted.ends[0].reason = EndReason::Interrupted;
    assert!(page(&interrupted).contains("the user interrupted it"));
    // Resumed, and then complete.
    let mut end = interrupted.ends[0].clone();
    end.reason = EndReason::Complete;
    interrupted.ends.push(end);
    assert_eq!(headline(&page(&interrupted)), "All as expected");
}

#[test]
fn a_shard_that_never_ended_makes_the_whole_incomplete() {
    let mut results = passed(4);
    let shard =
        |index| serde_json::from_value(serde_json::json!({"index": index, "count": 2})).ok();
    results.runs.push(results.runs[0].clone());
    results.runs[0].shard = shard(1);
    results.runs[1].shard = shard(2);
    assert_eq!(headline(&page(&results)), "The run is not complete");
    results.ends.push(results.ends[0].clone());
    assert_eq!(headline(&page(&results)), "All as expected");
}

#[test]
fn evidence_is_on_the_page_and_what_is_gone_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    synthetic::write(folder.path(), &synthetic::lines(12, 1, Mode::Ci)).unwrap();
    let files = report::write(folder.path()).unwrap();
    let names: Vec<_> =
        files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["report.html", "junit.xml", "results.ktap"]);
    let text = fs::read_to_string(&files[0]).unwrap();
    for part in [
        "<svg",
        "CSTS: 0x00000001",
        "&gt; 32 |",
        "&gt;&gt;&gt;",
        "LBA Out of Range",
        "--exact features::",
    ] {
        assert!(text.contains(part), "{part}");
    }
    fs::remove_dir_all(folder.path().join("evidence")).unwrap();
    report::write(folder.path()).unwrap();
    let text = fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("is not there any more"));
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "no temporary file is left: {left:?}");
}

#[test]
fn a_broken_file_of_results_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = report::write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("results.jsonl cannot be read"), "{error}");
    fs::write(folder.path().join("results.jsonl"), "\n{\"kind\":\"tset\"}\n").unwrap();
    let error = report::write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("results.jsonl: line 2 is no result of nvmetest"), "{error}");
}

#[test]
fn what_changed_since_an_earlier_run_is_told() {
    let now = results(synthetic::lines(60, 1, Mode::Ci));
    let mut before = now.clone();
    before.planned.remove(0);
    before.attempts.retain(|it| it.test != now.planned[0].test);
    let gone = before.planned[0].clone();
    before.planned.push(nvmetest::results::Planned { test: "gone::a_test".into(), ..gone });
    for attempt in before.attempts.iter_mut().filter(|it| it.verdict == Verdict::Fail) {
        attempt.verdict = Verdict::Pass;
    }
    for worker in before.attempts.iter_mut().flat_map(|it| &mut it.workers) {
        worker.latency[0].1[0].1 /= 2;
    }
    before.devices.get_mut(&0).unwrap().firmware = "OLD1".into();

    let text = report::html(&now, Path::new(NOWHERE), Some(&before));
    let section = text.split("id=\"changes\"").nth(1).unwrap().split("<section").next().unwrap();
    for part in [
        "2 verdicts changed, 1 test new, 1 test gone",
        "gone::a_test",
        "do not have the same firmware: OLD1 before, and EX4100C2 now",
        "Read P50",
        "slower ×2.0",
    ] {
        assert!(section.contains(part), "{part}: {section}");
    }
    // The failing test links to what is known of it.
    assert!(section.contains("<a href=\"#t5\">"), "{section}");
}

#[test]
fn a_thousand_tests_take_less_than_five_megabytes_whatever_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    synthetic::evidence(&folder.path().join("evidence")).unwrap();
    let mut results = results(synthetic::lines(1_000, 2, Mode::Ci));
    let worker = results.attempts.iter().find_map(|it| it.workers.first()).unwrap().clone();
    for attempt in &mut results.attempts {
        attempt.verdict = Verdict::Fail;
        attempt.message = "<long> ".repeat(10_000);
        attempt.rerun = Some("nvme ".repeat(20));
        attempt.evidence = Some("evidence".into());
        attempt.workers = vec![worker.clone()];
    }
    let start = Instant::now();
    let text = report::html(&results, folder.path(), None);
    assert!(text.len() < 5_000_000, "{} bytes", text.len());
    assert!(text.contains("<svg") && text.contains("is left out"));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn the_page_of_five_thousand_tests_is_made_in_three_seconds() {
    let folder = tempfile::tempdir().unwrap();
    synthetic::write(folder.path(), &synthetic::lines(5_000, 2, Mode::Ci)).unwrap();
    let start = Instant::now();
    let files = report::write(folder.path()).unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(files[0].metadata().unwrap().len() < 8_000_000);
}

/// The names of the elements and of their attributes, read as a browser reads them.
fn elements(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut elements = BTreeMap::<_, BTreeSet<String>>::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let name: String = rest.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
        rest = &rest[name.len()..];
        let mut attributes = BTreeSet::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let attribute: String = rest
                .chars()
                .take_while(|c| !c.is_whitespace() && !['=', '>'].contains(c))
                .collect();
            assert!(!attribute.is_empty(), "no attribute at {rest:.40}");
            rest = &rest[attribute.len()..];
            attributes.insert(attribute);
            if let Some(value) = rest.strip_prefix("=\"") {
                let end = value.find('"').unwrap();
                rest = &value[end + 1..];
            }
        }
        // What stands in these is no markup.
        if let "style" | "script" = &*name {
            rest = &rest[rest.find("</").unwrap()..];
        }
        elements.entry(name).or_default().extend(attributes);
    }
    elements
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a device, a test or a baseline says: the page has the elements that it has with plain words.
    #[test]
    fn nothing_that_is_said_becomes_a_part_of_the_page(
        text in "(<|>|&|\"|'|=|/| |<script>|</script>|</style>|<!--|\\]\\]>|</title>|<x-evil on=\"|\" on=\"|\\PC|\\u{0}|\\n){1,24}"
    ) {
        let folder = tempfile::tempdir().unwrap();
        synthetic::write(folder.path(), &[]).unwrap();
        let said = |text: &str| {
            let mut results = results(synthetic::lines(60, 1, Mode::Ci));
            let t = || text.to_owned();
            for run in &mut results.runs {
                (run.id, run.tool, run.profile, run.host) = (t(), t(), t(), t());
                (run.suite.name, run.suite.hash, run.command) = (t(), t(), vec![t()]);
            }
            for device in results.devices.values_mut() {
                (device.uri, device.model, device.serial) = (t(), t(), t());
                (device.firmware, device.version) = (t(), t());
                for choice in &mut device.choices {
                    (choice.name, choice.value, choice.clause) = (t(), t(), t());
                }
            }
            for health in &mut results.health {
                health.values.insert(t(), 1);
            }
            for note in &mut results.notes {
                (note.text, note.test) = (t(), Some(t()));
            }
            for (planned, index) in results.planned.iter_mut().zip(0..) {
                let old = planned.test.clone();
                (planned.test, planned.area, planned.file) = (format!("{text}{index}"), t(), t());
                planned.clause = Some(t());
                for attempt in results.attempts.iter_mut().filter(|it| it.test == old) {
                    attempt.test = planned.test.clone();
                    attempt.message = t();
                    (attempt.rerun, attempt.evidence) = (Some(t()), Some(t()));
                    if let Some(waiver) = &mut attempt.waiver {
                        (waiver.clause, waiver.reason) = (t(), t());
                        (waiver.link, waiver.expires) = (Some(t()), Some(t()));
                    }
                    for measured in &mut attempt.measured {
                        (measured.name, measured.unit) = (t(), t());
                    }
                    for worker in &mut attempt.workers {
                        worker.name = t();
                        worker.latency.iter_mut().for_each(|it| it.0 = t());
                    }
                }
            }
            let earlier = super::results(synthetic::lines(61, 1, Mode::Certify));
            report::html(&results, folder.path(), Some(&earlier))
        };
        let page = said(&text);
        prop_assert_eq!(page.matches("<script").count(), 1);
        prop_assert!(!page.contains("<x-evil"));
        let plain = elements(&said("w"));
        for (name, attributes) in elements(&page) {
            let known = plain.get(&name);
            prop_assert!(known.is_some(), "the element {}", name);
            let more: Vec<_> = attributes.difference(known.unwrap()).collect();
            prop_assert!(more.is_empty(), "{} has {:?}", name, more);
        }
    }
}

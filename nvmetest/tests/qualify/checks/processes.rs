//! What becomes of tests that end their process, or their device.

use std::fs;

use libtest_mimic::Failed;
use nvmetest::results::EndReason;
use nvmetest::results::Line;
use nvmetest::results::Moment;
use nvmetest::results::Subject;
use nvmetest::runner::Verdict;

use super::Bench;

pub fn each_outcome_is_in_the_results() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench
        .run(&["outcomes", "--skip", "waits", "--skip", "flickers", "--seed", "7"])?
        .ends_with(1);
    let verdicts = ran.verdicts();
    let verdicts: Vec<_> = verdicts.iter().map(|(test, verdict)| (&**test, *verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("outcomes::passes", Verdict::Pass),
            ("outcomes::fails", Verdict::Fail),
            ("outcomes::skips", Verdict::Skipped),
            ("outcomes::is_long", Verdict::Skipped),
            ("outcomes::the_last_passes", Verdict::Pass),
        ]
    );
    let results = ran.results();
    assert_eq!((results.runs.len(), results.runs[0].seed), (1, 7));
    let health: Vec<Moment> = results.health.iter().map(|health| health.when).collect();
    assert_eq!(health, [Moment::Before, Moment::After]);
    assert_eq!((results.ends[0].reason, results.ends[0].exit), (EndReason::Complete, 1));
    assert_eq!(results.devices[&0].model, "Fake");
    assert!(results.devices[&0].choices.iter().any(|choice| choice.name == "MDTS"));
    let passed = &results.attempts[0];
    assert_eq!((&*passed.measured[0].name, passed.measured[0].value), ("answer", 42.0));

    // It failed twice, and left evidence each time.
    let failed: Vec<_> =
        results.attempts.iter().filter(|it| it.test == "outcomes::fails").collect();
    assert_eq!(failed.iter().map(|it| it.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(failed[0].message, "the model is wrong\nclause: Base 1.2");
    let evidence = ran.out.join(failed[1].evidence.as_ref().expect("there is evidence"));
    assert!(evidence.ends_with("evidence/outcomes.fails/attempt-2"), "{evidence:?}");
    let printed = fs::read_to_string(evidence.join("output.txt"))?;
    assert_eq!(printed, "what a test prints is evidence\n");
    assert!(evidence.join("cmdlog.jsonl").is_file() && evidence.join("failure.txt").is_file());
    assert!(ran.stdout().contains("verdicts: 2 Pass, 1 Fail, 2 Skipped\n"), "{}", ran.stdout());
    assert!(!ran.stderr().contains("what a test prints"), "{}", ran.stderr());

    for made in ["report.html", "junit.xml", "results.ktap"] {
        assert!(ran.out.join(made).is_file(), "{made}");
    }

    // The lines come in the order in which things happen.
    let text = fs::read_to_string(ran.out.join("results.jsonl"))?;
    let kinds: Vec<Line> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert!(matches!(kinds[..2], [Line::Run(_), Line::Device(_)]));
    assert!(matches!(kinds[kinds.len() - 1], Line::End(_)));
    Ok(())
}

pub fn what_a_worker_counts_is_in_the_results() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench.run(&["workers::", "--device", "soft:size=1MiB"])?.ends_with(0);
    let results = ran.results();
    let [worker] = &results.attempts[0].workers[..] else { panic!("{:?}", results.attempts) };
    assert_eq!((worker.commands, worker.errors), (100, 0));
    assert!(worker.name.contains("depth 4"), "{}", worker.name);
    let (opcode, latency) = &worker.latency[0];
    assert_eq!(&**opcode, "Read");
    let percentiles: Vec<f64> = latency.iter().map(|(at, _)| *at).collect();
    assert_eq!(percentiles, [1.0, 50.0, 90.0, 99.0, 100.0], "100 commands are not enough for more");
    Ok(())
}

pub fn a_crash_costs_one_verdict_and_leaves_its_commands() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench
        .run(&[
            "deaths::crashes",
            "deaths::the_next",
            "--mode",
            "certify",
            "--device",
            "soft:size=1MiB",
        ])?
        .ends_with(1);
    assert_eq!(ran.verdict("deaths::crashes"), Verdict::Crash);
    assert_eq!(ran.verdict("deaths::the_next_finds_a_device"), Verdict::Pass);
    let results = ran.results();
    let crash = &results.attempts[0];
    assert!(crash.message.contains("SIGABRT"), "{}", crash.message);
    assert!(crash.message.contains("these are the last words"), "{}", crash.message);
    assert!(crash.message.contains("clause: Base 2.1"), "{}", crash.message);
    let evidence = ran.out.join(crash.evidence.as_ref().expect("there is evidence"));
    let log = fs::read_to_string(evidence.join("cmdlog.txt"))?;
    assert!(log.contains("Keep Alive"), "{log}");
    let about: Vec<_> = results.notes.iter().map(|note| note.about).collect();
    assert_eq!(about, [Subject::Lost, Subject::Recovered]);
    Ok(())
}

pub fn a_test_that_does_not_come_back_is_ended_with_its_process() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench
        .run(&["deaths::does_not", "deaths::the_last", "--mode", "certify", "--grace", "0.1"])?
        .ends_with(1);
    assert_eq!(ran.verdict("deaths::does_not_come_back"), Verdict::Timeout);
    assert_eq!(ran.verdict("deaths::the_last_finds_a_device"), Verdict::Pass);
    let message = &ran.results().attempts[0].message;
    assert!(message.starts_with("deaths::does_not_come_back did not come back"), "{message}");
    Ok(())
}

pub fn a_process_that_is_stopped_is_ended_too() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let arguments = ["deaths::is_stopped", "deaths::the_last", "--mode", "certify"];
    let ran = bench.run(&[&arguments[..], &["--grace", "0.1"]].concat())?.ends_with(1);
    assert_eq!(ran.verdict("deaths::is_stopped"), Verdict::Timeout);
    assert_eq!(ran.verdict("deaths::the_last_finds_a_device"), Verdict::Pass);
    Ok(())
}

pub fn a_lost_device_is_opened_again() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let device = ["--device", "soft:size=1MiB", "--mode", "certify"];
    let ran = bench.run(&[&["deaths::kills_the", "deaths::the_last"], &device[..]].concat())?;
    let ran = ran.ends_with(1);
    assert_eq!(ran.verdict("deaths::kills_the_device"), Verdict::DutLost);
    assert_eq!(ran.verdict("deaths::the_last_finds_a_device"), Verdict::Pass);
    Ok(())
}

pub fn a_device_that_stays_lost_ends_its_part() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench
        .run(&["deaths::kills_the", "deaths::the_last", "--device", "fake:opens=1"])?
        .ends_with(3);
    assert_eq!(ran.verdict("deaths::kills_the_device"), Verdict::DutLost);
    assert_eq!(ran.verdict("deaths::the_last_finds_a_device"), Verdict::Missing);
    let results = ran.results();
    assert!(results.notes.iter().any(|note| note.text.contains("is lost for good")));
    assert_eq!(results.ends[0].reason, EndReason::Lost);
    Ok(())
}

pub fn who_kills_a_device_three_times_is_in_quarantine() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench.run(&["deaths::kills_again", "deaths::the_last", "--mode", "certify"])?;
    let ran = ran.ends_with(1);
    let verdicts: Vec<_> = ran.verdicts().into_iter().map(|(_, verdict)| verdict).collect();
    let lost = Verdict::DutLost;
    assert_eq!(verdicts, [lost, lost, lost, Verdict::Blocked, Verdict::Pass]);
    let results = ran.results();
    let note = results.notes.iter().find(|note| note.about == Subject::Quarantined);
    let note = note.expect("it is noted");
    assert!(note.text.contains("`kills_again_and_again` killed a device 3 times"), "{}", note.text);
    assert!(ran.stdout().contains(&note.text), "{}", ran.stdout());
    Ok(())
}

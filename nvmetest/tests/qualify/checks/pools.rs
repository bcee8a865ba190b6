//! Several devices in one run.

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::Failed;
use nvmetest::runner::Verdict;

use super::Bench;
use super::until;

pub fn a_matrix_runs_everything_everywhere() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let devices = ["--device", "soft:size=1MiB", "--device", "fake:"];
    let tests = ["outcomes::passes", "outcomes::fails", "--mode", "certify"];
    let ran = bench.run(&[&devices[..], &tests].concat())?.ends_with(1);
    let results = ran.results();
    let outcomes: Vec<_> =
        results.outcomes().iter().map(|it| (it.device, &*it.planned.test, it.verdict)).collect();
    assert_eq!(
        outcomes,
        [
            (Some(0), "outcomes::passes", Verdict::Pass),
            (Some(0), "outcomes::fails", Verdict::Fail),
            (Some(1), "outcomes::passes", Verdict::Pass),
            (Some(1), "outcomes::fails", Verdict::Fail),
        ]
    );
    let evidence: BTreeSet<_> =
        results.attempts.iter().filter_map(|it| it.evidence.clone()).collect();
    assert_eq!(evidence.len(), 2, "each device has its own");
    assert_eq!(results.devices.len(), 2);
    Ok(())
}

pub fn identical_drives_share_the_tests() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let devices = ["--device", "soft:serial=A", "--device", "soft:serial=B", "--pool", "shard"];
    let ran =
        bench.run(&[&devices[..], &["leaves_bits", "meets_the_other"]].concat())?.ends_with(0);
    let results = ran.results();
    let mut tests: Vec<_> = results.attempts.iter().map(|it| it.test.clone()).collect();
    tests.sort();
    assert_eq!(tests.len(), 8);
    tests.dedup();
    assert_eq!(tests.len(), 8, "no test ran twice");
    assert!(results.planned.iter().all(|planned| planned.device.is_none()));
    let serials: Vec<_> = results.devices.values().map(|device| &*device.serial).collect();
    assert_eq!(serials, ["A", "B"]);
    let both: BTreeSet<_> = results.attempts.iter().map(|it| it.device).collect();
    assert_eq!(both.len(), 2, "both had something to do");
    Ok(())
}

pub fn drives_that_differ_do_not_share() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let devices = ["--device", "soft:", "--device", "fake:", "--pool", "shard"];
    let ran = bench.run(&devices)?.ends_with(2);
    let stderr = ran.stderr();
    assert!(stderr.contains("only identical drives share the tests"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!ran.out.join("results.jsonl").exists(), "the folder can be used again");
    Ok(())
}

pub fn shards_have_each_test_once() -> Result<(), Failed> {
    let mut tests = Vec::new();
    for shard in ["1/2", "2/2"] {
        let bench = Bench::new()?;
        let ran = bench.run(&["state::", "meetings::comes_after", "--shard", shard])?.ends_with(0);
        let results = ran.results();
        assert_eq!(results.runs[0].shard.map(|shard| shard.tests), Some(8));
        let page = fs::read_to_string(ran.out.join("report.html"))?;
        let (index, elsewhere) = (&shard[..1], 8 - results.planned.len());
        let part = format!("This is shard {index} of 2: {elsewhere} tests are elsewhere");
        assert!(page.contains(&part), "{part}");
        tests.extend(results.attempts.into_iter().map(|attempt| attempt.test));
    }
    tests.sort();
    assert_eq!(tests.len(), 8);
    tests.dedup();
    assert_eq!(tests.len(), 8);
    Ok(())
}

pub fn what_a_lost_drive_leaves_the_other_takes_over() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let devices = ["--device", "fake:opens=1", "--device", "fake:opens=1,msix=4"];
    let tests = ["--pool", "shard", "kills_once", "is_let_go"];
    let child = bench.command(&[&devices[..], &tests].concat()).spawn()?;
    let path = bench.out().join("results.jsonl");
    let text = || fs::read_to_string(&path).unwrap_or_default();
    until("one drive is lost", || text().contains("is lost for good"));
    fs::write(bench.folder.path().join("marks/go"), "")?;
    let ran = bench.finish(child)?.ends_with(3);
    let results = ran.results();
    let attempts = results.attempts.iter().filter(|it| it.test == "deaths::kills_once");
    let attempts: Vec<_> = attempts.map(|it| (it.device, it.verdict)).collect();
    let [(lost, Verdict::DutLost), (other, Verdict::Pass)] = attempts[..] else {
        panic!("{attempts:?}")
    };
    assert_ne!(lost, other);
    Ok(())
}

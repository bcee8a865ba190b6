//! Going on with a run.

use std::os::unix::process::ExitStatusExt;

use libtest_mimic::Failed;
use nvmetest::results::Subject;
use nvmetest::runner::Verdict;

use super::Bench;
use super::descendants;
use super::is_alive;
use super::results;
use super::until;

pub fn a_run_that_was_killed_goes_on() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let mut child =
        bench.command(&["outcomes", "--skip", "flickers", "--skip", "fails"]).spawn()?;
    bench.wait_for("waits");
    let below = descendants(child.id());
    assert!(!below.is_empty());
    child.kill()?;
    child.wait()?;
    until("the processes of the devices are gone", || !below.iter().any(|&pid| is_alive(pid)));
    let killed = results(&bench.out());
    assert!(killed.ends.is_empty());
    let outcomes = killed.outcomes();
    let missing: Vec<_> = outcomes.iter().filter(|it| it.verdict == Verdict::Missing).collect();
    let missing: Vec<_> = missing.iter().map(|it| &*it.planned.test).collect();
    assert_eq!(missing, ["outcomes::waits", "outcomes::the_last_passes"]);

    let ran = bench.resume(&[])?.ends_with(0);
    assert!(ran.verdicts().iter().all(|(_, verdict)| verdict.is_as_expected()));
    let results = ran.results();
    assert_eq!(results.runs.len(), 2);
    assert_eq!(
        (results.runs[0].seed, &results.runs[0].id),
        (results.runs[1].seed, &results.runs[1].id)
    );
    let again: Vec<_> =
        results.attempts[killed.attempts.len()..].iter().map(|it| &*it.test).collect();
    assert_eq!(
        again,
        ["outcomes::waits", "outcomes::the_last_passes"],
        "what was done is not done again"
    );
    assert_eq!(results.planned.len(), killed.planned.len());

    // There is nothing left, and that is no failure.
    let ran = bench.resume(&[])?.ends_with(0);
    assert_eq!(ran.results().attempts.len(), results.attempts.len());
    Ok(())
}

pub fn a_run_does_not_go_on_as_another() -> Result<(), Failed> {
    let bench = Bench::new()?;
    bench.run(&["outcomes::passes", "--seed", "7"])?.ends_with(0);
    for (arguments, sentence) in [
        (&["--seed", "8"][..], "the seed is 8 now, and the run began with 7"),
        (&["--mode", "certify"], "the mode is Certify now, and the run began with Ci"),
        (&["--device", "soft:"], "the device is soft: now"),
        (&["outcomes::fails"], "give no filter with `--resume`"),
    ] {
        let ran = bench.resume(arguments)?.ends_with(2);
        assert!(ran.stderr().contains(sentence), "{}", ran.stderr());
        assert_eq!(ran.stderr().lines().count(), 1, "{}", ran.stderr());
    }
    let path = bench.out().join("results.jsonl");
    let text = std::fs::read_to_string(&path)?;
    let hash = &results(&bench.out()).runs[0].suite.hash;
    std::fs::write(&path, text.replace(hash, "0"))?;
    let ran = bench.resume(&[])?.ends_with(2);
    assert!(ran.stderr().contains("other tests than those of this program"), "{}", ran.stderr());
    Ok(())
}

pub fn who_takes_the_run_down_three_times_is_in_quarantine() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let child = bench.command(&["outages::"]).spawn()?;
    let mut ran = bench.finish(child)?;
    for losses in 0..3 {
        assert_eq!(ran.output.status.signal(), Some(9), "{}", ran.stderr());
        let results = ran.results();
        let begun: Vec<_> = results.begun.iter().map(|it| (&*it.test, it.attempt)).collect();
        assert_eq!(begun, [("outages::takes_the_run_down::first", 1)]);
        let lost = results.notes.iter().filter(|note| note.about == Subject::Lost).count();
        assert_eq!(lost, losses);
        ran = bench.resume(&[])?;
    }
    let ran = ran.ends_with(1);
    let verdicts: Vec<_> = ran.verdicts().into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(verdicts, [Verdict::Blocked, Verdict::Blocked, Verdict::Pass]);
    let results = ran.results();
    let note = results.notes.iter().find(|note| note.about == Subject::Quarantined);
    let note = note.expect("it is noted");
    assert!(note.text.contains("`takes_the_run_down` killed a device 3 times"), "{}", note.text);
    assert!(ran.stdout().contains(&note.text), "{}", ran.stdout());
    assert!(results.begun.is_empty());

    // To go on once more counts nothing twice.
    let ran = bench.resume(&[])?.ends_with(1);
    assert_eq!(ran.results().notes.iter().filter(|it| it.about == Subject::Lost).count(), 3);
    Ok(())
}

pub fn two_runs_do_not_write_the_same_results() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let child = bench.command(&["is_let_go"]).spawn()?;
    bench.wait_for("waits-to-go");
    let second = bench.resume(&[])?.ends_with(2);
    assert!(
        second.stderr().contains("goes on in another process; wait for it"),
        "{}",
        second.stderr()
    );
    assert_eq!(second.stderr().lines().count(), 1, "{}", second.stderr());
    std::fs::write(bench.folder.path().join("marks/go"), "")?;
    let ran = bench.finish(child)?.ends_with(0);
    assert_eq!(ran.results().runs.len(), 1, "the second left nothing");
    Ok(())
}

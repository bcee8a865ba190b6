//! Going on with a run.

use libtest_mimic::Failed;
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

//! What is done about what is not as expected.

use libtest_mimic::Failed;
use nvmetest::runner::Verdict;

use super::Bench;

const BASELINE: &str = r#"
[[expected]]
test = "outcomes::fails"
verdict = "Fail"
clause = "Base 1.2"
reason = "the model is known to be wrong"
"#;

pub fn what_is_unexpected_is_run_again_and_a_flake_is_named() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let ran = bench.run(&["flickers", "the_last_passes"])?.ends_with(0);
    assert_eq!(ran.verdict("outcomes::flickers"), Verdict::Flake);
    let results = ran.results();
    let attempts: Vec<_> = results.attempts.iter().map(|it| (&*it.test, it.attempt)).collect();
    // At once, and not when all others ran.
    assert_eq!(
        attempts,
        [("outcomes::flickers", 1), ("outcomes::flickers", 2), ("outcomes::the_last_passes", 1)]
    );
    assert!(
        ran.stdout().contains("---- Flake: outcomes::flickers ----\nattempts: Fail, Pass\n"),
        "{}",
        ran.stdout()
    );
    Ok(())
}

pub fn certify_runs_once_and_a_waiver_changes_nothing() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let baseline = bench.file("known.toml", BASELINE)?;
    let arguments = ["--mode", "certify", "--baseline", &baseline];
    let ran = bench.run(&[&["flickers", "outcomes::fails"], &arguments[..]].concat())?;
    let ran = ran.ends_with(1);
    let results = ran.results();
    assert_eq!(results.attempts.len(), 2, "{:?}", results.attempts);
    assert_eq!(ran.verdict("outcomes::flickers"), Verdict::Fail);
    let failed = &results.attempts[0];
    assert_eq!((&*failed.test, failed.verdict), ("outcomes::fails", Verdict::Fail));
    let waiver = failed.waiver.as_ref().expect("the waiver stands beside it");
    assert_eq!(waiver.reason, "the model is known to be wrong");
    let stdout = ran.stdout();
    assert!(stdout.contains("clause: Base 1.2\nwaiver: the model is known"), "{stdout}");
    Ok(())
}

pub fn a_baseline_holds_in_ci_and_an_unexpected_pass_fails_the_run() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let baseline = bench.file("known.toml", BASELINE)?;
    let ran = bench.run(&["outcomes::fails", "--baseline", &baseline])?.ends_with(0);
    assert_eq!(ran.verdict("outcomes::fails"), Verdict::ExpectedFail);
    assert_eq!(ran.results().attempts.len(), 1, "it is not run again");

    let bench = Bench::new()?;
    let baseline =
        bench.file("known.toml", &BASELINE.replace("outcomes::fails", "outcomes::passes"))?;
    let ran = bench.run(&["outcomes::passes", "--baseline", &baseline])?.ends_with(1);
    assert_eq!(ran.verdict("outcomes::passes"), Verdict::UnexpectedPass);
    Ok(())
}

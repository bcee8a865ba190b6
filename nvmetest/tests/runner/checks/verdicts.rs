//! What becomes of a test, and what a failure leaves.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use libtest_mimic::Failed;
use tempfile::TempDir;

use super::command;
use super::suite;
use crate::AS_SUITE;

pub fn each_outcome_has_its_verdict() -> Result<(), Failed> {
    let suite = suite(&["outcomes", "--skip", "overruns", "--skip", "waits_too_long"])?;
    suite.check(1, expect![[r#"

        running 9 tests
        test outcomes::passes                 ... ok
        test outcomes::fails                  ... FAILED
        test outcomes::panics                 ... FAILED
        test outcomes::fails_by_question_mark ... FAILED
        test outcomes::skips                  ... ignored (Skipped: there are 0 zones)
        test outcomes::needs_vectors          ... ignored (NotApplicable: the number of MSI-X vectors that can be observed (MSI-X, PCIe transport 3.5) is 0)
        test outcomes::is_long                ... ignored (Skipped: takes an hour)
        test outcomes::has_cases::one         ... ok
        test outcomes::has_cases::two         ... ok

        failures:

        ---- outcomes::fails ----
        the model is wrong
        clause: Base 1.2
        evidence: EVIDENCE/outcomes.fails
        run it again: COMMAND

        ---- outcomes::panics ----
        nvmetest/tests/runner/outcomes.rs:23:5: assertion `left == right` failed: the namespace is wrong
          left: 1
         right: 7
        evidence: EVIDENCE/outcomes.panics
        run it again: COMMAND

        ---- outcomes::fails_by_question_mark ----
        invalid digit found in string
        evidence: EVIDENCE/outcomes.fails_by_question_mark
        run it again: COMMAND


        failures:
            outcomes::fails
            outcomes::panics
            outcomes::fails_by_question_mark

        test result: FAILED. 3 passed; 3 failed; 3 ignored; 0 measured; 21 filtered out

        verdicts: 3 Pass, 3 Fail, 1 NotApplicable, 2 Skipped
        device: fake: is Fake (serial 1, firmware 0.1)
        seed: SEED
    "#]]);
    expect![[r#"
        fake: shut down
    "#]]
    .assert_eq(&suite.stderr());

    Ok(())
}

pub fn a_test_that_takes_too_long_is_a_timeout() -> Result<(), Failed> {
    let suite = suite(&["overruns", "waits_too_long"])?;
    assert_eq!(suite.output.status.code(), Some(1));
    for (test, limit) in [("overruns", 2), ("waits_too_long", 20)] {
        let failure = suite.folder.path().join(format!("outcomes.{test}/failure.txt"));
        let failure = fs::read_to_string(failure)?;
        assert!(failure.contains("verdict: Timeout"), "{failure}");
        assert!(failure.contains(&format!("s, and may take {limit}ms")), "{failure}");
    }
    Ok(())
}

pub fn a_failure_leaves_a_folder_and_the_command_to_repeat_it() -> Result<(), Failed> {
    let suite = suite(&["outcomes::fails", "--exact", "--seed", "7"])?;
    let folder = suite.folder.path().join("outcomes.fails");
    let read = |name| fs::read_to_string(folder.join(name));
    expect![[r#"
        test: outcomes::fails
        device: fake:
        verdict: Fail
        seed: 7

        the model is wrong
        clause: Base 1.2
    "#]]
    .assert_eq(&read("failure.txt")?);
    assert!(folder.join("registers.txt").is_file());

    // The command repeats exactly this test.
    let rerun = read("rerun.txt")?;
    let output = Command::new("sh").arg("-c").arg(&rerun).env(AS_SUITE, "1").output()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("running 1 test\ntest outcomes::fails ... FAILED"), "{stdout}");

    // A run in which it passes takes the folder away; here, one in which it is expected.
    let baseline = baseline(suite.folder.path(), "outcomes::fails", "Fail")?;
    let evidence = suite.folder.path().to_str().expect("temporary folders have plain names");
    let device = ["--device", "fake:", "--baseline", &baseline, "--evidence", evidence];
    let output = command(&["outcomes::fails", "--exact"]).args(device).output()?;
    assert!(output.status.success(), "{output:?}");
    assert!(!folder.exists());
    Ok(())
}

fn baseline(folder: &Path, test: &str, verdict: &str) -> io::Result<String> {
    let path = folder.join("baseline.toml");
    let text = format!(
        "[[expected]]\ntest = \"{test}\"\nverdict = \"{verdict}\"\nclause = \"Base 1.2\"\n\
         reason = \"it is a fake\"\n"
    );
    fs::write(&path, text)?;
    Ok(path.to_str().expect("temporary folders have plain names").to_owned())
}

pub fn a_baseline_expects_failures() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let run = |test: &str, verdict: &str| {
        suite(&[
            "outcomes::fails",
            "outcomes::passes",
            "--exact",
            "--baseline",
            &baseline(folder.path(), test, verdict)?,
        ])
    };

    run("outcomes::fails", "Fail")?.check(
        0,
        expect![[r#"

            running 2 tests
            test outcomes::passes ... ok
            test outcomes::fails  ... ignored (ExpectedFail: expected Fail: it is a fake (Base 1.2))

            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 28 filtered out

            verdicts: 1 Pass, 1 ExpectedFail
            device: fake: is Fake (serial 1, firmware 0.1)
            seed: SEED
        "#]],
    );

    let passes = run("outcomes::passes", "Fail")?;
    assert_eq!(passes.output.status.code(), Some(1));
    let text = "UnexpectedPass: it passes, and the baseline expects Fail: it is a fake (Base 1.2); delete the entry";
    assert!(passes.stdout().contains(text), "{}", passes.stdout());

    let gone = run("outcomes::gone", "Fail")?;
    assert_eq!(gone.output.status.code(), Some(2));
    assert!(gone.stderr().contains("there is no test `outcomes::gone`"), "{}", gone.stderr());
    Ok(())
}

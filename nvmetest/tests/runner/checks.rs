//! The tests of the runner.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::AS_SUITE;

type Check = fn() -> Result<(), Failed>;

pub fn all() -> Vec<Trial> {
    let checks: &[(&str, Check)] = &[
        ("a_list_is_names_and_touches_no_device", a_list_is_names_and_touches_no_device),
        ("tests_run_in_the_order_of_their_lines", tests_run_in_the_order_of_their_lines),
        ("each_outcome_has_its_verdict", each_outcome_has_its_verdict),
        ("a_test_that_takes_too_long_is_a_timeout", a_test_that_takes_too_long),
        ("a_failure_leaves_a_folder_and_the_command_to_repeat_it", evidence),
        ("a_leak_fails_its_test_and_not_the_next", a_leak_fails_its_test_and_not_the_next),
        ("a_lost_device_is_opened_again", a_lost_device_is_opened_again),
        ("a_device_that_stays_lost_blocks_the_rest", a_device_that_stays_lost_blocks_the_rest),
        ("cases_that_lose_the_device_again_and_again_are_left_out", repeated_losses),
        ("a_test_that_does_not_come_back_ends_the_process", a_test_that_does_not_come_back),
        ("a_baseline_expects_failures", a_baseline_expects_failures),
        ("a_shuffle_is_repeated_by_its_seed", a_shuffle_is_repeated_by_its_seed),
        ("several_devices_run_each_test", several_devices_run_each_test),
        ("an_ignored_test_runs_if_asked_for", an_ignored_test_runs_if_asked_for),
        ("what_is_wrong_is_one_sentence_and_exit_code_2", setup_errors),
        ("a_reader_that_goes_away_is_no_panic", a_reader_that_goes_away_is_no_panic),
        ("a_role_is_served_before_anything_else", a_role_is_served_before_anything_else),
    ];
    checks.iter().map(|&(name, check)| Trial::test(name, check)).collect()
}

/// The suite as a process, with a place for its evidence.
struct Suite {
    folder: TempDir,
    output: Output,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this executable has a path"));
    command.env(AS_SUITE, "1").args(arguments).stdin(Stdio::null());
    for variable in ["NVMETEST_DEVICE", "NEXTEST_RUN_ID", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

fn suite(arguments: &[&str]) -> io::Result<Suite> {
    let folder = TempDir::new()?;
    let mut command = command(arguments);
    command.env("NVMETEST_DEVICE", "fake:").arg("--evidence").arg(folder.path());
    Ok(Suite { output: command.output()?, folder })
}

impl Suite {
    /// Returns what was printed, without what changes from run to run.
    fn stdout(&self) -> String {
        let text = String::from_utf8_lossy(&self.output.stdout);
        let folder = self.folder.path().display().to_string();
        let text = text.replace(&folder, "EVIDENCE");
        let lines = text.lines().map(|line| {
            let line = line.split_once("; finished in").map_or(line, |(start, _time)| start);
            let line = line.split_once("seed: ").map_or(line, |_| "seed: SEED");
            line.split_once("run it again: ").map_or(line, |_| "run it again: COMMAND")
        });
        lines.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn check(&self, code: i32, stdout: Expect) {
        stdout.assert_eq(&self.stdout());
        assert_eq!(self.output.status.code(), Some(code), "{}", self.stderr());
    }

    /// Returns the tests in the order in which they ran.
    fn order(&self) -> Vec<String> {
        let name =
            |line: &str| Some(line.strip_prefix("test ")?.split_whitespace().next()?.to_owned());
        self.stdout().lines().filter(|line| line.contains(" ... ")).filter_map(name).collect()
    }
}

fn a_list_is_names_and_touches_no_device() -> Result<(), Failed> {
    let list = |more: &[&str]| -> io::Result<String> {
        // A device that cannot be opened.
        let arguments =
            [&["--list", "--format", "terse", "--device", "fake:opens=0"], more].concat();
        let output = command(&arguments).output()?;
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    expect![[r#"
        hangs::never_returns: test
        leaks::leaves_a_queue: test
        leaks::the_next_finds_no_leak: test
        leaks::leaves_the_controller_disabled: test
        leaks::the_next_finds_it_enabled: test
        losses::kills_the_device: test
        losses::kills_it_and_says_nothing: test
        losses::the_next_finds_a_live_device: test
        outcomes::passes: test
        outcomes::fails: test
        outcomes::panics: test
        outcomes::fails_by_question_mark: test
        outcomes::skips: test
        outcomes::needs_vectors: test
        outcomes::is_long: test
        outcomes::overruns: test
        outcomes::waits_too_long: test
        outcomes::has_cases::one: test
        outcomes::has_cases::two: test
        repeated_losses::kills_the_device::a: test
        repeated_losses::kills_the_device::b: test
        repeated_losses::kills_the_device::c: test
        repeated_losses::kills_the_device::d: test
        repeated_losses::another_still_runs: test
    "#]]
    .assert_eq(&list(&[])?);
    expect![[r#"
        hangs::never_returns: test
        outcomes::is_long: test
    "#]]
    .assert_eq(&list(&["--ignored"])?);
    expect![[r#"
        outcomes::has_cases::two: test
    "#]]
    .assert_eq(&list(&["--exact", "outcomes::has_cases::two"])?);
    Ok(())
}

fn tests_run_in_the_order_of_their_lines() -> Result<(), Failed> {
    let suite = suite(&["outcomes"])?;
    let order = suite.order().join(" ");
    expect!["outcomes::passes outcomes::fails outcomes::panics outcomes::fails_by_question_mark outcomes::skips outcomes::needs_vectors outcomes::is_long outcomes::overruns outcomes::waits_too_long outcomes::has_cases::one outcomes::has_cases::two"].assert_eq(&order);
    Ok(())
}

fn each_outcome_has_its_verdict() -> Result<(), Failed> {
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
        nvmetest/tests/runner/outcomes.rs:22:5: assertion `left == right` failed: the namespace is wrong
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

        test result: FAILED. 3 passed; 3 failed; 3 ignored; 0 measured; 15 filtered out

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

fn a_test_that_takes_too_long() -> Result<(), Failed> {
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

fn evidence() -> Result<(), Failed> {
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

fn a_leak_fails_its_test_and_not_the_next() -> Result<(), Failed> {
    suite(&["leaks::"])?.check(
        1,
        expect![[r#"

            running 4 tests
            test leaks::leaves_a_queue                 ... FAILED
            test leaks::the_next_finds_no_leak         ... ok
            test leaks::leaves_the_controller_disabled ... FAILED
            test leaks::the_next_finds_it_enabled      ... ok

            failures:

            ---- leaks::leaves_a_queue ----
            left behind: completion queue 3 was not deleted
            evidence: EVIDENCE/leaks.leaves_a_queue
            run it again: COMMAND

            ---- leaks::leaves_the_controller_disabled ----
            after the test: the controller is not enabled
            evidence: EVIDENCE/leaks.leaves_the_controller_disabled
            run it again: COMMAND


            failures:
                leaks::leaves_a_queue
                leaks::leaves_the_controller_disabled

            test result: FAILED. 2 passed; 2 failed; 0 ignored; 0 measured; 20 filtered out

            verdicts: 2 Pass, 2 Fail
            device: fake: is Fake (serial 1, firmware 0.1)
            seed: SEED
        "#]],
    );
    Ok(())
}

fn a_lost_device_is_opened_again() -> Result<(), Failed> {
    suite(&["losses::", "--skip", "repeated"])?.check(
        1,
        expect![[r#"

            running 3 tests
            test losses::kills_the_device             ... FAILED
            test losses::kills_it_and_says_nothing    ... FAILED
            test losses::the_next_finds_a_live_device ... ok

            failures:

            ---- losses::kills_the_device ----
            DutLost: fake: is gone: somebody ended it
            evidence: EVIDENCE/losses.kills_the_device
            run it again: COMMAND

            ---- losses::kills_it_and_says_nothing ----
            DutLost: after the test: fake: is gone: somebody ended it
            evidence: EVIDENCE/losses.kills_it_and_says_nothing
            run it again: COMMAND


            failures:
                losses::kills_the_device
                losses::kills_it_and_says_nothing

            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 21 filtered out

            verdicts: 1 Pass, 2 DutLost
            device: fake: is Fake (serial 1, firmware 0.1)
            seed: SEED
        "#]],
    );
    Ok(())
}

fn a_device_that_stays_lost_blocks_the_rest() -> Result<(), Failed> {
    let suite = suite(&["--skip", "repeated", "losses::", "--device", "fake:opens=1"])?;
    suite.check(3, expect![[r#"

        running 3 tests
        test losses::kills_the_device             ... FAILED
        test losses::kills_it_and_says_nothing    ... ignored (Blocked: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open fake:opens=1: the fake is worn out; buy another)
        test losses::the_next_finds_a_live_device ... ignored (Blocked: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open fake:opens=1: the fake is worn out; buy another)

        failures:

        ---- losses::kills_the_device ----
        DutLost: fake:opens=1 is gone: somebody ended it
        evidence: EVIDENCE/losses.kills_the_device
        run it again: COMMAND


        failures:
            losses::kills_the_device

        test result: FAILED. 0 passed; 1 failed; 2 ignored; 0 measured; 21 filtered out

        verdicts: 1 DutLost, 2 Blocked
        device: fake:opens=1 is Fake (serial 1, firmware 0.1)
        seed: SEED
    "#]]);
    expect![[r#"
        nvmetest: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open fake:opens=1: the fake is worn out; buy another
        nvmetest: the run is not complete: 2 Blocked, 0 Missing
    "#]].assert_eq(&suite.stderr());
    Ok(())
}

fn repeated_losses() -> Result<(), Failed> {
    let suite = suite(&["repeated_losses::"])?;
    let blocked = "kills_the_device::d ... ignored (Blocked: other cases of `kills_the_device` lost the device 3 times)";
    assert!(suite.stdout().contains(blocked), "{}", suite.stdout());
    assert!(
        suite.stdout().contains("verdicts: 1 Pass, 3 DutLost, 1 Blocked\n"),
        "{}",
        suite.stdout()
    );
    assert_eq!(suite.output.status.code(), Some(1));
    Ok(())
}

fn a_test_that_does_not_come_back() -> Result<(), Failed> {
    let arguments =
        ["--include-ignored", "hangs::", "leaks", "--timeout", "0.05", "--grace", "0.05"];
    let suite = suite(&arguments)?;
    let stderr = suite.stderr();
    assert_eq!(suite.output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("hangs::never_returns did not come back; the process ends"),
        "{stderr}"
    );
    assert!(stderr.contains("verdicts: 1 Timeout, 4 Missing"), "{stderr}");
    let failure = suite.folder.path().join("hangs.never_returns/failure.txt");
    assert!(fs::read_to_string(failure)?.contains("verdict: Timeout"));
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

fn a_baseline_expects_failures() -> Result<(), Failed> {
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

            test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 22 filtered out

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

fn a_shuffle_is_repeated_by_its_seed() -> Result<(), Failed> {
    let by_line = suite(&["outcomes"])?.order();
    let shuffled = suite(&["outcomes", "--shuffle=7"])?.order();
    let again = suite(&["outcomes", "--shuffle", "--seed", "7"])?.order();
    assert_eq!(shuffled, again);
    assert_ne!(shuffled, by_line);

    // The seed that was drawn is the one that is printed.
    let drawn = suite(&["outcomes", "--shuffle"])?;
    let stdout = String::from_utf8_lossy(&drawn.output.stdout).into_owned();
    let seed =
        stdout.lines().find_map(|line| line.strip_prefix("seed: ")).expect("the seed is printed");
    assert_eq!(drawn.order(), suite(&["outcomes", &format!("--shuffle={seed}")])?.order());
    Ok(())
}

fn several_devices_run_each_test() -> Result<(), Failed> {
    let devices = ["--device", "fake:", "--device", "fake:msix=4"];
    let suite = suite(&[&["needs_vectors"], &devices[..]].concat())?;
    suite.check(0, expect![[r#"

        running 2 tests
        test outcomes::needs_vectors@fake:       ... ignored (NotApplicable: the number of MSI-X vectors that can be observed (MSI-X, PCIe transport 3.5) is 0)
        test outcomes::needs_vectors@fake:msix=4 ... ok

        test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 46 filtered out

        verdicts: 1 Pass, 1 NotApplicable
        device: fake: is Fake (serial 1, firmware 0.1)
        device: fake:msix=4 is Fake (serial 1, firmware 0.1)
        seed: SEED
    "#]]);
    Ok(())
}

fn an_ignored_test_runs_if_asked_for() -> Result<(), Failed> {
    let suite = suite(&["--ignored", "is_long"])?;
    assert!(suite.stdout().contains("test outcomes::is_long ... ok"), "{}", suite.stdout());
    Ok(())
}

fn setup_errors() -> Result<(), Failed> {
    let mut said = String::new();
    for arguments in [
        &["--device", "soft:"][..],
        &["--device", "/dev/nvme0"],
        &["--device", "fake:opens=0"],
        &["no_such_test"],
        &["--exact", "outcomes"],
        &["--shuffel"],
        &["--baseline", "no/such/file"],
        &["--seed", "1", "--shuffle=2"],
    ] {
        let suite = suite(arguments)?;
        assert_eq!(suite.output.status.code(), Some(2), "{arguments:?}: {}", suite.stderr());
        assert!(suite.output.stdout.is_empty(), "{arguments:?}: {}", suite.stdout());
        assert_eq!(suite.stderr().lines().count(), 1, "{arguments:?}: {}", suite.stderr());
        said += &suite.stderr();
    }
    expect![[r#"
        nvmetest: there is no device scheme `soft:`; this suite knows `fake:`, `vfio-user:`
        nvmetest: invalid value '/dev/nvme0' for '--device <URI>': cannot open `/dev/nvme0`: it is not a device URI; a device is named as `soft:`, `qemu:`, `vfio-user:/path/to/socket`; `--help` lists the options
        nvmetest: cannot open fake:opens=0: the fake is worn out; buy another
        nvmetest: no test has a name with `no_such_test`; `--list` lists the tests
        nvmetest: no test is named `outcomes`; `--list` lists the tests
        nvmetest: unexpected argument '--shuffel' found; `--help` lists the options
        nvmetest: the baseline no/such/file is no use: No such file or directory (os error 2)
        nvmetest: the seed is 1 by `--seed` and 2 by `--shuffle`; give it once
    "#]].assert_eq(&said);
    Ok(())
}

fn a_reader_that_goes_away_is_no_panic() -> Result<(), Failed> {
    let mut said = Vec::new();
    for arguments in [&["--list"][..], &["leaks::"]] {
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let mut command = command(arguments);
        let output = command.args(["--device", "fake:"]).stdout(writer).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        said.push(stderr.into_owned());
    }
    // No panic, and the device is shut down.
    assert_eq!(said[0], "");
    assert_eq!(
        said[1],
        "fake: shut down\nnvmetest: the run is not complete: 0 Blocked, 4 Missing\n"
    );
    Ok(())
}

fn a_role_is_served_before_anything_else() -> Result<(), Failed> {
    let role = |role: &str| command(&[&format!("--nvmetest-role={role}"), "--nonsense"]).output();
    assert_eq!(role("fake")?.status.code(), Some(42));
    let unknown = role("unknown")?;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has the role `unknown`"));
    Ok(())
}

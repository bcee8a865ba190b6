//! Which tests there are, and in which order they run.

use std::io;

use expect_test::expect;
use libtest_mimic::Failed;

use super::command;
use super::suite;

pub fn a_list_is_names_and_touches_no_device() -> Result<(), Failed> {
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
        leaks::has_the_device_read_nowhere: test
        leaks::has_it_read_nowhere_and_knows: test
        leaks::has_it_read_nowhere_and_fails: test
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
        verifies::says_so: test
        verifies::loses_it: test
        verifies::says_so_again: test
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

pub fn tests_run_in_the_order_of_their_lines() -> Result<(), Failed> {
    let suite = suite(&["outcomes"])?;
    let order = suite.order().join(" ");
    expect!["outcomes::passes outcomes::fails outcomes::panics outcomes::fails_by_question_mark outcomes::skips outcomes::needs_vectors outcomes::is_long outcomes::overruns outcomes::waits_too_long outcomes::has_cases::one outcomes::has_cases::two"].assert_eq(&order);
    Ok(())
}

pub fn a_shuffle_is_repeated_by_its_seed() -> Result<(), Failed> {
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

pub fn several_devices_run_each_test() -> Result<(), Failed> {
    let devices = ["--device", "fake:", "--device", "fake:msix=4"];
    let suite = suite(&[&["needs_vectors"], &devices[..]].concat())?;
    suite.check(0, expect![[r#"

        running 2 tests
        test outcomes::needs_vectors@fake:       ... ignored (NotApplicable: the number of MSI-X vectors that can be observed (MSI-X, PCIe transport 3.5) is 0)
        test outcomes::needs_vectors@fake:msix=4 ... ok

        test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 58 filtered out

        verdicts: 1 Pass, 1 NotApplicable
        device: fake: is Fake (serial 1, firmware 0.1)
        device: fake:msix=4 is Fake (serial 1, firmware 0.1)
        seed: SEED
    "#]]);
    Ok(())
}

pub fn an_ignored_test_runs_if_asked_for() -> Result<(), Failed> {
    let suite = suite(&["--ignored", "is_long"])?;
    assert!(suite.stdout().contains("test outcomes::is_long ... ok"), "{}", suite.stdout());
    Ok(())
}

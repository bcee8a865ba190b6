//! What a test does to the device, and how the next one finds it.

use std::fs;

use expect_test::expect;
use libtest_mimic::Failed;

use super::suite;

pub fn a_leak_fails_its_test_and_not_the_next() -> Result<(), Failed> {
    suite(&["leaks::"])?.check(
        1,
        expect![[r#"

            running 7 tests
            test leaks::leaves_a_queue                 ... FAILED
            test leaks::the_next_finds_no_leak         ... ok
            test leaks::leaves_the_controller_disabled ... FAILED
            test leaks::the_next_finds_it_enabled      ... ok
            test leaks::has_the_device_read_nowhere    ... FAILED
            test leaks::has_it_read_nowhere_and_knows  ... ok
            test leaks::has_it_read_nowhere_and_fails  ... FAILED

            failures:

            ---- leaks::leaves_a_queue ----
            left behind: completion queue 3 was not deleted
            evidence: EVIDENCE/leaks.leaves_a_queue
            run it again: COMMAND

            ---- leaks::leaves_the_controller_disabled ----
            after the test: the controller is not enabled
            evidence: EVIDENCE/leaks.leaves_the_controller_disabled
            run it again: COMMAND

            ---- leaks::has_the_device_read_nowhere ----
            the device read I/O virtual address 0xdead0000, where no memory is mapped for it: it is near no buffer
            evidence: EVIDENCE/leaks.has_the_device_read_nowhere
            run it again: COMMAND

            ---- leaks::has_it_read_nowhere_and_fails ----
            the device read I/O virtual address 0xdead0000, where no memory is mapped for it: it is near no buffer; what came of it: the data is wrong
            evidence: EVIDENCE/leaks.has_it_read_nowhere_and_fails
            run it again: COMMAND


            failures:
                leaks::leaves_a_queue
                leaks::leaves_the_controller_disabled
                leaks::has_the_device_read_nowhere
                leaks::has_it_read_nowhere_and_fails

            test result: FAILED. 3 passed; 4 failed; 0 ignored; 0 measured; 23 filtered out

            verdicts: 3 Pass, 4 Fail
            device: fake: is Fake (serial 1, firmware 0.1)
            seed: SEED
        "#]],
    );
    Ok(())
}

pub fn a_lost_device_is_opened_again() -> Result<(), Failed> {
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

            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 27 filtered out

            verdicts: 1 Pass, 2 DutLost
            device: fake: is Fake (serial 1, firmware 0.1)
            seed: SEED
        "#]],
    );
    Ok(())
}

pub fn a_device_that_stays_lost_blocks_the_rest() -> Result<(), Failed> {
    let suite = suite(&["--skip", "repeated", "losses::", "--device", "fake:opens=1"])?;
    suite.check(3, expect![[r#"

        running 3 tests
        test losses::kills_the_device             ... FAILED
        test losses::kills_it_and_says_nothing    ... ignored (Blocked: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open `fake:opens=1`: the fake is worn out; buy another)
        test losses::the_next_finds_a_live_device ... ignored (Blocked: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open `fake:opens=1`: the fake is worn out; buy another)

        failures:

        ---- losses::kills_the_device ----
        DutLost: fake:opens=1 is gone: somebody ended it
        evidence: EVIDENCE/losses.kills_the_device
        run it again: COMMAND


        failures:
            losses::kills_the_device

        test result: FAILED. 0 passed; 1 failed; 2 ignored; 0 measured; 27 filtered out

        verdicts: 1 DutLost, 2 Blocked
        device: fake:opens=1 is Fake (serial 1, firmware 0.1)
        seed: SEED
    "#]]);
    expect![[r#"
        nvmetest: fake:opens=1 was lost in `losses::kills_the_device` and does not come back: cannot open `fake:opens=1`: the fake is worn out; buy another
        nvmetest: the run is not complete: 2 Blocked, 0 Missing
    "#]].assert_eq(&suite.stderr());
    Ok(())
}

pub fn cases_that_lose_the_device_again_and_again_are_left_out() -> Result<(), Failed> {
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

pub fn a_test_that_does_not_come_back_ends_the_process() -> Result<(), Failed> {
    let arguments =
        ["--include-ignored", "hangs::", "leaks", "--timeout", "0.05", "--grace", "0.05"];
    let suite = suite(&arguments)?;
    let stderr = suite.stderr();
    assert_eq!(suite.output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("hangs::never_returns did not come back; the process ends"),
        "{stderr}"
    );
    assert!(stderr.contains("verdicts: 1 Timeout, 7 Missing"), "{stderr}");
    let failure = suite.folder.path().join("hangs.never_returns/failure.txt");
    assert!(fs::read_to_string(failure)?.contains("verdict: Timeout"));
    Ok(())
}

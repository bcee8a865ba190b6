//! The tests of the runner.

mod listing;
mod recovery;
mod usage;
mod verdicts;
mod verifies;

use std::io;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use expect_test::Expect;
use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::AS_SUITE;

pub fn all() -> Vec<Trial> {
    macro_rules! checks {
        ($($module:ident::$check:ident),* $(,)?) => {
            vec![$(Trial::test(stringify!($check), $module::$check)),*]
        };
    }
    checks![
        listing::a_list_is_names_and_touches_no_device,
        listing::tests_run_in_the_order_of_their_lines,
        listing::a_shuffle_is_repeated_by_its_seed,
        listing::several_devices_run_each_test,
        listing::an_ignored_test_runs_if_asked_for,
        verdicts::each_outcome_has_its_verdict,
        verdicts::a_test_that_takes_too_long_is_a_timeout,
        verdicts::a_failure_leaves_a_folder_and_the_command_to_repeat_it,
        verdicts::a_baseline_expects_failures,
        verifies::data_is_verified_if_that_is_asked_for_and_after_a_device_was_lost,
        recovery::a_leak_fails_its_test_and_not_the_next,
        recovery::a_lost_device_is_opened_again,
        recovery::a_device_that_stays_lost_blocks_the_rest,
        recovery::cases_that_lose_the_device_again_and_again_are_left_out,
        recovery::a_test_that_does_not_come_back_ends_the_process,
        usage::what_is_wrong_is_one_sentence_and_exit_code_2,
        usage::a_reader_that_goes_away_is_no_panic,
        usage::a_role_is_served_before_anything_else,
    ]
}

/// The suite as a process, with a place for its evidence.
struct Suite {
    folder: TempDir,
    output: Output,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this executable has a path"));
    command.env(AS_SUITE, "1").args(arguments).stdin(Stdio::null());
    for variable in ["NVMETEST_DEVICE", "NVMETEST_VERIFY", "NEXTEST_RUN_ID", "RUST_BACKTRACE"] {
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

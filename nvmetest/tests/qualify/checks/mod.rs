//! The tests of the engine.

mod bisect;
mod costs;
mod ends;
mod limits;
mod modes;
mod pools;
mod processes;
mod resume;
mod usage;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Trial;
use nvmetest::results::Results;
use nvmetest::runner::Verdict;
use tempfile::TempDir;

use crate::AS_SUITE;
use crate::MARKS;

pub fn all() -> Vec<Trial> {
    macro_rules! checks {
        ($($module:ident::$check:ident),* $(,)?) => {
            vec![$(Trial::test(stringify!($check), $module::$check)),*]
        };
    }
    let costs = Trial::test("the_engine_takes_little_time", costs::the_engine_takes_little_time);
    let mut all = checks![
        processes::each_outcome_is_in_the_results,
        processes::what_a_worker_counts_is_in_the_results,
        processes::a_crash_costs_one_verdict_and_leaves_its_commands,
        processes::a_test_that_does_not_come_back_is_ended_with_its_process,
        processes::a_process_that_is_stopped_is_ended_too,
        processes::a_lost_device_is_opened_again,
        processes::a_device_that_stays_lost_ends_its_part,
        processes::who_kills_a_device_three_times_is_in_quarantine,
        modes::what_is_unexpected_is_run_again_and_a_flake_is_named,
        modes::certify_runs_once_and_a_waiver_changes_nothing,
        modes::a_baseline_holds_in_ci_and_an_unexpected_pass_fails_the_run,
        pools::a_matrix_runs_everything_everywhere,
        pools::identical_drives_share_the_tests,
        pools::drives_that_differ_do_not_share,
        pools::what_a_lost_drive_leaves_the_other_takes_over,
        resume::two_runs_do_not_write_the_same_results,
        pools::shards_have_each_test_once,
        resume::a_run_that_was_killed_goes_on,
        resume::a_run_does_not_go_on_as_another,
        resume::who_takes_the_run_down_three_times_is_in_quarantine,
        limits::a_command_beyond_its_limit_fails_its_test_and_is_shown,
        limits::a_rate_below_its_limit_fails_its_test,
        ends::an_interruption_ends_the_test_and_what_is_missing_is_run_later,
        ends::a_second_interruption_ends_at_once_and_leaves_nothing,
        ends::a_full_disk_is_a_sentence_and_what_was_written_is_whole,
        bisect::what_makes_a_test_fail_is_found,
        usage::what_is_wrong_is_one_sentence_and_exit_code_2,
        usage::the_plain_runner_is_a_subcommand,
    ];
    // A measurement: `cargo xtask bench -- qualify`.
    all.push(costs.with_ignored_flag(true));
    all
}

/// How long anything may take here, on a machine that has a lot to do.
const LONG: Duration = Duration::from_secs(60);

/// A place for a run.
struct Bench {
    folder: TempDir,
}

/// What a run left.
struct Ran {
    output: Output,
    out: PathBuf,
}

impl Bench {
    fn new() -> io::Result<Self> {
        let folder = TempDir::new()?;
        fs::create_dir(folder.path().join("marks"))?;
        Ok(Self { folder })
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("runs/out")
    }

    fn file(&self, name: &str, text: &str) -> io::Result<String> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    /// The program, told `arguments` and nothing else.
    fn bare(&self, arguments: &[&str]) -> Command {
        let mut command =
            Command::new(std::env::current_exe().expect("this executable has a path"));
        command.env(AS_SUITE, "1").env(MARKS, self.folder.path().join("marks"));
        command.env("NVMETEST_DEVICE", "fake:").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in ["NVMETEST_VERIFY", "NVMETEST_SHARD", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let out = self.out().display().to_string();
        self.bare(&[&["run", "--out", &out], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> io::Result<Ran> {
        self.finish(self.command(arguments).spawn()?)
    }

    fn resume(&self, arguments: &[&str]) -> io::Result<Ran> {
        let out = self.out().display().to_string();
        self.finish(self.bare(&[&["run", "--resume", &out], arguments].concat()).spawn()?)
    }

    fn finish(&self, child: Child) -> io::Result<Ran> {
        Ok(Ran { output: child.wait_with_output()?, out: self.out() })
    }

    /// Waits until a test has left its mark.
    fn wait_for(&self, mark: &str) {
        let mark = self.folder.path().join("marks").join(mark);
        until(&format!("{} is there", mark.display()), || mark.exists());
    }
}

impl Ran {
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(code), "{}{}", self.stderr(), self.stdout());
        self
    }

    fn results(&self) -> Results {
        results(&self.out)
    }

    /// The verdicts, in the order of the plan.
    fn verdicts(&self) -> Vec<(String, Verdict)> {
        let results = self.results();
        results.outcomes().iter().map(|it| (it.planned.test.clone(), it.verdict)).collect()
    }

    fn verdict(&self, test: &str) -> Verdict {
        let verdicts: BTreeMap<_, _> = self.verdicts().into_iter().collect();
        verdicts[test]
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

fn results(out: &Path) -> Results {
    Results::read(&out.join("results.jsonl")).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "it took too long until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The processes below `parent`, with theirs.
fn descendants(parent: u32) -> Vec<u32> {
    // A process is the child of the thread that started it.
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
    let children = threads.filter_map(Result::ok).map(|thread| {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|it| it.parse().ok()).collect::<Vec<u32>>()
    });
    let children: Vec<u32> = children.flatten().collect();
    children.iter().flat_map(|&child| [vec![child], descendants(child)].concat()).collect()
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z') && !rest.starts_with('X'))
}

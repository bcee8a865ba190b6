//! Runs that end early.

use std::fs;
use std::io::Read;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use nvmetest::results::EndReason;
use nvmetest::results::Subject;
use nvmetest::runner::Verdict;

use super::Bench;
use super::descendants;
use super::is_alive;
use super::until;

fn interrupt(pid: u32) -> Result<(), Failed> {
    Ok(kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGINT)?)
}

/// `command` as a shell starts it in the background.
fn ignoring_interrupts(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT && exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args()).stdout(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A run that would not end by itself, if a check of it fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that ended before is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn an_interruption_ends_the_test_and_what_is_missing_is_run_later() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let child = bench.command(&["outcomes::waits", "the_last_passes"]).spawn()?;
    bench.wait_for("waits");
    let below = descendants(child.id());
    interrupt(child.id())?;
    let ran = bench.finish(child)?.ends_with(130);
    assert!(!below.is_empty() && !below.iter().any(|&pid| is_alive(pid)));
    assert_eq!(ran.verdict("outcomes::waits"), Verdict::Missing);
    assert_eq!(ran.verdict("outcomes::the_last_passes"), Verdict::Missing);
    let results = ran.results();
    assert_eq!((results.ends[0].reason, results.ends[0].exit), (EndReason::Interrupted, 130));
    let cut =
        results.notes.iter().find(|note| note.about == Subject::Interrupted && note.test.is_some());
    assert_eq!(cut.and_then(|note| note.test.as_deref()), Some("outcomes::waits"));
    // The controller was shut down in order: it could say how it is, and nobody complains.
    assert_eq!(results.health.len(), 2);
    assert!(results.notes.iter().all(|note| note.about != Subject::Lost), "{:?}", results.notes);

    assert!(ran.out.join("report.html").is_file());
    assert!(!ran.out.join("evidence").exists(), "there is no evidence of what nobody has seen");

    let ran = bench.resume(&[])?.ends_with(0);
    assert_eq!(ran.verdict("outcomes::waits"), Verdict::Pass);
    let lost = ran.results().notes.iter().any(|note| note.about == Subject::Lost);
    assert!(!lost, "a test that the user ended took nothing down");
    Ok(())
}

pub fn a_second_interruption_ends_at_once_and_leaves_nothing() -> Result<(), Failed> {
    let bench = Bench::new()?;
    // It does not look at the driver's clock, and so only its process could be ended, after a grace that is long.
    let tests = ["deaths::does_not_come_back", "--grace", "600"];
    let device = ["--device", "soft:size=1MiB"];
    let mut command = ignoring_interrupts(&bench.command(&[&tests[..], &device].concat()));
    let mut child = Killed(command.stderr(Stdio::piped()).spawn()?);
    let path = bench.out().join("results.jsonl");
    bench.wait_for("parked");
    let child = &mut child.0;
    let below = descendants(child.id());
    assert!(2 <= below.len(), "a device process and its soft controller: {below:?}");
    interrupt(child.id())?;
    let noted = || fs::read_to_string(&path).is_ok_and(|text| text.contains("SIGINT came"));
    until("the first signal was seen", noted);
    interrupt(child.id())?;
    let status = child.wait()?;
    assert_eq!(status.code(), Some(130), "{status}");
    let text = fs::read_to_string(&path)?;
    assert!(!text.contains(r#""kind":"end""#), "it did not end in order: {text}");
    until("nothing is left", || !below.iter().any(|&pid| is_alive(pid)));
    let mut stderr = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr)?;
    assert!(stderr.contains("once more ends it at once"), "{stderr}");
    Ok(())
}

pub fn a_full_disk_is_a_sentence_and_what_was_written_is_whole() -> Result<(), Failed> {
    let bench = Bench::new()?;
    let child = bench.command(&["meetings::is_let_go", "meetings::comes_after"]).spawn()?;
    bench.wait_for("waits-to-go");
    // From here on no file of the coordinator may get longer than that: the next line does not fit.
    let size = fs::metadata(bench.out().join("results.jsonl"))?.len() + 20;
    let (pid, limit) = (format!("--pid={}", child.id()), format!("--fsize={size}:{size}"));
    let limited = Command::new("prlimit").args([pid, limit]).status()?;
    assert!(limited.success());
    fs::write(bench.folder.path().join("marks/go"), "")?;
    let ran = bench.finish(child)?.ends_with(2);
    let stderr = ran.stderr();
    assert!(stderr.contains("cannot be written: File too large"), "{stderr}");
    assert!(stderr.contains("what was written before is whole"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let text = fs::read_to_string(ran.out.join("results.jsonl"))?;
    assert!(text.ends_with("}\n"), "{text}");
    assert_eq!(ran.verdict("meetings::is_let_go"), Verdict::Missing);

    // With room again, the rest is run.
    let ran = bench.resume(&[])?.ends_with(0);
    assert!(ran.verdicts().iter().all(|(_, verdict)| *verdict == Verdict::Pass));
    Ok(())
}

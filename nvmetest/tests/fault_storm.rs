//! A device that uses addresses which it was not given, thousands of times: the run says so in few sentences, and goes on.
//!
//! This executable is two things: with `--device` it is a small suite, whose first test provokes the faults, and otherwise it
//! is the test that runs the suite on the soft controller. `cargo xtask vm check` runs it on a drive behind an IOMMU.

use std::env;
use std::process::Command as Process;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::prelude::*;
use nvmetest::raw::Address;
use nvmetest::raw::Entry;
use nvmetest_fixtures::soft;
use tempfile::TempDir;

/// So many commands are in flight at once.
const BATCH: u32 = 32;

/// So often at least.
const BATCHES: u32 = 200;

/// For how many seconds the storm goes on, where that is asked for: a kernel counts what it does not log, and says so when the
/// storm lasts for longer than the five seconds that it counts for.
const SECONDS: &str = "NVMETEST_STORM_SECONDS";

/// In this time a command completes.
const SOON: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if let Some(code) = nvmetest::runner::serve_role(&[soft::SCHEME]) {
        return code;
    }
    if env::args().any(|argument| argument == "--device") {
        return nvmetest::runner::main(&[soft::SCHEME]);
    }
    let test = Trial::test("thousands_of_faults_are_few_sentences", few_sentences);
    libtest_mimic::run(&Arguments::from_args(), vec![test]).exit_code()
}

/// Nothing is at address 0, and nobody handed it out for that: these accesses are the device's own.
#[nvme_test]
fn a_storm_of_faults(nvme: &Controller, ns: Namespace<'_>) -> Result {
    let (sqid, cqid) = nvme.free_queue_ids()?;
    let mut cq = nvme.raw_completion_queue(CreateIoCq::contiguous(cqid, BATCH + 1))?;
    let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(sqid, BATCH + 1, cqid))?;
    let commands = [Entry::read(&ns, 0, 1), Entry::write(&ns, 0, 1)];
    let commands = commands.map(|command| command.prp1(Address::NULL));
    let seconds = env::var(SECONDS).map_or(0, |seconds| seconds.parse().expect("a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut batches = 0;
    while batches < BATCHES || Instant::now() < end {
        batches += 1;
        for (command, cid) in commands.iter().cycle().zip(0..BATCH as u16) {
            sq.submit(&command.clone().cid(cid))?;
        }
        for _ in 0..BATCH {
            // What the device makes of it is its affair: some complete the command without an error.
            cq.wait(SOON)?;
            cq.release()?;
        }
    }
    Ok(())
}

#[nvme_test]
fn the_next_test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let mut data = nvme.buffer(ns.block());
    data.fill(0x5a);
    let mut back = nvme.buffer(ns.block());
    ns.write(&data, 7).run(q)?;
    ns.read(&mut back, 7).run(q)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}

fn few_sentences() -> Result<(), Failed> {
    let evidence = TempDir::new()?;
    let mut run = Process::new(env::current_exe()?);
    run.args(["--device", "soft:", "--evidence"]).arg(evidence.path());
    for variable in ["NVMETEST_DEVICE", "NVMETEST_VERIFY", "NEXTEST_RUN_ID", SECONDS] {
        run.env_remove(variable);
    }
    let output = run.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let tests: Vec<&str> = said.lines().filter(|line| line.starts_with("test ")).collect();
    let expected = [
        "test a_storm_of_faults ... FAILED",
        "test the_next_test     ... ok",
        "test result: FAILED.",
    ];
    assert_eq!(tests.len(), expected.len(), "{said}");
    assert!(tests.iter().zip(expected).all(|(line, begin)| line.starts_with(begin)), "{said}");
    assert_eq!(output.status.code(), Some(1));

    let failure = said.split("---- a_storm_of_faults ----").nth(1).expect("a failure is told");
    let failure: Vec<&str> =
        failure.trim().lines().take_while(|l| !l.starts_with("evid")).collect();
    let nowhere = "512 bytes at I/O virtual address 0x0, where no memory is mapped for it";
    assert!(
        failure.iter().any(|it| it.starts_with(&format!("the device wrote {nowhere}"))),
        "{said}"
    );
    assert!(
        failure.iter().any(|it| it.starts_with(&format!("the device read {nowhere}"))),
        "{said}"
    );
    // The first of them have a sentence each, and all others one.
    let others = BATCH * BATCHES - 4;
    let others =
        format!("{others} more accesses of the device to where no memory is mapped for it");
    assert!(failure.last().is_some_and(|last| last.starts_with(&others)), "{said}");
    assert!(failure.len() <= 5, "{said}");
    Ok(())
}

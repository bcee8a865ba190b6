//! A log outlives the process that wrote it, however that process ends.
//!
//! This program runs itself again as the process to be killed, and so it has a `main` of its own.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Geometry;
use nvmetest::cmdlog::Outcome;
use nvmetest::cmdlog::Selection;
use nvmetest::cmdlog::now_ns;
use nvmetest::spec::Cqe;
use nvmetest::spec::Sqe;
use zerocopy::FromZeros;

/// Set for the process to be killed: the path of its log.
const WRITER: &str = "NVMETEST_CMDLOG_WRITER";

/// How long that process lives if nobody kills it.
const WRITER_LIFE: Duration = Duration::from_secs(30);

const GEOMETRY: Geometry = Geometry { rings: 2, entries: 64, sites: 16, marks: 4 };

fn main() -> ExitCode {
    if let Some(path) = env::var_os(WRITER) {
        return write_until_killed(path);
    }
    let trial = Trial::test("a_log_survives_kill_9_of_its_writer", || {
        a_log_survives_kill_9_of_its_writer().map_err(Failed::from)
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn a_log_survives_kill_9_of_its_writer() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cmdlog");
    let mut writer =
        Command::new(env::current_exe()?).env(WRITER, &path).stdout(Stdio::piped()).spawn()?;

    // Full means that the writer has wrapped around, and is in the middle of something.
    let mut line = String::new();
    BufReader::new(writer.stdout.take().expect("it is piped")).read_line(&mut line)?;
    writer.kill()?;
    let status = writer.wait()?;
    assert_eq!((&line[..], status.signal()), ("full\n", Some(9)), "{status}");

    let log = CmdLog::open(&path)?;
    let records = log.records(&Selection::all());
    let first = u64::from(records[0].sqe.cdw10.get());
    assert!(63 <= records.len(), "only {} records are left", records.len());
    for (n, record) in (first..).zip(&records) {
        assert_eq!(u64::from(record.sqe.cdw10.get()), n, "a command is missing");
        assert_eq!(record.sqe, command(n));
        assert_eq!(record.process, writer.id());
        let site = record.site.as_deref().expect("the site was interned before");
        assert!(site.file.ends_with("cmdlog_killed.rs"), "{site}");
        match record.outcome {
            // Every fifth is never completed, and the last one perhaps not yet.
            Outcome::InFlight => assert!(n % 5 == 0 || n == first + records.len() as u64 - 1),
            Outcome::Completed { cqe, .. } => assert_eq!((n % 5 == 0, cqe), (false, completion(n))),
            Outcome::Abandoned { .. } => panic!("nobody gave up command {n}"),
        }
    }
    assert_eq!(log.marks()[0].text, "the writer starts");

    // The ring of a dead process is free for others, though it was never released.
    let own = CmdLog::from_file(std::fs::File::options().read(true).write(true).open(&path)?)?;
    let rings = [own.ring(1, 1), own.ring(2, 2)];
    assert!(rings.iter().all(|ring| ring.is_logging()));
    Ok(())
}

fn write_until_killed(path: OsString) -> ExitCode {
    let log = CmdLog::create(path, GEOMETRY).expect("the folder is new");
    log.mark("the writer starts");
    let ring = log.ring(1, 1);
    let end = Instant::now() + WRITER_LIFE;
    for n in 0.. {
        let token = ring.submitted(&command(n), Location::caller(), now_ns());
        if n % 5 != 0 {
            ring.completed(token, &completion(n), now_ns());
        }
        if n == 3 * u64::from(GEOMETRY.entries) {
            println!("full");
        }
        if end < Instant::now() {
            break;
        }
    }
    ExitCode::FAILURE
}

fn command(n: u64) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.cdw10 = (n as u32).into();
    sqe.cdw15 = (!n as u32).into();
    sqe
}

fn completion(n: u64) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.dw0 = (n as u32).into();
    cqe
}

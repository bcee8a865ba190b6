//! The command log as its users see it.

use std::error::Error;
use std::fs;
use std::io;
use std::panic::Location;
use std::time::Duration;
use std::time::Instant;

use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Geometry;
use nvmetest::cmdlog::Outcome;
use nvmetest::cmdlog::Record;
use nvmetest::cmdlog::Ring;
use nvmetest::cmdlog::Selection;
use nvmetest::cmdlog::Token;
use nvmetest::spec::Cqe;
use nvmetest::spec::NvmOpcode;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::spec::StatusField;
use zerocopy::FromZeros;

type TestResult = Result<(), Box<dyn Error>>;

const NOTHING: [u64; 0] = [];

const SMALL: Geometry = Geometry { rings: 4, entries: 8, sites: 16, marks: 4 };

#[test]
fn what_is_logged_can_be_read() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let ring = log.ring(3, 2);
    let here = Location::caller();

    let token = ring.submitted(&command(7), here, 1000);
    let in_flight = log.records(&Selection::all());
    ring.completed(token, &success(7), 1500);
    let completed = log.records(&Selection::all());

    let [record] = &in_flight[..] else { panic!("{in_flight:?}") };
    assert_eq!(record.outcome, Outcome::InFlight);
    assert_eq!((record.sqid, record.cqid, record.process), (3, 2, std::process::id()));
    assert_eq!(record.sqe, command(7));
    let site = record.site.as_deref().expect("the table has room");
    assert_eq!((&site.file[..], site.line, site.column), (here.file(), here.line(), here.column()));
    let [record] = &completed[..] else { panic!("{completed:?}") };
    assert_eq!(record.outcome, Outcome::Completed { at_ns: 1500, cqe: success(7) });
    assert_eq!(record.latency_ns(), Some(500));
    assert_eq!(record.token, token);
    Ok(())
}

#[test]
fn a_full_ring_keeps_the_newest_commands() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let ring = log.ring(1, 1);

    let tokens: Vec<Token> = (1..=20).map(|n| submit(&ring, n)).collect();

    assert_eq!(numbers(&log, &Selection::all()), (13..=20).collect::<Vec<u64>>());
    let info = &log.rings()[0];
    assert_eq!((info.commands, info.overwritten_in_flight, info.unmatched), (20, 12, 0));

    // The completion of an overwritten command must not be taken for that of its successor.
    ring.completed(tokens[0], &success(1), 30);
    ring.abandoned(tokens[1], 31);
    ring.completed(Token::NONE, &success(1), 32);
    assert_eq!(log.rings()[0].unmatched, 3);
    assert!(log.records(&Selection::all()).iter().all(|it| it.outcome == Outcome::InFlight));

    ring.completed(tokens[19], &success(20), 33);
    ring.completed(tokens[19], &success(21), 34);
    assert_eq!(log.rings()[0].unmatched, 4, "a second completion is not logged over the first");
    let last = log.records(&Selection::all().last(1)).remove(0);
    assert_eq!(last.outcome, Outcome::Completed { at_ns: 33, cqe: success(20) });
    Ok(())
}

#[test]
fn a_completion_after_the_host_gave_up_is_logged_with_both_times() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let ring = log.ring(1, 1);
    let token = submit(&ring, 1);

    ring.abandoned(token, 50);
    let given_up = log.records(&Selection::all()).remove(0);
    ring.completed(token, &success(1), 70);
    let late = log.records(&Selection::all()).remove(0);

    assert_eq!(given_up.outcome, Outcome::Abandoned { at_ns: 50, late: None });
    assert_eq!(late.outcome, Outcome::Abandoned { at_ns: 50, late: Some((70, success(1))) });
    assert!(given_up.has_failed() && late.has_failed());
    Ok(())
}

#[test]
fn the_log_of_a_deleted_queue_is_kept_until_its_ring_is_the_oldest() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let admin = log.ring(0, 0);
    submit(&admin, 1);
    for queue in 1..=3 {
        submit(&log.ring(queue, queue), 10 * u64::from(queue));
    }
    assert_eq!(numbers(&log, &Selection::all()), [1, 10, 20, 30]);

    // All four rings were used; queue 1 was deleted first, so that its ring is taken.
    let fourth = log.ring(4, 4);
    assert!(fourth.is_logging());
    for n in 40..48 {
        submit(&fourth, n);
    }
    assert_eq!(numbers(&log, &Selection::all().queue(1)), NOTHING);
    assert_eq!(numbers(&log, &Selection::all().queue(2)), [20]);
    assert_eq!(numbers(&log, &Selection::all().queue(3)), [30]);
    assert_eq!(numbers(&log, &Selection::all().queue(4)), (40..48).collect::<Vec<u64>>());
    Ok(())
}

#[test]
fn with_all_rings_in_use_a_queue_is_not_logged_and_the_log_says_so() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let rings: Vec<Ring> = (0..5).map(|queue| log.ring(queue, queue)).collect();

    let token = submit(&rings[4], 1);
    rings[4].completed(token, &success(1), 2);

    assert!(rings[3].is_logging() && !rings[4].is_logging());
    assert_eq!(token, Token::NONE);
    assert_eq!(log.refused_rings(), 1);
    assert_eq!(log.records(&Selection::all()), []);
    drop(rings);
    assert!(log.ring(9, 9).is_logging());
    Ok(())
}

#[test]
fn records_of_several_queues_are_in_the_order_of_time() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let rings = [log.ring(0, 0), log.ring(1, 1), log.ring(2, 1)];

    for n in 0..12 {
        submit(&rings[(n * 7 % 3) as usize], n);
    }

    assert_eq!(numbers(&log, &Selection::all()), (0..12).collect::<Vec<u64>>());
    assert_eq!(numbers(&log, &Selection::all().last(4)), [8, 9, 10, 11]);
    assert_eq!(numbers(&log, &Selection::all().last(0)), NOTHING);
    assert_eq!(numbers(&log, &Selection::all().since(4).until(6)), [4, 5]);
    assert_eq!(numbers(&log, &Selection::all().queue(1).last(2)), [7, 10]);
    Ok(())
}

#[test]
fn a_selection_finds_what_failed_and_what_hangs() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let (admin, io) = (log.ring(0, 0), log.ring(1, 1));
    let tokens: Vec<Token> = (1..=4).map(|n| submit(&io, n)).collect();
    submit(&admin, 5);

    io.completed(tokens[0], &success(1), 10);
    io.completed(tokens[1], &failure(2, Status::LBA_OUT_OF_RANGE), 11);
    io.abandoned(tokens[2], 12);

    let all = Selection::all;
    assert_eq!(numbers(&log, &all().failed()), [2, 3]);
    assert_eq!(numbers(&log, &all().in_flight()), [4, 5]);
    assert_eq!(numbers(&log, &all().status(Status::LBA_OUT_OF_RANGE)), [2]);
    assert_eq!(numbers(&log, &all().status(Status::SUCCESS)), [1]);
    assert_eq!(numbers(&log, &all().io_opcode(NvmOpcode::WRITE.0)), [1, 2, 3, 4]);
    assert_eq!(numbers(&log, &all().admin_opcode(NvmOpcode::WRITE.0)), [5]);
    assert_eq!(numbers(&log, &all().io_opcode(NvmOpcode::READ.0)), NOTHING);
    assert_eq!(numbers(&log, &all().process(1)), NOTHING);
    // Command n writes the blocks n * 16 to n * 16 + 7.
    assert_eq!(numbers(&log, &all().lba(23..48)), [1, 2]);
    assert_eq!(numbers(&log, &all().lba(24..32)), NOTHING);
    assert_eq!(numbers(&log, &all().lba(..=16)), [1]);
    assert_eq!(numbers(&log, &all().lba(72..)), NOTHING);
    Ok(())
}

#[test]
fn a_reader_never_sees_a_torn_entry() -> TestResult {
    let log = CmdLog::new(Geometry { entries: 4, ..SMALL })?;
    let deadline = Instant::now() + Duration::from_millis(500);

    let (seen, logged) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let ring = log.ring(1, 1);
            let mut n = 0;
            while Instant::now() < deadline {
                n += 1;
                let token = ring.submitted(&filled(n), Location::caller(), n);
                if n.is_multiple_of(3) {
                    ring.abandoned(token, n);
                }
                ring.completed(token, &completion_of(n), n);
            }
            n
        });
        let mut seen: u64 = 0;
        while Instant::now() < deadline {
            for record in log.records(&Selection::all()) {
                let n = record.submitted_ns;
                assert_eq!(record.sqe, filled(n));
                assert_eq!((record.sqid, record.process), (1, std::process::id()));
                match record.outcome {
                    Outcome::InFlight => {}
                    Outcome::Abandoned { at_ns, late: None } => assert_eq!(at_ns, n),
                    Outcome::Completed { at_ns, cqe } => {
                        assert_eq!((at_ns, cqe), (n, completion_of(n)));
                        assert_ne!(n % 3, 0);
                    }
                    Outcome::Abandoned { at_ns, late } => {
                        assert_eq!((at_ns, late), (n, Some((n, completion_of(n)))));
                    }
                }
                seen += 1;
            }
        }
        (seen, writer.join().expect("the writer does not panic"))
    });

    assert!(100 < seen && 1000 < logged, "{seen} records of {logged} commands is no test");
    Ok(())
}

#[test]
fn marks_of_many_threads_are_whole_and_the_newest_are_kept() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let text = |thread: u32, n: u32| format!("{thread} {n} ").repeat(12);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || (0..5000).for_each(|n| log.mark(&text(thread, n))));
        }
    });

    log.mark(&"ä".repeat(300));
    log.mark("the end");

    let marks = log.marks();
    assert_eq!(marks.last().unwrap().text, "the end");
    assert_eq!(marks.iter().rev().nth(1).unwrap().text, "ä".repeat(104));
    assert_eq!(marks.len(), 4, "{marks:?}");
    for mark in &marks[..2] {
        let mut words = mark.text.split(' ');
        let (thread, n) = (words.next().unwrap().parse()?, words.next().unwrap().parse()?);
        assert_eq!(mark.text, text(thread, n));
        assert_eq!(mark.process, std::process::id());
    }
    Ok(())
}

#[test]
fn each_site_is_told_apart_and_the_last_ones_are_unknown_if_there_are_too_many() -> TestResult {
    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }
    let sites = [here(), here(), here(), here(), here(), here()];
    let log = CmdLog::new(Geometry { sites: 4, ..SMALL })?;
    let rings = [log.ring(1, 1), log.ring(2, 2)];
    for ring in &rings {
        for (n, site) in (0..).zip(sites) {
            ring.submitted(&command(n), site, n);
        }
    }

    for record in log.records(&Selection::all()) {
        let expected = sites[record.submitted_ns as usize];
        match record.site {
            Some(site) => {
                assert!(record.submitted_ns < 4);
                assert_eq!(
                    (&site.file[..], site.line, site.column),
                    (expected.file(), expected.line(), expected.column())
                );
            }
            None => assert!(4 <= record.submitted_ns),
        }
    }
    Ok(())
}

#[test]
fn another_mapping_of_the_file_takes_part() -> TestResult {
    let log = CmdLog::new(SMALL)?;
    let ring = log.ring(1, 1);
    let other = CmdLog::from_file(log.file().try_clone_to_owned()?.into())?;
    let other_ring = other.ring(1, 1);

    submit(&ring, 1);
    submit(&other_ring, 2);

    assert_eq!(numbers(&log, &Selection::all()), [1, 2]);
    assert_eq!(numbers(&other, &Selection::all()), [1, 2]);
    Ok(())
}

#[test]
fn a_reader_of_a_file_sees_what_is_written_and_cannot_change_it() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cmdlog");
    let log = CmdLog::create(&path, SMALL)?;
    let ring = log.ring(1, 1);
    submit(&ring, 1);

    let reader = CmdLog::open(&path)?;
    submit(&ring, 2);
    assert_eq!(numbers(&reader, &Selection::all()), [1, 2]);

    submit(&reader.ring(2, 2), 3);
    reader.mark("nobody else sees this");
    assert_eq!(numbers(&log, &Selection::all()), [1, 2]);
    assert_eq!(log.marks(), []);
    Ok(())
}

#[test]
fn a_file_that_exists_is_not_overwritten() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cmdlog");
    fs::write(&path, "evidence")?;

    let error = CmdLog::create(&path, SMALL).unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("delete it, or choose another name"), "{error}");
    assert_eq!(fs::read_to_string(&path)?, "evidence");
    Ok(())
}

#[test]
fn what_is_not_a_log_is_named_in_the_error() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cmdlog");

    let missing = CmdLog::open(&path).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);

    for content in [vec![], vec![0; 4095], vec![0; 4096], vec![0xff; 8192]] {
        fs::write(&path, content)?;
        let error = CmdLog::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("it is not a command log"), "{error}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
    assert!(CmdLog::open(folder.path()).is_err());
    Ok(())
}

/// A write of eight blocks that are different for each `n`.
fn command(n: u64) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(NvmOpcode::WRITE.0);
    sqe.cdw10 = ((n * 16) as u32).into();
    sqe.cdw12 = 7.into();
    sqe
}

fn submit(ring: &Ring, n: u64) -> Token {
    ring.submitted(&command(n), Location::caller(), n)
}

fn success(n: u64) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.dw0 = (n as u32).into();
    cqe
}

fn failure(n: u64, status: Status) -> Cqe {
    let mut cqe = success(n);
    cqe.set_status_field(StatusField::from_status(status));
    cqe
}

/// An entry in which each word depends on `n`.
fn filled(n: u64) -> Sqe {
    let words: [u64; 8] = std::array::from_fn(|word| n.rotate_left(8 * word as u32) ^ word as u64);
    zerocopy::transmute!(words)
}

fn completion_of(n: u64) -> Cqe {
    zerocopy::transmute!([n, !n])
}

fn numbers(log: &CmdLog, selection: &Selection) -> Vec<u64> {
    log.records(selection).iter().map(|record: &Record| record.submitted_ns).collect()
}

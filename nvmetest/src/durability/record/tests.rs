//! What several writers note, and what the record makes of it. Lanes of other processes are lanes of this one here.

use super::*;
use crate::durability::journal::Lane;
use crate::durability::journal::RING;
use integrity::Content::Data;

const BLOCKS: u64 = 16;

/// A record of blocks that hold their number, on a controller with a cache that is enabled.
fn record() -> Rc<Record> {
    let terms =
        Terms { nsid: 1, blocks: BLOCKS, can_cache: true, is_caching: true, flushes_all: false };
    let atomicity = Atomicity { blocks: 1, boundary: None, offset: 0 };
    let record = Record::new(&Subject { block: 512, atomicity, drb: 1, terms }).unwrap();
    (0..BLOCKS).for_each(|lba| record.know(lba, Found::Data(lba as u32)));
    Rc::new(record)
}

/// Another process that writes.
fn worker(record: &Rc<Record>) -> (WorkerLane, Lane) {
    let lane = record.open_lane().unwrap();
    let writer = Lane::attach(lane.file().try_clone().unwrap(), lane.number()).unwrap();
    (lane, writer)
}

/// Writes one block, whose content is `crc`.
fn write(lane: &Lane, lba: u64, crc: u32) -> Begun {
    lane.writes(lba, [Data(crc)].into_iter(), false).unwrap()
}

/// Cuts the power, and says which blocks break the rule if they hold what they held first, but for `changes`.
fn violations(record: &Record, changes: &[(u64, u32)]) -> Vec<u64> {
    record.end_workers();
    record.lose_power();
    assert_eq!(record.why_over(), None);
    let mut found: BTreeMap<u64, Found> =
        (0..BLOCKS).map(|lba| (lba, Found::Data(lba as u32))).collect();
    found.extend(changes.iter().map(|(lba, crc)| (*lba, Found::Data(*crc))));
    let report = record.judge(&found, record.terms.get());
    assert_eq!((report.checked, report.unjudged), (BLOCKS, 0));
    report.violations.into_iter().map(|violation| violation.lba).collect()
}

/// What one process was told to be done before another flushes is durable, and what it was told later is not.
#[test]
fn what_processes_do_is_in_one_order() {
    let record = record();
    let ((_, first), (_, second)) = (worker(&record), worker(&record));
    let before = write(&first, 0, 100);
    first.ended(before, Outcome::Done);
    let beside = write(&first, 1, 101);
    let flush = second.flushes().unwrap();
    first.ended(beside, Outcome::Done);
    second.ended(flush, Outcome::Done);
    assert_eq!(violations(&record, &[]), [0]);
}

/// The order holds also where a part is taken before the rest is written.
#[test]
fn what_was_taken_in_parts_is_the_same() {
    for parts in 0..6 {
        let record = record();
        let ((_, first), (_, second)) = (worker(&record), worker(&record));
        let part = |number| {
            if parts == number {
                record.take();
            }
        };
        let one = write(&first, 0, 100);
        part(1);
        first.ended(one, Outcome::Done);
        part(2);
        let flush = second.flushes().unwrap();
        part(3);
        second.ended(flush, Outcome::Done);
        part(4);
        let other = write(&second, 1, 101);
        part(5);
        second.ended(other, Outcome::Done);
        assert_eq!(violations(&record, &[]), [0], "taken after {parts}");
    }
}

/// A process may have been stopped between having a number and publishing what it is the number of.
#[test]
fn what_follows_something_that_is_not_published_waits_for_it() {
    let record = record();
    let (lane, _writer) = worker(&record);
    let written = record.note(|own| Ok(write(own, 0, 100))).unwrap();
    record.journal.announce_for_test(lane.number());
    record.ended(written, Outcome::Done);
    let flush = record.note(Lane::flushes).unwrap();
    record.ended(flush, Outcome::Done);
    record.take();
    assert!(!record.journal.is_empty(OWN), "it is taken too early");
    // Its process was killed, and nothing is missing any more.
    lane.end();
    assert!(record.journal.is_empty(OWN));
    assert_eq!(violations(&record, &[]), [0]);
}

#[test]
fn what_a_killed_worker_had_in_flight_is_old_or_new() {
    for (held, is_wrong) in [(7, false), (107, false), (207, true)] {
        let record = record();
        let (lane, writer) = worker(&record);
        let begun = writer.writes(7, [Data(107)].into_iter(), true).unwrap();
        writer.writes(8, [Data(108)].into_iter(), true).unwrap();
        lane.end();
        // Nobody hears of it any more.
        writer.ended(begun, Outcome::Done);
        let expected: &[u64] = if is_wrong { &[7] } else { &[] };
        assert_eq!(violations(&record, &[(7, held)]), expected, "{held}");
    }
}

/// What was in flight when a worker was killed was over by then: what is durable later has replaced it.
#[test]
fn what_a_killed_worker_had_in_flight_does_not_come_back() {
    let record = record();
    let (lane, writer) = worker(&record);
    write(&writer, 3, 103);
    lane.end();
    let fua = record.note(|own| own.writes(3, [Data(203)].into_iter(), true)).unwrap();
    record.ended(fua, Outcome::Done);
    assert_eq!(violations(&record, &[(3, 103)]), [3]);
}

#[test]
fn a_handle_that_is_dropped_late_does_not_end_the_next_worker() {
    let record = record();
    let (stale, _) = worker(&record);
    record.end_workers();
    let (next, writer) = worker(&record);
    assert_eq!(stale.number(), next.number());
    stale.end();
    let begun = writer.writes(5, [Data(105)].into_iter(), true).unwrap();
    writer.ended(begun, Outcome::Done);
    assert_eq!(violations(&record, &[]), [5]);
}

/// Whoever has no room sends nothing; and each of the many that are in flight then can say how it ended.
#[test]
fn a_full_lane_takes_no_command_and_every_completion() {
    let record = record();
    let (_, writer) = worker(&record);
    let mut in_flight = Vec::new();
    let error = loop {
        let contents = vec![Data(100); 8192];
        match writer.writes(BLOCKS, contents.into_iter(), false) {
            Ok(begun) => in_flight.push(begun),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full), "{error}");
    for _ in 0..1 << 16 {
        writer.ended(in_flight[0], Outcome::Maybe);
    }
    assert!(matches!(writer.flushes(), Err(JournalError::Full)));
    assert!(matches!(writer.cache(true), Err(JournalError::Full)));
    record.take();
    let begun = writer.writes(5, [Data(105)].into_iter(), true).unwrap();
    writer.ended(begun, Outcome::Done);
    assert_eq!(violations(&record, &[]), [5]);
}

/// More completions than there can be commands in flight: what is not in the journal is not followed, and the record says so.
#[test]
fn a_completion_for_which_there_is_no_room_ends_the_record() {
    let record = record();
    let (_, writer) = worker(&record);
    let begun = writer.writes(5, [Data(105)].into_iter(), true).unwrap();
    for _ in 0..RING {
        writer.ended(begun, Outcome::Done);
    }
    record.take();
    let why = record.why_over().expect("some had no room");
    assert!(why.contains("lane 1 of its journal had no room for a completion"), "{why}");
}

/// The ring begins again and again, in the midst of what is written.
#[test]
fn a_lane_goes_round() {
    let record = record();
    let (_, writer) = worker(&record);
    for number in 1..2000_u32 {
        let contents = vec![Data(number << 16); 3001];
        let begun = writer.writes(2, contents.into_iter(), true).unwrap();
        writer.ended(begun, Outcome::Done);
        record.take();
    }
    let last = 1999 << 16;
    let now: Vec<_> = (2..BLOCKS).map(|lba| (lba, last)).collect();
    assert_eq!(violations(&record, &now), Vec::<u64>::new());
    assert_eq!(violations(&record, &now[1..]), [2]);
}

#[test]
fn what_no_worker_leaves_in_a_lane_ends_the_record() {
    type Spoil = fn(&Journal, usize);
    let spoils: [(Spoil, &str); 2] = [
        (Journal::spoil_length_for_test, "is damaged"),
        (Journal::spoil_entry_for_test, "has an entry that is none"),
    ];
    for (spoil, what) in spoils {
        let record = record();
        let (lane, writer) = worker(&record);
        write(&writer, 0, 100);
        spoil(&record.journal, lane.number());
        record.take();
        let why = record.why_over().expect("it is damaged");
        assert!(why.contains(&format!("lane 1 of its journal {what}")), "{why}");
    }
}

#[test]
fn more_workers_than_lanes_are_refused() {
    let record = record();
    let all: Vec<_> = (1..LANES).map(|_| record.open_lane().unwrap()).collect();
    let error = record.open_lane().unwrap_err();
    assert!(error.to_string().starts_with("127 workers write"), "{error}");
    all[3].end();
    assert_eq!(record.open_lane().unwrap().number(), all[3].number());
}

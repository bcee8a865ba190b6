use std::panic::Location;

use proptest::prelude::*;
use zerocopy::FromBytes;
use zerocopy::FromZeros;

use super::*;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Geometry;
use crate::cmdlog::Mark;
use crate::cmdlog::Selection;
use crate::cmdlog::Site;
use crate::cmdlog::Token;
use crate::spec::Cqe;
use crate::spec::Sqe;

const GEOMETRY: Geometry = Geometry { rings: 8, entries: 1024, sites: 16, marks: 8 };

/// A log of commands of queue 1, given by when they were submitted and completed.
fn log_of(times: &[(u64, Option<u64>)]) -> Dump {
    let log = CmdLog::new(GEOMETRY).unwrap();
    let ring = log.ring(1, 1);
    for (submitted_ns, completed_ns) in times {
        let token = ring.submitted(&Sqe::new_zeroed(), Location::caller(), *submitted_ns);
        if let Some(completed_ns) = completed_ns {
            ring.completed(token, &Cqe::new_zeroed(), *completed_ns);
        }
    }
    log.dump(&Selection::all())
}

#[test]
fn commands_that_overlap_stand_below_each_other_and_others_beside() {
    let dump =
        log_of(&[(0, Some(100)), (10, Some(20)), (20, Some(30)), (25, None), (100, Some(110))]);
    let queues = lanes::assign(&dump.records);
    assert_eq!(queues, [Queue { sqid: 1, lanes: vec![vec![0, 4], vec![1, 2], vec![3]] }]);
}

#[test]
fn a_pause_that_would_leave_the_rest_no_room_is_cut_out() {
    const SECOND: u64 = 1_000_000_000;
    let axis = Axis::new(&[0, 10, 20, 5 * SECOND, 5 * SECOND + 10, 10 * SECOND], 100.0);
    let cut: Vec<(u64, u64)> =
        axis.pieces().iter().filter(|it| it.is_cut).map(|it| (it.from_ns, it.to_ns)).collect();
    assert_eq!(cut, [(20, 5 * SECOND), (5 * SECOND + 10, 10 * SECOND)]);
    assert!(axis.x(10) > 25.0, "{axis:?}");
    assert!((axis.x(10 * SECOND) - 100.0).abs() < 1e-6, "{axis:?}");

    // Commands one after the other have pauses, which are part of the picture.
    let even = Axis::new(&[0, 10, 20, 30, 40], 100.0);
    assert_eq!(even.pieces().len(), 1);
    assert!((even.x(20) - 50.0).abs() < 1e-6);
    assert_eq!(even.ticks(20.0), [0, 10, 20, 30, 40]);
}

#[test]
fn times_go_to_places_in_their_order() {
    let mut times: Vec<u64> = (0..300_u64).map(|n| n * n * 7919 % 1_000_003).collect();
    times.push(1 << 40);
    times.sort_unstable();
    let axis = Axis::new(&times, 800.0);
    let places: Vec<f64> = times.iter().map(|time| axis.x(*time)).collect();
    assert!(places.is_sorted() && places[0] == 0.0 && places[300] <= 800.001, "{places:?}");
}

#[test]
fn the_picture_has_each_command_its_end_and_the_one_that_failed() {
    let mut dump = log_of(&[(1_000, Some(2_000)), (3_000, Some(5_000)), (4_000, None)]);
    let Outcome::Completed { cqe, .. } = &mut dump.records[1].outcome else { panic!() };
    cqe.set_status_field(cqe.status_field().with_sc(0x80));
    let token = dump.records[1].token;
    let svg = timeline_svg(&dump.failing(token), &Timeline::default());

    assert_eq!(svg.matches("<title>Flush").count(), 3, "{svg}");
    assert!(svg.contains("<title>Flush nsid=0: 2 µs, LBA Out of Range (00h/80h)</title>"), "{svg}");
    assert!(svg.contains("<path class=\"o e\" d=\"M864.0 0h-432.0v13h432.0zm0 0l-3-5h6z"), "{svg}");
    assert!(svg.contains("<path class=\"o n\" d=\"M864.0 0h-216.0v13"), "{svg}");
    assert!(svg.contains("▼ Flush nsid=0: 2 µs, LBA Out of Range"), "{svg}");
    assert!(svg.contains(">Queue 1</text>"), "{svg}");
}

#[test]
fn of_a_long_log_the_commands_around_the_failing_one_are_drawn() {
    let times: Vec<_> = (0..1000).map(|n| (n * 10, Some(n * 10 + 5))).collect();
    let dump = log_of(&times);
    assert_eq!(window(&dump, 200), 800..1000);
    let at = |index: usize| window(&dump.clone().failing(dump.records[index].token), 200);
    assert_eq!(at(500), 351..551);
    assert_eq!(at(999), 800..1000);
    assert_eq!(at(0), 0..200);
    assert_eq!(window(&dump, usize::MAX), 0..1000);
    assert_eq!(window(&dump, 0), 1000..1000);
}

#[test]
fn a_log_without_commands_is_a_picture_that_says_so() {
    let dump = CmdLog::new(GEOMETRY).unwrap().dump(&Selection::all());
    assert!(timeline_svg(&dump, &Timeline::default()).contains("The log has no commands."));
}

/// What a damaged log or one of a wild device may hold.
fn any_record() -> impl Strategy<Value = Record> {
    let time = || prop_oneof![0..100_000_u64, any::<u64>()];
    let outcome = (0..4, time(), time(), any::<[u8; 16]>());
    let site = proptest::option::of((".{0,80}", any::<u32>()));
    (any::<u32>(), 0..300_u16, time(), any::<[u8; 64]>(), outcome, site).prop_map(
        |(sequence, sqid, submitted_ns, sqe, (kind, at_ns, late_ns, cqe), site)| {
            let cqe = Cqe::read_from_bytes(&cqe).unwrap();
            Record {
                token: Token::from_words([0, sequence.into()]),
                sqid,
                cqid: sqid,
                process: 1,
                site: site.map(|(file, line)| Site { file, line, column: 1 }.into()),
                submitted_ns,
                sqe: Sqe::read_from_bytes(&sqe).unwrap(),
                outcome: match kind {
                    0 => Outcome::InFlight,
                    1 => Outcome::Completed { at_ns, cqe },
                    2 => Outcome::Abandoned { at_ns, late: None },
                    _ => Outcome::Abandoned { at_ns, late: Some((late_ns, cqe)) },
                },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_log_is_a_small_picture(
        records in proptest::collection::vec(any_record(), 200..300),
        text in "\\PC{0,300}|[<>&\"\u{0}-\u{8}]{0,300}",
    ) {
        let mark = Mark { at_ns: records[0].submitted_ns, process: 1, text };
        let failing = Some(records[records.len() / 2].token);
        let dump = Dump {
            created_ns: 0,
            created_unix_ns: 0,
            refused_rings: 0,
            rings: Vec::new(),
            records,
            marks: vec![mark; 30],
            failing,
        };
        let svg = timeline_svg(&dump, &Timeline::default());
        // Most queues have but one command here, so most of it is the names of queues.
        prop_assert!(svg.len() <= 80_000, "{}", svg.len());
        prop_assert!(svg.chars().all(|char| !char.is_control() || char == '\n'));
        // Each tag that is opened is closed, and nothing of a text is taken for a tag.
        for tag in ["g", "text", "title"] {
            let opened = svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
            prop_assert_eq!(opened, svg.matches(&format!("</{}>", tag)).count());
        }
        let tags = svg.split('<').map(|text| text.split('>').next().unwrap_or_default());
        for tag in tags {
            prop_assert!(!tag.contains("NaN") && !tag.contains("inf"), "{}", tag);
        }
    }
}

#[test]
fn two_hundred_commands_of_some_queues_stay_under_40_kilobytes() {
    let log = CmdLog::new(GEOMETRY).unwrap();
    let rings: Vec<_> = (1..=8).map(|sqid| log.ring(sqid, sqid)).collect();
    let mut read = Sqe::new_zeroed();
    read.set_opcode(2);
    read.nsid = u32::MAX.into();
    for word in [
        &mut read.cdw10,
        &mut read.cdw11,
        &mut read.cdw12,
        &mut read.cdw13,
        &mut read.cdw14,
        &mut read.cdw15,
    ] {
        *word = u32::MAX.into();
    }
    for n in 0..200 {
        let ring = &rings[n as usize % 8];
        let token = ring.submitted(&read, Location::caller(), n * 1_234_567);
        let mut cqe = Cqe::new_zeroed();
        cqe.set_status_field(cqe.status_field().with_sct(1).with_sc(0x16));
        ring.completed(token, &cqe, n * 1_234_567 + 77_777_777);
    }
    let svg = timeline_svg(&log.dump(&Selection::all()), &Timeline::default());
    assert_eq!(svg.matches("<title>Read").count(), 200);
    assert!(svg.len() <= 40_960, "{}", svg.len());
}

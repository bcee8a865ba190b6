//! What a log holds is sent again.

use std::time::Duration;

use nvmetest::Controller;
use nvmetest::Result;
use nvmetest::Status;
use nvmetest::cmdlog::Outcome;
use nvmetest::cmdlog::Record;
use nvmetest::cmdlog::Replay;
use nvmetest::cmdlog::Selection;
use nvmetest::cmdlog::Speed;
use nvmetest::cmdlog::replay;
use nvmetest::queue::scope_all;
use nvmetest::spec::StatusField;
use nvmetest_fixtures::soft;

const WITH_WRITES: Replay = Replay { speed: Speed::Max, writes: true, seed: 7 };

/// The I/O commands that a device was sent so far.
fn logged(nvme: &Controller) -> Vec<Record> {
    let mut records = nvme.cmdlog().records(&Selection::all());
    records.retain(|record| !record.is_admin());
    records
}

/// Sends commands of each kind, of which some fail.
fn session(nvme: &Controller) -> Result {
    let ns = nvme.namespace(1)?;
    let q = nvme.qpair(8)?;
    let mut data = nvme.buffer(4 * ns.block());
    ns.write(&data, 0).fua().run(&q)?;
    ns.flush().run(&q)?;
    ns.read(&mut data, 0).run(&q)?;
    ns.write_zeroes(1, 2).run(&q)?;
    ns.verify(0, 4).run(&q)?;
    let past = ns.capacity();
    ns.read(&mut data, past).expect(Status::LBA_OUT_OF_RANGE).run(&q)?;
    ns.write(&data, past - 1).expect(Status::LBA_OUT_OF_RANGE).run(&q)?;
    ns.compare(&data, past).expect(Status::LBA_OUT_OF_RANGE).run(&q)?;
    Ok(())
}

#[test]
fn each_command_that_can_be_is_sent_again_and_ends_the_same() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    session(&nvme)?;
    let recorded = logged(&nvme);

    let replayed = replay(&nvme, &recorded, &WITH_WRITES)?;
    assert_eq!((replayed.sent, replayed.same, replayed.different), (7, 7, 0), "{replayed}");
    assert_eq!(replayed.left_out.values().sum::<u64>(), 1);
    assert!(replayed.to_string().contains("what a Compare compares with"), "{replayed}");

    let again = &logged(&nvme)[recorded.len()..];
    let entry = |record: &Record| {
        let sqe = &record.sqe;
        (sqe.opcode(), sqe.nsid, sqe.cdw10, sqe.cdw11, sqe.cdw12)
    };
    let sent: Vec<_> = again.iter().map(entry).collect();
    let expected: Vec<_> = recorded[..7].iter().map(entry).collect();
    assert_eq!(sent, expected);
    Ok(())
}

#[test]
fn writes_are_refused_before_anything_is_sent_unless_they_are_allowed() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    session(&nvme)?;
    let recorded = logged(&nvme);
    let error = replay(&nvme, &recorded, &Replay::default()).unwrap_err().to_string();
    assert!(error.contains("3 of the recorded commands write to the namespace"), "{error}");
    assert_eq!(logged(&nvme).len(), recorded.len());

    let reads: Vec<Record> =
        recorded.into_iter().filter(|record| record.sqe.opcode() == 2).collect();
    let replayed = replay(&nvme, &reads, &Replay { speed: Speed::Max, ..Replay::default() })?;
    assert_eq!((replayed.sent, replayed.same), (2, 2));
    Ok(())
}

#[test]
fn another_status_is_a_difference_with_both() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    session(&nvme)?;
    let mut recorded = logged(&nvme);
    let Outcome::Completed { cqe, .. } = &mut recorded[2].outcome else {
        panic!("the read did not complete")
    };
    cqe.set_status_field(StatusField::from_status(Status::UNRECOVERED_ERROR));
    recorded[4].outcome = Outcome::InFlight;

    let replayed = replay(&nvme, &recorded, &WITH_WRITES)?;
    assert_eq!((replayed.same, replayed.not_recorded, replayed.different), (5, 1, 1));
    let difference = &replayed.differences[0];
    assert_eq!((difference.index, difference.recorded), (2, Status::UNRECOVERED_ERROR));
    assert_eq!(difference.replayed, Status::SUCCESS);
    assert!(replayed.to_string().contains("command 2: Read nsid=1"), "{replayed}");
    Ok(())
}

#[test]
fn the_queues_and_their_depths_are_those_of_the_log() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.namespace(1)?;
    let queues = [nvme.qpair(6)?, nvme.qpair(3)?];
    let mut memory = nvme.buffer(ns.block());
    let sink = memory.as_sink();
    scope_all(&queues, |ios| {
        for (io, depth) in ios.iter().zip([6, 3]) {
            for slba in 0..depth {
                drop(ns.read(sink, slba).submit(io));
            }
        }
        Ok(())
    })?;
    drop(queues);
    let mut recorded = logged(&nvme);
    assert_eq!(recorded.len(), 9);
    // All of a queue were in flight together, however quick the device was.
    let last = recorded.iter().filter_map(Record::completed_ns).max().expect("they completed");
    for record in &mut recorded {
        if let Outcome::Completed { at_ns, .. } = &mut record.outcome {
            *at_ns = last;
        }
    }
    let replayed = replay(&nvme, &recorded, &WITH_WRITES)?;
    assert_eq!((replayed.sent, replayed.same), (9, 9));
    let again = nvme.cmdlog().records(&Selection::all());
    let created = again.iter().filter(|record| record.is_admin() && record.sqe.opcode() == 1);
    // CDW10 has the size of the queue, zero-based, and a queue of N entries holds one command less.
    let depths: Vec<u32> = created.map(|record| record.sqe.cdw10.get() >> 16).collect();
    assert_eq!(depths, [6, 3, 6, 3]);
    Ok(())
}

#[test]
fn as_recorded_no_command_is_sent_before_its_time() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    session(&nvme)?;
    let mut recorded = logged(&nvme);
    let start = recorded[0].submitted_ns;
    for (number, record) in (0..).zip(&mut recorded) {
        record.submitted_ns = start + number * 5_000_000;
    }
    let options = Replay { speed: Speed::AsRecorded, ..WITH_WRITES };
    let replayed = replay(&nvme, &recorded, &options)?;
    assert_eq!((replayed.sent, replayed.different), (7, 0));
    assert!(Duration::from_millis(30) <= replayed.duration, "{replayed}");
    let again = &logged(&nvme)[recorded.len()..];
    let after = |index: usize| again[index].submitted_ns - again[0].submitted_ns;
    assert!((1..7).all(|index| 4_900_000 * index as u64 <= after(index)));
    Ok(())
}

#[test]
fn entries_of_any_content_are_left_out_or_sent_within_what_is_lent() -> Result {
    let nvme = soft::controller("soft:size=16MiB")?;
    session(&nvme)?;
    let template = logged(&nvme).swap_remove(0);
    let mut recorded = Vec::new();
    for opcode in 0..=u8::MAX {
        for word in [0, 0x8000_FFFF, u32::MAX] {
            let mut record = template.clone();
            record.sqe.set_opcode(opcode);
            (record.sqe.cdw10, record.sqe.cdw11) = (word.into(), word.into());
            (record.sqe.cdw12, record.sqe.cdw13) = (word.into(), word.into());
            record.sqid = 1 + u16::from(opcode % 3);
            recorded.push(record);
        }
    }
    for record in recorded.iter_mut().step_by(7) {
        record.submitted_ns = u64::MAX - 1;
        record.sqe.nsid = 0xFFFF_FFFF.into();
    }
    let as_recorded = Replay { speed: Speed::AsRecorded, ..WITH_WRITES };
    let error = replay(&nvme, &recorded, &as_recorded).unwrap_err().to_string();
    assert!(error.contains("the commands span") && error.contains("`--speed max`"), "{error}");
    let replayed = replay(&nvme, &recorded, &WITH_WRITES)?;
    assert!(0 < replayed.sent && 0 < replayed.different, "{replayed}");
    assert_eq!(replayed.sent + replayed.left_out.values().sum::<u64>(), recorded.len() as u64);
    Ok(())
}

//! The engine against a device that the test plays, before the worker looks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use zerocopy::FromBytes;
use zerocopy::little_endian::U64;

use super::*;
use crate::DsmRange;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Selection;
use crate::ioworker::statistics::Statistics;
use crate::ioworker::workload::Operation;
use crate::ioworker::workload::Recorded;
use crate::memory::Longs;
use crate::memory::Mapping;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;

const SQID: u16 = 3;
const DEPTH: u16 = 4;

/// What a device has of the worker.
struct Device {
    job: Job,
    page: Page,
    log: CmdLog,
    sq: Mapping,
    cq: Mapping,
    data: Mapping,
}

/// What is left when the worker is done.
struct Done {
    result: Result<(), String>,
    statistics: Statistics,
    sqes: Vec<Sqe>,
    data: Vec<u8>,
    log: CmdLog,
}

impl Device {
    fn new() -> Self {
        let work =
            Work { random_percentage: 0, depth: DEPTH, count: Some(DEPTH.into()), ..Work::of(8) };
        let nothing = || 0..0;
        let place = Place {
            sqid: SQID,
            entries: u32::from(DEPTH) + 1,
            sq: nothing(),
            cq: nothing(),
            data: nothing(),
            data_iova: 1 << 32,
            slot_bytes: 4096,
            page: 4096,
            lists: vec![None],
            doorbells: nothing(),
            doorbells_start: 0x1000,
            sq_tail: 0x1018,
            cq_head: 0x101c,
        };
        let (job, page) = (Job { work, place }, Page::make().unwrap().1);
        let log = CmdLog::new(Default::default()).unwrap();
        Self { job, page, log, sq: memory(), cq: memory(), data: memory() }
    }

    /// Makes entry `index` of the first pass, for command `cid` of queue `sqid`.
    fn complete(&self, index: usize, sqid: u16, cid: u16) {
        let dwords = [0, 0, u32::from(sqid) << 16, 1 << 16 | u32::from(cid)];
        for (dword, at) in dwords.into_iter().zip((index * 16..).step_by(4)) {
            self.cq.word(at).store(dword, Ordering::Release);
        }
    }

    /// Makes the completions of all slots.
    fn complete_all(&self) {
        (0..DEPTH).for_each(|cid| self.complete(cid.into(), SQID, cid));
    }

    /// Runs a worker on what was made.
    fn run(self) -> Done {
        let Self { job, page, log, sq, cq, data } = self;
        let look = |mapping: &Mapping| {
            let mut bytes = vec![0; mapping.len()];
            mapping.read(0, &mut bytes);
            bytes
        };
        let sq = Arc::new(sq);
        let doorbells = Mmio::new(0x1000, memory());
        let reach = Reach {
            sq: Cursor::new(Longs::new(Arc::clone(&sq), 0, job.place.entries as usize)),
            cq: Cursor::new(Longs::new(Arc::new(cq), 0, job.place.entries as usize)),
            data: Parts::new(data, 4096, DEPTH.into()),
            doorbells: &doorbells,
            log: log.ring(SQID, SQID),
            logs: log.clone(),
            writer: None,
            lane: None,
            interrupt: None,
        };
        let mut engine = Engine::new(&job, reach, &page).unwrap();
        let result = engine.run().map_err(|stop| stop.to_string());
        let sq = look(&sq);
        // Of a worker that gave up, the device still has some.
        let mut data = Vec::new();
        for slot in 0..DEPTH.into() {
            engine.reach.data.take_back(slot);
            data.extend_from_slice(engine.reach.data.bytes(slot, 4096));
        }
        let sqes = sq.as_chunks::<64>().0.iter().take(DEPTH.into());
        let sqes = sqes.map(|sqe| Sqe::read_from_bytes(sqe).unwrap()).collect();
        drop(engine);
        Done { result, statistics: page.read(), sqes, data, log }
    }
}

fn memory() -> Mapping {
    Mapping::anonymous(c"test", 65536).unwrap().1
}

#[test]
fn commands_complete_in_any_order() {
    let device = Device::new();
    [2, 0, 3, 1].into_iter().enumerate().for_each(|(at, cid)| device.complete(at, SQID, cid));
    let Done { result, statistics, log, .. } = device.run();
    assert_eq!(result, Ok(()));
    assert_eq!((statistics.reads, statistics.bytes, statistics.errors), (4, 4 * 4096, 0));
    let records = log.records(&Selection::all());
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|record| record.latency_ns().is_some() && !record.has_failed()));
}

#[test]
fn a_command_that_completes_twice_is_an_error() {
    let device = Device::new();
    device.complete(0, SQID, 1);
    device.complete(1, SQID, 1);
    let error = device.run().result.unwrap_err();
    assert!(error.contains("command identifier 0x0001, which is not in flight"), "{error}");
}

#[test]
fn an_identifier_beyond_all_slots_is_an_error() {
    let device = Device::new();
    device.complete(0, SQID, u16::MAX);
    let error = device.run().result.unwrap_err();
    assert!(error.contains("command identifier 0xffff, which is not in flight"), "{error}");
}

#[test]
fn a_completion_of_another_queue_is_an_error() {
    let device = Device::new();
    device.complete(0, SQID + 1, 0);
    let error = device.run().result.unwrap_err();
    assert!(error.contains("names submission queue 4 and not 3"), "{error}");
}

#[test]
fn silence_ends_when_the_time_of_a_command_is_over() {
    let device = Device::new();
    device.complete(0, SQID, 0);
    let Done { result, statistics, .. } = device.run();
    let error = result.unwrap_err();
    assert!(error.contains("no completion after 20ms, with 3 commands in flight"), "{error}");
    assert!(error.contains("the oldest Read (02h) at LBA 0x8 (command 2 of ring 0)"), "{error}");
    assert_eq!(statistics.reads, 1);
}

/// Each command has the fields of its opcode, and no other.
#[test]
fn recorded_commands_are_sent_as_they_were() {
    let mut device = Device::new();
    let operations =
        [Operation::Flush, Operation::DatasetManagement, Operation::WriteZeroes, Operation::Write];
    let recorded = |(operation, number): (Operation, u64)| Recorded {
        at_ns: 0,
        operation,
        slba: 1 << 40 | number,
        size: 0,
    };
    device.job.work.replay = Some(operations.into_iter().zip(1..).map(recorded).collect());
    device.complete_all();
    let Done { result, sqes, data, statistics, .. } = device.run();
    assert_eq!(result, Ok(()));
    let [flush, dsm, zeroes, write] = sqes.try_into().unwrap();
    let slot = |sqe: &Sqe| &data[usize::from(sqe.cid()) * 4096..][..4096];
    let pointer = |sqe: &Sqe| (1 << 32) + u64::from(sqe.cid()) * 4096;

    assert_eq!(flush.nvm_opcode(), NvmOpcode::FLUSH);
    assert_eq!((flush.cdw10_to_15(), flush.dptr.map(U64::get)), ([0; 6], [0; 2]));

    assert_eq!(dsm.nvm_opcode(), NvmOpcode::DATASET_MANAGEMENT);
    assert_eq!(dsm.cdw10_to_15(), [0, 4, 0, 0, 0, 0]);
    assert_eq!(dsm.dptr.map(U64::get), [pointer(&dsm), 0]);
    let mut range = [0; 16];
    DsmRange::fill(&mut range, &[DsmRange::new(1 << 40 | 2, 8)]);

    assert_eq!(zeroes.cdw10_to_15(), [3, 1 << 8, 7, 0, 0, 0]);
    assert_eq!(zeroes.dptr.map(U64::get), [0; 2]);

    assert_eq!(write.cdw10_to_15(), [4, 1 << 8, 7, 0, 0, 0]);
    assert_eq!(slot(&write)[512..520], (1_u64 << 40 | 5).to_le_bytes());
    assert_eq!((statistics.commands(), statistics.bytes), (4, 4096));
    // The first three are not of the same slot as the write, and the range is where the command says.
    assert_eq!(slot(&dsm)[..16], range);
}

#[test]
fn data_of_an_sgl_is_one_data_block() {
    let mut device = Device::new();
    device.job.work.sgl_percentage = 100;
    device.complete_all();
    let Done { result, sqes, .. } = device.run();
    assert_eq!(result, Ok(()));
    for sqe in sqes {
        assert_eq!(sqe.cdw0().psdt().0, 0b01);
        assert_eq!(sqe.dptr.map(U64::get), [(1 << 32) + u64::from(sqe.cid()) * 4096, 4096]);
    }
}

//! What a worker does of what it is told.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::Failed;
use nvmetest::cmdlog::Record;
use nvmetest::ioworker::DataPattern;
use nvmetest::ioworker::Distribution;
use nvmetest::ioworker::TimedCommand;
use nvmetest::prelude::*;
use nvmetest::spec::NvmOpcode;
use nvmetest_fixtures::soft;

use super::DEADLINE;
use super::blocks;
use super::run;
use super::slba;

pub fn reads() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    for (depth, count) in [(1, 1), (1, 1000), (16, 10_000), (64, 3)] {
        let statistics = ns.ioworker().depth(depth).count(count).start()?.join()?;
        assert_eq!((statistics.reads, statistics.writes), (count, 0));
        assert_eq!((statistics.bytes, statistics.errors), (4096 * count, 0));
        assert!(Duration::ZERO < statistics.elapsed && 0.0 < statistics.iops());
    }
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

pub fn time() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let time = Duration::from_millis(200);
    let worker = nvme.first_namespace()?.ioworker().time(time).start()?;
    let statistics = worker.join()?;
    assert!(time <= statistics.elapsed && statistics.elapsed < time + DEADLINE, "{statistics}");
    assert!(1 < statistics.reads);
    Ok(())
}

pub fn writes() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let (start, blocks, seed) = (100, 96, 0x5eed);
    let work = ns.ioworker().sequential().read_percentage(0).io_blocks(3).seed(seed).depth(7);
    let statistics = work.region(start..start + blocks).count(blocks / 3).start()?.join()?;
    assert_eq!((statistics.reads, statistics.writes), (0, blocks / 3));

    let mut block = nvme.buffer(ns.block());
    for lba in 0..ns.capacity() {
        ns.read(&mut block, lba).run(&q)?;
        let is_written = (start..start + blocks).contains(&lba);
        let stamp = if is_written { [lba.to_le_bytes(), seed.to_le_bytes()] } else { [[0; 8]; 2] };
        assert_eq!(block[..16], stamp.concat(), "LBA {lba}");
    }
    Ok(())
}

/// Two pages need no list, three have one, and 600 have one that is longer than a page.
pub fn prp_lists() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=64MiB,mdts=4MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    for io_blocks in [16, 17, 24, 600 * 8] {
        let blocks = u64::from(io_blocks) * 3;
        let work = ns.ioworker().sequential().read_percentage(0).io_blocks(io_blocks).depth(3);
        let seed = u64::from(io_blocks);
        let statistics = work.seed(seed).region(0..blocks).count(3).start()?.join()?;
        assert_eq!(statistics.bytes, blocks * 512);
        let mut all = nvme.buffer(blocks as usize * 512);
        for (part, lba) in all.chunks_mut(4096).zip((0..).step_by(8)) {
            ns.read(part, lba).run(&q)?;
        }
        for (lba, block) in (0_u64..).zip(all.chunks_exact(512)) {
            let stamp = [lba.to_le_bytes(), seed.to_le_bytes()].concat();
            assert_eq!(block[..16], stamp, "LBA {lba} of {io_blocks} blocks a command");
        }
    }
    Ok(())
}

pub fn mix() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let shares = [
        (NvmOpcode::READ, 30),
        (NvmOpcode::WRITE, 30),
        (NvmOpcode::FLUSH, 5),
        (NvmOpcode::DATASET_MANAGEMENT, 5),
        (NvmOpcode::WRITE_ZEROES, 10),
        (NvmOpcode::VERIFY, 19),
        (NvmOpcode::WRITE_UNCORRECTABLE, 1),
    ];
    let work = ns.ioworker().mix(shares).count(4000).allow_errors();
    let (statistics, records) = run(work, &nvme)?;
    assert_eq!((statistics.commands(), records.len()), (4000, 4000));
    for (opcode, share) in shares {
        let of_opcode = statistics.opcode(opcode).unwrap_or_else(|| panic!("no {opcode}"));
        let expected = 40 * u64::from(share);
        let logged = records.iter().filter(|record| record.sqe.nvm_opcode() == opcode).count();
        assert_eq!((of_opcode.commands, of_opcode.latency.count()), (logged as u64, logged as u64));
        assert!(of_opcode.commands.abs_diff(expected) < 40 + expected / 5, "{opcode}: {logged}");
    }
    // Blocks that were made uncorrectable fail when they are read or verified, and nothing else does.
    assert_eq!(statistics.statuses.iter().map(|(_, count)| count).sum::<u64>(), 4000);
    let failed: Vec<_> = statistics.statuses.iter().map(|(status, _)| *status).collect();
    let successes_and = |status| vec![Status::SUCCESS, status];
    assert_eq!(failed, successes_and(Status::UNRECOVERED_READ_ERROR), "{statistics}");
    let moved = |opcode| statistics.opcode(opcode).expect("there were some").bytes;
    assert_eq!(statistics.bytes, moved(NvmOpcode::READ) + moved(NvmOpcode::WRITE));

    // What a fixed pattern has written compares.
    let fixed = || ns.ioworker().pattern(DataPattern::Fixed(0xabcd)).region(0..64).sequential();
    let (written, _) = run(fixed().read_percentage(0).count(8), &nvme)?;
    assert_eq!(written.writes, 8);
    let (statistics, _) = run(fixed().mix([(NvmOpcode::COMPARE, 100)]).count(8), &nvme)?;
    assert_eq!(statistics.opcode(NvmOpcode::COMPARE).expect("they ran").commands, 8);
    Ok(())
}

pub fn sizes_and_alignments() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let work = ns.ioworker().io_blocks([(1, 20), (3, 30), (64, 50)]).lba_aligns([1, 7, 32]);
    let (statistics, records) = run(work.region(5..5000).count(2000), &nvme)?;
    let bytes: u64 = records.iter().map(|record| 512 * u64::from(blocks(record))).sum();
    assert_eq!(statistics.bytes, bytes);
    for (size, align, share) in [(1, 1, 400), (3, 7, 600), (64, 32, 1000_usize)] {
        let of_size: Vec<_> = records.iter().filter(|record| blocks(record) == size).collect();
        assert!(of_size.len().abs_diff(share) < 100, "{} of {size} blocks", of_size.len());
        let is_right = |record: &&Record| {
            slba(record).is_multiple_of(align)
                && 5 <= slba(record)
                && slba(record) + u64::from(size) <= 5000
        };
        assert!(of_size.iter().all(is_right), "{size} blocks");
    }
    // A range of sizes, of which the largest have PRP Lists and the smallest have none.
    let (statistics, records) = run(ns.ioworker().io_blocks(1..=256).count(2000), &nvme)?;
    let different: BTreeSet<_> = records.iter().map(blocks).collect();
    assert!(240 < different.len() && statistics.errors == 0, "{}", different.len());
    assert_eq!(nvme.take_dma_faults().len(), 0);
    Ok(())
}

pub fn in_order() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let work = || ns.ioworker().sequential().depth(1).count(4).region(100..132);
    let slbas = |work| -> Result<Vec<u64>> { Ok(run(work, &nvme)?.1.iter().map(slba).collect()) };
    assert_eq!(slbas(work())?, [100, 108, 116, 124]);
    assert_eq!(slbas(work().first_lba(110).step(16))?, [110, 100, 116, 100]);
    assert_eq!(slbas(work().step(-8))?, [124, 116, 108, 100]);
    assert_eq!(slbas(work().first_lba(103).step(0))?, [103; 4]);

    let half = ns.ioworker().random_percentage(50).depth(1).count(2000);
    let slbas = slbas(half)?;
    let mut expected = 0;
    let is_next = |slba: &&u64| {
        let found = **slba == expected;
        expected += if found { 8 } else { 0 };
        found
    };
    let in_order = slbas.iter().filter(is_next).count();
    assert!((900..1100).contains(&in_order), "{in_order} of 2000 are in order");
    Ok(())
}

pub fn regions() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let regions = [0..16, 1000..1008, 32_760..32_768];
    let work = || ns.ioworker().regions(regions.clone());
    let (_, records) = run(work().count(500), &nvme)?;
    let slbas: BTreeSet<_> = records.iter().map(slba).collect();
    assert_eq!(slbas, [0, 8, 1000, 32_760].into());
    let (_, records) = run(work().sequential().depth(1).count(5), &nvme)?;
    assert_eq!(records.iter().map(slba).collect::<Vec<_>>(), [0, 8, 1000, 32_760, 0]);
    Ok(())
}

pub fn distribution() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let mut weights = vec![0; 100];
    (weights[3], weights[99]) = (2500, 7500);
    let (_, records) = run(
        ns.ioworker().region(0..8000).distribution(Distribution::Sections(weights)).count(4000),
        &nvme,
    )?;
    let section = |record: &Record| slba(record) / 80;
    let third = records.iter().filter(|record| section(record) == 3).count();
    let last = records.iter().filter(|record| section(record) == 99).count();
    assert!((900..1100).contains(&third), "{third} of 4000 in section 3");
    assert_eq!(third + last, 4000);

    let zipf = Distribution::Zipf { exponent: 1.0 };
    let (_, records) = run(ns.ioworker().distribution(zipf).count(4000), &nvme)?;
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    records.iter().for_each(|record| *counts.entry(slba(record)).or_default() += 1);
    // Of 4096 places, the first has 1 of H(4096) = 8.9.
    let most = counts.values().max().expect("there were commands");
    assert!((380..520).contains(most), "{most} of 4000 at one place");
    Ok(())
}

pub fn pace() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let (statistics, records) = run(ns.ioworker().iops(3000).count(3300), &nvme)?;
    // The last command is due 3299 / 3000 seconds after the first.
    assert!(Duration::from_nanos(1_099_666_666) <= statistics.elapsed, "{statistics}");
    assert_eq!(statistics.seconds.iter().sum::<u32>(), 3300);
    let start = records[0].submitted_ns;
    let early = (0..).zip(&records).find(|(number, record)| {
        let due = number * 1_000_000_000 / 3000;
        // The first command may be late itself, but not by much of what lies between.
        record.submitted_ns - start + 200_000 < due
    });
    assert!(early.is_none(), "{early:?}");
    assert!((0.0..=1.0).contains(&statistics.cpu_use()) && !statistics.cpu.is_zero());

    // A machine that is busy holds a command back for longer than the first of these allows: then that is no hang of the
    // worker's, which would be one at each of them.
    let mut why = Vec::new();
    for (iops, timeout_ms, time_ms) in [(5, 50, 300), (2, 200, 800), (1, 700, 1800)] {
        let [timeout, time] = [timeout_ms, time_ms].map(Duration::from_millis);
        nvme.set_timeout(timeout);
        match slow_pace(&nvme, iops, time) {
            Ok(()) => return Ok(()),
            Err(error) => why.push(format!("{iops} a second: {error}")),
        }
    }
    Err(why.join("; ").into())
}

/// The time counts, also where no command is due any more; and that nothing is in flight for longer than a command may take is no
/// hang.
fn slow_pace(nvme: &Controller, iops: u64, time: Duration) -> Result<(), String> {
    let ns = nvme.first_namespace().map_err(|error| error.to_string())?;
    let work = ns.ioworker().iops(iops).time(time).depth(4);
    let (statistics, _) = run(work, nvme).map_err(|error| error.to_string())?;
    assert!(time <= statistics.elapsed, "{statistics}");
    match statistics.reads {
        2 => Ok(()),
        reads => Err(format!("{reads} reads, and not 2")),
    }
}

pub fn patterns() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let mut block = nvme.buffer(ns.block());
    let mut write = |pattern| -> Result<Vec<Vec<u8>>> {
        let work = ns.ioworker().sequential().read_percentage(0).pattern(pattern).seed(9);
        let statistics = work.region(8..264).count(32).start()?.join()?;
        assert_eq!(statistics.writes, 32);
        let read = |lba| {
            ns.read(&mut block, lba).run(&q)?;
            Ok(block.to_vec())
        };
        (8..264).map(read).collect()
    };
    for (block, lba) in write(DataPattern::Fixed(0x4433_2211))?.iter().zip(8_u64..) {
        assert_eq!(block[..16], [lba.to_le_bytes(), 9_u64.to_le_bytes()].concat());
        assert!(
            block[16..].as_chunks::<4>().0.iter().all(|dword| *dword == [0x11, 0x22, 0x33, 0x44])
        );
    }
    for (block, number) in write(DataPattern::Counter)?.iter().zip(0_u64..) {
        assert_eq!(block[504..], (number * 64 + 63).to_le_bytes());
    }
    let first = write(DataPattern::Random { compressible: 50, duplicate: 25 })?;
    assert!(first.iter().all(|block| block[256..] == [0; 256] && block[248..256] != [0; 8]));
    let different: BTreeSet<_> = first.iter().collect();
    assert!((170..=230).contains(&different.len()), "{} of 256 blocks", different.len());
    let random = write(DataPattern::RANDOM)?;
    let words: BTreeSet<_> =
        random.iter().flat_map(|block| &block.as_chunks::<8>().0[2..]).collect();
    assert_eq!(words.len(), 256 * 62);
    Ok(())
}

pub fn sgls() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let work = ns.ioworker().io_blocks([8, 64]).read_percentage(50).sgl_percentage(30);
    let (statistics, records) = run(work.count(1000), &nvme)?;
    let of_sgl = records.iter().filter(|record| record.sqe.cdw0().psdt().0 == 1).count();
    assert_eq!(statistics.errors, 0);
    assert!((250..350).contains(&of_sgl), "{of_sgl} of 1000");
    Ok(())
}

pub fn replay() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let command = |at_ms: u64, opcode, slba, blocks| TimedCommand {
        at_ns: at_ms * 1_000_000,
        opcode,
        slba,
        blocks,
    };
    let recorded = [
        command(40, NvmOpcode::FLUSH, 0, 0),
        command(0, NvmOpcode::WRITE, 7, 3),
        command(60, NvmOpcode::DATASET_MANAGEMENT, 7, 3),
        command(20, NvmOpcode::READ, 7, 40),
    ];
    let (statistics, records) = run(ns.ioworker().replay(recorded), &nvme)?;
    assert_eq!((statistics.commands(), statistics.bytes), (4, 43 * 512));
    let opcodes: Vec<_> = records.iter().map(|record| record.sqe.nvm_opcode()).collect();
    let (write, read) = (NvmOpcode::WRITE, NvmOpcode::READ);
    assert_eq!(opcodes, [write, read, NvmOpcode::FLUSH, NvmOpcode::DATASET_MANAGEMENT]);
    assert_eq!((slba(&records[1]), blocks(&records[1])), (7, 40));
    for (record, at) in records.iter().zip([0, 20, 40, 60]) {
        let at_ns = record.submitted_ns - records[0].submitted_ns;
        assert!(at * 1_000_000 <= at_ns + 1_000_000, "{at_ns} ns and not {at} ms");
    }

    // What a worker sent is recorded, written to a file, and sent again.
    let (_, records) = run(ns.ioworker().read_percentage(50).depth(1).count(50), &nvme)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("recorded.jsonl");
    let lines: Vec<String> = TimedCommand::of_records(&records)
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    std::fs::write(&path, lines.join("\n") + "\n\n")?;
    let (_, again) = run(ns.ioworker().replay_file(&path).depth(1), &nvme)?;
    let places = |records: &[Record]| {
        records.iter().map(|it| (it.sqe.nvm_opcode(), slba(it), blocks(it))).collect::<Vec<_>>()
    };
    assert_eq!(places(&again), places(&records));
    Ok(())
}

pub fn seeds() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let work = |seed| ns.ioworker().read_percentage(50).io_blocks([1, 8]).seed(seed).count(500);
    let sent = |seed| -> Result<Vec<_>> {
        let records = run(work(seed), &nvme)?.1;
        let what = |it: &Record| (it.sqe.opcode(), slba(it), blocks(it));
        Ok(records.iter().map(what).collect())
    };
    assert_eq!(sent(1)?, sent(1)?);
    assert_ne!(sent(1)?, sent(2)?);
    Ok(())
}

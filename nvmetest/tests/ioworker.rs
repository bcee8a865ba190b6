//! Workers on the soft controller. A worker is this binary, executed again, so the harness is this file's own.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::mem;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use nvmetest::Format;
use nvmetest::IoWorker;
use nvmetest::IoWorkerError;
use nvmetest::cmdlog::Record;
use nvmetest::cmdlog::Selection;
use nvmetest::integrity::Content;
use nvmetest::ioworker::DataPattern;
use nvmetest::ioworker::Distribution;
use nvmetest::ioworker::IoWorkerBuilder;
use nvmetest::ioworker::Statistics;
use nvmetest::ioworker::TimedCommand;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::NvmOpcode;
use nvmetest_fixtures::soft;

type Test = fn() -> Result<(), Failed>;

/// For what happens at once, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(30);

/// More commands than a worker finishes before it is ended.
const WITHOUT_END: u64 = u64::MAX;

fn main() -> ExitCode {
    if let Some(code) = nvmetest::runner::serve_role(&[]) {
        return code;
    }
    let trial = |name: &str, test: Test| Trial::test(name, test);
    let trials = vec![
        trial("as_many_reads_complete_as_were_asked_for", reads),
        trial("doorbells_blocks_and_queues_may_have_any_size", other_devices),
        trial("where_doorbells_cannot_be_mapped_the_runner_rings", forwarded),
        trial("workers_that_are_rung_for_end_like_others", forwarded_endings),
        trial("a_worker_with_a_time_ends_when_it_is_over", time),
        trial("what_a_worker_writes_is_read_back", writes),
        trial("workers_on_the_same_blocks_read_what_any_of_them_wrote", verified),
        trial("a_worker_that_reads_what_nobody_wrote_says_what_is_wrong", miscompare),
        trial("a_compare_that_is_wrong_either_way_is_a_miscompare", wrong_compares),
        trial("what_a_killed_worker_had_in_flight_is_old_or_new", killed_while_verified),
        trial("commands_of_several_pages_have_prp_lists", prp_lists),
        trial("two_workers_run_at_once", two_workers),
        trial("failed_commands_are_an_error_with_the_first_of_them", failed_commands),
        trial("each_opcode_is_sent_and_counted_as_often_as_it_was_asked_for", mix),
        trial("sizes_have_their_alignments", sizes_and_alignments),
        trial("commands_in_order_start_and_step_as_they_were_told", in_order),
        trial("commands_stay_in_their_regions", regions),
        trial("random_commands_are_distributed_as_they_were_told", distribution),
        trial("commands_come_at_their_pace", pace),
        trial("written_blocks_have_the_pattern", patterns),
        trial("data_may_be_named_by_sgls", sgls),
        trial("recorded_commands_are_sent_at_their_times", replay),
        trial("what_cannot_be_replayed_is_refused_before_anything_starts", refused_replay),
        trial("a_worker_stays_on_its_processor", pinned),
        trial("the_queue_has_its_priority", priority),
        trial("the_same_seed_is_the_same_commands", seeds),
        trial("more_workers_than_queues_are_an_error", too_many),
        trial("a_killed_worker_is_an_error_that_says_so", killed),
        trial("the_log_has_the_last_commands_of_a_killed_worker", killed_log),
        trial("a_stopped_worker_is_killed_and_reported_when_the_time_is_over", stopped),
        trial("a_dropped_worker_is_gone_and_so_are_its_queues", dropped),
        trial("a_forgotten_worker_is_reported_and_ended_by_a_reset", forgotten_then_reset),
        trial("a_forgotten_worker_ends_with_the_controller", forgotten_then_dropped),
        trial("a_worker_is_ended_when_the_controller_is_disabled", disabled),
        trial("a_worker_is_ended_when_its_queue_is_deleted_by_hand", deleted_by_hand),
        trial("a_killed_device_is_a_lost_device", device_lost),
        trial("what_cannot_be_done_is_refused_before_anything_starts", refused),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Whether there is a process with this identifier.
fn is_there(pid: u32) -> bool {
    kill(Pid::from_raw(pid as i32), None).is_ok()
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).expect("the worker is there");
}

/// Waits until the worker has done something.
fn wait_for_progress(worker: &IoWorker<'_>) {
    let (start, before) = (Instant::now(), worker.completed());
    while worker.completed() == before {
        assert!(start.elapsed() < DEADLINE, "nothing completes");
        std::thread::yield_now();
    }
}

fn worker_error(result: Result<impl Sized>) -> IoWorkerError {
    match result {
        Err(Error::IoWorker(error)) => error,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("no error"),
    }
}

fn reads() -> Result<(), Failed> {
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

/// Doorbells that are a page apart, blocks of a page, and queues that hold one command.
fn other_devices() -> Result<(), Failed> {
    for uri in ["soft:size=16MiB,dstrd=10", "soft:size=16MiB,lba=4096", "soft:size=16MiB,entries=2"]
    {
        let nvme = soft::controller(uri)?;
        let statistics = nvme.first_namespace()?.ioworker().count(500).start()?.join()?;
        assert_eq!((statistics.reads, statistics.bytes), (500, 500 * 4096), "{uri}");
    }
    Ok(())
}

/// Four at once, and commands of the runner's own in between.
fn forwarded() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB,mmap=off,entries=8")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let start = |depth| ns.ioworker().depth(depth).read_percentage(50).count(1000).start();
    let workers = [start(1)?, start(7)?, start(2)?, start(7)?];
    let mut block = nvme.buffer(ns.block());
    (0..100).try_for_each(|lba| ns.read(&mut block, lba).run(&q).map(drop))?;
    for worker in workers {
        let statistics = worker.join()?;
        assert_eq!((statistics.commands(), statistics.bytes), (1000, 1000 * 4096));
    }
    assert_eq!(nvme.take_dma_faults().len(), 0);
    drop(q);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

fn forwarded_endings() -> Result<(), Failed> {
    let mut nvme = soft::controller("soft:size=16MiB,mmap=off")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    send(worker.pid(), Signal::SIGKILL);
    let error = worker_error(worker.join());
    assert!(matches!(error, IoWorkerError::Died { .. }), "{error}");
    assert_eq!(nvme.leaks()?, Vec::<String>::new());

    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let pid = worker.pid();
    mem::forget(worker);
    nvme.reset()?;
    assert!(!is_there(pid));

    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let (start, pid) = (Instant::now(), worker.pid());
    nvme.pull()?;
    let error = worker.join().expect_err("the device is gone");
    assert!(error.is_lost(), "{error}");
    assert!(start.elapsed() < DEADLINE && !is_there(pid));
    Ok(())
}

fn time() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let time = Duration::from_millis(200);
    let worker = nvme.first_namespace()?.ioworker().time(time).start()?;
    let statistics = worker.join()?;
    assert!(time <= statistics.elapsed && statistics.elapsed < time + DEADLINE, "{statistics}");
    assert!(1 < statistics.reads);
    Ok(())
}

fn writes() -> Result<(), Failed> {
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

/// All that changes blocks is noted by each, and looked at by the others and by the runner.
fn verified() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let mix = [
        (NvmOpcode::READ, 50),
        (NvmOpcode::WRITE, 35),
        (NvmOpcode::WRITE_ZEROES, 5),
        (NvmOpcode::DATASET_MANAGEMENT, 5),
        (NvmOpcode::FLUSH, 5),
    ];
    let work = ns.ioworker().random().io_blocks(4).region(0..256).depth(8).count(20_000).mix(mix);
    let workers = [work.clone().seed(1).start()?, work.clone().seed(2).start()?, work.start()?];
    assert!(matches!(ns.verify_data(false), Err(Error::Failed(_))), "they would not know");
    let mut blocks = nvme.buffer(8 * ns.block());
    for slba in (0..256).step_by(8).cycle().take(1000) {
        ns.read(&mut blocks, slba).run(&q)?;
    }
    for worker in workers {
        assert_eq!(worker.join()?.commands(), 20_000);
    }
    let mut blocks = nvme.buffer(256 * ns.block());
    ns.read(&mut blocks, 0).run(&q)?;
    let table = ns.verified_by().expect("it is on");
    // The test would pass as well if nothing was judged.
    let known = (0..256).filter(|lba| !matches!(table.content(*lba), Content::Unknown)).count();
    assert_eq!((known, table.degraded()), (256, 0));
    Ok(())
}

/// The blocks change while nobody takes note.
fn miscompare() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table");
    ns.verify_data_in(&table)?;
    let work = ns.ioworker().sequential().io_blocks(1).region(0..64).depth(4).count(64);
    assert_eq!(work.clone().read_percentage(0).start()?.join()?.writes, 64);
    assert_eq!(work.clone().start()?.join()?.reads, 64);
    ns.verify_data(false)?;
    let mut block = nvme.buffer(ns.block());
    ns.read(&mut block, 9).run(&q)?;
    ns.write(&block, 10).run(&q)?;
    ns.verify_data_in(&table)?;
    let IoWorkerError::Miscompare { statistics, verdict, .. } = worker_error(work.start()?.join())
    else {
        panic!("it is no miscompare");
    };
    assert!((11..=64).contains(&statistics.reads), "{statistics}");
    assert!(verdict.contains("LBA 0xa"), "{verdict}");
    assert!(verdict.contains("LBA 0x9"), "{verdict}");
    assert!(
        verdict.contains("; read by Read (02h) of 1 blocks at LBA 0xa by process"),
        "{verdict}"
    );
    assert!(verdict.contains("; written last by Write (01h) on queue"), "{verdict}");
    Ok(())
}

/// The device says that blocks differ which cannot, or that they are equal which cannot be.
fn wrong_compares() -> Result<(), Failed> {
    const PATTERN: u32 = 0x0403_0201;
    const SEED: u64 = 7;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("media");
    let nvme = soft::controller(&format!("soft:size=1MiB,file={}", path.display()))?;
    let media = File::options().read(true).write(true).open(path)?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let work = ns.ioworker().sequential().io_blocks(1).region(8..16).count(8).depth(1).seed(SEED);
    let work = work.pattern(DataPattern::Fixed(PATTERN)).mix([(NvmOpcode::COMPARE, 100)]);

    let mut equal = nvme.buffer(8 * ns.block());
    for (lba, block) in (8_u64..).zip(equal.chunks_exact_mut(ns.block())) {
        block.chunks_exact_mut(4).for_each(|dword| dword.copy_from_slice(&PATTERN.to_le_bytes()));
        block[..16].copy_from_slice([lba.to_le_bytes(), SEED.to_le_bytes()].as_flattened());
    }
    ns.write(&equal, 8).run(&q)?;
    assert_eq!(work.clone().start()?.join()?.commands(), 8);
    let at = 11 * ns.block() as u64;
    media.write_all_at(&[0xee], at)?;
    let verdict = |work: IoWorkerBuilder<'_>| -> Result<String, Failed> {
        match worker_error(work.start()?.join()) {
            IoWorkerError::Miscompare { verdict, .. } => Ok(verdict),
            error => Err(format!("it is no miscompare: {error}").into()),
        }
    };
    let found = verdict(work.clone())?;
    assert!(found.contains("LBA 0xb") && found.contains("equal: it has what"), "{found}");
    assert!(found.contains("; read by Compare (05h) of 1 blocks at LBA 0xb by process"), "{found}");
    assert!(found.contains("; written last by Write (01h) on queue"), "{found}");

    let mut other = nvme.buffer(ns.block());
    other.fill(0x55);
    ns.write(&other, 11).run(&q)?;
    // That they differ is right, and no more than a command that failed.
    assert!(matches!(worker_error(work.clone().start()?.join()), IoWorkerError::Commands { .. }));
    media.write_all_at(&equal[3 * ns.block()..4 * ns.block()], at)?;
    let found = verdict(work)?;
    assert!(found.contains("LBA 0xb") && !found.contains("equal"), "{found}");
    Ok(())
}

/// It is not taken for written, nor for lost.
fn killed_while_verified() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.verify_data(true)?;
    let mut blocks = nvme.buffer(256 * ns.block());
    for seed in 0..10 {
        let work = ns.ioworker().random().read_percentage(0).io_blocks(2).region(0..256).depth(16);
        let worker = work.seed(seed).count(WITHOUT_END).start()?;
        wait_for_progress(&worker);
        send(worker.pid(), Signal::SIGKILL);
        assert!(matches!(worker_error(worker.join()), IoWorkerError::Died { .. }));
        ns.read(&mut blocks, 0).run(&q)?;
        ns.read(&mut blocks, 0).run(&q)?;
    }
    Ok(())
}

/// Two pages need no list, three have one, and 600 have one that is longer than a page.
fn prp_lists() -> Result<(), Failed> {
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

fn two_workers() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let start = || ns.ioworker().depth(8).read_percentage(50).count(2000).start();
    let (first, second) = (start()?, start()?);
    assert_ne!(first.pid(), second.pid());
    assert_eq!(first.join()?.commands() + second.join()?.commands(), 4000);
    Ok(())
}

/// The worker reads blocks that were made uncorrectable.
fn failed_commands() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    ns.write_uncorrectable(5, 1).run(&q)?;
    let work = || ns.ioworker().sequential().io_blocks(1).depth(1).region(0..8).count(16);

    let statistics = work().allow_errors().start()?.join()?;
    assert_eq!((statistics.reads, statistics.errors, statistics.bytes), (16, 2, 14 * 512));
    let first = statistics.first_error.expect("there were errors");
    assert_eq!((first.opcode, first.slba), (NvmOpcode::READ, 5));
    assert_eq!(first.status, Status::UNRECOVERED_READ_ERROR);
    assert_eq!(statistics.statuses, [(Status::SUCCESS, 14), (first.status, 2)]);
    // And the log has it.
    let records = nvme.cmdlog().records(&Selection::all().failed());
    let record = records.iter().find(|record| record.token == first.token).expect("it is logged");
    assert_eq!((record.sqe.nvm_opcode(), record.sqe.cdw10.get()), (first.opcode, 5));
    let site = record.site.as_ref().expect("the line that started the worker");
    assert!(site.file.ends_with("tests/ioworker.rs"), "{site}");

    let error = worker_error(work().start()?.join());
    let text = error.to_string();
    assert!(matches!(error, IoWorkerError::Commands { statistics } if statistics.errors == 2));
    assert!(
        text.starts_with("2 of 16 commands of the IOWorker failed, the first was Read"),
        "{text}"
    );
    assert!(text.contains("at LBA 0x5"), "{text}");
    Ok(())
}

/// The I/O commands that the workers of a controller sent, as their log has them.
fn sent(nvme: &Controller, pid: u32) -> Vec<Record> {
    nvme.cmdlog().records(&Selection::all().process(pid))
}

fn slba(record: &Record) -> u64 {
    u64::from(record.sqe.cdw11.get()) << 32 | u64::from(record.sqe.cdw10.get())
}

fn blocks(record: &Record) -> u32 {
    record.sqe.cdw12.get() + 1
}

/// Runs a worker, and returns what it counted and what it sent.
fn run(work: IoWorkerBuilder<'_>, nvme: &Controller) -> Result<(Statistics, Vec<Record>)> {
    let worker = work.start()?;
    let pid = worker.pid();
    Ok((worker.join()?, sent(nvme, pid)))
}

fn mix() -> Result<(), Failed> {
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

fn sizes_and_alignments() -> Result<(), Failed> {
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

fn in_order() -> Result<(), Failed> {
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

fn regions() -> Result<(), Failed> {
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

fn distribution() -> Result<(), Failed> {
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

fn pace() -> Result<(), Failed> {
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

    // The time counts, also where no command is due any more; and a slow pace is no hang.
    nvme.set_timeout(Duration::from_millis(50));
    let time = Duration::from_millis(300);
    let (statistics, _) = run(ns.ioworker().iops(5).time(time).depth(4), &nvme)?;
    assert_eq!(statistics.reads, 2);
    assert!(time <= statistics.elapsed, "{statistics}");
    Ok(())
}

fn patterns() -> Result<(), Failed> {
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

fn sgls() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let work = ns.ioworker().io_blocks([8, 64]).read_percentage(50).sgl_percentage(30);
    let (statistics, records) = run(work.count(1000), &nvme)?;
    let of_sgl = records.iter().filter(|record| record.sqe.cdw0().psdt().0 == 1).count();
    assert_eq!(statistics.errors, 0);
    assert!((250..350).contains(&of_sgl), "{of_sgl} of 1000");
    Ok(())
}

fn replay() -> Result<(), Failed> {
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

fn refused_replay() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB,mdts=128KiB")?;
    let ns = nvme.first_namespace()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("recorded.jsonl");
    let good = r#"{"at_ns":0,"opcode":2,"slba":0,"blocks":8}"#;
    std::fs::write(&path, format!("{good}\nnonsense\n"))?;
    let recorded = |opcode, slba, blocks| TimedCommand { at_ns: 5, opcode, slba, blocks };
    let one = |opcode, slba, blocks| ns.ioworker().replay([recorded(opcode, slba, blocks)]);
    let cases = [
        (ns.ioworker().replay_file(folder.path().join("none")), "No such file"),
        (ns.ioworker().replay_file(&path), "line 2 is no command"),
        (ns.ioworker().replay([]), "nothing was recorded"),
        (one(NvmOpcode::READ, 2041, 8), "of 8 blocks from 2041 on, ends beyond the 2048 blocks"),
        (one(NvmOpcode::READ, u64::MAX, 8), "ends beyond the 2048 blocks"),
        (one(NvmOpcode::READ, 0, 0), "1 to 65,536 blocks, not 0"),
        (one(NvmOpcode::WRITE, 0, 257), "131072 bytes (MDTS) and not 131584"),
        (one(NvmOpcode::COPY, 0, 1), "no IOWorker sends Copy"),
    ];
    for (work, expected) in cases {
        let error = worker_error(work.start());
        assert!(matches!(error, IoWorkerError::Impossible(_)), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    assert_eq!(nvme.qpair(1)?.id(), 1);
    Ok(())
}

fn pinned() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let allowed = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
    let cpu = (0..1024).rfind(|cpu| allowed.is_set(*cpu).unwrap_or(false)).expect("there is one");
    let worker = ns.ioworker().cpu(cpu).count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let theirs = nix::sched::sched_getaffinity(Pid::from_raw(worker.pid() as i32))?;
    let on: Vec<_> = (0..1024).filter(|cpu| theirs.is_set(*cpu).unwrap_or(false)).collect();
    assert_eq!(on, [cpu]);
    Ok(())
}

fn priority() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let (statistics, _) = run(ns.ioworker().priority(2).count(10), &nvme)?;
    assert_eq!(statistics.reads, 10);
    let created = Selection::all().admin_opcode(AdminOpcode::CREATE_IO_SQ.0).last(1);
    let record = &nvme.cmdlog().records(&created)[0];
    // QPRIO (Base 5.2.2, Command Dword 11, bits 2:1).
    assert_eq!(record.sqe.cdw11.get() >> 1 & 0b11, 2);
    Ok(())
}

fn seeds() -> Result<(), Failed> {
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

fn too_many() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB,queues=2")?;
    let ns = nvme.first_namespace()?;
    let start = || ns.ioworker().depth(4).count(WITHOUT_END).start();
    let workers = [start()?, start()?];
    let error = start().map(drop).expect_err("there are two queues");
    assert!(error.to_string().contains("queue"), "{error}");
    drop(workers);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

fn killed_log() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let worker = ns.ioworker().depth(8).count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let pid = worker.pid();
    send(pid, Signal::SIGKILL);
    let error = worker_error(worker.join());
    let IoWorkerError::Died { statistics, last_commands, .. } = &error else { panic!("{error}") };
    let logged = sent(&nvme, pid);
    let in_flight = logged.iter().filter(|record| record.cqe().is_none()).count();
    assert!(in_flight <= 8, "{in_flight} of {}", logged.len());
    let tail = &logged[logged.len() - last_commands.len()..];
    assert!(
        !tail.is_empty()
            && tail.iter().map(|it| it.token).eq(last_commands.iter().map(|it| it.token))
    );
    // Each command is counted at once, so what completed last is in both, but for one that was killed in between.
    assert!(last_commands.len() as u64 <= statistics.commands() + 8 + 1, "{statistics}");
    Ok(())
}

fn killed() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let worker = ns.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    send(worker.pid(), Signal::SIGKILL);
    let error = worker_error(worker.join());
    let IoWorkerError::Died { statistics, status, .. } = &error else { panic!("{error}") };
    assert!(status.contains("SIGKILL"), "{error}");
    assert!(0 < statistics.reads && statistics.latency().count() != 0, "{statistics}");

    // And nothing is the worse for it.
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    assert_eq!(ns.ioworker().count(100).start()?.join()?.reads, 100);
    Ok(())
}

fn stopped() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    nvme.set_timeout(Duration::from_millis(100));
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    send(pid, Signal::SIGSTOP);
    let start = Instant::now();
    let error = worker_error(worker.join());
    assert!(matches!(error, IoWorkerError::Hung { .. }), "{error}");
    assert!(start.elapsed() < DEADLINE && !is_there(pid));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

fn dropped() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let pid = worker.pid();
    assert!(is_there(pid));
    drop(worker);
    assert!(!is_there(pid));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

fn forgotten_then_reset() -> Result<(), Failed> {
    let mut nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let pid = worker.pid();
    mem::forget(worker);
    assert!(is_there(pid));
    let leaks = nvme.leaks()?;
    assert!(leaks.contains(&format!("IOWorker {pid} was not ended")), "{leaks:?}");

    // Its commands are for blocks of the size that there is now.
    let format = || Format { lbaf: 0, ..Format::default() };
    let error = nvme.format(1, format()).run().expect_err("a worker is at it");
    assert!(error.to_string().contains("an IOWorker has commands"), "{error}");

    nvme.reset()?;
    assert!(!is_there(pid));
    nvme.format(1, format()).run()?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    // Its queue identifiers are free again, and nobody else uses them.
    let statistics = nvme.first_namespace()?.ioworker().count(100).start()?.join()?;
    assert_eq!(statistics.reads, 100);
    assert_eq!(nvme.take_dma_faults().len(), 0);
    Ok(())
}

fn forgotten_then_dropped() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    mem::forget(worker);
    drop(nvme);
    assert!(!is_there(pid));
    Ok(())
}

fn disabled() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    nvme.disable()?;
    assert!(!is_there(pid));
    let error = worker_error(worker.join());
    assert!(error.to_string().ends_with("the controller was disabled"), "{error}");
    Ok(())
}

fn deleted_by_hand() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    // The only I/O queue.
    nvme.delete_io_sq(1).run(&nvme)?;
    assert!(!is_there(pid));
    let error = worker_error(worker.join());
    assert!(error.to_string().ends_with("its submission queue was deleted"), "{error}");
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

fn device_lost() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    let (start, pid) = (Instant::now(), worker.pid());
    nvme.pull()?;
    let error = worker.join().expect_err("the device is gone");
    assert!(error.is_lost(), "{error}");
    assert!(start.elapsed() < DEADLINE && !is_there(pid));
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=1MiB,mdts=128KiB")?;
    let ns = nvme.first_namespace()?;
    let work = || ns.ioworker().count(1);
    let most = nvme.capabilities().cap.mqes_z();
    let hot = || Distribution::HotSpot { commands: 90, region: 10 };
    let compressible = DataPattern::Random { compressible: 101, duplicate: 0 };
    let cases = [
        (work().region(2000..2049), "ends beyond the 2048 blocks of the namespace"),
        (work().region(0..u64::MAX), "ends beyond the 2048 blocks"),
        (work().region(7..7), "has no room for a command of 8 blocks"),
        (work().region(0..7), "has no room for a command of 8 blocks"),
        (work().depth(0), "a depth of 0 is no command at all"),
        (work().depth(most + 1), "(CAP.MQES)"),
        (work().read_percentage(101), "101 of a hundred commands"),
        (work().io_blocks(0), "1 to 65,536 blocks, not 0"),
        (work().io_blocks(257), "a command transfers 131072 bytes (MDTS) and not 131584"),
        (ns.ioworker(), "name a count or a time"),
        (work().count(0), "nothing to do"),
        (work().time(Duration::ZERO), "nothing to do"),
        (work().time(Duration::from_secs(3_600_001)), "1000 hours at the most"),
        (work().iops(0), "at 0 IOPS"),
        (work().priority(4), "the priority of a queue is 0 to 3, and not 4"),
        (work().cpu(1023), "may not use processor 1023"),
        (work().cpu(usize::MAX), "may not use processor"),
        (work().io_blocks([0_u32; 0]), "no size of commands has a weight"),
        (work().io_blocks([(8, 0)]), "no size of commands has a weight"),
        (work().io_blocks([8, 257]), "(MDTS) and not 131584"),
        (work().lba_align(0), "no multiple of an alignment of 0"),
        (work().io_blocks([8, 16, 32]).lba_aligns([8, 16]), "2 alignments for 3 sizes"),
        (work().region(1..16).lba_align(9), "for a command of 8 blocks at a multiple of 9"),
        (work().regions([]), "there is no region"),
        (work().regions([0..8, 2041..2049]), "the region 2041..2049 ends beyond"),
        (work().random_percentage(101), "101 of a hundred commands are to be at random"),
        (work().first_lba(8), "make them `sequential`"),
        (work().step(8), "make them `sequential`"),
        (work().sequential().first_lba(2048), "the first LBA 2048 is not within the region"),
        (work().mix([]), "are 0 of a hundred"),
        (work().mix([(NvmOpcode::READ, 99)]), "are 99 of a hundred"),
        (work().mix([(NvmOpcode::COPY, 100)]), "no IOWorker sends Copy"),
        (work().mix([(NvmOpcode::READ, 50), (NvmOpcode::READ, 50)]), "stands twice"),
        (work().distribution(Distribution::Sections(vec![1; 100])), "sum to 10000, and not 100"),
        (work().distribution(hot()).sequential(), "a distribution is for random commands"),
        (work().sgl_percentage(101), "101 of a hundred commands are to be with SGLs"),
        (work().pattern(compressible), "101 hundredths of a block"),
    ];
    for (work, expected) in cases {
        let error = worker_error(work.clone().start());
        assert!(matches!(error, IoWorkerError::Impossible(_)), "{error}");
        assert!(error.to_string().contains(expected), "{work:?}: {error}");
    }
    // No queue was made for any of them: the first to be made is the first there is.
    assert_eq!(nvme.qpair(1)?.id(), 1);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

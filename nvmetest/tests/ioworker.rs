//! Workers on the soft controller. A worker is this binary, executed again, so the harness is this file's own.

use std::mem;
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
use nvmetest::prelude::*;
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
        trial("commands_of_several_pages_have_prp_lists", prp_lists),
        trial("two_workers_run_at_once", two_workers),
        trial("failed_commands_are_an_error_with_the_first_of_them", failed_commands),
        trial("a_killed_worker_is_an_error_that_says_so", killed),
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

fn killed() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let worker = ns.ioworker().count(WITHOUT_END).start()?;
    wait_for_progress(&worker);
    send(worker.pid(), Signal::SIGKILL);
    let error = worker_error(worker.join());
    let IoWorkerError::Died { completed, status, .. } = &error else { panic!("{error}") };
    assert!(0 < *completed && status.contains("SIGKILL"), "{error}");

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

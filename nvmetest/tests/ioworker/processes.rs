//! The processes of workers: how they are started, how they end, and what is left of them.

use std::mem;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use nvmetest::Format;
use nvmetest::IoWorkerError;
use nvmetest::cmdlog::Selection;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest_fixtures::soft;

use super::DEADLINE;
use super::WITHOUT_END;
use super::is_there;
use super::run;
use super::send;
use super::sent;
use super::wait_for_progress;
use super::worker_error;

/// Doorbells that are a page apart, blocks of a page, and queues that hold one command.
pub fn other_devices() -> Result<(), Failed> {
    for uri in ["soft:size=16MiB,dstrd=10", "soft:size=16MiB,lba=4096", "soft:size=16MiB,entries=2"]
    {
        let nvme = soft::controller(uri)?;
        let statistics = nvme.first_namespace()?.ioworker().count(500).start()?.join()?;
        assert_eq!((statistics.reads, statistics.bytes), (500, 500 * 4096), "{uri}");
    }
    Ok(())
}

/// Four at once, and commands of the runner's own in between.
pub fn forwarded() -> Result<(), Failed> {
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

pub fn forwarded_endings() -> Result<(), Failed> {
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

pub fn two_workers() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let ns = nvme.first_namespace()?;
    let start = || ns.ioworker().depth(8).read_percentage(50).count(2000).start();
    let (first, second) = (start()?, start()?);
    assert_ne!(first.pid(), second.pid());
    assert_eq!(first.join()?.commands() + second.join()?.commands(), 4000);
    Ok(())
}

pub fn pinned() -> Result<(), Failed> {
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

pub fn priority() -> Result<(), Failed> {
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

pub fn too_many() -> Result<(), Failed> {
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

pub fn killed_log() -> Result<(), Failed> {
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

pub fn killed() -> Result<(), Failed> {
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

pub fn stopped() -> Result<(), Failed> {
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

pub fn dropped() -> Result<(), Failed> {
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

pub fn forgotten_then_reset() -> Result<(), Failed> {
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

pub fn forgotten_then_dropped() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    mem::forget(worker);
    drop(nvme);
    assert!(!is_there(pid));
    Ok(())
}

pub fn disabled() -> Result<(), Failed> {
    let nvme = soft::controller("soft:size=16MiB")?;
    let worker = nvme.first_namespace()?.ioworker().count(WITHOUT_END).start()?;
    let pid = worker.pid();
    nvme.disable()?;
    assert!(!is_there(pid));
    let error = worker_error(worker.join());
    assert!(error.to_string().ends_with("the controller was disabled"), "{error}");
    Ok(())
}

pub fn deleted_by_hand() -> Result<(), Failed> {
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

pub fn device_lost() -> Result<(), Failed> {
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

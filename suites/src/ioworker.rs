//! I/O from a process of its own, many commands at a time.

use std::time::Duration;

use nvmetest::prelude::*;

/// How many workers run at once, where there are queues for them.
const WORKERS: u16 = 16;

/// The controller completes each of many random reads of 4 KiB once, with sixteen in flight.
#[nvme_test(spec = "Base 3.3.1", timeout = Duration::from_secs(120))]
fn random_reads_all_complete(ns: Namespace) -> Result {
    const COUNT: u64 = 20_000;
    let statistics = ns.ioworker().random().depth(16).count(COUNT).start()?.join()?;
    assert_eq!((statistics.reads, statistics.writes), (COUNT, 0), "{statistics}");
    let bytes = ns.block().max(4096) as u64;
    assert_eq!(statistics.bytes, COUNT * bytes, "{statistics}");
    Ok(())
}

/// The controller completes reads of 4 KiB, sixteen in flight, for as long as it is asked to.
#[nvme_test(spec = "Base 3.3.1", timeout = Duration::from_secs(120))]
fn random_reads_go_on_for_a_time(ns: Namespace) -> Result {
    let time = Duration::from_secs(1);
    let statistics = ns.ioworker().random().depth(16).time(time).start()?.join()?;
    assert!(time <= statistics.elapsed && 16 < statistics.reads, "{statistics}");
    let rate = statistics.reads as f64 / statistics.elapsed.as_secs_f64();
    assert!((statistics.iops() - rate).abs() < 1.0, "{statistics}");
    Ok(())
}

/// Reads and writes on many queues at once, each with a part of the namespace of its own, all complete.
#[nvme_test(spec = "Base 3.3.1", timeout = Duration::from_secs(120))]
fn workers_on_many_queues_run_at_once(nvme: &Controller, ns: Namespace) -> Result {
    const COUNT: u64 = 2_000;
    let (submission, completion) = nvme.queues_granted();
    let count = WORKERS.min(submission).min(completion);
    let part = ns.capacity() / u64::from(count);
    let start = |number| {
        let region = part * number..part * (number + 1);
        ns.ioworker().depth(8).read_percentage(50).region(region).count(COUNT).start()
    };
    let workers = (0..count.into()).map(start).collect::<Result<Vec<_>>>()?;
    for worker in workers {
        let statistics = worker.join()?;
        assert_eq!((statistics.commands(), statistics.errors), (COUNT, 0), "{statistics}");
    }
    Ok(())
}

/// What some workers write, others read: each block has what it was last given.
#[nvme_test(spec = "NVM 3.3.4", timeout = Duration::from_secs(120))]
fn what_workers_write_others_read(verify: Verify, ns: Namespace) -> Result {
    const PER_COMMAND: u32 = 2;
    let half = ns.capacity().min(4096) / 4 * 2;
    let halves = [0..half, half..2 * half];
    let commands = half / u64::from(PER_COMMAND);
    for pass in 0..3 {
        let write = |region| {
            let work = ns.ioworker().sequential().read_percentage(0).io_blocks(PER_COMMAND);
            work.depth(16).region(region).seed(pass).count(commands).start()
        };
        let writers = halves.clone().map(write);
        for writer in writers {
            let statistics = writer?.join()?;
            assert_eq!((statistics.writes, statistics.errors), (commands, 0), "{statistics}");
        }
        let reader = ns.ioworker().random().io_blocks(PER_COMMAND).depth(16).region(0..2 * half);
        let readers = [1, 2].map(|seed| reader.clone().seed(seed).count(commands).start());
        for reader in readers {
            let statistics = reader?.join()?;
            assert_eq!((statistics.reads, statistics.errors), (commands, 0), "{statistics}");
        }
    }
    // All of it was looked at.
    assert_eq!(verify.table().map(|table| (table.degraded(), table.unjudged())), Some((0, 0)));
    Ok(())
}

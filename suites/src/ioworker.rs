//! I/O from a process of its own, many commands at a time.

use std::time::Duration;

use nvmetest::prelude::*;

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

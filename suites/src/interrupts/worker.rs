//! IOWorkers that sleep until their queue signals.

use nvmetest::IoWorkerError;
use nvmetest::prelude::*;

/// The interrupts of a queue that is kept busy wake up who waits for nothing else.
#[nvme_test(spec = "PCIe transport 3.5", requires(super::TWO_VECTORS), cases(alone = 1, many = 16))]
fn a_worker_is_woken_up_by_its_completions(
    nvme: &Controller,
    ns: Namespace,
    #[case] depth: u16,
) -> Result {
    /// A completion without an interrupt is found 50 ms later.
    const LATE_NS: u64 = 45_000_000;
    const COMMANDS: u64 = 500;
    let interrupts = nvme.interrupts(2)?;
    let depth = depth.min(nvme.capabilities().cap.mqes_z());
    let work = ns.ioworker().by_interrupt(&interrupts, 1).depth(depth).count(COMMANDS);
    let statistics = work.start()?.join()?;
    assert_eq!(statistics.reads, COMMANDS);
    // Some may be late for what else the machine does, and not one in ten.
    let slow = statistics.latency().percentile_ns(90.0);
    assert!(slow < LATE_NS, "interrupts are lost:\n{statistics}");
    Ok(())
}

/// A worker whose vector nobody has enabled would sleep for long: it is refused.
#[nvme_test(requires(super::TWO_VECTORS))]
fn a_vector_that_is_not_enabled_is_refused(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(1)?;
    let refused = ns.ioworker().by_interrupt(&interrupts, 1).count(1).start();
    let Err(Error::IoWorker(IoWorkerError::Impossible(why))) = refused else {
        return Err(Error::Failed(format!("it was not refused: {refused:?}")));
    };
    assert!(why.contains("vector 1"), "{why}");
    Ok(())
}

//! INTx, the interrupt that is a level (PCIe transport 3.5).

use std::thread;
use std::time::{Duration, Instant};

use nvmetest::Intx;
use nvmetest::prelude::*;
use nvmetest::spec::pci;
use nvmetest::spec::pci::offset;

use super::LIMIT;
use super::queue;

/// A level that is still asserted signals in much less time than this.
const QUIET: Duration = Duration::from_millis(50);

/// A completion asserts INTx, and goes on to do so until the host has taken it.
#[nvme_test(spec = "PCIe transport 3.5", requires(INTX))]
fn intx_is_asserted_until_the_completion_is_taken(nvme: &Controller, ns: Namespace) -> Result {
    let intx = nvme.intx()?;
    let q = queue(nvme, 8, Some(0))?;
    assert!(is_quiet(&intx)?, "no completion is left");
    for _ in 0..5 {
        q.scope(|io| {
            let flush = ns.flush().submit(io);
            intx.wait(LIMIT)?;
            intx.unmask()?;
            // Nobody has looked at the queue.
            intx.wait(LIMIT)?;
            flush.wait()
        })?;
        assert!(is_quiet(&intx)?, "it is asserted without a completion");
    }
    Ok(())
}

/// A queue without interrupts asserts nothing.
#[nvme_test(spec = "PCIe transport 3.5", requires(INTX))]
fn a_queue_without_interrupts_does_not_assert_intx(nvme: &Controller, ns: Namespace) -> Result {
    let intx = nvme.intx()?;
    let q = queue(nvme, 8, None)?;
    assert!(is_quiet(&intx)?, "no completion is left");
    q.scope(|io| {
        let flush = ns.flush().submit(io);
        let fires = fires(&intx);
        flush.wait()?;
        assert!(!fires, "no queue with interrupts has a completion");
        Ok(())
    })
}

/// Interrupt Disable holds INTx back, and Interrupt Status says nevertheless that it is pending; INTx comes when the bit is cleared.
#[nvme_test(spec = "PCIe 7.5.1.1.4", requires(INTX))]
fn interrupt_disable_holds_intx_back(nvme: &Controller, ns: Namespace) -> Result {
    let is_pending =
        || Ok::<_, Error>(pci::Status::from(nvme.pci().read16(offset::STATUS)?).interrupt());
    let intx = nvme.intx()?;
    let q = queue(nvme, 8, Some(0))?;
    for _ in 0..3 {
        assert!(is_quiet(&intx)?, "no completion is left");
        assert!(!is_pending()?, "no completion is left");
        q.scope(|io| {
            let (flush, fired, pends) = intx.while_disabled(|| {
                let flush = ns.flush().submit(io);
                let start = Instant::now();
                while !is_pending()? && start.elapsed() < LIMIT {
                    thread::yield_now();
                }
                Ok((flush, fires(&intx), is_pending()?))
            })?;
            assert!(!fired, "it is asserted while Interrupt Disable is set");
            assert!(pends, "Interrupt Status is clear, and there is a completion");
            intx.wait(LIMIT)?;
            flush.wait()
        })?;
    }
    Ok(())
}

/// Unmasks it, and says whether it stays away.
fn is_quiet(intx: &Intx<'_>) -> Result<bool> {
    // What signalled before is over: its completion was taken.
    intx.take();
    intx.unmask()?;
    Ok(!fires(intx))
}

/// Says whether it signals in a time in which it would.
fn fires(intx: &Intx<'_>) -> bool {
    let start = Instant::now();
    while start.elapsed() < QUIET {
        if intx.take() != 0 {
            return true;
        }
        thread::yield_now();
    }
    false
}

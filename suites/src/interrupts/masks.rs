//! Masked vectors and pending bits (PCI Express 7.7.2).

use nvmetest::prelude::*;

use super::LIMIT;
use super::flush_and_wait;
use super::queue;
use super::settle;
use super::settled;
use super::wait_for;

/// A vector that is masked does not signal; its interrupt is pending, and comes once when the mask goes.
#[nvme_test(spec = "PCIe 7.7.2.8", requires(super::TWO_VECTORS))]
fn a_masked_vector_is_pending_and_signals_when_it_is_unmasked(
    nvme: &Controller,
    ns: Namespace,
) -> Result {
    let (interrupts, q) = settled(nvme, &ns)?;
    for _ in 0..5 {
        interrupts.mask(1)?;
        assert!(!interrupts.is_pending(1)?, "there was no completion since the last interrupt");
        q.scope(|io| {
            let flush = ns.flush().submit(io);
            interrupts.wait_pending(1, LIMIT)?;
            assert!(!settle(&interrupts, 2).contains(&1), "a masked vector has signalled");

            interrupts.unmask(1)?;
            assert_eq!(interrupts.wait(1, LIMIT)?, 1);
            assert!(!interrupts.is_pending(1)?, "what was pending was signalled");
            flush.wait()
        })?;
        assert!(!settle(&interrupts, 2).contains(&1), "what was pending was signalled twice");
    }
    Ok(())
}

/// A mask holds back its own vector and no other.
#[nvme_test(spec = "PCIe 7.7.2.8", requires(super::TWO_VECTORS))]
fn a_mask_is_that_of_one_vector(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    settle(&interrupts, 2);
    interrupts.mask(0)?;
    for _ in 0..10 {
        flush_and_wait(&interrupts, 1, &ns, &q)?;
    }
    Ok(())
}

/// A mask without a completion leaves nothing pending.
#[nvme_test(spec = "PCIe 7.7.2.9", requires(super::TWO_VECTORS))]
fn nothing_is_pending_without_a_completion(nvme: &Controller, ns: Namespace) -> Result {
    let (interrupts, _q) = settled(nvme, &ns)?;
    for _ in 0..10 {
        interrupts.mask(1)?;
        assert!(!interrupts.is_pending(1)?);
        interrupts.unmask(1)?;
    }
    assert!(!settle(&interrupts, 2).contains(&1), "a mask that goes is no interrupt");
    Ok(())
}

/// Function Mask holds back a vector that is not masked itself, and its interrupt comes when it goes.
#[nvme_test(spec = "PCIe 7.7.2.2", requires(super::TWO_VECTORS))]
fn function_mask_holds_a_vector_back(nvme: &Controller, ns: Namespace) -> Result {
    let (interrupts, q) = settled(nvme, &ns)?;
    interrupts.mask_function()?;
    q.scope(|io| {
        let flush = ns.flush().submit(io);
        interrupts.wait_pending(1, LIMIT)?;
        let fired = settle(&interrupts, 2);
        assert!(fired.is_empty(), "{fired:?} fired while the function was masked");
        interrupts.unmask_function()?;
        wait_for(&interrupts, 1)?;
        flush.wait()
    })
}

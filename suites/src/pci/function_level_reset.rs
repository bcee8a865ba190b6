//! A Function Level Reset: of the function alone (PCIe 6.6.2).

use std::time::{Duration, Instant};

use nvmetest::prelude::*;

use super::data_survives;
use super::io_queues_are_deleted;
use super::properties_are_clear;

/// A Function Level Reset disables the controller and clears the properties that the host wrote.
#[nvme_test(spec = "Base 3.7.2", requires(FUNCTION_LEVEL_RESET))]
fn a_function_level_reset_clears_the_properties(nvme: &mut Controller) -> Result {
    nvme.function_level_reset_only()?;
    properties_are_clear(nvme)
}

/// After a Function Level Reset the controller works as before, and has what was written to it.
#[nvme_test(spec = "PCIe 6.6.2", requires(FUNCTION_LEVEL_RESET))]
fn data_survives_a_function_level_reset(nvme: &mut Controller) -> Result {
    data_survives(nvme, (11, 3), Controller::function_level_reset)
}

/// A Function Level Reset deletes the I/O queues.
#[nvme_test(spec = "PCIe transport 3.3", requires(FUNCTION_LEVEL_RESET))]
fn a_function_level_reset_deletes_the_io_queues(nvme: &mut Controller) -> Result {
    io_queues_are_deleted(nvme, Controller::function_level_reset_only)
}

/// The function answers 100 ms after a Function Level Reset was initiated, also while a queue pair is there to be deleted.
#[nvme_test(spec = "PCIe 6.6.2", requires(FUNCTION_LEVEL_RESET))]
fn a_function_level_reset_takes_100_ms_at_most(nvme: &mut Controller) -> Result {
    const LIMIT: Duration = Duration::from_millis(100);
    /// What a host needs by itself. Linux's VFIO waits those 100 ms in any case, and asks again after 1, 2, 4 ms and so on whether the
    /// function answers; before and after that it saves and restores configuration space.
    const HOST: Duration = Duration::from_millis(50);
    const RESETS: u32 = 3;
    let mut fastest = Duration::MAX;
    for _ in 0..RESETS {
        crate::reset::create_queue_pair_1(nvme)?;
        let start = Instant::now();
        nvme.function_level_reset_only()?;
        // A host that is busy with something else makes one late, and not each.
        fastest = fastest.min(start.elapsed());
        nvme.reset()?;
    }
    nvme.measure("function_level_reset.fastest", fastest.as_secs_f64() * 1e3, "ms");
    assert!(fastest < LIMIT + HOST, "the fastest of {RESETS} resets took {fastest:?}");
    Ok(())
}

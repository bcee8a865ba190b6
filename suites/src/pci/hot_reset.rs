//! A hot reset: of all that is behind the port that the device is plugged into (PCIe 6.6.1).

use nvmetest::prelude::*;

use super::data_survives;
use super::io_queues_are_deleted;
use super::properties_are_clear;

/// A hot reset disables the controller and clears the properties that the host wrote.
#[nvme_test(spec = "Base 3.7.2", requires(HOT_RESET))]
fn a_hot_reset_clears_the_properties(nvme: &mut Controller) -> Result {
    nvme.hot_reset_only()?;
    properties_are_clear(nvme)
}

/// After a hot reset the controller works as before, and has what was written to it.
#[nvme_test(spec = "PCIe 6.6.1", requires(HOT_RESET))]
fn data_survives_a_hot_reset(nvme: &mut Controller) -> Result {
    data_survives(nvme, (13, 5), Controller::hot_reset)
}

/// A hot reset deletes the I/O queues.
#[nvme_test(spec = "PCIe transport 3.3", requires(HOT_RESET))]
fn a_hot_reset_deletes_the_io_queues(nvme: &mut Controller) -> Result {
    io_queues_are_deleted(nvme, Controller::hot_reset_only)
}

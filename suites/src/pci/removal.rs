//! The kernel forgets the function, as if it had been pulled, and finds it again on its bus.

use nvmetest::prelude::*;
use nvmetest::spec::Property;
use nvmetest::spec::pci::{Command, offset};

use crate::interrupts::flush_and_wait;
use crate::interrupts::queue;

use super::data_survives;
use super::io_queues_are_deleted;
use super::properties_are_clear;

/// A function that is found again is disabled, and its properties are as after a reset.
#[nvme_test(spec = "Base 3.7.2", requires(REMOVAL))]
fn a_removal_clears_the_properties(nvme: &mut Controller) -> Result {
    nvme.remove_and_rescan_only()?;
    properties_are_clear(nvme)
}

/// After a removal and a rescan the controller works as before, and has what was written to it. Memory that it was lent before is
/// where it was.
#[nvme_test(spec = "PCIe 6.7", requires(REMOVAL))]
fn data_survives_a_removal(nvme: &mut Controller) -> Result {
    data_survives(nvme, (17, 7), Controller::remove_and_rescan)
}

/// A removal deletes the I/O queues.
#[nvme_test(spec = "PCIe transport 3.3", requires(REMOVAL))]
fn a_removal_deletes_the_io_queues(nvme: &mut Controller) -> Result {
    io_queues_are_deleted(nvme, Controller::remove_and_rescan_only)
}

/// It is the same function that is found again, and it can be removed as often as one likes; queues and interrupts work each time.
#[nvme_test(spec = "PCIe transport 3.8.1", requires(REMOVAL))]
fn the_same_function_is_found_each_time(nvme: &mut Controller) -> Result {
    let identity = |nvme: &Controller| -> Result<_> {
        let pci = nvme.pci();
        let ids = [offset::VENDOR_ID, offset::REVISION_ID, offset::SUBSYSTEM_VENDOR_ID];
        let ids: Vec<u32> = ids.iter().map(|at| pci.read32(*at)).collect::<Result<_>>()?;
        Ok((ids, nvme.registers().read64(Property::CAP)?, pci.capabilities()?))
    };
    let before = identity(nvme)?;
    for _ in 0..3 {
        nvme.remove_and_rescan()?;
        assert_eq!(identity(nvme)?, before);
        let command = Command::from(nvme.pci().read16(offset::COMMAND)?);
        assert!(command.memory_space() && command.bus_master(), "{command:?}");
        let ns = nvme.first_namespace()?;
        ns.flush().run(&nvme.qpair(2)?)?;
        if nvme.capabilities().transport.vectors() < 2 {
            continue;
        }
        let interrupts = nvme.interrupts(2)?;
        flush_and_wait(&interrupts, 1, &ns, &queue(nvme, 4, Some(1))?)?;
    }
    Ok(())
}

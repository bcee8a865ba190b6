//! Firmware Slot Information (Base 5.1.12.1.4).

use nvmetest::prelude::*;
use nvmetest::spec::Lid;
use nvmetest::spec::log::FirmwareSlotInformation;

use super::get;

/// The active slot is a slot, and its revision is the one that Identify says.
#[nvme_test(spec = "Base 5.1.12.1.4")]
fn the_active_slot_has_the_active_revision(nvme: &Controller) -> Result {
    let log: Box<FirmwareSlotInformation> = get(nvme, Lid::FIRMWARE_SLOT)?;
    let id = &nvme.capabilities().controller;
    let active = log.afi.cafs();
    assert!(1 <= active && active <= id.frmw.nofs(), "slot {active} of {}", id.frmw.nofs());
    assert_eq!(log.frs[usize::from(active) - 1], id.fr);
    Ok(())
}

/// Slots that there are not have no revision, and none of them is to be activated.
#[nvme_test(spec = "Base 5.1.12.1.4")]
fn a_slot_that_is_not_there_is_zero(nvme: &Controller) -> Result {
    let log: Box<FirmwareSlotInformation> = get(nvme, Lid::FIRMWARE_SLOT)?;
    let slots = nvme.capabilities().controller.frmw.nofs();
    for (slot, revision) in (1..).zip(&log.frs).skip(slots.into()) {
        assert_eq!(revision.0, [0; 8], "slot {slot} of {slots}");
    }
    assert!(log.afi.nclrafs() <= slots, "slot {} is to be activated", log.afi.nclrafs());
    Ok(())
}

//! Substates of L1, in which the link turns off more of itself (PCIe 5.5, PCIe 7.8.3).

use nvmetest::prelude::*;
use nvmetest::spec::pci::error_reporting::UNCORRECTABLE_STATUS;
use nvmetest::spec::pci::{
    ExtendedCapabilityId, L1Substates, L1SubstatesControl1, LinkControl, LinkStatus,
    UncorrectableErrors, express, l1_substates,
};

use super::errors::the_errors;
use super::link::latency_after_pauses;
use super::link::the_link;

const L1_1: L1Substates = L1Substates::new().with_aspm_l1_1(true);
const L1_2: L1Substates = L1Substates::new().with_aspm_l1_2(true);

/// Commands complete after pauses in which the link is in a substate, and transfer what they should. The link is as before, and no
/// error was seen that cannot be corrected.
#[nvme_test(
    spec = "PCIe 5.5",
    cases(l1_1 = L1_1, l1_2 = L1_2, both = L1_1.with_aspm_l1_2(true))
)]
fn commands_complete_with_substates_of_l1(
    nvme: &Controller,
    #[case] substates: L1Substates,
) -> Result {
    let at = the_link(nvme)?;
    let status = || nvme.pci().read16(at + express::LINK_STATUS).map(LinkStatus::from);
    let (before, was_enabled) = (status()?, enabled(nvme, at)?);
    let errors = errors_cleared(nvme)?;
    let q = nvme.qpair(1)?;
    let latency = nvme.pci().with_l1_substates(substates, || {
        let (is_enabled, aspm) = enabled(nvme, at)?;
        assert_eq!(is_enabled, substates);
        assert_eq!(aspm & 0b10, 0b10, "ASPM L1 is disabled");
        latency_after_pauses(nvme, &q, 0x50 + u32::from(u8::from(substates)))
    })?;
    let name = match (substates.aspm_l1_1(), substates.aspm_l1_2()) {
        (true, false) => "l1_1",
        (false, _) => "l1_2",
        (true, true) => "l1_1_and_l1_2",
    };
    nvme.measure(&format!("link.{name}.latency"), latency, "us");
    let after = status()?;
    assert_eq!((after.speed(), after.width()), (before.speed(), before.width()));
    assert_eq!(enabled(nvme, at)?, was_enabled);
    if let Some(at) = errors {
        let seen = UncorrectableErrors::from(nvme.pci().read32(at)?);
        assert_eq!(seen, UncorrectableErrors::new());
    }
    Ok(())
}

/// The substates that are enabled in the function, and ASPM Control.
fn enabled(nvme: &Controller, link: u16) -> Result<(L1Substates, u8)> {
    let pci = nvme.pci();
    let missing = || Error::NotApplicable("the function has no L1 PM Substates".to_owned());
    let at = pci.extended_capability(ExtendedCapabilityId::L1_PM_SUBSTATES)?.ok_or_else(missing)?;
    let control = L1SubstatesControl1::from(pci.read32(at + l1_substates::CONTROL_1)?);
    let aspm = LinkControl::from(pci.read16(link + express::LINK_CONTROL)?).aspm();
    Ok((control.enabled(), aspm))
}

/// Clears the errors that were seen, and returns where they stand, if the function reports them.
fn errors_cleared(nvme: &Controller) -> Result<Option<u16>> {
    let at = match the_errors(nvme) {
        Err(Error::NotApplicable(_)) => return Ok(None),
        at => at? + UNCORRECTABLE_STATUS,
    };
    nvme.pci().write32(at, nvme.pci().read32(at)?)?;
    Ok(Some(at))
}

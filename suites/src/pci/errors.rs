//! Advanced Error Reporting (PCIe 7.8.4).

use nvmetest::prelude::*;
use nvmetest::spec::pci::error_reporting::{CORRECTABLE_STATUS, UNCORRECTABLE_STATUS};
use nvmetest::spec::pci::{CorrectableErrors, ExtendedCapabilityId, UncorrectableErrors};

/// An error's bit is cleared by writing a 1.
#[nvme_test(
    spec = "PCIe 7.8.4",
    cases(uncorrectable = UNCORRECTABLE_STATUS, correctable = CORRECTABLE_STATUS)
)]
fn an_error_is_cleared_by_writing_a_one(nvme: &Controller, #[case] status: u16) -> Result {
    let at = the_errors(nvme)? + status;
    nvme.pci().write32(at, nvme.pci().read32(at)?)?;
    assert_eq!(nvme.pci().read32(at)?, 0);
    Ok(())
}

/// I/O and reads of registers leave no error that cannot be corrected. One that was, as links have them now and then, is noted as a
/// figure.
#[nvme_test(spec = "PCIe 7.8.4.2")]
fn io_leaves_no_uncorrectable_error(nvme: &Controller) -> Result {
    const COMMANDS: u64 = 2000;
    let at = the_errors(nvme)?;
    let registers = [UNCORRECTABLE_STATUS, CORRECTABLE_STATUS];
    for status in registers {
        nvme.pci().write32(at + status, nvme.pci().read32(at + status)?)?;
    }
    let ns = nvme.first_namespace()?;
    let work = ns.ioworker().random().read_percentage(50).depth(8).count(COMMANDS);
    assert_eq!(work.start()?.join()?.commands(), COMMANDS);
    nvme.registers().csts()?;
    ns.flush().run(&nvme.qpair(1)?)?;
    let [uncorrectable, correctable] = registers.map(|status| nvme.pci().read32(at + status));
    let kinds = u32::from(CorrectableErrors::from(correctable?)).count_ones();
    nvme.measure("pcie.correctable_errors", kinds.into(), "kinds");
    assert_eq!(UncorrectableErrors::from(uncorrectable?), UncorrectableErrors::new());
    Ok(())
}

/// Returns the offset of the capability of a function that has it.
pub(super) fn the_errors(nvme: &Controller) -> Result<u16> {
    let found = nvme.pci().extended_capability(ExtendedCapabilityId::ADVANCED_ERROR_REPORTING)?;
    found.ok_or_else(|| {
        let why = "the function has no Advanced Error Reporting";
        Error::NotApplicable(why.to_owned())
    })
}

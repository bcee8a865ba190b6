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

/// I/O and reads of registers leave no error, neither one that cannot be corrected nor one that was.
#[nvme_test(
    spec = "PCIe 7.8.4",
    cases(uncorrectable = UNCORRECTABLE_STATUS, correctable = CORRECTABLE_STATUS)
)]
fn io_leaves_no_error(nvme: &Controller, #[case] status: u16) -> Result {
    const COMMANDS: u64 = 2000;
    let at = the_errors(nvme)? + status;
    nvme.pci().write32(at, nvme.pci().read32(at)?)?;
    let ns = nvme.first_namespace()?;
    let statistics = ns.ioworker().random().read_percentage(50).depth(8).count(COMMANDS).start()?;
    assert_eq!(statistics.join()?.commands(), COMMANDS);
    nvme.registers().csts()?;
    ns.flush().run(&nvme.qpair(1)?)?;
    let errors = nvme.pci().read32(at)?;
    match status {
        UNCORRECTABLE_STATUS => {
            let errors = UncorrectableErrors::from(errors);
            assert_eq!(errors, UncorrectableErrors::new());
        }
        _ => assert_eq!(CorrectableErrors::from(errors), CorrectableErrors::new()),
    }
    Ok(())
}

/// Returns the offset of the capability of a function that has it.
fn the_errors(nvme: &Controller) -> Result<u16> {
    let found = nvme.pci().extended_capability(ExtendedCapabilityId::ADVANCED_ERROR_REPORTING)?;
    found.ok_or_else(|| {
        let why = "the function has no Advanced Error Reporting";
        Error::NotApplicable(why.to_owned())
    })
}

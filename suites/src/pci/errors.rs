//! Advanced Error Reporting (PCIe 7.8.4).

use nvmetest::prelude::*;
use nvmetest::spec::pci::error_reporting::{CORRECTABLE_STATUS, UNCORRECTABLE_STATUS};
use nvmetest::spec::pci::{ExtendedCapabilityId, UncorrectableErrors};

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

/// I/O and reads of registers leave no error that cannot be corrected.
#[nvme_test(spec = "PCIe 7.8.4.2")]
fn io_leaves_no_uncorrectable_error(nvme: &Controller) -> Result {
    let at = the_errors(nvme)? + UNCORRECTABLE_STATUS;
    nvme.pci().write32(at, nvme.pci().read32(at)?)?;
    let ns = nvme.first_namespace()?;
    let q = nvme.qpair(4)?;
    let mut data = nvme.buffer(ns.block());
    data.fill(0xa5);
    for lba in 0..16 {
        ns.write(&data, lba).run(&q)?;
        ns.read(&mut data, lba).run(&q)?;
    }
    ns.flush().run(&q)?;
    let errors = UncorrectableErrors::from(nvme.pci().read32(at)?);
    assert_eq!(errors, UncorrectableErrors::new());
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

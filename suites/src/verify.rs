//! Verify (NVM 3.3.5).

use nvmetest::prelude::*;

use nvmetest::Identify;
use nvmetest::spec::Cns;
use nvmetest::spec::identify::IdentifyNvmController;
use zerocopy::FromBytes;

use crate::pattern;

/// How many blocks a Verify command takes, and whether it fails with more (NVM 3.3.5, NVM 4.1.5.4).
///
/// ONCS.NVMVFYS says that the command is there, and VSL is advice then; without the bit a VSL that is not zero
/// says so, and is a limit.
fn limit(nvme: &Controller, ns: Namespace) -> Result<(u32, bool)> {
    let capabilities = nvme.capabilities();
    if capabilities.controller.oncs.nvmvfys() {
        return Ok((1 << 16, false));
    }
    let absent = |why: &str| Err(Error::NotApplicable(format!("ONCS.NVMVFYS is 0, and {why}")));
    if !capabilities.cap.css().iocss() {
        return absent("there is no VSL, for CAP.CSS has no I/O command sets");
    }
    let mut page = nvme.buffer(4096);
    nvme.identify(Identify::of(Cns::COMMAND_SET_CONTROLLER.0, 0), &mut page).run(nvme)?;
    let vsl = IdentifyNvmController::read_from_bytes(&page[..]).expect("4096 bytes").vsl;
    if vsl == 0 {
        return absent("VSL is 0");
    }
    let bytes = capabilities.cap.min_page_size().checked_shl(vsl.into()).unwrap_or(u64::MAX);
    Ok(((bytes / ns.block() as u64).min(1 << 16) as u32, true))
}

/// Verify of written blocks succeeds, and changes none of them.
#[nvme_test(spec = "NVM 3.3.5")]
fn verify_of_written_blocks_succeeds(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::largest(nvme, ns).min(limit(nvme, ns)?.0);
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    for (slba, blocks) in [(0, 1), (1, 1), (0, 2), (0, blocks)] {
        ns.verify(slba, blocks).run(q)?;
    }
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, blocks)?, &data, ns.block(), 0);
    Ok(())
}

/// Verify past the end of the namespace fails with LBA Out of Range.
#[nvme_test(spec = "NVM 3.3.5")]
fn verify_past_the_end_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    limit(nvme, ns)?;
    for (slba, blocks) in [(ns.capacity(), 1), (ns.capacity() - 1, 2), (u64::MAX, 2)] {
        ns.verify(slba, blocks).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    Ok(())
}

/// Verify of an uncorrectable block fails with Unrecovered Read Error, until it is written again.
#[nvme_test(spec = "NVM 3.3.7", requires(WRITE_UNCORRECTABLE))]
fn verify_finds_an_uncorrectable_block(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    limit(nvme, ns)?;
    pattern::write(nvme, q, ns, 0, 8, 1)?;
    ns.write_uncorrectable(5, 1).run(q)?;
    let found = ns.verify(0, 8).expect(Status::UNRECOVERED_READ_ERROR).run(q);
    let before = ns.verify(0, 5).run(q);
    pattern::write(nvme, q, ns, 0, 8, 1)?;
    found?;
    before?;
    ns.verify(0, 8).run(q)?;
    Ok(())
}

/// Verify of more blocks than VSL allows, where VSL is a limit, fails with Invalid Field in Command.
#[nvme_test(spec = "NVM 3.3.5")]
fn verify_of_more_than_its_limit_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let (most, is_limit) = limit(nvme, ns)?;
    if !is_limit || 1 << 16 <= most || ns.capacity() <= u64::from(most) {
        return Err(Error::NotApplicable(format!("VSL does not limit a command to {most} blocks")));
    }
    ns.verify(0, most).run(q)?;
    ns.verify(0, most + 1).expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    Ok(())
}

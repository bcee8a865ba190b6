//! Verify (NVM 3.3.5).

use nvmetest::prelude::*;

use crate::pattern;

/// Verify of written blocks succeeds, and changes none of them.
#[nvme_test(spec = "NVM 3.3.5", requires(VERIFY))]
fn verify_of_written_blocks_succeeds(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::largest(nvme, ns);
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    for (slba, blocks) in [(0, 1), (1, 1), (0, 2), (0, blocks)] {
        ns.verify(slba, blocks).run(q)?;
    }
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, blocks)?, &data, ns.block(), 0);
    Ok(())
}

/// Verify past the end of the namespace fails with LBA Out of Range.
#[nvme_test(spec = "NVM 3.3.5", requires(VERIFY))]
fn verify_past_the_end_fails(q: &Qpair, ns: Namespace) -> Result {
    for (slba, blocks) in [(ns.capacity(), 1), (ns.capacity() - 1, 2), (u64::MAX, 2)] {
        ns.verify(slba, blocks).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    Ok(())
}

/// Verify of an uncorrectable block fails with Unrecovered Read Error, until it is written again.
#[nvme_test(spec = "NVM 3.3.7", requires(VERIFY, WRITE_UNCORRECTABLE))]
fn verify_finds_an_uncorrectable_block(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 8, 1)?;
    ns.write_uncorrectable(5, 1).run(q)?;
    let found = ns.verify(0, 8).expect(Status::UNRECOVERED_READ_ERROR).run(q);
    let before = ns.verify(0, 5).run(q);
    ns.write(&data, 0).run(q)?;
    found?;
    before?;
    ns.verify(0, 8).run(q)?;
    Ok(())
}

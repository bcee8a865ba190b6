//! Dataset Management (NVM 3.3.3).

use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::{DsmAttributes, DsmRange};

use crate::pattern;

/// Runs Dataset Management for `ranges`.
#[track_caller]
fn dsm(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    ranges: &[DsmRange],
    attributes: DsmAttributes,
) -> Result {
    let mut list = nvme.buffer(4096);
    DsmRange::fill(&mut list, ranges);
    ns.dataset_management(&list, ranges.len(), attributes).run(q).map(drop)
}

/// Says which of the values that a deallocated block may have `found` has, if any (NVM 3.3.3.2.1).
///
/// A controller may leave a block as it was; if not, DLFEAT.DRB says what it reads as.
fn is_allowed(found: &[u8], written: &[u8], drb: u8) -> bool {
    let all = |value: u8| found.iter().all(|&byte| byte == value);
    let zeroes = drb != 0b010 && all(0);
    let ones = drb != 0b001 && all(0xff);
    found == written || zeroes || ones
}

/// A deallocated block reads as DLFEAT says, or as what it was, and each time the same.
#[nvme_test(spec = "NVM 3.3.3.2.1", requires(DATASET_MANAGEMENT))]
fn a_deallocated_block_reads_as_dlfeat_says(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    const BLOCKS: u32 = 64;
    let drb = nvme.identify_namespace(ns.nsid())?.dlfeat.drb();
    let data = pattern::write(nvme, q, ns, 0, BLOCKS, 1)?;

    dsm(nvme, q, ns, &[DsmRange::new(0, BLOCKS)], DsmAttributes::DEALLOCATE)?;

    let first = pattern::read(nvme, q, ns, 0, BLOCKS)?;
    let second = pattern::read(nvme, q, ns, 0, BLOCKS)?;
    let blocks = first[..].chunks(ns.block()).zip(data[..].chunks(ns.block()));
    for ((found, written), lba) in blocks.zip(0..) {
        assert!(
            is_allowed(found, written, drb),
            "LBA {lba} reads as {:02x?}..., and DLFEAT.DRB is {drb:03b}b",
            &found[..16]
        );
    }
    pattern::assert_same(&second, &first, ns.block(), 0);
    Ok(())
}

/// Only the blocks of the ranges change: their neighbours do not.
#[nvme_test(spec = "NVM 3.3.3", requires(DATASET_MANAGEMENT))]
fn the_blocks_outside_the_ranges_are_untouched(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 64, 1)?;
    let ranges = [DsmRange::new(1, 1), DsmRange::new(10, 7), DsmRange::new(32, 16)];

    dsm(nvme, q, ns, &ranges, DsmAttributes::DEALLOCATE)?;

    let back = pattern::read(nvme, q, ns, 0, 64)?;
    let block = ns.block();
    for lba in 0..64 {
        let inside = ranges
            .iter()
            .any(|range| (range.slba..range.slba + u64::from(range.blocks)).contains(&lba));
        if !inside {
            let at = lba as usize * block;
            pattern::assert_same(&back[at..at + block], &data[at..at + block], block, lba);
        }
    }
    Ok(())
}

/// A command takes any number of ranges up to 256.
#[nvme_test(spec = "NVM 3.3.3", requires(DATASET_MANAGEMENT), cases(one = 1, two = 2, most = 256))]
fn a_command_takes_up_to_256_ranges(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] count: u64,
) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 512, 1)?;
    let ranges: Vec<_> = (0..count).map(|number| DsmRange::new(2 * number, 1)).collect();

    dsm(nvme, q, ns, &ranges, DsmAttributes::DEALLOCATE)?;

    // Every second block is in no range.
    let back = pattern::read(nvme, q, ns, 0, 512)?;
    let block = ns.block();
    for lba in (1..512).step_by(2) {
        let bytes = lba * block..(lba + 1) * block;
        pattern::assert_same(&back[bytes.clone()], &data[bytes], block, lba as u64);
    }
    Ok(())
}

/// A deallocated block that is written again reads back what was written.
#[nvme_test(spec = "NVM 3.3.3.2.1", requires(DATASET_MANAGEMENT))]
fn a_deallocated_block_can_be_written_again(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    pattern::write(nvme, q, ns, 0, 32, 1)?;
    dsm(nvme, q, ns, &[DsmRange::new(0, 32)], DsmAttributes::DEALLOCATE)?;
    let data = pattern::write(nvme, q, ns, 3, 7, 2)?;
    pattern::assert_same(&pattern::read(nvme, q, ns, 3, 7)?, &data, ns.block(), 3);
    Ok(())
}

/// What a host says of how it will use blocks, right or wrong, changes no data.
#[nvme_test(
    spec = "NVM 3.3.3.2",
    requires(DATASET_MANAGEMENT),
    cases(
        none = DsmAttributes::default(),
        integral_write = DsmAttributes { integral_write: true, ..DsmAttributes::default() },
        integral_read = DsmAttributes { integral_read: true, ..DsmAttributes::default() },
        both = DsmAttributes { integral_write: true, integral_read: true, deallocate: false }
    )
)]
fn hints_change_no_data(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] attributes: DsmAttributes,
) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 64, 1)?;
    // AF, AL, SRR, SWR, WPREP and CASZE, each alone and all together.
    let hints = [0x1, 0x5, 0x10, 0x30, 0x100, 0x200, 0x400, 0x0800_0000, 0x0800_0735];
    let ranges: Vec<_> = (0..64_u64)
        .step_by(8)
        .zip(hints)
        .map(|(slba, attributes)| DsmRange { attributes, blocks: 8, slba })
        .collect();

    dsm(nvme, q, ns, &ranges, attributes)?;

    pattern::assert_same(&pattern::read(nvme, q, ns, 0, 64)?, &data, ns.block(), 0);
    Ok(())
}

/// A Dataset Management command for an NSID above NN fails with Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2", requires(DATASET_MANAGEMENT))]
fn an_invalid_namespace_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let nsid = pattern::nsid_above_nn(nvme)?;
    let list = nvme.buffer(16);
    ns.dataset_management(&list, 1, DsmAttributes::default())
        .nsid(nsid)
        .expect(Status::INVALID_NAMESPACE_OR_FORMAT)
        .run(q)?;
    Ok(())
}

/// With DULBE a block that was deallocated fails to read, and no longer once it is written.
#[nvme_test(spec = "NVM 4.1.3.2", requires(DATASET_MANAGEMENT))]
fn dulbe_makes_a_deallocated_block_an_error(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    const DULBE: u32 = 1 << 16;
    if !nvme.identify_namespace(ns.nsid())?.nsfeat.dae() {
        return Err(Error::NotApplicable("NSFEAT.DAE is 0 (NVM 4.1.5.1)".to_owned()));
    }
    let fid = Fid::ERROR_RECOVERY.0;
    let blocks = pattern::largest(nvme, ns).min(8);
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    let before = nvme.get_features(fid).nsid(ns.nsid()).run(nvme)?.cdw0;
    nvme.set_features(fid, before | DULBE).nsid(ns.nsid()).run(nvme)?;
    let tried = (|| -> Result {
        dsm(nvme, q, ns, &[DsmRange::new(0, blocks)], DsmAttributes::DEALLOCATE)?;
        let mut back = nvme.buffer(data.len());
        // The controller may have taken no action: then the data is what it was.
        let read = ns.read(&mut back, 0);
        let read = read
            .expect(&[Status::SUCCESS, Status::DEALLOCATED_OR_UNWRITTEN_LOGICAL_BLOCK])
            .run(q)?;
        if read.status.is_success() {
            pattern::assert_same(&back, &data, ns.block(), 0);
        }
        let data = pattern::write(nvme, q, ns, 0, blocks, 2)?;
        ns.read(&mut back, 0).run(q)?;
        pattern::assert_same(&back, &data, ns.block(), 0);
        Ok(())
    })();
    nvme.set_features(fid, before).nsid(ns.nsid()).run(nvme)?;
    tried
}

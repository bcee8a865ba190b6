//! Write Uncorrectable (NVM 3.3.7).

use nvmetest::prelude::*;

use crate::pattern;

/// Reads of an uncorrectable block fail, alone and among others, until it is written again.
#[nvme_test(spec = "NVM 3.3.7", requires(WRITE_UNCORRECTABLE))]
fn an_uncorrectable_block_is_unreadable_until_written(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    pattern::write(nvme, q, ns, 0, 8, 1)?;
    let mut back = nvme.buffer(2 * ns.block());
    let block = ns.block();

    ns.write_uncorrectable(3, 2).run(q)?;
    let reads = (|| -> Result {
        for lba in [3, 4] {
            let one = ns.read(back.slice_mut(0..block), lba);
            one.expect(Status::UNRECOVERED_READ_ERROR).run(q)?;
        }
        for slba in [2, 3, 4] {
            ns.read(&mut back, slba).expect(Status::UNRECOVERED_READ_ERROR).run(q)?;
        }
        Ok(())
    })();
    let data = pattern::write(nvme, q, ns, 3, 2, 2)?;
    reads?;

    ns.read(&mut back, 3).run(q)?;
    pattern::assert_same(&back, &data, block, 3);
    Ok(())
}

/// The blocks before and behind an uncorrectable one stay readable.
#[nvme_test(spec = "NVM 3.3.7", requires(WRITE_UNCORRECTABLE))]
fn the_neighbours_stay_readable(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 16, 16, 1)?;
    let block = ns.block();

    ns.write_uncorrectable(20, 3).run(q)?;
    let around = pattern::read(nvme, q, ns, 16, 4)
        .and_then(|before| Ok((before, pattern::read(nvme, q, ns, 23, 9)?)));
    pattern::write(nvme, q, ns, 20, 3, 2)?;

    let (before, behind) = around?;
    pattern::assert_same(&before, &data[..4 * block], block, 16);
    pattern::assert_same(&behind, &data[7 * block..], block, 23);
    Ok(())
}

/// A write of part of an uncorrectable range makes that part readable, and no more.
#[nvme_test(spec = "NVM 3.3.7", requires(WRITE_UNCORRECTABLE))]
fn a_write_heals_the_blocks_that_it_writes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::buffer(nvme, ns, 8, 4, 1);
    let mut back = nvme.buffer(ns.block());

    ns.write_uncorrectable(8, 4).run(q)?;
    ns.write(data.slice(ns.block()..2 * ns.block()), 9).run(q)?;
    let mut statuses = Vec::new();
    for lba in 8..12 {
        statuses.push(ns.read(&mut back, lba).expect(Expected::Any).run(q)?.status);
    }
    pattern::write(nvme, q, ns, 8, 4, 2)?;

    let bad = Status::UNRECOVERED_READ_ERROR;
    assert_eq!(statuses, [bad, Status::SUCCESS, bad, bad]);
    Ok(())
}

/// Write Uncorrectable past the end of the namespace fails with LBA Out of Range.
#[nvme_test(spec = "NVM 3.3.7", requires(WRITE_UNCORRECTABLE))]
fn uncorrectable_blocks_past_the_end_fail(q: &Qpair, ns: Namespace) -> Result {
    for (slba, blocks) in [(ns.capacity(), 1), (ns.capacity() - 1, 2), (u64::MAX, 2)] {
        ns.write_uncorrectable(slba, blocks).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    Ok(())
}

//! Compare (NVM 3.3.1).

use nvmetest::prelude::*;

use crate::pattern;

/// Compare of what was written succeeds, for one block and for as many as a command transfers.
#[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
fn compare_of_equal_data_succeeds(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let most = pattern::largest(nvme, ns);
    for blocks in [1, 2, 3, most].into_iter().filter(|&blocks| blocks <= most) {
        let data = pattern::write(nvme, q, ns, 32, blocks, blocks)?;
        ns.compare(&data, 32).run(q)?;
    }
    Ok(())
}

/// Compare finds a difference of one bit, wherever it is in the data.
#[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
fn compare_finds_one_bit_anywhere(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::largest(nvme, ns).min(16);
    let (block, len) = (ns.block(), blocks as usize * ns.block());
    let mut data = pattern::write(nvme, q, ns, 64, blocks, 1)?;

    // The ends of the data, of blocks, and of memory pages, and places between.
    let edges = (0..len).step_by(block).flat_map(|start| [start, start + block - 1]);
    let places = edges.chain((0..len).step_by(4096)).chain((0..len).step_by(977));
    for (place, bit) in places.zip((0..8).cycle()) {
        data[place] ^= 1 << bit;
        let compared = ns.compare(&data, 64).expect(Expected::Any).run(q)?;
        assert_eq!(compared.status, Status::COMPARE_FAILURE, "bit {bit} of byte {place} differs");
        data[place] ^= 1 << bit;
    }
    ns.compare(&data, 64).run(q)?;
    Ok(())
}

/// Compare leaves the blocks as they are, whether they are equal or not.
#[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
fn compare_changes_no_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::largest(nvme, ns).min(8);
    let data = pattern::write(nvme, q, ns, 8, blocks, 1)?;
    let other = pattern::buffer(nvme, ns, 8, blocks, 2);
    ns.compare(&data, 8).run(q)?;
    ns.compare(&other, 8).expect(Status::COMPARE_FAILURE).run(q)?;

    pattern::assert_same(&pattern::read(nvme, q, ns, 8, blocks)?, &data, ns.block(), 8);
    let untouched = pattern::buffer(nvme, ns, 8, blocks, 2);
    assert_eq!(other[..], untouched[..], "the data in host memory");
    Ok(())
}

/// Compare of the same data at another LBA fails.
#[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
fn compare_looks_at_the_lba_that_it_is_given(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 4, 1)?;
    ns.compare(data.slice(ns.block()..2 * ns.block()), 1).run(q)?;
    ns.compare(data.slice(ns.block()..2 * ns.block()), 2).expect(Status::COMPARE_FAILURE).run(q)?;
    Ok(())
}

/// Compare past the end of the namespace fails with LBA Out of Range.
#[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
fn compare_past_the_end_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = nvme.buffer(2 * ns.block());
    for slba in [ns.capacity() - 1, ns.capacity(), u64::MAX] {
        ns.compare(&data, slba).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    Ok(())
}

/// Compare of more than MDTS fails with Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.13.2.1", requires(COMPARE))]
fn compare_of_more_than_mdts_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::too_many(nvme, ns)?;
    let data = nvme.buffer(blocks as usize * ns.block());
    ns.compare(&data, 0).expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    Ok(())
}

/// Compare of an uncorrectable block fails with Unrecovered Read Error.
#[nvme_test(spec = "NVM 3.3.7", requires(COMPARE, WRITE_UNCORRECTABLE))]
fn compare_of_an_uncorrectable_block_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 3, 1, 1)?;
    ns.write_uncorrectable(3, 1).run(q)?;
    let compared = ns.compare(&data, 3).expect(Status::UNRECOVERED_READ_ERROR).run(q);
    ns.write(&data, 3).run(q)?;
    compared?;
    ns.compare(&data, 3).run(q)?;
    Ok(())
}

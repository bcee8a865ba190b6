//! Write Zeroes (NVM 3.3.8).

use nvmetest::prelude::*;

use crate::pattern;

fn assert_zero(data: &[u8], slba: u64, block: usize) {
    if let Some(at) = data.iter().position(|&byte| byte != 0) {
        panic!(
            "LBA {:#x} is not zero: byte {} is {:#04x}",
            slba + (at / block) as u64,
            at % block,
            data[at]
        );
    }
}

/// Blocks read as zeroes after Write Zeroes, and the blocks before and behind them are untouched.
#[nvme_test(
    spec = "NVM 3.3.8",
    requires(WRITE_ZEROES),
    cases(one_block = (7, 1), odd_blocks = (5, 3), many_blocks = (1, 62), aligned_blocks = (16, 32))
)]
fn zeroes_are_where_they_belong(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] range: (u64, u32),
) -> Result {
    const ALL: u32 = 64;
    let (slba, blocks) = range;
    let mut expected = pattern::write(nvme, q, ns, 0, ALL, 1)?;

    ns.write_zeroes(slba, blocks).run(q)?;

    let start = slba as usize * ns.block();
    expected[start..start + blocks as usize * ns.block()].fill(0);
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, ALL)?, &expected, ns.block(), 0);
    Ok(())
}

/// Blocks that Write Zeroes may deallocate read as zeroes like others.
#[nvme_test(spec = "NVM 3.3.8", requires(WRITE_ZEROES))]
fn deallocated_blocks_read_as_zeroes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    pattern::write(nvme, q, ns, 40, 32, 1)?;
    ns.write_zeroes(40, 32).deallocate().run(q)?;
    assert_zero(&pattern::read(nvme, q, ns, 40, 32)?, 40, ns.block());
    Ok(())
}

/// Write Zeroes with FUA leaves zeroes.
#[nvme_test(spec = "NVM 3.3.8", requires(WRITE_ZEROES))]
fn force_unit_access_changes_no_outcome(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    pattern::write(nvme, q, ns, 40, 8, 1)?;
    ns.write_zeroes(40, 8).fua().run(q)?;
    assert_zero(&pattern::read(nvme, q, ns, 40, 8)?, 40, ns.block());
    Ok(())
}

/// Write Zeroes transfers no data, so that MDTS is no limit for it.
#[nvme_test(spec = "NVM 3.3.8", requires(WRITE_ZEROES))]
fn mdts_does_not_limit_write_zeroes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::too_many(nvme, ns)?;
    let last = u64::from(blocks) - 1;
    pattern::write(nvme, q, ns, 0, 1, 1)?;
    pattern::write(nvme, q, ns, last, 1, 1)?;

    ns.write_zeroes(0, blocks).run(q)?;

    assert_zero(&pattern::read(nvme, q, ns, 0, 1)?, 0, ns.block());
    assert_zero(&pattern::read(nvme, q, ns, last, 1)?, last, ns.block());
    Ok(())
}

/// Data that is written after Write Zeroes reads back.
#[nvme_test(spec = "NVM 3.3.8", requires(WRITE_ZEROES))]
fn a_write_replaces_zeroes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    for deallocate in [false, true] {
        let zeroes = ns.write_zeroes(20, 8);
        let zeroes = if deallocate { zeroes.deallocate() } else { zeroes };
        zeroes.run(q)?;
        let data = pattern::write(nvme, q, ns, 22, 2, 5)?;
        let back = pattern::read(nvme, q, ns, 20, 8)?;
        let (start, end) = (2 * ns.block(), 4 * ns.block());
        pattern::assert_same(&back[start..end], &data, ns.block(), 22);
        assert_zero(&back[..start], 20, ns.block());
        assert_zero(&back[end..], 24, ns.block());
    }
    Ok(())
}

/// Write Zeroes past the end of the namespace fails with LBA Out of Range.
#[nvme_test(spec = "NVM 3.3.8", requires(WRITE_ZEROES))]
fn zeroes_past_the_end_fail(q: &Qpair, ns: Namespace) -> Result {
    for (slba, blocks) in [(ns.capacity(), 1), (ns.capacity() - 1, 2), (u64::MAX, 2)] {
        ns.write_zeroes(slba, blocks).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    Ok(())
}

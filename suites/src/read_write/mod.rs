//! Read and Write (NVM 3.3.4, NVM 3.3.6).

mod refusals;

use nvmetest::prelude::*;
use zerocopy::little_endian::U32;

use crate::pattern;

/// A read returns what was written.
#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_returns_what_was_written(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(pattern::largest(nvme, ns).min(8) as usize * ns.block());
    data.iter_mut().zip((0..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());

    ns.write(&data, 5).run(q)?;
    ns.read(&mut back, 5).run(q)?;

    assert_eq!(back[..], data[..]);
    Ok(())
}

/// A write replaces what was written before, again and again.
#[nvme_test(spec = "NVM 3.3.6")]
fn a_write_replaces_older_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    for version in 0..8 {
        let data = pattern::write(nvme, q, ns, 9, 4, version)?;
        pattern::assert_same(&pattern::read(nvme, q, ns, 9, 4)?, &data, ns.block(), 9);
    }
    Ok(())
}

/// The first and the last block of a namespace can be written and read.
#[nvme_test(spec = "NVM 2.1", cases(first = false, last = true))]
fn the_block_at_the_end_reads_back(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] last: bool,
) -> Result {
    let lba = if last { ns.capacity() - 1 } else { 0 };
    let data = pattern::write(nvme, q, ns, lba, 1, 1)?;
    pattern::assert_same(&pattern::read(nvme, q, ns, lba, 1)?, &data, ns.block(), lba);
    Ok(())
}

/// A transfer of any length that a command may have reads back, and its neighbours are untouched.
#[nvme_test(spec = "NVM 3.3.6")]
fn every_length_reads_back(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let most = pattern::largest(nvme, ns).min(u32::try_from(ns.capacity() - 2).unwrap_or(u32::MAX));
    let around = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 257, 1023, 1025];
    let lengths = around.into_iter().filter(|&blocks| blocks < most - 1).chain([most - 1, most]);
    for (blocks, version) in lengths.filter(|&blocks| 0 < blocks).zip((10..).step_by(2)) {
        let before = pattern::write(nvme, q, ns, 0, 1, version)?;
        let end = u64::from(blocks) + 1;
        let behind = pattern::write(nvme, q, ns, end, 1, version)?;

        let data = pattern::write(nvme, q, ns, 1, blocks, version + 1)?;

        pattern::assert_same(&pattern::read(nvme, q, ns, 1, blocks)?, &data, ns.block(), 1);
        pattern::assert_same(&pattern::read(nvme, q, ns, 0, 1)?, &before, ns.block(), 0);
        pattern::assert_same(&pattern::read(nvme, q, ns, end, 1)?, &behind, ns.block(), end);
    }
    Ok(())
}

/// A command transfers the blocks that it names, and no byte of host memory beside them.
#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_leaves_the_memory_around_it_alone(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 2, 1)?;
    let block = ns.block();
    let mut memory = nvme.buffer(10 * block);
    memory.fill(0x5a);
    ns.read(memory.slice_mut(4 * block..6 * block), 0).run(q)?;
    pattern::assert_same(&memory[4 * block..6 * block], &data, block, 0);
    let outside = memory[..4 * block].iter().chain(&memory[6 * block..]);
    assert_eq!(outside.filter(|&&byte| byte != 0x5a).count(), 0, "bytes outside were written");
    Ok(())
}

/// Several reads at once, each of one block into the middle of a page, write their blocks and nothing between them.
#[nvme_test(spec = "NVM 3.3.4")]
fn reads_in_flight_leave_the_gaps_between_them_alone(nvme: &Controller, ns: Namespace) -> Result {
    const READS: u32 = 7;
    const GAP: usize = 68;
    let q = nvme.qpair(READS as u16)?;
    let data = pattern::write(nvme, &q, ns, 0, READS, 1)?;
    let (block, part) = (ns.block(), GAP + ns.block() + GAP);
    let mut memory = nvme.buffer(READS as usize * part);
    memory.fill(0x5a);
    q.scope(|io| {
        for (part, lba) in memory.chunks_mut(part).zip(0..) {
            ns.read(part.narrow(GAP..GAP + block), lba).submit(io);
        }
        Ok(())
    })?;
    for (part, lba) in memory[..].chunks(part).zip(0_usize..) {
        let stored = &data[lba * block..(lba + 1) * block];
        pattern::assert_same(&part[GAP..GAP + block], stored, block, lba as u64);
        let gaps = part[..GAP].iter().chain(&part[GAP + block..]);
        assert_eq!(
            gaps.filter(|&&byte| byte != 0x5a).count(),
            0,
            "bytes beside block {lba} were written"
        );
    }
    Ok(())
}

/// Force Unit Access and Limited Retry change no data.
#[nvme_test(spec = "NVM 3.3.6", cases(fua = (true, false), lr = (false, true), both = (true, true)))]
fn fua_and_limited_retry_change_no_data(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] (fua, lr): (bool, bool),
) -> Result {
    let bits = u32::from(fua) << 30 | u32::from(lr) << 31;
    let blocks = pattern::largest(nvme, ns).min(8);
    let data = pattern::buffer(nvme, ns, 77, blocks, bits >> 24);
    let mut back = nvme.buffer(data.len());
    ns.write(&data, 77).edit(|sqe| sqe.cdw12 = U32::new(sqe.cdw12.get() | bits)).run(q)?;
    ns.read(&mut back, 77).edit(|sqe| sqe.cdw12 = U32::new(sqe.cdw12.get() | bits)).run(q)?;
    pattern::assert_same(&back, &data, ns.block(), 77);
    Ok(())
}

/// The hints of the DSM field (how often, how fast, compressible) change no data.
#[nvme_test(spec = "NVM 3.3.6")]
fn dsm_hints_change_no_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    // AF 0h to 8h, AL, sequential request, incompressible.
    for (hint, version) in [0x01, 0x05, 0x08, 0x10, 0x30, 0x40, 0x80, 0xf5].into_iter().zip(1..) {
        let data = pattern::buffer(nvme, ns, 3, pattern::largest(nvme, ns).min(4), version);
        let mut back = nvme.buffer(data.len());
        ns.write(&data, 3).edit(|sqe| sqe.cdw13 = U32::new(hint)).run(q)?;
        ns.read(&mut back, 3).edit(|sqe| sqe.cdw13 = U32::new(hint)).run(q)?;
        pattern::assert_same(&back, &data, ns.block(), 3);
    }
    Ok(())
}

/// A full queue of writes, each of its own block, and then of reads: every block is where it belongs.
#[nvme_test(spec = "Base 3.3.1", cases(two = 2, sixty_four = 64, deepest = u16::MAX))]
fn a_full_queue_mixes_nothing_up(nvme: &Controller, ns: Namespace, #[case] depth: u16) -> Result {
    let depth = depth.min(nvme.capabilities().cap.mqes_z()).clamp(1, 1023);
    let q = nvme.qpair(depth)?;
    let blocks = u32::from(depth) * 2;
    pattern::needs(ns, blocks.into())?;
    let data = pattern::buffer(nvme, ns, 0, blocks, u32::from(depth));
    let mut back = nvme.buffer(data.len());

    q.run_all(data.chunks(ns.block()).zip(0..).map(|(block, lba)| ns.write(block, lba)))?;
    q.run_all(back.chunks_mut(ns.block()).zip(0..).map(|(block, lba)| ns.read(block, lba)))?;

    pattern::assert_same(&back, &data, ns.block(), 0);
    Ok(())
}

/// What is written on one queue is read on another.
#[nvme_test(spec = "Base 3.3.1")]
fn data_is_the_same_on_every_queue(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    if nvme.queues_granted().0 < 2 {
        return Err(Error::NotApplicable("the controller has one I/O queue".to_owned()));
    }
    let other = nvme.qpair(4)?;
    for version in 0..8 {
        let data = pattern::write(nvme, q, ns, 50, 8, version)?;
        pattern::assert_same(&pattern::read(nvme, &other, ns, 50, 8)?, &data, ns.block(), 50);
    }
    Ok(())
}

/// Writes of odd sizes that overlap leave what the last of them wrote, also when read in other sizes.
#[nvme_test(spec = "NVM 3.3.6")]
fn overlapping_writes_leave_the_last_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    const BLOCKS: u32 = 2048;
    pattern::needs(ns, BLOCKS.into())?;
    let block = ns.block();
    let most = u64::from(pattern::largest(nvme, ns).min(100));
    let mut expected = pattern::buffer(nvme, ns, 0, BLOCKS, 0);
    let parts = expected.chunks(most as usize * block).zip((0..).step_by(most as usize));
    q.run_all(parts.map(|(part, slba)| ns.write(part, slba)))?;
    // A linear congruential generator: the sequence is the same in each run.
    let mut state = 0x2545_f491_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for version in 1..=300 {
        let blocks = next(most) + 1;
        let slba = next(u64::from(BLOCKS) - blocks);
        let data = pattern::write(nvme, q, ns, slba, blocks as u32, version)?;
        expected[slba as usize * block..][..data.len()].copy_from_slice(&data);
    }
    let mut slba = 0;
    while slba < u64::from(BLOCKS) {
        let blocks = (next(most) + 1).min(u64::from(BLOCKS) - slba);
        let back = pattern::read(nvme, q, ns, slba, blocks as u32)?;
        pattern::assert_same(&back, &expected[slba as usize * block..][..back.len()], block, slba);
        slba += blocks;
    }
    Ok(())
}

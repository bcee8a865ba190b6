//! Scatter Gather Lists in I/O commands (Base 4.3.2).

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;

use crate::pattern;

/// What stands in memory around the data: a byte that is not that of any block.
const GUARD: u8 = 0x5a;

/// What addresses and lengths of data blocks have to be multiples of (SGLS, Base 5.1.13.2.1).
fn granularity(nvme: &Controller) -> usize {
    match nvme.capabilities().controller.sgls.sgls() {
        0b01 => 1,
        _ => 4,
    }
}

/// Writes `blocks` blocks from an offset in memory and reads them back to it, with SGLs as `layout` says.
fn round_trip(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    (blocks, offset): (u32, usize),
    layout: &Layout,
    version: u32,
) -> Result {
    let len = blocks as usize * ns.block();
    let place = offset..offset + len;
    let data = pattern::buffer(nvme, ns, 0, blocks, version);
    let mut memory = nvme.buffer(offset + len + 64);

    memory.fill(GUARD);
    memory[place.clone()].copy_from_slice(&data);
    ns.write(memory.slice(place.clone()), 0).layout(layout.clone()).run(q)?;
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, blocks)?, &data, ns.block(), 0);

    memory.fill(GUARD);
    ns.read(memory.slice_mut(place.clone()), 0).layout(layout.clone()).run(q)?;
    pattern::assert_same(&memory[place.clone()], &data, ns.block(), 0);
    let around = memory[..place.start].iter().chain(&memory[place.end..]);
    let touched = around.filter(|&&byte| byte != GUARD).count();
    assert_eq!(touched, 0, "bytes around the data were written: offset {offset}, {layout:?}");
    Ok(())
}

/// A data block in the command itself describes a transfer of any length.
#[nvme_test(spec = "Base 4.3.2", requires(SGL))]
fn one_data_block_describes_a_transfer(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let most = pattern::largest(nvme, ns);
    let lengths = [1, 2, 3, 17, most].into_iter().filter(|&blocks| blocks <= most);
    for (blocks, version) in lengths.zip(1..) {
        round_trip(nvme, q, ns, (blocks, 0), &Layout::Sgl, version)?;
    }
    Ok(())
}

/// A data block may start at any address that SGLS allows.
#[nvme_test(spec = "Base 4.3.2", requires(SGL))]
fn a_data_block_may_start_anywhere(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let step = granularity(nvme);
    let offsets = (0..64).chain(4064..4128).chain(8160..8224);
    for (offset, version) in offsets.filter(|offset| offset % step == 0).zip(1..) {
        round_trip(nvme, q, ns, (2, offset), &Layout::Sgl, version)?;
    }
    Ok(())
}

/// A list of data blocks in one segment is one run of data, whatever their lengths.
#[nvme_test(
    spec = "Base 4.3.2",
    requires(SGL),
    cases(equal = &[512], small = &[16, 4, 60], odd_dwords = &[1020, 4, 2044], descending = &[2048, 1024, 512, 256])
)]
fn data_blocks_of_any_length_are_one_run(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] sizes: &[usize],
) -> Result {
    let blocks = 8192 / ns.block().min(8192);
    let lengths = lengths(sizes, blocks.max(1) * ns.block());
    let layout = Layout::SglBlocks { lengths, per_segment: 4096 };
    for (offset, version) in [0, 4, 4092].into_iter().zip(1..) {
        round_trip(nvme, q, ns, (blocks.max(1) as u32, offset), &layout, version)?;
    }
    Ok(())
}

/// Lengths of single bytes are one run of data as well, where SGLS allows them.
#[nvme_test(spec = "Base 4.3.2", requires(SGL))]
fn data_blocks_may_have_odd_lengths(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    if granularity(nvme) != 1 {
        return Err(Error::NotApplicable("SGLS bits 1:0 are 10b: dwords only".to_owned()));
    }
    let blocks = pattern::largest(nvme, ns).min(4);
    let lengths = lengths(&[1, 3, 511, 7, 13, 997], blocks as usize * ns.block());
    let layout = Layout::SglBlocks { lengths, per_segment: 4096 };
    for (offset, version) in [0, 1, 4095].into_iter().zip(1..) {
        round_trip(nvme, q, ns, (blocks, offset), &layout, version)?;
    }
    Ok(())
}

/// Segments may be chained, with any number of descriptors in each.
#[nvme_test(
    spec = "Base 4.3.2",
    requires(SGL),
    cases(two = 2, three = 3, five = 5, seventeen = 17, many = 255)
)]
fn segments_may_be_chained(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] per_segment: usize,
) -> Result {
    for (count, version) in [2, 3, 5, 16, 64].into_iter().zip(1..) {
        let blocks = 4096_usize.div_ceil(ns.block()).max(1);
        let lengths = vec![blocks * ns.block() / count / 4 * 4; count];
        let layout = Layout::SglBlocks { lengths, per_segment };
        round_trip(nvme, q, ns, (blocks as u32, 0), &layout, version)?;
    }
    Ok(())
}

/// A data block of no length transfers nothing, and is no error.
#[nvme_test(spec = "Base 4.3.2", requires(SGL))]
fn an_empty_data_block_transfers_nothing(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let half = ns.block() / 2;
    for (lengths, version) in
        [vec![0, half], vec![half, 0, 0], vec![half, 0, half]].into_iter().zip(1..)
    {
        let layout = Layout::SglBlocks { lengths, per_segment: 256 };
        round_trip(nvme, q, ns, (2, 0), &layout, version)?;
    }
    Ok(())
}

/// The blocks of a list may be anywhere in memory, in any order.
#[nvme_test(spec = "Base 4.3.2", requires(SGL))]
fn data_blocks_may_be_in_any_order(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    const PARTS: usize = 16;
    let part = ns.block() / (PARTS / 2);
    let data = pattern::write(nvme, q, ns, 0, 2, 1)?;
    let mut memory = nvme.buffer(PARTS * part);
    let mut parts: Vec<_> = memory.chunks_mut(part).collect();
    parts.reverse();
    ns.read(parts, 0).layout(Layout::Sgl).run(q)?;
    for (found, written) in memory[..].chunks(part).zip(data[..].chunks(part).rev()) {
        assert_eq!(found, written);
    }
    Ok(())
}

/// An SGL that describes less than the command transfers fails with Data SGL Length Invalid.
#[nvme_test(spec = "Base 4.2.3.1", requires(SGL))]
fn an_sgl_that_is_too_short_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 2, 1)?;
    let mut memory = nvme.buffer(2 * ns.block());
    for len in [4, ns.block() - 4, ns.block(), ns.block() + 4, 2 * ns.block() - 4] {
        let short = Layout::ShortSgl { len };
        ns.read(&mut memory, 0)
            .layout(short.clone())
            .expect(Status::DATA_SGL_LENGTH_INVALID)
            .run(q)?;
        ns.write(&memory, 0).layout(short).expect(Status::DATA_SGL_LENGTH_INVALID).run(q)?;
    }
    // What was refused was not written.
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, 2)?, &data, ns.block(), 0);
    Ok(())
}

/// SGLS bit 18: an SGL may describe more than the command transfers.
static OVERSIZED_SGL: Capability = Capability {
    name: "SGLs longer than the data",
    field: "SGLS bit 18",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let sgls = capabilities.controller.sgls;
        Presence { present: sgls.oversized(), value: format!("SGLS = {:#010x}", sgls.get()) }
    },
};

/// An SGL that describes more than the command transfers is used as far as the data goes.
#[nvme_test(spec = "Base 5.1.13.2.1", requires(SGL, self::OVERSIZED_SGL))]
fn an_sgl_may_be_longer_than_the_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 2, 1)?;
    let mut memory = nvme.buffer(4 * ns.block());
    memory.fill(GUARD);

    let read = ns.read(&mut memory, 0).transfer_only(2, 2 * ns.block());
    read.layout(Layout::Sgl).run(q)?;

    pattern::assert_same(&memory[..2 * ns.block()], &data, ns.block(), 0);
    let behind = &memory[2 * ns.block()..];
    assert!(behind.iter().all(|&byte| byte == GUARD), "bytes behind the data were written");
    Ok(())
}

/// Lengths that repeat `sizes` and cover `len` bytes.
fn lengths(sizes: &[usize], len: usize) -> Vec<usize> {
    let mut left = len;
    let mut lengths = Vec::new();
    for &size in sizes.iter().cycle() {
        if left <= size {
            break;
        }
        lengths.push(size);
        left -= size;
    }
    lengths
}

//! Physical Region Pages: where the data of a command is in memory (Base 4.3.1).

use nvmetest::prelude::*;

use crate::pattern;

/// What stands in memory around the data: a byte that is not that of any block.
const GUARD: u8 = 0x5a;

/// The size of the memory pages that PRPs are about (CC.MPS).
fn page(nvme: &Controller) -> Result<usize> {
    Ok(4096 << nvme.registers().cc()?.mps())
}

/// Writes `data` from every byte of `offsets` in a buffer, reads it back to there, and looks at what is around.
fn round_trip(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    blocks: u32,
    offsets: impl Iterator<Item = usize>,
    layout: &Layout,
) -> Result {
    let len = blocks as usize * ns.block();
    let size = page(nvme)?;
    let mut memory = nvme.buffer(len + 2 * size);
    for (offset, version) in offsets.zip(1..) {
        assert!(offset < 2 * size);
        let place = offset..offset + len;
        let data = pattern::buffer(nvme, ns, 0, blocks, version);

        memory.fill(GUARD);
        memory[place.clone()].copy_from_slice(&data);
        ns.write(memory.slice(place.clone()), 0).layout(layout.clone()).run(q)?;
        let stored = pattern::read(nvme, q, ns, 0, blocks)?;
        pattern::assert_same(&stored, &data, ns.block(), 0);

        memory.fill(GUARD);
        ns.read(memory.slice_mut(place.clone()), 0).layout(layout.clone()).run(q)?;
        pattern::assert_same(&memory[place.clone()], &data, ns.block(), 0);
        let around = memory[..place.start].iter().chain(&memory[place.end..]);
        let touched = around.filter(|&&byte| byte != GUARD).count();
        assert_eq!(touched, 0, "bytes around the data at offset {offset} were written");
    }
    Ok(())
}

/// PRP Entry 1 may have any offset that is a multiple of four: one page or two hold the data.
#[nvme_test(spec = "Base 4.3.1")]
fn the_first_entry_may_have_any_dword_offset(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let size = page(nvme)?;
    round_trip(nvme, q, ns, 1, (0..size).step_by(4), &Layout::Prp)
}

/// A transfer with a PRP List may start at any offset in its first page.
#[nvme_test(spec = "Base 4.3.1", cases(three_pages = 3, nine_pages = 9))]
fn a_transfer_with_a_list_may_have_any_offset(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] pages: usize,
) -> Result {
    let size = page(nvme)?;
    let blocks = (pages * size).div_ceil(ns.block()) as u32;
    if pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("MDTS is less than {blocks} blocks")));
    }
    // Around the ends of the page, and some between.
    let offsets = [0, 4, 8, 512, 1020, 1024, 2044, 2048, 2052];
    let offsets = offsets.into_iter().chain([size - 512, size - 8, size - 4]);
    round_trip(nvme, q, ns, blocks, offsets, &Layout::Prp)
}

/// The largest transfer, at an offset, has all of its pages.
#[nvme_test(spec = "Base 4.3.1")]
fn the_largest_transfer_may_have_an_offset(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let blocks = pattern::largest(nvme, ns);
    let size = page(nvme)?;
    round_trip(nvme, q, ns, blocks, [0, 4, size / 2, size - 4].into_iter(), &Layout::Prp)
}

/// A PRP List may start at any entry of its memory page, and goes on in the next page behind a pointer.
#[nvme_test(spec = "Base 4.3.1")]
fn a_list_may_start_anywhere_and_go_on_in_another_page(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let size = page(nvme)?;
    let entries = size / 8;
    let blocks = (6 * size).div_ceil(ns.block()) as u32;
    if pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("MDTS is less than {blocks} blocks")));
    }
    for entry in [0, 1, 255, entries - 7, entries - 6, entries - 5, entries - 2, entries - 1] {
        let layout = Layout::PrpListAt { entry };
        round_trip(nvme, q, ns, blocks, [0, 512].into_iter(), &layout)?;
    }
    Ok(())
}

/// The pages of a transfer may be anywhere in memory, in any order.
#[nvme_test(spec = "Base 4.3.1")]
fn pages_may_be_in_any_order(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    const PAGES: usize = 8;
    let size = page(nvme)?;
    let blocks = (PAGES * size / ns.block()) as u32;
    if pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("MDTS is less than {blocks} blocks")));
    }
    let data = pattern::buffer(nvme, ns, 0, blocks, 1);
    let mut backwards = nvme.buffer(PAGES * size);
    for (to, from) in backwards[..].chunks_mut(size).zip(data[..].chunks(size).rev()) {
        to.copy_from_slice(from);
    }

    let mut pages: Vec<_> = backwards.chunks(size).collect();
    pages.reverse();
    ns.write(pages, 0).run(q)?;
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, blocks)?, &data, ns.block(), 0);

    let mut scattered = nvme.buffer(PAGES * size);
    let mut pages: Vec<_> = scattered.chunks_mut(size).collect();
    pages.reverse();
    ns.read(pages, 0).run(q)?;
    assert_eq!(scattered[..], backwards[..]);
    Ok(())
}

/// One page may be named several times by a command that reads memory.
#[nvme_test(spec = "Base 4.3.1")]
fn a_write_may_name_a_page_twice(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let size = page(nvme)?;
    let per_page = (size / ns.block()).max(1);
    if size < ns.block() || pattern::largest(nvme, ns) < 4 * per_page as u32 {
        return Err(Error::NotApplicable("a block is larger than a page".to_owned()));
    }
    let one = pattern::buffer(nvme, ns, 0, per_page as u32, 1);
    ns.write(vec![one.slice(0..size); 4], 0).run(q)?;
    let back = pattern::read(nvme, q, ns, 0, 4 * per_page as u32)?;
    for quarter in back[..].chunks(size) {
        pattern::assert_same(quarter, &one, ns.block(), 0);
    }
    Ok(())
}

/// An entry behind the first that has an offset is refused with PRP Offset Invalid, as is recommended.
#[nvme_test(
    spec = "Base 4.3.1",
    cases(second_entry = (1, 2), in_a_list = (2, 5), last_of_a_list = (4, 5))
)]
fn an_offset_behind_the_first_entry_is_invalid(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] (entry, pages): (usize, usize),
) -> Result {
    let size = page(nvme)?;
    let len = pages * size;
    let blocks = (len / ns.block()) as u32;
    if blocks == 0 || pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("{len} bytes are no transfer here")));
    }
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    let mut memory = nvme.buffer(len + size);
    for by in [4, 8, 512, size as u64 - 4] {
        let read = ns.read(&mut memory, 0).transfer_only(blocks, len);
        let read = read.layout(Layout::SkewedPrp { entry, by });
        let read = read.expect(&[Status::PRP_OFFSET_INVALID, Status::SUCCESS]).run(q)?;
        if read.status.is_success() {
            return Err(Error::NotApplicable(
                "the controller takes such an entry: PRP Offset Invalid is only recommended"
                    .to_owned(),
            ));
        }
        let write = ns.write(&memory, 0).transfer_only(blocks, len);
        let write = write.layout(Layout::SkewedPrp { entry, by });
        write.expect(Status::PRP_OFFSET_INVALID).run(q)?;
    }
    // What was refused was not written, and the queue goes on.
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, blocks)?, &data, ns.block(), 0);
    Ok(())
}

/// Bits 1:0 of PRP Entry 1 are refused with PRP Offset Invalid, or taken as zero.
#[nvme_test(spec = "Base 4.3.1", cases(one = 1, two = 2, three = 3))]
fn the_low_bits_of_an_entry_are_refused_or_zero(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] by: u64,
) -> Result {
    let data = pattern::write(nvme, q, ns, 0, 1, 1)?;
    let mut memory = nvme.buffer(ns.block() + page(nvme)?);
    memory.fill(GUARD);
    let read = ns.read(&mut memory, 0).transfer_only(1, ns.block());
    let read = read.layout(Layout::SkewedPrp { entry: 0, by });
    let read = read.expect(&[Status::PRP_OFFSET_INVALID, Status::SUCCESS]).run(q)?;
    if read.status.is_success() {
        pattern::assert_same(&memory[..ns.block()], &data, ns.block(), 0);
        assert!(memory[ns.block()..].iter().all(|&byte| byte == GUARD), "bytes behind the data");
    }
    Ok(())
}

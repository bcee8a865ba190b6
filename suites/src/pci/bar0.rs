//! The address of BAR0: its size, what its register holds, and the function at another (PCIe 7.5.1.2.1).

use nvmetest::prelude::*;
use nvmetest::spec::pci::{Bar, offset};
use nvmetest::spec::{Property, doorbell};
use nvmetest::transport::TransportError;

use crate::interrupts::{flush_and_wait, queue};

use super::command::registers_of_the_host;

/// BAR0 asks for as much address space as the registers and all doorbells take, and is where it was after that.
#[nvme_test(spec = "PCIe transport 3.8.1.10")]
fn bar0_holds_the_registers_and_all_doorbells(nvme: &mut Controller) -> Result {
    let before = nvme.bar0_address()?;
    let size = nvme.bar0_size()?;
    assert_eq!(nvme.bar0_address()?, before);

    let (submission, completion) = nvme.queues_granted();
    let dstrd = nvme.capabilities().cap.dstrd();
    let last = doorbell::cq_head(submission.max(completion), dstrd);
    assert!(size.is_power_of_two(), "{size:#x}");
    assert!(u64::from(last) + 4 <= size, "the last doorbell in use is at {last:#x} of {size:#x}");
    assert!(before.is_multiple_of(size), "{before:#x} for a range of {size:#x}");
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    Ok(())
}

/// Each bit of an address above the size of BAR0 can be written, and no other: the register holds what the host writes. The
/// controller goes on as if nothing had been.
#[nvme_test(spec = "PCIe 7.5.1.2.1", requires(BAR_REGISTERS))]
fn bar0_holds_any_address_that_is_a_multiple_of_its_size(nvme: &mut Controller) -> Result {
    let before = (nvme.bar0_address()?, registers_of_the_host(nvme)?);
    let size = nvme.bar0_size()?;
    assert!(size.is_power_of_two(), "{size:#x}");
    let is_wide = Bar::from(nvme.pci().read32(offset::BAR0)?).is_64_bit();
    let bits = size.trailing_zeros()..if is_wide { u64::BITS } else { u32::BITS };
    let all = bits.clone().fold(0, |all, bit| all | 1 << bit);

    let single = bits.flat_map(|bit| [1 << bit, all & !(1 << bit)]);
    let alternate = [0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, size - 1, 0, u64::MAX];
    let written: Vec<u64> = single.chain(alternate).collect();
    for (written, kept) in written.iter().zip(nvme.bar0_keeps(&written)?) {
        let wanted = written & all;
        assert_eq!(kept, wanted, "of {written:#x} BAR0 keeps {kept:#x}, and not {wanted:#x}");
    }
    assert_eq!((nvme.bar0_address()?, registers_of_the_host(nvme)?), before);
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    Ok(())
}

/// A function whose BAR0 is written with another address answers there, with all that it does, and no more where it was. It is not
/// reset by that, and can be moved as often as one likes.
#[nvme_test(spec = "PCIe 7.5.1.2.1", requires(BAR_RELOCATION))]
fn the_function_answers_where_bar0_is_put_and_not_where_it_was(nvme: &mut Controller) -> Result {
    let before = (nvme.bar0_address()?, registers_of_the_host(nvme)?);
    let vs = nvme.registers().read32(Property::VS)?;
    let size = nvme.bar0_size()?;
    for round in 0..3_u64 {
        nvme.with_bar0_elsewhere(|nvme, moved| {
            assert_eq!(moved.from, before.0);
            assert!(size <= moved.to.abs_diff(moved.from), "{moved:x?} of {size:#x} bytes");
            assert_eq!(nvme.bar0_address()?, moved.to, "{moved:x?}");
            assert_ne!(moved.former, vs, "VS is still read where BAR0 was: {moved:x?}");
            assert_eq!(registers_of_the_host(nvme)?, before.1);
            assert_eq!(nvme.registers().read32(Property::VS)?, vs);
            blocks_are_written_and_read(nvme, round)
        })?;
        assert_eq!((nvme.bar0_address()?, registers_of_the_host(nvme)?), before);
        assert_eq!(nvme.registers().read32(Property::VS)?, vs);
        // What was written there is here.
        let (ns, q) = (nvme.first_namespace()?, nvme.qpair(2)?);
        let mut read = nvme.buffer(ns.block());
        ns.read(&mut read, round).run(&q)?;
        assert!(read.iter().all(|&byte| byte == pattern(round, 0)), "round {round}");
    }
    blocks_are_written_and_read(nvme, 7)
}

/// Vectors that are set up while BAR0 is elsewhere signal, also where their table stands in BAR0.
#[nvme_test(spec = "PCIe 7.5.1.2.1", requires(BAR_RELOCATION, VECTORS))]
fn vectors_signal_while_bar0_is_elsewhere(nvme: &mut Controller) -> Result {
    nvme.with_bar0_elsewhere(|nvme, _| {
        let interrupts = match nvme.interrupts(1) {
            // Over VFIO it is the kernel that writes the table, and it would do that where BAR0 was.
            Err(Error::Transport(error @ TransportError::Refused { .. })) => {
                return Err(Error::NotApplicable(error.to_string()));
            }
            other => other?,
        };
        let (ns, q) = (nvme.first_namespace()?, queue(nvme, 4, Some(0))?);
        (0..8).try_for_each(|_| flush_and_wait(&interrupts, 0, &ns, &q))
    })
}

/// A worker, which is another process, reaches the controller where BAR0 is.
#[nvme_test(spec = "PCIe 7.5.1.2.1", requires(BAR_RELOCATION))]
fn a_worker_rings_where_bar0_is(nvme: &mut Controller) -> Result {
    const COUNT: u64 = 100;
    let statistics = nvme.with_bar0_elsewhere(|nvme, _| {
        nvme.first_namespace()?.ioworker().random().depth(4).count(COUNT).start()?.join()
    })?;
    assert_eq!(statistics.reads, COUNT, "{statistics}");
    blocks_are_written_and_read(nvme, 3)
}

/// Writes blocks one after another on a queue pair of its own whose queues wrap, and reads each.
fn blocks_are_written_and_read(nvme: &Controller, round: u64) -> Result {
    const BLOCKS: u64 = 8;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(4)?);
    let [mut written, mut read] = [0; 2].map(|_| nvme.buffer(ns.block()));
    for at in (0..BLOCKS).rev() {
        written.fill(pattern(round, at));
        ns.write(&written, round + at).run(&q)?;
        read.fill(!pattern(round, at));
        ns.read(&mut read, round + at).run(&q)?;
        assert!(read[..] == written[..], "block {at} of round {round}");
    }
    Ok(())
}

fn pattern(round: u64, at: u64) -> u8 {
    0x41 + (round * 8 + at) as u8
}

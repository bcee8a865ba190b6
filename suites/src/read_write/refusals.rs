//! Reads and writes that have to fail.

use nvmetest::Nvm;
use nvmetest::memory::Data;
use nvmetest::prelude::*;
use nvmetest::spec::Vs;

use crate::pattern;

/// The two directions of a transfer.
#[derive(Clone, Copy, Debug)]
enum Direction {
    Read,
    Write,
}

/// Runs one transfer of `blocks` blocks at `slba`, changed by `change`, and expects `status`.
#[track_caller]
fn refused(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    direction: Direction,
    (slba, blocks): (u64, u32),
    (nsid, status): (u32, Expected),
) -> Result {
    fn run<D: Data>(
        command: Command<Nvm, D>,
        q: &Qpair,
        (nsid, status): (u32, Expected),
    ) -> Result {
        command.nsid(nsid).expect(status).run(q).map(drop)
    }
    let mut data = nvme.buffer(blocks as usize * ns.block());
    match direction {
        Direction::Read => run(ns.read(&mut data, slba), q, (nsid, status)),
        Direction::Write => run(ns.write(&data, slba), q, (nsid, status)),
    }
}

/// A read past the end fails, and with the status that the standard names.
#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_past_the_end_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(ns.block());
    ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    Ok(())
}

/// A transfer of which a block is past the end fails with LBA Out of Range, also where SLBA + NLB is more
/// than 64 bits.
#[nvme_test(
    spec = "NVM 3.3.6",
    cases(
        read = Direction::Read,
        write = Direction::Write,
    )
)]
fn a_block_past_the_end_is_out_of_range(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] direction: Direction,
) -> Result {
    let end = ns.capacity();
    let ranges = [
        (end, 1),
        (end - 1, 2),
        (end - 7, 8),
        (end + 1, 1),
        // The lower half alone is in range.
        (1 << 63 | 5, 1),
        (0xffff_ffff_0000_0000, 1),
        // The sum wraps around.
        (u64::MAX, 1),
        (u64::MAX, 2),
        (u64::MAX - 3, 8),
    ];
    for range in ranges {
        refused(nvme, q, ns, direction, range, (ns.nsid(), Status::LBA_OUT_OF_RANGE.into()))?;
    }
    Ok(())
}

/// The block before the one that is out of range is still there, with its data.
#[nvme_test(spec = "NVM 3.3.6")]
fn a_write_out_of_range_changes_no_other_block(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let last = ns.capacity() - 1;
    let first = pattern::write(nvme, q, ns, 0, 1, 1)?;
    let before = pattern::write(nvme, q, ns, last - 1, 1, 1)?;
    let other = pattern::buffer(nvme, ns, last, 2, 2);

    ns.write(&other, last).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    ns.write(&other, u64::MAX).expect(Status::LBA_OUT_OF_RANGE).run(q)?;

    let back = pattern::read(nvme, q, ns, last - 1, 1)?;
    pattern::assert_same(&back, &before, ns.block(), last - 1);
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, 1)?, &first, ns.block(), 0);
    Ok(())
}

/// A transfer of more than MDTS fails with Invalid Field in Command, and one of exactly MDTS succeeds.
#[nvme_test(
    spec = "Base 5.1.13.2.1",
    cases(read = Direction::Read, write = Direction::Write)
)]
fn more_than_mdts_fails(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] direction: Direction,
) -> Result {
    let blocks = pattern::too_many(nvme, ns)?;
    let invalid = (ns.nsid(), Status::INVALID_FIELD_IN_COMMAND.into());
    refused(nvme, q, ns, direction, (0, blocks), invalid)?;
    refused(nvme, q, ns, direction, (0, blocks - 1), (ns.nsid(), Status::SUCCESS.into()))
}

/// NSID 0 and an NSID above NN are invalid: Invalid Namespace or Format.
#[nvme_test(
    spec = "Base 3.2.1.2",
    cases(read = Direction::Read, write = Direction::Write)
)]
fn an_invalid_namespace_fails(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] direction: Direction,
) -> Result {
    let status = Status::INVALID_NAMESPACE_OR_FORMAT;
    for nsid in [0, pattern::nsid_above_nn(nvme)?] {
        refused(nvme, q, ns, direction, (0, 1), (nsid, status.into()))?;
    }
    Ok(())
}

/// NSID FFFFFFFFh names no namespace that could be read or written.
#[nvme_test(
    spec = "Base 4.1.1",
    cases(read = Direction::Read, write = Direction::Write)
)]
fn all_namespaces_cannot_be_read_or_written(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] direction: Direction,
) -> Result {
    // Up to revision 2.0 FFFFFFFFh may count as one of the NSIDs above NN.
    let status = if Vs::V2_1 <= nvme.capabilities().vs {
        Expected::from(Status::INVALID_FIELD_IN_COMMAND)
    } else {
        Expected::from(&[Status::INVALID_FIELD_IN_COMMAND, Status::INVALID_NAMESPACE_OR_FORMAT])
    };
    refused(nvme, q, ns, direction, (0, 1), (u32::MAX, status))
}

/// An opcode that no I/O command has fails with Invalid Command Opcode, and the queue goes on.
#[nvme_test(spec = "Base 4.2.3.1")]
fn an_unknown_opcode_fails(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    // Of the opcodes that no revision has given away, those without a data transfer.
    for opcode in [0x60, 0x64, 0x68, 0x6c] {
        ns.flush()
            .edit(|sqe| sqe.set_opcode(opcode))
            .expect(Status::INVALID_COMMAND_OPCODE)
            .run(q)?;
    }
    let data = pattern::write(nvme, q, ns, 0, 1, 1)?;
    pattern::assert_same(&pattern::read(nvme, q, ns, 0, 1)?, &data, ns.block(), 0);
    Ok(())
}

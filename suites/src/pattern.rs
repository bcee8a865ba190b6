//! Data that names the block it belongs to, and the sizes that the tests work with.
//!
//! A block that was lost, is stale, or stands in another's place reads differently from the one that was
//! written: every 16 bytes of it hold its LBA and the number of the version.

use nvmetest::prelude::*;

/// As much as one command of a test transfers at most: no test writes more than some tens of MiB.
const MOST: u64 = 4 << 20;

/// Fills `data` with blocks of `block` bytes from `slba` on, of version `version`.
pub(crate) fn fill(data: &mut [u8], block: usize, slba: u64, version: u32) {
    for (bytes, lba) in data.chunks_mut(block).zip(slba..) {
        for (part, number) in bytes.chunks_mut(16).zip(0_u32..) {
            let mut stamp = [0; 16];
            stamp[..8].copy_from_slice(&lba.to_le_bytes());
            stamp[8..12].copy_from_slice(&version.to_le_bytes());
            // No part of a block is like another, and none is all zeroes or all ones.
            stamp[12..].copy_from_slice(&(number << 8 | 0xa5).to_le_bytes());
            part.copy_from_slice(&stamp[..part.len()]);
        }
    }
}

/// A buffer of `blocks` blocks from `slba` on, of version `version`.
pub(crate) fn buffer(
    nvme: &Controller,
    ns: Namespace,
    slba: u64,
    blocks: u32,
    version: u32,
) -> Buffer {
    let mut data = nvme.buffer(blocks as usize * ns.block());
    fill(&mut data, ns.block(), slba, version);
    data
}

/// Writes `blocks` blocks from `slba` on, of version `version`, and returns what was written: with one command, or
/// with more if MDTS wants them.
pub(crate) fn write(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    slba: u64,
    blocks: u32,
    version: u32,
) -> Result<Buffer> {
    let data = buffer(nvme, ns, slba, blocks, version);
    write_by(largest(nvme, ns), q, ns, slba, &data)?;
    Ok(data)
}

/// Writes, one by one, blocks that differ in each byte from those that [`write`] writes: a byte that it then loses is seen, whatever
/// stood there.
pub(crate) fn write_inverse(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    slba: u64,
    blocks: u32,
    version: u32,
) -> Result {
    let mut data = buffer(nvme, ns, slba, blocks, version);
    data.iter_mut().for_each(|byte| *byte = !*byte);
    write_by(1, q, ns, slba, &data)
}

/// Writes with commands of so many blocks.
fn write_by(most: u32, q: &Qpair, ns: Namespace, slba: u64, data: &Buffer) -> Result {
    let blocks = (data.len() / ns.block()) as u64;
    needs(ns, slba.saturating_add(blocks))?;
    let most = most as usize;
    let parts = data.chunks(most * ns.block()).zip((slba..).step_by(most));
    q.run_all(parts.map(|(part, slba)| ns.write(part, slba)))?;
    Ok(())
}

/// Reads `blocks` blocks from `slba` on: with one command, or with more if MDTS wants them.
pub(crate) fn read(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    slba: u64,
    blocks: u32,
) -> Result<Buffer> {
    let mut data = nvme.buffer(blocks as usize * ns.block());
    let most = largest(nvme, ns) as usize;
    let parts = data.chunks_mut(most * ns.block()).zip((slba..).step_by(most));
    q.run_all(parts.map(|(part, slba)| ns.read(part, slba)))?;
    Ok(data)
}

/// Fails as not applicable if the namespace has fewer than `blocks` blocks.
pub(crate) fn needs(ns: Namespace, blocks: u64) -> Result {
    if ns.capacity() < blocks {
        let has = ns.capacity();
        return Err(Error::NotApplicable(format!("NSZE is {has}: {blocks} blocks are needed")));
    }
    Ok(())
}

/// Fails unless the bytes are the same, and says which block is the first that differs.
#[track_caller]
pub(crate) fn assert_same(found: &[u8], written: &[u8], block: usize, slba: u64) {
    if crc32fast::hash(found) == crc32fast::hash(written) && found.len() == written.len() {
        return;
    }
    let differs = found.iter().zip(written).position(|(found, written)| found != written);
    match differs {
        Some(at) => {
            let lba = slba + (at / block) as u64;
            let (found, written) = (&found[at..found.len().min(at + 16)], written[at]);
            panic!(
                "LBA {lba:#x} differs at byte {}: {found:02x?}, where {written:02x} was written",
                at % block
            );
        }
        None => panic!("{} bytes, and not {}", found.len(), written.len()),
    }
}

/// The most blocks that a test transfers in one command: as many as MDTS and NLB allow, within reason.
pub(crate) fn largest(nvme: &Controller, ns: Namespace) -> u32 {
    let bytes = nvme.capabilities().max_transfer().unwrap_or(MOST).min(MOST);
    let blocks = (bytes / ns.block() as u64).min(1 << 16).min(ns.capacity());
    u32::try_from(blocks).expect("65,536 at most").max(1)
}

/// One block more than a command may transfer (MDTS, Base 5.1.13.2.1).
///
/// # Errors
///
/// Not applicable if the controller has no such limit, or if no command reaches it.
pub(crate) fn too_many(nvme: &Controller, ns: Namespace) -> Result<u32> {
    let Some(limit) = nvme.capabilities().max_transfer() else {
        return Err(Error::NotApplicable("MDTS is 0: a transfer has no limit".to_owned()));
    };
    let blocks = limit / ns.block() as u64 + 1;
    // More memory than a test should take, or more blocks than there are.
    if (1 << 16).min(ns.capacity()) < blocks || 64 << 20 < limit {
        return Err(Error::NotApplicable(format!(
            "MDTS allows {limit} bytes: a command of {blocks} blocks cannot be made"
        )));
    }
    Ok(u32::try_from(blocks).expect("65,536 at most"))
}

/// An NSID above NN, which is the largest valid one (Base 3.2.1.2).
///
/// # Errors
///
/// Not applicable if there is none below the broadcast value.
pub(crate) fn nsid_above_nn(nvme: &Controller) -> Result<u32> {
    let nn = nvme.capabilities().controller.nn.get();
    if 0xffff_fffd < nn {
        return Err(Error::NotApplicable(format!("NN is {nn:#x}: every NSID is valid")));
    }
    Ok(nn + 1)
}

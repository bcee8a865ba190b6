//! The sizes of packets: Max_Payload_Size and Max_Read_Request_Size (PCIe 7.5.3.4).

use nvmetest::prelude::*;
use nvmetest::spec::pci::{CapabilityId, DeviceControl, express};

use crate::pattern;

/// Data is written and read back, page by page of a PRP List, with each payload size that both ends of the link support; the sizes are
/// as before afterwards.
#[nvme_test(
    spec = "PCIe 7.5.3.4",
    cases(
        bytes_128 = 0b000,
        bytes_256 = 0b001,
        bytes_512 = 0b010,
        bytes_1024 = 0b011,
        bytes_2048 = 0b100,
        bytes_4096 = 0b101,
    )
)]
fn data_is_the_same_with_each_payload_size(nvme: &mut Controller, #[case] size: u8) -> Result {
    let before = sizes(nvme)?;
    nvme.with_payload_size(size, |nvme| {
        assert_eq!(sizes(nvme)?.0, size);
        write_and_read(nvme, 0x10 + u32::from(size))
    })?;
    assert_eq!(sizes(nvme)?, before);
    Ok(())
}

/// Data is written and read back, page by page of a PRP List, with each size of read requests that the function takes; the size is as
/// before afterwards.
#[nvme_test(
    spec = "PCIe 7.5.3.4",
    cases(
        bytes_128 = 0b000,
        bytes_256 = 0b001,
        bytes_512 = 0b010,
        bytes_1024 = 0b011,
        bytes_2048 = 0b100,
        bytes_4096 = 0b101,
    )
)]
fn data_is_the_same_with_each_read_request_size(nvme: &Controller, #[case] size: u8) -> Result {
    let before = sizes(nvme)?;
    nvme.pci().with_read_request_size(size, || {
        assert_eq!(sizes(nvme)?.1, size);
        write_and_read(nvme, 0x20 + u32::from(size))
    })?;
    assert_eq!(sizes(nvme)?, before);
    Ok(())
}

/// Writes and reads eight pages, in as many commands as MDTS wants, and then from each dword of a page on.
fn write_and_read(nvme: &Controller, version: u32) -> Result {
    const BYTES: usize = 8 * 4096;
    /// Packets do not end where pages do.
    const OFFSETS: [usize; 4] = [0, 4, 124, 2052];
    let ns = nvme.first_namespace()?;
    let q = nvme.qpair(8)?;
    let blocks = u32::try_from(BYTES.div_ceil(ns.block())).expect("a few pages");
    pattern::write_inverse(nvme, &q, ns, 0, blocks, version)?;
    let written = pattern::write(nvme, &q, ns, 0, blocks, version)?;
    let read = pattern::read(nvme, &q, ns, 0, blocks)?;
    pattern::assert_same(&read, &written, ns.block(), 0);

    let some = pattern::largest(nvme, ns).min(blocks);
    let len = some as usize * ns.block();
    for (offset, turn) in OFFSETS.into_iter().zip(1..) {
        let slba = u64::from(blocks) * turn;
        pattern::write_inverse(nvme, &q, ns, slba, some, version)?;
        let mut memory = nvme.buffer(offset + len);
        pattern::fill(&mut memory[offset..], ns.block(), slba, version);
        let written = memory[offset..].to_vec();
        ns.write(memory.slice(offset..offset + len), slba).run(&q)?;
        // No dword of the data is all ones.
        memory.fill(0xff);
        ns.read(memory.slice_mut(offset..offset + len), slba).run(&q)?;
        pattern::assert_same(&memory[offset..], &written, ns.block(), slba);
    }
    Ok(())
}

/// Max_Payload_Size and Max_Read_Request_Size of the function.
fn sizes(nvme: &Controller) -> Result<(u8, u8)> {
    let at = super::the_capability(nvme, CapabilityId::PCI_EXPRESS)? + express::DEVICE_CONTROL;
    let control = DeviceControl::from(nvme.pci().read16(at)?);
    Ok((control.max_payload_size(), control.max_read_request_size()))
}

//! Where the MSI-X table and its Pending Bit Array are (PCIe 7.7.2.3, PCIe 7.7.2.4).

use nvmetest::prelude::*;
use nvmetest::spec::doorbell;
use nvmetest::spec::pci::{CapabilityId, MsixControl, MsixLocation, MsixTableEntry, msix};

use super::the_capability;

/// What of the MSI-X table and of its Pending Bit Array is in BAR0 is within it, and the one is not in the other.
#[nvme_test(spec = "PCIe 7.7.2.3", requires(MSIX))]
fn the_msix_tables_are_within_bar0(nvme: &mut Controller) -> Result {
    let size = nvme.bar0_size()?;
    let at = the_capability(nvme, CapabilityId::MSI_X)?;
    let vectors = MsixControl::from(nvme.pci().read16(at + msix::CONTROL)?).table_size_z();
    let vectors = u64::from(vectors) + 1;
    let place = |register: u16, len: u64| -> Result<_> {
        let location = MsixLocation::from(nvme.pci().read32(at + register)?);
        let start = u64::from(location.offset());
        let is_within = location.bir() != 0 || start + len <= size;
        assert!(is_within, "{len:#x} bytes of {size:#x} are at {location:?}");
        Ok((location.bir(), start..start + len))
    };
    let (table_bir, table) = place(msix::TABLE, vectors * size_of::<MsixTableEntry>() as u64)?;
    let (pending_bir, pending) = place(msix::PBA, vectors.div_ceil(64) * 8)?;
    let apart = table.end <= pending.start || pending.end <= table.start;
    assert!(table_bir != pending_bir || apart, "the table is {table:x?}, the PBA {pending:x?}");
    Ok(())
}

/// The MSI-X table and its Pending Bit Array are in BAR0 or BAR4, and share their pages with nothing else.
#[nvme_test(spec = "PCIe transport 3.8.4", requires(MSIX))]
fn the_msix_tables_share_their_pages_with_nothing(nvme: &Controller) -> Result {
    let at = the_capability(nvme, CapabilityId::MSI_X)?;
    let vectors = MsixControl::from(nvme.pci().read16(at + msix::CONTROL)?).table_size_z();
    let vectors = u64::from(vectors) + 1;
    let table = MsixLocation::from(nvme.pci().read32(at + msix::TABLE)?);
    let pending = MsixLocation::from(nvme.pci().read32(at + msix::PBA)?);
    assert!([0, 4, 5].contains(&table.bir()) && [0, 4, 5].contains(&pending.bir()));

    let pages = |start: u32, len: u64| {
        let start = u64::from(start);
        (start / 4096)..(start + len).div_ceil(4096)
    };
    let table_pages = pages(table.offset(), vectors * 16);
    let pending_pages = pages(pending.offset(), vectors.div_ceil(64) * 8);
    // Each stride holds a doorbell, and the last one in use is that of the last completion queue.
    let (submission, completion) = nvme.queues_granted();
    let stride = doorbell::stride(nvme.capabilities().cap.dstrd());
    let last = doorbell::cq_head(submission.max(completion), nvme.capabilities().cap.dstrd());
    let registers = pages(0, u64::from(last + stride));
    let overlap = |bir: u8, one: &std::ops::Range<u64>| bir == 0 && one.start < registers.end;
    assert!(!overlap(table.bir(), &table_pages), "the table is among the registers: {table:?}");
    assert!(!overlap(pending.bir(), &pending_pages), "the PBA is among the registers: {pending:?}");
    Ok(())
}

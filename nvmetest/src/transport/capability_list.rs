//! The lists of capabilities (PCIe 7.5.1.1.11, PCIe 7.6), however configuration space is read.

use crate::spec::pci::CapabilityId;
use crate::spec::pci::ExtendedCapabilityHeader;
use crate::spec::pci::ExtendedCapabilityId;
use crate::spec::pci::Status;
use crate::spec::pci::header::CONFIG_SIZE;
use crate::spec::pci::header::EXTENDED_CONFIG_SIZE;
use crate::spec::pci::header::HEADER_SIZE;
use crate::spec::pci::offset;

/// Returns the offset of a capability.
pub(crate) fn find<E>(
    read16: impl Fn(u16) -> Result<u16, E>,
    id: CapabilityId,
) -> Result<Option<u16>, E> {
    let found = all(read16)?.into_iter().find(|&(known, _)| known == id.0);
    Ok(found.map(|(_, at)| at))
}

/// Returns identifier and offset of each capability, in the order of the list.
///
/// A list that loops, or that points into the header, ends where it goes wrong.
pub(crate) fn all<E>(read16: impl Fn(u16) -> Result<u16, E>) -> Result<Vec<(u8, u16)>, E> {
    const FIRST: u16 = HEADER_SIZE;
    const MOST: usize = (CONFIG_SIZE - FIRST) as usize / 4;
    let mut found = Vec::new();
    if !Status::from(read16(offset::STATUS)?).capabilities_list() {
        return Ok(found);
    }
    let [mut pointer, _] = read16(offset::CAPABILITIES_POINTER)?.to_le_bytes();
    loop {
        let at = u16::from(pointer & !0b11);
        // There is room for no more, so a list that is longer is a loop.
        if at < FIRST || found.len() == MOST {
            return Ok(found);
        }
        let [id, next] = read16(at)?.to_le_bytes();
        found.push((id, at));
        pointer = next;
    }
}

/// Returns identifier, version and offset of each extended capability, in the order of the list.
///
/// A list that loops, or that points out of extended configuration space, ends where it goes wrong. `read32` returns zero where
/// there is no such configuration space.
pub(crate) fn extended<E>(
    read32: impl Fn(u16) -> Result<u32, E>,
) -> Result<Vec<(ExtendedCapabilityId, u8, u16)>, E> {
    const MOST: usize = (EXTENDED_CONFIG_SIZE - CONFIG_SIZE) as usize / 8;
    let mut found = Vec::new();
    let mut at = offset::EXTENDED_CAPABILITIES;
    while (offset::EXTENDED_CAPABILITIES..=EXTENDED_CONFIG_SIZE - 4).contains(&at)
        && found.len() < MOST
    {
        let header = ExtendedCapabilityHeader::from(read32(at)?);
        // Zeroes stand where there is none, and ones where there is no such configuration space.
        if matches!(u32::from(header), 0 | u32::MAX) {
            break;
        }
        found.push((header.id(), header.version(), at));
        at = header.next() & !0b11;
    }
    Ok(found)
}

/// Returns the offset of an extended capability, of which there are so many bytes.
pub(crate) fn find_extended<E>(
    read32: impl Fn(u16) -> Result<u32, E>,
    id: ExtendedCapabilityId,
    len: u16,
) -> Result<Option<u16>, E> {
    let found = extended(read32)?.into_iter().find(|&(known, ..)| known == id);
    Ok(found.map(|(.., at)| at).filter(|at| at + len <= EXTENDED_CONFIG_SIZE))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn find_in(space: &[u8; 256], id: CapabilityId) -> Option<u16> {
        let read = |at: u16| -> Result<u16, Infallible> {
            Ok(u16::from_le_bytes([space[usize::from(at)], space[usize::from(at) + 1]]))
        };
        find(read, id).unwrap()
    }

    #[test]
    fn a_capability_is_found_and_a_loop_has_an_end() {
        let mut space = [0; 256];
        space[0x34] = 0x40;
        space[0x40..0x42].copy_from_slice(&[CapabilityId::POWER_MANAGEMENT.0, 0x50]);
        space[0x50..0x52].copy_from_slice(&[CapabilityId::MSI.0, 0x40]);
        assert_eq!(find_in(&space, CapabilityId::MSI), None, "Status says that there is no list");
        space[6] = 0x10;
        assert_eq!(find_in(&space, CapabilityId::MSI), Some(0x50));
        assert_eq!(find_in(&space, CapabilityId::MSI_X), None);
    }

    #[test]
    fn an_extended_capability_is_found_and_has_to_be_there_as_a_whole() {
        const L1: ExtendedCapabilityId = ExtendedCapabilityId::L1_PM_SUBSTATES;
        let find = |list: &[(u16, u32)], len| {
            let read = |at| {
                let found = list.iter().find(|&&(place, _)| place == at);
                Ok::<_, Infallible>(found.map_or(0, |&(_, header)| header))
            };
            find_extended(read, L1, len).unwrap()
        };
        assert_eq!(find(&[(0x100, 0x1482_0001), (0x148, 0x0001_001e)], 16), Some(0x148));
        assert_eq!(find(&[(0x100, 0xff42_0001), (0xff4, 0x0001_001e)], 16), None);
        assert_eq!(find(&[(0x100, 0xff42_0001), (0xff4, 0x0001_001e)], 12), Some(0xff4));
        assert_eq!(find(&[(0x100, 0x1002_0001)], 16), None, "a loop");
    }
}

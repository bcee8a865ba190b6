//! The list of capabilities (PCIe 7.5.1.1.11), however configuration space is read.

use crate::spec::pci::CapabilityId;
use crate::spec::pci::Status;
use crate::spec::pci::header::CONFIG_SIZE;
use crate::spec::pci::offset;

/// Returns the offset of a capability.
pub(super) fn find<E>(
    read16: impl Fn(u16) -> Result<u16, E>,
    id: CapabilityId,
) -> Result<Option<u16>, E> {
    const FIRST: u16 = 0x40;
    if !Status::from(read16(offset::STATUS)?).capabilities_list() {
        return Ok(None);
    }
    let [mut pointer, _] = read16(offset::CAPABILITIES_POINTER)?.to_le_bytes();
    // There is room for no more, so a list that is longer is a loop.
    for _ in 0..(CONFIG_SIZE - FIRST) / 4 {
        let at = u16::from(pointer & 0xfc);
        if at < FIRST {
            break;
        }
        let [found, next] = read16(at)?.to_le_bytes();
        if found == id.0 {
            return Ok(Some(at));
        }
        pointer = next;
    }
    Ok(None)
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
}

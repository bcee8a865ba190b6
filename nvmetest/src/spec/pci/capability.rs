//! The lists of capabilities (PCIe 7.5.1.1.11, PCIe 7.6).

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

open_enum! {
    /// Identifier of a capability in the first 256 bytes (PCIe 7.5.3, PCI Code and ID Assignment).
    #[derive(Unaligned)]
    pub enum CapabilityId: u8 {
        POWER_MANAGEMENT = 0x01, "PCI Power Management", "PCIe 7.5.2";
        MSI = 0x05, "MSI", "PCIe 7.7.1";
        VENDOR_SPECIFIC = 0x09, "Vendor-Specific", "PCIe 7.9.4";
        PCI_EXPRESS = 0x10, "PCI Express", "PCIe 7.5.3";
        MSI_X = 0x11, "MSI-X", "PCIe 7.7.2";
    }
}

open_enum! {
    /// Identifier of an extended capability (PCIe 7.6.3, PCI Code and ID Assignment).
    pub enum ExtendedCapabilityId: u16 {
        NULL = 0x0000, "Null", "PCIe 7.9.28";
        ADVANCED_ERROR_REPORTING = 0x0001, "Advanced Error Reporting", "PCIe 7.8.4";
        DEVICE_SERIAL_NUMBER = 0x0003, "Device Serial Number", "PCIe 7.9.3";
        POWER_BUDGETING = 0x0004, "Power Budgeting", "PCIe 7.8.1";
        ARI = 0x000E, "Alternative Routing-ID Interpretation", "PCIe 7.8.8";
        SR_IOV = 0x0010, "Single Root I/O Virtualization", "PCIe 9.3.3";
        LATENCY_TOLERANCE_REPORTING = 0x0018, "Latency Tolerance Reporting", "PCIe 7.8.2";
        SECONDARY_PCI_EXPRESS = 0x0019, "Secondary PCI Express", "PCIe 7.7.3";
        L1_PM_SUBSTATES = 0x001E, "L1 PM Substates", "PCIe 7.8.3";
    }
}

/// Header of an extended capability (PCIe 7.6.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ExtendedCapabilityHeader {
    /// PCI Express Extended Capability ID.
    #[bits(16)]
    pub id: ExtendedCapabilityId,
    /// Capability Version.
    #[bits(4)]
    pub version: u8,
    /// Next Capability Offset from the start of configuration space; 000h ends the list.
    #[bits(12)]
    pub next: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_header_is_id_version_and_next() {
        let header = ExtendedCapabilityHeader::from(0x1482_0001);
        assert_eq!(header.id(), ExtendedCapabilityId::ADVANCED_ERROR_REPORTING);
        assert_eq!((header.version(), header.next()), (2, 0x148));
    }

    #[test]
    fn a_capability_shows_its_name() {
        assert_eq!(CapabilityId(0x11).to_string(), "MSI-X (11h)");
        assert_eq!(CapabilityId(0x42).to_string(), "Unknown CapabilityId (42h)");
    }
}

//! The PCI Express capability (PCIe 7.5.3).

use bitfield_struct::bitfield;

/// Offset of PCI Express Capabilities in the capability, 16 bits (PCIe 7.5.3.2).
pub const CAPABILITIES: u16 = 0x02;
/// Offset of Device Capabilities in the capability, 32 bits (PCIe 7.5.3.3).
pub const DEVICE_CAPABILITIES: u16 = 0x04;
/// Offset of Device Control in the capability, 16 bits (PCIe 7.5.3.4).
pub const DEVICE_CONTROL: u16 = 0x08;
/// Offset of Device Status in the capability, 16 bits (PCIe 7.5.3.5).
pub const DEVICE_STATUS: u16 = 0x0A;
/// Offset of Link Capabilities in the capability, 32 bits (PCIe 7.5.3.6).
pub const LINK_CAPABILITIES: u16 = 0x0C;
/// Offset of Link Control in the capability, 16 bits (PCIe 7.5.3.7).
pub const LINK_CONTROL: u16 = 0x10;
/// Offset of Link Status in the capability, 16 bits (PCIe 7.5.3.8).
pub const LINK_STATUS: u16 = 0x12;

/// Device Capabilities (PCIe 7.5.3.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DeviceCapabilities {
    /// Max_Payload_Size Supported: 2^(7 + value) bytes.
    #[bits(3)]
    pub max_payload_size: u8,
    /// Phantom Functions Supported.
    #[bits(2)]
    pub phantom_functions: u8,
    /// Extended Tag Field Supported.
    pub extended_tag: bool,
    /// Endpoint L0s Acceptable Latency.
    #[bits(3)]
    pub l0s_latency: u8,
    /// Endpoint L1 Acceptable Latency.
    #[bits(3)]
    pub l1_latency: u8,
    #[bits(3)]
    __: u8,
    /// Role-Based Error Reporting; set in every function since PCIe 1.1.
    pub role_based_error_reporting: bool,
    #[bits(2)]
    __: u8,
    /// Captured Slot Power Limit Value.
    pub slot_power_limit_value: u8,
    /// Captured Slot Power Limit Scale.
    #[bits(2)]
    pub slot_power_limit_scale: u8,
    /// Function Level Reset Capability; set in every NVMe function (PCIe transport 3.8).
    pub flr: bool,
    #[bits(3)]
    __: u8,
}

/// Device Control (PCIe 7.5.3.4).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct DeviceControl {
    /// Correctable Error Reporting Enable.
    pub correctable_error_reporting: bool,
    /// Non-Fatal Error Reporting Enable.
    pub non_fatal_error_reporting: bool,
    /// Fatal Error Reporting Enable.
    pub fatal_error_reporting: bool,
    /// Unsupported Request Reporting Enable.
    pub unsupported_request_reporting: bool,
    /// Enable Relaxed Ordering.
    pub relaxed_ordering: bool,
    /// Max_Payload_Size: 2^(7 + value) bytes.
    #[bits(3)]
    pub max_payload_size: u8,
    /// Extended Tag Field Enable.
    pub extended_tag: bool,
    /// Phantom Functions Enable.
    pub phantom_functions: bool,
    /// Aux Power PM Enable.
    pub aux_power: bool,
    /// Enable No Snoop.
    pub no_snoop: bool,
    /// Max_Read_Request_Size: 2^(7 + value) bytes.
    #[bits(3)]
    pub max_read_request_size: u8,
    /// Initiate Function Level Reset: always reads 0.
    pub initiate_flr: bool,
}

/// Device Status (PCIe 7.5.3.5).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct DeviceStatus {
    /// Correctable Error Detected; cleared by writing a 1.
    pub correctable_error: bool,
    /// Non-Fatal Error Detected; cleared by writing a 1.
    pub non_fatal_error: bool,
    /// Fatal Error Detected; cleared by writing a 1.
    pub fatal_error: bool,
    /// Unsupported Request Detected; cleared by writing a 1.
    pub unsupported_request: bool,
    /// AUX Power Detected.
    pub aux_power: bool,
    /// Transactions Pending: the function waits for completions of its requests.
    pub transactions_pending: bool,
    #[bits(10)]
    __: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_level_reset_is_bit_28_of_the_capabilities_and_15_of_the_control() {
        assert!(DeviceCapabilities::from(1 << 28).flr());
        assert_eq!(u16::from(DeviceControl::new().with_initiate_flr(true)), 0x8000);
        assert!(DeviceCapabilities::from(1 << 15).role_based_error_reporting());
        assert_eq!(DeviceCapabilities::from(0xFF << 18).slot_power_limit_value(), 0xFF);
    }

    #[test]
    fn the_other_bits_are_those_of_the_figures() {
        assert_eq!(DeviceControl::from(0x2810).max_read_request_size(), 2);
        assert!(DeviceControl::from(0x2810).relaxed_ordering());
        assert!(DeviceControl::from(0x2810).no_snoop());
        assert_eq!(DeviceControl::from(0b001 << 5).max_payload_size(), 1);
        assert!(DeviceStatus::from(1 << 5).transactions_pending());
    }
}

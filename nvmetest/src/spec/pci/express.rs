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
/// Offset of Device Capabilities 2 in the capability, 32 bits (PCIe 7.5.3.15).
pub const DEVICE_CAPABILITIES_2: u16 = 0x24;
/// Offset of Device Control 2 in the capability, 16 bits (PCIe 7.5.3.16).
pub const DEVICE_CONTROL_2: u16 = 0x28;

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

/// Device Capabilities 2 (PCIe 7.5.3.15), of which this names one.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DeviceCapabilities2 {
    #[bits(11)]
    __: u16,
    /// LTR Mechanism Supported.
    pub ltr: bool,
    #[bits(20)]
    __: u32,
}

/// Device Control 2 (PCIe 7.5.3.16).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct DeviceControl2 {
    /// Completion Timeout Value.
    #[bits(4)]
    pub completion_timeout: u8,
    /// Completion Timeout Disable.
    pub completion_timeout_disable: bool,
    /// ARI Forwarding Enable; of a port.
    pub ari_forwarding: bool,
    /// AtomicOp Requester Enable.
    pub atomic_requester: bool,
    /// AtomicOp Egress Blocking; of a port.
    pub atomic_egress_blocking: bool,
    /// IDO Request Enable.
    pub ido_request: bool,
    /// IDO Completion Enable.
    pub ido_completion: bool,
    /// LTR Mechanism Enable: the function tells how long it can wait, without which there is no ASPM L1.2 (PCIe 5.5.1).
    pub ltr: bool,
    #[bits(5)]
    __: u8,
}

/// PCI Express Capabilities (PCIe 7.5.3.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct ExpressCapabilities {
    /// Capability Version: 2 since PCIe 2.0.
    #[bits(4)]
    pub version: u8,
    /// Device/Port Type: 0h is an endpoint, 9h one that is integrated into the Root Complex and has no link.
    #[bits(4)]
    pub kind: u8,
    /// Slot Implemented.
    pub slot: bool,
    /// Interrupt Message Number.
    #[bits(5)]
    pub interrupt_message: u8,
    #[bits(2)]
    __: u8,
}

/// Link Capabilities (PCIe 7.5.3.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct LinkCapabilities {
    /// Max Link Speed: 1 is 2.5 GT/s, 2 is 5 GT/s, 3 is 8 GT/s, 4 is 16 GT/s, 5 is 32 GT/s.
    #[bits(4)]
    pub max_speed: u8,
    /// Maximum Link Width, in lanes.
    #[bits(6)]
    pub max_width: u8,
    /// ASPM Support: bit 0 for L0s, bit 1 for L1.
    #[bits(2)]
    pub aspm: u8,
    /// L0s Exit Latency.
    #[bits(3)]
    pub l0s_exit_latency: u8,
    /// L1 Exit Latency.
    #[bits(3)]
    pub l1_exit_latency: u8,
    /// Clock Power Management.
    pub clock_power_management: bool,
    /// Surprise Down Error Reporting Capable.
    pub surprise_down: bool,
    /// Data Link Layer Link Active Reporting Capable.
    pub link_active_reporting: bool,
    /// Link Bandwidth Notification Capability.
    pub bandwidth_notification: bool,
    /// ASPM Optionality Compliance.
    pub aspm_optionality: bool,
    __: bool,
    /// Port Number.
    pub port: u8,
}

/// Link Control (PCIe 7.5.3.7).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct LinkControl {
    /// ASPM Control: bit 0 for L0s, bit 1 for L1.
    #[bits(2)]
    pub aspm: u8,
    __: bool,
    /// Read Completion Boundary.
    pub read_completion_boundary: bool,
    /// Link Disable; reserved in an endpoint.
    pub link_disable: bool,
    /// Retrain Link; reserved in an endpoint.
    pub retrain: bool,
    /// Common Clock Configuration.
    pub common_clock: bool,
    /// Extended Synch.
    pub extended_synch: bool,
    #[bits(8)]
    __: u8,
}

/// Link Status (PCIe 7.5.3.8).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct LinkStatus {
    /// Current Link Speed, as in [`LinkCapabilities::max_speed`].
    #[bits(4)]
    pub speed: u8,
    /// Negotiated Link Width, in lanes.
    #[bits(6)]
    pub width: u8,
    __: bool,
    /// Link Training; reserved in an endpoint.
    pub training: bool,
    /// Slot Clock Configuration.
    pub slot_clock: bool,
    /// Data Link Layer Link Active.
    pub link_active: bool,
    /// Link Bandwidth Management Status; reserved in an endpoint.
    pub bandwidth_management: bool,
    /// Link Autonomous Bandwidth Status; reserved in an endpoint.
    pub autonomous_bandwidth: bool,
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
    fn speed_and_width_of_a_link_are_where_the_figures_have_them() {
        let can = LinkCapabilities::from(0x0047_1c44);
        assert_eq!((can.max_speed(), can.max_width(), can.aspm()), (4, 4, 0b11));
        let is = LinkStatus::from(0x1043);
        assert_eq!((is.speed(), is.width(), is.slot_clock()), (3, 4, true));
        assert_eq!(LinkControl::from(0x0042).aspm(), 0b10);
        assert_eq!(ExpressCapabilities::from(0x0092).kind(), 9);
    }

    #[test]
    fn the_mechanism_of_ltr_is_bit_10_of_the_second_control() {
        assert_eq!(u16::from(DeviceControl2::new().with_ltr(true)), 0x0400);
        assert_eq!(u32::from(DeviceCapabilities2::new().with_ltr(true)), 0x0800);
        assert!(DeviceControl2::from(1 << 4).completion_timeout_disable());
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

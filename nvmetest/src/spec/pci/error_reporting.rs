//! Advanced Error Reporting, an extended capability (PCIe 7.8.4).

use bitfield_struct::bitfield;

/// Offset of Uncorrectable Error Status in the capability, 32 bits (PCIe 7.8.4.2).
pub const UNCORRECTABLE_STATUS: u16 = 0x04;
/// Offset of Uncorrectable Error Mask in the capability, 32 bits (PCIe 7.8.4.3).
pub const UNCORRECTABLE_MASK: u16 = 0x08;
/// Offset of Uncorrectable Error Severity in the capability, 32 bits (PCIe 7.8.4.4).
pub const UNCORRECTABLE_SEVERITY: u16 = 0x0C;
/// Offset of Correctable Error Status in the capability, 32 bits (PCIe 7.8.4.5).
pub const CORRECTABLE_STATUS: u16 = 0x10;
/// Offset of Correctable Error Mask in the capability, 32 bits (PCIe 7.8.4.6).
pub const CORRECTABLE_MASK: u16 = 0x14;

/// Uncorrectable errors: their status, cleared by writing a 1, their masks and severities (PCIe 7.8.4.2 to PCIe 7.8.4.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct UncorrectableErrors {
    #[bits(4)]
    __: u8,
    /// Data Link Protocol Error.
    pub data_link_protocol: bool,
    /// Surprise Down Error; of a port.
    pub surprise_down: bool,
    #[bits(6)]
    __: u8,
    /// Poisoned TLP Received.
    pub poisoned: bool,
    /// Flow Control Protocol Error.
    pub flow_control_protocol: bool,
    /// Completion Timeout.
    pub completion_timeout: bool,
    /// Completer Abort.
    pub completer_abort: bool,
    /// Unexpected Completion.
    pub unexpected_completion: bool,
    /// Receiver Overflow.
    pub receiver_overflow: bool,
    /// Malformed TLP.
    pub malformed: bool,
    /// ECRC Error.
    pub ecrc: bool,
    /// Unsupported Request Error: the function was asked for what it does not answer.
    pub unsupported_request: bool,
    /// ACS Violation.
    pub acs_violation: bool,
    /// Uncorrectable Internal Error.
    pub internal: bool,
    #[bits(9)]
    __: u16,
}

/// Correctable errors: their status, cleared by writing a 1, and their masks (PCIe 7.8.4.5, PCIe 7.8.4.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CorrectableErrors {
    /// Receiver Error.
    pub receiver: bool,
    #[bits(5)]
    __: u8,
    /// Bad TLP.
    pub bad_tlp: bool,
    /// Bad DLLP.
    pub bad_dllp: bool,
    /// REPLAY_NUM Rollover.
    pub replay_rollover: bool,
    #[bits(3)]
    __: u8,
    /// Replay Timer Timeout.
    pub replay_timeout: bool,
    /// Advisory Non-Fatal Error.
    pub advisory: bool,
    /// Corrected Internal Error.
    pub internal: bool,
    /// Header Log Overflow.
    pub header_log_overflow: bool,
    #[bits(16)]
    __: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_where_the_figures_have_them() {
        let severity = UncorrectableErrors::from(0x0046_2030);
        assert!(severity.data_link_protocol() && severity.surprise_down());
        assert!(severity.flow_control_protocol() && severity.receiver_overflow());
        assert!(severity.malformed() && severity.internal() && !severity.unsupported_request());
        assert!(UncorrectableErrors::from(1 << 20).unsupported_request());
        assert!(UncorrectableErrors::from(1 << 12).poisoned());
        assert!(CorrectableErrors::from(1 << 13).advisory());
        assert!(CorrectableErrors::from(1 << 6).bad_tlp());
        assert!(CorrectableErrors::from(1 << 12).replay_timeout());
    }
}

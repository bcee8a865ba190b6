//! PCI Power Management (PCIe 7.5.2).

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

/// Offset of Power Management Capabilities in the capability, 16 bits (PCIe 7.5.2.1).
pub const CAPABILITIES: u16 = 2;
/// Offset of Power Management Control/Status in the capability, 16 bits (PCIe 7.5.2.2).
pub const CONTROL_STATUS: u16 = 4;

/// Power Management Capabilities (PCIe 7.5.2.1).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct PowerManagementCapabilities {
    /// Version: 011b.
    #[bits(3)]
    pub version: u8,
    /// PME Clock: 0 for PCI Express.
    pub pme_clock: bool,
    /// Immediate Readiness on Return to D0.
    pub immediate_readiness: bool,
    /// Device Specific Initialization.
    pub dsi: bool,
    /// Aux Current.
    #[bits(3)]
    pub aux_current: u8,
    /// D1 Support.
    pub d1: bool,
    /// D2 Support.
    pub d2: bool,
    /// PME Support, a bit for each of D0, D1, D2, D3hot, D3cold.
    #[bits(5)]
    pub pme: u8,
}

/// PMCSR: Power Management Control/Status (PCIe 7.5.2.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Pmcsr {
    /// PowerState.
    #[bits(2)]
    pub power_state: PowerState,
    __: bool,
    /// No_Soft_Reset: a return from D3hot to D0 is no internal reset.
    pub no_soft_reset: bool,
    #[bits(4)]
    __: u8,
    /// PME_En.
    pub pme_enable: bool,
    /// Data_Select.
    #[bits(4)]
    pub data_select: u8,
    /// Data_Scale.
    #[bits(2)]
    pub data_scale: u8,
    /// PME_Status; cleared by writing a 1.
    pub pme_status: bool,
}

open_enum! {
    /// PowerState of PMCSR (PCIe 7.5.2.2).
    #[derive(Unaligned)]
    pub enum PowerState: u8 {
        D0 = 0b00, "D0", "PCIe 5.3.1.1";
        D1 = 0b01, "D1", "PCIe 5.3.1.2";
        D2 = 0b10, "D2", "PCIe 5.3.1.3";
        D3HOT = 0b11, "D3hot", "PCIe 5.3.1.4.1";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_word_has_the_state_in_its_lowest_bits() {
        let pmcsr = Pmcsr::from(0x810B);
        assert_eq!(pmcsr.power_state(), PowerState::D3HOT);
        assert!(pmcsr.no_soft_reset() && pmcsr.pme_enable() && pmcsr.pme_status());
        assert_eq!(PowerManagementCapabilities::from(0xF803).pme(), 0x1F);
        assert_eq!(PowerManagementCapabilities::from(0x0603).version(), 3);
        assert!(PowerManagementCapabilities::from(0x0200).d1());
    }
}

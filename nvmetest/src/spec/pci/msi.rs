//! MSI: the capability (PCIe 7.7.1, PCIe transport 3.8.3).

use bitfield_struct::bitfield;

/// Offset of Message Control in the capability, 16 bits (PCIe 7.7.1.2).
pub const CONTROL: u16 = 2;

/// The most messages that a function can ask for (PCIe 7.7.1.2).
pub const MOST: u16 = 32;

/// Message Control for MSI (PCIe 7.7.1.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct MsiControl {
    /// MSI Enable.
    pub enable: bool,
    /// Multiple Message Capable: the function asks for 2^value messages; more than 5 is reserved.
    #[bits(3)]
    pub capable: u8,
    /// Multiple Message Enable (MME): the host has allocated 2^value messages, no more than were asked for.
    #[bits(3)]
    pub enabled: u8,
    /// 64-bit Address Capable; set in every PCI Express endpoint.
    pub wide: bool,
    /// Per-Vector Masking Capable.
    pub maskable: bool,
    /// Extended Message Data Capable.
    pub extended_data_capable: bool,
    /// Extended Message Data Enable.
    pub extended_data_enable: bool,
    #[bits(5)]
    __: u8,
}

impl MsiControl {
    /// The messages that the function asks for.
    pub const fn messages_capable(self) -> u16 {
        messages(self.capable())
    }

    /// The messages that the host has allocated, which are numbered from 0 on.
    pub const fn messages_enabled(self) -> u16 {
        messages(self.enabled())
    }

    /// Allocates at least `count` messages, and no more than were asked for.
    pub fn with_messages(self, count: u16) -> Self {
        let exponent = count.max(1).next_power_of_two().trailing_zeros() as u8;
        self.with_enabled(exponent.min(self.capable()))
    }

    /// Offset of Mask Bits in the capability, 32 bits, if vectors can be masked (PCIe 7.7.1.7).
    pub const fn mask_bits(self) -> Option<u16> {
        match (self.maskable(), self.wide()) {
            (true, true) => Some(0x10),
            (true, false) => Some(0x0C),
            (false, _) => None,
        }
    }

    /// Offset of Pending Bits in the capability, 32 bits, if vectors can be masked (PCIe 7.7.1.8).
    pub fn pending_bits(self) -> Option<u16> {
        Some(self.mask_bits()? + 4)
    }
}

/// What a field of three bits means; the values beyond 5 are reserved.
const fn messages(exponent: u8) -> u16 {
    if exponent < 5 { 1 << exponent } else { MOST }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_word_is_that_of_the_figure() {
        let control = MsiControl::from(0x019B);
        assert!(control.enable() && control.wide() && control.maskable());
        assert_eq!((control.messages_capable(), control.messages_enabled()), (32, 2));
        assert_eq!((control.mask_bits(), control.pending_bits()), (Some(0x10), Some(0x14)));
        assert_eq!(control.with_wide(false).mask_bits(), Some(0x0C));
        assert_eq!(control.with_maskable(false).pending_bits(), None);
    }

    #[test]
    fn messages_are_allocated_in_powers_of_two_and_no_more_than_there_are() {
        let control = MsiControl::new().with_capable(3);
        let allocated = |count| control.with_messages(count).messages_enabled();
        assert_eq!([0, 1, 2, 3, 5, 8, 9, 32].map(allocated), [1, 1, 2, 4, 8, 8, 8, 8]);
    }

    #[test]
    fn a_reserved_number_of_messages_is_not_taken_for_more_than_there_can_be() {
        assert_eq!(MsiControl::new().with_capable(7).messages_capable(), MOST);
    }
}

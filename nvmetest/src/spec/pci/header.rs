//! The type 0 header (PCIe 7.5.1, PCIe transport 3.8.1).

use bitfield_struct::bitfield;

/// Offsets in the type 0 configuration space header (PCIe 7.5.1).
pub mod offset {
    /// Vendor ID, 16 bits (PCIe 7.5.1.1.1).
    pub const VENDOR_ID: u16 = 0x00;
    /// Device ID, 16 bits (PCIe 7.5.1.1.2).
    pub const DEVICE_ID: u16 = 0x02;
    /// Command, 16 bits (PCIe 7.5.1.1.3).
    pub const COMMAND: u16 = 0x04;
    /// Status, 16 bits (PCIe 7.5.1.1.4).
    pub const STATUS: u16 = 0x06;
    /// Revision ID, 8 bits (PCIe 7.5.1.1.5).
    pub const REVISION_ID: u16 = 0x08;
    /// Class Code, 24 bits: programming interface, sub-class, base class (PCIe 7.5.1.1.6).
    pub const CLASS_CODE: u16 = 0x09;
    /// Cache Line Size, 8 bits (PCIe 7.5.1.1.7).
    pub const CACHE_LINE_SIZE: u16 = 0x0C;
    /// Latency Timer, 8 bits (PCIe 7.5.1.1.8).
    pub const LATENCY_TIMER: u16 = 0x0D;
    /// Header Type, 8 bits (PCIe 7.5.1.1.9).
    pub const HEADER_TYPE: u16 = 0x0E;
    /// BIST, 8 bits (PCIe 7.5.1.1.10).
    pub const BIST: u16 = 0x0F;
    /// The first of six Base Address Registers, 32 bits each (PCIe 7.5.1.2.1).
    pub const BAR0: u16 = 0x10;
    /// Memory Base of a port, 16 bits (PCIe 7.5.1.3.8).
    pub const MEMORY_BASE: u16 = 0x20;
    /// Memory Limit of a port, 16 bits (PCIe 7.5.1.3.8).
    pub const MEMORY_LIMIT: u16 = 0x22;
    /// Subsystem Vendor ID, 16 bits (PCIe 7.5.1.2.3).
    pub const SUBSYSTEM_VENDOR_ID: u16 = 0x2C;
    /// Subsystem ID, 16 bits (PCIe 7.5.1.2.3).
    pub const SUBSYSTEM_ID: u16 = 0x2E;
    /// Expansion ROM Base Address, 32 bits (PCIe 7.5.1.2.4).
    pub const EXPANSION_ROM: u16 = 0x30;
    /// Capabilities Pointer, 8 bits (PCIe 7.5.1.1.11).
    pub const CAPABILITIES_POINTER: u16 = 0x34;
    /// Interrupt Line, 8 bits (PCIe 7.5.1.1.12).
    pub const INTERRUPT_LINE: u16 = 0x3C;
    /// Interrupt Pin, 8 bits (PCIe 7.5.1.1.13).
    pub const INTERRUPT_PIN: u16 = 0x3D;
    /// The first extended capability (PCIe 7.6.1).
    pub const EXTENDED_CAPABILITIES: u16 = 0x100;
}

/// Class code of an NVMe I/O controller: mass storage, non-volatile memory, NVMe interface
/// (PCIe transport 3.8.1).
///
/// As the 24-bit value at [`offset::CLASS_CODE`]; the dword at [`offset::REVISION_ID`] has it in
/// bits 31:8.
pub const CLASS_NVME: u32 = 0x01_08_02;

/// Bytes of the header (PCIe 7.5.1).
pub const HEADER_SIZE: u16 = 0x40;
/// Bytes of configuration space that PCI has, and that PCI Express has (PCIe 7.2).
pub const CONFIG_SIZE: u16 = 256;
/// Bytes of configuration space that PCI Express has (PCIe 7.2).
pub const EXTENDED_CONFIG_SIZE: u16 = 4096;

/// Command register (PCIe 7.5.1.1.3).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Command {
    /// I/O Space Enable.
    pub io_space: bool,
    /// Memory Space Enable: the memory BARs answer.
    pub memory_space: bool,
    /// Bus Master Enable: the function may read and write memory and send MSI and MSI-X.
    pub bus_master: bool,
    #[bits(3)]
    __: u8,
    /// Parity Error Response.
    pub parity_error_response: bool,
    __: bool,
    /// SERR# Enable.
    pub serr: bool,
    __: bool,
    /// Interrupt Disable: the function may not send INTx.
    pub interrupt_disable: bool,
    #[bits(5)]
    __: u8,
}

/// Status register; the error bits are cleared by writing a 1 (PCIe 7.5.1.1.4).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Status {
    /// Immediate Readiness.
    pub immediate_readiness: bool,
    #[bits(2)]
    __: u8,
    /// Interrupt Status: an INTx is pending.
    pub interrupt: bool,
    /// Capabilities List: there is one; set in every PCI Express function.
    pub capabilities_list: bool,
    #[bits(3)]
    __: u8,
    /// Master Data Parity Error.
    pub master_data_parity_error: bool,
    #[bits(2)]
    __: u8,
    /// Signaled Target Abort.
    pub signaled_target_abort: bool,
    /// Received Target Abort.
    pub received_target_abort: bool,
    /// Received Master Abort.
    pub received_master_abort: bool,
    /// Signaled System Error.
    pub signaled_system_error: bool,
    /// Detected Parity Error.
    pub detected_parity_error: bool,
}

/// One Base Address Register for memory (PCIe 7.5.1.2.1).
///
/// BAR0 of an NVMe function is a 64-bit memory BAR, its upper half is BAR1
/// (PCIe transport 3.8.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Bar {
    /// Memory Space Indicator: 0 is memory, 1 is I/O and then the other fields have other meanings.
    pub io: bool,
    /// Type: 00b is 32 bits, 10b is 64 bits.
    #[bits(2)]
    pub kind: u8,
    /// Prefetchable.
    pub prefetchable: bool,
    /// Bits 31:4 of the address.
    #[bits(28)]
    pub address: u32,
}

impl Bar {
    /// Whether the next register holds bits 63:32 of the address.
    pub const fn is_64_bit(self) -> bool {
        !self.io() && self.kind() == 0b10
    }

    /// Bits 31:0 of the address, with the flags cleared.
    pub const fn address_low(self) -> u32 {
        self.address() << 4
    }

    /// The address, whose bits 63:32 are `high`: what the next register holds, or 0 where the BAR has 32 bits.
    pub const fn address_with(self, high: u32) -> u64 {
        (high as u64) << 32 | self.address_low() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_bits_are_those_of_the_figure() {
        let command = Command::new().with_memory_space(true).with_bus_master(true);
        assert_eq!(u16::from(command.with_interrupt_disable(true)), 0x0406);
        assert!(Command::from(1 << 6).parity_error_response() && Command::from(1 << 8).serr());
    }

    #[test]
    fn the_status_bits_are_those_of_the_figure() {
        assert!(Status::from(1 << 3).interrupt() && Status::from(1 << 4).capabilities_list());
        assert!(Status::from(1 << 8).master_data_parity_error());
        assert!(Status::from(1 << 11).signaled_target_abort());
        assert!(Status::from(1 << 15).detected_parity_error());
    }

    #[test]
    fn a_bar_says_how_wide_it_is() {
        let bar = Bar::from(0xFEB0_000C);
        assert!(bar.is_64_bit() && bar.prefetchable());
        assert_eq!(bar.address_low(), 0xFEB0_0000);
        assert_eq!(bar.address_with(0x12), 0x12_FEB0_0000);
        assert!(!Bar::from(0xC005).is_64_bit());
    }
}

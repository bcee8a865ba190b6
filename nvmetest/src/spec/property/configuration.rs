//! CC, CSTS and AQA: starting and stopping the controller (Base 3.1.4.5, 3.1.4.6, 3.1.4.8).

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

/// CC: Controller Configuration (Base 3.1.4.5).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cc {
    /// EN: a 1 enables the controller, a change from 1 to 0 resets it.
    pub en: bool,
    #[bits(3)]
    __: u8,
    /// CSS: I/O command set selected; only changed while EN is 0.
    #[bits(3)]
    pub css: CommandSetSelected,
    /// MPS: memory pages have 2^(12 + MPS) bytes.
    #[bits(4)]
    pub mps: u8,
    /// AMS: arbitration mechanism selected.
    #[bits(3)]
    pub ams: ArbitrationMechanism,
    /// SHN: shutdown notification.
    #[bits(2)]
    pub shn: ShutdownNotification,
    /// IOSQES: entries of I/O submission queues have 2^IOSQES bytes.
    #[bits(4)]
    pub iosqes: u8,
    /// IOCQES: entries of I/O completion queues have 2^IOCQES bytes.
    #[bits(4)]
    pub iocqes: u8,
    /// CRIME: enables Controller Ready Independent of Media.
    pub crime: bool,
    #[bits(7)]
    __: u8,
}

open_enum! {
    /// CC.CSS: I/O Command Set Selected (Base 3.1.4.5).
    #[derive(Unaligned)]
    pub enum CommandSetSelected: u8 {
        NVM = 0b000, "NVM Command Set", "Base 3.1.4.5";
        ALL = 0b110, "All supported I/O Command Sets", "Base 3.1.4.5";
        ADMIN_ONLY = 0b111, "Admin Command Set only", "Base 3.1.4.5";
    }
}

open_enum! {
    /// CC.AMS: Arbitration Mechanism Selected (Base 3.1.4.5, Base 3.4.4).
    #[derive(Unaligned)]
    pub enum ArbitrationMechanism: u8 {
        ROUND_ROBIN = 0b000, "Round Robin", "Base 3.4.4.1";
        WEIGHTED_ROUND_ROBIN = 0b001, "Weighted Round Robin with Urgent Priority Class", "Base 3.4.4.2";
        VENDOR_SPECIFIC = 0b111, "Vendor Specific", "Base 3.4.4.3";
    }
}

open_enum! {
    /// CC.SHN: Shutdown Notification (Base 3.1.4.5).
    #[derive(Unaligned)]
    pub enum ShutdownNotification: u8 {
        NONE = 0b00, "No notification", "Base 3.1.4.5";
        NORMAL = 0b01, "Normal shutdown notification", "Base 3.1.4.5";
        ABRUPT = 0b10, "Abrupt shutdown notification", "Base 3.1.4.5";
    }
}

/// CSTS: Controller Status (Base 3.1.4.6).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Csts {
    /// RDY: the controller is ready to process commands.
    pub rdy: bool,
    /// CFS: a fatal error that the controller could not report in a completion queue.
    pub cfs: bool,
    /// SHST: shutdown status.
    #[bits(2)]
    pub shst: ShutdownStatus,
    /// NSSRO: an NVM Subsystem Reset occurred; cleared by writing a 1.
    pub nssro: bool,
    /// PP: the controller has stopped processing commands for a while.
    pub pp: bool,
    /// ST: SHST is about the NVM subsystem and not about this controller alone.
    pub st: bool,
    #[bits(25)]
    __: u32,
}

open_enum! {
    /// CSTS.SHST: Shutdown Status (Base 3.1.4.6).
    #[derive(Unaligned)]
    pub enum ShutdownStatus: u8 {
        NORMAL_OPERATION = 0b00, "Normal operation", "Base 3.1.4.6";
        IN_PROGRESS = 0b01, "Shutdown processing occurring", "Base 3.1.4.6";
        COMPLETE = 0b10, "Shutdown processing complete", "Base 3.1.4.6";
    }
}

impl Csts {
    /// What a read of a function that is gone or in reset returns (PCIe 2.3.2).
    pub const ALL_ONES: Self = Self::from_bits(u32::MAX);

    /// Whether this is what a read of an absent function returns.
    pub fn is_all_ones(self) -> bool {
        self == Self::ALL_ONES
    }
}

/// AQA: Admin Queue Attributes (Base 3.1.4.8).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Aqa {
    /// ASQS: entries of the Admin Submission Queue, zero-based; 1h to FFFh.
    #[bits(12)]
    pub asqs_z: u16,
    #[bits(4)]
    __: u8,
    /// ACQS: entries of the Admin Completion Queue, zero-based; 1h to FFFh.
    #[bits(12)]
    pub acqs_z: u16,
    #[bits(4)]
    __: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_cc_are_in_the_bits_of_the_figure() {
        let bits = |value: u32, shift: u32| Cc::from(value << shift);
        assert!(bits(1, 0).en());
        assert_eq!(bits(0b110, 4).css(), CommandSetSelected::ALL);
        assert_eq!(bits(0xA, 7).mps(), 0xA);
        assert_eq!(bits(0b001, 11).ams(), ArbitrationMechanism::WEIGHTED_ROUND_ROBIN);
        assert_eq!(bits(0b10, 14).shn(), ShutdownNotification::ABRUPT);
        assert_eq!(bits(6, 16).iosqes(), 6);
        assert_eq!(bits(4, 20).iocqes(), 4);
        assert!(bits(1, 24).crime());
        assert_eq!(u32::from(Cc::new().with_en(true).with_iosqes(6).with_iocqes(4)), 0x0046_0001);
    }

    #[test]
    fn the_fields_of_csts_are_in_the_bits_of_the_figure() {
        let bits = |value: u32, shift: u32| Csts::from(value << shift);
        assert!(bits(1, 0).rdy());
        assert!(bits(1, 1).cfs());
        assert_eq!(bits(0b10, 2).shst(), ShutdownStatus::COMPLETE);
        assert!(bits(1, 4).nssro());
        assert!(bits(1, 5).pp());
        assert!(bits(1, 6).st());
        assert!(Csts::from(u32::MAX).is_all_ones());
        assert!(!Csts::new().with_rdy(true).is_all_ones());
    }

    #[test]
    fn the_admin_queue_sizes_are_twelve_bits_each() {
        let aqa = Aqa::new().with_asqs_z(0x123).with_acqs_z(0xFFF);
        assert_eq!(u32::from(aqa), 0x0FFF_0123);
    }
}

//! Controller properties (Base 3.1.4), which over PCIe are the registers at the start of BAR0.
//!
//! One file a family: [`capabilities`] is what a host reads first, [`configuration`] is what it
//! writes to start and to stop the controller, the others are optional.

use bitfield_struct::bitfield;

pub mod boot_partition;
pub mod capabilities;
pub mod configuration;
pub mod controller_memory_buffer;
pub mod persistent_memory_region;

pub use boot_partition::Bpinfo;
pub use boot_partition::Bpmbl;
pub use boot_partition::Bprsel;
pub use capabilities::Cap;
pub use capabilities::CommandSets;
pub use capabilities::ControllerReadyModes;
pub use capabilities::Vs;
pub use configuration::Aqa;
pub use configuration::ArbitrationMechanism;
pub use configuration::Cc;
pub use configuration::CommandSetSelected;
pub use configuration::Csts;
pub use configuration::ShutdownNotification;
pub use configuration::ShutdownStatus;
pub use controller_memory_buffer::Cmbebs;
pub use controller_memory_buffer::Cmbloc;
pub use controller_memory_buffer::Cmbmsc;
pub use controller_memory_buffer::Cmbsts;
pub use controller_memory_buffer::Cmbswtp;
pub use controller_memory_buffer::Cmbsz;
pub use persistent_memory_region::Pmrcap;
pub use persistent_memory_region::Pmrctl;
pub use persistent_memory_region::Pmrebs;
pub use persistent_memory_region::Pmrmscl;
pub use persistent_memory_region::Pmrsts;
pub use persistent_memory_region::Pmrswtp;

open_enum! {
    /// Offset of a property in bytes (Base 3.1.4, figure "Property Definition").
    pub enum Property: u32 {
        CAP = 0x00, "Controller Capabilities", "Base 3.1.4.1";
        VS = 0x08, "Version", "Base 3.1.4.2";
        INTMS = 0x0C, "Interrupt Mask Set", "Base 3.1.4.3";
        INTMC = 0x10, "Interrupt Mask Clear", "Base 3.1.4.4";
        CC = 0x14, "Controller Configuration", "Base 3.1.4.5";
        CSTS = 0x1C, "Controller Status", "Base 3.1.4.6";
        NSSR = 0x20, "NVM Subsystem Reset", "Base 3.1.4.7";
        AQA = 0x24, "Admin Queue Attributes", "Base 3.1.4.8";
        ASQ = 0x28, "Admin Submission Queue Base Address", "Base 3.1.4.9";
        ACQ = 0x30, "Admin Completion Queue Base Address", "Base 3.1.4.10";
        CMBLOC = 0x38, "Controller Memory Buffer Location", "Base 3.1.4.11";
        CMBSZ = 0x3C, "Controller Memory Buffer Size", "Base 3.1.4.12";
        BPINFO = 0x40, "Boot Partition Information", "Base 3.1.4.13";
        BPRSEL = 0x44, "Boot Partition Read Select", "Base 3.1.4.14";
        BPMBL = 0x48, "Boot Partition Memory Buffer Location", "Base 3.1.4.15";
        CMBMSC = 0x50, "Controller Memory Buffer Memory Space Control", "Base 3.1.4.16";
        CMBSTS = 0x58, "Controller Memory Buffer Status", "Base 3.1.4.17";
        CMBEBS = 0x5C, "Controller Memory Buffer Elasticity Buffer Size", "Base 3.1.4.18";
        CMBSWTP = 0x60, "Controller Memory Buffer Sustained Write Throughput", "Base 3.1.4.19";
        NSSD = 0x64, "NVM Subsystem Shutdown", "Base 3.1.4.20";
        CRTO = 0x68, "Controller Ready Timeouts", "Base 3.1.4.21";
        PMRCAP = 0xE00, "Persistent Memory Region Capabilities", "Base 3.1.4.22";
        PMRCTL = 0xE04, "Persistent Memory Region Control", "Base 3.1.4.23";
        PMRSTS = 0xE08, "Persistent Memory Region Status", "Base 3.1.4.24";
        PMREBS = 0xE0C, "Persistent Memory Region Elasticity Buffer Size", "Base 3.1.4.25";
        PMRSWTP = 0xE10, "Persistent Memory Region Sustained Write Throughput", "Base 3.1.4.26";
        PMRMSCL = 0xE14, "Persistent Memory Region Memory Space Control Lower", "Base 3.1.4.27";
        PMRMSCU = 0xE18, "Persistent Memory Region Memory Space Control Upper", "Base 3.1.4.28";
    }
}

impl Property {
    /// Size in bytes: 8 for the 64-bit properties, 4 for all others (Base 3.1.4).
    ///
    /// A 64-bit property may be accessed as two dwords, lower first (PCIe transport 3.1).
    pub const fn size(self) -> u32 {
        match self {
            Self::CAP | Self::ASQ | Self::ACQ | Self::BPMBL | Self::CMBMSC => 8,
            _ => 4,
        }
    }
}

/// CRTO: Controller Ready Timeouts, in units of 500 ms (Base 3.1.4.21).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Crto {
    /// CRWMT: until commands that need media are ready, from the moment that CC.EN is set.
    pub crwmt: u16,
    /// CRIMT: until CSTS.RDY is set in Controller Ready Independent of Media mode.
    pub crimt: u16,
}

/// What to write to NSSR for a reset of the NVM subsystem: "NVMe" (Base 3.1.4.7).
pub const NSSR_RESET: u32 = 0x4E56_4D65;

/// What to write to NSSD for a normal shutdown of the NVM subsystem: "Nrml" (Base 3.1.4.20).
pub const NSSD_NORMAL: u32 = 0x4E72_6D6C;

/// What to write to NSSD for an abrupt shutdown of the NVM subsystem: "Abpt" (Base 3.1.4.20).
pub const NSSD_ABRUPT: u32 = 0x4162_7074;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_values_spell_what_the_standard_says() {
        assert_eq!(&NSSR_RESET.to_be_bytes(), b"NVMe");
        assert_eq!(&NSSD_NORMAL.to_be_bytes(), b"Nrml");
        assert_eq!(&NSSD_ABRUPT.to_be_bytes(), b"Abpt");
    }

    #[test]
    fn no_two_properties_overlap() {
        for pair in Property::NAMED.windows(2) {
            assert!(pair[0].0 + pair[0].size() <= pair[1].0, "{} and {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn a_property_shows_its_name_and_offset() {
        assert_eq!(Property::CC.to_string(), "Controller Configuration (14h)");
        assert_eq!(Property(0x18).to_string(), "Unknown Property (18h)");
    }

    #[test]
    fn the_ready_timeouts_are_two_words() {
        let crto = Crto::from(0x0010_0020);
        assert_eq!((crto.crimt(), crto.crwmt()), (0x10, 0x20));
    }
}

//! Commands Supported and Effects, log page 05h (Base 5.1.12.1.6).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

use crate::spec::opcode::AdminOpcode;
use crate::spec::opcode::NvmOpcode;
use crate::spec::reserved::Reserved;

/// Commands Supported and Effects log page: 4096 bytes (Base 5.1.12.1.6).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct CommandsSupportedAndEffects {
    /// ACS0 to ACS255: Admin Command Supported, by opcode.
    pub acs: [CommandEffects; 256],
    /// IOCS0 to IOCS255: I/O Command Supported, by opcode.
    pub iocs: [CommandEffects; 256],
    /// Reserved.
    pub reserved2048: Reserved<2048>,
}

const _: () = assert!(size_of::<CommandsSupportedAndEffects>() == 4096);

wire_bitfield! {
    /// Commands Supported and Effects data structure (Base 5.1.12.1.6).
    pub struct CommandEffects: u32 {
        /// CSUPP: the command is supported; if not, all other bits are zero.
        pub csupp: bool,
        /// LBCC: logical block content may change.
        pub lbcc: bool,
        /// NCC: capabilities of a namespace may change.
        pub ncc: bool,
        /// NIC: the number of namespaces or their capabilities may change.
        pub nic: bool,
        /// CCC: capabilities of the controller may change.
        pub ccc: bool,
        #[bits(9)]
        __: u16,
        /// CSER: Command Submission and Execution Relaxations.
        #[bits(2)]
        pub cser: u8,
        /// CSE: 000b no restriction, 001b alone in its namespace, 010b alone in all namespaces.
        #[bits(3)]
        pub cse: u8,
        /// USS: UUID Selection Supported.
        pub uss: bool,
        /// CSP: Command Scope: bits for namespace, controller, NVM Set, Endurance Group, domain and
        /// NVM subsystem; 0h is not reported.
        #[bits(12)]
        pub csp: u16,
    }
}

impl CommandsSupportedAndEffects {
    /// What the page says of an admin command.
    pub const fn admin(&self, opcode: AdminOpcode) -> CommandEffects {
        self.acs[opcode.0 as usize]
    }

    /// What the page says of an I/O command.
    pub const fn nvm(&self, opcode: NvmOpcode) -> CommandEffects {
        self.iocs[opcode.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn each_opcode_has_one_dword() {
        let mut page = CommandsSupportedAndEffects::new_zeroed();
        page.as_mut_bytes()[4 * 0x06] = 0x01;
        page.as_mut_bytes()[1024 + 4] = 0x03;
        assert!(page.admin(AdminOpcode::IDENTIFY).csupp());
        assert!(page.nvm(NvmOpcode::WRITE).lbcc());
        assert!(!page.nvm(NvmOpcode::READ).csupp());
    }

    #[test]
    fn the_effects_are_in_the_bits_of_the_figure() {
        let effects = CommandEffects::from(0x02A9_C01F);
        assert!(effects.csupp() && effects.ncc() && effects.nic() && effects.ccc());
        assert_eq!((effects.cser(), effects.cse(), effects.uss()), (0b11, 0b001, true));
        assert_eq!(effects.csp(), 0x02A);
    }
}

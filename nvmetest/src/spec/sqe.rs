//! Submission queue entries (Base 4.1).

use std::fmt;

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use super::opcode::AdminOpcode;
use super::opcode::NvmOpcode;

/// Common Command Format: 64 bytes, for admin and I/O commands (Base 4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Sqe {
    /// Command Dword 0: see [`Cdw0`] (Base 4.1).
    pub cdw0: U32,
    /// NSID: 0h where the command uses none, FFFFFFFFh for all namespaces (Base 3.2.1).
    pub nsid: U32,
    /// Command Dword 2: command specific (Base 4.1.1).
    pub cdw2: U32,
    /// Command Dword 3: command specific (Base 4.1.1).
    pub cdw3: U32,
    /// MPTR: address of the metadata, or of one SGL descriptor, as PSDT says (Base 4.1.1).
    pub mptr: U64,
    /// DPTR: PRP Entry 1 and 2, or an SGL descriptor (Base 4.1.1).
    pub dptr: [U64; 2],
    /// Command Dword 10 (Base 4.1.1).
    pub cdw10: U32,
    /// Command Dword 11 (Base 4.1.1).
    pub cdw11: U32,
    /// Command Dword 12 (Base 4.1.1).
    pub cdw12: U32,
    /// Command Dword 13 (Base 4.1.1).
    pub cdw13: U32,
    /// Command Dword 14 (Base 4.1.1).
    pub cdw14: U32,
    /// Command Dword 15 (Base 4.1.1).
    pub cdw15: U32,
}

const _: () = assert!(size_of::<Sqe>() == 64);

/// Command Dword 0 (Base 4.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cdw0 {
    /// OPC: the opcode, whose meaning depends on the queue.
    pub opc: u8,
    /// FUSE: fused operation.
    #[bits(2)]
    pub fuse: Fuse,
    #[bits(4)]
    __: u8,
    /// PSDT: whether PRPs or SGLs are used for this data transfer.
    #[bits(2)]
    pub psdt: Psdt,
    /// CID: unique among the outstanding commands of one submission queue; FFFFh is not to be used.
    pub cid: u16,
}

open_enum! {
    /// FUSE: which part of a fused operation a command is (Base 3.4.2, Base 4.1).
    #[derive(Unaligned)]
    pub enum Fuse: u8 {
        NORMAL = 0b00, "Normal operation", "Base 4.1";
        FIRST = 0b01, "Fused operation, first command", "Base 4.1";
        SECOND = 0b10, "Fused operation, second command", "Base 4.1";
    }
}

open_enum! {
    /// PSDT: how DPTR and MPTR are to be read (Base 4.1).
    #[derive(Unaligned)]
    pub enum Psdt: u8 {
        PRP = 0b00, "PRPs", "Base 4.1";
        SGL_MPTR_CONTIGUOUS = 0b01, "SGLs, MPTR is the address of a contiguous buffer", "Base 4.1";
        SGL_MPTR_SGL = 0b10, "SGLs, MPTR is the address of an SGL segment", "Base 4.1";
    }
}

impl fmt::Debug for Sqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cdw0 = self.cdw0();
        f.debug_struct("Sqe")
            .field("opc", &format_args!("{:02X}h", cdw0.opc()))
            .field("fuse", &cdw0.fuse())
            .field("psdt", &cdw0.psdt())
            .field("cid", &format_args!("{:04X}h", cdw0.cid()))
            .field("nsid", &format_args!("{:X}h", self.nsid))
            .field("cdw2", &format_args!("{:08X}h", self.cdw2))
            .field("cdw3", &format_args!("{:08X}h", self.cdw3))
            .field("mptr", &format_args!("{:X}h", self.mptr))
            .field("dptr", &format_args!("[{:X}h, {:X}h]", self.dptr[0], self.dptr[1]))
            .field("cdw10_to_15", &format_args!("{:08X?}", self.cdw10_to_15()))
            .finish()
    }
}

impl Sqe {
    /// An entry of zeroes but for OPC.
    ///
    /// ```
    /// use nvmetest::spec::Sqe;
    ///
    /// assert_eq!(Sqe::with_opcode(0x06).admin_opcode(), nvmetest::spec::AdminOpcode::IDENTIFY);
    /// ```
    #[inline]
    pub fn with_opcode(opcode: u8) -> Self {
        let mut sqe: Self = zerocopy::FromZeros::new_zeroed();
        sqe.set_opcode(opcode);
        sqe
    }

    /// Command Dword 0 as a bitfield.
    #[inline]
    pub const fn cdw0(&self) -> Cdw0 {
        Cdw0::from_bits(self.cdw0.get())
    }

    /// Replaces Command Dword 0.
    #[inline]
    pub const fn set_cdw0(&mut self, cdw0: Cdw0) {
        self.cdw0 = U32::new(cdw0.into_bits());
    }

    /// OPC: the opcode (Base 4.1).
    #[inline]
    pub const fn opcode(&self) -> u8 {
        self.cdw0().opc()
    }

    /// OPC read as that of an admin command: right only for the Admin Queue (Base 5).
    pub const fn admin_opcode(&self) -> AdminOpcode {
        AdminOpcode(self.opcode())
    }

    /// OPC read as that of an NVM command: right only for an I/O queue (NVM 3).
    pub const fn nvm_opcode(&self) -> NvmOpcode {
        NvmOpcode(self.opcode())
    }

    /// Sets OPC.
    #[inline]
    pub const fn set_opcode(&mut self, opcode: u8) {
        self.cdw0 = U32::new(self.cdw0.get() & !0xff | opcode as u32);
    }

    /// CID: the command identifier (Base 4.1).
    #[inline]
    pub const fn cid(&self) -> u16 {
        self.cdw0().cid()
    }

    /// Sets CID.
    #[inline]
    pub const fn set_cid(&mut self, cid: u16) {
        // As `Cdw0::with_cid`, which is not inlined everywhere: this is done for each command.
        self.cdw0 = U32::new(self.cdw0.get() & 0xffff | (cid as u32) << 16);
    }

    /// FUSE: the part of a fused operation (Base 4.1).
    pub const fn fuse(&self) -> Fuse {
        self.cdw0().fuse()
    }

    /// Sets FUSE; only the two bits that the field has are kept.
    pub const fn set_fuse(&mut self, fuse: Fuse) {
        self.set_cdw0(self.cdw0().with_fuse(Fuse(fuse.0 & 0b11)));
    }

    /// PSDT: PRPs or SGLs (Base 4.1).
    pub const fn psdt(&self) -> Psdt {
        self.cdw0().psdt()
    }

    /// Sets PSDT; only the two bits that the field has are kept.
    #[inline]
    pub const fn set_psdt(&mut self, psdt: Psdt) {
        self.set_cdw0(self.cdw0().with_psdt(Psdt(psdt.0 & 0b11)));
    }

    /// Command Dwords 10 to 15 in order, as a log of commands wants them.
    pub const fn cdw10_to_15(&self) -> [u32; 6] {
        [
            self.cdw10.get(),
            self.cdw11.get(),
            self.cdw12.get(),
            self.cdw13.get(),
            self.cdw14.get(),
            self.cdw15.get(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn each_dword_is_where_the_figure_puts_it() {
        let mut bytes = [0u8; 64];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index as u8;
        }
        let sqe = Sqe::read_from_bytes(&bytes).expect("64 bytes are one entry");
        assert_eq!(sqe.cdw0.get(), 0x03020100);
        assert_eq!(sqe.nsid.get(), 0x07060504);
        assert_eq!(sqe.cdw2.get(), 0x0B0A0908);
        assert_eq!(sqe.cdw3.get(), 0x0F0E0D0C);
        assert_eq!(sqe.mptr.get(), 0x1716151413121110);
        assert_eq!(sqe.dptr[0].get(), 0x1F1E1D1C1B1A1918);
        assert_eq!(sqe.dptr[1].get(), 0x2726252423222120);
        assert_eq!(
            sqe.cdw10_to_15(),
            [0x2B2A2928, 0x2F2E2D2C, 0x33323130, 0x37363534, 0x3B3A3938, 0x3F3E3D3C]
        );
    }

    #[test]
    fn the_fields_of_dword_0_are_where_the_figure_puts_them() {
        let mut sqe = Sqe::new_zeroed();
        sqe.set_opcode(0x06);
        sqe.set_cid(0xBEEF);
        sqe.set_fuse(Fuse::SECOND);
        sqe.set_psdt(Psdt::SGL_MPTR_CONTIGUOUS);
        assert_eq!(sqe.as_bytes()[..4], [0x06, 0b0100_0010, 0xEF, 0xBE]);
        assert_eq!(sqe.opcode(), 0x06);
        assert_eq!(sqe.admin_opcode(), AdminOpcode::IDENTIFY);
        assert_eq!(sqe.cid(), 0xBEEF);
        assert_eq!(sqe.fuse(), Fuse::SECOND);
        assert_eq!(sqe.psdt(), Psdt::SGL_MPTR_CONTIGUOUS);
    }

    #[test]
    fn reserved_bits_of_dword_0_survive_a_new_command_identifier() {
        let mut sqe = Sqe::new_zeroed();
        sqe.cdw0 = U32::new(0xFFFF_FFFF);
        sqe.set_cid(0);
        assert_eq!(sqe.cdw0.get(), 0x0000_FFFF);
    }

    #[test]
    fn an_entry_shows_its_numbers_as_the_standard_writes_them() {
        let mut sqe = Sqe::new_zeroed();
        sqe.set_cid(0xBEEF);
        sqe.cdw10 = U32::new(0x1234);
        let shown = format!("{sqe:?}");
        assert!(shown.contains("cid: BEEFh"), "{shown}");
        assert!(shown.contains("[00001234, 00000000"), "{shown}");
    }

    #[test]
    fn a_reserved_psdt_can_be_sent() {
        let mut sqe = Sqe::new_zeroed();
        sqe.set_psdt(Psdt(0b11));
        sqe.set_fuse(Fuse(0xFF));
        assert_eq!(sqe.as_bytes()[1], 0b1100_0011);
    }
}

//! Completion queue entries (Base 4.2).

use std::fmt;

use bitfield_struct::bitfield;
use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;

use super::status::Status;

/// Common Completion Queue Entry: 16 bytes (Base 4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Cqe {
    /// Dword 0: command specific (Base 4.2.1).
    pub dw0: U32,
    /// Dword 1: command specific (Base 4.2.1).
    pub dw1: U32,
    /// SQHD: the submission queue head when the controller made this entry (Base 4.2.1).
    pub sqhd: U16,
    /// SQID: the submission queue that the command came from (Base 4.2.1).
    pub sqid: U16,
    /// CID: the identifier of the command (Base 4.2.1).
    pub cid: U16,
    /// Status field and phase tag: see [`StatusField`] (Base 4.2.3, Base 4.2.4).
    pub status: U16,
}

const _: () = assert!(size_of::<Cqe>() == 16);

/// The upper half of Dword 3: status field and phase tag (Base 4.2.3, Base 4.2.4).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct StatusField {
    /// P: phase tag, inverted by the controller on each pass through the queue.
    pub p: bool,
    /// SC: status code.
    pub sc: u8,
    /// SCT: status code type.
    #[bits(3)]
    pub sct: u8,
    /// CRD: which of CRDT1 to CRDT3 is the delay before a retry; 0h is none.
    #[bits(2)]
    pub crd: u8,
    /// M: there is more about this command in the Error Information log page.
    pub m: bool,
    /// DNR: the same command sent again is expected to fail again.
    pub dnr: bool,
}

impl StatusField {
    /// The status that a controller reports, with P, CRD, M and DNR cleared.
    pub const fn from_status(status: Status) -> Self {
        Self::new().with_sc(status.code()).with_sct(status.code_type() & 0b111)
    }

    /// SCT and SC together.
    pub const fn status(self) -> Status {
        Status::new(self.sct(), self.sc())
    }
}

impl fmt::Debug for Cqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.status_field();
        f.debug_struct("Cqe")
            .field("dw0", &format_args!("{:08X}h", self.dw0))
            .field("dw1", &format_args!("{:08X}h", self.dw1))
            .field("sqhd", &self.sqhd.get())
            .field("sqid", &self.sqid.get())
            .field("cid", &format_args!("{:04X}h", self.cid))
            .field("p", &field.p())
            .field("status", &field.status())
            .field("crd", &field.crd())
            .field("m", &field.m())
            .field("dnr", &field.dnr())
            .finish()
    }
}

impl Cqe {
    /// P: the phase tag (Base 4.2.4).
    pub const fn phase(&self) -> bool {
        self.status_field().p()
    }

    /// The status field as a bitfield.
    pub const fn status_field(&self) -> StatusField {
        StatusField::from_bits(self.status.get())
    }

    /// Replaces the status field.
    pub const fn set_status_field(&mut self, field: StatusField) {
        self.status = U16::new(field.into_bits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_where_the_figure_puts_it() {
        let bytes: [u8; 16] = std::array::from_fn(|index| index as u8);
        let cqe = Cqe::read_from_bytes(&bytes).expect("16 bytes are one entry");
        assert_eq!(cqe.dw0.get(), 0x03020100);
        assert_eq!(cqe.dw1.get(), 0x07060504);
        assert_eq!(cqe.sqhd.get(), 0x0908);
        assert_eq!(cqe.sqid.get(), 0x0B0A);
        assert_eq!(cqe.cid.get(), 0x0D0C);
        assert_eq!(cqe.status.get(), 0x0F0E);
    }

    /// Dword 3 has P in bit 16, SC in 24:17, SCT in 27:25, CRD in 29:28, M in 30, DNR in 31.
    #[test]
    fn each_part_of_the_status_is_in_its_bits_of_dword_3() {
        let field = |dword: u32| StatusField::from_bits((dword >> 16) as u16);
        assert!(field(1 << 16).p());
        assert_eq!(field(0x81 << 17).sc(), 0x81);
        assert_eq!(field(0b101 << 25).sct(), 0b101);
        assert_eq!(field(0b11 << 28).crd(), 0b11);
        assert!(field(1 << 30).m());
        assert!(field(1 << 31).dnr());
    }

    #[test]
    fn an_entry_shows_its_status_by_name() {
        let mut cqe = Cqe::read_from_bytes(&[0; 16]).expect("16 bytes are one entry");
        cqe.set_status_field(StatusField::from_status(Status::INVALID_QUEUE_SIZE).with_dnr(true));
        let shown = format!("{cqe:?}");
        assert!(shown.contains("status: Invalid Queue Size (01h/02h)"), "{shown}");
        assert!(shown.contains("dnr: true"), "{shown}");
    }

    #[test]
    fn a_status_round_trips_through_the_field() {
        for bits in 0..0x800 {
            let status = Status(bits);
            assert_eq!(StatusField::from_status(status).status(), status);
        }
        let field = StatusField::from_status(Status::LBA_OUT_OF_RANGE).with_p(true).with_dnr(true);
        assert_eq!(field.into_bits(), 1 | 0x80 << 1 | 1 << 15);
    }
}

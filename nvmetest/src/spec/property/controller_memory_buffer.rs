//! CMBLOC to CMBSWTP: the Controller Memory Buffer (Base 3.1.4.11, 12, 16 to 19; Base 8.2.1).

use bitfield_struct::bitfield;

/// CMBLOC: Controller Memory Buffer Location (Base 3.1.4.11).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cmbloc {
    /// BIR: the BAR that has the buffer; 0h, 2h, 3h, 4h or 5h.
    #[bits(3)]
    pub bir: u8,
    /// CQMMS: a queue may be partly in the buffer and partly in host memory.
    pub cqmms: bool,
    /// CQPDS: queues in the buffer need not be physically contiguous.
    pub cqpds: bool,
    /// CDPMLS: data and metadata may be in the buffer while PRP lists or SGLs are not.
    pub cdpmls: bool,
    /// CDPCILS: data in the buffer may be used with PRP lists or SGLs in host memory.
    pub cdpcils: bool,
    /// CDMMMS: one command may use data in the buffer and in host memory.
    pub cdmmms: bool,
    /// CQDA: addresses in the buffer have to be dword aligned only.
    pub cqda: bool,
    #[bits(3)]
    __: u8,
    /// OFST: offset in the BAR, in units of CMBSZ.SZU.
    #[bits(20)]
    pub ofst: u32,
}

/// CMBSZ: Controller Memory Buffer Size (Base 3.1.4.12).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cmbsz {
    /// SQS: submission queues may be in the buffer.
    pub sqs: bool,
    /// CQS: completion queues may be in the buffer.
    pub cqs: bool,
    /// LISTS: PRP lists and SGL segments may be in the buffer.
    pub lists: bool,
    /// RDS: data of reads may be in the buffer.
    pub rds: bool,
    /// WDS: data of writes may be in the buffer.
    pub wds: bool,
    #[bits(3)]
    __: u8,
    /// SZU: SZ and CMBLOC.OFST count units of 2^(12 + 4 * SZU) bytes; 0h to 6h.
    #[bits(4)]
    pub szu: u8,
    /// SZ: size of the buffer in units of SZU; 0h is no buffer.
    #[bits(20)]
    pub sz: u32,
}

/// CMBMSC: Controller Memory Buffer Memory Space Control (Base 3.1.4.16).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub struct Cmbmsc {
    /// CRE: CMBLOC and CMBSZ are valid.
    pub cre: bool,
    /// CMSE: addresses from CBA on are in the buffer.
    pub cmse: bool,
    #[bits(10)]
    __: u16,
    /// CBA: bits 63:12 of the controller address of the buffer.
    #[bits(52)]
    pub cba: u64,
}

/// CMBSTS: Controller Memory Buffer Status (Base 3.1.4.17).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cmbsts {
    /// CBAI: the controller base address could not be enabled.
    pub cbai: bool,
    #[bits(31)]
    __: u32,
}

/// CMBEBS: Controller Memory Buffer Elasticity Buffer Size (Base 3.1.4.18).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cmbebs {
    /// CMBSZU: unit of CMBWBZ: 0h bytes, 1h KiB, 2h MiB, 3h GiB.
    #[bits(4)]
    pub cmbszu: u8,
    /// CMBRBB: a read of the buffer does not wait for writes that the elasticity buffer holds.
    pub cmbrbb: bool,
    #[bits(3)]
    __: u8,
    /// CMBWBZ: size of the elasticity buffer; 0h says nothing.
    #[bits(24)]
    pub cmbwbz: u32,
}

/// CMBSWTP: Controller Memory Buffer Sustained Write Throughput (Base 3.1.4.19).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Cmbswtp {
    /// CMBSWTU: unit of CMBSWTV: 0h bytes, 1h KiB, 2h MiB, 3h GiB a second.
    #[bits(4)]
    pub cmbswtu: u8,
    #[bits(4)]
    __: u8,
    /// CMBSWTV: throughput; 0h says nothing.
    #[bits(24)]
    pub cmbswtv: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_is_a_bar_flags_and_an_offset() {
        let cmbloc = Cmbloc::from(0xABCD_E1F2);
        assert_eq!((cmbloc.bir(), cmbloc.ofst()), (2, 0xABCDE));
        assert!(!Cmbloc::from(1 << 4).cqmms() && Cmbloc::from(1 << 3).cqmms());
        assert!(Cmbloc::from(1 << 8).cqda());
    }

    #[test]
    fn the_size_has_its_unit_in_bits_11_to_8() {
        let cmbsz = Cmbsz::from(0x0004_021F);
        assert_eq!((cmbsz.sz(), cmbsz.szu()), (0x40, 2));
        assert!(Cmbsz::from(1).sqs() && Cmbsz::from(2).cqs() && Cmbsz::from(4).lists());
        assert!(Cmbsz::from(8).rds() && Cmbsz::from(16).wds());
    }

    #[test]
    fn the_base_address_is_in_bits_63_to_12() {
        assert_eq!(u64::from(Cmbmsc::new().with_cba(0x12345).with_cmse(true)), 0x1234_5002);
        assert!(Cmbmsc::from(1).cre() && Cmbsts::from(1).cbai());
        assert_eq!(Cmbebs::from(0x0000_1212).cmbwbz(), 0x12);
        assert!(Cmbebs::from(0x10).cmbrbb());
        assert_eq!(Cmbswtp::from(0x0000_1203).cmbswtv(), 0x12);
    }
}

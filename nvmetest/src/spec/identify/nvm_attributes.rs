//! Bitfields of bytes 512 to 2047 of Identify Controller (Base 5.1.13.2.1).

wire_bitfield! {
    /// SQES and CQES: sizes of I/O queue entries as powers of two (Base 5.1.13.2.1).
    pub struct QueueEntrySizes: u8 {
        /// MINSQES, MINCQES: the required size, 6 for 64 bytes and 4 for 16 bytes.
        #[bits(4)]
        pub min: u8,
        /// MAXSQES, MAXCQES: the largest size.
        #[bits(4)]
        pub max: u8,
    }
}

wire_bitfield! {
    /// ONCS: Optional NVM Command Support (Base 5.1.13.2.1).
    pub struct Oncs: u16 {
        /// NVMCMPS: Compare.
        pub nvmcmps: bool,
        /// NVMWUSV: Write Uncorrectable, and WUSL is a recommendation only.
        pub nvmwusv: bool,
        /// NVMDSMSV: Dataset Management, and DMRL, DMSL and DMRSL are recommendations only.
        pub nvmdsmsv: bool,
        /// NVMWZSV: Write Zeroes, and WZSL is a recommendation only.
        pub nvmwzsv: bool,
        /// SSFS: Save in Set Features and Select in Get Features.
        pub ssfs: bool,
        /// RESERVS: reservations.
        pub reservs: bool,
        /// TSS: the Timestamp feature.
        pub tss: bool,
        /// NVMVFYS: Verify, and VSL is a recommendation only.
        pub nvmvfys: bool,
        /// NVMCPYS: Copy.
        pub nvmcpys: bool,
        /// NVMCSA: the write portion of a Copy is atomic as that of one Write.
        pub nvmcsa: bool,
        /// NVMAFC: all copies are fast copies.
        pub nvmafc: bool,
        /// MAXWZD: the limit of Write Zeroes depends on DEAC and WZDSL.
        pub maxwzd: bool,
        /// NSZS: Namespace Zeroes in Write Zeroes.
        pub nszs: bool,
        #[bits(3)]
        __: u8,
    }
}

wire_bitfield! {
    /// FUSES: Fused Operation Support (Base 5.1.13.2.1).
    pub struct Fuses: u16 {
        /// FCWS: Compare and Write.
        pub fcws: bool,
        #[bits(15)]
        __: u16,
    }
}

wire_bitfield! {
    /// FNA: Format NVM Attributes (Base 5.1.13.2.1).
    pub struct Fna: u8 {
        /// FNS: a format of one namespace is a format of all.
        pub fns: bool,
        /// SENS: a secure erase of one namespace is a secure erase of all.
        pub sens: bool,
        /// CRYES: cryptographic erase.
        pub cryes: bool,
        /// FNVMBS: NSID FFFFFFFFh is *not* supported.
        pub fnvmbs: bool,
        #[bits(4)]
        __: u8,
    }
}

wire_bitfield! {
    /// VWC: Volatile Write Cache (Base 5.1.13.2.1).
    pub struct Vwc: u8 {
        /// VWCP: a volatile write cache is present.
        pub vwcp: bool,
        /// FB: Flush with NSID FFFFFFFFh: 00b not said, 10b not supported, 11b supported.
        #[bits(2)]
        pub fb: u8,
        #[bits(5)]
        __: u8,
    }
}

wire_bitfield! {
    /// NWPC: Namespace Write Protection Capabilities (Base 5.1.13.2.1).
    pub struct Nwpc: u8 {
        /// NWPWPS: No Write Protect and Write Protect.
        pub nwpwps: bool,
        /// WPUPCS: Write Protect Until Power Cycle.
        pub wpupcs: bool,
        /// PWPS: Permanent Write Protect.
        pub pwps: bool,
        #[bits(5)]
        __: u8,
    }
}

wire_bitfield! {
    /// CDFS: Copy Descriptor Formats Supported (Base 5.1.13.2.1).
    pub struct Cdfs: u16 {
        /// CDF0S: format 0h.
        pub cdf0s: bool,
        /// CDF1S: format 1h.
        pub cdf1s: bool,
        /// CDF2S: format 2h.
        pub cdf2s: bool,
        /// CDF3S: format 3h.
        pub cdf3s: bool,
        /// CDF4S: format 4h.
        pub cdf4s: bool,
        #[bits(11)]
        __: u16,
    }
}

wire_bitfield! {
    /// SGLS: SGL Support (Base 5.1.13.2.1).
    pub struct Sgls: u32 {
        /// SGLS: SGLs in I/O commands: 00b no, 01b of any alignment, 10b dword aligned.
        #[bits(2)]
        pub sgls: u8,
        /// The Keyed SGL Data Block descriptor.
        pub keyed_data_block: bool,
        #[bits(5)]
        __: u8,
        /// SDT: recommended number of descriptors in a command; 0h is no recommendation.
        pub sdt: u8,
        /// The SGL Bit Bucket descriptor.
        pub bit_bucket: bool,
        /// A contiguous metadata buffer may have any byte alignment.
        pub mptr_byte_aligned: bool,
        /// An SGL may describe more bytes than the command transfers.
        pub oversized: bool,
        /// MPTR may hold the address of an SGL descriptor.
        pub mptr_sgl: bool,
        /// The Address field of a data block may be an offset.
        pub offset: bool,
        /// The Transport SGL Data Block descriptor.
        pub transport_data_block: bool,
        #[bits(10)]
        __: u16,
    }
}

wire_bitfield! {
    /// TRATTR: Tracking Attributes (Base 5.1.13.2.1).
    pub struct Trattr: u8 {
        /// THMCS: Track Host Memory Changes.
        pub thmcs: bool,
        /// TUDCS: Track User Data Changes.
        pub tudcs: bool,
        /// MRTLL: lengths of tracked memory ranges are powers of two.
        pub mrtll: bool,
        #[bits(5)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_optional_commands_are_in_the_bits_of_the_figure() {
        let bits = |bit: u32| Oncs::from(1 << bit);
        assert!(bits(0).nvmcmps() && bits(1).nvmwusv() && bits(2).nvmdsmsv() && bits(3).nvmwzsv());
        assert!(bits(4).ssfs() && bits(5).reservs() && bits(6).tss() && bits(7).nvmvfys());
        assert!(bits(8).nvmcpys() && bits(11).maxwzd() && bits(12).nszs());
    }

    #[test]
    fn the_other_attributes_are_in_the_bits_of_the_figure() {
        let sqes = QueueEntrySizes::from(0x76);
        assert_eq!((sqes.min(), sqes.max()), (6, 7));
        assert_eq!((Vwc::from(0b111).vwcp(), Vwc::from(0b110).fb()), (true, 0b11));
        assert!(Fna::from(1 << 3).fnvmbs() && Fna::from(1 << 2).cryes());
        assert!(Nwpc::from(1 << 2).pwps() && Cdfs::from(1 << 4).cdf4s() && Fuses::from(1).fcws());
    }

    #[test]
    fn the_sgl_support_is_in_the_bits_of_the_figure() {
        assert_eq!(Sgls::from(0b10).sgls(), 0b10);
        assert!(Sgls::from(1 << 2).keyed_data_block() && Sgls::from(1 << 16).bit_bucket());
        assert_eq!(Sgls::from(0xA5 << 8).sdt(), 0xA5);
        assert!(Sgls::from(1 << 17).mptr_byte_aligned() && Sgls::from(1 << 18).oversized());
        assert!(Sgls::from(1 << 19).mptr_sgl() && Sgls::from(1 << 20).offset());
        assert!(Sgls::from(1 << 21).transport_data_block());
    }
}

//! Bitfields of bytes 0 to 255 of Identify Controller (Base 5.1.13.2.1).

use zerocopy::Unaligned;

wire_bitfield! {
    /// CMIC: Controller Multi-Path I/O and Namespace Sharing Capabilities (Base 5.1.13.2.1).
    pub struct Cmic: u8 {
        /// MPORTS: the NVM subsystem may have more than one port.
        pub mports: bool,
        /// MCTRS: the NVM subsystem may have more than one controller.
        pub mctrs: bool,
        /// FT: the controller belongs to an SR-IOV virtual function.
        pub ft: bool,
        /// ANARS: Asymmetric Namespace Access Reporting.
        pub anars: bool,
        #[bits(4)]
        __: u8,
    }
}

wire_bitfield! {
    /// OAES: Optional Asynchronous Events Supported (Base 5.1.13.2.1).
    ///
    /// Bits 8 and up are also those of the Asynchronous Event Configuration feature.
    pub struct Oaes: u32 {
        __: u8,
        /// NSAN: Attached Namespace Attribute Notices.
        pub nsan: bool,
        /// FAN: Firmware Activation Notices.
        pub fan: bool,
        __: bool,
        /// ANACN: Asymmetric Namespace Access Change Notices.
        pub anacn: bool,
        /// PLEAN: Predictable Latency Event Aggregate Log Change Notices.
        pub plean: bool,
        /// LSIAN: LBA Status Information Alert Notices.
        pub lsian: bool,
        /// EGEAN: Endurance Group Event Aggregate Log Page Change Notices.
        pub egean: bool,
        /// NNSS: Normal NVM Subsystem Shutdown.
        pub nnss: bool,
        /// TTHR: Temperature Threshold Hysteresis Recovery.
        pub tthr: bool,
        /// RGCNS: Reachability Groups Change Notices and Reachability Association Change Notices.
        pub rgcns: bool,
        __: bool,
        /// ANSAN: Allocated Namespace Attribute Notices.
        pub ansan: bool,
        #[bits(7)]
        __: u8,
        /// ZDCN: Zone Descriptor Changed Notices.
        pub zdcn: bool,
        #[bits(3)]
        __: u8,
        /// DLPCN: Discovery Log Page Change Notification.
        pub dlpcn: bool,
    }
}

wire_bitfield! {
    /// CTRATT: Controller Attributes (Base 5.1.13.2.1).
    pub struct Ctratt: u32 {
        /// HIDS: a 128-bit Host Identifier is supported.
        pub hids: bool,
        /// NOPSPM: Non-Operational Power State Permissive Mode.
        pub nopspm: bool,
        /// NSETS: NVM Sets.
        pub nsets: bool,
        /// RRLVLS: Read Recovery Levels.
        pub rrlvls: bool,
        /// EGS: Endurance Groups.
        pub egs: bool,
        /// PLM: Predictable Latency Mode.
        pub plm: bool,
        /// TBKAS: Traffic Based Keep Alive.
        pub tbkas: bool,
        /// NG: Namespace Granularity.
        pub ng: bool,
        /// SQA: SQ Associations.
        pub sqa: bool,
        /// ULIST: UUID List.
        pub ulist: bool,
        /// MDS: the NVM subsystem has multiple domains.
        pub mds: bool,
        /// FCM: Fixed Capacity Management.
        pub fcm: bool,
        /// VCM: Variable Capacity Management.
        pub vcm: bool,
        /// DEG: Delete Endurance Group.
        pub deg: bool,
        /// DNVMS: Delete NVM Set.
        pub dnvms: bool,
        /// ELBAS: Extended LBA Formats.
        pub elbas: bool,
        /// MEM: MDTS and the size limits do not include metadata.
        pub mem: bool,
        /// HMBR: Host Memory Buffer access can be restricted in non-operational power states.
        pub hmbr: bool,
        /// RHII: Reservations and Host Identifier Interaction.
        pub rhii: bool,
        /// FDPS: Flexible Data Placement.
        pub fdps: bool,
        #[bits(12)]
        __: u16,
    }
}

wire_bitfield! {
    /// BPCAP: Boot Partition Capabilities (Base 5.1.13.2.1).
    pub struct Bpcap: u8 {
        /// RPMBBPWPS: write protection by RPMB: 00b not reported, 01b no, 10b yes.
        #[bits(2)]
        pub rpmbbpwps: u8,
        /// SFBPWPS: write protection by Set Features.
        pub sfbpwps: bool,
        #[bits(5)]
        __: u8,
    }
}

wire_bitfield! {
    /// PLSI: Power Loss Signaling Information (Base 5.1.13.2.1).
    pub struct Plsi: u8 {
        /// PLSEPF: Power Loss Signaling with Emergency Power Fail.
        pub plsepf: bool,
        /// PLSFQ: Power Loss Signaling with Forced Quiescence.
        pub plsfq: bool,
        #[bits(6)]
        __: u8,
    }
}

open_enum! {
    /// CNTRLTYPE: Controller Type (Base 5.1.13.2.1, Base 3.1.3).
    #[derive(Unaligned)]
    pub enum ControllerType: u8 {
        NOT_REPORTED = 0x0, "Controller type is not reported", "Base 5.1.13.2.1";
        IO = 0x1, "I/O controller", "Base 3.1.3.2";
        DISCOVERY = 0x2, "Discovery controller", "Base 3.1.3.4";
        ADMINISTRATIVE = 0x3, "Administrative controller", "Base 3.1.3.3";
    }
}

wire_bitfield! {
    /// CRCAP: Controller Reachability Capabilities (Base 5.1.13.2.1).
    pub struct Crcap: u8 {
        /// RRSUP: Reachability Reporting.
        pub rrsup: bool,
        /// RGIDC: RGRPID does not change while the namespace is attached to a controller.
        pub rgidc: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// NVMSR: NVM Subsystem Report (Base 5.1.13.2.1).
    pub struct Nvmsr: u8 {
        /// NVMESD: the NVM subsystem is part of an NVMe Storage Device.
        pub nvmesd: bool,
        /// NVMEE: the NVM subsystem is part of an NVMe Enclosure.
        pub nvmee: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// VWCI: VPD Write Cycle Information (Base 5.1.13.2.1).
    pub struct Vwci: u8 {
        /// VWCR: VPD write cycles remaining; 7Fh is that many or more.
        #[bits(7)]
        pub vwcr: u8,
        /// VWCRV: VWCR is valid.
        pub vwcrv: bool,
    }
}

wire_bitfield! {
    /// MEC: Management Endpoint Capabilities (Base 5.1.13.2.1).
    pub struct Mec: u8 {
        /// TWPME: a Management Endpoint on a 2-Wire port.
        pub twpme: bool,
        /// PCIEME: a Management Endpoint on a PCIe port.
        pub pcieme: bool,
        #[bits(6)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_are_in_the_bits_of_the_figure() {
        assert!(
            Oaes::from(1 << 8).nsan() && Oaes::from(1 << 9).fan() && Oaes::from(1 << 11).anacn()
        );
        assert!(Oaes::from(1 << 17).rgcns() && Oaes::from(1 << 19).ansan());
        assert!(Oaes::from(1 << 27).zdcn() && Oaes::from(1 << 31).dlpcn());
        assert!(
            Ctratt::from(1).hids() && Ctratt::from(1 << 6).tbkas() && Ctratt::from(1 << 9).ulist()
        );
        assert!(Ctratt::from(1 << 15).elbas() && Ctratt::from(1 << 19).fdps());
        assert!(Cmic::from(1 << 3).anars());
        assert_eq!(Vwci::from(0x85).vwcr(), 5);
    }
}

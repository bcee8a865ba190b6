//! Bitfields of bytes 256 to 511 of Identify Controller (Base 5.1.13.2.1).

wire_bitfield! {
    /// OACS: Optional Admin Command Support (Base 5.1.13.2.1).
    pub struct Oacs: u16 {
        /// SSRS: Security Send and Security Receive.
        pub ssrs: bool,
        /// FNVMS: Format NVM.
        pub fnvms: bool,
        /// FWDS: Firmware Commit and Firmware Image Download.
        pub fwds: bool,
        /// NMS: Namespace Management.
        pub nms: bool,
        /// DSTS: Device Self-test.
        pub dsts: bool,
        /// DIRS: Directives.
        pub dirs: bool,
        /// NSRS: NVMe-MI Send and NVMe-MI Receive.
        pub nsrs: bool,
        /// VMS: Virtualization Management.
        pub vms: bool,
        /// DBCS: Doorbell Buffer Config.
        pub dbcs: bool,
        /// GLSS: Get LBA Status.
        pub glss: bool,
        /// CFLS: Command and Feature Lockdown.
        pub cfls: bool,
        /// HMLMS: Host Managed Live Migration.
        pub hmlms: bool,
        #[bits(4)]
        __: u8,
    }
}

wire_bitfield! {
    /// FRMW: Firmware Updates (Base 5.1.13.2.1).
    pub struct Frmw: u8 {
        /// FFSRO: the first firmware slot is read only.
        pub ffsro: bool,
        /// NOFS: firmware slots, 1 to 7.
        #[bits(3)]
        pub nofs: u8,
        /// FAWR: firmware activation without a reset.
        pub fawr: bool,
        /// SMUD: overlapping firmware image updates are detected.
        pub smud: bool,
        #[bits(2)]
        __: u8,
    }
}

wire_bitfield! {
    /// LPA: Log Page Attributes (Base 5.1.13.2.1).
    pub struct Lpa: u8 {
        /// SMARTS: the SMART / Health Information log page of a namespace.
        pub smarts: bool,
        /// CSES: the Commands Supported and Effects log page.
        pub cses: bool,
        /// LPEDS: extended data: a 32-bit number of dwords and the log page offset.
        pub lpeds: bool,
        /// TS: the telemetry log pages.
        pub ts: bool,
        /// PES: the Persistent Event log page.
        pub pes: bool,
        /// MLPS: log pages 00h, 12h and 13h, and the scope of commands in log page 05h.
        pub mlps: bool,
        /// DA4S: Data Area 4 of the telemetry log pages.
        pub da4s: bool,
        __: bool,
    }
}

wire_bitfield! {
    /// AVSCC: Admin Vendor Specific Command Configuration (Base 5.1.13.2.1).
    ///
    /// ICSVSCC, for I/O commands, has the same format.
    pub struct Avscc: u8 {
        /// VSCF: all vendor specific commands have the common format of Base 4.1.1.
        pub vscf: bool,
        #[bits(7)]
        __: u8,
    }
}

wire_bitfield! {
    /// APSTA: Autonomous Power State Transition Attributes (Base 5.1.13.2.1).
    pub struct Apsta: u8 {
        /// APTS: autonomous power state transitions.
        pub apts: bool,
        #[bits(7)]
        __: u8,
    }
}

wire_bitfield! {
    /// RPMBS: Replay Protected Memory Block Support (Base 5.1.13.2.1).
    pub struct Rpmbs: u32 {
        /// NRPMBU: number of RPMB units; 0h is no RPMB.
        #[bits(3)]
        pub nrpmbu: u8,
        /// AUTM: authentication method; 000b is HMAC SHA-256.
        #[bits(3)]
        pub autm: u8,
        #[bits(10)]
        __: u16,
        /// TSZE: total size of each unit, in units of 128 KiB, zero-based.
        pub tsze_z: u8,
        /// ASZE: access size, in units of 512 bytes, zero-based.
        pub asze_z: u8,
    }
}

wire_bitfield! {
    /// DSTO: Device Self-test Options (Base 5.1.13.2.1).
    pub struct Dsto: u8 {
        /// SDSO: one self-test at a time in the NVM subsystem, and not one a controller.
        pub sdso: bool,
        /// HIRS: Host-Initiated Refresh.
        pub hirs: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// HCTMA: Host Controlled Thermal Management Attributes (Base 5.1.13.2.1).
    pub struct Hctma: u16 {
        /// HCTMS: host controlled thermal management.
        pub hctms: bool,
        #[bits(15)]
        __: u16,
    }
}

wire_bitfield! {
    /// SANICAP: Sanitize Capabilities (Base 5.1.13.2.1); zero if Sanitize is not supported.
    pub struct Sanicap: u32 {
        /// CES: Crypto Erase.
        pub ces: bool,
        /// BES: Block Erase.
        pub bes: bool,
        /// OWS: Overwrite.
        pub ows: bool,
        /// VERS: media verification.
        pub vers: bool,
        #[bits(25)]
        __: u32,
        /// NDI: No-Deallocate After Sanitize is inhibited.
        pub ndi: bool,
        /// NODMMAS: whether media is modified after a sanitize without deallocation.
        #[bits(2)]
        pub nodmmas: u8,
    }
}

wire_bitfield! {
    /// ANACAP: Asymmetric Namespace Access Capabilities (Base 5.1.13.2.1).
    pub struct Anacap: u8 {
        /// ROS: the ANA Optimized state is reported.
        pub ros: bool,
        /// RNOS: the ANA Non-Optimized state is reported.
        pub rnos: bool,
        /// RIS: the ANA Inaccessible state is reported.
        pub ris: bool,
        /// RPLS: the ANA Persistent Loss state is reported.
        pub rpls: bool,
        /// RCS: the ANA Change state is reported.
        pub rcs: bool,
        __: bool,
        /// ANAGIDC: ANAGRPID does not change while the namespace is attached to a controller.
        pub anagidc: bool,
        /// NZANAGID: Namespace Management accepts an ANAGRPID that is not zero.
        pub nzanagid: bool,
    }
}

wire_bitfield! {
    /// KPIOC: Key Per I/O Capabilities (Base 5.1.13.2.1).
    pub struct Kpioc: u8 {
        /// KPIOS: Key Per I/O.
        pub kpios: bool,
        /// KPIOSC: it applies to all namespaces of the NVM subsystem.
        pub kpiosc: bool,
        #[bits(6)]
        __: u8,
    }
}

wire_bitfield! {
    /// TMPTHHA: Temperature Threshold Hysteresis Attributes (Base 5.1.13.2.1).
    pub struct Tmpthha: u8 {
        /// TMPTHMH: largest hysteresis in kelvins; 0h is none.
        #[bits(3)]
        pub tmpthmh: u8,
        #[bits(5)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_optional_admin_commands_are_in_the_bits_of_the_figure() {
        let bits = |bit: u32| Oacs::from(1 << bit);
        assert!(bits(0).ssrs() && bits(1).fnvms() && bits(2).fwds() && bits(3).nms());
        assert!(bits(4).dsts() && bits(5).dirs() && bits(6).nsrs() && bits(7).vms());
        assert!(bits(8).dbcs() && bits(9).glss() && bits(10).cfls() && bits(11).hmlms());
    }

    #[test]
    fn the_other_attributes_are_in_the_bits_of_the_figure() {
        let frmw = Frmw::from(0b0001_0111);
        assert_eq!((frmw.ffsro(), frmw.nofs(), frmw.fawr(), frmw.smud()), (true, 3, true, false));
        assert!(Lpa::from(1).smarts() && Lpa::from(2).cses() && Lpa::from(4).lpeds());
        assert!(Sanicap::from(1 << 29).ndi() && Sanicap::from(1 << 2).ows());
        assert_eq!(Sanicap::from(2 << 30).nodmmas(), 2);
        assert_eq!(Rpmbs::from(0x0405_0001).tsze_z(), 5);
        assert!(Anacap::from(1 << 6).anagidc());
    }
}

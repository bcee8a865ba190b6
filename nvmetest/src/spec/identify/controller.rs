//! Identify Controller data structure, CNS 01h (Base 5.1.13.2.1).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U128;

use super::admin_attributes::*;
use super::controller_attributes::*;
use super::nvm_attributes::*;
use super::power_state::PowerStateDescriptor;
use crate::spec::ascii::Ascii;
use crate::spec::property::Vs;
use crate::spec::reserved::Reserved;

/// Identify Controller data structure, I/O Command Set independent: 4096 bytes
/// (Base 5.1.13.2.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdentifyController {
    /// VID: PCI Vendor ID.
    pub vid: U16,
    /// SSVID: PCI Subsystem Vendor ID.
    pub ssvid: U16,
    /// SN: Serial Number.
    pub sn: Ascii<20>,
    /// MN: Model Number.
    pub mn: Ascii<40>,
    /// FR: Firmware Revision that is active.
    pub fr: Ascii<8>,
    /// RAB: Recommended Arbitration Burst, 2^RAB commands.
    pub rab: u8,
    /// IEEE: OUI Identifier, least significant byte first.
    pub ieee: [u8; 3],
    /// CMIC: Controller Multi-Path I/O and Namespace Sharing Capabilities.
    pub cmic: Cmic,
    /// MDTS: Maximum Data Transfer Size, 2^MDTS pages of CAP.MPSMIN; 0h is no limit.
    pub mdts: u8,
    /// CNTLID: Controller ID.
    pub cntlid: U16,
    /// VER: Version, the value of VS; see [`IdentifyController::version`].
    pub ver: U32,
    /// RTD3R: RTD3 Resume Latency in microseconds.
    pub rtd3r: U32,
    /// RTD3E: RTD3 Entry Latency in microseconds.
    pub rtd3e: U32,
    /// OAES: Optional Asynchronous Events Supported.
    pub oaes: Oaes,
    /// CTRATT: Controller Attributes.
    pub ctratt: Ctratt,
    /// RRLS: Read Recovery Levels Supported, a bit a level.
    pub rrls: U16,
    /// BPCAP: Boot Partition Capabilities.
    pub bpcap: Bpcap,
    /// Reserved.
    pub reserved103: Reserved<1>,
    /// NSSL: NVM Subsystem Shutdown Latency in microseconds.
    pub nssl: U32,
    /// Reserved.
    pub reserved108: Reserved<2>,
    /// PLSI: Power Loss Signaling Information.
    pub plsi: Plsi,
    /// CNTRLTYPE: Controller Type.
    pub cntrltype: ControllerType,
    /// FGUID: FRU Globally Unique Identifier, big-endian.
    pub fguid: [u8; 16],
    /// CRDT1: Command Retry Delay Time 1, in units of 100 ms.
    pub crdt1: U16,
    /// CRDT2: Command Retry Delay Time 2, in units of 100 ms.
    pub crdt2: U16,
    /// CRDT3: Command Retry Delay Time 3, in units of 100 ms.
    pub crdt3: U16,
    /// CRCAP: Controller Reachability Capabilities.
    pub crcap: Crcap,
    /// Reserved.
    pub reserved135: Reserved<105>,
    /// Reserved for the NVMe Management Interface.
    pub reserved240: Reserved<13>,
    /// NVMSR: NVM Subsystem Report.
    pub nvmsr: Nvmsr,
    /// VWCI: VPD Write Cycle Information.
    pub vwci: Vwci,
    /// MEC: Management Endpoint Capabilities.
    pub mec: Mec,
    /// OACS: Optional Admin Command Support.
    pub oacs: Oacs,
    /// ACL: Abort Command Limit, concurrent Abort commands, zero-based.
    pub acl_z: u8,
    /// AERL: Asynchronous Event Request Limit, outstanding requests, zero-based.
    pub aerl_z: u8,
    /// FRMW: Firmware Updates.
    pub frmw: Frmw,
    /// LPA: Log Page Attributes.
    pub lpa: Lpa,
    /// ELPE: Error Log Page Entries, zero-based.
    pub elpe_z: u8,
    /// NPSS: Number of Power States Support, zero-based.
    pub npss_z: u8,
    /// AVSCC: Admin Vendor Specific Command Configuration.
    pub avscc: Avscc,
    /// APSTA: Autonomous Power State Transition Attributes.
    pub apsta: Apsta,
    /// WCTEMP: Warning Composite Temperature Threshold in kelvins.
    pub wctemp: U16,
    /// CCTEMP: Critical Composite Temperature Threshold in kelvins.
    pub cctemp: U16,
    /// MTFA: Maximum Time for Firmware Activation, in units of 100 ms.
    pub mtfa: U16,
    /// HMPRE: Host Memory Buffer Preferred Size, in units of 4 KiB.
    pub hmpre: U32,
    /// HMMIN: Host Memory Buffer Minimum Size, in units of 4 KiB.
    pub hmmin: U32,
    /// TNVMCAP: Total NVM Capacity in bytes.
    pub tnvmcap: U128,
    /// UNVMCAP: Unallocated NVM Capacity in bytes.
    pub unvmcap: U128,
    /// RPMBS: Replay Protected Memory Block Support.
    pub rpmbs: Rpmbs,
    /// EDSTT: Extended Device Self-test Time in minutes.
    pub edstt: U16,
    /// DSTO: Device Self-test Options.
    pub dsto: Dsto,
    /// FWUG: Firmware Update Granularity, in units of 4 KiB; 0h not reported, FFh no restriction.
    pub fwug: u8,
    /// KAS: Keep Alive Support, granularity of KATO in units of 100 ms; 0h is no Keep Alive Timer.
    pub kas: U16,
    /// HCTMA: Host Controlled Thermal Management Attributes.
    pub hctma: Hctma,
    /// MNTMT: Minimum Thermal Management Temperature in kelvins.
    pub mntmt: U16,
    /// MXTMT: Maximum Thermal Management Temperature in kelvins.
    pub mxtmt: U16,
    /// SANICAP: Sanitize Capabilities.
    pub sanicap: Sanicap,
    /// HMMINDS: Host Memory Buffer Minimum Descriptor Entry Size, in units of 4 KiB.
    pub hmminds: U32,
    /// HMMAXD: Host Memory Maximum Descriptors Entries.
    pub hmmaxd: U16,
    /// NSETIDMAX: NVM Set Identifier Maximum.
    pub nsetidmax: U16,
    /// ENDGIDMAX: Endurance Group Identifier Maximum.
    pub endgidmax: U16,
    /// ANATT: ANA Transition Time in seconds.
    pub anatt: u8,
    /// ANACAP: Asymmetric Namespace Access Capabilities.
    pub anacap: Anacap,
    /// ANAGRPMAX: ANA Group Identifier Maximum.
    pub anagrpmax: U32,
    /// NANAGRPID: Number of ANA Group Identifiers.
    pub nanagrpid: U32,
    /// PELS: Persistent Event Log Size, in units of 64 KiB.
    pub pels: U32,
    /// DID: Domain Identifier.
    pub did: U16,
    /// KPIOC: Key Per I/O Capabilities.
    pub kpioc: Kpioc,
    /// Reserved.
    pub reserved359: Reserved<1>,
    /// MPTFAWR: Maximum Processing Time for Firmware Activation Without Reset, in units of 100 ms.
    pub mptfawr: U16,
    /// Reserved.
    pub reserved362: Reserved<6>,
    /// MEGCAP: Max Endurance Group Capacity in bytes.
    pub megcap: U128,
    /// TMPTHHA: Temperature Threshold Hysteresis Attributes.
    pub tmpthha: Tmpthha,
    /// Reserved.
    pub reserved385: Reserved<1>,
    /// CQT: Command Quiesce Time in milliseconds.
    pub cqt: U16,
    /// Reserved.
    pub reserved388: Reserved<124>,
    /// SQES: Submission Queue Entry Size.
    pub sqes: QueueEntrySizes,
    /// CQES: Completion Queue Entry Size.
    pub cqes: QueueEntrySizes,
    /// MAXCMD: Maximum Outstanding Commands of a queue; 0h is not reported.
    pub maxcmd: U16,
    /// NN: Number of Namespaces, the largest valid NSID.
    pub nn: U32,
    /// ONCS: Optional NVM Command Support.
    pub oncs: Oncs,
    /// FUSES: Fused Operation Support.
    pub fuses: Fuses,
    /// FNA: Format NVM Attributes.
    pub fna: Fna,
    /// VWC: Volatile Write Cache.
    pub vwc: Vwc,
    /// AWUN: Atomic Write Unit Normal in logical blocks, zero-based.
    pub awun_z: U16,
    /// AWUPF: Atomic Write Unit Power Fail in logical blocks, zero-based.
    pub awupf_z: U16,
    /// ICSVSCC: I/O Command Set Vendor Specific Command Configuration.
    pub icsvscc: Avscc,
    /// NWPC: Namespace Write Protection Capabilities.
    pub nwpc: Nwpc,
    /// ACWU: Atomic Compare & Write Unit in logical blocks, zero-based.
    pub acwu_z: U16,
    /// CDFS: Copy Descriptor Formats Supported.
    pub cdfs: Cdfs,
    /// SGLS: SGL Support.
    pub sgls: Sgls,
    /// MNAN: Maximum Number of Allowed Namespaces; 0h is NN.
    pub mnan: U32,
    /// MAXDNA: Maximum Domain Namespace Attachments.
    pub maxdna: U128,
    /// MAXCNA: Maximum I/O Controller Namespace Attachments.
    pub maxcna: U32,
    /// OAQD: Optimal Aggregated Queue Depth.
    pub oaqd: U32,
    /// RHIRI: Recommended Host-Initiated Refresh Interval in days.
    pub rhiri: u8,
    /// HIRT: Host-Initiated Refresh Time in minutes.
    pub hirt: u8,
    /// CMMRTD: Controller Maximum Memory Range Tracking Descriptors.
    pub cmmrtd: U16,
    /// NMMRTD: NVM Subsystem Maximum Memory Range Tracking Descriptors.
    pub nmmrtd: U16,
    /// MINMRTG: Minimum Memory Range Tracking Granularity.
    pub minmrtg: u8,
    /// MAXMRTG: Maximum Memory Range Tracking Granularity.
    pub maxmrtg: u8,
    /// TRATTR: Tracking Attributes.
    pub trattr: Trattr,
    /// Reserved.
    pub reserved577: Reserved<1>,
    /// MCUDMQ: Maximum Controller User Data Migration Queues.
    pub mcudmq: U16,
    /// MNSUDMQ: Maximum NVM Subsystem User Data Migration Queues.
    pub mnsudmq: U16,
    /// MCMR: Maximum CDQ Memory Ranges.
    pub mcmr: U16,
    /// NMCMR: NVM Subsystem Maximum CDQ Memory Ranges.
    pub nmcmr: U16,
    /// MCDQPC: Maximum Controller Data Queue PRP Count.
    pub mcdqpc: U16,
    /// Reserved.
    pub reserved588: Reserved<180>,
    /// SUBNQN: NVM Subsystem NVMe Qualified Name, UTF-8 that ends with a zero byte (Base 4.7).
    pub subnqn: Ascii<256>,
    /// Reserved.
    pub reserved1024: Reserved<768>,
    /// IOCCSZ: I/O Queue Command Capsule Supported Size, in units of 16 bytes; fabrics only.
    pub ioccsz: U32,
    /// IORCSZ: I/O Queue Response Capsule Supported Size, in units of 16 bytes; fabrics only.
    pub iorcsz: U32,
    /// ICDOFF: In Capsule Data Offset, in units of 16 bytes; fabrics only.
    pub icdoff: U16,
    /// FCATT: Fabrics Controller Attributes; bit 0 is the static controller model.
    pub fcatt: u8,
    /// MSDBD: Maximum SGL Data Block Descriptors; 0h is no limit; fabrics only.
    pub msdbd: u8,
    /// OFCS: Optional Fabrics Commands Support; bit 0 is Disconnect.
    pub ofcs: U16,
    /// DCTYPE: Discovery Controller Type.
    pub dctype: u8,
    /// Reserved.
    pub reserved1807: Reserved<241>,
    /// PSD0 to PSD31: Power State Descriptors; those up to NPSS are valid.
    pub psd: [PowerStateDescriptor; 32],
    /// VS: Vendor Specific.
    pub vs: Reserved<1024>,
}

const _: () = assert!(size_of::<IdentifyController>() == 4096);

impl IdentifyController {
    /// VER as the fields of VS.
    pub const fn version(&self) -> Vs {
        Vs::from_bits(self.ver.get())
    }

    /// MDTS in bytes, for a CAP.MPSMIN of `min_page_size` bytes; `None` is no limit.
    ///
    /// A limit past what 64 bits count is none that a command could reach.
    pub fn max_transfer(&self, min_page_size: u64) -> Option<u64> {
        if self.mdts == 0 {
            return None;
        }
        1u64.checked_shl(self.mdts.into())?.checked_mul(min_page_size)
    }

    /// The descriptors of the power states that NPSS says there are; never more than 32.
    pub fn power_states(&self) -> &[PowerStateDescriptor] {
        let count = usize::from(self.npss_z) + 1;
        &self.psd[..count.min(self.psd.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The structure of which byte k is `pattern(k)`.
    fn page(pattern: impl Fn(usize) -> u8) -> IdentifyController {
        let bytes: [u8; 4096] = std::array::from_fn(pattern);
        IdentifyController::read_from_bytes(&bytes).expect("4096 bytes are one structure")
    }

    /// The structure with one byte that is not zero.
    fn byte(offset: usize, value: u8) -> IdentifyController {
        page(|index| if index == offset { value } else { 0 })
    }

    #[test]
    fn single_bytes_are_at_the_offsets_of_the_figure() {
        assert_eq!(byte(72, 0x55).rab, 0x55);
        assert_eq!(byte(77, 0x55).mdts, 0x55);
        assert!(byte(76, 2).cmic.mctrs());
        assert!(byte(102, 4).bpcap.sfbpwps());
        assert!(byte(110, 1).plsi.plsepf());
        assert_eq!(byte(111, 1).cntrltype, ControllerType::IO);
        assert!(byte(134, 1).crcap.rrsup());
        assert!(byte(253, 1).nvmsr.nvmesd());
        assert!(byte(254, 0x80).vwci.vwcrv());
        assert!(byte(255, 2).mec.pcieme());
        assert_eq!(byte(258, 3).acl_z, 3);
        assert_eq!(byte(259, 4).aerl_z, 4);
        assert_eq!(byte(260, 0b10).frmw.nofs(), 1);
        assert!(byte(261, 2).lpa.cses());
        assert_eq!(byte(262, 63).elpe_z, 63);
        assert_eq!(byte(263, 4).npss_z, 4);
        assert!(byte(264, 1).avscc.vscf());
        assert!(byte(265, 1).apsta.apts());
        assert!(byte(318, 1).dsto.sdso());
        assert_eq!(byte(319, 0xFF).fwug, 0xFF);
        assert_eq!(byte(342, 9).anatt, 9);
        assert!(byte(343, 1).anacap.ros());
        assert!(byte(358, 1).kpioc.kpios());
        assert_eq!(byte(384, 5).tmpthha.tmpthmh(), 5);
        assert_eq!(byte(512, 0x66).sqes.max(), 6);
        assert_eq!(byte(513, 0x44).cqes.min(), 4);
        assert!(byte(524, 4).fna.cryes());
        assert!(byte(525, 1).vwc.vwcp());
        assert!(byte(530, 1).icsvscc.vscf());
        assert!(byte(531, 1).nwpc.nwpwps());
        assert_eq!(byte(568, 7).rhiri, 7);
        assert_eq!(byte(569, 8).hirt, 8);
        assert_eq!(byte(574, 9).minmrtg, 9);
        assert_eq!(byte(575, 10).maxmrtg, 10);
        assert!(byte(576, 1).trattr.thmcs());
        assert_eq!(byte(1802, 1).fcatt, 1);
        assert_eq!(byte(1803, 6).msdbd, 6);
        assert_eq!(byte(1806, 2).dctype, 2);
        assert_eq!(byte(3072, 1).vs.first_not_zero(), Some((0, 1)));
    }

    /// With the low byte of the offset in every byte, a number shows where it was read from.
    #[test]
    fn numbers_are_at_the_offsets_of_the_figure() {
        let page = page(|index| index as u8);
        let at = |offset: u16| u16::from_le_bytes([offset as u8, offset as u8 + 1]);
        let at4 = |offset: u16| u32::from(at(offset)) | u32::from(at(offset + 2)) << 16;
        assert_eq!((page.vid.get(), page.ssvid.get()), (at(0), at(2)));
        assert_eq!((page.sn.0[0], page.mn.0[0], page.fr.0[0], page.ieee[0]), (4, 24, 64, 73));
        assert_eq!((page.cntlid.get(), page.ver.get()), (at(78), at4(80)));
        assert_eq!((page.rtd3r.get(), page.rtd3e.get()), (at4(84), at4(88)));
        assert_eq!((page.oaes.get(), page.ctratt.get()), (at4(92), at4(96)));
        assert_eq!((page.rrls.get(), page.nssl.get(), page.fguid[0]), (at(100), at4(104), 112));
        assert_eq!(
            (page.crdt1.get(), page.crdt2.get(), page.crdt3.get()),
            (at(128), at(130), at(132))
        );
        assert_eq!(
            (page.oacs.get(), page.wctemp.get(), page.cctemp.get()),
            (at(256), at(266), at(268))
        );
        assert_eq!(
            (page.mtfa.get(), page.hmpre.get(), page.hmmin.get()),
            (at(270), at4(272), at4(276))
        );
        assert_eq!(page.tnvmcap.get() as u8, 280u16 as u8);
        assert_eq!(page.unvmcap.get() as u8, 296u16 as u8);
        assert_eq!(
            (page.rpmbs.get(), page.edstt.get(), page.kas.get()),
            (at4(312), at(316), at(320))
        );
        assert_eq!(
            (page.hctma.get(), page.mntmt.get(), page.mxtmt.get()),
            (at(322), at(324), at(326))
        );
        assert_eq!((page.sanicap.get(), page.hmminds.get()), (at4(328), at4(332)));
        assert_eq!((page.hmmaxd.get(), page.nsetidmax.get()), (at(336), at(338)));
        assert_eq!((page.endgidmax.get(), page.anagrpmax.get()), (at(340), at4(344)));
        assert_eq!(
            (page.nanagrpid.get(), page.pels.get(), page.did.get()),
            (at4(348), at4(352), at(356))
        );
        assert_eq!((page.mptfawr.get(), page.cqt.get()), (at(360), at(386)));
        assert_eq!(page.megcap.get() as u8, 368u16 as u8);
        assert_eq!((page.maxcmd.get(), page.nn.get()), (at(514), at4(516)));
        assert_eq!((page.oncs.get(), page.fuses.get()), (at(520), at(522)));
        assert_eq!((page.awun_z.get(), page.awupf_z.get()), (at(526), at(528)));
        assert_eq!(
            (page.acwu_z.get(), page.cdfs.get(), page.sgls.get()),
            (at(532), at(534), at4(536))
        );
        assert_eq!((page.mnan.get(), page.maxdna.get() as u8), (at4(540), 544u16 as u8));
        assert_eq!((page.maxcna.get(), page.oaqd.get()), (at4(560), at4(564)));
        assert_eq!((page.cmmrtd.get(), page.nmmrtd.get()), (at(570), at(572)));
        assert_eq!((page.mcudmq.get(), page.mnsudmq.get()), (at(578), at(580)));
        assert_eq!(
            (page.mcmr.get(), page.nmcmr.get(), page.mcdqpc.get()),
            (at(582), at(584), at(586))
        );
        assert_eq!(page.ioccsz.get(), at4(1792));
        assert_eq!(
            (page.iorcsz.get(), page.icdoff.get(), page.ofcs.get()),
            (at4(1796), at(1800), at(1804))
        );
    }

    #[test]
    fn long_fields_are_at_the_offsets_of_the_figure() {
        assert_eq!(byte(768, b'n').subnqn.text(), "n");
        assert_eq!(byte(1023, b'n').subnqn.0[255], b'n');
        assert_eq!(byte(2048, 1).psd[0].mp.get(), 1);
        assert_eq!(byte(2080, 1).psd[1].mp.get(), 1);
        assert_eq!(byte(3040, 1).psd[31].mp.get(), 1);
    }

    #[test]
    fn the_largest_transfer_is_a_power_of_two_of_the_smallest_page() {
        assert_eq!(byte(77, 0).max_transfer(4096), None);
        assert_eq!(byte(77, 5).max_transfer(4096), Some(128 << 10));
        assert_eq!(byte(77, 0xFF).max_transfer(4096), None);
        assert_eq!(byte(77, 63).max_transfer(4096), None);
    }

    #[test]
    fn an_absurd_number_of_power_states_gives_the_32_that_there_are() {
        assert_eq!(byte(263, 4).power_states().len(), 5);
        assert_eq!(byte(263, 0xFF).power_states().len(), 32);
    }

    #[test]
    fn the_version_is_that_of_the_property() {
        assert_eq!(byte(82, 2).version(), Vs::V2_0);
    }
}

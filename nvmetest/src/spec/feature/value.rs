//! Features whose value is one dword (Base 5.1.25.1, Base 5.1.25.2, NVM 4.1.3).

use bitfield_struct::bitfield;

/// Dword 0 of the completion of Get Features for Supported Capabilities (Base 5.1.11.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct FeatureCapabilities {
    /// SVBL: the feature is saveable.
    pub svbl: bool,
    /// NSSPEC: the feature has a value for each namespace.
    pub nsspec: bool,
    /// CHANG: the feature is changeable.
    pub chang: bool,
    #[bits(29)]
    __: u32,
}

/// Arbitration, feature 01h (Base 5.1.25.1.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct Arbitration {
    /// AB: Arbitration Burst, 2^AB commands; 111b is no limit.
    #[bits(3)]
    pub ab: u8,
    #[bits(5)]
    __: u8,
    /// LPW: Low Priority Weight, zero-based.
    pub lpw_z: u8,
    /// MPW: Medium Priority Weight, zero-based.
    pub mpw_z: u8,
    /// HPW: High Priority Weight, zero-based.
    pub hpw_z: u8,
}

/// Power Management, feature 02h (Base 5.1.25.1.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct PowerManagement {
    /// PS: Power State.
    #[bits(5)]
    pub ps: u8,
    /// WH: Workload Hint.
    #[bits(3)]
    pub wh: u8,
    #[bits(24)]
    __: u32,
}

/// LBA Range Type, feature 03h (NVM 4.1.3.1); the ranges are in the data buffer.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct LbaRangeNumber {
    /// NUM: Number of LBA Ranges, zero-based.
    #[bits(6)]
    pub num_z: u8,
    #[bits(26)]
    __: u32,
}

/// Temperature Threshold, feature 04h (Base 5.1.25.1.3).
///
/// Get Features takes TMPSEL and THSEL in Command Dword 11.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct TemperatureThreshold {
    /// TMPTH: Temperature Threshold in kelvins.
    pub tmpth: u16,
    /// TMPSEL: 0h is the composite temperature, 1h to 8h a sensor, Fh all of them (Set only).
    #[bits(4)]
    pub tmpsel: u8,
    /// THSEL: 00b over, 01b under temperature threshold.
    #[bits(2)]
    pub thsel: u8,
    /// TMPTHH: Temperature Threshold Hysteresis in kelvins.
    #[bits(3)]
    pub tmpthh: u8,
    #[bits(7)]
    __: u8,
}

/// Error Recovery, feature 05h (NVM 4.1.3.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ErrorRecovery {
    /// TLER: Time Limited Error Recovery, in units of 100 ms; 0h is no limit.
    pub tler: u16,
    /// DULBE: Deallocated or Unwritten Logical Block Error Enable.
    pub dulbe: bool,
    #[bits(15)]
    __: u16,
}

/// Volatile Write Cache, feature 06h (Base 5.1.25.1.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct VolatileWriteCache {
    /// WCE: Volatile Write Cache Enable.
    pub wce: bool,
    #[bits(31)]
    __: u32,
}

/// Number of Queues, feature 07h (Base 5.1.25.2.1).
///
/// The same format for what is requested and, in Dword 0 of the completion, what is allocated.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct NumberOfQueues {
    /// NSQR, NSQA: I/O Submission Queues requested or allocated, zero-based; FFFFh is illegal.
    pub nsq_z: u16,
    /// NCQR, NCQA: I/O Completion Queues requested or allocated, zero-based; FFFFh is illegal.
    pub ncq_z: u16,
}

/// Interrupt Coalescing, feature 08h (Base 5.1.25.2.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct InterruptCoalescing {
    /// THR: Aggregation Threshold, completions before an interrupt, zero-based.
    pub thr_z: u8,
    /// TIME: Aggregation Time, in units of 100 µs; 0h is no delay.
    pub time: u8,
    #[bits(16)]
    __: u16,
}

/// Interrupt Vector Configuration, feature 09h (Base 5.1.25.2.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct InterruptVectorConfiguration {
    /// IV: Interrupt Vector.
    pub iv: u16,
    /// CD: Coalescing Disable.
    pub cd: bool,
    #[bits(15)]
    __: u16,
}

/// Write Atomicity Normal, feature 0Ah (NVM 4.1.3.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct WriteAtomicityNormal {
    /// DN: Disable Normal: AWUN and NAWUN need not be honoured, AWUPF and NAWUPF are.
    pub dn: bool,
    #[bits(31)]
    __: u32,
}

/// Asynchronous Event Configuration, feature 0Bh (Base 5.1.25.1.5): which events are sent.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AsyncEventConfiguration {
    /// SHCW: SMART / Health Critical Warnings, the bits of Critical Warning in log page 02h.
    pub shcw: u8,
    /// NSAN: Attached Namespace Attribute Notices.
    pub nsan: bool,
    /// FAN: Firmware Activation Notices.
    pub fan: bool,
    /// TLN: Telemetry Log Notices.
    pub tln: bool,
    /// ANACN: Asymmetric Namespace Access Change Notices.
    pub anacn: bool,
    /// PLEAN: Predictable Latency Event Aggregate Log Change Notices.
    pub plean: bool,
    /// LSIAN: LBA Status Information Alert Notices.
    pub lsian: bool,
    /// EGEAN: Endurance Group Event Aggregate Log Change Notices.
    pub egean: bool,
    /// NNSSD: Normal NVM Subsystem Shutdown.
    pub nnssd: bool,
    /// TTHRY: Temperature Threshold Hysteresis Recovery.
    pub tthry: bool,
    /// RASSN: Reachability Association.
    pub rassn: bool,
    /// RGRP0: Reachability Group.
    pub rgrp0: bool,
    /// ANSAN: Allocated Namespace Attribute Notices.
    pub ansan: bool,
    #[bits(7)]
    __: u8,
    /// ZDCN: Zone Descriptor Changed Notices.
    pub zdcn: bool,
    /// PMDRLPCN: Pull Model DDC Request Log Page Change Notification.
    pub pmdrlpcn: bool,
    /// ADLPCN: AVE Discovery Log Page Change Notification.
    pub adlpcn: bool,
    /// HDLPCN: Host Discovery Log Page Change Notification.
    pub hdlpcn: bool,
    /// DLPCN: Discovery Log Page Change Notification.
    pub dlpcn: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_in_the_bits_of_the_figures() {
        let arbitration = Arbitration::from(0x0403_0207);
        assert_eq!((arbitration.ab(), arbitration.lpw_z()), (7, 2));
        assert_eq!((arbitration.mpw_z(), arbitration.hpw_z()), (3, 4));
        assert_eq!((PowerManagement::from(0x24).ps(), PowerManagement::from(0x24).wh()), (4, 1));
        assert_eq!(LbaRangeNumber::from(0xFF).num_z(), 0x3F);
        let threshold = TemperatureThreshold::from(0x0058_0157);
        assert_eq!((threshold.tmpth(), threshold.tmpsel()), (0x157, 8));
        assert_eq!((threshold.thsel(), threshold.tmpthh()), (0b01, 0b001));
        assert!(ErrorRecovery::from(0x0001_0005).dulbe());
        assert_eq!(ErrorRecovery::from(0x0001_0005).tler(), 5);
        assert!(VolatileWriteCache::from(1).wce() && WriteAtomicityNormal::from(1).dn());
        let queues = NumberOfQueues::from(0x0003_000F);
        assert_eq!((queues.nsq_z(), queues.ncq_z()), (15, 3));
        let coalescing = InterruptCoalescing::from(0x0A05);
        assert_eq!((coalescing.thr_z(), coalescing.time()), (5, 10));
        let vector = InterruptVectorConfiguration::from(0x0001_0002);
        assert_eq!((vector.iv(), vector.cd()), (2, true));
    }

    #[test]
    fn the_capabilities_are_in_the_bits_of_the_figure() {
        let capabilities = FeatureCapabilities::from(0b101);
        assert!(capabilities.svbl() && !capabilities.nsspec() && capabilities.chang());
    }

    #[test]
    fn the_events_are_in_the_bits_of_the_figure() {
        let bits = |bit: u32| AsyncEventConfiguration::from(1 << bit);
        assert_eq!(AsyncEventConfiguration::from(0x3F).shcw(), 0x3F);
        assert!(bits(8).nsan() && bits(9).fan() && bits(10).tln() && bits(11).anacn());
        assert!(bits(12).plean() && bits(13).lsian() && bits(14).egean() && bits(15).nnssd());
        assert!(bits(16).tthry() && bits(17).rassn() && bits(18).rgrp0() && bits(19).ansan());
        assert!(bits(27).zdcn() && bits(28).pmdrlpcn() && bits(31).dlpcn());
    }
}

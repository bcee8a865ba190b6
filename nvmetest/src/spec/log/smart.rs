//! SMART / Health Information, log page 02h (Base 5.1.12.1.3).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U16;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U128;

use crate::spec::reserved::Reserved;

/// SMART / Health Information log page: 512 bytes (Base 5.1.12.1.3).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SmartHealth {
    /// CW: Critical Warning.
    pub cw: CriticalWarning,
    /// CTEMP: Composite Temperature in kelvins.
    pub ctemp: U16,
    /// AVSP: Available Spare in percent.
    pub avsp: u8,
    /// AVSPT: Available Spare Threshold in percent.
    pub avspt: u8,
    /// PUSED: Percentage Used; may pass 100, FFh is 255 or more.
    pub pused: u8,
    /// EGCWS: Endurance Group Critical Warning Summary.
    pub egcws: EnduranceGroupWarning,
    /// Reserved.
    pub reserved7: Reserved<25>,
    /// DUR: Data Units Read, in units of 1000 times 512 bytes, rounded up.
    pub dur: U128,
    /// DUW: Data Units Written, in units of 1000 times 512 bytes, rounded up.
    pub duw: U128,
    /// HRC: Host Read Commands.
    pub hrc: U128,
    /// HWC: Host Write Commands.
    pub hwc: U128,
    /// CBT: Controller Busy Time in minutes.
    pub cbt: U128,
    /// PWRC: Power Cycles.
    pub pwrc: U128,
    /// POH: Power On Hours.
    pub poh: U128,
    /// UPL: Unexpected Power Losses.
    pub upl: U128,
    /// MDIE: Media and Data Integrity Errors.
    pub mdie: U128,
    /// NEILE: Number of Error Information Log Entries over the life of the controller.
    pub neile: U128,
    /// WCTT: Warning Composite Temperature Time in minutes.
    pub wctt: U32,
    /// CCTT: Critical Composite Temperature Time in minutes.
    pub cctt: U32,
    /// TSEN1 to TSEN8: Temperature Sensors in kelvins; 0h is no sensor.
    pub tsen: [U16; 8],
    /// TMT1TC: Thermal Management Temperature 1 Transition Count.
    pub tmt1tc: U32,
    /// TMT2TC: Thermal Management Temperature 2 Transition Count.
    pub tmt2tc: U32,
    /// TTTMT1: Total Time For Thermal Management Temperature 1 in seconds.
    pub tttmt1: U32,
    /// TTTMT2: Total Time For Thermal Management Temperature 2 in seconds.
    pub tttmt2: U32,
    /// Reserved.
    pub reserved232: Reserved<280>,
}

const _: () = assert!(size_of::<SmartHealth>() == 512);

wire_bitfield! {
    /// CW: Critical Warning; a state and not a history (Base 5.1.12.1.3).
    pub struct CriticalWarning: u8 {
        /// ASCBT: available spare is below the threshold.
        pub ascbt: bool,
        /// TTC: a temperature is past a threshold.
        pub ttc: bool,
        /// NDR: the NVM subsystem is degraded.
        pub ndr: bool,
        /// AMRO: all media are read only.
        pub amro: bool,
        /// VMBF: the backup of volatile memory failed.
        pub vmbf: bool,
        /// PMRRO: the Persistent Memory Region is read only or unreliable.
        pub pmrro: bool,
        #[bits(2)]
        __: u8,
    }
}

wire_bitfield! {
    /// EGCWS: Endurance Group Critical Warning Summary (Base 5.1.12.1.3).
    pub struct EnduranceGroupWarning: u8 {
        /// EGASCBT: available spare of an Endurance Group is below the threshold.
        pub egascbt: bool,
        __: bool,
        /// EGDR: an Endurance Group is degraded.
        pub egdr: bool,
        /// EGRO: an Endurance Group is read only.
        pub egro: bool,
        #[bits(4)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_at_the_offset_of_the_figure() {
        let bytes: [u8; 512] = std::array::from_fn(|index| index as u8);
        let page = SmartHealth::read_from_bytes(&bytes).expect("512 bytes are one page");
        assert_eq!(page.ctemp.get(), 0x0201);
        assert_eq!((page.avsp, page.avspt, page.pused, u8::from(page.egcws)), (3, 4, 5, 6));
        let counters = [
            page.dur, page.duw, page.hrc, page.hwc, page.cbt, page.pwrc, page.poh, page.upl,
            page.mdie, page.neile,
        ];
        for (index, counter) in counters.into_iter().enumerate() {
            assert_eq!(counter.get() as u8, 32 + 16 * index as u8);
        }
        assert_eq!((page.wctt.get() as u8, page.cctt.get() as u8), (192, 196));
        assert_eq!((page.tsen[0].get() as u8, page.tsen[7].get() as u8), (200, 214));
        assert_eq!((page.tmt1tc.get() as u8, page.tmt2tc.get() as u8), (216, 220));
        assert_eq!((page.tttmt1.get() as u8, page.tttmt2.get() as u8), (224, 228));
    }

    #[test]
    fn the_warnings_are_in_the_bits_of_the_figure() {
        let warning = CriticalWarning::from(0b10_1001);
        assert!(warning.ascbt() && !warning.ttc() && warning.amro() && warning.pmrro());
        assert!(EnduranceGroupWarning::from(0b100).egdr());
    }
}

//! Device Self-test, log page 06h (Base 5.1.12.1.7).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::spec::reserved::Reserved;

/// Device Self-test log page: 564 bytes (Base 5.1.12.1.7).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct DeviceSelfTest {
    /// CDSTO: Current Device Self-Test Operation, in bits 3:0; 0h is none.
    pub cdsto: u8,
    /// CDSTC: Current Device Self-Test Completion in percent, in bits 6:0.
    pub cdstc: u8,
    /// Reserved.
    pub reserved2: Reserved<2>,
    /// The results of the last 20 self-tests, the newest first.
    pub result: [SelfTestResult; 20],
}

const _: () = assert!(size_of::<DeviceSelfTest>() == 564);

/// Self-test Result data structure: 28 bytes (Base 5.1.12.1.7).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SelfTestResult {
    /// Device Self-test Status.
    pub status: SelfTestStatus,
    /// Segment Number, for a result of 7h: the first segment that failed.
    pub segment: u8,
    /// Valid Diagnostic Information.
    pub valid: SelfTestValid,
    /// Reserved.
    pub reserved3: Reserved<1>,
    /// POH: Power On Hours when the self-test ended.
    pub poh: U64,
    /// NSID: Namespace Identifier of the failure.
    pub nsid: U32,
    /// FLBA: Failing LBA.
    pub flba: U64,
    /// SCT: Status Code Type of the failure, in bits 2:0.
    pub sct: u8,
    /// SC: Status Code of the failure.
    pub sc: u8,
    /// VS: Vendor Specific.
    pub vs: [u8; 2],
}

const _: () = assert!(size_of::<SelfTestResult>() == 28);

wire_bitfield! {
    /// Device Self-test Status (Base 5.1.12.1.7).
    pub struct SelfTestStatus: u8 {
        /// DSTR: result.
        #[bits(4)]
        pub dstr: SelfTestOutcome,
        /// DSTC: the Self-test Code of the command: 1h short, 2h extended, 3h refresh, Eh vendor
        /// specific.
        #[bits(4)]
        pub dstc: u8,
    }
}

open_enum! {
    /// DSTR: Device Self-test Result (Base 5.1.12.1.7).
    #[derive(Unaligned)]
    pub enum SelfTestOutcome: u8 {
        COMPLETED = 0x0, "Operation completed without error", "Base 5.1.12.1.7";
        ABORTED_BY_COMMAND = 0x1, "Operation was aborted by a Device Self-test command", "Base 5.1.12.1.7";
        ABORTED_BY_RESET = 0x2, "Operation was aborted by a Controller Level Reset", "Base 5.1.12.1.7";
        ABORTED_BY_NAMESPACE_REMOVAL = 0x3, "Operation was aborted due to a removal of a namespace", "Base 5.1.12.1.7";
        ABORTED_BY_FORMAT = 0x4, "Operation was aborted due to the processing of a Format NVM command", "Base 5.1.12.1.7";
        FATAL_ERROR = 0x5, "A fatal error or unknown test error occurred", "Base 5.1.12.1.7";
        UNKNOWN_SEGMENT_FAILED = 0x6, "Operation completed with a segment that failed and is not known", "Base 5.1.12.1.7";
        SEGMENT_FAILED = 0x7, "Operation completed with one or more failed segments", "Base 5.1.12.1.7";
        ABORTED_FOR_UNKNOWN_REASON = 0x8, "Operation was aborted for an unknown reason", "Base 5.1.12.1.7";
        ABORTED_BY_SANITIZE = 0x9, "Operation was aborted due to a sanitize operation", "Base 5.1.12.1.7";
        NOT_USED = 0xF, "Entry not used", "Base 5.1.12.1.7";
    }
}

wire_bitfield! {
    /// Valid Diagnostic Information (Base 5.1.12.1.7).
    pub struct SelfTestValid: u8 {
        /// NSID is valid.
        pub nsid: bool,
        /// FLBA is valid.
        pub flba: bool,
        /// SCT is valid.
        pub sct: bool,
        /// SC is valid.
        pub sc: bool,
        #[bits(4)]
        __: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_at_the_offset_of_the_figure() {
        let bytes: [u8; 564] = std::array::from_fn(|index| index as u8);
        let page = DeviceSelfTest::read_from_bytes(&bytes).expect("564 bytes are one page");
        assert_eq!((page.cdsto, page.cdstc), (0, 1));
        let first = page.result[0];
        assert_eq!((u8::from(first.status), first.segment, u8::from(first.valid)), (4, 5, 6));
        assert_eq!(first.poh.get(), 0x0F0E_0D0C_0B0A_0908);
        assert_eq!(first.nsid.get(), 0x1312_1110);
        assert_eq!(first.flba.get(), 0x1B1A_1918_1716_1514);
        assert_eq!((first.sct, first.sc, first.vs), (28, 29, [30, 31]));
        assert_eq!(u8::from(page.result[1].status), 32);
        assert_eq!(u8::from(page.result[19].status), (4 + 19 * 28u16) as u8);
    }

    #[test]
    fn the_status_is_result_and_code() {
        let status = SelfTestStatus::from(0x27);
        assert_eq!((status.dstr(), status.dstc()), (SelfTestOutcome::SEGMENT_FAILED, 2));
    }
}

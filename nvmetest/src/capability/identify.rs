//! Capabilities that Identify Controller tells (Base 5.1.13.2.1).

use super::Capability;
use super::Presence;

/// Defines capabilities that are a bit of a field of Identify Controller.
macro_rules! bits {
    ($(
        $(#[$doc:meta])*
        $capability:ident: $name:literal, $field:literal bit $bit:literal of $value:expr;
    )*) => {$(
        $(#[$doc])*
        pub static $capability: Capability = Capability {
            name: $name,
            field: concat!($field, " bit ", $bit),
            clause: "Base 5.1.13.2.1",
            probe: |capabilities| {
                let value: fn(&crate::spec::IdentifyController) -> _ = $value;
                Presence::bit($field, value(&capabilities.controller), $bit)
            },
        };
    )*};
}

bits! {
    /// The Compare command (NVM 3.3.1).
    COMPARE: "Compare", "ONCS" bit 0 of |id| id.oncs.get();
    /// The Write Uncorrectable command (NVM 3.3.7).
    WRITE_UNCORRECTABLE: "Write Uncorrectable", "ONCS" bit 1 of |id| id.oncs.get();
    /// The Dataset Management command (NVM 3.3.3).
    DATASET_MANAGEMENT: "Dataset Management", "ONCS" bit 2 of |id| id.oncs.get();
    /// The Write Zeroes command (NVM 3.3.8).
    WRITE_ZEROES: "Write Zeroes", "ONCS" bit 3 of |id| id.oncs.get();
    /// Save in Set Features and Select in Get Features (Base 5.1.11, 5.1.25).
    SAVE_AND_SELECT: "Save and Select of features", "ONCS" bit 4 of |id| id.oncs.get();
    /// Reservations (Base 7.5 to 7.8).
    RESERVATIONS: "reservations", "ONCS" bit 5 of |id| id.oncs.get();
    /// The Timestamp feature (Base 5.1.25).
    TIMESTAMP: "Timestamp", "ONCS" bit 6 of |id| id.oncs.get();
    /// The Verify command (NVM 3.3.5).
    VERIFY: "Verify", "ONCS" bit 7 of |id| id.oncs.get();
    /// The Copy command (NVM 3.3.2).
    COPY: "Copy", "ONCS" bit 8 of |id| id.oncs.get();

    /// Security Send and Security Receive (Base 5.1.23, 5.1.24).
    SECURITY: "Security Send and Receive", "OACS" bit 0 of |id| id.oacs.get();
    /// The Format NVM command (Base 5.1.10).
    FORMAT_NVM: "Format NVM", "OACS" bit 1 of |id| id.oacs.get();
    /// Firmware Commit and Firmware Image Download (Base 5.1.8, 5.1.9).
    FIRMWARE_UPDATE: "firmware update", "OACS" bit 2 of |id| id.oacs.get();
    /// Namespace Management and Namespace Attachment (Base 5.1.20, 5.1.21).
    NAMESPACE_MANAGEMENT: "Namespace Management", "OACS" bit 3 of |id| id.oacs.get();
    /// The Device Self-test command (Base 5.1.5).
    DEVICE_SELF_TEST: "Device Self-test", "OACS" bit 4 of |id| id.oacs.get();
    /// The Doorbell Buffer Config command (Base 5.2.5).
    DOORBELL_BUFFER: "Doorbell Buffer Config", "OACS" bit 8 of |id| id.oacs.get();

    /// Cryptographic erase by Format NVM (Base 5.1.10).
    CRYPTOGRAPHIC_ERASE: "cryptographic erase", "FNA" bit 2 of |id| id.fna.into_bits();
    /// A volatile write cache (Base 5.1.25).
    VOLATILE_WRITE_CACHE: "a volatile write cache", "VWC" bit 0 of |id| id.vwc.into_bits();
    /// The fused operation Compare and Write (Base 3.4.2).
    COMPARE_AND_WRITE: "Compare and Write", "FUSES" bit 0 of |id| id.fuses.get();
    /// The Commands Supported and Effects log page (Base 5.1.12.1.6).
    COMMANDS_SUPPORTED_LOG: "the Commands Supported and Effects log page",
        "LPA" bit 1 of |id| id.lpa.into_bits();
    /// Log page offsets and lengths of 32 bits (Base 5.1.12).
    EXTENDED_LOG_PAGES: "extended data of log pages", "LPA" bit 2 of |id| id.lpa.into_bits();
    /// Attached Namespace Attribute Changed events (Base 5.1.2).
    NAMESPACE_ATTRIBUTE_NOTICES: "Attached Namespace Attribute Notices",
        "OAES" bit 8 of |id| id.oaes.get();
    /// The SGL Bit Bucket descriptor (Base 4.3.2).
    SGL_BIT_BUCKET: "the SGL Bit Bucket descriptor", "SGLS" bit 16 of |id| id.sgls.get();
}

/// SGLs in I/O commands (Base 4.3.2).
pub static SGL: Capability = Capability {
    name: "SGLs in I/O commands",
    field: "SGLS bits 1:0",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let sgls = capabilities.controller.sgls;
        let value = format!("{:02b}b, SGLS = {:#010x}", sgls.sgls(), sgls.get());
        Presence { present: sgls.sgls() != 0, value }
    },
};

/// The Keep Alive command and its timer (Base 5.1.14).
pub static KEEP_ALIVE: Capability = Capability {
    name: "Keep Alive",
    field: "KAS",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let kas = capabilities.controller.kas.get();
        Presence { present: kas != 0, value: kas.to_string() }
    },
};

/// A controller that uses memory of the host (Base 8.2.3).
pub static HOST_MEMORY_BUFFER: Capability = Capability {
    name: "the Host Memory Buffer",
    field: "HMPRE",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let hmpre = capabilities.controller.hmpre.get();
        Presence { present: hmpre != 0, value: hmpre.to_string() }
    },
};

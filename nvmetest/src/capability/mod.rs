//! What a test may require of the controller.
//!
//! A test names what it requires, and does not run where that is missing: its verdict is then "not
//! applicable", with the field that says so and its value.
//!
//! ```
//! use nvmetest::prelude::*;
//!
//! #[nvme_test(spec = "NVM 3.3.1", requires(COMPARE))]
//! fn compare_finds_a_difference(q: &Qpair, ns: Namespace) -> Result {
//!     // ...
//!     # let _ = (q, ns);
//!     Ok(())
//! }
//! ```
//!
//! The names are those of this module; a [`Capability`] of one's own is given by its path:
//!
//! ```
//! use nvmetest::capability::{Capability, Presence};
//! use nvmetest::prelude::*;
//!
//! /// CAP.TO is so large that waiting for it can be seen.
//! static SLOW: Capability = Capability {
//!     name: "a slow start",
//!     field: "CAP.TO",
//!     clause: "Base 3.1.4.1",
//!     probe: |capabilities| Presence {
//!         present: 4 < capabilities.cap.to(),
//!         value: capabilities.cap.to().to_string(),
//!     },
//! };
//!
//! #[nvme_test(requires(self::SLOW))]
//! fn the_host_waits(nvme: &mut Controller) -> Result {
//!     nvme.reset()
//! }
//! # fn main() {}
//! ```

mod identify;
mod property;
mod transport;

use crate::Capabilities;

pub use identify::*;
pub use property::*;
pub use transport::*;

/// Something that a controller may be able to do, and how it says so.
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// The capability in the standard's words.
    pub name: &'static str,
    /// The field that says whether it is there.
    pub field: &'static str,
    /// The clause that defines the field.
    pub clause: &'static str,
    /// Reads the field.
    pub probe: fn(&Capabilities) -> Presence,
}

/// Whether a capability is there, and the field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Whether the controller can do it.
    pub present: bool,
    /// The value as a reader wants it: "0, ONCS = 0x005d".
    pub value: String,
}

impl Capability {
    /// Returns why a test that requires this is not applicable, if it is not.
    pub fn missing(&self, capabilities: &Capabilities) -> Option<String> {
        let Presence { present, value } = (self.probe)(capabilities);
        let Self { name, field, clause, .. } = self;
        (!present).then(|| format!("{field} ({name}, {clause}) is {value}"))
    }
}

impl Presence {
    /// Reads bit `bit` of the field `field`, whose value is `bits`.
    fn bit<T: Into<u64>>(field: &str, bits: T, bit: u32) -> Self {
        let digits = 2 * size_of::<T>();
        let bits = bits.into();
        let set = (bits >> bit) & 1;
        Self { present: set == 1, value: format!("{set}, {field} = 0x{bits:0digits$x}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Cap;
    use crate::spec::Vs;
    use crate::spec::identify::Fna;
    use crate::spec::identify::Oacs;
    use crate::spec::identify::Oncs;
    use crate::spec::identify::Vwc;
    use crate::transport::PortAbove;

    fn nothing() -> Capabilities {
        Capabilities { vs: Vs::V1_4, ..Capabilities::unknown(Cap::new()) }
    }

    fn has(capability: &Capability, change: impl FnOnce(&mut Capabilities)) -> bool {
        let mut capabilities = nothing();
        assert!(capability.missing(&capabilities).is_some(), "{}", capability.name);
        change(&mut capabilities);
        capability.missing(&capabilities).is_none()
    }

    #[test]
    fn what_is_missing_is_said_with_the_field_and_its_value() {
        let mut capabilities = nothing();
        capabilities.controller.oncs = Oncs::from(0x5c);
        assert_eq!(
            COMPARE.missing(&capabilities).unwrap(),
            "ONCS bit 0 (Compare, Base 5.1.13.2.1) is 0, ONCS = 0x005c"
        );
        assert_eq!(
            REVISION_2_0.missing(&capabilities).unwrap(),
            "VS (revision 2.0 or later, Base 3.1.4.2) is 1.4.0"
        );
        assert_eq!(
            NVM_SUBSYSTEM_RESET.missing(&capabilities).unwrap(),
            "CAP bit 36 (NVM Subsystem Reset, Base 3.1.4.1) is 0, CAP = 0x0000000000000000"
        );
    }

    /// The bit numbers here and the accessors of the wire formats are written down apart.
    #[test]
    fn each_capability_is_the_field_of_its_name() {
        let oncs = |capability, oncs| has(capability, |c| c.controller.oncs = oncs);
        assert!(oncs(&COMPARE, Oncs::new().with_nvmcmps(true)));
        assert!(oncs(&WRITE_UNCORRECTABLE, Oncs::new().with_nvmwusv(true)));
        assert!(oncs(&DATASET_MANAGEMENT, Oncs::new().with_nvmdsmsv(true)));
        assert!(oncs(&WRITE_ZEROES, Oncs::new().with_nvmwzsv(true)));
        assert!(oncs(&SAVE_AND_SELECT, Oncs::new().with_ssfs(true)));
        assert!(oncs(&RESERVATIONS, Oncs::new().with_reservs(true)));
        assert!(oncs(&TIMESTAMP, Oncs::new().with_tss(true)));
        assert!(oncs(&VERIFY, Oncs::new().with_nvmvfys(true)));
        assert!(oncs(&COPY, Oncs::new().with_nvmcpys(true)));

        let oacs = |capability, oacs| has(capability, |c| c.controller.oacs = oacs);
        assert!(oacs(&SECURITY, Oacs::new().with_ssrs(true)));
        assert!(oacs(&FORMAT_NVM, Oacs::new().with_fnvms(true)));
        assert!(oacs(&FIRMWARE_UPDATE, Oacs::new().with_fwds(true)));
        assert!(oacs(&NAMESPACE_MANAGEMENT, Oacs::new().with_nms(true)));
        assert!(oacs(&DEVICE_SELF_TEST, Oacs::new().with_dsts(true)));
        assert!(oacs(&DOORBELL_BUFFER, Oacs::new().with_dbcs(true)));

        assert!(has(&CRYPTOGRAPHIC_ERASE, |c| c.controller.fna = Fna::new().with_cryes(true)));
        assert!(has(&VOLATILE_WRITE_CACHE, |c| c.controller.vwc = Vwc::new().with_vwcp(true)));
        assert!(has(&COMPARE_AND_WRITE, |c| c.controller.fuses.set_fcws(true)));
        assert!(has(&COMMANDS_SUPPORTED_LOG, |c| c.controller.lpa.set_cses(true)));
        assert!(has(&EXTENDED_LOG_PAGES, |c| c.controller.lpa.set_lpeds(true)));
        assert!(has(&NAMESPACE_ATTRIBUTE_NOTICES, |c| c.controller.oaes.set_nsan(true)));
        assert!(has(&SGL, |c| c.controller.sgls.set_sgls(0b10)));
        assert!(has(&SGL_BIT_BUCKET, |c| c.controller.sgls.set_bit_bucket(true)));
        assert!(has(&KEEP_ALIVE, |c| c.controller.kas = 5.into()));
        assert!(has(&HOST_MEMORY_BUFFER, |c| c.controller.hmpre = 16.into()));

        assert!(has(&CONTIGUOUS_QUEUES_REQUIRED, |c| c.cap.set_cqr(true)));
        assert!(has(&NVM_SUBSYSTEM_RESET, |c| c.cap.set_nssrs(true)));
        assert!(has(&REVISION_2_0, |c| c.vs = Vs::V2_1));

        assert!(has(&FUNCTION_LEVEL_RESET, |c| c.transport.function_reset = true));
        assert!(has(&HOT_RESET, |c| c.transport.hot_reset = true));
        assert!(has(&RETRAIN_LINK, |c| c.transport.port = PortAbove::Programmable));
        assert!(has(&BAR_REGISTERS, |c| c.transport.owns_bars = true));
        assert!(has(&BAR_RELOCATION, |c| c.transport.moves_bar0 = true));
        assert!(has(&REMOVAL, |c| c.transport.removes = true));
        assert!(has(&INTX, |c| c.transport.intx = true));
        assert!(has(&MSIX, |c| c.transport.msix_vectors = 1));
        assert!(has(&MSI, |c| c.transport.msi_vectors = 1));
        assert!(has(&VECTORS, |c| c.transport.msix_vectors = 1));
        assert!(has(&VECTORS, |c| c.transport.msi_vectors = 1));
        assert!(has(&DMA_REVOCATION, |c| c.transport.revokes = true));
    }
}

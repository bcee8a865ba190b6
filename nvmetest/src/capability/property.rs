//! Capabilities that the properties CAP and VS tell (Base 3.1.4).

use super::Capability;
use super::Presence;
use crate::spec::Vs;

/// I/O queues have to be physically contiguous (CAP.CQR).
pub static CONTIGUOUS_QUEUES_REQUIRED: Capability = Capability {
    name: "Contiguous Queues Required",
    field: "CAP bit 16",
    clause: "Base 3.1.4.1",
    probe: |capabilities| Presence::bit("CAP", u64::from(capabilities.cap), 16),
};

/// The NVM Subsystem Reset feature and the property NSSR (CAP.NSSRS, Base 3.7.1).
pub static NVM_SUBSYSTEM_RESET: Capability = Capability {
    name: "NVM Subsystem Reset",
    field: "CAP bit 36",
    clause: "Base 3.1.4.1",
    probe: |capabilities| Presence::bit("CAP", u64::from(capabilities.cap), 36),
};

/// Revision 2.0 of the Base Specification, or a later one.
pub static REVISION_2_0: Capability = Capability {
    name: "revision 2.0 or later",
    field: "VS",
    clause: "Base 3.1.4.2",
    probe: |capabilities| {
        let vs = capabilities.vs;
        Presence { present: Vs::V2_0 <= vs, value: vs.to_string() }
    },
};

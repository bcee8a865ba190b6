//! What a test may require of the controller.

use crate::{Controller, Result};

/// Something that a controller may be able to do, and how it says so.
///
/// A test names what it requires, `#[nvme_test(requires(FUNCTION_LEVEL_RESET))]`; where that is missing, its
/// verdict is "not applicable", with the field and its value.
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// The capability in the standard's words.
    pub name: &'static str,
    /// The field that says whether it is there.
    pub field: &'static str,
    /// The clause that defines the field.
    pub clause: &'static str,
    /// Reads the field.
    pub probe: fn(&Controller) -> Result<Presence>,
}

/// Whether a capability is there, and the field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Whether the controller can do it.
    pub present: bool,
    /// The value, as a sentence goes on: "0, ONCS = 0x005d".
    pub value: String,
}

impl Capability {
    /// Returns the reason for which a test that requires this is not applicable, if it is not.
    ///
    /// # Errors
    ///
    /// Fails if the field cannot be read.
    pub fn missing(&self, nvme: &Controller) -> Result<Option<String>> {
        let Presence { present, value } = (self.probe)(nvme)?;
        let Self { name, field, clause, .. } = self;
        Ok((!present).then(|| format!("{field} ({name}, {clause}) is {value}")))
    }
}

/// Function Level Reset, or what the transport has for it (PCI Express 6.6.2).
pub static FUNCTION_LEVEL_RESET: Capability = Capability {
    name: "Function Level Reset",
    field: "a function reset over this transport",
    clause: "PCI Express 6.6.2",
    probe: |nvme| {
        let present = nvme.function().abilities().function_reset;
        let value = if present { "possible" } else { "not possible" }.to_owned();
        Ok(Presence { present, value })
    },
};

/// MSI-X vectors that the host can observe (PCIe Transport 3.5).
pub static MSIX: Capability = Capability {
    name: "MSI-X",
    field: "the number of MSI-X vectors that can be observed",
    clause: "PCIe Transport 3.5",
    probe: |nvme| {
        let vectors = nvme.function().abilities().msix_vectors;
        Ok(Presence { present: 0 < vectors, value: vectors.to_string() })
    },
};

//! The extended capabilities (PCIe 7.6).

use std::collections::BTreeSet;

use nvmetest::prelude::*;
use nvmetest::spec::pci::ExtendedCapabilityId;

/// The list of extended capabilities ends, and each of its entries has a version and a place of its own.
#[nvme_test(spec = "PCIe 7.6.3")]
fn the_list_of_extended_capabilities_is_well_formed(nvme: &Controller) -> Result {
    let capabilities = nvme.pci().extended_capabilities()?;
    if capabilities.is_empty() {
        return Err(Error::NotApplicable("the function shows no extended capability".to_owned()));
    }
    let mut seen = BTreeSet::new();
    for (id, version, at) in capabilities {
        assert!((0x100..=0xffc).contains(&at), "{id} is at {at:#x}");
        assert!(seen.insert(at), "the list comes back to {at:#x}");
        assert!(id == ExtendedCapabilityId::NULL || version != 0, "{id} has version 0");
    }
    Ok(())
}

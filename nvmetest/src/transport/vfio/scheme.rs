//! The scheme `pci:`.

use std::sync::Arc;

use crate::memory::Arena;
use crate::transport::DeviceUri;
use crate::transport::Function;
use crate::transport::OpenError;
use crate::transport::Scheme;

use super::PciAddress;
use super::Vfio;
use super::address::MalformedPciAddress;

/// Opens `pci:0000:01:00.0`.
#[derive(Debug, Clone, Copy, Default)]
struct PciScheme;

/// The scheme `pci:`.
pub const SCHEME: &dyn Scheme = &PciScheme;

impl Scheme for PciScheme {
    fn name(&self) -> &'static str {
        "pci"
    }

    fn summary(&self) -> &'static str {
        "pci:0000:01:00.0  a drive of this machine that vfio-pci has: see `cargo xtask bind`"
    }

    fn open(&self, uri: &DeviceUri, _arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError> {
        Ok(Arc::new(Vfio::open(uri.clone(), address(uri)?)?))
    }
}

fn address(uri: &DeviceUri) -> Result<PciAddress, OpenError> {
    let way_out = "`lspci -D -d ::0108` lists the NVMe controllers of this machine";
    uri.rest().parse().map_err(|error: MalformedPciAddress| {
        let what = match uri.rest() {
            "" => "it names no function".to_owned(),
            rest => format!("`{rest}` is no PCI address ({error})"),
        };
        OpenError::new(uri.to_string(), what, way_out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_with_an_example() {
        for (uri, says) in
            [("pci:", "it names no function"), ("pci:01:00.0", "`01:00.0` is no PCI address")]
        {
            let error = address(&uri.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("lspci -D"), "{error}");
        }
        assert!(address(&"pci:0000:01:00.0".parse().unwrap()).is_ok());
    }
}

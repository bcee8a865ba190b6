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
use super::host::Wanted;

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
        "pci:0000:01:00.0[,vfio=group|cdev]  a drive of this machine that vfio-pci has: see `cargo xtask bind`"
    }

    fn takes_huge_pages(&self) -> bool {
        true
    }

    fn open(&self, uri: &DeviceUri, _arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError> {
        let (address, wanted) = parse(uri)?;
        Ok(Arc::new(Vfio::open_by(uri.clone(), address, wanted)?))
    }
}

/// Reads the address, and which way to take: `vfio=group`, `vfio=cdev`.
fn parse(uri: &DeviceUri) -> Result<(PciAddress, Option<Wanted>), OpenError> {
    let (address, options) = uri.path_and_options()?;
    let address = parse_address(uri, address)?;
    let mut wanted = None;
    for option in options {
        wanted = Some(match option {
            ("vfio", "group") => Wanted::Group,
            ("vfio", "cdev") => Wanted::Cdev,
            (name, value) => {
                let what = format!("`{name}={value}` is no option of `pci:`");
                let way_out = "`vfio=group` and `vfio=cdev` are; without, the newer of the two is taken that the kernel has";
                return Err(OpenError::new(uri.to_string(), what, way_out));
            }
        });
    }
    Ok((address, wanted))
}

fn parse_address(uri: &DeviceUri, address: &str) -> Result<PciAddress, OpenError> {
    let way_out = "`lspci -D -d ::0108` lists the NVMe controllers of this machine";
    address.parse().map_err(|error: MalformedPciAddress| {
        let what = match address {
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
            let error = parse(&uri.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("lspci -D"), "{error}");
        }
        let way = |uri: &str| parse(&uri.parse().unwrap()).map(|(_, wanted)| wanted).ok();
        assert_eq!(way("pci:0000:01:00.0"), Some(None));
        assert_eq!(way("pci:0000:01:00.0,vfio=cdev"), Some(Some(Wanted::Cdev)));
        assert_eq!(way("pci:0000:01:00.0,vfio=group"), Some(Some(Wanted::Group)));
        let error = parse(&"pci:0000:01:00.0,iommu=on".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`iommu=on` is no option"), "{error}");
    }
}

//! The scheme `pci:`.

use std::sync::Arc;

use crate::memory::Arena;
use crate::transport::DeviceUri;
use crate::transport::Function;
use crate::transport::InterruptKind;
use crate::transport::OpenError;
use crate::transport::Scheme;
use crate::transport::UnknownInterruptKind;

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
        "pci:0000:01:00.0[,vfio=group|cdev][,irq=msix|msi|intx]  a drive of this machine that vfio-pci has: see `cargo xtask bind`"
    }

    fn takes_huge_pages(&self) -> bool {
        true
    }

    fn open(&self, uri: &DeviceUri, _arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError> {
        let (address, options) = parse(uri)?;
        Ok(Arc::new(Vfio::open_with(uri.clone(), address, options)?))
    }
}

/// How a drive is to be opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `vfio=group`, `vfio=cdev`: which way to take.
    pub(super) way: Option<Wanted>,
    /// `irq=msix`, `irq=msi`, `irq=intx`: the interrupts that it is used with.
    pub(super) irq: Option<InterruptKind>,
}

fn parse(uri: &DeviceUri) -> Result<(PciAddress, Options), OpenError> {
    let (address, given) = uri.path_and_options()?;
    let address = parse_address(uri, address)?;
    let mut options = Options::default();
    for (name, value) in given {
        let refuse = |what: String, way_out: &str| OpenError::new(uri.to_string(), what, way_out);
        match (name, value) {
            ("vfio", "group") => options.way = Some(Wanted::Group),
            ("vfio", "cdev") => options.way = Some(Wanted::Cdev),
            ("irq", value) => {
                let kind: InterruptKind = value.parse().map_err(|why: UnknownInterruptKind| {
                    refuse(format!("`irq={value}` cannot be had"), &why.to_string())
                })?;
                options.irq = Some(kind);
            }
            _ => {
                let what = format!("`{name}={value}` is no option of `pci:`");
                let way_out = "`vfio=group` and `vfio=cdev` are; without, the newer of the two is taken that the kernel has. \
                               `irq=msix`, `irq=msi` and `irq=intx` choose the interrupts";
                return Err(refuse(what, way_out));
            }
        }
    }
    Ok((address, options))
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
        let way = |uri: &str| parse(&uri.parse().unwrap()).map(|(_, options)| options.way).ok();
        assert_eq!(way("pci:0000:01:00.0"), Some(None));
        assert_eq!(way("pci:0000:01:00.0,vfio=cdev"), Some(Some(Wanted::Cdev)));
        assert_eq!(way("pci:0000:01:00.0,vfio=group"), Some(Some(Wanted::Group)));
        let uri = "pci:0000:01:00.0,irq=msi,vfio=group".parse().unwrap();
        let wanted = Options { way: Some(Wanted::Group), irq: Some(InterruptKind::Msi) };
        assert_eq!(parse(&uri).unwrap().1, wanted);
        let error = parse(&"pci:0000:01:00.0,irq=msi-x".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`irq=msi-x` cannot be had") && error.contains("`msix`"), "{error}");
        let error = parse(&"pci:0000:01:00.0,iommu=on".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`iommu=on` is no option"), "{error}");
    }
}

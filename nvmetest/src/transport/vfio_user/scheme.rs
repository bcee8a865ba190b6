//! The scheme `vfio-user:`.

use std::sync::Arc;

use super::Options;
use super::VfioUser;
use crate::memory::Arena;
use crate::transport::DeviceUri;
use crate::transport::DmaModel;
use crate::transport::Function;
use crate::transport::OpenError;
use crate::transport::Scheme;

/// Opens `vfio-user:/path/to/socket[,dma=whole|per-buffer][,irq=msix|msi|intx]`.
#[derive(Debug, Clone, Copy, Default)]
struct VfioUserScheme;

/// The scheme `vfio-user:`.
pub const SCHEME: &dyn Scheme = &VfioUserScheme;

impl Scheme for VfioUserScheme {
    fn name(&self) -> &'static str {
        "vfio-user"
    }

    fn summary(&self) -> &'static str {
        "vfio-user:/path/to/socket[,dma=whole|per-buffer][,irq=msix|msi|intx]  an NVMe target that serves vfio-user"
    }

    fn open(&self, uri: &DeviceUri, _arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError> {
        let (path, options) = parse(uri)?;
        Ok(Arc::new(VfioUser::connect(uri.clone(), path, &options)?))
    }
}

fn parse(uri: &DeviceUri) -> Result<(&str, Options), OpenError> {
    let (path, given) = uri.path_and_options()?;
    let mut options = Options::default();
    for (key, value) in given {
        match (key, value, value.parse()) {
            ("dma", "whole", _) => options.dma = DmaModel::Whole,
            ("dma", "per-buffer", _) => options.dma = DmaModel::PerBuffer,
            ("irq", _, Ok(kind)) => options.irq = Some(kind),
            _ => {
                let what = format!("`{key}={value}` is not one of its options");
                let way_out = "its options are `dma=whole` and `dma=per-buffer`, and `irq=msix`, `irq=msi` and `irq=intx`";
                return Err(OpenError::new(uri.to_string(), what, way_out));
            }
        }
    }
    Ok((path, options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::InterruptKind;

    #[test]
    fn memory_is_given_whole_unless_asked_otherwise() {
        for (uri, dma) in [
            ("vfio-user:/a.sock", DmaModel::Whole),
            ("vfio-user:/a.sock,dma=whole", DmaModel::Whole),
            ("vfio-user:/a.sock,dma=per-buffer", DmaModel::PerBuffer),
        ] {
            let uri = uri.parse().unwrap();
            let (path, options) = parse(&uri).unwrap();
            assert_eq!((path, options.dma), ("/a.sock", dma), "{uri}");
        }
    }

    #[test]
    fn the_interrupts_can_be_chosen() {
        let uri = "vfio-user:/a.sock,irq=msi".parse().unwrap();
        assert_eq!(parse(&uri).unwrap().1.irq, Some(InterruptKind::Msi));
    }

    #[test]
    fn an_unknown_option_is_named() {
        for option in ["dma=some", "irq=some"] {
            let uri = format!("vfio-user:/a.sock,{option}").parse().unwrap();
            let error = parse(&uri).unwrap_err().to_string();
            assert!(error.contains(&format!("`{option}` is not one of its options")), "{error}");
        }
    }
}

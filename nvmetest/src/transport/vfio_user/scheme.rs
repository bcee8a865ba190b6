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

/// Opens `vfio-user:/path/to/socket[,dma=whole|per-buffer]`.
#[derive(Debug, Clone, Copy, Default)]
struct VfioUserScheme;

/// The scheme `vfio-user:`.
pub const SCHEME: &dyn Scheme = &VfioUserScheme;

impl Scheme for VfioUserScheme {
    fn name(&self) -> &'static str {
        "vfio-user"
    }

    fn summary(&self) -> &'static str {
        "vfio-user:/path/to/socket[,dma=whole|per-buffer]  an NVMe target that serves vfio-user"
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
        options.dma = match (key, value) {
            ("dma", "whole") => DmaModel::Whole,
            ("dma", "per-buffer") => DmaModel::PerBuffer,
            _ => {
                let what = format!("`{key}={value}` is not one of its options");
                let way_out = "its options are `dma=whole` and `dma=per-buffer`";
                return Err(OpenError::new(uri.to_string(), what, way_out));
            }
        };
    }
    Ok((path, options))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_unknown_option_is_named() {
        let uri = "vfio-user:/a.sock,dma=some".parse().unwrap();
        let error = parse(&uri).unwrap_err().to_string();
        assert!(error.contains("`dma=some` is not one of its options"), "{error}");
    }
}

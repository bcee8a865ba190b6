//! What is mapped for a device.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use iommufd_ioctls::IommufdError;
use nix::errno::Errno;
use vfio_ioctls::VfioError;
use vfio_ioctls::VfioOps;

use crate::transport::DmaRange;

/// What is mapped, by address, until the device is lost: then nothing is, nor ever will be.
#[derive(Debug)]
pub(super) struct Mappings(Mutex<Option<BTreeMap<u64, Mapped>>>);

/// What stands at an address.
#[derive(Debug, Clone, Copy)]
struct Mapped {
    len: usize,
    /// The address in this process.
    host: usize,
}

impl Mappings {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(BTreeMap::new())))
    }

    /// Maps memory.
    ///
    /// # Safety
    ///
    /// That of [`Function::dma_map`](crate::transport::Function::dma_map).
    pub(super) unsafe fn map(
        &self,
        ops: &dyn VfioOps,
        memory: &DmaRange<'_>,
    ) -> Result<(), String> {
        let mut mapped = self.lock();
        let Some(mapped) = &mut *mapped else { return Ok(()) };
        let len = usize::try_from(memory.len).map_err(|error| error.to_string())?;
        let memory_there = Mapped { len, host: memory.host };
        // SAFETY: The caller's.
        unsafe { map(ops, memory.iova, memory_there) }?;
        mapped.insert(memory.iova, memory_there);
        Ok(())
    }

    /// Maps all that was mapped for a device that is opened again. What it was mapped by before is gone. After a failure, what
    /// was not mapped again is mapped no more.
    pub(super) fn map_again(&self, ops: &dyn VfioOps) -> Result<(), String> {
        let mut state = self.lock();
        let Some(mapped) = &mut *state else { return Ok(()) };
        for (&iova, &memory) in &*mapped {
            // SAFETY: Whoever had it mapped has promised that it stays until it is unmapped, which it was not.
            if let Err(why) = unsafe { map(ops, iova, memory) } {
                mapped.split_off(&iova);
                return Err(why);
            }
        }
        Ok(())
    }

    /// Takes notice that all is unmapped, for good: what it was mapped by is gone.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// Unmaps exactly what one call of [`map`](Self::map) mapped. The IOMMU has forgotten it when this returns.
    pub(super) fn unmap(&self, ops: &dyn VfioOps, iova: u64, len: u64) -> Result<(), String> {
        let mut mapped = self.lock();
        // All was unmapped when the device was lost.
        let Some(mapped) = &mut *mapped else { return Ok(()) };
        let Some(memory) = mapped.get(&iova).filter(|memory| memory.len as u64 == len) else {
            return Err("it is not mapped".to_owned());
        };
        unmap(ops, iova, memory.len)?;
        mapped.remove(&iova);
        Ok(())
    }

    /// Unmaps all, for good. Fails if the kernel kept something.
    pub(super) fn take_all(&self, ops: &dyn VfioOps) -> Result<(), String> {
        let mut state = self.lock();
        let Some(mapped) = &mut *state else { return Ok(()) };
        while let Some((&iova, memory)) = mapped.first_key_value() {
            unmap(ops, iova, memory.len)?;
            mapped.pop_first();
        }
        *state = None;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<u64, Mapped>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Safety
///
/// That of [`Mappings::map`].
unsafe fn map(ops: &dyn VfioOps, iova: u64, memory: Mapped) -> Result<(), String> {
    let host = std::ptr::with_exposed_provenance_mut(memory.host);
    // SAFETY: The caller's.
    unsafe { ops.vfio_dma_map(iova, memory.len, host) }.map_err(|error| reason(&error))
}

fn unmap(ops: &dyn VfioOps, iova: u64, len: usize) -> Result<(), String> {
    ops.vfio_dma_unmap(iova, len).map_err(|error| reason(&error))
}

/// Says what the kernel's error means here.
fn reason(error: &VfioError) -> String {
    let errno = match error {
        VfioError::IommuDmaMap(errno)
        | VfioError::IommuDmaUnmap(errno)
        | VfioError::IommufdIoctlError(
            IommufdError::IommuIoasMap(errno) | IommufdError::IommuIoasUnmap(errno),
        ) => errno.errno(),
        other => return other.to_string(),
    };
    let means = match Errno::from_raw(errno) {
        Errno::ENOMEM => {
            "the limit of locked memory is reached: raise it with `ulimit -l unlimited`, or run as root"
        }
        Errno::ENOSPC => {
            "VFIO grants no more mappings: free buffers, or raise vfio_iommu_type1.dma_entry_limit"
        }
        Errno::EEXIST | Errno::EADDRINUSE => "something else is mapped there",
        Errno::EINVAL | Errno::EPERM => "the IOMMU does not translate these addresses",
        Errno::EFAULT => "the kernel cannot pin this memory",
        other => return other.desc().to_owned(),
    };
    means.to_owned()
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use super::*;

    /// The IOMMU, which has room for so many mappings.
    struct Iommu {
        room: usize,
        mapped: Mutex<Vec<u64>>,
    }

    impl VfioOps for Iommu {
        unsafe fn vfio_dma_map(&self, iova: u64, _: usize, _: *mut u8) -> vfio_ioctls::Result<()> {
            let mut mapped = self.mapped.lock().unwrap();
            if mapped.len() == self.room {
                let full = std::io::Error::from_raw_os_error(Errno::ENOSPC as i32);
                return Err(VfioError::IommuDmaMap(full.into()));
            }
            mapped.push(iova);
            Ok(())
        }

        fn vfio_dma_unmap(&self, iova: u64, _: usize) -> vfio_ioctls::Result<()> {
            let mut mapped = self.mapped.lock().unwrap();
            let place = mapped.iter().position(|it| *it == iova).expect("it is mapped");
            mapped.remove(place);
            Ok(())
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    #[test]
    fn what_cannot_be_mapped_again_is_taken_from_nobody_and_the_rest_is_taken() {
        let iommu = |room| Iommu { room, mapped: Mutex::default() };
        let (before, after) = (iommu(9), iommu(2));
        let mappings = Mappings::new();
        for iova in [0x1000, 0x2000, 0x3000, 0x4000] {
            let memory = Mapped { len: 0x1000, host: 0x10_0000 };
            // SAFETY: Nothing is mapped by what stands for an IOMMU here.
            unsafe { map(&before, iova, memory) }.unwrap();
            mappings.lock().as_mut().unwrap().insert(iova, memory);
        }
        let why = mappings.map_again(&after).unwrap_err();
        assert!(why.contains("dma_entry_limit"), "{why}");
        assert_eq!(*after.mapped.lock().unwrap(), [0x1000, 0x2000]);
        mappings.take_all(&after).unwrap();
        assert!(after.mapped.lock().unwrap().is_empty());
    }

    #[test]
    fn a_mapping_that_fails_for_want_of_memory_names_the_limit() {
        let error = |errno: Errno| {
            let errno = std::io::Error::from_raw_os_error(errno as i32);
            reason(&VfioError::IommuDmaMap(errno.into()))
        };
        assert!(error(Errno::ENOMEM).contains("ulimit -l"));
        assert!(error(Errno::ENOSPC).contains("dma_entry_limit"));
        assert_eq!(error(Errno::EIO), "I/O error");
    }
}

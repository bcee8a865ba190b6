//! The descriptors of a device, its container and its group, as long as they are open.

use std::fmt;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use vfio_ioctls::VfioContainer;
use vfio_ioctls::VfioDevice;
use vfio_ioctls::VfioError;

use super::host::Place;

/// A device that this process has from VFIO, and the container that its memory is mapped in.
pub(super) struct Device {
    /// Where the kernel shows it, as long as it is there.
    sysfs: PathBuf,
    device: ManuallyDrop<VfioDevice>,
    container: Arc<VfioContainer>,
}

impl Device {
    pub(super) fn open(place: &Place) -> Result<Self, VfioError> {
        let container = Arc::new(VfioContainer::new(None)?);
        let device = VfioDevice::new(&place.sysfs, container.clone(), false)?;
        Ok(Self { sysfs: place.sysfs.clone(), device: ManuallyDrop::new(device), container })
    }

    pub(super) fn vfio(&self) -> &VfioDevice {
        &self.device
    }

    pub(super) fn container(&self) -> &VfioContainer {
        &self.container
    }

    pub(super) fn container_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: The container keeps it open as long as it lives.
        unsafe { BorrowedFd::borrow_raw(self.container.as_raw_fd()) }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: The device keeps it open as long as it lives.
        unsafe { BorrowedFd::borrow_raw(self.device.as_raw_fd()) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.sysfs.join("iommu_group").exists() {
            // SAFETY: It is dropped once, here, and not used any more.
            unsafe { ManuallyDrop::drop(&mut self.device) };
            return;
        }
        // A device that was pulled is not shown any more, and the crate panics when it does not find its group there. So it is
        // closed by hand, without what the crate would do: to take the group from the container, which both end here.
        // SAFETY: The value is never used nor dropped, so that nobody else has the descriptor.
        drop(unsafe { OwnedFd::from_raw_fd(self.device.as_raw_fd()) });
        // SAFETY: The value that is never dropped has one of the references to the container that is of the type that it was
        // made with.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.container)) };
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The types of the crate have no form for `Debug`.
        f.debug_struct("Device").field("sysfs", &self.sysfs).finish_non_exhaustive()
    }
}

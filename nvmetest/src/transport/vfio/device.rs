//! The descriptors of a device, its container and its group, as long as they are open.

use std::fmt;
use std::fs;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;
use vfio_ioctls::VfioContainer;
use vfio_ioctls::VfioDevice;
use vfio_ioctls::VfioError;

use super::host::Place;
use super::ioctl;

/// A device that this process has from VFIO, and the container that its memory is mapped in.
pub(super) struct Device {
    /// Where the kernel shows it, as long as it is there.
    sysfs: PathBuf,
    device: ManuallyDrop<VfioDevice>,
    container: Arc<VfioContainer>,
    /// The group, which the kernel wants to see for a hot reset. It is not handed out by the crate, which opened it.
    group: Option<OwnedFd>,
}

impl Device {
    pub(super) fn open(place: &Place) -> Result<Self, VfioError> {
        let container = Arc::new(VfioContainer::new(None)?);
        let device = VfioDevice::new(&place.sysfs, container.clone(), false)?;
        let group = find_open(&Path::new("/dev/vfio").join(place.group.to_string()));
        Ok(Self { sysfs: place.sysfs.clone(), device: ManuallyDrop::new(device), container, group })
    }

    /// Whether the kernel delivers INTx.
    pub(super) fn has_intx(&self) -> bool {
        let info = self.device.get_irq_info(VFIO_PCI_INTX_IRQ_INDEX);
        info.is_some_and(|irq| irq.count == 1 && irq.flags & VFIO_IRQ_INFO_EVENTFD != 0)
    }

    /// Whether the device is behind a port that can reset it, and nothing else is.
    pub(super) fn can_hot_reset(&self) -> bool {
        self.group.is_some() && matches!(ioctl::hot_reset_meets(self.as_fd()), Ok(1))
    }

    /// Resets what is behind the port. The kernel refuses if others have a part of it.
    pub(super) fn hot_reset(&self) -> io::Result<()> {
        let group = self.group.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        ioctl::hot_reset(self.as_fd(), group.as_fd())
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

/// Finds a descriptor of this process's by what it is of, and duplicates it. The group of a device is open once: the kernel
/// lets nobody open it again.
fn find_open(node: &Path) -> Option<OwnedFd> {
    let fds = fs::read_dir("/proc/self/fd").ok()?;
    let is_it = |entry: &fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|it| it == node);
    let found = fds.filter_map(Result::ok).find(is_it)?;
    let number = found.file_name().to_str()?.parse().ok()?;
    // SAFETY: It is open, as the container that has it is.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().ok()
}

impl Drop for Device {
    fn drop(&mut self) {
        // The group can be opened again only when nobody has it any more.
        self.group = None;
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

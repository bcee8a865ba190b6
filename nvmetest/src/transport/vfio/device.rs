//! The descriptors of a device and of what its memory is mapped by, as long as they are open.

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

use iommufd_ioctls::IommuFd;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;
use vfio_ioctls::VfioContainer;
use vfio_ioctls::VfioDevice;
use vfio_ioctls::VfioError;
use vfio_ioctls::VfioIommufd;
use vfio_ioctls::VfioOps;

use super::host::Place;
use super::host::Way;
use super::ioctl;
use super::iommu::IommuInfo;

/// A device that this process has from VFIO, and what its memory is mapped by.
pub(super) struct Device {
    /// Where the kernel shows it, as long as it is there.
    sysfs: PathBuf,
    device: ManuallyDrop<VfioDevice>,
    iommu: Iommu,
}

/// What the memory of a device is mapped by.
enum Iommu {
    /// A container, and the group in it, which the kernel wants to see for a hot reset. The crate opened the group, and hands it
    /// out to nobody.
    Container { container: Arc<VfioContainer>, group: Option<OwnedFd> },
    /// An address space of iommufd. The device was opened by a node of its own.
    Iommufd(Arc<VfioIommufd>),
}

impl Device {
    pub(super) fn open(place: &Place) -> Result<Self, VfioError> {
        let (device, iommu) = match place.way {
            Way::Group => {
                let container = Arc::new(VfioContainer::new(None)?);
                let device = VfioDevice::new(&place.sysfs, container.clone(), false)?;
                let group = find_open(&Path::new("/dev/vfio").join(place.group.to_string()));
                (device, Iommu::Container { container, group })
            }
            Way::Cdev(_) => {
                let iommufd = IommuFd::new().map_err(VfioError::NewVfioIommufd)?;
                let iommufd = Arc::new(VfioIommufd::new(Arc::new(iommufd), None, None)?);
                (VfioDevice::new(&place.sysfs, iommufd.clone(), true)?, Iommu::Iommufd(iommufd))
            }
        };
        Ok(Self { sysfs: place.sysfs.clone(), device: ManuallyDrop::new(device), iommu })
    }

    /// Whether the kernel delivers INTx.
    pub(super) fn has_intx(&self) -> bool {
        let info = self.device.get_irq_info(VFIO_PCI_INTX_IRQ_INDEX);
        info.is_some_and(|irq| irq.count == 1 && irq.flags & VFIO_IRQ_INFO_EVENTFD != 0)
    }

    /// Whether the device is behind a port that can reset it, and nothing else is.
    pub(super) fn can_hot_reset(&self) -> bool {
        let is_ours = !matches!(self.iommu, Iommu::Container { group: None, .. });
        is_ours && matches!(ioctl::hot_reset_meets(self.as_fd()), Ok(1))
    }

    /// Resets what is behind the port. The kernel refuses if others have a part of it.
    pub(super) fn hot_reset(&self) -> io::Result<()> {
        match &self.iommu {
            Iommu::Container { group: Some(group), .. } => {
                ioctl::hot_reset(self.as_fd(), Some(group.as_fd()))
            }
            Iommu::Container { group: None, .. } => Err(io::ErrorKind::Unsupported.into()),
            // That they are bound to one iommufd shows whose the functions are.
            Iommu::Iommufd(_) => ioctl::hot_reset(self.as_fd(), None),
        }
    }

    pub(super) fn vfio(&self) -> &VfioDevice {
        &self.device
    }

    /// What maps memory for the device.
    pub(super) fn memory(&self) -> &dyn VfioOps {
        match &self.iommu {
            Iommu::Container { container, .. } => &**container,
            Iommu::Iommufd(iommufd) => &**iommufd,
        }
    }

    /// Asks which addresses are translated.
    pub(super) fn iommu_info(&self) -> io::Result<IommuInfo> {
        match &self.iommu {
            Iommu::Container { container, .. } => {
                // SAFETY: The container keeps it open as long as it lives.
                let fd = unsafe { BorrowedFd::borrow_raw(container.as_raw_fd()) };
                Ok(IommuInfo::parse(&ioctl::iommu_info(fd)?))
            }
            Iommu::Iommufd(iommufd) => {
                // SAFETY: The value keeps it open as long as it lives.
                let fd = unsafe { BorrowedFd::borrow_raw(iommufd.iommufd().as_raw_fd()) };
                let (alignment, ranges) = ioctl::iova_ranges(fd, iommufd.ioas().id())?;
                Ok(IommuInfo::of_ranges(alignment, ranges))
            }
        }
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
        let is_shown = self.sysfs.join("iommu_group").exists();
        if let Iommu::Container { group, .. } = &mut self.iommu {
            // The group can be opened again only when nobody has it any more.
            *group = None;
            if is_shown {
                // SAFETY: It is dropped once, here, and not used any more.
                unsafe { ManuallyDrop::drop(&mut self.device) };
                return;
            }
        }
        // A device that was pulled is not shown any more, and the crate panics when it does not find its group there, or cannot
        // detach it from its addresses. So it is closed by hand, without what the crate would do: the kernel does it, as both
        // end here.
        // SAFETY: The value is never used nor dropped, so that nobody else has the descriptor.
        drop(unsafe { OwnedFd::from_raw_fd(self.device.as_raw_fd()) });
        // SAFETY: The value that is never dropped has one of the references to what is of the type that it was made with.
        unsafe {
            match &self.iommu {
                Iommu::Container { container, .. } => {
                    Arc::decrement_strong_count(Arc::as_ptr(container));
                }
                Iommu::Iommufd(iommufd) => Arc::decrement_strong_count(Arc::as_ptr(iommufd)),
            }
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The types of the crate have no form for `Debug`.
        f.debug_struct("Device").field("sysfs", &self.sysfs).finish_non_exhaustive()
    }
}

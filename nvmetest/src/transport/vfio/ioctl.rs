//! What the kernel is asked for that `vfio-ioctls` does not ask, or whose answer it ignores.

use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

use iommufd_bindings::iommufd::IOMMUFD_CMD_IOAS_IOVA_RANGES;
use iommufd_bindings::iommufd::IOMMUFD_TYPE;
use iommufd_bindings::iommufd::iommu_ioas_iova_ranges;
use iommufd_bindings::iommufd::iommu_iova_range;
use nix::errno::Errno;
use nix::request_code_none;
use vfio_bindings::bindings::vfio::VFIO_BASE;
use vfio_bindings::bindings::vfio::VFIO_TYPE;
use vfio_bindings::bindings::vfio::vfio_device_info;
use vfio_bindings::bindings::vfio::vfio_iommu_type1_info;
use vfio_bindings::bindings::vfio::vfio_pci_hot_reset_info;

use super::irq_set::IrqSet;

/// All requests of VFIO are numbered from one base, and their codes say nothing of a size: the kernel reads that from the
/// argument.
macro_rules! code {
    ($number:literal) => {
        request_code_none!(VFIO_TYPE, VFIO_BASE + $number)
    };
}

mod raw {
    use super::*;

    nix::ioctl_readwrite_bad!(device_get_info, code!(7), vfio_device_info);
    nix::ioctl_write_ptr_bad!(device_set_irqs, code!(10), u8);
    nix::ioctl_none_bad!(device_reset, code!(11));
    // On a device and on a container the same numbers mean different requests.
    nix::ioctl_readwrite_bad!(get_hot_reset_info, code!(12), vfio_pci_hot_reset_info);
    nix::ioctl_write_ptr_bad!(hot_reset, code!(13), [u32; 4]);
    nix::ioctl_readwrite_bad!(
        ioas_iova_ranges,
        request_code_none!(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES),
        iommu_ioas_iova_ranges
    );
    nix::ioctl_readwrite_bad!(iommu_get_info, code!(12), vfio_iommu_type1_info);
}

/// VFIO_DEVICE_GET_INFO: returns the flags of the device.
pub(super) fn device_flags(device: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info =
        vfio_device_info { argsz: size_of::<vfio_device_info>() as u32, ..Default::default() };
    // SAFETY: The kernel writes what `argsz` says that there is.
    unsafe { raw::device_get_info(device.as_raw_fd(), &raw mut info) }?;
    Ok(info.flags)
}

/// VFIO_DEVICE_SET_IRQS.
///
/// # Errors
///
/// Fails if the kernel does, and if it has fewer vectors to give than were asked for: it gives none then, and says how many it
/// has in what is no negative number.
pub(super) fn set_irqs(device: BorrowedFd<'_>, set: &IrqSet<'_>) -> io::Result<()> {
    let bytes = set.bytes();
    // SAFETY: The kernel reads as many bytes as `argsz`, their first field, says: these. The descriptors among them live
    // as long as `set`, and the kernel keeps references of its own.
    match unsafe { raw::device_set_irqs(device.as_raw_fd(), bytes.as_ptr()) }? {
        0 => Ok(()),
        has => Err(io::Error::other(format!(
            "the kernel has {has} interrupts left, and not {}",
            set.len()
        ))),
    }
}

/// VFIO_DEVICE_RESET.
pub(super) fn reset(device: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: It takes no argument.
    unsafe { raw::device_reset(device.as_raw_fd()) }?;
    Ok(())
}

/// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: returns how many functions a hot reset would meet, or an error if there is none.
pub(super) fn hot_reset_meets(device: BorrowedFd<'_>) -> io::Result<u32> {
    let argsz = size_of::<vfio_pci_hot_reset_info>() as u32;
    let mut info = vfio_pci_hot_reset_info { argsz, ..Default::default() };
    // SAFETY: The kernel writes what `argsz` says that there is, and no list for which there is no room.
    match unsafe { raw::get_hot_reset_info(device.as_raw_fd(), &raw mut info) } {
        // No room for the list is how the kernel says that there is one.
        Ok(_) | Err(Errno::ENOSPC) => Ok(info.count),
        Err(error) => Err(error.into()),
    }
}

/// VFIO_DEVICE_PCI_HOT_RESET: `group` shows that all functions that are met are this process's; what has an iommufd needs none.
pub(super) fn hot_reset(device: BorrowedFd<'_>, group: Option<BorrowedFd<'_>>) -> io::Result<()> {
    // vfio_pci_hot_reset: argsz, flags, count, and the descriptors of the groups.
    let request = match group {
        Some(group) => [16, 0, 1, group.as_raw_fd() as u32],
        None => [12, 0, 0, 0],
    };
    // SAFETY: The kernel reads as many bytes as the first field says: these.
    unsafe { raw::hot_reset(device.as_raw_fd(), &raw const request) }?;
    Ok(())
}

/// So many ranges of addresses are asked for at most.
const RANGES_LIMIT: u32 = 1024;

/// IOMMU_IOAS_IOVA_RANGES: returns what addresses have to be multiples of, and those that are translated.
pub(super) fn iova_ranges(
    iommufd: BorrowedFd<'_>,
    ioas: u32,
) -> io::Result<(u64, Vec<Range<u64>>)> {
    let mut room = 16;
    loop {
        let mut found = vec![iommu_iova_range { start: 0, last: 0 }; room as usize];
        let mut request = iommu_ioas_iova_ranges {
            size: size_of::<iommu_ioas_iova_ranges>() as u32,
            ioas_id: ioas,
            num_iovas: room,
            __reserved: 0,
            allowed_iovas: found.as_mut_ptr().expose_provenance() as u64,
            out_iova_alignment: 0,
        };
        // SAFETY: The kernel writes the request, whose size it is told, and as many ranges as there is room for.
        let answer = unsafe { raw::ioas_iova_ranges(iommufd.as_raw_fd(), &raw mut request) };
        let count = request.num_iovas;
        match answer {
            Ok(_) => {
                let range = |it: &iommu_iova_range| it.start..it.last.saturating_add(1);
                let ranges = found.iter().take(count as usize).map(range).collect();
                return Ok((request.out_iova_alignment, ranges));
            }
            Err(Errno::EMSGSIZE) if room < count && count <= RANGES_LIMIT => room = count,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The longest description of an IOMMU that is asked for, in bytes: some hundred ranges.
const INFO_LIMIT: usize = 16 << 10;

/// VFIO_IOMMU_GET_INFO: returns the structure and the capabilities behind it, as the kernel wrote them.
pub(super) fn iommu_info(container: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut len = size_of::<vfio_iommu_type1_info>();
    loop {
        // In units that are aligned as the structure is.
        let mut info = vec![0_u64; len.div_ceil(size_of::<u64>())];
        let pointer = info.as_mut_ptr().cast::<vfio_iommu_type1_info>();
        // SAFETY: There are at least so many bytes as the structure has, zeroed, and as `argsz` says; the kernel writes no
        // more.
        let needed = unsafe {
            (*pointer).argsz = len as u32;
            raw::iommu_get_info(container.as_raw_fd(), pointer)?;
            (*pointer).argsz as usize
        };
        if needed <= len || INFO_LIMIT < needed {
            return Ok(info.into_iter().flat_map(u64::to_ne_bytes).collect());
        }
        len = needed;
    }
}

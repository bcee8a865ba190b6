//! BAR0: loads and stores where it is mapped, and the kernel's help elsewhere.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use nix::sys::uio::pread;
use nix::sys::uio::pwrite;
use vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_MMAP;
use vfio_ioctls::VfioRegionInfoCap;

use super::Window;
use super::beside::Beside;
use super::device::Device;
use super::relocation::Room;
use crate::memory::Mapping;
use crate::memory::PAGE_SIZE;
use crate::spec::doorbell;
use crate::transport::Mmio;

/// The offset of the first doorbell.
const DOORBELLS: u64 = doorbell::START as u64;

/// BAR0 of a function.
#[derive(Debug)]
pub(super) struct Bar {
    window: Window,
    /// What of it is mapped, and where that begins in it.
    mapped: Option<(u64, Mapping)>,
    /// What is mapped is BAR0 at another address than the kernel knows.
    is_elsewhere: AtomicBool,
}

impl Bar {
    /// Maps BAR0, as far as the kernel lets it be mapped.
    pub(super) fn map(device: &Device) -> io::Result<Self> {
        let (window, area) = place(device);
        let mapped = match area.is_empty() {
            true => None,
            false => Some((area.start, map(device, window, &area)?)),
        };
        Ok(Self { window, mapped, is_elsewhere: AtomicBool::new(false) })
    }

    /// Lets go of the device, which can be closed then: what is written to BAR0 or by `doorbells` reaches nobody.
    pub(super) fn withdraw(&self, doorbells: Option<&Mmio>) -> io::Result<()> {
        let mut first = Ok(());
        for (_, mapping) in self.mappings(doorbells) {
            // SAFETY: These are registers, and nobody has references to them but to atomics.
            first = first.and(unsafe { mapping.withdraw() });
        }
        first
    }

    /// Maps BAR0 and the doorbells again where they were, of the same device, which was opened again.
    pub(super) fn put_back(&self, device: &Device, doorbells: Option<&Mmio>) -> io::Result<()> {
        let (window, area) = place(device);
        let start = self.mapped.as_ref().map_or(0, |(start, _)| *start);
        let len = self.mapped.as_ref().map_or(0, |(_, mapping)| mapping.len() as u64);
        if window != self.window || area != (start..start + len) {
            return Err(io::Error::other("its BAR0 is another one than before"));
        }
        for (start, mapping) in self.mappings(doorbells) {
            // SAFETY: As in `map` and in `withdraw`.
            unsafe { mapping.put_back(device, window.offset + start) }?;
        }
        self.is_elsewhere.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Whether there is room for BAR0 elsewhere, and this process may map it there.
    pub(super) fn can_move(&self, beside: &Beside) -> bool {
        // Elsewhere, a read of an address that nobody claims may be the end of the machine.
        if self.mapped.is_none() || !cfg!(target_arch = "x86_64") {
            return false;
        }
        let Ok(room) = Room::find(beside, self.window.size) else { return false };
        // SAFETY: It is no memory that anybody could have references to, since the kernel keeps the addresses for what is behind the
        // port; and nothing is accessed.
        unsafe { Mapping::shared(&room.memory, room.to, PAGE_SIZE) }.is_ok()
    }

    /// Maps BAR0 and the doorbells where BAR0 is now: at `address` of `memory`, which has the physical addresses of the machine.
    /// Once this fails, [`put_back`](Self::put_back) is called.
    pub(super) fn move_to(
        &self,
        memory: &File,
        address: u64,
        doorbells: Option<&Mmio>,
    ) -> io::Result<()> {
        self.is_elsewhere.store(true, Ordering::Relaxed);
        if self.mapped.is_none() {
            return Err(io::Error::other("the kernel lets nobody map it"));
        }
        for (start, mapping) in self.mappings(doorbells) {
            // SAFETY: As in `map` and in `withdraw`. These are the registers where they are now: the kernel keeps the addresses for what
            // is behind the port, and no other function there has them.
            unsafe { mapping.put_back(memory, address + start) }?;
        }
        Ok(())
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Relaxed)
    }

    /// All that is mapped, and where in BAR0 it begins.
    fn mappings<'b>(
        &'b self,
        doorbells: Option<&'b Mmio>,
    ) -> impl Iterator<Item = (u64, &'b Mapping)> {
        let all = self.mapped.as_ref().map(|(start, mapping)| (*start, mapping));
        all.into_iter().chain(doorbells.map(|doorbells| (DOORBELLS, doorbells.mapping())))
    }

    pub(super) fn size(&self) -> u64 {
        self.window.size
    }

    /// Where in the file of the device the doorbells are that can be mapped, and how many bytes.
    pub(super) fn doorbell_window(&self) -> Option<Window> {
        let (start, mapping) = self.mapped.as_ref()?;
        let end = start + mapping.len() as u64;
        (*start <= DOORBELLS && DOORBELLS < end)
            .then(|| Window { offset: self.window.offset + DOORBELLS, size: end - DOORBELLS })
    }

    /// Maps the doorbells once more, for who rings without a look at anything else.
    pub(super) fn map_doorbells(&self, device: &Device) -> io::Result<Option<Mmio>> {
        let Some(Window { size, .. }) = self.doorbell_window() else { return Ok(None) };
        let mapping = map(device, self.window, &(DOORBELLS..DOORBELLS + size))?;
        Ok(Some(Mmio::new(DOORBELLS, mapping)))
    }

    /// Reads 1, 2, 4 or 8 bytes that are within BAR0: in one access, where they are aligned and mapped.
    pub(super) fn read(&self, device: &Device, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let Some(register) = self.register(offset, data.len()) else {
            self.check_in_place()?;
            return self.read_by_kernel(device, offset, data);
        };
        // SAFETY: `register` has checked that it is mapped and aligned. A device may change it at any time, which a volatile
        // access allows for.
        unsafe {
            match data.len() {
                1 => data[0] = register.read_volatile(),
                2 => data.copy_from_slice(&register.cast::<u16>().read_volatile().to_ne_bytes()),
                4 => data.copy_from_slice(&register.cast::<u32>().read_volatile().to_ne_bytes()),
                _ => data.copy_from_slice(&register.cast::<u64>().read_volatile().to_ne_bytes()),
            }
        }
        // What the device wrote to memory before it changed the register is read behind it.
        fence(Ordering::SeqCst);
        Ok(())
    }

    /// Writes 1, 2, 4 or 8 bytes that are within BAR0: in one access, where they are aligned and mapped.
    pub(super) fn write(&self, device: &Device, offset: u64, data: &[u8]) -> io::Result<()> {
        // What the device will read from memory is there before it is told.
        fence(Ordering::SeqCst);
        let Some(register) = self.register(offset, data.len()) else {
            self.check_in_place()?;
            return exact(pwrite(device.as_fd(), data, self.at(offset))?, data.len());
        };
        let value = |bytes: &[u8]| {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(all)
        };
        let value = value(data);
        // SAFETY: As in `read`; what the write makes the device do is the caller's.
        unsafe {
            match data.len() {
                1 => register.write_volatile(value as u8),
                2 => register.cast::<u16>().write_volatile((value as u16).to_le()),
                4 => register.cast::<u32>().write_volatile((value as u32).to_le()),
                _ => register.cast::<u64>().write_volatile(value.to_le()),
            }
        }
        Ok(())
    }

    /// Has the kernel read from BAR0 where it takes it to be.
    pub(super) fn read_by_kernel(
        &self,
        device: &Device,
        offset: u64,
        data: &mut [u8],
    ) -> io::Result<()> {
        exact(pread(device.as_fd(), data, self.at(offset))?, data.len())
    }

    fn check_in_place(&self) -> io::Result<()> {
        let why = "BAR0 is at another address, where only aligned registers can be reached";
        if self.is_elsewhere() { Err(io::Error::other(why)) } else { Ok(()) }
    }

    fn at(&self, offset: u64) -> i64 {
        (self.window.offset + offset) as i64
    }

    /// Returns where the register is in this process, if it is mapped and aligned.
    fn register(&self, offset: u64, len: usize) -> Option<*mut u8> {
        let (start, mapping) = self.mapped.as_ref()?;
        let at = usize::try_from(offset.checked_sub(*start)?).ok()?;
        let is_there = at.checked_add(len)? <= mapping.len() && at.is_multiple_of(len);
        // SAFETY: Within the mapping.
        is_there.then(|| unsafe { mapping.base().as_ptr().add(at) })
    }
}

/// Where BAR0 is in the file of the device, and which part of it can be mapped.
fn place(device: &Device) -> (Window, Range<u64>) {
    let vfio = device.vfio();
    let index = VFIO_PCI_BAR0_REGION_INDEX;
    let window =
        Window { offset: vfio.get_region_offset(index), size: vfio.get_region_size(index) };
    let can_be_mapped = vfio.get_region_flags(index) & VFIO_REGION_INFO_FLAG_MMAP != 0;
    let area = if can_be_mapped { area(&vfio.get_region_caps(index), window.size) } else { 0..0 };
    (window, area)
}

/// The part of BAR0 with the doorbells that can be mapped. Kernels before 4.16 keep the pages with the MSI-X Table.
fn area(capabilities: &[VfioRegionInfoCap], size: u64) -> Range<u64> {
    let sparse = capabilities.iter().find_map(|capability| match capability {
        VfioRegionInfoCap::SparseMmap(sparse) => Some(&sparse.areas),
        _ => None,
    });
    let Some(areas) = sparse else { return 0..size };
    let mut areas = areas.iter().filter_map(|area| {
        let end = area.offset.checked_add(area.size)?;
        (end <= size).then_some(area.offset..end)
    });
    areas.find(|area| area.contains(&DOORBELLS)).unwrap_or(0..0)
}

fn map(device: &Device, window: Window, part: &Range<u64>) -> io::Result<Mapping> {
    let len = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    // SAFETY: These are registers, and no memory that anybody has references to; they are accessed in one go each.
    let mapping = unsafe { Mapping::shared(device, window.offset + part.start, len) }?;
    mapping.keep_from_children()?;
    Ok(mapping)
}

fn exact(moved: usize, wanted: usize) -> io::Result<()> {
    if moved == wanted { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use vfio_ioctls::VfioRegionInfoCapSparseMmap;
    use vfio_ioctls::VfioRegionSparseMmapArea;

    use super::*;

    fn sparse(areas: &[(u64, u64)]) -> Vec<VfioRegionInfoCap> {
        let area = |&(offset, size): &_| VfioRegionSparseMmapArea { offset, size };
        let areas = areas.iter().map(area).collect();
        vec![VfioRegionInfoCap::SparseMmap(VfioRegionInfoCapSparseMmap { areas })]
    }

    #[test]
    fn all_of_bar0_is_mapped_unless_the_kernel_keeps_pages() {
        assert_eq!(area(&[], 0x4000), 0..0x4000);
        assert_eq!(area(&[VfioRegionInfoCap::MsixMappable], 0x4000), 0..0x4000);
        assert_eq!(area(&sparse(&[(0, 0x2000), (0x3000, 0x1000)]), 0x4000), 0..0x2000);
    }

    #[test]
    fn an_area_that_is_not_within_bar0_is_not_mapped() {
        assert_eq!(area(&sparse(&[(0, 0x8000)]), 0x4000), 0..0);
        assert_eq!(area(&sparse(&[(0x1000, u64::MAX)]), 0x4000), 0..0);
        assert_eq!(area(&sparse(&[(0x2000, 0x1000)]), 0x4000), 0..0, "without the doorbells");
    }
}

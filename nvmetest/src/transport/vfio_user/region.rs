//! The regions of a device, and what of them can be mapped.
#![expect(unsafe_code, reason = "the server may write what it shares")]

use std::fs::File;
use std::os::fd::OwnedFd;

use vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_CAP_SPARSE_MMAP;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_CAPS;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_MMAP;
use zerocopy::FromBytes;
use zerocopy::IntoBytes;

use super::connection::Connection;
use super::incoming::MESSAGE_LIMIT;
use super::incoming::Message;
use super::wire::CapabilityHeader;
use super::wire::Command;
use super::wire::RegionInfo;
use super::wire::SparseArea;
use super::wire::SparseMmap;
use crate::memory::Mapping;
use crate::spec::doorbell;
use crate::transport::Mmio;
use crate::transport::TransportResult;

/// BAR0: the controller's registers.
pub(super) const BAR0: u32 = VFIO_PCI_BAR0_REGION_INDEX;

/// Configuration space.
pub(super) const CONFIG: u32 = VFIO_PCI_CONFIG_REGION_INDEX;

/// The offset of the first doorbell in BAR0.
pub(super) const DOORBELLS: u64 = doorbell::START as u64;

/// The length up to which a description of a region is asked for at once: 250 areas fit.
const FIRST_ARGSZ: u32 = 4096;

/// A region of the device.
#[derive(Debug)]
pub(super) struct Region {
    pub size: u64,
    /// The offset of its first byte in the files.
    file_offset: u64,
    areas: Vec<Area>,
    /// One file for all areas, or one for each.
    files: Vec<OwnedFd>,
}

/// A part of a region that can be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub offset: u64,
    pub size: u64,
}

/// The doorbells, mapped, and what another process needs to map them.
#[derive(Debug)]
pub(super) struct Doorbells {
    pub mmio: Mmio,
    pub file: File,
    /// Where in the file they stand.
    pub offset: u64,
    /// Where in BAR0 they stand.
    pub start: u64,
    pub len: u64,
}

impl Region {
    /// Asks the server for region `index`.
    pub(super) fn get(connection: &Connection, index: u32) -> TransportResult<Self> {
        let what = format!("DEVICE_GET_REGION_INFO of region {index}");
        let ask = |argsz: u32| -> TransportResult<(RegionInfo, Message)> {
            let request = RegionInfo {
                argsz: argsz.into(),
                flags: 0.into(),
                index: index.into(),
                cap_offset: 0.into(),
                size: 0.into(),
                offset: 0.into(),
            };
            let command = Command::DeviceGetRegionInfo;
            let reply = connection.call(command, request.as_bytes(), &[], &what)?;
            let (&info, _) = connection.parse::<RegionInfo>(&reply, &what)?;
            Ok((info, reply))
        };
        let (mut info, mut reply) = ask(FIRST_ARGSZ)?;
        let needed = info.argsz.get();
        if needed > FIRST_ARGSZ {
            if needed as usize > MESSAGE_LIMIT / 2 {
                let how = format!("its answer to {what} would take {needed} bytes");
                return Err(connection.protocol(how));
            }
            (info, reply) = ask(needed)?;
        }
        let areas = areas(&info, &reply.body)
            .map_err(|how| connection.protocol(format!("in its answer to {what}, {how}")))?;
        let (size, file_offset) = (info.size.get(), info.offset.get());
        Ok(Self { size, file_offset, areas, files: reply.fds })
    }

    /// Maps the doorbells, as far as the server shares their memory.
    ///
    /// Registers before them stay unmapped: the server has to see each access to them.
    pub(super) fn map_doorbells(
        &self,
        connection: &Connection,
    ) -> TransportResult<Option<Doorbells>> {
        let Some((index, area)) = self.doorbell_area() else { return Ok(None) };
        let start = area.offset.max(DOORBELLS);
        let file = match &self.files[..] {
            [] => return Ok(None),
            [file] => file,
            files if files.len() == self.areas.len() => &files[index],
            files => {
                let (files, areas) = (files.len(), self.areas.len());
                let how = format!("it sent {files} file descriptors for {areas} areas of BAR0");
                return Err(connection.protocol(how));
            }
        };
        let len = area.offset + area.size - start;
        map(file, self.file_offset, start, len)
            .map(|(mapping, file)| {
                let (mmio, offset) = (Mmio::new(start, mapping), self.file_offset + start);
                Some(Doorbells { mmio, file, offset, start, len })
            })
            .map_err(|how| {
                let Area { offset, size } = area;
                connection.protocol(format!(
                    "it lets {size:#x} bytes at offset {offset:#x} of BAR0 be mapped, but {how}"
                ))
            })
    }

    /// Returns the area with the first doorbell, which ends within the region as `areas` checked.
    fn doorbell_area(&self) -> Option<(usize, Area)> {
        let holds = |area: &Area| (area.offset..area.offset + area.size).contains(&DOORBELLS);
        self.areas.iter().copied().enumerate().find(|(_, area)| holds(area))
    }
}

/// Maps `len` bytes at `start` of a region that begins at `file_offset` of `file`.
fn map(file: &OwnedFd, file_offset: u64, start: u64, len: u64) -> Result<(Mapping, File), String> {
    let file = File::from(file.try_clone().map_err(|error| error.to_string())?);
    // An access behind the end of a file is a SIGBUS.
    let file_size = file.metadata().map_err(|error| error.to_string())?.len();
    let offset = file_offset
        .checked_add(start)
        .filter(|offset| offset.checked_add(len).is_some_and(|end| end <= file_size))
        .ok_or_else(|| format!("its file is only {file_size:#x} bytes long"))?;
    let len = usize::try_from(len).map_err(|error| error.to_string())?;
    let failed = |error| format!("mapping it failed: {error}");
    // SAFETY: These are doorbells, which `Mmio` stores to atomically. A server that sends another file than that of
    // its doorbells writes by the hand of the host what it could write itself.
    let mapping = unsafe { Mapping::shared(&file, offset, len) }.map_err(failed)?;
    mapping.keep_from_children().map_err(failed)?;
    Ok((mapping, file))
}

/// Reads what of a region can be mapped from `message`, which begins with `info`.
fn areas(info: &RegionInfo, message: &[u8]) -> Result<Vec<Area>, String> {
    let (flags, size) = (info.flags.get(), info.size.get());
    if flags & VFIO_REGION_INFO_FLAG_MMAP == 0 {
        return Ok(Vec::new());
    }
    let whole = vec![Area { offset: 0, size }];
    if flags & VFIO_REGION_INFO_FLAG_CAPS == 0 {
        return Ok(whole);
    }
    let mut offset = info.cap_offset.get() as usize;
    // Each capability takes at least its header, so a longer list is a loop.
    for _ in 0..message.len() / size_of::<CapabilityHeader>() {
        if offset == 0 {
            return Ok(whole);
        }
        let outside = || format!("the capability at {offset:#x} is not within the message");
        if offset < size_of::<RegionInfo>() {
            return Err(outside());
        }
        let rest = message.get(offset..).ok_or_else(outside)?;
        let (header, _) = CapabilityHeader::ref_from_prefix(rest).map_err(|_| outside())?;
        if u32::from(header.id.get()) == VFIO_REGION_INFO_CAP_SPARSE_MMAP {
            return sparse_areas(rest, size);
        }
        offset = header.next.get() as usize;
    }
    Err("the list of capabilities is a loop".to_owned())
}

fn sparse_areas(capability: &[u8], region_size: u64) -> Result<Vec<Area>, String> {
    let truncated = || "the list of areas is truncated".to_owned();
    let (list, rest) = SparseMmap::ref_from_prefix(capability).map_err(|_| truncated())?;
    let count = list.nr_areas.get() as usize;
    let (areas, _) =
        <[SparseArea]>::ref_from_prefix_with_elems(rest, count).map_err(|_| truncated())?;
    areas
        .iter()
        .map(|area| {
            let (offset, size) = (area.offset.get(), area.size.get());
            match offset.checked_add(size) {
                Some(end) if end <= region_size => Ok(Area { offset, size }),
                _ => Err(format!(
                    "{size:#x} bytes at {offset:#x} are not within a region of {region_size:#x}"
                )),
            }
        })
        .collect()
}

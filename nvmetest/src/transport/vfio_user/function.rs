//! The device behind the connection, as a function.

use std::fmt;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use vfio_bindings::bindings::vfio::VFIO_DMA_MAP_FLAG_READ;
use vfio_bindings::bindings::vfio::VFIO_DMA_MAP_FLAG_WRITE;
use zerocopy::IntoBytes;

use super::VfioUser;
use super::region::BAR0;
use super::region::CONFIG;
use super::region::Doorbells;
use super::wire::Command;
use super::wire::DmaMap;
use super::wire::DmaUnmap;
use super::wire::RegionAccess;
use crate::spec::Csts;
use crate::spec::Property;
use crate::transport::Abilities;
use crate::transport::DeviceUri;
use crate::transport::DmaRange;
use crate::transport::DoorbellFile;
use crate::transport::Function;
use crate::transport::Mmio;
use crate::transport::TransportError;
use crate::transport::TransportResult;

// SAFETY: The memory is handed on to the server, and to nobody else. When it has unmapped memory, and what it does when
// the connection ends, is its part of the contract (`crate::memory`).
unsafe impl Function for VfioUser {
    fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        self.check_access("configuration space", self.config_size, offset.into(), data.len(), 4)?;
        self.region_read(CONFIG, offset.into(), data)
    }

    unsafe fn config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        self.check_access("configuration space", self.config_size, offset.into(), data.len(), 4)?;
        self.region_write(CONFIG, offset.into(), data)
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult {
        self.check_access("BAR0", self.bar_size, offset, data.len(), 8)?;
        self.region_read(BAR0, offset, data)?;
        self.connection.check_posted()
    }

    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        self.check_access("BAR0", self.bar_size, offset, data.len(), 8)?;
        self.region_write(BAR0, offset, data)?;
        self.connection.check_posted()
    }

    unsafe fn ring(&self, offset: u64, value: u32) -> TransportResult {
        if self.doorbells.as_ref().is_some_and(|doorbells| doorbells.mmio.ring(offset, value)) {
            return Ok(());
        }
        let data = value.to_le_bytes();
        self.check_access("BAR0", self.bar_size, offset, data.len(), 8)?;
        let request = [access(BAR0, offset, data.len()).as_bytes(), &data].concat();
        let what = format_args!("a write of {value} to the doorbell at {offset:#x}");
        self.connection.post(Command::RegionWrite, &request, &what)?;
        self.connection.check_posted()
    }

    fn doorbells(&self) -> Option<&Mmio> {
        self.doorbells.as_ref().map(|doorbells| &doorbells.mmio)
    }

    fn doorbell_file(&self) -> Option<DoorbellFile> {
        let Doorbells { file, offset, start, len, .. } = self.doorbells.as_ref()?;
        let file = file.as_fd().try_clone_to_owned().ok()?;
        Some(DoorbellFile { file, offset: *offset, start: *start, len: *len })
    }

    unsafe fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult {
        let request = DmaMap {
            argsz: (size_of::<DmaMap>() as u32).into(),
            // Older servers refuse every flag but these two.
            flags: (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE).into(),
            offset: memory.offset.into(),
            address: memory.iova.into(),
            size: memory.len.into(),
        };
        let what = format_args!("DMA_MAP of {:#x} bytes at {:#x}", memory.len, memory.iova);
        self.connection.call(Command::DmaMap, request.as_bytes(), &[memory.file], &what)?;
        Ok(())
    }

    fn dma_unmap(&self, iova: u64, len: u64) -> TransportResult {
        let request = DmaUnmap {
            argsz: (size_of::<DmaUnmap>() as u32).into(),
            flags: 0.into(),
            address: iova.into(),
            size: len.into(),
        };
        let what = format_args!("DMA_UNMAP of {len:#x} bytes at {iova:#x}");
        self.connection.call(Command::DmaUnmap, request.as_bytes(), &[], &what)?;
        Ok(())
    }

    fn set_vectors(&self, first: u16, eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        if eventfds.is_empty() { self.clear_vectors() } else { self.set_eventfds(first, eventfds) }
    }

    fn reset(&self) -> TransportResult {
        let deadline = Instant::now() + self.connection.timeout();
        if self.has_reset {
            self.connection.call(Command::DeviceReset, &[], &[], &"DEVICE_RESET")?;
        } else if let Some(capability) = self.capabilities.flr {
            self.initiate_flr(capability)?;
        } else {
            let why = "its server offers no DEVICE_RESET, and the function no Function Level Reset";
            return Err(self.unsupported("a function reset", why));
        }
        self.wait_until(deadline, "a function reset", || self.is_present())?;
        self.arm()?;
        self.wait_until(deadline, "a function reset (CSTS.RDY = 0)", || {
            let mut csts = [0; 4];
            self.bar_read(Property::CSTS.0.into(), &mut csts)?;
            // All ones, as long as the function is in reset, have RDY set.
            Ok(!Csts::from(u32::from_le_bytes(csts)).rdy())
        })?;
        self.restore_vectors()
    }

    fn check_alive(&self) -> TransportResult {
        self.connection.check_alive()?;
        self.connection.check_posted()
    }

    fn terminate(&self) -> TransportResult {
        let Some(process) = self.connection.process() else {
            let why = "its process was not started by this session";
            return Err(self.unsupported("an end of its process", why));
        };
        process.kill().map_err(|error| TransportError::Refused {
            device: self.uri.to_string(),
            what: "to end".to_owned(),
            why: error.to_string(),
        })?;
        self.connection.lost("the session has ended its process");
        Ok(())
    }
}

impl VfioUser {
    fn region_read(&self, region: u32, offset: u64, data: &mut [u8]) -> TransportResult {
        let what = format_args!("a read of {} bytes at {}", data.len(), Place(region, offset));
        let request = access(region, offset, data.len());
        let reply = self.connection.call(Command::RegionRead, request.as_bytes(), &[], &what)?;
        let (_, bytes) = self.connection.parse::<RegionAccess>(&reply, &what)?;
        if bytes.len() != data.len() {
            let got = bytes.len();
            let how = format!("it answered {what} with {got} bytes of data");
            return Err(self.connection.protocol(how));
        }
        data.copy_from_slice(bytes);
        Ok(())
    }

    fn region_write(&self, region: u32, offset: u64, data: &[u8]) -> TransportResult {
        let what = format_args!("a write of {} bytes at {}", data.len(), Place(region, offset));
        let request = [access(region, offset, data.len()).as_bytes(), data].concat();
        self.connection.call(Command::RegionWrite, &request, &[], &what)?;
        Ok(())
    }

    fn check_access(
        &self,
        space: &str,
        size: u64,
        offset: u64,
        len: usize,
        widest: usize,
    ) -> TransportResult {
        if !len.is_power_of_two() || len > widest {
            let what = format!("an access of {len} bytes to {space}");
            return Err(self.unsupported(what, format!("an access has at most {widest} bytes")));
        }
        if offset.checked_add(len as u64).is_none_or(|end| end > size) {
            let what = format!("an access to {space} at {offset:#x}");
            return Err(self.unsupported(what, format!("it is {size:#x} bytes long")));
        }
        Ok(())
    }

    /// Polls until `ready` returns true; what the server refuses meanwhile is not ready.
    fn wait_until(
        &self,
        deadline: Instant,
        what: &str,
        ready: impl Fn() -> TransportResult<bool>,
    ) -> TransportResult {
        loop {
            match ready() {
                Ok(true) => return Ok(()),
                Ok(false) | Err(TransportError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            if deadline < Instant::now() {
                let (device, after) = (self.uri.to_string(), self.connection.timeout());
                return Err(TransportError::Silent { device, what: what.to_owned(), after });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn unsupported(
        &self,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> TransportError {
        let device = self.uri.to_string();
        TransportError::Unsupported { device, what: what.into(), why: why.into() }
    }
}

fn access(region: u32, offset: u64, len: usize) -> RegionAccess {
    RegionAccess { offset: offset.into(), region: region.into(), count: (len as u32).into() }
}

/// An offset in a region, for messages.
struct Place(u32, u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.0 == BAR0 { "BAR0" } else { "configuration space" };
        write!(f, "{:#x} of {space}", self.1)
    }
}

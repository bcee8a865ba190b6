//! The device as a function.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::uio::pread;
use nix::sys::uio::pwrite;
use vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;

use super::Opened;
use super::Vfio;
use super::Window;
use super::beside::Beside;
use super::ioctl;
use super::irq_set::IrqSet;
use super::kernel_log::KernelLog;
use crate::spec::Csts;
use crate::spec::Property;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::Command;
use crate::spec::pci::MsiControl;
use crate::spec::pci::Pmcsr;
use crate::spec::pci::PowerState;
use crate::spec::pci::header::HEADER_SIZE;
use crate::spec::pci::msi;
use crate::spec::pci::offset;
use crate::spec::pci::power;
use crate::transport::Abilities;
use crate::transport::DeviceUri;
use crate::transport::DmaFault;
use crate::transport::DmaRange;
use crate::transport::DoorbellFile;
use crate::transport::Function;
use crate::transport::Mmio;
use crate::transport::Relocation;
use crate::transport::TransportError;
use crate::transport::TransportResult;
use crate::transport::capability_list;

/// How long a reset may take in all: the kernel alone waits a second for what is in flight, and then for the function.
pub(super) const RESET_LIMIT: Duration = Duration::from_secs(10);

// SAFETY: The memory is mapped for the device by the IOMMU, and handed to nobody else. It is out of reach when the kernel has
// unmapped it, and `check_alive` fails only after all of it was unmapped (`lose`).
unsafe impl Function for Vfio {
    fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        self.check_not_lost()?;
        self.check_config(offset, data.len())?;
        if self.bar.is_elsewhere() && (offset::BAR0..offset::BAR0 + 8).contains(&offset) {
            return self.read_beside(offset, data);
        }
        let at = (self.config.offset + u64::from(offset)) as i64;
        let read = pread(self.opened()?.device.as_fd(), data, at);
        self.done(read, data.len(), || format!("a read at {offset:#x} of configuration space"))?;
        // All that is not shown as it is stands behind the header, which is read while a removal has the lock.
        if offset < HEADER_SIZE {
            return Ok(());
        }
        self.beside().correct(offset, data).map_err(|why| {
            self.refused(format!("a read at {offset:#x} of configuration space in sysfs"), why)
        })
    }

    unsafe fn config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        self.check_not_lost()?;
        self.check_config(offset, data.len())?;
        let meets = |start, end| offset < end && start < offset + data.len() as u16;
        if meets(offset::COMMAND, offset::STATUS) || meets(offset::BAR0, offset::BAR0 + 8) {
            self.check_in_place("a write to Command or BAR0")?;
        }
        let at = (self.config.offset + u64::from(offset)) as i64;
        let written = pwrite(self.opened()?.device.as_fd(), data, at);
        self.done(written, data.len(), || {
            format!("a write at {offset:#x} of configuration space")
        })?;
        self.beside().write(offset, data).map_err(|why| {
            self.refused(format!("a write at {offset:#x} of configuration space in sysfs"), why)
        })?;
        self.see_whether_it_answers()
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult {
        self.check_not_lost()?;
        self.check_bar(offset, data.len())?;
        let read = self.bar.read(&self.opened()?.device, offset, data);
        read.map_err(|error| self.refused(format!("a read at {offset:#x} of BAR0"), error))
    }

    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        self.check_not_lost()?;
        self.check_bar(offset, data.len())?;
        let written = self.bar.write(&self.opened()?.device, offset, data);
        written.map_err(|error| self.refused(format!("a write at {offset:#x} of BAR0"), error))
    }

    /// None while BAR0 does not answer: a store to it would be the end of this process, and who rings by
    /// [`bar_write`](Function::bar_write) instead is told. Who has the doorbells already has a queue pair, and with it the controller,
    /// which whoever has the function stop answering has alone
    /// ([`Controller::without_memory_space`](crate::Controller::without_memory_space)).
    fn doorbells(&self) -> Option<&Mmio> {
        self.doorbells.as_ref().filter(|_| self.answers.load(Ordering::Relaxed))
    }

    fn doorbell_file(&self) -> Option<DoorbellFile> {
        // The file has them where the kernel takes BAR0 to be.
        if self.bar.is_elsewhere() {
            return None;
        }
        let Window { offset, size } = self.bar.doorbell_window()?;
        let start = crate::spec::doorbell::START.into();
        let file = self.opened().ok()?.device.as_fd().try_clone_to_owned().ok()?;
        Some(DoorbellFile { file, offset, start, len: size })
    }

    unsafe fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult {
        self.check_not_lost()?;
        // SAFETY: The caller's.
        let mapped = unsafe { self.mappings.map(self.opened()?.device.memory(), memory) };
        let what = || format!("a mapping of {:#x} bytes at {:#x}", memory.len, memory.iova);
        mapped.map_err(|why| self.refused(what(), why))
    }

    fn dma_unmap(&self, iova: u64, len: u64) -> TransportResult {
        // A device that is not open has lost all memory.
        let Some(opened) = self.now_opened() else { return Ok(()) };
        let unmapped = self.mappings.unmap(opened.device.memory(), iova, len);
        unmapped.map_err(|why| self.refused(format!("to unmap {len:#x} bytes at {iova:#x}"), why))
    }

    fn take_dma_faults(&self) -> Vec<DmaFault> {
        // What a drive does that does not know yet that it has lost its memory is no finding.
        if self.lost.get().is_some() {
            return Vec::new();
        }
        self.log.as_ref().map(KernelLog::take).unwrap_or_default()
    }

    fn set_vectors(&self, first: u16, eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        self.check_not_lost()?;
        self.check_in_place("vectors")?;
        let set = self.vectors.set(&self.opened()?.device, first, eventfds);
        let what = || format!("{} vectors from vector {first} on", eventfds.len());
        let count = set.map_err(|why| self.refused(what(), why))?;
        self.show_msi(count)
    }

    fn set_intx(&self, eventfd: Option<BorrowedFd<'_>>) -> TransportResult {
        self.check_not_lost()?;
        self.check_in_place("INTx")?;
        let index = VFIO_PCI_INTX_IRQ_INDEX;
        let set = match eventfd {
            Some(_) => IrqSet::signal(index, 0, [eventfd]),
            None => IrqSet::disable(index),
        };
        ioctl::set_irqs(self.opened()?.device.as_fd(), &set)
            .map_err(|why| self.refused("INTx", why))?;
        let command = Command::from(self.config_read16(offset::COMMAND)?)
            .with_interrupt_disable(eventfd.is_none());
        (self as &dyn Function).write_config(offset::COMMAND, &u16::from(command).to_le_bytes())
    }

    fn unmask_intx(&self) -> TransportResult {
        self.check_not_lost()?;
        let set = IrqSet::unmask(VFIO_PCI_INTX_IRQ_INDEX);
        let unmasked = ioctl::set_irqs(self.opened()?.device.as_fd(), &set);
        unmasked.map_err(|why| self.refused("to unmask INTx", why))
    }

    fn reset(&self) -> TransportResult {
        let opened = self.opened()?;
        self.reset_by("a function reset", || ioctl::reset(opened.device.as_fd()))
    }

    fn hot_reset(&self) -> TransportResult {
        let opened = self.opened()?;
        self.reset_by("a hot reset", || match opened.device.hot_reset() {
            Err(error) if error.raw_os_error() == Some(Errno::ENOTTY as i32) => {
                let why =
                    "the link did not come back in the time that the kernel gives it (see `dmesg`)";
                Err(io::Error::other(why))
            }
            other => other,
        })
    }

    /// Also of a device that is lost: its port is there, and what was written to it has to be put back.
    fn port_config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        let read = self.beside().port_read(offset, data);
        read.map_err(|why| self.refused(format!("a read at {offset:#x} of the port above"), why))
    }

    unsafe fn port_config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        let written = self.beside().port_write(offset, data);
        written
            .map_err(|why| self.refused(format!("a write at {offset:#x} of the port above"), why))
    }

    fn move_bar0(&self) -> TransportResult<Relocation> {
        self.move_elsewhere()
    }

    fn put_bar0_back(&self) -> TransportResult {
        self.put_back()
    }

    fn remove_and_rescan(&self) -> TransportResult {
        self.remove_and_find()
    }

    fn check_alive(&self) -> TransportResult {
        self.check_not_lost()?;
        if let Some(how) = self.opened()?.notices.look() {
            return self.lose(how);
        }
        match self.is_present() {
            Ok(false) => self.lose("its configuration space reads as all ones"),
            _ => Ok(()),
        }
    }

    fn terminate(&self) -> TransportResult {
        Err(TransportError::Unsupported {
            device: self.uri.to_string(),
            what: "an end of its process".to_owned(),
            why: "it is hardware, and has none".to_owned(),
        })
    }
}

impl Vfio {
    /// Returns whether configuration space answers.
    pub(super) fn is_present(&self) -> TransportResult<bool> {
        Ok(self.config_read16(offset::VENDOR_ID)? != u16::MAX)
    }

    /// Lets the device answer in BAR0 and reach memory, and has it send no INTx.
    pub(super) fn arm(&self) -> TransportResult {
        let command = Command::from(self.config_read16(offset::COMMAND)?)
            .with_memory_space(true)
            .with_bus_master(true)
            .with_interrupt_disable(true);
        (self as &dyn Function).write_config(offset::COMMAND, &u16::from(command).to_le_bytes())
    }

    /// Has Message Control of MSI say what the kernel has set up, so that it reads as it is: the kernel shows what was written
    /// there, and takes it for the function only as far as it has given out vectors.
    fn show_msi(&self, count: u16) -> TransportResult {
        let Some(at) = self.msi.map(|at| at + msi::CONTROL) else { return Ok(()) };
        let control = MsiControl::from(self.config_read16(at)?);
        let control = control.with_messages(count).with_enable(count != 0);
        (self as &dyn Function).write_config(at, &u16::from(control).to_le_bytes())
    }

    /// Has the kernel reset the function, and sets it up again.
    fn reset_by(&self, what: &str, reset: impl Fn() -> io::Result<()>) -> TransportResult {
        self.check_not_lost()?;
        // The kernel would save the address in BAR0, and restore it.
        self.put_back()?;
        let deadline = Instant::now() + RESET_LIMIT;
        // The kernel does not wait for its own lock of the function, and asks to be called again.
        self.wait_until(deadline, what, || match reset() {
            Ok(()) => Ok(true),
            Err(error) if is_temporary(&error) => Ok(false),
            Err(error) => Err(self.refused(what, error)),
        })?;
        self.wait_until(deadline, what, || self.is_present())?;
        // The kernel has restored what was in configuration space, and the vectors.
        self.arm()?;
        self.wait_until_disabled(deadline, what)
    }

    /// Waits until the controller is disabled, as a reset leaves it.
    pub(super) fn wait_until_disabled(&self, deadline: Instant, what: &str) -> TransportResult {
        self.wait_until(deadline, &format!("{what} (CSTS.RDY = 0)"), || {
            let mut csts = [0; 4];
            self.bar_read(Property::CSTS.0.into(), &mut csts)?;
            // All ones, as long as the function is in reset, have RDY set.
            Ok(!Csts::from(u32::from_le_bytes(csts)).rdy())
        })
    }

    /// Returns the offset of a capability (PCIe 7.5.1.1.11).
    pub(super) fn find_capability(&self, id: CapabilityId) -> TransportResult<Option<u16>> {
        capability_list::find(|at| self.config_read16(at), id)
    }

    /// The device, which is open unless it is lost.
    pub(super) fn opened(&self) -> TransportResult<Arc<Opened>> {
        self.now_opened().ok_or_else(|| TransportError::Lost {
            device: self.uri.to_string(),
            how: self.lost.get().map_or("it is removed", String::as_str).to_owned(),
        })
    }

    pub(super) fn now_opened(&self) -> Option<Arc<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether BAR0 can be accessed. Where it cannot, a load from it would be the end of this process.
    fn see_whether_it_answers(&self) -> TransportResult {
        let memory_space = Command::from(self.config_read16(offset::COMMAND)?).memory_space();
        let is_in_d0 = match self.power_management {
            None => true,
            Some(at) => {
                let status = Pmcsr::from(self.config_read16(at + power::CONTROL_STATUS)?);
                status.power_state() == PowerState::D0
            }
        };
        self.answers.store(memory_space && is_in_d0, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn check_not_lost(&self) -> TransportResult {
        match self.lost.get() {
            None => Ok(()),
            Some(how) => {
                Err(TransportError::Lost { device: self.uri.to_string(), how: how.clone() })
            }
        }
    }

    /// Takes all memory from the device, and then says that it is lost.
    pub(super) fn lose(&self, how: &str) -> TransportResult {
        if let Some(opened) = self.now_opened()
            && let Err(why) = self.mappings.take_all(opened.device.memory())
        {
            return Err(self.refused("to take all memory from it", why));
        }
        let _ = self.lost.set(how.to_owned());
        self.check_not_lost()
    }

    fn check_config(&self, offset: u16, len: usize) -> TransportResult {
        let is_within = u64::from(offset) + len as u64 <= self.config.size;
        if matches!(len, 1 | 2 | 4) && is_within {
            return Ok(());
        }
        let why = format!("it has {:#x} bytes, and an access 1, 2 or 4", self.config.size);
        let what = format!("an access of {len} bytes at {offset:#x} of configuration space");
        Err(self.unsupported(what, why))
    }

    fn check_bar(&self, offset: u64, len: usize) -> TransportResult {
        let is_within = offset.checked_add(len as u64).is_some_and(|end| end <= self.bar.size());
        let what = || format!("an access of {len} bytes at {offset:#x} of BAR0");
        if !matches!(len, 1 | 2 | 4 | 8) || !is_within {
            let why = format!("it has {:#x} bytes, and an access 1, 2, 4 or 8", self.bar.size());
            return Err(self.unsupported(what(), why));
        }
        if !self.answers.load(Ordering::Relaxed) {
            let why = "memory space is disabled, or the function is not in D0";
            return Err(self.refused(what(), why));
        }
        Ok(())
    }

    fn config_read16(&self, offset: u16) -> TransportResult<u16> {
        let mut data = [0; 2];
        self.config_read(offset, &mut data)?;
        Ok(u16::from_le_bytes(data))
    }

    /// Judges an access of the kernel's.
    fn done(
        &self,
        moved: nix::Result<usize>,
        wanted: usize,
        what: impl Fn() -> String,
    ) -> TransportResult {
        match moved {
            Ok(moved) if moved == wanted => Ok(()),
            Ok(moved) => Err(self.refused(what(), format!("{moved} of {wanted} bytes were moved"))),
            Err(error) => Err(self.refused(what(), error)),
        }
    }

    /// Polls until `ready` returns true.
    pub(super) fn wait_until(
        &self,
        deadline: Instant,
        what: &str,
        ready: impl Fn() -> TransportResult<bool>,
    ) -> TransportResult {
        while !ready()? {
            if deadline < Instant::now() {
                let (device, after) = (self.uri.to_string(), RESET_LIMIT);
                return Err(TransportError::Silent { device, what: what.to_owned(), after });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub(super) fn refused(&self, what: impl Into<String>, why: impl ToString) -> TransportError {
        let (what, why) = (what.into(), why.to_string());
        TransportError::Refused { device: self.uri.to_string(), what, why }
    }

    pub(super) fn unsupported(&self, what: String, why: String) -> TransportError {
        TransportError::Unsupported { device: self.uri.to_string(), what, why }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EAGAIN | Errno::EINTR))
}

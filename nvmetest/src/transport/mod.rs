//! Reaching a PCI function.
//!
//! A [`Function`] is all that the driver knows of a device: configuration space, BAR0, memory that the
//! device may reach, the messages of its interrupts, and resets. Each way to a device (vfio-user, QEMU's qtest socket, VFIO)
//! implements it, and a [`Scheme`] opens one by its [`DeviceUri`].
//!
//! # Safety
//!
//! What is written to a function decides what the device does with memory, so those methods are unsafe. The
//! driver calls them with this argument: memory is named to the device by [`queue`](crate::queue), and by
//! [`Controller::enable_hmb`](crate::Controller::enable_hmb), which let nobody have it before the device is done; by the queue of an
//! [`ioworker`](crate::ioworker), which is rung for it as long as it is its own; every other write names none, or is refused
//! ([`Registers`](crate::controller::Registers), [`PciFunction`](crate::controller::PciFunction)).
#![expect(unsafe_code, reason = "to program a device is to decide which memory it writes")]

mod bare;
pub(crate) mod capability_list;
mod claim;
mod dma_fault;
mod doorbell_file;
mod error;
mod interrupt_kind;
mod mmio;
mod port_above;
mod process;
mod relocation;
mod uri;
pub mod vfio;
pub mod vfio_user;

use std::fmt;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::sync::Arc;

use crate::memory::Arena;

pub use bare::Bare;
pub use claim::Claim;
pub use claim::ClaimError;
pub use dma_fault::DmaAccess;
pub use dma_fault::DmaFault;
pub use doorbell_file::DoorbellFile;
pub use error::OpenError;
pub use error::TransportError;
pub use interrupt_kind::InterruptKind;
pub use interrupt_kind::UnknownInterruptKind;
pub use mmio::Mmio;
pub use port_above::PortAbove;
pub use process::Process;
pub use relocation::Relocation;
pub use uri::DeviceUri;
pub use uri::UriOptions;
pub use uri::parse_size;

/// The result of an access to a function.
pub type TransportResult<T = ()> = Result<T, TransportError>;

/// A PCI function that a controller lives on.
///
/// All methods take `&self` and may be called by several threads. None blocks without a deadline.
///
/// # Safety
///
/// Who implements it is trusted with the memory of the session, which it is handed in
/// [`dma_map`](Self::dma_map): it gives it to the device, and does nothing else with it. What
/// [`abilities`](Self::abilities) says is so: above all, memory that [is revoked](Abilities::revokes), or whose device
/// [has ended](Self::terminate), [was reset](Self::reset) or [was without power](Self::power_cycle), is no longer
/// reached. And
/// [`check_alive`](Self::check_alive) fails only if the device has lost the memory, or can be
/// [terminated](Self::terminate).
pub unsafe trait Function: Send + Sync + fmt::Debug {
    /// Returns the device's URI, for messages.
    fn uri(&self) -> &DeviceUri;

    /// Says what this way to the device can do.
    fn abilities(&self) -> &Abilities;

    /// Reads configuration space: one access of 1, 2 or 4 bytes.
    fn config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult;

    /// Writes configuration space: one access of 1, 2 or 4 bytes.
    ///
    /// # Safety
    ///
    /// As for [`bar_write`](Self::bar_write): message addresses of interrupts stand there, too.
    unsafe fn config_write(&self, offset: u16, data: &[u8]) -> TransportResult;

    /// Reads BAR0: one access of 1, 2, 4 or 8 bytes. How wide the access was is under test.
    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult;

    /// Writes BAR0: one access of 1, 2, 4 or 8 bytes.
    ///
    /// # Safety
    ///
    /// The write makes the device read or write no memory but such that nobody has a reference to until the
    /// device is done with it.
    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult;

    /// Writes a doorbell and does not wait until the device has seen it, where that is faster.
    ///
    /// An error may be reported by a later call.
    ///
    /// # Safety
    ///
    /// As for [`bar_write`](Self::bar_write): the device fetches and executes what stands in the queue.
    unsafe fn ring(&self, offset: u64, value: u32) -> TransportResult {
        // SAFETY: The caller's.
        unsafe { self.bar_write(offset, &value.to_le_bytes()) }
    }

    /// Returns the part of BAR0 with the doorbells, where it is mapped into this process.
    fn doorbells(&self) -> Option<&Mmio>;

    /// Returns the file behind the doorbells, where another process can map them: an IOWorker.
    fn doorbell_file(&self) -> Option<DoorbellFile> {
        None
    }

    /// Lets the device reach memory. Not called with [`DmaModel::Fixed`].
    ///
    /// # Safety
    ///
    /// The memory stays the caller's until it is unmapped, or the device has ended: whatever the device writes
    /// there meanwhile breaks no rule.
    unsafe fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult;

    /// Takes from the device exactly what a call of [`dma_map`](Self::dma_map) gave it.
    ///
    /// When it returns, the device can no longer reach the memory, if
    /// [`Abilities::revokes`] says so.
    fn dma_unmap(&self, iova: u64, len: u64) -> TransportResult;

    /// Returns the accesses of the device that no mapping covered since the last call, the oldest first, where
    /// somebody observes them: [`Abilities::dma_faults`].
    ///
    /// A fault is here, at the latest, when the completion of the command that it belongs to is.
    fn take_dma_faults(&self) -> Vec<DmaFault> {
        Vec::new()
    }

    /// Makes vector `first + n` signal `eventfds[n]`, and enables MSI-X, or MSI where the device is used with that
    /// ([`Abilities::msi_vectors`]); with no eventfds at all (`first` is 0), disables it.
    ///
    /// Of MSI as many messages are allocated as the highest vector so far takes.
    fn set_vectors(&self, first: u16, eventfds: &[BorrowedFd<'_>]) -> TransportResult;

    /// Has INTx, the interrupt that is no message (PCI Express 6.1.2), signal `eventfd`; without one, disables it. MSI-X
    /// and MSI are disabled meanwhile.
    ///
    /// It is a level: it signals once, and is masked then until [`unmask_intx`](Self::unmask_intx).
    fn set_intx(&self, eventfd: Option<BorrowedFd<'_>>) -> TransportResult {
        let _ = eventfd;
        Err(TransportError::Unsupported {
            device: self.uri().to_string(),
            what: "INTx".to_owned(),
            why: "it is not delivered over this transport".to_owned(),
        })
    }

    /// Has INTx signal again: at once, if the function still asserts it.
    fn unmask_intx(&self) -> TransportResult {
        self.set_intx(None)
    }

    /// Resets the function (PCI Express 6.6.2, Function Level Reset, or what the transport has for it).
    ///
    /// Bus mastering, interrupts and BARs are again set up when it returns; the controller is disabled.
    fn reset(&self) -> TransportResult;

    /// Resets all functions behind the port that the device is plugged into (PCI Express 6.6.1, a hot reset).
    ///
    /// Everything is as after [`reset`](Self::reset) when it returns.
    fn hot_reset(&self) -> TransportResult {
        Err(TransportError::Unsupported {
            device: self.uri().to_string(),
            what: "a hot reset".to_owned(),
            why: "no port that it is plugged into is known over this transport".to_owned(),
        })
    }

    /// Reads configuration space of the port that the device is plugged into, where that is
    /// [`PortAbove::Programmable`]: one access of 1, 2 or 4 bytes.
    fn port_config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        let _ = (offset, data);
        Err(port_above::unsupported(self.uri()))
    }

    /// Writes configuration space of the port that the device is plugged into: one access of 1, 2 or 4 bytes.
    ///
    /// # Safety
    ///
    /// As for [`bar_write`](Self::bar_write): the port decides where the device's requests go. What is behind the same port is
    /// still reached, and reaches no other memory than before.
    unsafe fn port_config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        let _ = (offset, data);
        Err(port_above::unsupported(self.uri()))
    }

    /// Writes another address to BAR0 (PCIe 7.5.1.2.1), one that nobody else has: from then on every access of BAR0 goes there, until
    /// it is [put back](Self::put_bar0_back), or the function is reset.
    ///
    /// Vectors and INTx that are enabled stay so; over some transports they are not set meanwhile.
    fn move_bar0(&self) -> TransportResult<Relocation> {
        Err(TransportError::Unsupported {
            device: self.uri().to_string(),
            what: "another address of BAR0".to_owned(),
            why: "BAR0 is not reached by an address that the host chooses over this transport"
                .to_owned(),
        })
    }

    /// Writes the address to BAR0 that it had before it was [moved](Self::move_bar0). Does nothing where it was not.
    fn put_bar0_back(&self) -> TransportResult {
        Ok(())
    }

    /// Has the host's kernel forget the function, as if it had been pulled, and find it again on its bus.
    ///
    /// Everything is as after [`reset`](Self::reset) when it returns: memory that the function was given stays mapped. Its vectors
    /// are disabled.
    fn remove_and_rescan(&self) -> TransportResult {
        Err(TransportError::Unsupported {
            device: self.uri().to_string(),
            what: "removal and rescan".to_owned(),
            why: "the host's kernel does not know it as a PCI function".to_owned(),
        })
    }

    /// Takes the power from the device, and gives it back: all that is volatile in it is lost, and commands in flight
    /// are interrupted.
    ///
    /// When it returns, the function is as after a [`reset`](Self::reset); memory that it was given stays mapped.
    fn power_cycle(&self) -> TransportResult {
        Err(TransportError::Unsupported {
            device: self.uri().to_string(),
            what: "a power cycle".to_owned(),
            why: "nothing that switches its power is known over this transport".to_owned(),
        })
    }

    /// Whether the device has power, as far as anybody knows. Without, it reaches no memory, and has forgotten what it
    /// was told when it is [power cycled](Self::power_cycle).
    fn has_power(&self) -> bool {
        true
    }

    /// Fails with [`TransportError::Lost`] if the device or its process is known to be gone.
    fn check_alive(&self) -> TransportResult;

    /// Ends the process behind the device, where there is one: the device makes no access afterwards.
    fn terminate(&self) -> TransportResult;
}

impl dyn Function + '_ {
    /// Reads the 32-bit register at `offset` of BAR0.
    ///
    /// # Errors
    ///
    /// As for [`Function::bar_read`].
    pub fn read32(&self, offset: u64) -> TransportResult<u32> {
        let mut data = [0; 4];
        self.bar_read(offset, &mut data)?;
        Ok(u32::from_le_bytes(data))
    }

    /// Reads the 64-bit register at `offset` of BAR0 in one access.
    ///
    /// # Errors
    ///
    /// As for [`Function::bar_read`].
    pub fn read64(&self, offset: u64) -> TransportResult<u64> {
        let mut data = [0; 8];
        self.bar_read(offset, &mut data)?;
        Ok(u64::from_le_bytes(data))
    }

    /// Writes the 32-bit register at `offset` of BAR0.
    pub(crate) fn write32(&self, offset: u64, value: u32) -> TransportResult {
        // SAFETY: The driver's, see the module.
        unsafe { self.bar_write(offset, &value.to_le_bytes()) }
    }

    /// Writes the 64-bit register at `offset` of BAR0 in one access.
    pub(crate) fn write64(&self, offset: u64, value: u64) -> TransportResult {
        // SAFETY: The driver's, see the module.
        unsafe { self.bar_write(offset, &value.to_le_bytes()) }
    }

    /// Writes configuration space.
    pub(crate) fn write_config(&self, offset: u16, data: &[u8]) -> TransportResult {
        // SAFETY: The driver's, see the module.
        unsafe { self.config_write(offset, data) }
    }

    /// Writes configuration space of the port above.
    pub(crate) fn write_port_config(&self, offset: u16, data: &[u8]) -> TransportResult {
        // SAFETY: The driver's, see the module: it writes how the link works, and no more.
        unsafe { self.port_config_write(offset, data) }
    }

    /// Writes a doorbell that is not mapped.
    #[inline]
    pub(crate) fn post(&self, offset: u64, value: u32) -> TransportResult {
        // SAFETY: The driver's, see the module.
        unsafe { self.ring(offset, value) }
    }
}

/// What a way to a device can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// How memory is given to the device.
    pub dma: DmaModel,
    /// The addresses that the device can be told, in bytes.
    pub iova: Range<u64>,
    /// Whether unmapped memory is out of the device's reach, whatever the device does.
    pub revokes: bool,
    /// Whether somebody observes accesses of the device that no mapping covers, as an IOMMU does:
    /// [`Function::take_dma_faults`].
    pub dma_faults: bool,
    /// Whether [`Function::reset`] works.
    pub function_reset: bool,
    /// Whether [`Function::hot_reset`] works.
    pub hot_reset: bool,
    /// Whether [`Function::power_cycle`] works.
    pub power_cycles: bool,
    /// What is known of the port that the device is plugged into.
    pub port: PortAbove,
    /// Whether the Base Address Registers in configuration space are the function's own, and not what the host's kernel keeps of them.
    pub owns_bars: bool,
    /// Whether [`Function::move_bar0`] works.
    pub moves_bar0: bool,
    /// Whether [`Function::remove_and_rescan`] works.
    pub removes: bool,
    /// Whether [`Function::terminate`] works.
    pub terminates: bool,
    /// The number of MSI-X vectors that can be observed; 0 if the device is used with MSI or INTx: [`InterruptKind`].
    pub msix_vectors: u16,
    /// The number of MSI messages that can be observed; 0 if the device is used with MSI-X or INTx.
    pub msi_vectors: u16,
    /// Whether [`Function::set_intx`] works.
    pub intx: bool,
}

impl Abilities {
    /// The number of vectors that can be observed, of MSI-X or of MSI.
    pub fn vectors(&self) -> u16 {
        self.msix_vectors.max(self.msi_vectors)
    }
}

/// How memory is given to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmaModel {
    /// Buffer by buffer, with addresses that are not mapped around each: an overrun is a fault, and a
    /// buffer can be taken back alone.
    PerBuffer,
    /// The whole arena at once, for devices that grant few mappings (SPDK's target: 64) or make them
    /// slowly.
    Whole,
    /// Nothing is ever mapped: the device sees the arena from its start, and address 0 is its first byte.
    Fixed,
}

/// Memory for a device to reach.
#[derive(Debug, Clone, Copy)]
pub struct DmaRange<'a> {
    /// The address that the device will use; a multiple of the page size.
    pub iova: u64,
    /// The length in bytes; a multiple of the page size.
    pub len: u64,
    /// The file that backs the memory.
    pub file: BorrowedFd<'a>,
    /// The offset in the file.
    pub offset: u64,
    /// The address in this process, for kernels that pin pages by it.
    pub host: usize,
}

/// A scheme of device URIs, and how to open a device that it names.
pub trait Scheme: Send + Sync {
    /// Returns the scheme, without the colon.
    fn name(&self) -> &'static str;

    /// Returns one line for `--help`: the form of the URI, and what it reaches.
    fn summary(&self) -> &'static str;

    /// Opens the device. The memory that it will be lent comes from `arena`.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong and the way out; nothing is left behind.
    fn open(&self, uri: &DeviceUri, arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError>;

    /// Whether the memory that the device is lent may be in huge pages, which other processes can map by whole ones only.
    fn takes_huge_pages(&self) -> bool {
        false
    }

    /// Becomes the process `role`, if that is one that this scheme starts by executing the running
    /// binary again with [`ROLE_ARGUMENT`].
    fn serve(&self, role: &str) -> Option<ExitCode> {
        let _ = role;
        None
    }
}

/// The first argument of a process that a session starts by executing its own binary: the role follows
/// behind `=`.
pub const ROLE_ARGUMENT: &str = "--nvmetest-role";

//! Drives of this machine, through VFIO.
//!
//! [`Vfio`] has a PCI function from the kernel's driver vfio-pci. `cargo xtask bind` gives a drive to that driver, and gives
//! it back. There are two ways to it, of which the newer is taken where the kernel has it:
//!
//! - the function's own node, `/dev/vfio/devices/vfioN`, bound to an address space of `/dev/iommu` (iommufd);
//! - the group that the IOMMU isolates it with, and a container (type 1, version 2) that its memory is mapped in.
//!
//! `pci:0000:01:00.0,vfio=group` and `vfio=cdev` take one of them. iommufd takes a kernel with CONFIG_IOMMUFD and
//! CONFIG_VFIO_DEVICE_CDEV: those of Debian, from 6.1 of bookworm to 7.3 of the backports and sid, have neither; Ubuntu's have both.
//!
//! - Registers and doorbells are loads and stores of the width that was asked for, on BAR0 as it is mapped.
//!   Configuration space goes through the kernel, which keeps parts of it to itself: MSI and MSI-X are set up by it, and what
//!   is written there has no effect, but for the masks of MSI.
//! - A drive with MSI-X is used with that, another with MSI; `irq=msix`, `irq=msi` and `irq=intx` choose.
//! - Each buffer is mapped by itself, with addresses around it that are not: [`DmaModel::PerBuffer`]. What is unmapped is
//!   out of the drive's reach, for the IOMMU refuses the access: [`Abilities::revokes`].
//! - BAR0 can be accessed only while memory space is enabled and the function is in D0. The kernel
//!   has mapped accesses end in SIGBUS otherwise; so [`Vfio`] follows what is written to configuration space, and refuses
//!   them with an error.
//! - Who is root reaches more than VFIO lets through, by what the kernel shows of the function in sysfs: ASPM Control, Function
//!   Mask of MSI-X and Max_Payload_Size, which VFIO has nobody write, or only seem to; extended capabilities that VFIO hides, as L1 PM
//!   Substates; the port above, at the other end of the link; removal, and a rescan of the bus. After these, the function is opened
//!   again, what was mapped for it is mapped where it was, and so are the registers. BAR0 can be given another address,
//!   and is reached there by `/dev/mem`, where the kernel lets that be mapped.
//! - What the IOMMU refuses is told by the kernel's log, where this process may read that: as a trace, not as a count
//!   ([`Abilities::dma_faults`]).
//! - A drive that is pulled, that the kernel asks back, or that reports an error which the kernel does not recover from,
//!   is [lost](TransportError::Lost). Before anybody is told, all memory is taken from it.
//!
//! Nothing is left behind when the process ends, however it ends: the kernel resets the function when its descriptor is
//! closed, and unmaps the memory. vfio-pci keeps the drive until it is unbound. What was written to the port above, which the kernel
//! leaves as it is, is in a record in `/run/nvmetest/ports`, and is put back by who opens the drive next.

mod address;
mod address_space;
mod bar;
mod beside;
mod device;
mod function;
mod host;
mod ioctl;
mod iommu;
mod irq_set;
mod kernel_log;
mod mappings;
mod notice;
mod open;
mod relocation;
mod removal;
mod scheme;
mod vectors;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;

use self::bar::Bar;
use self::beside::Beside;
use self::device::Device;
use self::kernel_log::KernelLog;
use self::mappings::Mappings;
use self::notice::Notices;
use self::scheme::Options;
use self::vectors::Vectors;
use super::Abilities;
use super::Claim;
use super::DeviceUri;
use super::Mmio;
#[expect(unused_imports, reason = "for the links of the documentation")]
use super::{DmaModel, TransportError};

pub use address::MalformedPciAddress;
pub use address::PciAddress;
pub use scheme::SCHEME;

/// A PCI function that vfio-pci has.
#[derive(Debug)]
pub struct Vfio {
    uri: DeviceUri,
    address: PciAddress,
    options: Options,
    abilities: Abilities,
    /// Why the device is lost, if it is: then no memory is mapped for it.
    lost: OnceLock<String>,
    /// Whether memory space is enabled, and the function in D0.
    answers: AtomicBool,
    /// The offset of the Power Management capability.
    power_management: Option<u16>,
    config: Window,
    vectors: Vectors,
    /// The offset of the MSI capability, if its vectors are those.
    msi: Option<u16>,
    mappings: Mappings,
    /// What root reaches beside VFIO.
    beside: Mutex<Beside>,
    /// The address of BAR0 that the kernel knows, while it has another one.
    elsewhere: Mutex<Option<u64>>,
    /// Where refused accesses are told of, if this process may read it.
    log: Option<KernelLog>,
    // From here on in this order: a mapping keeps the device open, and who waits for the claim finds it closed.
    bar: Bar,
    doorbells: Option<Mmio>,
    /// None while the function is removed, and when it was not found again: then it is lost.
    opened: RwLock<Option<Arc<Opened>>>,
    _claim: Claim,
}

/// What is open as long as the kernel has the function.
#[derive(Debug)]
struct Opened {
    notices: Notices,
    device: Device,
}

/// Where a region is in the file of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    offset: u64,
    size: u64,
}

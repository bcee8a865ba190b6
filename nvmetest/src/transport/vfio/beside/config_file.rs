//! Configuration space as the kernel shows it to root in sysfs, and what of it VFIO keeps to itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::spec::pci::CapabilityId;
use crate::spec::pci::DeviceControl;
use crate::spec::pci::ExtendedCapabilityId;
use crate::spec::pci::LinkControl;
use crate::spec::pci::MsixControl;
use crate::spec::pci::express;
use crate::spec::pci::l1_substates;
use crate::spec::pci::msix;
use crate::spec::pci::offset;
use crate::transport::capability_list;

/// Configuration space that can be written.
#[derive(Debug)]
pub(in super::super) struct ConfigFile(File);

/// A register of the function that VFIO does not let be written, or shows otherwise than it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) register: u16,
    /// 2 or 4 bytes: as wide as it is, for its neighbour may be changed by being written.
    pub(super) len: usize,
    /// The bits that are VFIO's.
    pub(super) bits: u32,
}

impl ConfigFile {
    /// Opens it, if this process may write to it.
    pub(in super::super) fn open(folder: &Path) -> Option<Self> {
        let file = File::options().read(true).write(true).open(folder.join("config")).ok()?;
        let config = Self(file);
        // A kernel that is locked down refuses what is written, and not before: this is a register that ignores it.
        let vendor = config.read16(offset::VENDOR_ID).ok()?;
        config.write16(offset::VENDOR_ID, vendor).ok()?;
        Some(config)
    }

    /// Reads up to four bytes.
    pub(super) fn value(&self, at: u16, len: usize) -> io::Result<u32> {
        let mut value = [0; 4];
        self.read(at, &mut value[..len])?;
        Ok(u32::from_le_bytes(value))
    }

    pub(in super::super) fn read(&self, at: u16, data: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(data, at.into())
    }

    pub(super) fn write(&self, at: u16, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, at.into())
    }

    pub(in super::super) fn read16(&self, at: u16) -> io::Result<u16> {
        self.value(at, 2).map(|word| word as u16)
    }

    pub(in super::super) fn write16(&self, at: u16, value: u16) -> io::Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    pub(in super::super) fn read32(&self, at: u16) -> io::Result<u32> {
        self.value(at, 4)
    }

    pub(in super::super) fn write32(&self, at: u16, value: u32) -> io::Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn capability(&self, id: CapabilityId) -> io::Result<Option<u16>> {
        capability_list::find(|at| self.read16(at), id)
    }

    fn l1_substates(&self) -> io::Result<Option<u16>> {
        let read = |at| match self.value(at, 4) {
            // There is no extended configuration space.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        };
        let id = ExtendedCapabilityId::L1_PM_SUBSTATES;
        capability_list::find_extended(read, id, l1_substates::LEN)
    }

    /// The registers that [`Beside::write`] writes to.
    pub(super) fn kept(&self) -> io::Result<Vec<Kept>> {
        let function_mask = MsixControl::new().with_function_mask(true);
        let sizes = DeviceControl::new().with_max_payload_size(0b111);
        let sizes = sizes.with_max_read_request_size(0b111);
        let aspm = LinkControl::new().with_aspm(0b11);
        let words = [
            (CapabilityId::MSI_X, msix::CONTROL, function_mask.into_bits()),
            (CapabilityId::PCI_EXPRESS, express::DEVICE_CONTROL, sizes.into_bits()),
            (CapabilityId::PCI_EXPRESS, express::LINK_CONTROL, aspm.into_bits()),
        ];
        let mut kept = Vec::new();
        for (id, register, bits) in words {
            let bits = bits.into();
            kept.extend(self.capability(id)?.map(|at| Kept {
                register: at + register,
                len: 2,
                bits,
            }));
        }
        for register in [l1_substates::CONTROL_1, l1_substates::CONTROL_2] {
            let bits = u32::MAX;
            kept.extend(self.l1_substates()?.map(|at| Kept {
                register: at + register,
                len: 4,
                bits,
            }));
        }
        Ok(kept)
    }
}

/// Up to four bytes.
pub(super) fn dword(bytes: &[u8]) -> u32 {
    let mut value = [0; 4];
    value.iter_mut().zip(bytes).for_each(|(value, byte)| *value = *byte);
    u32::from_le_bytes(value)
}

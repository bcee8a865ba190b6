//! The PCI function that the controller lives on.

use std::ops::Range;

use crate::Error;
use crate::Result;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::ExtendedCapabilityId;
use crate::spec::pci::MsiControl;
use crate::spec::pci::MsixControl;
use crate::spec::pci::MsixLocation;
use crate::spec::pci::MsixTableEntry;
use crate::spec::pci::header::CONFIG_SIZE;
use crate::spec::pci::msi;
use crate::spec::pci::msix;
use crate::spec::pci::offset;
use crate::transport::Function;
use crate::transport::TransportError;
use crate::transport::capability_list;

use super::Controller;

/// Configuration space (PCIe transport 3.8).
#[derive(Clone, Copy, Debug)]
pub struct PciFunction<'c> {
    controller: &'c Controller,
}

/// Where the parts of MSI-X stand.
#[derive(Clone, Debug)]
pub(super) struct Msix {
    /// Message Control, in configuration space (PCIe 7.7.2.2).
    pub(super) control: u16,
    /// The table, in BAR0 (PCIe 7.7.2.3).
    pub(super) table: Range<u64>,
    /// The Pending Bit Array, if it is in BAR0, too (PCIe 7.7.2.4).
    pub(super) pending: Option<u64>,
}

/// Where the parts of MSI stand in configuration space (PCIe 7.7.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Msi {
    /// Mask Bits, if vectors can be masked (PCIe 7.7.1.7).
    pub(super) mask: Option<u16>,
    /// Pending Bits, if vectors can be masked (PCIe 7.7.1.8).
    pub(super) pending: Option<u16>,
}

impl Controller {
    /// Returns the PCI function.
    pub fn pci(&self) -> PciFunction<'_> {
        PciFunction { controller: self }
    }
}

impl<'c> PciFunction<'c> {
    pub(super) fn function(&self) -> &'c dyn Function {
        &**self.controller.function()
    }
}

impl PciFunction<'_> {
    /// Reads a byte.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn read8(&self, offset: u16) -> Result<u8> {
        self.read(offset).map(|[byte]| byte)
    }

    /// Reads a word.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn read16(&self, offset: u16) -> Result<u16> {
        self.read(offset).map(u16::from_le_bytes)
    }

    /// Reads a dword.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn read32(&self, offset: u16) -> Result<u32> {
        self.read(offset).map(u32::from_le_bytes)
    }

    /// Writes a dword.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached, and for the registers that the driver depends on: Command, the Base
    /// Address Registers, and MSI and MSI-X, through which a device can be made to write anywhere.
    pub fn write32(&self, offset: u16, value: u32) -> Result {
        let dword = offset..offset.saturating_add(4);
        let meets = |start: u16, end: u16| dword.start < end && start < dword.end;
        let mut theirs = meets(offset::COMMAND, offset::COMMAND + 2)
            || meets(offset::BAR0, offset::BAR0 + 24)
            || meets(offset::EXPANSION_ROM, offset::EXPANSION_ROM + 4);
        for (id, at) in self.capabilities()? {
            // MSI has up to 24 bytes, MSI-X has 12.
            let is_interrupt = id == CapabilityId::MSI.0 || id == CapabilityId::MSI_X.0;
            theirs |= is_interrupt && meets(at, at + 24);
        }
        if theirs {
            let what =
                format!("a write to offset {offset:#04x} of configuration space is the driver's");
            return Err(Error::Failed(what));
        }
        Ok(self.controller.function().write_config(offset, &value.to_le_bytes())?)
    }

    /// Reads a dword of BAR0, also where the function is not allowed to answer
    /// ([`Controller::without_memory_space`]): then something else answers, mostly with all ones.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached, and with [`Error::NotApplicable`] where the way to it does not let such a read be made,
    /// as VFIO does not.
    pub fn read_bar0(&self, offset: u64) -> Result<u32> {
        match self.function().read32(offset) {
            Err(error @ TransportError::Refused { .. }) => {
                Err(Error::NotApplicable(error.to_string()))
            }
            read => Ok(read?),
        }
    }

    /// Returns the offset of the first capability with this identifier (PCI Express 7.5.1.1.11).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn capability(&self, id: u8) -> Result<Option<u16>> {
        capability_list::find(|at| self.read16(at), CapabilityId(id))
    }

    /// Returns the identifier and offset of each capability, in the order of the list.
    ///
    /// A list that loops, or that points into the header, ends where it goes wrong.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn capabilities(&self) -> Result<Vec<(u8, u16)>> {
        capability_list::all(|at| self.read16(at))
    }

    /// Where MSI-X stands, if its table is in BAR0 (PCIe 7.7.2).
    pub(super) fn msix(&self) -> Result<Option<Msix>> {
        let Some(capability) = self.capability(CapabilityId::MSI_X.0)? else { return Ok(None) };
        let vectors = MsixControl::from(self.read16(capability + msix::CONTROL)?).table_size_z();
        let vectors = u64::from(vectors) + 1;
        let [table, pending] = [msix::TABLE, msix::PBA]
            .map(|register| self.read32(capability + register).map(MsixLocation::from));
        let (table, pending) = (table?, pending?);
        if table.bir() != 0 {
            return Ok(None);
        }
        let start = u64::from(table.offset());
        Ok(Some(Msix {
            control: capability + msix::CONTROL,
            table: start..start + vectors * size_of::<MsixTableEntry>() as u64,
            pending: (pending.bir() == 0).then(|| u64::from(pending.offset())),
        }))
    }

    /// Where MSI stands (PCIe 7.7.1).
    pub(super) fn msi(&self) -> Result<Option<Msi>> {
        let Some(at) = self.capability(CapabilityId::MSI.0)? else { return Ok(None) };
        let control = MsiControl::from(self.read16(at + msi::CONTROL)?);
        let [mask, pending] = [control.mask_bits(), control.pending_bits()];
        // A capability that a device puts at the end of configuration space has no room for them.
        let place =
            |register: Option<u16>| register.map(|it| at + it).filter(|it| *it < CONFIG_SIZE);
        Ok(Some(Msi { mask: place(mask), pending: place(pending) }))
    }

    /// Returns identifier, version and offset of each extended capability, in the order of the list (PCIe 7.6); none where
    /// configuration space is no longer than that of PCI.
    ///
    /// A list that loops, or that points out of extended configuration space, ends where it goes wrong.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn extended_capabilities(&self) -> Result<Vec<(ExtendedCapabilityId, u8, u16)>> {
        capability_list::extended(|at| match self.read32(at) {
            Err(Error::Transport(TransportError::Unsupported { .. })) => Ok(0),
            other => other,
        })
    }

    /// Returns the offset of the first extended capability with this identifier (PCIe 7.6).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn extended_capability(&self, id: ExtendedCapabilityId) -> Result<Option<u16>> {
        let found = self.extended_capabilities()?;
        Ok(found.into_iter().find(|&(known, ..)| known == id).map(|(.., offset)| offset))
    }

    fn read<const N: usize>(&self, offset: u16) -> Result<[u8; N]> {
        let mut data = [0; N];
        self.controller.function().config_read(offset, &mut data)?;
        Ok(data)
    }
}

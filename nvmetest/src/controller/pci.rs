//! The PCI function that the controller lives on.

use crate::Result;

use super::Controller;

/// Configuration space (PCIe transport 3.8).
#[derive(Clone, Copy, Debug)]
pub struct PciFunction<'c> {
    controller: &'c Controller,
}

/// How many capabilities a function can have in 256 bytes: a list that is longer is a loop.
const MOST_CAPABILITIES: usize = 48;

impl Controller {
    /// Returns the PCI function.
    pub fn pci(&self) -> PciFunction<'_> {
        PciFunction { controller: self }
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

    /// Returns the offset of the first capability with this identifier (PCI Express 7.5.1.1.11).
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn capability(&self, id: u8) -> Result<Option<u16>> {
        let capabilities = self.capabilities()?;
        Ok(capabilities.into_iter().find(|&(known, _)| known == id).map(|(_, offset)| offset))
    }

    /// Returns the identifier and offset of each capability, in the order of the list.
    ///
    /// A list that loops, or that points into the header, ends where it goes wrong.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot be reached.
    pub fn capabilities(&self) -> Result<Vec<(u8, u16)>> {
        const STATUS: u16 = 0x06;
        const CAPABILITIES_LIST: u16 = 1 << 4;
        const CAPABILITIES_POINTER: u16 = 0x34;
        const HEADER: u8 = 0x40;
        let mut found = Vec::new();
        if self.read16(STATUS)? & CAPABILITIES_LIST == 0 {
            return Ok(found);
        }
        let mut next = self.read8(CAPABILITIES_POINTER)? & !0b11;
        while HEADER <= next && found.len() < MOST_CAPABILITIES {
            let offset = u16::from(next);
            found.push((self.read8(offset)?, offset));
            next = self.read8(offset + 1)? & !0b11;
        }
        Ok(found)
    }

    fn read<const N: usize>(&self, offset: u16) -> Result<[u8; N]> {
        let mut data = [0; N];
        self.controller.function().config_read(offset, &mut data)?;
        Ok(data)
    }
}

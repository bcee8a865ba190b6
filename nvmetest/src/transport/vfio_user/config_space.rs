//! Configuration space of the function, as far as the client itself uses it.

use super::VfioUser;
use crate::transport::{Function, TransportResult};

/// The offset of Vendor ID (PCI Express Base 7.5.1.1.1).
const VENDOR_ID: u16 = 0x00;
/// The offset of Command (PCI Express Base 7.5.1.1.3).
const COMMAND: u16 = 0x04;
const COMMAND_MEMORY_SPACE: u16 = 1 << 1;
const COMMAND_BUS_MASTER: u16 = 1 << 2;
const COMMAND_INTX_DISABLE: u16 = 1 << 10;
/// The offset of Status (PCI Express Base 7.5.1.1.4).
const STATUS: u16 = 0x06;
const STATUS_CAPABILITIES: u16 = 1 << 4;
/// The offset of Revision ID, with Class Code in the three bytes behind it (7.5.1.1.5).
const REVISION_ID: u16 = 0x08;
/// The offset of the Capabilities Pointer (7.5.1.1.11).
const CAPABILITIES_POINTER: u16 = 0x34;

const PCI_EXPRESS_CAPABILITY: u8 = 0x10;
/// The offset of Device Capabilities in its capability (7.5.3.3).
const DEVICE_CAPABILITIES: u16 = 0x04;
const DEVICE_CAPABILITIES_FLR: u32 = 1 << 28;
/// The offset of Device Control in its capability (7.5.3.4).
const DEVICE_CONTROL: u16 = 0x08;
const DEVICE_CONTROL_INITIATE_FLR: u16 = 1 << 15;

const MSIX_CAPABILITY: u8 = 0x11;
/// The offset of Message Control in its capability (7.7.2.2).
const MSIX_CONTROL: u16 = 0x02;
const MSIX_CONTROL_TABLE_SIZE_Z: u16 = 0x7ff;
const MSIX_CONTROL_ENABLE: u16 = 1 << 15;

/// Where the capabilities stand that the client uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Capabilities {
    /// The offset of the MSI-X capability, and the number of vectors in its table.
    pub msix: Option<(u16, u16)>,
    /// The offset of the PCI Express capability, if the function can be reset through it.
    pub flr: Option<u16>,
}

impl VfioUser {
    /// Returns Class Code: base class, subclass and programming interface.
    pub(super) fn class_code(&self) -> TransportResult<u32> {
        Ok(self.config_read32(REVISION_ID)? >> 8)
    }

    pub(super) fn is_present(&self) -> TransportResult<bool> {
        Ok(self.config_read16(VENDOR_ID)? != u16::MAX)
    }

    /// Walks the list of capabilities.
    pub(super) fn find_capabilities(&self) -> TransportResult<Capabilities> {
        /// The most capabilities that fit behind the header, so that a loop has an end.
        const LIMIT: usize = (256 - 64) / 4;
        let mut found = Capabilities::default();
        if self.config_read16(STATUS)? & STATUS_CAPABILITIES == 0 {
            return Ok(found);
        }
        let mut offset = self.config_read32(CAPABILITIES_POINTER)? as u16 & 0xfc;
        for _ in 0..LIMIT {
            if offset < 0x40 {
                break;
            }
            let header = self.config_read32(offset)?;
            let [id, next, control @ ..] = header.to_le_bytes();
            match id {
                MSIX_CAPABILITY => {
                    let size_z = u16::from_le_bytes(control) & MSIX_CONTROL_TABLE_SIZE_Z;
                    found.msix = Some((offset, size_z + 1));
                }
                PCI_EXPRESS_CAPABILITY => {
                    let capabilities = self.config_read32(offset + DEVICE_CAPABILITIES)?;
                    found.flr = (capabilities & DEVICE_CAPABILITIES_FLR != 0).then_some(offset);
                }
                _ => {}
            }
            offset = u16::from(next & 0xfc);
        }
        Ok(found)
    }

    /// Lets the device answer in BAR0 and reach memory, and has it signal nothing.
    ///
    /// A server may keep its configuration space when clients come and go, so both registers are written
    /// whatever they hold.
    pub(super) fn arm(&self) -> TransportResult {
        let command = COMMAND_MEMORY_SPACE | COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE;
        self.config_write(COMMAND, &command.to_le_bytes())?;
        self.enable_msix(false)
    }

    pub(super) fn enable_msix(&self, enable: bool) -> TransportResult {
        let Some((offset, _)) = self.capabilities.msix else { return Ok(()) };
        let control = if enable { MSIX_CONTROL_ENABLE } else { 0 };
        self.config_write(offset + MSIX_CONTROL, &control.to_le_bytes())
    }

    /// Starts a Function Level Reset (PCI Express Base 6.6.2) of a function that has it.
    pub(super) fn initiate_flr(&self, capability: u16) -> TransportResult {
        let offset = capability + DEVICE_CONTROL;
        let control = self.config_read16(offset)? | DEVICE_CONTROL_INITIATE_FLR;
        self.config_write(offset, &control.to_le_bytes())
    }

    fn config_read16(&self, offset: u16) -> TransportResult<u16> {
        let mut data = [0; 2];
        self.config_read(offset, &mut data)?;
        Ok(u16::from_le_bytes(data))
    }

    fn config_read32(&self, offset: u16) -> TransportResult<u32> {
        let mut data = [0; 4];
        self.config_read(offset, &mut data)?;
        Ok(u32::from_le_bytes(data))
    }
}

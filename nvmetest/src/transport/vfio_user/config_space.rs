//! Configuration space of the function, as far as the client itself uses it.

use super::VfioUser;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::Command;
use crate::spec::pci::DeviceCapabilities;
use crate::spec::pci::DeviceControl;
use crate::spec::pci::MsiControl;
use crate::spec::pci::MsixControl;
use crate::spec::pci::Status;
use crate::spec::pci::express;
use crate::spec::pci::header::CONFIG_SIZE;
use crate::spec::pci::msi;
use crate::spec::pci::msix;
use crate::spec::pci::offset;
use crate::transport::Function;
use crate::transport::TransportResult;

/// Where the capabilities stand that the client uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Capabilities {
    /// The offset of the MSI-X capability, and the number of vectors in its table.
    pub msix: Option<(u16, u16)>,
    /// The offset of the MSI capability, and the number of messages that the function asks for.
    pub msi: Option<(u16, u16)>,
    /// The offset of the PCI Express capability, if the function can be reset through it.
    pub flr: Option<u16>,
}

/// Where the first capability may stand: behind the header (PCIe 7.5.1).
const FIRST_CAPABILITY: u16 = 0x40;

/// The most capabilities for which there is room, so that a list that is a loop has an end.
const CAPABILITY_LIMIT: u16 = (CONFIG_SIZE - FIRST_CAPABILITY) / 4;

impl VfioUser {
    /// Returns Class Code: base class, subclass and programming interface (PCIe 7.5.1.1.6).
    pub(super) fn class_code(&self) -> TransportResult<u32> {
        Ok(self.config_read32(offset::REVISION_ID)? >> 8)
    }

    /// Returns whether configuration space answers, which it does not while the function resets.
    pub(super) fn is_present(&self) -> TransportResult<bool> {
        Ok(self.config_read16(offset::VENDOR_ID)? != u16::MAX)
    }

    /// Walks the list of capabilities (PCIe 7.5.1.1.11).
    pub(super) fn find_capabilities(&self) -> TransportResult<Capabilities> {
        let mut found = Capabilities::default();
        if !Status::from(self.config_read16(offset::STATUS)?).capabilities_list() {
            return Ok(found);
        }
        let mut pointer = [0];
        self.config_read(offset::CAPABILITIES_POINTER, &mut pointer)?;
        for _ in 0..CAPABILITY_LIMIT {
            let at = u16::from(pointer[0] & 0xfc);
            if at < FIRST_CAPABILITY {
                break;
            }
            let [id, next, control @ ..] = self.config_read32(at)?.to_le_bytes();
            match CapabilityId(id) {
                CapabilityId::MSI_X => {
                    let control = MsixControl::from(u16::from_le_bytes(control));
                    found.msix = Some((at, control.table_size_z() + 1));
                }
                CapabilityId::MSI => {
                    let control = MsiControl::from(u16::from_le_bytes(control));
                    found.msi = Some((at, control.messages_capable()));
                }
                CapabilityId::PCI_EXPRESS => {
                    let capabilities = self.config_read32(at + express::DEVICE_CAPABILITIES)?;
                    found.flr = DeviceCapabilities::from(capabilities).flr().then_some(at);
                }
                _ => {}
            }
            pointer = [next];
        }
        Ok(found)
    }

    /// Lets the device answer in BAR0 and reach memory, and has it signal nothing.
    ///
    /// A server may keep its configuration space when clients come and go, so both registers are
    /// written whatever they hold.
    pub(super) fn arm(&self) -> TransportResult {
        let command = Command::new()
            .with_memory_space(true)
            .with_bus_master(true)
            .with_interrupt_disable(true);
        self.write_config(offset::COMMAND, &u16::from(command).to_le_bytes())?;
        self.enable_msi(0)?;
        self.enable_msix(false)
    }

    /// Sets or clears MSI-X Enable, and clears Function Mask (PCIe 7.7.2.2).
    pub(super) fn enable_msix(&self, enable: bool) -> TransportResult {
        let Some((at, _)) = self.capabilities.msix else { return Ok(()) };
        let control = u16::from(MsixControl::new().with_enable(enable));
        self.write_config(at + msix::CONTROL, &control.to_le_bytes())
    }

    /// Allocates messages of MSI for `count` vectors and enables it, or disables it (PCIe 7.7.1.2).
    pub(super) fn enable_msi(&self, count: u16) -> TransportResult {
        let Some((at, _)) = self.capabilities.msi else { return Ok(()) };
        let control = MsiControl::from(self.config_read16(at + msi::CONTROL)?);
        let control = u16::from(control.with_messages(count).with_enable(count != 0));
        self.write_config(at + msi::CONTROL, &control.to_le_bytes())
    }

    /// Starts a Function Level Reset (PCIe 6.6.2) through the PCI Express capability at `at`.
    pub(super) fn initiate_flr(&self, at: u16) -> TransportResult {
        let at = at + express::DEVICE_CONTROL;
        let control = DeviceControl::from(self.config_read16(at)?).with_initiate_flr(true);
        self.write_config(at, &u16::from(control).to_le_bytes())
    }

    fn write_config(&self, offset: u16, data: &[u8]) -> TransportResult {
        (self as &dyn Function).write_config(offset, data)
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

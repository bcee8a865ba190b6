//! An end of the link: the function, or the port above.

use crate::Error;
use crate::Result;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::ExtendedCapabilityId;
use crate::spec::pci::offset;
use crate::transport::Function;
use crate::transport::PortAbove;
use crate::transport::capability_list;

use super::super::PciFunction;

/// One end of the link, which has a PCI Express capability.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'f> {
    function: &'f dyn Function,
    side: Side,
    /// The offset of its PCI Express capability.
    express: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Function,
    Port,
}

/// A write to a register of an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'f> {
    end: End<'f>,
    register: u16,
    value: u32,
    /// 2 or 4 bytes.
    len: usize,
}

impl<'f> End<'f> {
    /// The function's.
    pub(super) fn function(pci: PciFunction<'f>) -> Result<Self> {
        Self::of(pci.function(), Side::Function)
    }

    /// The port's. Fails if there is none that can be programmed.
    pub(super) fn port(pci: PciFunction<'f>) -> Result<Self> {
        Self::of(pci.function(), Side::Port)
    }

    /// The port's; none if there is no link. [`Error::NotApplicable`] if the port cannot be programmed.
    pub(super) fn port_if_any(pci: PciFunction<'f>) -> Result<Option<Self>> {
        match pci.function().abilities().port {
            PortAbove::Absent => Ok(None),
            PortAbove::Programmable => Self::port(pci).map(Some),
            PortAbove::OutOfReach => {
                let why = "both ends of the link are to be programmed, and this user cannot program the port above: run as root";
                Err(Error::NotApplicable(why.to_owned()))
            }
        }
    }

    /// What comes of it if this end does not do what it says it supports: a fault of the function's fails its test, and one of the
    /// port's, which is the host's, leaves nothing to be tested.
    pub(super) fn fault(self, what: String) -> Error {
        match self.side {
            Side::Function => Error::Failed(what),
            Side::Port => Error::NotApplicable(what),
        }
    }

    fn of(function: &'f dyn Function, side: Side) -> Result<Self> {
        let mut end = Self { function, side, express: 0 };
        let found = capability_list::find(|at| end.read16(at), CapabilityId::PCI_EXPRESS)?;
        let name = end.name();
        let missing = || Error::NotApplicable(format!("{name} has no PCI Express capability"));
        end.express = found.ok_or_else(missing)?;
        Ok(end)
    }

    /// What it is called in messages.
    pub(super) fn name(self) -> &'static str {
        match self.side {
            Side::Function => "the function",
            Side::Port => "the port above",
        }
    }

    /// The offset of a register of the PCI Express capability.
    pub(super) fn express(self, register: u16) -> u16 {
        self.express + register
    }

    /// The offset of an extended capability of so many bytes.
    pub(super) fn extended(self, id: ExtendedCapabilityId, len: u16) -> Result<Option<u16>> {
        capability_list::find_extended(|at| self.read32(at), id, len)
    }

    pub(super) fn read16(self, register: u16) -> Result<u16> {
        let mut data = [0; 2];
        self.read(register, &mut data)?;
        Ok(u16::from_le_bytes(data))
    }

    pub(super) fn read32(self, register: u16) -> Result<u32> {
        let mut data = [0; 4];
        self.read(register, &mut data)?;
        Ok(u32::from_le_bytes(data))
    }

    /// A write of 16 bits.
    pub(super) fn word(self, register: u16, value: u16) -> Write<'f> {
        Write { end: self, register, value: value.into(), len: 2 }
    }

    /// A write of 32 bits.
    pub(super) fn dword(self, register: u16, value: u32) -> Write<'f> {
        Write { end: self, register, value, len: 4 }
    }

    fn read(self, register: u16, data: &mut [u8]) -> Result {
        Ok(match self.side {
            Side::Function => self.function.config_read(register, data),
            Side::Port => self.function.port_config_read(register, data),
        }?)
    }
}

impl Write<'_> {
    pub(super) fn run(self) -> Result {
        let data = &self.value.to_le_bytes()[..self.len];
        Ok(match self.end.side {
            Side::Function => self.end.function.write_config(self.register, data),
            Side::Port => self.end.function.write_port_config(self.register, data),
        }?)
    }
}

/// Fails with [`Error::NotApplicable`] if the device has several functions: for the link stands what all of them say.
pub(super) fn check_alone(pci: PciFunction<'_>) -> Result {
    const SEVERAL_FUNCTIONS: u8 = 1 << 7;
    if pci.read8(offset::HEADER_TYPE)? & SEVERAL_FUNCTIONS == 0 {
        return Ok(());
    }
    let why = "the device has several functions, which would all have to be programmed";
    Err(Error::NotApplicable(why.to_owned()))
}

/// Makes all of these writes, also if one fails: an end that cannot be reached is no reason to leave the other as it is.
pub(super) fn all<'f>(writes: impl IntoIterator<Item = Write<'f>>) -> Result {
    let mut first = Ok(());
    for write in writes {
        first = first.and(write.run());
    }
    first
}

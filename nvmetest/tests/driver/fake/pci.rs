//! Configuration space of the function, and of the port above where there is one.

use std::collections::BTreeMap;

/// Who was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Function,
    Port,
}

/// Configuration spaces, and what was written to them.
#[derive(Debug, Default)]
pub struct Pci {
    pub function: Space,
    pub port: Option<Space>,
    /// End, register and value.
    pub writes: Vec<(End, u16, u32)>,
    /// The function answers no write any more.
    pub is_deaf: bool,
}

/// A configuration space: all that stands there can be written, but for what is fixed.
#[derive(Clone, Debug, Default)]
pub struct Space {
    bytes: BTreeMap<u16, u8>,
    fixed: Vec<u16>,
}

impl Pci {
    /// Where the PCI Express capability of both stands.
    pub const EXPRESS: u16 = 0x40;
    /// Where the L1 PM Substates capability of both stands.
    pub const L1_SUBSTATES: u16 = 0x100;

    /// A function and a port of these kinds, with all sizes, ASPM L1 and all its substates.
    pub fn linked() -> Self {
        let function = Space::with_express(0x0002);
        let port = Some(Space::with_express(0x0042));
        Self { function, port, ..Self::default() }
    }

    pub fn end(&mut self, end: End) -> &mut Space {
        match end {
            End::Function => &mut self.function,
            End::Port => self.port.as_mut().expect("a port"),
        }
    }

    pub fn write(&mut self, end: End, register: u16, data: &[u8]) {
        let value = data.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        self.writes.push((end, register, value));
        self.end(end).write(register, data);
    }
}

impl Space {
    fn with_express(capabilities: u16) -> Self {
        let mut space = Self::default();
        space.set16(0x06, 0x10);
        space.set16(0x34, Pci::EXPRESS);
        space.set16(Pci::EXPRESS, 0x0010);
        space.set16(Pci::EXPRESS + 0x02, capabilities);
        // 4096 bytes; a link of 8 GT/s and four lanes with ASPM L1.
        space.set32(Pci::EXPRESS + 0x04, 0b101);
        space.set32(Pci::EXPRESS + 0x0C, 0x0000_0843);
        space.set16(Pci::EXPRESS + 0x12, 0x2043);
        // LTR is enabled.
        space.set16(Pci::EXPRESS + 0x28, 0x0400);
        space.set32(Pci::L1_SUBSTATES, 0x0001_001E);
        space.set32(Pci::L1_SUBSTATES + 4, 0x1F);
        space
    }

    pub fn read(&self, register: u16, data: &mut [u8]) {
        for (byte, at) in data.iter_mut().zip(register..) {
            *byte = self.bytes.get(&at).copied().unwrap_or_default();
        }
    }

    pub fn get16(&self, register: u16) -> u16 {
        let mut data = [0; 2];
        self.read(register, &mut data);
        u16::from_le_bytes(data)
    }

    pub fn get32(&self, register: u16) -> u32 {
        let mut data = [0; 4];
        self.read(register, &mut data);
        u32::from_le_bytes(data)
    }

    pub fn set16(&mut self, register: u16, value: u16) {
        self.bytes.extend((register..).zip(value.to_le_bytes()));
    }

    pub fn set32(&mut self, register: u16, value: u32) {
        self.bytes.extend((register..).zip(value.to_le_bytes()));
    }

    /// Writes to the register have no effect from now on.
    pub fn fix(&mut self, register: u16) {
        self.fixed.push(register);
    }

    fn write(&mut self, register: u16, data: &[u8]) {
        if !self.fixed.contains(&register) {
            self.bytes.extend((register..).zip(data.iter().copied()));
        }
    }
}

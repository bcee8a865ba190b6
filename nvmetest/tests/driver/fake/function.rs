//! The controller as the driver reaches it.

use std::os::fd::BorrowedFd;

use nvmetest::spec::Property;
use nvmetest::transport::Abilities;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::DmaFault;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;
use nvmetest::transport::Mmio;
use nvmetest::transport::PortAbove;
use nvmetest::transport::Relocation;
use nvmetest::transport::TransportError;
use nvmetest::transport::TransportResult;

use super::End;
use super::Fake;

const DOORBELLS: u64 = 0x1000;

impl Fake {
    /// Says what a transport says that has no port to program.
    fn check_port(&self) -> TransportResult {
        if self.device.abilities.port == PortAbove::Programmable {
            return Ok(());
        }
        Err(TransportError::Unsupported {
            device: self.uri.to_string(),
            what: "what takes its port".to_owned(),
            why: "no port that it is plugged into can be programmed over this transport".to_owned(),
        })
    }

    fn lost(&self, how: &str) -> TransportResult {
        Err(TransportError::Lost { device: self.uri.to_string(), how: how.to_owned() })
    }
}

// SAFETY: What was unmapped is not found any more, nor is anything by a device that is dead or was reset. Where it is to
// break that, the test looks at no buffer that it could reach.
#[expect(unsafe_code, reason = "who implements a function is trusted with memory")]
unsafe impl Function for Fake {
    fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    fn abilities(&self) -> &Abilities {
        &self.device.abilities
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        self.pci().end(End::Function).read(offset, data);
        Ok(())
    }

    unsafe fn config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        if self.pci().is_deaf {
            return self.lost("it is deaf");
        }
        self.pci().write(End::Function, offset, data);
        Ok(())
    }

    fn port_config_read(&self, offset: u16, data: &mut [u8]) -> TransportResult {
        self.check_port()?;
        self.pci().end(End::Port).read(offset, data);
        Ok(())
    }

    unsafe fn port_config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        self.check_port()?;
        self.pci().write(End::Port, offset, data);
        Ok(())
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult {
        self.check_alive()?;
        let value = self.device.read_register(offset);
        data.copy_from_slice(&value.to_le_bytes()[..data.len()]);
        Ok(())
    }

    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        self.check_alive()?;
        let mut bytes = [0; 8];
        bytes[..data.len()].copy_from_slice(data);
        let value = u64::from_le_bytes(bytes);
        let Some(at) = offset.checked_sub(DOORBELLS) else {
            self.device.write_register(offset, value);
            return Ok(());
        };
        let (number, value) = ((at / 4) as u16, value as u32);
        match &self.thread {
            Some(thread) => thread.ring(&self.device, number, value),
            None => self.device.doorbell(&mut self.device.state(), number, value),
        }
        Ok(())
    }

    fn doorbells(&self) -> Option<&Mmio> {
        None
    }

    unsafe fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult {
        self.device.state().mapped.insert(memory.iova, (memory.len, memory.offset));
        Ok(())
    }

    fn dma_unmap(&self, iova: u64, len: u64) -> TransportResult {
        let mut state = self.device.state();
        if state.keeps_mappings {
            return self.lost("it keeps the memory");
        }
        let removed = state.mapped.remove(&iova);
        assert_eq!(removed.map(|(size, _)| size), Some(len), "exactly what was mapped is unmapped");
        Ok(())
    }

    fn take_dma_faults(&self) -> Vec<DmaFault> {
        std::mem::take(&mut *self.device.faults.lock().expect("nobody panics with it"))
    }

    fn set_vectors(&self, _first: u16, _eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        Ok(())
    }

    fn reset(&self) -> TransportResult {
        self.device.state().registers.stuck = false;
        self.device.write_register(Property::CC.0.into(), 0);
        Ok(())
    }

    fn move_bar0(&self) -> TransportResult<Relocation> {
        self.device.state().elsewhere = true;
        Ok(Relocation { from: 0x4000, to: 0x8000, former: u32::MAX })
    }

    fn put_bar0_back(&self) -> TransportResult {
        self.device.state().elsewhere = false;
        self.check_alive()
    }

    fn check_alive(&self) -> TransportResult {
        if self.device.is_alive() { Ok(()) } else { self.lost("it was pulled") }
    }

    fn terminate(&self) -> TransportResult {
        unreachable!("the fake device has no process")
    }
}

//! A device that can die, with just enough of a controller behind it to be enabled.

use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nvmetest::memory::Arena;
use nvmetest::transport::Abilities;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::DmaFault;
use nvmetest::transport::DmaModel;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;
use nvmetest::transport::Mmio;
use nvmetest::transport::OpenError;
use nvmetest::transport::PortAbove;
use nvmetest::transport::Scheme;
use nvmetest::transport::TransportError;
use nvmetest::transport::TransportResult;

use crate::fake_controller::FakeController;

/// `fake:opens=N,msix=N`: a device that can be opened `opens` times, with `msix` vectors.
pub struct Fake;

static OPENS: AtomicU32 = AtomicU32::new(0);

impl Scheme for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn summary(&self) -> &'static str {
        "fake:opens=N,msix=N  a device that can die"
    }

    fn open(&self, uri: &DeviceUri, arena: &Arc<Arena>) -> Result<Arc<dyn Function>, OpenError> {
        let option = |key: &str, default: u32| {
            let options = uri.options()?;
            let value = options.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
            value.map_or(Ok(default), |value| value.parse()).map_err(|_| {
                OpenError::new(uri.to_string(), format!("`{key}` is no number"), "give a number")
            })
        };
        if option("opens", u32::MAX)? <= OPENS.fetch_add(1, Ordering::Relaxed) {
            return Err(OpenError::new(uri.to_string(), "the fake is worn out", "buy another"));
        }
        let abilities = Abilities {
            dma: DmaModel::Fixed,
            iova: 0..arena.len() as u64,
            revokes: false,
            dma_faults: true,
            function_reset: true,
            hot_reset: false,
            power_cycles: false,
            port: PortAbove::Absent,
            owns_bars: false,
            moves_bar0: false,
            removes: false,
            terminates: true,
            msix_vectors: option("msix", 0)? as u16,
            msi_vectors: 0,
            intx: false,
        };
        let controller = Mutex::new(FakeController::new(arena));
        let dead = AtomicBool::new(false);
        Ok(Arc::new(FakeFunction { uri: uri.clone(), abilities, controller, dead }))
    }

    fn serve(&self, role: &str) -> Option<ExitCode> {
        (role == "fake").then_some(ExitCode::from(42))
    }
}

#[derive(Debug)]
struct FakeFunction {
    uri: DeviceUri,
    abilities: Abilities,
    controller: Mutex<FakeController>,
    dead: AtomicBool,
}

impl FakeFunction {
    fn alive<T>(&self, access: impl FnOnce(&mut FakeController) -> T) -> TransportResult<T> {
        self.check_alive()?;
        Ok(access(&mut self.controller.lock().expect("no access panics")))
    }
}

// SAFETY: It touches what commands name before it completes them, in the thread that rings the doorbell.
#[expect(unsafe_code, reason = "who implements a function is trusted with memory")]
unsafe impl Function for FakeFunction {
    fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn config_read(&self, _offset: u16, data: &mut [u8]) -> TransportResult {
        self.alive(|_| data.fill(0))
    }

    unsafe fn config_write(&self, _offset: u16, _data: &[u8]) -> TransportResult {
        self.alive(|_| ())
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult {
        self.alive(|controller| controller.read(offset, data))
    }

    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        self.alive(|controller| controller.write(offset, data))
    }

    fn doorbells(&self) -> Option<&Mmio> {
        None
    }

    unsafe fn dma_map(&self, _memory: &DmaRange<'_>) -> TransportResult {
        self.alive(|_| ())
    }

    fn dma_unmap(&self, _iova: u64, _len: u64) -> TransportResult {
        self.alive(|_| ())
    }

    fn take_dma_faults(&self) -> Vec<DmaFault> {
        let mut controller = self.controller.lock().expect("no access panics");
        std::mem::take(&mut controller.faults)
    }

    fn set_vectors(&self, _first: u16, _eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        self.alive(|_| ())
    }

    fn reset(&self) -> TransportResult {
        self.alive(FakeController::disable)
    }

    fn check_alive(&self) -> TransportResult {
        if self.dead.load(Ordering::Relaxed) {
            let (device, how) = (self.uri.to_string(), "somebody ended it".to_owned());
            return Err(TransportError::Lost { device, how });
        }
        Ok(())
    }

    fn terminate(&self) -> TransportResult {
        self.dead.store(true, Ordering::Relaxed);
        Ok(())
    }
}

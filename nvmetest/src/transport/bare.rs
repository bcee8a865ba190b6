//! A function without the driver.

use super::DmaRange;
use super::Function;
use super::TransportResult;

/// A function to be programmed by hand: for tests of a device, or of a way to one, without the driver.
///
/// ```no_run
/// use nvmetest::memory::Arena;
/// use nvmetest::transport::{Bare, DeviceUri, Scheme};
///
/// let arena = std::sync::Arc::new(Arena::new(64 << 20)?);
/// let uri: DeviceUri = "soft:".parse()?;
/// let function = nvmetest_fixtures::soft::SCHEME.open(&uri, &arena)?;
/// // SAFETY: No memory is named to the device.
/// let bare = unsafe { Bare::new(&*function) };
/// bare.write32(0x0c, 1)?; // INTMS, vector 0
/// assert_eq!(function.read32(0x0c)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bare<'f> {
    function: &'f dyn Function,
}

impl<'f> Bare<'f> {
    /// Takes the place of the driver.
    ///
    /// # Safety
    ///
    /// The caller keeps to what [`Function::bar_write`] and [`Function::dma_map`] ask for, as long as it has
    /// this value: no memory that is named to the device, and no memory that is mapped for it, is referred to
    /// by anybody until the device is done.
    pub unsafe fn new(function: &'f dyn Function) -> Self {
        Self { function }
    }

    /// Writes the 32-bit register at `offset` of BAR0.
    ///
    /// # Errors
    ///
    /// As for [`Function::bar_write`], like all of these.
    pub fn write32(&self, offset: u64, value: u32) -> TransportResult {
        self.function.write32(offset, value)
    }

    /// Writes the 64-bit register at `offset` of BAR0 in one access.
    pub fn write64(&self, offset: u64, value: u64) -> TransportResult {
        self.function.write64(offset, value)
    }

    /// Writes BAR0.
    pub fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        // SAFETY: That of `new`.
        unsafe { self.function.bar_write(offset, data) }
    }

    /// Writes configuration space.
    pub fn config_write(&self, offset: u16, data: &[u8]) -> TransportResult {
        self.function.write_config(offset, data)
    }

    /// Writes the doorbell at `offset` of BAR0.
    pub fn ring(&self, offset: u64, value: u32) -> TransportResult {
        self.function.post(offset, value)
    }

    /// Writes the doorbell at `offset` of BAR0 by a store. Returns false if it is not mapped.
    pub fn ring_mapped(&self, offset: u64, value: u32) -> bool {
        self.function.doorbells().is_some_and(|doorbells| doorbells.ring(offset, value))
    }

    /// Lets the device reach memory.
    pub fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult {
        // SAFETY: That of `new`.
        unsafe { self.function.dma_map(memory) }
    }
}

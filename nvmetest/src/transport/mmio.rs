//! Registers that are mapped into this process.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::memory::Mapping;

/// A part of BAR0 that is mapped into this process: an access is a load or a store, and no message.
///
/// Offsets are those of BAR0.
#[derive(Debug, Clone)]
pub struct Mmio {
    /// The offset in BAR0 of the first mapped byte.
    start: u64,
    mapping: Arc<Mapping>,
}

impl Mmio {
    /// Wraps `mapping`, whose first byte stands at offset `start` of BAR0.
    pub fn new(start: u64, mapping: Mapping) -> Self {
        Self { start, mapping: Arc::new(mapping) }
    }

    /// What the registers are mapped by.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether the 32-bit register at `offset` is mapped.
    pub fn maps(&self, offset: u64) -> bool {
        self.register(offset).is_some()
    }

    /// Returns the aligned 32-bit register at `offset`, if it is mapped.
    pub(crate) fn register(&self, offset: u64) -> Option<&AtomicU32> {
        let offset = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = offset.checked_add(size_of::<u32>())?;
        let fits = end <= self.mapping.len() && offset.is_multiple_of(size_of::<u32>());
        fits.then(|| self.mapping.word(offset))
    }

    /// Writes the doorbell at `offset` in one aligned 32-bit store, after all earlier stores to memory.
    ///
    /// Returns false if the register is not mapped.
    pub(crate) fn ring(&self, offset: u64, value: u32) -> bool {
        let Some(register) = self.register(offset) else { return false };
        register.store(value, Ordering::Release);
        true
    }
}

//! The memory that one device can reach.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::transport::{DmaModel, DmaRange, Function, TransportError};

use super::space::Space;
use super::{Arena, Block, PAGE_SIZE};

/// Why memory could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The arena has no room.
    #[error(
        "no {wanted} bytes are left in the session's {arena} bytes of memory (the largest free run has \
         {largest}): free buffers, or start the run with a larger `--memory`"
    )]
    Exhausted {
        /// What was asked for.
        wanted: usize,
        /// The size of the arena.
        arena: usize,
        /// What could be had in one piece.
        largest: usize,
    },
    /// The device could not be given the memory.
    #[error(transparent)]
    Map(#[from] TransportError),
}

/// The arena as one device sees it: allocates blocks, and maps them for the device.
#[derive(Debug)]
pub(crate) struct Domain {
    function: Arc<dyn Function>,
    arena: Arc<Arena>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    space: Space,
    /// The next I/O virtual address, where addresses are free to choose. It only grows: an address that
    /// was taken from the device is not given to it again.
    next_iova: u64,
    /// What was found behind blocks that are freed by now.
    overruns: Vec<String>,
}

/// Where a block is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) offset: usize,
    pub(super) iova: u64,
    /// Whether the block is mapped by itself.
    pub(super) mapped: bool,
}

/// Where chosen addresses start: nothing that is small enough to be a mistake is valid.
const FIRST_IOVA: u64 = 0x1_0000_0000;

/// The pages behind each block: nobody's, or a canary.
const GUARD_PAGES: usize = 1;

impl Domain {
    /// Prepares `arena` for the device; with [`DmaModel::Whole`] it is mapped here.
    pub(crate) fn new(
        function: Arc<dyn Function>,
        arena: Arc<Arena>,
    ) -> Result<Arc<Self>, MemoryError> {
        let abilities = function.abilities();
        let (model, iova) = (abilities.dma, abilities.iova.clone());
        let pages = arena.len() / PAGE_SIZE;
        // The first page is the guard before the first block.
        let usable = match model {
            DmaModel::PerBuffer | DmaModel::Whole => 1..pages,
            DmaModel::Fixed => {
                let page_of =
                    |address: u64| usize::try_from(address).unwrap_or(usize::MAX) / PAGE_SIZE;
                page_of(iova.start) + 1..pages.min(page_of(iova.end))
            }
        };
        let next_iova = FIRST_IOVA.max(iova.start.next_multiple_of(1 << 30));
        let state = State { space: Space::new(usable), next_iova, overruns: Vec::new() };
        let domain = Self { function, arena, state: Mutex::new(state) };
        if model == DmaModel::Whole {
            domain.map(0, domain.arena.len(), next_iova)?;
        }
        Ok(Arc::new(domain))
    }

    /// Allocates `len` zeroed bytes; both addresses are multiples of `align` (a power of two, at least a page).
    pub(crate) fn allocate(
        self: &Arc<Self>,
        len: usize,
        align: usize,
    ) -> Result<Block, MemoryError> {
        assert!(0 < len, "a DMA buffer cannot be empty");
        assert!(align.is_power_of_two() && PAGE_SIZE <= align);
        let bytes = len.checked_next_multiple_of(PAGE_SIZE).unwrap_or(usize::MAX);
        let pages = bytes / PAGE_SIZE;
        let offset = {
            let mut state = self.state();
            let taken = state.space.take(pages.saturating_add(GUARD_PAGES), align / PAGE_SIZE);
            let largest = state.space.largest().saturating_sub(GUARD_PAGES) * PAGE_SIZE;
            taken.ok_or(MemoryError::Exhausted { wanted: len, arena: self.arena.len(), largest })?
                * PAGE_SIZE
        };
        let model = self.function.abilities().dma;
        let iova = match model {
            DmaModel::PerBuffer => self.fresh_iova(bytes, align),
            DmaModel::Whole => self.state().next_iova + offset as u64,
            DmaModel::Fixed => offset as u64,
        };
        let mapped = model == DmaModel::PerBuffer;
        if mapped && let Err(error) = self.map(offset, bytes, iova) {
            self.state().space.give_back(offset / PAGE_SIZE, pages + GUARD_PAGES);
            return Err(error.into());
        }
        let block = Block::new(self.clone(), Spot { offset, iova, mapped }, len);
        block.erase(self.canaries());
        Ok(block)
    }

    fn fresh_iova(&self, bytes: usize, align: usize) -> u64 {
        let mut state = self.state();
        let iova = state.next_iova.next_multiple_of(align as u64);
        // An unmapped page, and then the next block.
        state.next_iova = iova + (bytes + GUARD_PAGES * PAGE_SIZE) as u64;
        iova
    }

    fn map(&self, offset: usize, bytes: usize, iova: u64) -> Result<(), TransportError> {
        self.function.dma_map(&DmaRange {
            iova,
            len: bytes as u64,
            file: self.arena.file(),
            offset: offset as u64,
            host: self.arena.mapping().base().as_ptr() as usize + offset,
        })
    }

    pub(super) fn unmap(&self, iova: u64, bytes: usize) -> Result<(), TransportError> {
        self.function.dma_unmap(iova, bytes as u64)
    }

    /// Takes back the pages of a block that the device cannot reach any more.
    pub(super) fn give_back(&self, offset: usize, bytes: usize) {
        self.state().space.give_back(offset / PAGE_SIZE, bytes / PAGE_SIZE + GUARD_PAGES);
    }

    /// Notes a finding about a block that is about to go.
    pub(super) fn note_overrun(&self, overrun: String) {
        self.state().overruns.push(overrun);
    }

    /// Returns what was found behind blocks that were freed since the last call.
    pub(crate) fn take_overruns(&self) -> Vec<String> {
        std::mem::take(&mut self.state().overruns)
    }

    /// Whether a block must be watched by a canary, for want of addresses that are not mapped.
    pub(super) fn canaries(&self) -> bool {
        self.function.abilities().dma != DmaModel::PerBuffer
    }

    pub(super) fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(crate) fn function(&self) -> &Arc<dyn Function> {
        &self.function
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

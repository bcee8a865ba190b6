//! The memory that one device can reach.

use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::cmdlog::now_ns;
use crate::transport::DmaModel;
use crate::transport::DmaRange;
use crate::transport::Function;
use crate::transport::TransportError;

use super::Arena;
use super::Block;
use super::Overrun;
use super::PAGE_SIZE;
use super::known::Known;
use super::known::Neighbour;

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
    /// The device has used up the addresses that it can be told.
    #[error(
        "no {wanted} bytes of I/O virtual addresses are left below {end:#x}, and none is given to a device \
         twice: open the device again"
    )]
    Addresses {
        /// What was asked for.
        wanted: usize,
        /// The end of what the device can be told.
        end: u64,
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
    /// The pages of the arena that the device can be told of.
    usable: Range<usize>,
    /// An address at which no memory is, and never will be.
    unmapped: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The next I/O virtual address, where addresses are free to choose. It only grows: an address that
    /// was taken from the device is not given to it again.
    next_iova: u64,
    /// What was found behind blocks that are freed by now, and of which.
    overruns: Vec<(Overrun, Neighbour)>,
    known: Known,
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

/// How many bytes from the address that is given to nobody on are not given to anybody either: the
/// largest memory page, so that no entry for it reaches into a buffer.
pub(crate) const UNMAPPED: u64 = 16 << 20;

/// Where nothing answers on a machine whose memory is the arena: far above it, and below 1 TiB, which all
/// devices can name. The lower half of the address is zero.
const FIXED_UNMAPPED: u64 = 1 << 39;

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
        let usable = match model {
            DmaModel::PerBuffer | DmaModel::Whole => 0..pages,
            DmaModel::Fixed => {
                let page_of =
                    |address: u64| usize::try_from(address).unwrap_or(usize::MAX) / PAGE_SIZE;
                page_of(iova.start) + 1..pages.min(page_of(iova.end))
            }
        };
        let first_iova = iova.start.checked_next_multiple_of(1 << 30).unwrap_or(u64::MAX);
        let first_iova = FIRST_IOVA.max(first_iova);
        let (unmapped, next_iova) = match model {
            // The first of the addresses that can be chosen is given to nobody, nor what is beside it.
            DmaModel::PerBuffer | DmaModel::Whole => {
                (first_iova, first_iova.saturating_add(UNMAPPED))
            }
            // There is no more memory than the arena, and far above it is nothing else.
            DmaModel::Fixed => (FIXED_UNMAPPED, first_iova),
        };
        let state = State { next_iova, overruns: Vec::new(), known: Known::default() };
        let domain = Self { function, arena, usable, unmapped, state: Mutex::new(state) };
        if model == DmaModel::Whole {
            // The arena's address stays the next one: blocks are at their offset from it.
            let len = domain.arena.len();
            end_of(next_iova, len as u64, &iova)
                .ok_or(MemoryError::Addresses { wanted: len, end: iova.end })?;
            domain.map(0, len, next_iova)?;
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
        // What fills huge pages is mapped for the device by them.
        let page = self.arena.page();
        let align = if page <= len { align.max(page) } else { align };
        let bytes = len.checked_next_multiple_of(PAGE_SIZE).unwrap_or(usize::MAX);
        let pages = bytes / PAGE_SIZE;
        let offset = {
            let wanted = pages.saturating_add(GUARD_PAGES);
            let taken = self.arena.take(wanted, align / PAGE_SIZE, &self.usable);
            let exhausted = || {
                let largest = self.arena.largest_run().saturating_sub(GUARD_PAGES) * PAGE_SIZE;
                MemoryError::Exhausted { wanted: len, arena: self.arena.len(), largest }
            };
            taken.ok_or_else(exhausted)? * PAGE_SIZE
        };
        let model = self.function.abilities().dma;
        let placed = match model {
            DmaModel::PerBuffer => self.place(offset, bytes, align),
            DmaModel::Whole => Ok(self.state().next_iova + offset as u64),
            DmaModel::Fixed => Ok(offset as u64),
        };
        let iova = placed.inspect_err(|_| self.give_back(offset, bytes))?;
        let mapped = model == DmaModel::PerBuffer;
        let block = Block::new(self.clone(), Spot { offset, iova, mapped }, len);
        block.erase();
        self.state().known.add(iova, len, now_ns());
        Ok(block)
    }

    /// Maps a block at an address that was never used before.
    fn place(&self, offset: usize, bytes: usize, align: usize) -> Result<u64, MemoryError> {
        let iova = self.fresh_iova(bytes, align)?;
        self.map(offset, bytes, iova)?;
        Ok(iova)
    }

    fn fresh_iova(&self, bytes: usize, align: usize) -> Result<u64, MemoryError> {
        let mut state = self.state();
        let range = &self.function.abilities().iova;
        let fresh = || {
            let iova = state.next_iova.checked_next_multiple_of(align as u64)?;
            // An unmapped page, and then the next block.
            let next = end_of(iova, (bytes + GUARD_PAGES * PAGE_SIZE) as u64, range)?;
            Some((iova, next))
        };
        let (iova, next) =
            fresh().ok_or(MemoryError::Addresses { wanted: bytes, end: range.end })?;
        state.next_iova = next;
        Ok(iova)
    }

    fn map(&self, offset: usize, bytes: usize, iova: u64) -> Result<(), TransportError> {
        let memory = DmaRange {
            iova,
            len: bytes as u64,
            file: self.arena.file(),
            offset: offset as u64,
            host: self.arena.mapping().base().expose_provenance().get() + offset,
        };
        // SAFETY: The pages are the domain's until the device has lost them (`Block::drop`), and the device is
        // not told of them but by who has the block.
        unsafe { self.function.dma_map(&memory) }
    }

    pub(super) fn unmap(&self, iova: u64, bytes: usize) -> Result<(), TransportError> {
        self.function.dma_unmap(iova, bytes as u64)
    }

    /// An address at which the device finds no memory, and never will: the whole memory page is nobody's.
    pub(crate) fn unmapped(&self) -> u64 {
        self.unmapped
    }

    /// Whether address 0 is memory.
    pub(crate) fn null_is_memory(&self) -> bool {
        self.function.abilities().dma == DmaModel::Fixed
    }

    /// Takes back the pages of a block that the device cannot reach any more.
    pub(super) fn give_back(&self, offset: usize, bytes: usize) {
        self.arena.give_back(offset / PAGE_SIZE, bytes / PAGE_SIZE + GUARD_PAGES);
    }

    /// Notes that a block goes, and what was found behind it.
    pub(super) fn note_freed(&self, iova: u64, overrun: Option<Overrun>) {
        let mut state = self.state();
        let block = state.known.free(iova, now_ns());
        state.overruns.extend(overrun.zip(block));
    }

    /// Notes that memory was taken from the device while a command held it.
    pub(super) fn note_revoked(&self, range: Range<u64>) {
        self.state().known.revoke(range);
    }

    /// Notes addresses that a test is given because nothing is there: what the device does with them is no finding.
    #[expect(dead_code, reason = "for data pointers that are wrong on purpose")]
    pub(crate) fn hand_out(&self, range: Range<u64>) {
        self.state().known.hand_out(range);
    }

    /// Whether a fault at `address` is no finding: a test was handed the address out, or the memory was taken from a
    /// command that was given up.
    pub(crate) fn is_excused(&self, address: u64) -> bool {
        self.state().known.is_excused(address)
    }

    /// The block that `address` is nearest to, if it is near any.
    pub(crate) fn nearest(&self, address: u64) -> Option<Neighbour> {
        self.state().known.nearest(address).cloned()
    }

    /// Returns what was found behind blocks that were freed since the last call.
    pub(crate) fn take_overruns(&self) -> Vec<(Overrun, Neighbour)> {
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

/// The address behind `len` bytes at `iova`, if the device can be told them all.
fn end_of(iova: u64, len: u64, range: &Range<u64>) -> Option<u64> {
    iova.checked_add(len).filter(|end| *end <= range.end)
}

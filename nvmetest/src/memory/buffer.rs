//! Buffers that the host and the device take turns with.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ops::DerefMut;
use std::ops::Range;
use std::sync::Arc;

use super::Block;
use super::Iova;
use super::Sink;
use super::Slice;
use super::SliceMut;
use super::canary::Alone;

/// An owned, zero-initialised, page-aligned buffer that the device can reach.
///
/// A buffer reads and writes as a `[u8]`. To lend it to a command, borrow it: `&buf` for a command that
/// reads host memory, `&mut buf` for one that writes it. The borrow lasts until the device is done.
pub struct Buffer {
    block: Arc<Block>,
}

impl Buffer {
    pub(crate) fn new(block: Block) -> Self {
        Self { block: Arc::new(block) }
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Lends `range` to commands that read host memory.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the buffer.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Slice<'_> {
        assert!(range.start <= range.end && range.end <= self.block.len());
        Slice { block: &self.block, range, _borrow: PhantomData }
    }

    /// Lends the whole buffer to a command that writes host memory.
    #[inline]
    pub fn as_mut(&mut self) -> SliceMut<'_> {
        self.slice_mut(0..self.block.len())
    }

    /// Lends `range` to a command that writes host memory.
    ///
    /// The slice has the whole buffer to itself. So while a command has it, the 64 bytes before and behind it, as
    /// far as they are of the same page, are a canary: if the device writes them, the command fails.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the buffer.
    pub fn slice_mut(&mut self, range: Range<usize>) -> SliceMut<'_> {
        assert!(range.start <= range.end && range.end <= self.block.len());
        let alone = Alone::within(&(0..self.block.len()), &range);
        SliceMut { block: &self.block, range, alone, _borrow: PhantomData }
    }

    /// Splits the buffer into parts of `len` bytes, for commands that read host memory.
    ///
    /// # Panics
    ///
    /// Panics if `len` is zero.
    pub fn chunks(&self, len: usize) -> impl Iterator<Item = Slice<'_>> {
        assert!(0 < len);
        let end = self.block.len();
        (0..end).step_by(len).map(move |at| self.slice(at..end.min(at.saturating_add(len))))
    }

    /// Splits the buffer into disjoint parts of `len` bytes.
    ///
    /// Nothing lies between two parts, so a device that writes beyond one of them writes into the next, and no
    /// canary tells. Where that matters, leave a gap: make the parts longer, and lend
    /// less than all of each.
    ///
    /// ```
    /// # use nvmetest::prelude::*;
    /// # fn main() -> Result {
    /// # let nvme = nvmetest_fixtures::soft::controller("soft:size=1MiB")?;
    /// # let (ns, q) = (nvme.namespace(1)?, nvme.qpair(8)?);
    /// const GAP: usize = 64;
    /// let mut memory = nvme.buffer(8 * (ns.block() + GAP));
    /// q.scope(|io| {
    ///     for (part, lba) in memory.chunks_mut(ns.block() + GAP).zip(0..) {
    ///         let block = part.narrow(0..ns.block());
    ///         ns.read(block, lba).submit(io);
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if `len` is zero.
    pub fn chunks_mut(&mut self, len: usize) -> impl Iterator<Item = SliceMut<'_>> {
        self.as_mut().into_chunks(len)
    }

    /// Gives the bytes up for as long as the result lives: any number of commands may write them, and the
    /// host may not read them.
    pub fn as_sink(&mut self) -> Sink<'_> {
        Sink { block: &self.block, len: self.block.len(), _borrow: PhantomData }
    }

    /// Returns the address of the buffer as the device sees it.
    pub fn iova(&self) -> Iova {
        self.block.iova()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: The memory is initialised and lives as long as `self`. No command that writes it is in
        // flight: it would hold `&mut self`.
        unsafe { std::slice::from_raw_parts(self.block.pointer(0), self.block.len()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: As in `deref`; and no command that reads it is in flight either: it would hold `&self`.
        unsafe { std::slice::from_raw_parts_mut(self.block.pointer(0), self.block.len()) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes at {:?})", self.block.len(), self.block.iova())
    }
}

//! Memory that the host and the device share.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::controller::Controller;
use crate::memory::Block;
use crate::memory::Iova;
use crate::memory::MemoryError;
use crate::queue::Creation;

use super::Address;
use super::address::Target;

/// Whole memory pages that the host and the device may read and write at any time.
///
/// The host copies in and out, and never has a reference to the bytes: what it reads while a command is in flight
/// may be from before or after, and nothing worse.
///
/// It stays on the thread of its controller: two threads that copy at a time would race.
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<nvmetest::raw::Memory>();
/// ```
#[derive(Clone)]
pub struct Memory {
    block: Arc<Block>,
    _one_thread: PhantomData<Rc<()>>,
}

impl Memory {
    /// Returns the length in bytes: a multiple of the memory page size (CC.MPS).
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.block.len()
    }

    /// Copies from `at` on.
    ///
    /// # Panics
    ///
    /// Panics if that is not within the memory.
    pub fn read(&self, at: usize, bytes: &mut [u8]) {
        self.block.read(at, bytes);
    }

    /// Copies to `at`.
    ///
    /// # Panics
    ///
    /// Panics if that is not within the memory.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        self.block.write(at, bytes);
    }

    /// Returns a copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.read(0, &mut bytes);
        bytes
    }

    /// Fills all of it with `byte`.
    pub fn fill(&self, byte: u8) {
        self.write(0, &vec![byte; self.len()]);
    }

    /// Returns the address of the byte at `offset`, aligned or not.
    ///
    /// # Panics
    ///
    /// Panics if that is not within the memory.
    #[track_caller]
    pub fn at(&self, offset: usize) -> Address {
        let len = self.len();
        assert!(offset < len, "byte {offset} is not within {len} bytes of memory");
        Address(Target::Data { block: self.block.clone(), at: offset })
    }

    /// Returns its address as the device sees it.
    pub fn iova(&self) -> Iova {
        self.block.iova()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes at {:?})", self.len(), self.iova())
    }
}

impl Controller {
    /// Allocates zeroed memory that the host and the device share: `len` bytes, and what is missing to whole
    /// memory pages (CC.MPS).
    ///
    /// # Errors
    ///
    /// Fails if there is no memory left, or if the device cannot be given it.
    ///
    /// # Panics
    ///
    /// Panics if `len` is zero.
    pub fn shared_memory(&self, len: usize) -> Result<Memory, MemoryError> {
        let page = usize::try_from(self.shared().page_size()).expect("a page fits into memory");
        let len = len.checked_next_multiple_of(page).unwrap_or(len);
        Ok(Memory { block: Creation(self.shared()).block(len)?, _one_thread: PhantomData })
    }
}

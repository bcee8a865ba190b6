//! Shared memory that is nothing but 64-bit words.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use nix::errno::Errno;
use nix::fcntl::FallocateFlags;
use nix::fcntl::fallocate;

use super::Mapping;

/// A file of words that several processes share: each access is atomic, so that none can race.
#[derive(Debug)]
pub(crate) struct Words {
    file: File,
    mapping: Mapping,
}

impl Words {
    /// Makes anonymous memory of `len` bytes, all zero.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub(crate) fn anonymous(name: &CStr, len: usize) -> io::Result<Self> {
        let (file, mapping) = Mapping::anonymous(name, len)?;
        Ok(Self { file, mapping })
    }

    /// Maps the first `len` bytes of a file.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses the mapping, or if the file is shorter.
    pub(crate) fn of(file: File, len: usize) -> io::Result<Self> {
        if file.metadata()?.len() < len as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: All that can be had of it are atomics. No file of the arena gets here, for a file is one that a
        // table made, or that was opened by a name, which the arena does not have.
        let mapping = unsafe { Mapping::shared(&file, 0, len)? };
        Ok(Self { file, mapping })
    }

    /// Returns the file, for another process to map.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Reserves memory for a part of the file: to touch a hole without room for it is a signal, and no error.
    ///
    /// # Errors
    ///
    /// Fails if there is no room.
    pub(crate) fn reserve(&self, at: usize, len: usize) -> io::Result<()> {
        self.allocate(FallocateFlags::empty(), at, len)
    }

    /// Gives the memory of a part of the file back, which reads as zeroes then.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub(crate) fn release(&self, at: usize, len: usize) -> io::Result<()> {
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        self.allocate(hole, at, len)
    }

    fn allocate(&self, flags: FallocateFlags, at: usize, len: usize) -> io::Result<()> {
        loop {
            match fallocate(&self.file, flags, at as i64, len as i64) {
                Err(Errno::EINTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Returns the word at a byte offset.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> &AtomicU64 {
        self.mapping.long(offset)
    }

    /// Has the processor bring the word at a byte offset nearer; nobody waits for it, and nothing depends on it.
    #[inline]
    pub(crate) fn prefetch(&self, offset: usize) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if offset < self.mapping.len() {
            use std::arch::x86_64::_MM_HINT_T0;
            use std::arch::x86_64::_mm_prefetch;
            // SAFETY: The address is within a live mapping, as checked; the instruction has no effect but on caches.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.mapping.base().as_ptr().add(offset).cast()) };
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = offset;
    }

    /// Returns `count` words from a byte offset on.
    ///
    /// # Panics
    ///
    /// Panics if they are not there.
    #[inline]
    pub(crate) fn slice(&self, offset: usize, count: usize) -> &[AtomicU64] {
        self.mapping.long_slice(offset, count)
    }

    /// Returns `N` words from a byte offset on.
    ///
    /// # Panics
    ///
    /// Panics if they are not there.
    #[inline]
    pub(crate) fn array<const N: usize>(&self, offset: usize) -> &[AtomicU64; N] {
        self.mapping.longs(offset)
    }
}

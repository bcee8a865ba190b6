//! A shared mapping of a file.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;

use super::PAGE_SIZE;
use super::backing;
use super::backing::Sharing;

/// A range of a file that is mapped (mostly shared), or memory without one; it is unmapped when dropped.
///
/// Somebody else (a device, another process) may write the bytes at any time, so there is no way to
/// get a `&[u8]` to them here: the accessors copy, or they are atomic.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
    /// What the kernel mapped: more than that, where a file is in huge pages and only a part of one is meant.
    whole: (NonNull<u8>, usize),
}

// SAFETY: A mapping is not tied to a thread; its accessors are atomic or copy through raw pointers.
unsafe impl Send for Mapping {}
// SAFETY: As above; that copies do not race is the promise of who made the mapping.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `file` from `offset` on, readable and writable.
    ///
    /// # Safety
    ///
    /// Whoever has the result can read and write the bytes, and the caller answers for what it does with it:
    ///
    /// - Where others in this process have references to the same memory (the file is that of an
    ///   [`Arena`](super::Arena)), it does what the [device](super) may do, and no more.
    /// - [`read`](Self::read) and [`write`](Self::write) of one thread do not race with those of another.
    ///
    /// Atomic accesses, and a file that nobody maps who has references to it, are always in order.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses the mapping, or if `len` is zero.
    pub unsafe fn shared(file: impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        let mapped = backing::map(&file, offset, len, Sharing::Shared);
        let page = backing::page_of(&file);
        match mapped {
            // A file in huge pages is mapped by them.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && PAGE_SIZE < page => {
                Self::within_pages(file, offset, len, page)
            }
            mapped => Ok(Self::of(mapped?, len)),
        }
    }

    /// Maps the pages that `len` bytes of `file` from `offset` on are in.
    fn within_pages(file: impl AsFd, offset: u64, len: usize, page: usize) -> io::Result<Self> {
        let before = (offset % page as u64) as usize;
        let whole = before.checked_add(len).and_then(|len| len.checked_next_multiple_of(page));
        let whole = whole.filter(|_| len != 0).ok_or(io::ErrorKind::InvalidInput)?;
        let first = backing::map(file, offset - before as u64, whole, Sharing::Shared)?;
        // SAFETY: Within what was mapped.
        let base = unsafe { first.add(before) };
        Ok(Self { base, len, whole: (first, whole) })
    }

    fn of(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len, whole: (base, len) }
    }

    /// Maps `len` bytes of `file` from the start on, so that writes stay in this process.
    ///
    /// The file needs to be readable only. What its owner writes shows here, page by page, until
    /// this process writes to the page.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses the mapping, or if `len` is zero.
    pub(crate) fn private(file: impl AsFd, len: usize) -> io::Result<Self> {
        Ok(Self::of(backing::map(file, 0, len, Sharing::Private)?, len))
    }

    /// Makes an anonymous file of `len` bytes, all zero, and maps it; its size is sealed.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does, or if `len` is zero.
    pub(crate) fn anonymous(name: &CStr, len: usize) -> io::Result<(File, Self)> {
        let (file, base) = backing::anonymous(name, len)?;
        Ok((file, Self::of(base, len)))
    }

    /// As [`anonymous`](Self::anonymous), in huge pages ([`HUGE_PAGE_SIZE`](super::HUGE_PAGE_SIZE)), of which `len` is a multiple.
    ///
    /// # Errors
    ///
    /// Fails if the kernel has fewer than that to give.
    pub(crate) fn anonymous_huge(name: &CStr, len: usize) -> io::Result<(File, Self)> {
        let (file, base) = backing::anonymous_huge(name, len)?;
        Ok((file, Self::of(base, len)))
    }

    /// Makes `len` bytes of memory that this process has for itself, all zero: in large pages, where the kernel has some.
    ///
    /// Where much memory is accessed at random, most of the time goes into finding its pages. In return, who touches a byte
    /// may get two megabytes.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub fn of_large_pages(len: usize) -> io::Result<Self> {
        Ok(Self::of(backing::large_pages(len)?, len))
    }

    /// Keeps the mapping out of children that are forked: a stray child gets a segmentation fault
    /// and not the device.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub fn keep_from_children(&self) -> io::Result<()> {
        // SAFETY: It is this mapping.
        unsafe { backing::keep_from_children(self.whole.0, self.whole.1) }
    }

    /// Puts memory of this process's into the place of what is mapped, and so lets go of the file: whoever has the mapping reads
    /// zeroes, and what it writes reaches nobody, until the file is [put back](Self::put_back).
    ///
    /// # Safety
    ///
    /// Nobody has references to the bytes, but for atomics.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub(crate) unsafe fn withdraw(&self) -> io::Result<()> {
        // SAFETY: It is this mapping, and the bytes may be any at any time, as the caller says.
        unsafe { backing::replace(self.whole.0, self.whole.1, None) }
    }

    /// Maps a file again, after [`withdraw`](Self::withdraw), and keeps it from children.
    ///
    /// # Safety
    ///
    /// That of [`shared`](Self::shared), and of [`withdraw`](Self::withdraw).
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub(crate) unsafe fn put_back(&self, file: impl AsFd, offset: u64) -> io::Result<()> {
        // SAFETY: As in `withdraw`.
        unsafe { backing::replace(self.whole.0, self.whole.1, Some((file.as_fd(), offset))) }?;
        self.keep_from_children()
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the address of the first byte.
    ///
    /// What it points to may be written by others at any time.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Copies from `offset` on into `bytes`.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the mapping.
    #[inline]
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, bytes.len());
        // SAFETY: In bounds, as checked; `bytes` is memory of ours, apart from the mapping.
        unsafe {
            self.base.as_ptr().add(offset).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len());
        }
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the mapping.
    #[inline]
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: In bounds, as checked; `bytes` is memory of ours, apart from the mapping.
        unsafe {
            self.base.as_ptr().add(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Returns the 32-bit word at `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the word is not aligned or not within the mapping.
    #[inline]
    pub fn word(&self, offset: usize) -> &AtomicU32 {
        self.check(offset, size_of::<AtomicU32>());
        assert!(
            offset.is_multiple_of(align_of::<AtomicU32>()),
            "offset {offset:#x} is not aligned"
        );
        // SAFETY: In bounds and aligned, as checked (the base is aligned to a page).
        unsafe { self.base.add(offset).cast().as_ref() }
    }

    /// Returns the 64-bit word at `offset`.
    ///
    /// # Panics
    ///
    /// Panics if the word is not aligned or not within the mapping.
    #[inline]
    pub fn long(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, size_of::<AtomicU64>());
        assert!(
            offset.is_multiple_of(align_of::<AtomicU64>()),
            "offset {offset:#x} is not aligned"
        );
        // SAFETY: As in `word`.
        unsafe { self.base.add(offset).cast().as_ref() }
    }

    /// Returns the `N` 32-bit words from `offset` on: one check for all of them.
    ///
    /// # Panics
    ///
    /// Panics if the words are not aligned or not within the mapping.
    #[inline]
    pub fn words<const N: usize>(&self, offset: usize) -> &[AtomicU32; N] {
        self.check(offset, size_of::<[AtomicU32; N]>());
        assert!(
            offset.is_multiple_of(align_of::<AtomicU32>()),
            "offset {offset:#x} is not aligned"
        );
        // SAFETY: As in `word`.
        unsafe { self.base.add(offset).cast().as_ref() }
    }

    /// Returns the `N` 64-bit words from `offset` on: one check for all of them.
    ///
    /// # Panics
    ///
    /// Panics if the words are not aligned or not within the mapping.
    #[inline(always)]
    pub fn longs<const N: usize>(&self, offset: usize) -> &[AtomicU64; N] {
        self.check(offset, size_of::<[AtomicU64; N]>());
        assert!(
            offset.is_multiple_of(align_of::<AtomicU64>()),
            "offset {offset:#x} is not aligned"
        );
        // SAFETY: As in `word`.
        unsafe { self.base.add(offset).cast().as_ref() }
    }

    /// Returns `count` 64-bit words from `offset` on: one check for all of them.
    ///
    /// # Panics
    ///
    /// Panics if the words are not aligned or not within the mapping.
    #[inline]
    pub(crate) fn long_slice(&self, offset: usize, count: usize) -> &[AtomicU64] {
        self.check(offset, count.saturating_mul(size_of::<AtomicU64>()));
        assert!(
            offset.is_multiple_of(align_of::<AtomicU64>()),
            "offset {offset:#x} is not aligned"
        );
        // SAFETY: As in `word`, for each of them.
        unsafe { std::slice::from_raw_parts(self.base.add(offset).cast().as_ptr(), count) }
    }

    #[inline(always)]
    fn check(&self, offset: usize, len: usize) {
        let within = offset.checked_add(len).is_some_and(|end| end <= self.len);
        if !within {
            outside(offset, len, self.len);
        }
    }
}

/// Apart from the check, which is to cost as little as it can.
#[cold]
fn outside(offset: usize, len: usize, mapped: usize) -> ! {
    panic!("{len} bytes at {offset:#x} are not within {mapped} mapped bytes");
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: Made once and unmade once; what was handed out borrows `self`, but for raw pointers, whose users
        // keep the mapping alive.
        unsafe { backing::unmap(self.whole.0, self.whole.1) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    // Miri cannot map files.
    #[cfg(not(miri))]
    #[test]
    fn two_mappings_of_a_file_are_the_same_memory() -> io::Result<()> {
        let file = tempfile::tempfile()?;
        file.set_len(8192)?;
        // SAFETY: Nobody has references to the memory, and there is one thread.
        let (a, b) =
            unsafe { (Mapping::shared(&file, 0, 8192)?, Mapping::shared(&file, 4096, 4096)?) };

        a.write(4096 + 8, b"nvme");
        let mut bytes = [0; 4];
        b.read(8, &mut bytes);

        assert_eq!(&bytes, b"nvme");
        Ok(())
    }

    // Miri cannot map files.
    #[cfg(not(miri))]
    #[test]
    fn a_mapping_that_is_withdrawn_reaches_nobody_until_it_is_put_back() -> io::Result<()> {
        let file = tempfile::tempfile()?;
        file.set_len(8192)?;
        // SAFETY: Nobody has references to the memory, and there is one thread.
        let (a, b) =
            unsafe { (Mapping::shared(&file, 4096, 4096)?, Mapping::shared(&file, 0, 8192)?) };
        b.write(4096, b"nvme");
        // SAFETY: As above.
        unsafe { a.withdraw() }?;
        assert_eq!(a.word(0).load(Relaxed), 0);
        a.write(0, b"lost");
        // SAFETY: As above.
        unsafe { a.put_back(&file, 4096) }?;
        assert_eq!(a.word(0).load(Relaxed).to_le_bytes(), *b"nvme");
        Ok(())
    }

    #[test]
    fn anonymous_memory_is_zero_and_keeps_what_is_written() -> io::Result<()> {
        let (_file, memory) = Mapping::anonymous(c"test", 8192)?;
        let mut bytes = [1; 8];
        memory.read(4092, &mut bytes);
        assert_eq!(bytes, [0; 8]);
        memory.write(4092, b"NVM Expr");
        assert_eq!(
            memory.words::<2>(4092).each_ref().map(|word| word.load(Relaxed).to_le_bytes()),
            [*b"NVM ", *b"Expr",]
        );
        Ok(())
    }

    #[test]
    #[should_panic(expected = "2 bytes at 0xfff are not within 4096 mapped bytes")]
    fn an_access_past_the_end_panics() {
        Mapping::anonymous(c"test", 4096).unwrap().1.write(4095, &[0; 2]);
    }
}

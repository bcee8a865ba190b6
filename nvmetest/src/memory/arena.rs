//! The memory of a session.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::mapping::Mapping;

/// All memory that the devices of a session may be lent: one anonymous file, mapped once.
///
/// It is a file so that other processes (a soft controller, QEMU, an IOWorker) can map the same pages.
/// Pages that nobody touched cost nothing.
#[derive(Debug)]
pub struct Arena {
    file: File,
    mapping: Mapping,
}

impl Arena {
    /// Makes an arena of `len` bytes, all zero.
    ///
    /// The file can neither shrink nor grow: a peer that holds its descriptor cannot pull pages from
    /// under this process.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does.
    pub fn new(len: usize) -> io::Result<Self> {
        let file = memfd_create(c"nvmetest", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let file = File::from(file);
        file.set_len(len as u64)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        let mapping = Mapping::shared(&file, 0, len)?;
        Ok(Self { file, mapping })
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an arena is never empty")]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Returns the file, for another process to map.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Returns the mapping in this process.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

//! Accesses that an IOMMU, or what stands for one, refused.

use std::fmt;

use crate::memory::Iova;

/// An access of a device to an address that no mapping covers.
///
/// Who observes it may not know everything: an IOMMU reports the page, or not the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DmaFault {
    /// The first address that could not be reached.
    pub iova: Iova,
    /// How many bytes were to be moved from there on, if that is known.
    pub len: Option<u64>,
    /// The direction, if it is known.
    pub access: Option<DmaAccess>,
    /// How many more faults there were after this one that nobody recorded.
    pub unrecorded: u64,
}

/// What a device does with host memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmaAccess {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

impl fmt::Display for DmaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.access {
            Some(DmaAccess::Read) => "the device read ",
            Some(DmaAccess::Write) => "the device wrote ",
            None => "the device used ",
        })?;
        if let Some(len) = self.len {
            write!(f, "{len} bytes at ")?;
        }
        write!(f, "I/O virtual address {:#x}, where no memory is mapped for it", self.iova.0)?;
        match self.unrecorded {
            0 => Ok(()),
            more => write!(f, " (and {more} more of the like that were not recorded)"),
        }
    }
}

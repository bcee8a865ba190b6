//! Doorbells that another process can map.

use std::ops::Range;
use std::os::fd::OwnedFd;

use crate::memory::PAGE_SIZE;

/// The file behind the doorbells of a function, for another process to map.
///
/// ```
/// use nvmetest::transport::DoorbellFile;
///
/// // All of BAR0 from offset 1000h on stands at offset 4000h of the file.
/// let file = std::fs::File::open("/dev/null")?;
/// let doorbells = DoorbellFile { file: file.into(), offset: 0x4000, start: 0x1000, len: 0x2000 };
/// assert_eq!(doorbells.pages(&[0x1008, 0x100c]), Some((0x4000..0x4010, 0x1000)));
/// assert_eq!(doorbells.pages(&[0x2ff8, 0x3000]), None);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct DoorbellFile {
    /// The file.
    pub file: OwnedFd,
    /// Where in the file the first doorbell stands; a multiple of the page size.
    pub offset: u64,
    /// Where in BAR0 that is.
    pub start: u64,
    /// How many bytes of the file are doorbells.
    pub len: u64,
}

impl DoorbellFile {
    /// Returns the part of the file to map for the 32-bit registers at `registers` of BAR0, which begins with a page,
    /// and where in BAR0 it begins; or none if they are not all there.
    pub fn pages(&self, registers: &[u64]) -> Option<(Range<u64>, u64)> {
        let (first, last) = (registers.iter().min()?, registers.iter().max()?);
        let first = first.checked_sub(self.start)? & !(PAGE_SIZE as u64 - 1);
        let end = last.checked_sub(self.start)?.checked_add(4).filter(|end| *end <= self.len)?;
        Some((self.offset + first..self.offset + end, self.start + first))
    }
}

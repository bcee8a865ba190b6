//! Memory in parts of which each is lent to a device, or not.

use std::hint::black_box;

use super::Mapping;
use super::PAGE_SIZE;
use super::hand_over;

/// The data of a worker: a part for each command that may be in flight.
///
/// References to the bytes of a part are had only while the device has no claim on it: that is what [`lend`](Self::lend)
/// and [`take_back`](Self::take_back) say, before a doorbell and after a completion. It is the worker's own memory
/// ([`attach`](super::attach())), and the only mapping of it in this process; that the device touches nothing else than what
/// it was lent is its contract, on which all references to memory of devices rest ([`memory`](super)).
#[derive(Debug)]
pub(crate) struct Parts {
    mapping: Mapping,
    part: usize,
    is_lent: Box<[bool]>,
}

impl Parts {
    /// Cuts `count` parts of `part` bytes.
    ///
    /// # Panics
    ///
    /// Panics if they are more than the mapping.
    pub(crate) fn new(mapping: Mapping, part: usize, count: usize) -> Self {
        let fits = part.checked_mul(count).is_some_and(|len| len <= mapping.len());
        assert!(fits, "{count} parts of {part} bytes are more than {} mapped bytes", mapping.len());
        Self { mapping, part, is_lent: vec![false; count].into() }
    }

    /// Has the kernel map all parts now, and not while commands are timed.
    pub(crate) fn warm(&self) {
        let mut byte = [0];
        for page in (0..self.mapping.len()).step_by(PAGE_SIZE) {
            self.mapping.read(page, &mut byte);
        }
        black_box(byte);
    }

    /// Lends a part to the device, from before its doorbell is rung.
    ///
    /// # Panics
    ///
    /// Panics if there is no such part.
    #[inline(always)]
    pub(crate) fn lend(&mut self, part: usize) {
        self.is_lent[part] = true;
    }

    /// Takes a part back, after the completion of the command that named it was seen.
    ///
    /// # Panics
    ///
    /// Panics if there is no such part.
    #[inline(always)]
    pub(crate) fn take_back(&mut self, part: usize) {
        self.is_lent[part] = false;
        hand_over();
    }

    /// Returns the first bytes of a part.
    ///
    /// # Panics
    ///
    /// Panics if the device has the part, or if it has fewer bytes.
    #[inline]
    pub(crate) fn bytes(&self, part: usize, len: usize) -> &[u8] {
        let base = self.place(part, 0, len);
        // SAFETY: The range is within the mapping, as checked, and so lives as long as `self`, which is borrowed until the
        // reference is gone: nobody lends the part or writes to it meanwhile. The device does not either, for its claim has
        // ended, and no other mapping of the memory is in this process.
        unsafe { std::slice::from_raw_parts(self.mapping.base().as_ptr().add(base), len) }
    }

    /// Writes to a part, from a byte of it on.
    ///
    /// # Panics
    ///
    /// Panics if the device has the part, or if it ends before.
    #[inline]
    pub(crate) fn write(&mut self, part: usize, offset: usize, bytes: &[u8]) {
        let base = self.place(part, offset, bytes.len());
        self.mapping.write(base, bytes);
    }

    #[inline]
    fn place(&self, part: usize, offset: usize, len: usize) -> usize {
        assert!(!self.is_lent[part], "part {part} is lent to the device");
        let end = offset.checked_add(len);
        assert!(
            end.is_some_and(|end| end <= self.part),
            "{len} bytes at {offset:#x} are not of one part"
        );
        part * self.part + offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        Parts::new(Mapping::anonymous(c"test", 4096).unwrap().1, 1024, 4)
    }

    #[test]
    fn what_is_written_to_a_part_is_read_there() {
        let mut parts = parts();
        parts.write(3, 1022, &[7, 8]);
        parts.lend(2);
        assert_eq!(parts.bytes(3, 1024)[1021..], [0, 7, 8]);
        parts.take_back(2);
        assert_eq!(parts.bytes(2, 1024), [0; 1024]);
    }

    #[test]
    #[should_panic(expected = "part 1 is lent to the device")]
    fn nobody_reads_what_is_lent() {
        let mut parts = parts();
        parts.lend(1);
        parts.bytes(1, 1);
    }

    #[test]
    #[should_panic(expected = "part 1 is lent to the device")]
    fn nobody_writes_what_is_lent() {
        let mut parts = parts();
        parts.lend(1);
        parts.write(1, 0, &[1]);
    }

    #[test]
    #[should_panic(expected = "2 bytes at 0x3ff are not of one part")]
    fn a_part_has_an_end() {
        parts().write(0, 1023, &[1, 2]);
    }

    #[test]
    #[should_panic(expected = "5 parts of 1024 bytes are more than 4096 mapped bytes")]
    fn more_parts_than_there_is_memory_for_panic() {
        Parts::new(Mapping::anonymous(c"test", 4096).unwrap().1, 1024, 5);
    }
}

//! Whether the memory of a session is in huge pages.

use std::fs;
use std::io;

use super::Arena;
use super::HUGE_PAGE_SIZE;

/// Whether the memory that a device is lent is in huge pages, where the device takes such
/// ([`Scheme::takes_huge_pages`](crate::transport::Scheme::takes_huge_pages)).
///
/// They are faster to map for a device, to pin and to translate. The kernel sets them aside when it is told to:
/// `echo 512 > /proc/sys/vm/nr_hugepages` is the memory of a session unless it is given more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HugePages {
    /// If the kernel has enough to give.
    #[default]
    Auto,
    /// Always: without enough of them there is no memory.
    Always,
    /// Never.
    Never,
}

impl HugePages {
    /// Makes an arena of `len` bytes. Returns also what there is to say, if there are some huge pages and too few.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does, and if there are to be huge pages and are too few.
    pub fn arena(self, len: usize) -> io::Result<(Arena, Option<String>)> {
        if self == Self::Never {
            return Ok((Arena::new(len)?, None));
        }
        let why = match Arena::in_huge_pages(len) {
            Ok(arena) => return Ok((arena, None)),
            Err(why) => why,
        };
        let set_aside = fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
        let set_aside = set_aside.trim().parse().unwrap_or(0);
        let says = too_few(len, set_aside, &why);
        match self {
            Self::Always => Err(io::Error::other(says)),
            // Who set none aside wants none.
            _ => Ok((Arena::new(len)?, (set_aside != 0).then_some(says))),
        }
    }
}

fn too_few(len: usize, set_aside: u64, why: &io::Error) -> String {
    let wanted = len.div_ceil(HUGE_PAGE_SIZE);
    format!(
        "{len} bytes are not to be had in huge pages ({why}): they are {wanted} pages of 2 MiB, and the kernel has set aside \
         {set_aside}, some of which may be in use; `echo N > /proc/sys/vm/nr_hugepages` sets more aside"
    )
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::memory::Mapping;
    use crate::memory::PAGE_SIZE;
    use crate::memory::attach;

    /// More than any machine has set aside.
    const TOO_MUCH: usize = 1 << 46;

    #[test]
    fn too_few_huge_pages_are_an_error_only_for_who_wants_no_others() {
        let error = HugePages::Always.arena(TOO_MUCH).unwrap_err().to_string();
        assert!(error.contains("nr_hugepages"), "{error}");
        assert_eq!(HugePages::Auto.arena(3 * PAGE_SIZE).unwrap().0.len(), 3 * PAGE_SIZE);
        let (arena, says) = HugePages::Never.arena(HUGE_PAGE_SIZE).unwrap();
        assert_eq!((arena.page(), says), (PAGE_SIZE, None));
    }

    #[test]
    fn who_is_told_of_too_few_is_told_how_many() {
        let says = too_few(1 << 30, 10, &io::ErrorKind::OutOfMemory.into());
        assert!(says.contains("512 pages of 2 MiB") && says.contains("set aside 10"), "{says}");
    }

    #[test]
    #[ignore = "it takes three huge pages, which a machine has if somebody has it set them aside"]
    fn a_part_of_a_file_in_huge_pages_is_mapped_by_its_own_address() {
        let (file, arena) = Mapping::anonymous_huge(c"huge", 2 * HUGE_PAGE_SIZE).unwrap();
        let range = (HUGE_PAGE_SIZE - PAGE_SIZE) as u64..(HUGE_PAGE_SIZE + PAGE_SIZE) as u64;
        // SAFETY: Nobody has references to the memory, and there is one thread.
        let part = unsafe { attach(&file, &range) }.unwrap();
        assert_eq!(part.len(), 2 * PAGE_SIZE);
        part.word(PAGE_SIZE).store(7, Ordering::Relaxed);
        assert_eq!(arena.word(HUGE_PAGE_SIZE).load(Ordering::Relaxed), 7);
        assert_eq!(Arena::in_huge_pages(HUGE_PAGE_SIZE).unwrap().page(), HUGE_PAGE_SIZE);
    }
}

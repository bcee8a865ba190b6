//! Where behind a port there is room for a BAR: what the port forwards, but for what the files `resource` in sysfs say is taken.

use std::fmt;
use std::ops::RangeInclusive;

/// Memory of a function, by a line of its file `resource`: the kernel numbers BARs from line 0 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    range: RangeInclusive<u64>,
    flags: u64,
}

/// The kernel's flag of a resource that is memory.
const MEMORY: u64 = 0x200;

/// A file `resource` that is not as the kernel writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    line: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.escape_debug();
        write!(f, "the line `{line}` is not a first address, a last address and flags")
    }
}

impl Resource {
    fn is_memory(&self) -> bool {
        self.flags & MEMORY != 0
    }

    /// Whether it has exactly these addresses.
    pub(super) fn is(&self, range: &RangeInclusive<u64>) -> bool {
        self.range == *range
    }

    fn meets(&self, other: &RangeInclusive<u64>) -> bool {
        self.range.start() <= other.end() && other.start() <= self.range.end()
    }
}

/// The addresses that a port forwards memory accesses to without prefetching, by its registers Memory Base and Memory Limit
/// (PCIe 7.5.1.3.8): those have bits 31:20. None, if the port forwards none.
pub(super) fn memory_window(base: u16, limit: u16) -> Option<RangeInclusive<u64>> {
    let bits = |register: u16| u64::from(register & 0xfff0) << 16;
    let window = bits(base)..=bits(limit) | 0xf_ffff;
    (!window.is_empty()).then_some(window)
}

/// Reads what is memory from a file `resource`; what is not used is left out.
pub(super) fn parse(file: &str) -> Result<Vec<Resource>, Malformed> {
    let lines = file.lines().map(line).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().flatten().filter(Resource::is_memory).collect())
}

/// Reads where BAR0 is from the file `resource` of a function.
pub(super) fn bar0(file: &str) -> Result<Option<RangeInclusive<u64>>, Malformed> {
    let first = file.lines().next().map_or(Ok(None), line)?;
    Ok(first.filter(Resource::is_memory).map(|it| it.range))
}

fn line(line: &str) -> Result<Option<Resource>, Malformed> {
    let malformed = || Malformed { line: line.chars().take(80).collect() };
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let mut words = line.split_ascii_whitespace().map(number);
    let mut next = || words.next().flatten().ok_or_else(malformed);
    let (start, end, flags) = (next()?, next()?, next()?);
    if words.next().is_some() {
        return Err(malformed());
    }
    // A range without any address ends before it begins.
    if flags == 0 || end == start.wrapping_sub(1) {
        return Ok(None);
    }
    if end < start {
        return Err(malformed());
    }
    Ok(Some(Resource { range: start..=end, flags }))
}

/// Finds the lowest range of `size` bytes, a power of two, that is aligned as a BAR is, stands within `window`, and meets nothing
/// that is `taken`.
pub(super) fn free(window: &RangeInclusive<u64>, taken: &[Resource], size: u64) -> Option<u64> {
    let mut start = *window.start();
    loop {
        start = start.checked_next_multiple_of(size)?;
        let range = start..=start.checked_add(size - 1)?;
        if window.end() < range.end() {
            return None;
        }
        match taken.iter().filter(|it| it.meets(&range)).map(|it| *it.range.end()).max() {
            None => return Some(start),
            // Each round leaves something that is taken behind.
            Some(end) => start = end.checked_add(1)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 0x4000;

    fn taken(ranges: &[RangeInclusive<u64>]) -> Vec<Resource> {
        ranges.iter().map(|range| Resource { range: range.clone(), flags: 0x40200 }).collect()
    }

    #[test]
    fn the_window_of_a_port_is_that_of_its_registers() {
        assert_eq!(memory_window(0xfe40, 0xfe50), Some(0xfe40_0000..=0xfe5f_ffff));
        assert_eq!(memory_window(0xfe4f, 0xfe4f), Some(0xfe40_0000..=0xfe4f_ffff));
        assert_eq!(memory_window(0xfff0, 0xfff0), Some(0xfff0_0000..=0xffff_ffff));
        assert_eq!(memory_window(0xfff0, 0x0000), None, "the port forwards nothing");
    }

    #[test]
    fn the_lowest_place_that_nobody_has_is_taken() {
        let window = 0xfe60_0000..=0xfe7f_ffff;
        assert_eq!(free(&window, &[], SIZE), Some(0xfe60_0000));
        let bar0 = taken(&[0xfe60_0000..=0xfe60_3fff]);
        assert_eq!(free(&window, &bar0, SIZE), Some(0xfe60_4000));
    }

    #[test]
    fn what_siblings_have_is_left_alone_in_whatever_order_they_come() {
        let window = 0x1000_0000..=0x1001_ffff;
        let siblings = taken(&[
            0x1001_0000..=0x1001_3fff,
            0x1000_0000..=0x1000_7fff,
            // One that is smaller than a page, in the middle of a place, and one that holds another.
            0x1000_9000..=0x1000_90ff,
            0x1000_c000..=0x1000_ffff,
            0x1000_d000..=0x1000_dfff,
        ]);
        assert_eq!(free(&window, &siblings, SIZE), Some(0x1001_4000));
        assert_eq!(free(&window, &siblings, 0x1000), Some(0x1000_8000));
        assert_eq!(free(&window, &siblings, 0x8000), Some(0x1001_8000));
        assert_eq!(free(&window, &siblings, 0x1_0000), None);
    }

    #[test]
    fn a_full_window_has_no_place() {
        let window = 0x1000_0000..=0x100f_ffff;
        assert_eq!(free(&window, &taken(&[0x1000_0000..=0x100f_ffff]), SIZE), None);
        assert_eq!(free(&window, &taken(&[0x0fff_0000..=0x2000_0000]), SIZE), None);
        let edges = taken(&[0x1000_0000..=0x1000_0000, 0x1000_7fff..=0x100f_ffff]);
        assert_eq!(free(&window, &edges, SIZE), None);
        assert_eq!(free(&window, &[], 0x20_0000), None, "it is larger than the window");
    }

    #[test]
    fn a_place_is_aligned_as_a_bar_is() {
        let window = 0x1000_1000..=0x1000_8fff;
        assert_eq!(free(&window, &[], SIZE), Some(0x1000_4000));
        assert_eq!(free(&window, &[], 0x8000), None, "it would end behind the window");
    }

    #[test]
    fn addresses_do_not_wrap() {
        let top = u64::MAX - 0x4fff..=u64::MAX;
        let end = taken(&[u64::MAX - 0xfff..=u64::MAX]);
        assert_eq!(free(&top, &end, SIZE), None);
        assert_eq!(free(&top, &[], 1 << 63), None);
    }

    #[test]
    fn only_memory_that_is_used_is_taken() {
        let file = "\
            0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
            0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n\
            0x000000000000c000 0x000000000000cfff 0x0000000000040101\n\
            0x0000000000000000 0xffffffffffffffff 0x0000000000000200\n\
            0x000000fe00000000 0x000000fe001fffff 0x0000000000102201\n";
        let ranges: Vec<_> = parse(file).unwrap().into_iter().map(|it| it.range).collect();
        assert_eq!(ranges, [0xfe80_0000..=0xfe80_3fff, 0xfe_0000_0000..=0xfe_001f_ffff]);
        assert_eq!(bar0(file), Ok(None), "its line says that it is not used");
        let behind = file.split_once('\n').unwrap().1;
        assert_eq!(bar0(behind), Ok(Some(0xfe80_0000..=0xfe80_3fff)));
        assert_eq!(bar0(""), Ok(None));
    }

    #[test]
    fn a_file_that_is_not_as_the_kernel_writes_it_is_a_sentence() {
        let long = "0x1 ".repeat(1000);
        for file in [
            "0x1 0x2",
            "1 2 3",
            "0x3 0x1 0x200",
            "0x1 0x2 0x3 0x4",
            "0x1 0x11111111111111111 0x200",
            "\u{1b}[31m",
            "\n",
            long.as_str(),
        ] {
            let says = parse(file).unwrap_err().to_string();
            assert!(says.starts_with("the line `") && says.ends_with("flags"), "{file:?}: {says}");
            assert!(says.len() < 200 && !says.contains('\u{1b}'), "{says}");
            assert!(bar0(file).is_err(), "{file:?}");
        }
    }
}

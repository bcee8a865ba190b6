//! Scatter Gather Lists (Base 4.3.2).

use crate::spec::SglDescriptor;

use super::prp::Piece;

/// Cuts `pieces` into data blocks of the given lengths; what is left after the last length is one block a
/// piece.
///
/// ```
/// use nvmetest::memory::sgl::blocks;
///
/// let cut = blocks(&[(0x1000, 100)], &[60]);
/// assert_eq!(cut, [(0x1000, 60), (0x103c, 40)]);
/// ```
pub fn blocks(pieces: &[Piece], lengths: &[usize]) -> Vec<Piece> {
    let mut lengths = lengths.iter().copied();
    let mut wanted = lengths.next();
    let mut cut = Vec::new();
    for &(mut address, mut len) in pieces {
        while 0 < len {
            let here = wanted.map_or(len, |wanted| wanted.min(len));
            cut.push((address, here));
            address += here as u64;
            len -= here;
            wanted = match wanted {
                Some(wanted) if here < wanted => Some(wanted - here),
                _ => lengths.next(),
            };
        }
    }
    cut
}

/// The data pointer of a command, as an SGL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sgl {
    /// The descriptor in the command.
    pub first: SglDescriptor,
    /// What it points to, to be written to the address that [`lay_out`] was told; empty for one data block.
    pub segments: Vec<SglDescriptor>,
}

/// Describes `blocks` as an SGL whose segments hold at most `per_segment` descriptors and stand one behind
/// the other from `at` on.
///
/// The last descriptor of a segment that is not the last one points to the next.
///
/// # Panics
///
/// Panics if `per_segment` is less than two: then a segment has no room for data.
///
/// ```
/// use nvmetest::memory::sgl::lay_out;
/// use nvmetest::spec::SglDescriptor;
///
/// let sgl = lay_out(&[(0x1000, 512), (0x9000, 512)], 0x4000, 256);
/// assert_eq!(sgl.first, SglDescriptor::last_segment(0x4000, 32));
/// assert_eq!(sgl.segments[1], SglDescriptor::data_block(0x9000, 512));
/// ```
pub fn lay_out(blocks: &[Piece], at: u64, per_segment: usize) -> Sgl {
    assert!(2 <= per_segment);
    let block = |&(address, len): &Piece| SglDescriptor::data_block(address, length(len));
    if let [only] = blocks {
        return Sgl { first: block(only), segments: Vec::new() };
    }
    // Where each segment starts, as an index into `segments`, and how many descriptors it has.
    let mut starts = Vec::new();
    let mut segments = Vec::new();
    let mut rest = blocks;
    loop {
        let is_last = rest.len() <= per_segment;
        let (now, later) = rest.split_at(if is_last { rest.len() } else { per_segment - 1 });
        let descriptors = now.len() + usize::from(!is_last);
        starts.push((segments.len(), descriptors));
        segments.extend(now.iter().map(block));
        if is_last {
            break;
        }
        // Replaced below, when the next segment is known.
        segments.push(SglDescriptor::data_block(0, 0));
        rest = later;
    }
    let pointer = |number: usize| {
        let (start, descriptors) = starts[number];
        let address = at + (start * size_of::<SglDescriptor>()) as u64;
        let bytes = length(descriptors * size_of::<SglDescriptor>());
        let is_last = number + 1 == starts.len();
        let make = if is_last { SglDescriptor::last_segment } else { SglDescriptor::segment };
        make(address, bytes)
    };
    for (number, &(start, _)) in starts.iter().enumerate().skip(1) {
        // The last descriptor of the segment before.
        segments[start - 1] = pointer(number);
    }
    Sgl { first: pointer(0), segments }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a block of an SGL has less than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::data::SglDescriptorType;

    #[test]
    fn one_block_stands_in_the_command() {
        let sgl = lay_out(&[(0x1234, 512)], 0x4000, 256);
        assert_eq!(sgl.first, SglDescriptor::data_block(0x1234, 512));
        assert!(sgl.segments.is_empty());
    }

    #[test]
    fn segments_are_chained_and_the_last_one_says_so() {
        let blocks: Vec<Piece> = (0..7).map(|n| (0x1_0000 + n * 0x1000, 16)).collect();
        let sgl = lay_out(&blocks, 0x4000, 3);

        // 2 + pointer, 2 + pointer, 3.
        assert_eq!(sgl.segments.len(), 9);
        assert_eq!(sgl.first, SglDescriptor::segment(0x4000, 48));
        assert_eq!(sgl.segments[2], SglDescriptor::segment(0x4000 + 48, 48));
        assert_eq!(sgl.segments[5], SglDescriptor::last_segment(0x4000 + 96, 48));
        let data = |descriptor: &&SglDescriptor| descriptor.kind() == SglDescriptorType::DATA_BLOCK;
        let walked: Vec<u64> =
            sgl.segments.iter().filter(data).map(|descriptor| descriptor.address.get()).collect();
        assert_eq!(walked, blocks.iter().map(|&(address, _)| address).collect::<Vec<_>>());
    }

    #[test]
    fn a_length_may_cross_the_boundary_of_a_piece() {
        let cut = blocks(&[(0x1000, 100), (0x5000, 100)], &[150]);
        assert_eq!(cut, [(0x1000, 100), (0x5000, 50), (0x5032, 50)]);
    }
}

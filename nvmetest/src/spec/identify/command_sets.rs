//! I/O Command Set data structure, CNS 1Ch (Base 5.1.13.2.19).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

/// The combinations of I/O command sets that can be used together: 4096 bytes
/// (Base 5.1.13.2.19).
///
/// The index of a combination is the value of the I/O Command Set Profile feature.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IoCommandSets {
    /// The combinations; an empty one ends them.
    pub combination: [IoCommandSetVector; 512],
}

const _: () = assert!(size_of::<IoCommandSets>() == 4096);

wire_bitfield! {
    /// I/O Command Set Vector: one combination (Base 5.1.13.2.19).
    pub struct IoCommandSetVector: u64 {
        /// NVM Command Set.
        pub nvm: bool,
        /// Key Value Command Set.
        pub key_value: bool,
        /// Zoned Namespace Command Set.
        pub zoned_namespace: bool,
        /// Subsystem Local Memory Command Set.
        pub subsystem_local_memory: bool,
        /// Computational Programs Command Set.
        pub computational_programs: bool,
        #[bits(59)]
        __: u64,
    }
}

impl IoCommandSets {
    /// The combinations up to the first empty one, at most 512.
    pub fn combinations(&self) -> impl Iterator<Item = IoCommandSetVector> + '_ {
        self.combination.iter().copied().take_while(|vector| vector.get() != 0)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn an_empty_combination_ends_them() {
        let mut sets = IoCommandSets::new_zeroed();
        assert_eq!(sets.combinations().count(), 0);
        sets.as_mut_bytes()[0] = 0x01;
        sets.as_mut_bytes()[8] = 0x05;
        sets.as_mut_bytes()[24] = 0x01;
        let combinations: Vec<_> = sets.combinations().collect();
        assert_eq!(combinations.len(), 2);
        assert!(combinations[1].nvm() && combinations[1].zoned_namespace());
    }
}

//! BAR0 at another address.

/// What a function did whose BAR0 was given another address (PCIe 7.5.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// The address of the first byte of BAR0 before.
    pub from: u64,
    /// The address of the first byte of BAR0 now.
    pub to: u64,
    /// What a read of 4 bytes gives where [`VS`](crate::spec::Property::VS) was. Nobody claims it there any more: most hosts
    /// answer with ones (PCIe 2.3.2), and QEMU with zeroes.
    pub former: u32,
}

//! Physical Region Pages (Base 4.3.1).

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;
use zerocopy::little_endian::U64;

/// One PRP entry, in PRP1, PRP2 or a PRP list: the address of a memory page, and for the first
/// entry of a transfer an offset into it (Base 4.3.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct Prp(pub U64);

const _: () = assert!(size_of::<Prp>() == 8);

impl Prp {
    /// An entry for an address, whatever its alignment.
    pub const fn new(address: u64) -> Self {
        Self(U64::new(address))
    }

    /// The whole entry.
    pub const fn address(self) -> u64 {
        self.0.get()
    }

    /// PBAO's page: the address with the offset cleared; `page_size` is a power of two.
    pub const fn page(self, page_size: u64) -> u64 {
        self.address() & !(page_size - 1)
    }

    /// The offset into the page; `page_size` is a power of two.
    pub const fn offset(self, page_size: u64) -> u64 {
        self.address() & (page_size - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_page_and_an_offset() {
        let prp = Prp::new(0x1234_5678_9ABC_DEF0);
        assert_eq!(prp.page(4096), 0x1234_5678_9ABC_D000);
        assert_eq!(prp.offset(4096), 0xEF0);
        assert_eq!(prp.as_bytes(), [0xF0, 0xDE, 0xBC, 0x9A, 0x78, 0x56, 0x34, 0x12]);
    }
}

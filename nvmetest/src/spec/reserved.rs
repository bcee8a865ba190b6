//! Bytes that the standard does not define.

use std::fmt;

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

/// Reserved or vendor specific bytes of a structure: kept, and shown only where they are not zero.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct Reserved<const N: usize>(pub [u8; N]);

impl<const N: usize> Reserved<N> {
    /// Whether all bytes are zero, as reserved bytes have to be (Base 1.4.1.5).
    pub fn is_zero(&self) -> bool {
        self.first_not_zero().is_none()
    }

    /// Offset and value of the first byte that is not zero.
    pub fn first_not_zero(&self) -> Option<(usize, u8)> {
        self.0.iter().copied().enumerate().find(|&(_, byte)| byte != 0)
    }
}

impl<const N: usize> fmt::Debug for Reserved<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first_not_zero() {
            None => write!(f, "{N} zero bytes"),
            Some((offset, byte)) => write!(f, "{N} bytes, {byte:02X}h at {offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_not_zero_is_named() {
        assert!(Reserved([0; 9]).is_zero());
        assert_eq!(format!("{:?}", Reserved([0; 9])), "9 zero bytes");
        let reserved = Reserved([0, 0, 0xA5, 1]);
        assert_eq!(reserved.first_not_zero(), Some((2, 0xA5)));
        assert_eq!(format!("{reserved:?}"), "4 bytes, A5h at 2");
    }
}

//! Text in fixed-size fields (Base 1.4.2).

use std::fmt;

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::IntoBytes;
use zerocopy::KnownLayout;
use zerocopy::Unaligned;

/// An ASCII string field: left justified, padded with spaces, bytes 20h to 7Eh only (Base 1.4.2).
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct Ascii<const N: usize>(pub [u8; N]);

impl<const N: usize> Ascii<N> {
    /// A field that holds `text`, cut at the size of the field and padded with spaces.
    pub const fn new(text: &str) -> Self {
        let mut bytes = [b' '; N];
        let mut index = 0;
        while index < N && index < text.len() {
            bytes[index] = text.as_bytes()[index];
            index += 1;
        }
        Self(bytes)
    }

    /// Whether every byte is one that the standard allows in a string.
    pub fn is_valid(&self) -> bool {
        self.0.iter().all(|byte| (0x20..=0x7E).contains(byte))
    }

    /// The text without its padding; what is no ASCII character is written as `\xNN`.
    ///
    /// Trailing zeroes are not the padding that the standard asks for and yet common, so they are
    /// dropped like spaces; [`Ascii::is_valid`] tells the difference.
    pub fn text(&self) -> String {
        let end =
            self.0.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
        self.0[..end].escape_ascii().to_string()
    }
}

impl<const N: usize> fmt::Display for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl<const N: usize> fmt::Debug for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padding_is_not_part_of_the_text() {
        let field = Ascii::<8>::new("SN 1");
        assert_eq!(&field.0, b"SN 1    ");
        assert_eq!(field.text(), "SN 1");
        assert_eq!(format!("{field:?}"), "\"SN 1\"");
        assert!(field.is_valid());
        assert_eq!(Ascii(*b"    ").text(), "");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut() {
        assert_eq!(&Ascii::<4>::new("123456").0, b"1234");
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped_and_not_valid() {
        let field = Ascii(*b"a\xFFb\0");
        assert_eq!(field.text(), "a\\xffb");
        assert!(!field.is_valid());
    }
}

//! Namespace Identification Descriptor list, CNS 03h (Base 5.1.13.2.3).

use thiserror::Error;
use zerocopy::Unaligned;

use super::Csi;

open_enum! {
    /// NIDT: Namespace Identifier Type (Base 5.1.13.2.3).
    #[derive(Unaligned)]
    pub enum Nidt: u8 {
        EUI64 = 0x1, "IEEE Extended Unique Identifier", "Base 5.1.13.2.3";
        NGUID = 0x2, "Namespace Globally Unique Identifier", "Base 5.1.13.2.3";
        UUID = 0x3, "Namespace UUID", "Base 5.1.13.2.3";
        CSI = 0x4, "Command Set Identifier", "Base 5.1.13.2.3";
    }
}

impl Nidt {
    /// NIDL that the standard gives the type; `None` for a type that it does not define.
    pub const fn length(self) -> Option<u8> {
        match self {
            Self::EUI64 => Some(8),
            Self::NGUID | Self::UUID => Some(16),
            Self::CSI => Some(1),
            _ => None,
        }
    }
}

/// One Namespace Identification Descriptor (Base 5.1.13.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceDescriptor<'a> {
    /// NIDT: Namespace Identifier Type.
    pub nidt: Nidt,
    /// Bytes 3:2, which are reserved.
    pub reserved: [u8; 2],
    /// NID: Namespace Identifier, NIDL bytes; big-endian where it is a number.
    pub nid: &'a [u8],
}

impl NamespaceDescriptor<'_> {
    /// The command set of the namespace, if this descriptor is the one that says it.
    pub fn csi(&self) -> Option<Csi> {
        match (self.nidt, self.nid) {
            (Nidt::CSI, &[csi]) => Some(Csi(csi)),
            _ => None,
        }
    }
}

/// What is wrong with a Namespace Identification Descriptor list (Base 5.1.13.2.3).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DescriptorError {
    /// The header or the identifier of a descriptor does not fit into the data structure.
    #[error(
        "the descriptor at byte {offset} of the Namespace Identification Descriptor list has \
         NIDL {nidl:02X}h and {available} bytes are left: the list does not end inside its page \
         (Base 5.1.13.2.3)"
    )]
    Truncated {
        /// Offset of the descriptor in bytes.
        offset: usize,
        /// NIDL.
        nidl: u8,
        /// Bytes after the header of the descriptor.
        available: usize,
    },
    /// NIDL is not the length that the type has.
    #[error(
        "the descriptor at byte {offset} of the Namespace Identification Descriptor list is of type \
         {nidt} and has NIDL {nidl:02X}h in place of {expected:02X}h (Base 5.1.13.2.3)"
    )]
    Length {
        /// Offset of the descriptor in bytes.
        offset: usize,
        /// NIDT.
        nidt: Nidt,
        /// NIDL.
        nidl: u8,
        /// NIDL that the standard gives the type.
        expected: u8,
    },
}

/// The descriptors of a list, from the bytes that Identify returned.
///
/// Ends at the first NIDL of zero, at the end of the bytes, or after the first error. Every step
/// moves on by at least four bytes, so it ends whatever a device sends.
#[derive(Clone, Debug)]
pub struct NamespaceDescriptors<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> NamespaceDescriptors<'a> {
    /// The descriptors in `bytes`, usually 4096 of them.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    fn parse(&self) -> Option<Result<NamespaceDescriptor<'a>, DescriptorError>> {
        let (header, rest) = self.bytes[self.offset..].split_first_chunk::<4>()?;
        let [nidt, nidl, reserved @ ..] = *header;
        let nidt = Nidt(nidt);
        if nidl == 0 {
            return None;
        }
        if let Some(expected) = nidt.length()
            && expected != nidl
        {
            return Some(Err(DescriptorError::Length {
                offset: self.offset,
                nidt,
                nidl,
                expected,
            }));
        }
        let Some(nid) = rest.get(..nidl.into()) else {
            let available = rest.len();
            return Some(Err(DescriptorError::Truncated { offset: self.offset, nidl, available }));
        };
        Some(Ok(NamespaceDescriptor { nidt, reserved, nid }))
    }
}

impl<'a> Iterator for NamespaceDescriptors<'a> {
    type Item = Result<NamespaceDescriptor<'a>, DescriptorError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.parse();
        self.offset = match &item {
            Some(Ok(descriptor)) => self.offset + 4 + descriptor.nid.len(),
            Some(Err(_)) | None => self.bytes.len(),
        };
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(descriptors: &[u8]) -> Vec<u8> {
        let mut bytes = descriptors.to_vec();
        bytes.resize(4096, 0);
        bytes
    }

    #[test]
    fn a_list_ends_at_the_first_length_of_zero() {
        let bytes = list(&[1, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 1, 0, 0, 2, 9, 0, 0, 0]);
        let descriptors: Vec<_> = NamespaceDescriptors::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(descriptors.len(), 2);
        assert_eq!(descriptors[0].nidt, Nidt::EUI64);
        assert_eq!(descriptors[0].nid, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(descriptors[0].csi(), None);
        assert_eq!(descriptors[1].csi(), Some(Csi::ZONED_NAMESPACE));
    }

    #[test]
    fn an_unknown_type_is_passed_on_with_its_bytes() {
        let bytes = list(&[0x77, 3, 0, 0, 1, 2, 3]);
        let descriptors: Vec<_> = NamespaceDescriptors::new(&bytes).map(Result::unwrap).collect();
        assert_eq!((descriptors[0].nidt, descriptors[0].nid), (Nidt(0x77), &[1, 2, 3][..]));
    }

    #[test]
    fn a_wrong_length_is_an_error_and_the_end() {
        let bytes = list(&[3, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 1, 0, 0, 2]);
        let mut descriptors = NamespaceDescriptors::new(&bytes);
        let error = descriptors.next().expect("an error").expect_err("a UUID has 16 bytes");
        let DescriptorError::Length { offset: 0, nidt: Nidt::UUID, nidl: 8, expected: 16 } = error
        else {
            panic!("{error}");
        };
        assert!(descriptors.next().is_none());
    }

    #[test]
    fn a_list_that_runs_over_the_end_of_the_page_is_an_error() {
        let bytes = [0x99u8; 4096];
        let items: Vec<_> = NamespaceDescriptors::new(&bytes).collect();
        let last = items.last().expect("there are items");
        assert!(matches!(last, Err(DescriptorError::Truncated { nidl: 0x99, .. })), "{last:?}");
        assert_eq!(items.iter().filter(|item| item.is_err()).count(), 1);
    }

    #[test]
    fn no_length_of_input_panics() {
        for length in 0..64 {
            for fill in 0..=u8::MAX {
                let bytes = vec![fill; length];
                assert!(NamespaceDescriptors::new(&bytes).count() <= length);
            }
        }
    }
}

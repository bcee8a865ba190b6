//! The macro behind bitfields that are part of a structure in memory.

/// Defines a bitfield that lies in a structure as little-endian bytes of any alignment.
///
/// A register is read as a whole and is a plain `#[bitfield]`; a field of a structure has to be
/// `Unaligned` and little-endian on every host, and that takes the same attributes each time.
macro_rules! wire_bitfield {
    ($(#[$attribute:meta])* pub struct $name:ident: u8 { $($body:tt)* }) => {
        $(#[$attribute])*
        #[bitfield_struct::bitfield(u8)]
        #[derive(
            PartialEq, Eq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
            zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        pub struct $name { $($body)* }

        const _: () = assert!(size_of::<$name>() == 1);
    };
    ($(#[$attribute:meta])* pub struct $name:ident: u16 { $($body:tt)* }) => {
        wire_bitfield!(@wide $(#[$attribute])* $name u16 U16 2 { $($body)* });
    };
    ($(#[$attribute:meta])* pub struct $name:ident: u32 { $($body:tt)* }) => {
        wire_bitfield!(@wide $(#[$attribute])* $name u32 U32 4 { $($body)* });
    };
    ($(#[$attribute:meta])* pub struct $name:ident: u64 { $($body:tt)* }) => {
        wire_bitfield!(@wide $(#[$attribute])* $name u64 U64 8 { $($body)* });
    };
    (@wide $(#[$attribute:meta])* $name:ident $host:ident $wire:ident $size:literal { $($body:tt)* }) => {
        $(#[$attribute])*
        #[bitfield_struct::bitfield(
            $host,
            repr = zerocopy::little_endian::$wire,
            from = zerocopy::little_endian::$wire::new,
            into = zerocopy::little_endian::$wire::get
        )]
        #[derive(
            PartialEq, Eq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
            zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        pub struct $name { $($body)* }

        const _: () = assert!(size_of::<$name>() == $size);

        impl $name {
            /// The bits as a number of the host.
            pub const fn get(self) -> $host {
                self.into_bits().get()
            }
        }

        impl From<$host> for $name {
            fn from(bits: $host) -> Self {
                Self::from_bits(zerocopy::little_endian::$wire::new(bits))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    wire_bitfield! {
        /// Stands for any bitfield of a structure.
        pub struct Sample: u16 {
            /// The lowest nibble.
            #[bits(4)]
            pub low: u8,
            #[bits(11)]
            __: u16,
            /// The highest bit.
            pub high: bool,
        }
    }

    #[test]
    fn a_bitfield_of_a_structure_is_little_endian_and_keeps_reserved_bits() {
        let sample = Sample::new().with_low(5).with_high(true);
        assert_eq!(sample.as_bytes(), [0x05, 0x80]);
        assert_eq!(Sample::from(0x7FF0).with_high(true).get(), 0xFFF0);
    }
}

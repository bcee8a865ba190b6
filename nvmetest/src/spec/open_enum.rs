//! The macro behind every enumeration of the standard.

/// Defines a newtype over an integer with one constant, name and clause for each defined value.
///
/// A Rust `enum` would make a value that the standard reserves unrepresentable, and a device that
/// sends one is exactly what a compliance test wants to see.
///
/// The body is a list of `CONSTANT = value, "Name in the standard", "clause";`.
/// `manual Display` in front leaves `Display` to the caller.
macro_rules! open_enum {
    (manual Display $($definition:tt)*) => {
        open_enum!(@define $($definition)*);
    };
    (@define
        $(#[$attribute:meta])*
        pub enum $name:ident: $repr:ident {
            $($constant:ident = $value:expr, $text:literal, $clause:literal;)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(
            /// The value as it is on the wire.
            pub $repr,
        );

        impl $name {
            $(
                #[doc = concat!($text, " (", $clause, ").")]
                pub const $constant: Self = Self($value);
            )*

            /// Every value that has a name, in the order of the standard.
            pub const NAMED: &[Self] = &[$(Self::$constant),*];

            /// The name in the standard; `None` for a value that it does not define.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($text),)*
                    _ => None,
                }
            }

            /// The clause that defines the value; `None` for a value that has none.
            pub const fn clause(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($clause),)*
                    _ => None,
                }
            }

            /// The value from the bits of a field, whether it has a name or not.
            pub const fn from_bits(bits: $repr) -> Self {
                Self(bits)
            }

            /// The bits of the field.
            pub const fn into_bits(self) -> $repr {
                self.0
            }
        }

        impl From<$repr> for $name {
            fn from(value: $repr) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $repr {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
    ($(#[$attribute:meta])* pub enum $name:ident $($definition:tt)*) => {
        open_enum!(@define $(#[$attribute])* pub enum $name $($definition)*);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({:02X}h)", self.0),
                    None => write!(f, concat!("Unknown ", stringify!($name), " ({:02X}h)"), self.0),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    open_enum! {
        /// Stands for any enumeration.
        pub enum Colour: u8 {
            RED = 0x00, "Red", "Base 1.1";
            BLUE = 0x1F, "Blue", "Base 1.2";
        }
    }

    #[test]
    fn a_defined_value_shows_the_name_of_the_standard() {
        assert_eq!(Colour::BLUE.to_string(), "Blue (1Fh)");
        assert_eq!(format!("{:?}", Colour::BLUE), "Blue (1Fh)");
        assert_eq!(Colour::BLUE.clause(), Some("Base 1.2"));
        assert_eq!(Colour::NAMED, [Colour::RED, Colour::BLUE]);
    }

    #[test]
    fn an_undefined_value_round_trips_and_says_that_it_is_unknown() {
        for value in 0..=u8::MAX {
            assert_eq!(u8::from(Colour::from(value)), value);
            assert_eq!(Colour::from_bits(value).into_bits(), value);
        }
        assert_eq!(Colour(0xAB).name(), None);
        assert_eq!(Colour(0xAB).clause(), None);
        assert_eq!(Colour(0xAB).to_string(), "Unknown Colour (ABh)");
    }
}

//! The `#[nvme_test]` attribute. Use it through the `nvmetest` crate.

mod args;
mod errors;
mod expand;
mod fixtures;
mod function;
mod source;

use proc_macro::TokenStream;

/// Registers a function as a test.
///
/// # Parameters
///
/// Each parameter is a fixture, asked for by its type:
///
/// | type | what the test gets |
/// | --- | --- |
/// | `&Controller` | the controller of the session, shared |
/// | `&mut Controller` | the controller for itself: to reset it, to shut it down; no other fixture beside it |
/// | `T`, `&T`, `&mut T` | what `T`'s implementation of `Fixture` makes for this test: `Qpair`, `Namespace`, `Buffer`, `Events`, `PciFunction`, or a type of your own |
/// | `#[case] name: T` | the value of the case, see below |
///
/// Fixtures are made in the order of the parameters, and dropped in the reverse order when the test ends,
/// however it ends.
///
/// # Arguments
///
/// | argument | meaning |
/// | --- | --- |
/// | `spec = "NVM 3.3.4"` | the clause under test |
/// | `ignore = "takes an hour"` | the test runs only if it is asked for (`--ignored`), and the reason is shown |
/// | `timeout = Duration::from_secs(120)` | how long the whole test may take: a constant expression of type `Duration` |
/// | `requires(COMPARE, WRITE_ZEROES)` | what the controller must be able to do: names from `nvmetest::capability`, or paths to a `Capability` of your own (`self::MINE`) |
/// | `cases(one = 1, max = 65_536)` | runs the test once for each case, as `name::one`, `name::max`; the value is handed to the parameter with `#[case]` |
///
/// # Outcome
///
/// A test returns nothing, or a `Result` whose error converts to `Box<dyn std::error::Error>`. A panic is a
/// failure.
#[proc_macro_attribute]
pub fn nvme_test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}

//! What a test may ask for by naming it in its signature, and what it may return.

use std::error::Error as StdError;

use crate::Buffer;
use crate::Controller;
use crate::Error;
use crate::Events;
use crate::Namespace;
use crate::PciFunction;
use crate::Qpair;
use crate::Result;

/// A value that the harness makes for each test.
///
/// A parameter of type `T`, `&T` or `&mut T` asks for the fixture `T`. Fixtures are made in the order of
/// the parameters and dropped in the reverse order, also if the test fails or panics: what has to be undone
/// after the test is undone in the value's `Drop`.
///
/// # Examples
///
/// A fixture of one's own is a type:
///
/// ```
/// use nvmetest::prelude::*;
///
/// /// A page of bytes that no page of zeros or ones can be taken for.
/// struct Pattern(Buffer);
///
/// impl Fixture for Pattern {
///     type Value<'c> = Pattern;
///
///     fn setup(nvme: &Controller) -> Result<Pattern> {
///         let mut buffer = nvme.buffer(4096);
///         buffer.iter_mut().zip((0..=250).cycle()).for_each(|(byte, value)| *byte = value);
///         Ok(Pattern(buffer))
///     }
/// }
///
/// #[nvme_test]
/// fn the_pattern_fills_a_page(Pattern(data): Pattern) {
///     assert_eq!(data[4095], (4095 % 251) as u8);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fixture",
    label = "the harness does not know how to make this",
    note = "a test may ask for `&Controller`, `&mut Controller`, `&Qpair`, `Namespace`, `Buffer`, `Events`, `PciFunction`, `Verify`, or a type of your own that implements `Fixture`"
)]
pub trait Fixture {
    /// What the test gets, for a controller that lives for `'c`: mostly `Self`.
    type Value<'c>;

    /// Makes the fixture.
    ///
    /// # Errors
    ///
    /// An error ends the test with that error.
    fn setup(nvme: &Controller) -> Result<Self::Value<'_>>;
}

/// An I/O queue pair that holds 64 commands, or as many as the controller's largest queue (CAP.MQES).
impl Fixture for Qpair<'_> {
    type Value<'c> = Qpair<'c>;

    fn setup(nvme: &Controller) -> Result<Qpair<'_>> {
        // A queue holds one command less than it has entries (Base 3.3.1.4).
        let most = nvme.capabilities().cap.mqes_z();
        nvme.qpair(most.clamp(1, 64))
    }
}

/// The first active namespace.
impl Fixture for Namespace<'_> {
    type Value<'c> = Namespace<'c>;

    fn setup(nvme: &Controller) -> Result<Namespace<'_>> {
        nvme.first_namespace()
    }
}

/// A buffer of 4096 bytes, all zero.
impl Fixture for Buffer {
    type Value<'c> = Buffer;

    fn setup(nvme: &Controller) -> Result<Buffer> {
        Ok(nvme.buffer(4096))
    }
}

/// One Asynchronous Event Request, outstanding, and what completes it.
impl Fixture for Events<'_> {
    type Value<'c> = Events<'c>;

    fn setup(nvme: &Controller) -> Result<Events<'_>> {
        nvme.events(1)
    }
}

/// The PCI function that the controller lives on.
impl Fixture for PciFunction<'_> {
    type Value<'c> = PciFunction<'c>;

    fn setup(nvme: &Controller) -> Result<PciFunction<'_>> {
        Ok(nvme.pci())
    }
}

/// What a test may return: nothing, or a `Result` whose error converts to `Box<dyn Error>`.
///
/// An [`Error`] of this crate keeps its meaning (a skipped test is reported as skipped), also inside a
/// `Box<dyn Error>`. Inside an `anyhow::Error` it cannot be recognised: there it is a failure.
#[diagnostic::on_unimplemented(
    message = "a test cannot return `{Self}`",
    label = "expected `()` or a `Result` whose error converts to `Box<dyn Error>`",
    note = "return `nvmetest::Result`, or nothing"
)]
pub trait Outcome {
    /// Converts to the result of the test.
    ///
    /// # Errors
    ///
    /// Fails if the test did.
    fn into_result(self) -> Result;
}

impl Outcome for () {
    fn into_result(self) -> Result {
        Ok(())
    }
}

impl<E: Into<Box<dyn StdError>>> Outcome for Result<(), E> {
    fn into_result(self) -> Result {
        self.map_err(|error| match error.into().downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::Failed(chain(&*error)),
        })
    }
}

/// Says an error and its causes in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Many errors already say their cause.
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// Makes the fixture `F`; the expansion calls it with the span of the parameter's type.
#[doc(hidden)]
pub fn setup<F: Fixture + ?Sized>(nvme: &Controller) -> Result<F::Value<'_>> {
    F::setup(nvme)
}

/// Converts what a test returned; the expansion calls it with the span of the return type.
#[doc(hidden)]
pub fn report<O: Outcome>(outcome: O) -> Result {
    outcome.into_result()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_of_this_crate_keeps_its_meaning_in_a_box() {
        let boxed: Box<dyn StdError> = Error::Skipped("no zones".to_owned()).into();
        assert!(matches!(report(Err(boxed)), Err(Error::Skipped(why)) if why == "no zones"));
        let plain = Err(Error::Blocked("no space".to_owned()));
        assert!(matches!(report(plain), Err(Error::Blocked(_))));
    }

    #[test]
    fn another_error_is_a_failure_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("the oracle is wrong")]
        struct Outer(#[source] io::Error);
        let error = report(Err(Outer(io::Error::other("no such page")))).unwrap_err();
        assert_eq!(error.to_string(), "the oracle is wrong: no such page");

        assert!(
            matches!(report(Err("a sentence")), Err(Error::Failed(why)) if why == "a sentence")
        );
        assert!(matches!(report("7x".parse::<u32>().map(drop)), Err(Error::Failed(_))));
    }
}

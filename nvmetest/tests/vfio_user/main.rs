//! The vfio-user client against servers: a real one, and one that misbehaves by script.

mod interoperation;
mod misbehaviour;
mod opening;
mod regions;
mod script;

use nvmetest::transport::Bare;
use nvmetest::transport::Function;

/// A device to be programmed by hand.
#[expect(unsafe_code, reason = "the servers here are told of no memory that a buffer stands in")]
fn bare(function: &dyn Function) -> Bare<'_> {
    // SAFETY: No test of this file makes a buffer.
    unsafe { Bare::new(function) }
}

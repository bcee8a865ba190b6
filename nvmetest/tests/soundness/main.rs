//! What safe code can do to a command in flight, and what a device can do that is late, hangs, or lies.
//!
//! The device is a thread that writes through raw pointers, and the host shares no lock with it on the way of a
//! command. So a read of memory that the device still has is a data race, which Miri and ThreadSanitizer see, and a
//! reference to it is an aliasing violation, which Miri sees: `cargo xtask miri`. Natively the tests look at what they
//! can: at bytes, at errors, and at whether the device found the memory.

mod completions;
mod ended;
#[expect(dead_code, reason = "the tests of the driver use the rest")]
#[path = "../driver/fake/mod.rs"]
mod fake;
mod hung;
mod panics;
mod scopes;
mod setting;
mod tickets;

//! Queues, entries and PRP Lists by hand, for tests of what a host must not do.
//!
//! An ordinary [`Qpair`](crate::Qpair) does all as the standard says. Here a test has the parts: a
//! [`SubmissionQueue`] takes any [`Entry`] at any index at any time and any value in its doorbell, with command
//! identifiers used twice, reserved bits and wrong addresses; a [`CompletionQueue`] is read as it stands, and its
//! head is moved as the test likes.
//!
//! ```
//! use std::time::Duration;
//!
//! use nvmetest::prelude::*;
//! use nvmetest::raw::Entry;
//! use nvmetest::{CreateIoCq, CreateIoSq};
//!
//! # fn main() -> Result {
//! # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
//! let ns = nvme.first_namespace()?;
//! let mut cq = nvme.raw_completion_queue(CreateIoCq::contiguous(1, 4))?;
//! let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(1, 4, 1))?;
//!
//! // Two commands, one identifier, one doorbell.
//! let flush = Entry::new(0x00).nsid(ns.nsid()).cid(7);
//! sq.write(0, &flush)?;
//! sq.write(1, &flush)?;
//! sq.ring(2)?;
//! for _ in 0..2 {
//!     assert_eq!(cq.wait(Duration::from_secs(1))?.cid.get(), 7);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Soundness
//!
//! There is no scope here, and no loan. What takes their place:
//!
//! > Whatever a controller that follows the standard fetches from a queue that was made by hand, and whenever
//! > it does, it writes only to memory that is never referred to and that is kept until the controller has lost
//! > the queue.
//!
//! 1. **[`Memory`] has no references.** The host copies in and out, so the device may write at any time. It comes
//!    in whole memory pages: a PRP entry names at most the rest of its page.
//! 2. **An [`Address`] is no number.** It is a place in a [`Memory`], null, or an address at which nothing is and
//!    never will be; it keeps what it names. Null is refused where address 0 is memory.
//! 3. **A [`PrpList`] is memory of its own** that nobody writes to once it is made. Data and lists have addresses
//!    of two types, so a device is never told to write data over a list that it follows.
//! 4. **A device takes PRP Entry 2 for data or for a list by the length of the transfer.** So it names something
//!    only if the length is known and the entry is what the device takes it for. All of this is asked only of
//!    commands that write host memory: bit 1 of the opcode says so (Base 4.1.1), for commands that nobody knows
//!    as well. What a device only reads does no harm.
//! 5. **An entry may be fetched while it is written.** Then the device may see parts of the old and parts of the new
//!    one, which is harmless only if each is harmless whatever the other's dwords say: see
//!    [`SubmissionQueue::write`]. Entries that were not written are zero: Flush commands.
//! 6. **What entries name is kept** until the deletion of the queue has succeeded or the controller is disabled,
//!    whatever becomes of the queue's owner: `mem::forget` is harmless. A reset needs `&mut Controller`, and the
//!    queues borrow it.
//! 7. **No namespace is formatted** while an entry relies on the size of its blocks.
//!
//! What remains: a vendor-specific command may make a device keep an address after its queue is gone, and use it
//! when the memory is another's. It cannot be recognised, here as elsewhere
//! ([`Command::raw`](crate::Command::raw)). And a device that breaks the standard is a finding, whose run is void:
//! see [`memory`](crate::memory).
//!
//! [`Entry::with_pointers`] is the unsafe way around all of this.

mod address;
mod completion_queue;
mod entry;
mod fetching;
mod memory;
mod prp_list;
mod reach;
mod submission_queue;

pub use address::Address;
pub use address::ListAddress;
pub use address::Pointer;
pub use completion_queue::CompletionQueue;
pub use entry::Entry;
pub(crate) use fetching::Fetching;
pub use memory::Memory;
pub use prp_list::PrpList;
pub use submission_queue::SubmissionQueue;

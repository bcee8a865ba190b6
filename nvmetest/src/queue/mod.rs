//! Queue pairs, and the scope within which commands are in flight.
//!
//! # Soundness
//!
//! A command in flight lends memory to a device that knows nothing of Rust. One invariant keeps that sound:
//!
//! > No scope returns, by any path, while the device has a claim on memory that was lent within it.
//!
//! It rests on no destructor that a test could leak: a test never owns the scope, only a shared reference to
//! it. This is [`std::thread::scope`], with a controller in the place of the threads.
//!
//! 1. Data and callbacks outlive `'scope` (the bounds of [`Command::submit`]), and `'scope` is chosen by this
//!    module, not by the test, so nothing that the test frees before the scope returns can satisfy the bound.
//! 2. A scope ends by `scope::enter`, also when the test panics.
//! 3. Ending it waits for the commands. If they do not come, it climbs the ladder, until the device has no claim on
//!    them.
//! 4. Only then are the callbacks of what never completed dropped, for dropping them runs code of the test.
//! 5. The identifier of a command that was given up stays out of use until its completion comes after all.
//! 6. What is in flight when the controller is disabled, or its queue deleted, has no device any more: the host
//!    completes it, with [`Status::COMMAND_ABORTED_BY_HOST`](crate::spec::Status::COMMAND_ABORTED_BY_HOST).
//!
//! It rests on the contract with the device ([`memory`](crate::memory)); on what can be lent being closed to other
//! crates ([`Data`](crate::memory::Data)); on memory of another controller, or of a format that is gone, being refused;
//! and on nobody else programming the device ([`transport`](crate::transport)).
//!
//! # The ladder
//!
//! The rungs, the mildest first, and who has them. What was not ended by one is tried with the next.
//!
//! | rung | soft | vfio-user | QEMU | `pci:` |
//! | --- | --- | --- | --- | --- |
//! | wait until the time of the commands is up | yes | yes | yes | yes |
//! | Abort (Base 5.1.1), which a controller may ignore | yes | yes | yes | yes |
//! | delete the submission queue (Base 3.3.1.3), for I/O commands | yes | yes | yes | yes |
//! | unmap the memory for DMA | yes | where buffers are mapped one by one | no | yes |
//! | disable the controller: CC.EN = 0 and CSTS.RDY = 0 (Base 3.7.2) | yes | yes | yes | yes |
//! | reset the function (PCIe 6.6.2, or what the transport has) | yes | if the server has it | if the device has it | if the kernel has it |
//! | end the process of the device | yes | no | yes | no |
//! | end this process | yes | yes | yes | yes |
//!
//! Unmapping, and what ends a process, is enforced by somebody else than the device: it holds whatever the device does.
//! The other rungs ask the device, and hold as far as it keeps the contract: one that says that it is disabled and
//! writes on is found out by a canary, if at all. So a deletion that the controller reports is followed by unmapping,
//! where there is that. VFIO without an IOMMU could take no memory from a drive, and is refused.
//!
//! [`Command::submit`]: crate::Command::submit

mod accounts;
mod backoff;
mod beside;
mod claims;
mod completion;
mod completion_side;
mod core;
mod creation;
mod deed;
mod describe;
mod doorbell;
mod facts;
mod head;
mod invariant;
mod key;
mod ladder;
mod left;
mod notes;
mod one_thread;
mod plain;
mod qpair;
mod ring;
mod scope;
mod slot;
mod slots;
mod straggler;
mod submission;
mod target;
mod ticket;

pub(crate) use backoff::Backoff;
pub(crate) use claims::Claim;
pub(crate) use claims::Claims;
pub(crate) use completion_side::CompletionSide;
pub(crate) use core::Core;
pub(crate) use creation::Creation;
pub(crate) use creation::QueueKind;
pub use creation::QueueMemory;
pub(crate) use doorbell::Doorbell;
pub(crate) use key::Key;
pub(crate) use key::Owner;
pub(crate) use ladder::panic_message;
pub use qpair::CompletionQueue;
pub use qpair::CqOptions;
pub use qpair::Qpair;
pub use qpair::SqOptions;
pub(crate) use ring::CompletionRing;
pub(crate) use ring::SubmissionRing;
pub use scope::Io;
pub use scope::scope_all;
pub use target::AdminQueue;
pub use target::IoQueue;
pub(crate) use target::sealed::Queue;
pub use ticket::Ticket;

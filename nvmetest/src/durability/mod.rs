//! What a namespace may hold after its power was cut.
//!
//! # The rule
//!
//! A power loss takes what the controller had not written to its media. For each logical block the standard leaves open
//! which of the commands that were not yet durable survive, and in which order, but no more than that:
//!
//! | a write that was, when the power went | its blocks hold afterwards |
//! | --- | --- |
//! | acknowledged, and flushed or written with FUA | that content, or that of a later or simultaneous write |
//! | acknowledged, with no volatile write cache in use | the same |
//! | acknowledged, with the volatile write cache enabled | old or new, block by block |
//! | in flight | old or new, and all old or all new up to AWUPF |
//!
//! Everything else is broken: a durable write that is lost, a command that is torn within AWUPF, a block with content
//! that belongs to another one or to none.
//!
//! # The argument
//!
//! **Acknowledged** is a command whose completion the host has taken from the queue. A completion that the device has
//! posted and nobody has seen does not count, so that the model never asks for more than the host was promised.
//!
//! **Durable** is what the standard says survives: a write with FUA that was acknowledged (NVM 3.3.6), a write that was
//! acknowledged while the volatile write cache was absent or disabled (Base 5.1.25.1.4), and a write that was
//! acknowledged *before a Flush was submitted* that has succeeded (Base 7.2). A write that was in flight together with the
//! Flush may have been too late for it.
//!
//! **Old** is not one content but several. As long as nothing is durable each write in turn may be the last one that
//! reached the media, so that of a block that was written three times, and never flushed, all four contents are allowed. A
//! durable write `d` ends that: whatever was over before `d` was submitted had been replaced by `d`, and cannot come back.
//! What overlapped `d` in time may have been executed after it, and stays allowed; so does what was submitted later.
//! That is all there is to [`Durability`]: it keeps for each block the contents that are allowed, with the time at which
//! each was submitted and was over, and a durable write removes those that were over before it was submitted.
//!
//! **Maybe** is a write that failed or was aborted: it may have been executed, in part or as a whole, and not later than
//! it was over. It adds a content and removes none. The same is true of Dataset Management, whose deallocation a
//! controller is free to ignore (NVM 3.3.3).
//!
//! **Torn** is a relation between blocks. A write of at most AWUPF blocks (NAWUPF, where the namespace has more) that
//! crosses no atomic boundary (NABSPF) is all old or all new if it was interrupted by a power loss, or failed
//! otherwise (NVM 2.1.4.2). A block is evidence for *new*
//! if its content can only be that of the command, and evidence for *old* if its content can only be one that was over
//! before the command was submitted; both within one command are a violation. Blocks that other writes have changed
//! meanwhile are no evidence, so that overlapping commands cause no false alarm.
//! Of larger writes the standard guarantees nothing at all; what is asked for here is that each of their *blocks*
//! is old or new, since no file system could live with less.
//!
//! **Afterwards** nothing is volatile: what was read is on the media. The check therefore ends with one
//! allowed content for each block, the one that was found, also where it was a violation, so that each is reported once.
//!
//! # How to use it
//!
//! A test tells the record what it submits, and what completed. The record is what is allowed; it knows nothing of
//! queues, and survives the controller that it was made with.
//!
//! ```
//! use nvmetest::durability::Effect;
//! use nvmetest::prelude::*;
//!
//! # fn main() -> Result {
//! # let mut nvme = nvmetest_fixtures::soft::controller("soft:size=4MiB,cache=1MiB,cache-seed=3")?;
//! let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
//! let record = ns.durability(&q, 0..64)?;
//! let mut data = nvme.buffer(8 * ns.block());
//! data.fill(0xA5);
//!
//! let write = record.begin(Effect::data(0, &data));
//! let done = ns.write(&data, 0).run(&q)?;
//! record.end(write, done.status);
//!
//! let flush = record.begin(Effect::flush());
//! let done = ns.flush().run(&q)?;
//! record.end(flush, done.status);
//!
//! drop(q);
//! nvme.power_cycle()?;
//! nvme.reset()?;
//! let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
//! let report = ns.check_after_power_loss(&q, &record)?;
//! assert!(report.violations.is_empty(), "{report}");
//! # Ok(())
//! # }
//! ```

mod atomicity;
mod check;
mod content;
mod entry;
mod journal;
mod model;
mod record;
mod recorded;
mod verdict;

pub(crate) use journal::Begun;
pub use journal::JournalError;
pub(crate) use journal::Lane;
pub use record::Durability;
pub(crate) use record::Record;
pub(crate) use record::WorkerLane;
pub(crate) use recorded::Recorded;
pub(crate) use recorded::cache_of;
pub(crate) use recorded::is_harmless;
pub use verdict::PowerLossReport;
pub use verdict::Verdict;
pub use verdict::Violation;

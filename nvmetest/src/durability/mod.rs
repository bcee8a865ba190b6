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
//! otherwise (NVM 2.1.4.2). One that failed, or whose worker was killed, while there was a cache in use, may have been in the cache as
//! a whole when the power went, and lost in part: it is not asked for this, unless it had FUA. A block is evidence for *new*
//! if its content can only be that of the command, and evidence for *old* if its content can only be one that was over
//! before the command was submitted; both within one command are a violation. Blocks that other writes have changed
//! meanwhile are no evidence, so that overlapping commands cause no false alarm.
//! Of larger writes the standard guarantees nothing at all; what is asked for here is that each of their *blocks*
//! is old or new, since no file system could live with less.
//!
//! **Afterwards** nothing is volatile: what was read is on the media. The check therefore ends with one
//! allowed content for each block, the one that was found, also where it was a violation, so that each is reported once.
//!
//! # How it is known
//!
//! A record follows what is done to its namespace as long as it lives: the driver notes what a command does before its
//! doorbell is rung, and how it ended after its completion was seen. So do the workers that are
//! [started](crate::Namespace::ioworker), in their own processes. What they note is in memory that they share, and in one
//! order, that of a counter; the record takes it from there. It does not matter whether data is
//! [verified](crate::integrity), too.
//!
//! | what | is |
//! | --- | --- |
//! | Write, Write Zeroes, Write Uncorrectable, Dataset Management with AD, also raw | followed, with FUA where they have it |
//! | Flush, also of all namespaces where VWC.FB says that there is such a thing | followed |
//! | Set Features for the volatile write cache | followed: a write is durable without FUA if the cache was disabled all the time |
//! | Copy; a write whose data is described wrongly on purpose; an opcode that the driver does not know | a write of anything |
//! | an [entry by hand](crate::raw) | a write of anything, which is in flight until the power goes |
//! | Format NVM, Sanitize, namespaces that are created or attached | the end of the record |
//! | a worker that was killed | its commands are in flight until its queue is gone, and then over: old or new |
//! | a vendor-specific admin command; whoever uses the namespace by another controller | not seen |
//!
//! A block that may hold anything passes, and is counted ([`PowerLossReport::unjudged`]); so is one that was written more than
//! 256 times with nothing of it durable. A worker notes its commands in a ring, which the session empties: where it does not for
//! as long as a command may take, the worker ends with an error that says so, and never sends what it could not note.
//!
//! # How to use it
//!
//! ```
//! use nvmetest::prelude::*;
//!
//! # fn main() -> Result {
//! # let mut nvme = nvmetest_fixtures::soft::controller("soft:size=4MiB,cache=1MiB,cache-seed=3")?;
//! let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
//! let record = ns.durability(&q, 0..64)?;
//! let mut data = nvme.buffer(8 * ns.block());
//! data.fill(0xA5);
//! ns.write(&data, 0).run(&q)?;
//! ns.flush().run(&q)?;
//! ns.write(&data, 8).run(&q)?;
//!
//! drop(q);
//! nvme.power_cycle()?;
//! nvme.reset()?;
//! let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
//! // Blocks 0 to 7 hold what was written, and blocks 8 to 15 either that or what they held before.
//! let report = ns.check_after_power_loss(&q, &record)?;
//! assert!(report.violations.is_empty(), "{report}");
//! assert_eq!((report.checked, report.unjudged), (64, 0));
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

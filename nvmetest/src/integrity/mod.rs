//! Data integrity: what each block may hold, and what is wrong with one that holds something else.
//!
//! A [`Table`] knows of each logical block the CRC32 of what it may hold. `ns.verify_data(true)` has the driver tell it
//! of each command that changes blocks, and check what is read; the fixture [`Verify`] does so for one test.
//! A [`Stamp`] lets a block say itself whose it is, so that a wrong one can be told from another.
//!
//! # The rule: old or new
//!
//! For each block by itself, a read returns the content of a write *W* that is not superseded for it. *W* is superseded
//! for a read if there is a write *V* that succeeded, was submitted after *W* was complete, and was complete before
//! the read was submitted. So a read that overlaps writes returns what was there before, or what any of them writes; and
//! a read that comes after all of them returns the last, or, if the last ones overlapped each other, one of these. Such
//! a read settles it: reads that are submitted after all of these writes were complete return the same.
//! A write that failed, or whose process was killed, supersedes nothing: the block is old or new until a read settles it.
//! A deallocation is a hint (NVM 3.3.3.2.1) that may be taken late: it supersedes nothing, and no read settles that it
//! will not be taken.
//!
//! # How it is known
//!
//! There is one clock for all processes, a counter. A write takes a stamp *before* its doorbell is rung, and is in the
//! table by then; it takes another *after* its completion was seen. A read looks at the clock before its doorbell, and is
//! judged after its completion was seen. All this is in one order, that of the counter and of the locks below. So:
//!
//! - **There is no false alarm.** When a read is judged, each write that the device may have executed by then is in the
//!   table. The table takes *V* for complete before the read only if the read's look at the clock saw the stamp of *V*'s
//!   completion, and so came after it; and it takes *V* for later than *W* only if *V*'s first stamp is greater than
//!   *W*'s second one. What the table takes for superseded is superseded. Being late with a stamp makes writes overlap
//!   more, and lets more pass. What was dropped to make room, or settled away, is behind the *horizon* of its bucket: a
//!   read that was submitted before the horizon and finds nothing that fits is not judged, and counted
//!   ([`Table::unjudged`]). The bounds are below.
//! - **No corruption is missed, but for these.** A read that returns a superseded content, or one that nobody wrote,
//!   fits no candidate unless a CRC32 collides (one in 2³²). Not seen are: wrong data in blocks of which nobody told the
//!   table ([`Content::Unknown`]); a wrong choice among the candidates, as a write that overlapped another and was lost;
//!   reads that are counted as unjudged; blocks that nobody reads; metadata; and who writes without telling, which
//!   may look like a corruption.
//!
//! # How it is kept
//!
//! A block has one word, which is enough while it is not written: a read that finds its CRC32 there has passed, and takes no
//! lock. A block that is being written has a record of its candidates, with their stamps, in a bucket, found by the
//! block's number. A bucket has a lock of its own; blocks that follow each other are in different buckets. It has room for 28 contents,
//! and takes more from a pool, a list without a lock, of which only what is used costs anything.
//! A record stays when its writes are complete, for reads that may still be in flight; but then the word says again what was
//! written last, as one content, and who reads that has passed: what nothing supersedes may be read by all. What was superseded
//! is put away, into a list of the bucket, the latest first, with the stamp from which on it was superseded: only a read
//! that began before looks through it, and no farther than to what was superseded when it began.
//!
//! **A read is judged** unless one of these holds; then it is counted:
//!
//! - While it was in flight, 32,768 stamps were taken (two for each write; 16 workers can have 16,384 commands in flight), or more than
//!   4,000 writes of its bucket superseded each other, or 32 other blocks of its bucket were written: what it may return may be forgotten.
//! - 32,768 contents of its block were in question, or 33 million of all blocks: what was not judged then is
//!   judged again when the writes are over, or their writers are gone, and the block is written again ([`Table::degraded`]).
//! - Entries by hand have to do with it, or the process that has its bucket is stopped (both below).
//!
//! What is in flight of a block is looked through with each write of it: a block with thousands of writes in flight costs some
//! microseconds each time.
//!
//! **A process that is killed wedges nobody.** A lock has the identifier of its process. Each store under a lock leaves
//! the bucket in order, so that who finds that the process is gone goes on where it was; a node of the pool may be lost with it.
//! One that is stopped for two seconds with a lock is named in the error of who wants to write there ([`TableError::Stopped`]),
//! and nobody waits for it again until it goes on or ends. What a killed process had in flight is in flight
//! until its owner declares that its queues are gone (`Table::end_writer`); then it is old or new.
//!
//! **Entries by hand** ([`raw`](crate::raw)) are executed when the test says so, and complete without the driver: nothing is known of
//! the blocks that they write until a new table is begun, and of none at all after a deallocation or a copy by hand. Such reads are
//! counted as unjudged. Zone Management Send and Zone Append change blocks of which the driver does not know which: they make void what was known. After [`Command::raw`](crate::Command::raw) all is known; but vendor-specific commands are not looked at.
//!
//! The file of a table is a hole; room is reserved in pieces of 16 KiB before they are touched, so that a full disk is an error,
//! and no signal. 8 bytes are needed for a block, 1 KiB for each bucket, of which there are 65,536 at most,
//! and 128 bytes for four contents more.

mod bucket;
mod content;
mod error;
mod judge;
mod lock;
mod memory;
mod place;
mod record;
mod session;
mod stamp;
mod store;
mod table;
mod verdict;
mod writer;
mod writers;

pub use content::Content;
pub use error::TableError;
pub use place::Geometry;
pub(crate) use session::Checker;
pub(crate) use session::Verified;
pub use session::Verify;
pub(crate) use session::ZONED;
pub use stamp::STAMP_BYTES;
pub use stamp::Stamp;
pub use table::Table;
pub use verdict::Candidate;
pub use verdict::Miscompare;
pub use verdict::Time;
pub use verdict::Verdict;
pub(crate) use writer::Outcome;
pub(crate) use writer::Reading;
pub(crate) use writer::Writer;
pub(crate) use writer::Writing;
pub(crate) use writers::writers_of;

#[cfg(all(test, not(miri)))]
mod tests;

//! What a qualification run leaves: one line of JSON for everything that happened, in the order in which it did.
//!
//! A run appends to `results.jsonl` in its folder, and each [`Line`] is in the file before the next test begins. So a run
//! that is killed leaves what it knew, can be resumed, and a test that was planned and has no attempt is [`Verdict::Missing`].
//! All else is made from these lines: the verdict of each test ([`Results::outcomes`]), the report, JUnit, KTAP, the merge of
//! several shards.
//!
//! ```
//! use nvmetest::results::Results;
//! use nvmetest::runner::Verdict;
//!
//! let lines = r#"
//! {"kind":"run","schema":1,"id":"r1","tool":"0.1.0","suite":{"name":"nvme","tests":1,"hash":"0"},"profile":"default","mode":"ci","seed":7,"host":"lab1","command":[],"started_ms":0}
//! {"kind":"test","device":0,"test":"flush::a_flush","area":"flush","file":"flush.rs","line":3}
//! "#;
//! let results = Results::parse(lines)?;
//! assert_eq!(results.outcomes()[0].verdict, Verdict::Missing, "it was planned and never reported");
//! # Ok::<(), nvmetest::results::ResultsError>(())
//! ```
//!
//! | line | says | how often |
//! | --- | --- | --- |
//! | [`Run`] | which run this is, of which suite, and what it was told | first; again when it is resumed |
//! | [`Device`] | which drive was found behind an index, and what it chose of what the standard leaves open | each time it is opened |
//! | [`Planned`] | that a test was to run, and what is known of it | before any attempt |
//! | [`Begin`] | that a test begins: if nothing follows, the machine or the run ended while it ran | before each attempt |
//! | [`Attempt`] | what became of running it once | each time |
//! | [`Health`] | the SMART / Health Information of a device | before and after |
//! | [`Note`] | what else a reader has to know: lost devices, quarantine, a resumed run | when it happens |
//! | [`End`] | how the run ended | last, unless it was killed |

mod attempt;
mod junit;
mod ktap;
mod line;
mod read;
mod run;
mod schema;
pub(crate) mod utc;
mod write;

pub use attempt::Attempt;
pub use attempt::CommandTimes;
pub use attempt::Measurement;
pub use attempt::Waiver;
pub use attempt::Worker;
pub(crate) use attempt::is_enough;
pub use line::Line;
pub use line::SCHEMA;
pub use read::Outcome;
pub use read::Results;
pub use read::ResultsError;
pub use run::Begin;
pub use run::Choice;
pub use run::Device;
pub use run::End;
pub use run::EndReason;
pub use run::Health;
pub use run::Mode;
pub use run::Moment;
pub use run::Note;
pub use run::Planned;
pub use run::Run;
pub use run::Shard;
pub use run::Subject;
pub use run::Suite;
pub use schema::JSON_SCHEMA;
pub use write::Writer;

#[cfg(doc)]
use crate::runner::Verdict;

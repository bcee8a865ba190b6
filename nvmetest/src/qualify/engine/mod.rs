//! The engine of a run: one coordinator, and a process for each device.
//!
//! `plan` says which tests there are, `coordinator` has the devices run them (`beginning`, `verdicts`, `losses` and `ending` are parts of
//! it), `lane` is what it knows of one device, `drives` whether the devices are the right ones, `record` is what it writes, `done` what
//! an earlier part of the run did, `times` how long commands took, `signals` is who interrupts it, `terminal` what a person sees of it
//! meanwhile, and `summary` what is said at the end.

mod beginning;
mod coordinator;
mod done;
mod drives;
mod ending;
mod job;
mod lane;
mod losses;
mod plan;
mod record;
mod signals;
mod summary;
mod terminal;
mod times;
mod verdicts;
mod wait;

pub(super) use coordinator::results_of;
pub(super) use coordinator::run_job;
pub(super) use ending::INTERRUPTED;
pub(super) use job::Job;
pub(super) use job::Pool;
pub(super) use plan::Plan;
pub(super) use plan::Selection;
pub(super) use plan::listed;
pub(super) use record::FILE;
pub(super) use signals::Signals;

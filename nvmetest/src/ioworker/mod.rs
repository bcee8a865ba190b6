//! Workers: processes that drive I/O at full speed.
//!
//! [`Namespace::ioworker`](crate::Namespace::ioworker) describes one and [`start`](IoWorkerBuilder::start)s it. The handle, [`IoWorker`], has the
//! queue pair for as long as the worker lives; [`join`](IoWorker::join) waits for the end and gives what the worker
//! counted.
//!
//! ```no_run
//! use nvmetest::prelude::*;
//!
//! /// 4 KiB random reads, sixteen at a time.
//! #[nvme_test]
//! fn random_reads(ns: Namespace) -> Result {
//!     let worker = ns.ioworker().random().depth(16).count(10_000).start()?;
//!     let statistics = worker.join()?;
//!     assert_eq!(statistics.reads, 10_000);
//!     println!("{statistics}");
//!     Ok(())
//! }
//! ```
//!
//! What it sends follows from its seed. Its commands are in the [command log](crate::cmdlog), also when it was killed. Where the
//! data of its namespace is [verified](crate::integrity), each block that it writes has a [`Stamp`](crate::integrity::Stamp), and
//! what it reads is checked: by what it wrote itself, what other workers did, and what the test did. Wrong data ends it
//! ([`IoWorkerError::Miscompare`]).
//!
//! # The process
//!
//! A worker is the running program, executed again ([`ROLE_ARGUMENT`](crate::transport::ROLE_ARGUMENT)): so its
//! `main` has to ask whether it is meant. [`runner::main`](crate::runner::main) does, and a harness of another make
//! calls [`runner::serve_role`](crate::runner::serve_role) first thing.
//!
//! ```text
//!   runner                                   worker
//!     creates the queues, has the memory       maps the two queues, the data, and their doorbells
//!     writes the job (JSON)          ───────►  reads it from standard input
//!     reads the statistics           ◄───────  counts, in memory that both have mapped, command for command
//!     deletes the queues when the process has ended
//! ```
//!
//! It ends with the thread that started it (PR_SET_PDEATHSIG).
//!
//! Where the doorbells of the device cannot be mapped (QEMU has a socket for them), a worker rings in a page of shared
//! memory, and a thread of the runner tells the device what is new there: one thread for all workers of a controller,
//! which lives as long as one of them does, and naps when they are idle.
//!
//! # Soundness
//!
//! The memory that a worker uses is the worker's own: the runner has no reference to it, and never makes one. What the
//! worker could do to the memory of others is to ring doorbells of a queue that is not its own any more, and
//! that is ruled out by an order: **the process has ended before the identifier or the memory of its queues can be
//! used again.** The handle ends it before it deletes the queues; and `Shared`, which knows all workers that live,
//! ends them before the controller is disabled or reset, when somebody deletes their queues by hand, and
//! when the [`Controller`](crate::Controller) is dropped. So it does not matter whether the handle is dropped or
//! forgotten. Who rings for a worker stops when its process is ended, and before that returns.
//!
//! The device may use the data until the queue is gone. Until then `Shared` has it, too; and no namespace is formatted,
//! for the worker's commands would transfer blocks of another size.

mod builder;
mod clock;
mod doorbell;
mod engine;
mod error;
mod forwarder;
mod handle;
mod job;
mod launch;
mod live;
mod page;
mod process;
mod progress;
mod role;
mod statistics;
mod workload;

pub use builder::IoWorkerBuilder;
pub use error::IoWorkerError;
pub use handle::IoWorker;
pub(crate) use live::LiveWorkers;
pub(crate) use role::serve;
pub use statistics::Comparison;
pub use statistics::FailedCommand;
pub use statistics::Latency;
pub use statistics::OpcodeStatistics;
pub use statistics::Statistics;
pub use workload::DataPattern;
pub use workload::Distribution;
pub use workload::IoSizes;
pub use workload::TimedCommand;

/// The role of a worker's process, behind [`ROLE_ARGUMENT`](crate::transport::ROLE_ARGUMENT).
const ROLE: &str = "ioworker";

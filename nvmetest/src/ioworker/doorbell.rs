//! How a worker reaches its doorbells.
//!
//! Where another process can map the doorbells of the device, the worker does. Elsewhere it gets a page that looks the
//! same to it, and the runner forwards what it writes there: [`forwarder`](super::forwarder).
//!
//! # Soundness
//!
//! To ring is to have the device fetch and execute what stands in a queue: the caller of
//! [`Function::ring`] answers for the memory that is named there. For what is forwarded the argument is that of the
//! module [`ioworker`](super): the two doorbells are those of the worker's own queues, whose entries name the worker's
//! own data; and nobody rings for it any more when the identifiers or the memory of its queues are used again, for
//! what ends its process ends the forwarding, too ([`WorkerProcess::end`](super::process::WorkerProcess::end)). So it
//! makes no difference to anybody's memory what a worker that runs wild writes to the page.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::memory::Mapping;
use crate::memory::PAGE_SIZE;
use crate::transport::Function;

use super::forwarder::Bell;
use super::forwarder::Lane;

/// Where in a page that is forwarded the worker writes SQyTDBL and CQyHDBL.
const SQ_TAIL: usize = 0;
const CQ_HEAD: usize = 4;

/// The doorbells of a worker.
#[derive(Debug)]
pub(super) struct Doorbells {
    /// The file to map.
    pub(super) file: OwnedFd,
    pub(super) map: DoorbellMap,
    /// What is to be forwarded.
    pub(super) lane: Option<Lane>,
}

/// What a worker has to know of its doorbells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DoorbellMap {
    /// The bytes of the file to map.
    pub(super) range: Range<u64>,
    /// The offset of the first of them. The others count like it.
    pub(super) start: u64,
    /// Where SQyTDBL is.
    pub(super) sq_tail: u64,
    /// Where CQyHDBL is.
    pub(super) cq_head: u64,
}

impl Doorbells {
    /// Finds a way to the doorbells at `sq_tail` and `cq_head` of BAR0, of queues with `entries` entries.
    ///
    /// # Errors
    ///
    /// Fails if there is no memory or no descriptor to be had.
    pub(super) fn reach(
        function: &Arc<dyn Function>,
        [sq_tail, cq_head]: [u64; 2],
        entries: u32,
    ) -> io::Result<Self> {
        if let Some(doorbells) = function.doorbell_file()
            && let Some((range, start)) = doorbells.pages(&[sq_tail, cq_head])
        {
            let map = DoorbellMap { range, start, sq_tail, cq_head };
            return Ok(Self { file: doorbells.file, map, lane: None });
        }
        let (file, page): (File, _) = Mapping::anonymous(c"nvmetest-doorbells", PAGE_SIZE)?;
        let map = DoorbellMap {
            range: 0..PAGE_SIZE as u64,
            start: 0,
            sq_tail: SQ_TAIL as u64,
            cq_head: CQ_HEAD as u64,
        };
        let bell = |word, offset| Bell { word, offset, told: 0 };
        let bells = [bell(SQ_TAIL, sq_tail), bell(CQ_HEAD, cq_head)];
        let function = Arc::clone(function);
        // Here the device is rung for a worker: see above.
        let ring = Box::new(move |offset, value| function.post(offset, value));
        let lane = Some(Lane { page: Arc::new(page), entries, bells, ring });
        Ok(Self { file: file.into(), map, lane })
    }
}

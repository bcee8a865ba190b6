//! Completion queues by hand (Base 3.3.1.2).

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use zerocopy::IntoBytes;

use crate::Error;
use crate::Result;
use crate::controller::Controller;
use crate::controller::CreateIoCq;
use crate::memory::hand_over;
use crate::queue::Backoff;
use crate::queue::Claim;
use crate::queue::CompletionRing;
use crate::queue::Doorbell;
use crate::spec::Cqe;

/// A completion queue whose entries and doorbell are the test's; deleted when dropped.
///
/// Nothing is checked of what it holds, and its head moves only when it is [rung](Self::ring).
///
/// Drop the submission queues that complete here first: declare it before them.
#[derive(Debug)]
pub struct CompletionQueue<'c> {
    controller: &'c Controller,
    fields: CreateIoCq,
    ring: CompletionRing,
    doorbell: Doorbell,
    claim: Rc<Claim>,
    next: u32,
    phase: bool,
    /// What the doorbell was rung with.
    head: u32,
    /// Whether the doorbell was rung with what was not taken: completions may be missed.
    wild: bool,
}

impl CompletionQueue<'_> {
    /// Returns the queue identifier.
    pub fn id(&self) -> u16 {
        self.fields.qid
    }

    /// Returns the number of entries.
    pub fn entries(&self) -> u32 {
        self.ring.entries()
    }

    /// Returns the index of the entry that [`take`](Self::take) looks at next.
    pub fn next_index(&self) -> u32 {
        self.next
    }

    /// Returns the entry at `index` as it stands, be it new or old; its phase tag tells (Base 4.2.4).
    ///
    /// # Panics
    ///
    /// Panics if the queue has no such entry.
    pub fn entry(&self, index: u32) -> Cqe {
        let entries = self.entries();
        assert!(index < entries, "a queue of {entries} entries has no entry {index}");
        let mut cqe: Cqe = zerocopy::FromZeros::new_zeroed();
        self.ring.block().read(index as usize * size_of::<Cqe>(), cqe.as_mut_bytes());
        cqe
    }

    /// Takes the next completion, if it is there, and leaves the doorbell alone.
    pub fn take(&mut self) -> Option<Cqe> {
        let cqe = self.ring.read(self.next, self.phase)?;
        hand_over();
        self.next += 1;
        if self.next == self.entries() {
            self.next = 0;
            self.phase = !self.phase;
        }
        if let Some(fetching) = self.controller.shared().claims().fetching(cqe.sqid.get()) {
            fetching.completed(self.id(), &cqe, !self.wild);
        }
        Some(cqe)
    }

    /// Waits for the next completion, takes it, and leaves the doorbell alone.
    ///
    /// # Errors
    ///
    /// Fails if none comes within `timeout`, or if the device is gone.
    pub fn wait(&mut self, timeout: Duration) -> Result<Cqe> {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            if let Some(cqe) = self.take() {
                return Ok(cqe);
            }
            if !backoff.pause() {
                continue;
            }
            let waiting_for = || Some(format!("a completion in queue {}", self.id()));
            if let Some(error) = self.controller.trouble(waiting_for) {
                return Err(error);
            }
            self.check_alive()?;
            if timeout < start.elapsed() {
                let (id, next) = (self.id(), self.next);
                let what =
                    format!("completion queue {id} has no new entry {next} after {timeout:?}");
                return Err(Error::Failed(what));
            }
        }
    }

    /// Writes `value` to the head doorbell, whatever it is.
    ///
    /// # Errors
    ///
    /// Fails if the queue is gone, or if the device cannot be reached.
    pub fn ring(&mut self, value: u32) -> Result {
        self.check_alive()?;
        let entries = self.entries();
        let forward = |to: u32| (to + entries - self.head) % entries;
        if entries <= value || forward(self.next) < forward(value) {
            self.wild = true;
        } else {
            self.head = value;
        }
        Ok(self.doorbell.ring(value)?)
    }

    /// Gives all entries that were taken back to the controller.
    ///
    /// # Errors
    ///
    /// As for [`ring`](Self::ring).
    pub fn release(&mut self) -> Result {
        self.ring(self.next)
    }

    fn check_alive(&self) -> Result {
        if self.controller.shared().claims().has(&self.claim) {
            return Ok(());
        }
        let queue = format!("completion queue {}", self.id());
        let why = "it was deleted, or the controller was disabled".to_owned();
        Err(Error::QueueGone { queue, why })
    }
}

impl Drop for CompletionQueue<'_> {
    fn drop(&mut self) {
        if self.check_alive().is_err() {
            return;
        }
        let deleted = self.controller.delete_io_cq(self.id()).run(self.controller);
        self.controller.account_for_deletion(deleted, &format!("completion queue {}", self.id()));
    }
}

impl Controller {
    /// Creates a completion queue for work by hand; see [`raw`](crate::raw).
    ///
    /// To see a creation refused there is [`create_io_cq`](Self::create_io_cq).
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses it, and for what the host could not read: an offset, a queue that is not
    /// contiguous, entries that do not have 16 bytes (CC.IOCQES).
    #[track_caller]
    pub fn raw_completion_queue(&self, fields: CreateIoCq) -> Result<CompletionQueue<'_>> {
        if fields.offset != 0 || !fields.contiguous || self.config().iocqes != 4 {
            let why = "a completion queue for work by hand is contiguous, has no offset, and entries of 16 bytes \
                       (CC.IOCQES = 4)";
            return Err(Error::Failed(why.to_owned()));
        }
        if self.shared().queues().is_cq_taken(fields.qid) {
            let why = format!(
                "completion queue {} is the driver's, which rings its doorbell",
                fields.qid
            );
            return Err(Error::Failed(why));
        }
        let create = self.create_io_cq(fields);
        let block = create.data.block().clone();
        create.run(self)?;
        let shared = self.shared();
        let claim = self.claim_of(&block)?;
        let doorbell = Doorbell::new(shared.function(), shared.cq_head_doorbell(fields.qid));
        let ring = CompletionRing::new(block, u32::from(fields.size_z) + 1);
        Ok(CompletionQueue {
            controller: self,
            fields,
            ring,
            doorbell,
            claim,
            next: 0,
            phase: true,
            head: 0,
            wild: false,
        })
    }
}

//! Submission queues by hand (Base 3.3.1.1).

use std::rc::Rc;
use std::sync::Arc;

use zerocopy::IntoBytes;

use crate::Error;
use crate::Result;
use crate::controller::Controller;
use crate::controller::CreateIoSq;
use crate::memory::Block;
use crate::memory::hand_over;
use crate::queue::Claim;
use crate::queue::Doorbell;
use crate::spec::Sqe;

use super::Entry;
use super::Fetching;
use super::address::FOREIGN;
use super::reach::Ground;

/// A submission queue whose entries and doorbell are the test's; deleted when dropped.
#[derive(Debug)]
pub struct SubmissionQueue<'c> {
    controller: &'c Controller,
    fields: CreateIoSq,
    block: Arc<Block>,
    /// Where the entries start: behind the PRP List of a queue that is not contiguous.
    start: usize,
    doorbell: Doorbell,
    claim: Rc<Claim>,
    fetching: Rc<Fetching>,
}

impl SubmissionQueue<'_> {
    /// Returns the queue identifier.
    pub fn id(&self) -> u16 {
        self.fields.qid
    }

    /// Returns the number of entries.
    pub fn entries(&self) -> u32 {
        u32::from(self.fields.size_z) + 1
    }

    /// Returns what the tail doorbell was rung with last, if that was an index of the queue.
    pub fn tail(&self) -> u32 {
        self.fetching.tail()
    }

    /// Writes an entry at `index`, and rings no doorbell. What it names is kept until the queue is gone.
    ///
    /// A slot that the device may be fetching can be written, too, if neither what stands there nor the new entry
    /// makes the device write host memory, or if PRP Entry 2 of both names nothing. Which slots those are, follows
    /// from the doorbell and from completions that were taken [in order](super::CompletionQueue::wait); once the
    /// doorbell was rung with what is no new tail, it is all of them.
    ///
    /// # Errors
    ///
    /// Fails if the queue is gone, or with the reason why a device that follows the standard could write to memory
    /// that the entry does not name.
    ///
    /// # Panics
    ///
    /// Panics if the queue has no such entry.
    pub fn write(&self, index: u32, entry: &Entry) -> Result {
        let entries = self.entries();
        assert!(index < entries, "a queue of {entries} entries has no entry {index}");
        self.check_alive()?;
        let shared = self.controller.shared();
        let refuse = |why| Error::Layout {
            command: format!(
                "opcode {:02x}h at {index} of queue {}",
                entry.sqe().opcode(),
                self.id()
            ),
            why,
            site: entry.site,
        };
        if entry.blocks.is_some_and(|blocks| blocks.epoch != shared.epoch()) {
            let why = "the namespace was formatted since it was identified: make it again with \
                       `nvme.namespace`";
            return Err(refuse(why.to_owned()));
        }
        if !entry.is_of(shared.domain()) {
            return Err(refuse(FOREIGN.to_owned()));
        }
        let reach = ground(self.controller).reach(entry).map_err(refuse)?;
        if reach.relies_on_format && shared.is_changing() {
            return Err(refuse("a namespace is being formatted: wait for that command".to_owned()));
        }
        if shared.verified().is_on() {
            shared.verified().note_by_hand(&entry.sqe())?;
        }
        if shared.recorded().is_on() {
            shared.recorded().note_by_hand(&entry.sqe())?;
        }
        self.fetching.write(index, entry, reach).map_err(refuse)?;
        entry.keep(&mut |block| self.claim.keep(block));
        let (size, _) = shared.entry_sizes();
        self.block.write(self.start + index as usize * size, entry.sqe().as_bytes());
        Ok(())
    }

    /// Writes `value` to the tail doorbell, whatever it is.
    ///
    /// # Errors
    ///
    /// Fails if the queue is gone, or if the device cannot be reached.
    pub fn ring(&self, value: u32) -> Result {
        self.check_alive()?;
        self.fetching.ring(value);
        hand_over();
        Ok(self.doorbell.ring(value)?)
    }

    /// Writes an entry at the tail, and rings the doorbell for it.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn submit(&self, entry: &Entry) -> Result {
        let tail = self.tail();
        self.write(tail, entry)?;
        self.ring((tail + 1) % self.entries())
    }

    /// Reads the entry at `index` back.
    ///
    /// # Panics
    ///
    /// Panics if the queue has no such entry.
    pub fn entry(&self, index: u32) -> Sqe {
        let entries = self.entries();
        assert!(index < entries, "a queue of {entries} entries has no entry {index}");
        let mut sqe: Sqe = zerocopy::FromZeros::new_zeroed();
        let (size, _) = self.controller.shared().entry_sizes();
        self.block.read(self.start + index as usize * size, sqe.as_mut_bytes());
        sqe
    }

    fn check_alive(&self) -> Result {
        if self.controller.shared().claims().has(&self.claim) {
            return Ok(());
        }
        let queue = format!("submission queue {}", self.id());
        let why = "it was deleted, or the controller was disabled".to_owned();
        Err(Error::QueueGone { queue, why })
    }
}

fn ground(nvme: &Controller) -> Ground {
    let shared = nvme.shared();
    Ground {
        page: shared.page_size(),
        null_is_memory: shared.domain().null_is_memory(),
        has_sgl: nvme.capabilities().controller.sgls.sgls() != 0,
    }
}

impl Drop for SubmissionQueue<'_> {
    fn drop(&mut self) {
        if self.check_alive().is_err() {
            return;
        }
        let deleted = self.controller.delete_io_sq(self.id()).run(self.controller);
        self.controller.account_for_deletion(deleted, &format!("submission queue {}", self.id()));
    }
}

impl Controller {
    /// Creates a submission queue for work by hand; see [`raw`](crate::raw).
    ///
    /// To see a creation refused there is [`create_io_sq`](Self::create_io_sq).
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses it, for an offset, and unless CC.IOSQES says 64 bytes: the device would
    /// take parts of two entries for one.
    #[track_caller]
    pub fn raw_submission_queue(&self, fields: CreateIoSq) -> Result<SubmissionQueue<'_>> {
        if fields.offset != 0 || self.config().iosqes != 6 {
            let why =
                "a queue for work by hand has no offset, and entries of 64 bytes (CC.IOSQES = 6)";
            return Err(Error::Failed(why.to_owned()));
        }
        if self.shared().queues().is_sq_taken(fields.qid) {
            let why =
                format!("submission queue {} is a `Qpair`'s, which rings its doorbell", fields.qid);
            return Err(Error::Failed(why));
        }
        let create = self.create_io_sq(fields);
        let block = create.data.block().clone();
        let shared = self.shared();
        let (page, bytes) = (shared.page_size(), u64::from(fields.size_z) * 64 + 64);
        if !fields.contiguous && page * (page / 8) < bytes {
            let why =
                format!("{bytes} bytes in pages of {page}: their PRP List has more than a page");
            return Err(Error::Failed(why));
        }
        create.run(self)?;
        let claim = self.claim_of(&block)?;
        let doorbell = Doorbell::new(shared.function(), shared.sq_tail_doorbell(fields.qid));
        let log = shared.log().ring(fields.qid, fields.cqid);
        let zeroes = ground(self).reach(&Entry::new(0)).map_err(Error::Failed)?;
        let entries = u32::from(fields.size_z) + 1;
        // Completions of an earlier queue of that name say nothing about this one.
        let is_first = shared.claims().is_first(fields.cqid, fields.qid);
        let fetching = Rc::new(Fetching::new(fields.cqid, entries, zeroes, log));
        if !is_first {
            fetching.trust_no_head();
        }
        let fetching = claim.fetching.get_or_init(|| fetching).clone();
        let start = if fields.contiguous { 0 } else { shared.page_size() as usize };
        Ok(SubmissionQueue { controller: self, fields, block, start, doorbell, claim, fetching })
    }

    /// The claim on a queue that was just created.
    pub(super) fn claim_of(&self, block: &Arc<Block>) -> Result<Rc<Claim>> {
        let gone = || {
            let (queue, why) = ("the queue".to_owned(), "the controller was disabled".to_owned());
            Error::QueueGone { queue, why }
        };
        self.shared().claims().on(block).ok_or_else(gone)
    }
}

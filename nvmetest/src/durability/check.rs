//! Reading a namespace, before and after its power was cut.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::Error;
use crate::Namespace;
use crate::Qpair;
use crate::Result;
use crate::command::Expected;
use crate::spec::Fid;
use crate::spec::Status;

use super::atomicity::Atomicity;
use super::content::Found;
use super::record::Durability;
use super::record::Record;
use super::record::Subject;
use super::record::Terms;
use super::verdict::PowerLossReport;

/// The most bytes that are read at once.
const READ_MAX: u64 = 256 << 10;

impl Namespace<'_> {
    /// Starts a record of what is done to the blocks of `region`, with what they hold now, for a
    /// [check after a power loss](Self::check_after_power_loss).
    ///
    /// From now on it follows the commands of tests, and the workers that are started, as long as it lives. What a volatile
    /// write cache holds is flushed first, so that what is read now is durable.
    ///
    /// # Errors
    ///
    /// Fails while I/O is in flight, which would not be noted, or an IOWorker runs; if the namespace has a record already;
    /// if blocks have metadata; and if a command fails, other than the read of a block that cannot be read.
    pub fn durability(&self, q: &Qpair<'_>, region: Range<u64>) -> Result<Durability> {
        let nvme = self.controller();
        let shared = nvme.shared();
        self.check_idle("the durability record cannot be started")?;
        if shared.recorded().find(self.nsid()).is_some() {
            let nsid = self.nsid();
            return Err(Error::Failed(format!(
                "namespace {nsid} has a durability record already, which would not be told any more: drop it first"
            )));
        }
        let identify = nvme.identify_namespace(self.nsid())?;
        let subject = Subject {
            block: self.block(),
            atomicity: Atomicity::of(&nvme.capabilities().controller, &identify),
            drb: identify.dlfeat.drb(),
            terms: self.terms()?,
        };
        let record = Record::new(&subject)?;
        self.flush().run(q)?;
        for (lba, found) in self.look(q, region)? {
            record.know(lba, found);
        }
        let record = Durability(Rc::new(record));
        self.follow(&record);
        Ok(record)
    }

    /// Reads all blocks of the record after a power loss, and finds those that hold what they may not.
    ///
    /// From then on the record holds what was found, and follows this controller: it can go on with the next power loss. Where
    /// data is [verified](Self::verify_data), that goes on with what was found, too.
    /// What was in flight when the power went was interrupted. So is what was in flight on a controller that is gone, as one
    /// whose process was killed: then this is called with the one that has its blocks.
    ///
    /// # Errors
    ///
    /// Fails while I/O is in flight or an IOWorker runs; if the namespace was formatted or sanitized since the record
    /// was started, or has blocks of another size; if a block can neither be read nor fails as one does that cannot
    /// be read. What breaks the rule is in the report, and no error.
    pub fn check_after_power_loss(
        &self,
        q: &Qpair<'_>,
        record: &Durability,
    ) -> Result<PowerLossReport> {
        let nsid = self.nsid();
        self.check_idle("what a power loss has left cannot be looked at")?;
        if record.0.block() != self.block() {
            return Err(Error::Failed(format!(
                "the record is of blocks of {} bytes and namespace {nsid} has blocks of {}: it was formatted, or is another",
                record.0.block(),
                self.block()
            )));
        }
        let home = record.0.home.borrow().upgrade();
        let is_elsewhere = home.is_some_and(|home| {
            !std::ptr::eq(&*home, &**self.controller().shared()) && !home.workers().is_empty()
        });
        if is_elsewhere {
            let why = "the record follows workers of another controller: drop that first";
            return Err(Error::Failed(why.to_owned()));
        }
        record.0.end_workers();
        record.0.lose_power();
        if let Some(why) = record.0.why_over() {
            return Err(Error::Failed(format!(
                "nobody knows what namespace {nsid} may hold: {why}; start a new durability record"
            )));
        }
        let mut found = BTreeMap::new();
        let verified = self.controller().shared().verified();
        for range in record.0.ranges() {
            // What is wrong with a block is for the report.
            found.extend(verified.pause(|| self.look(q, range))?);
        }
        if let Some(checker) = verified.find(nsid) {
            checker.learn(found.iter().map(|(lba, found)| (*lba, found.known())))?;
        }
        let report = record.0.judge(&found, self.terms()?);
        self.follow(record);
        Ok(report)
    }

    /// Has this controller tell the record what is done, and no other.
    fn follow(&self, record: &Durability) {
        let shared = self.controller().shared();
        if let Some(home) = record.0.home.replace(Rc::downgrade(shared)).upgrade() {
            home.recorded().remove(&record.0);
            home.look_closely();
        }
        shared.recorded().add(&record.0);
        shared.look_closely();
    }

    /// Refuses what cannot be done while somebody writes.
    fn check_idle(&self, what: &str) -> Result<()> {
        if self.has_metadata() {
            let why = "blocks with metadata are not compared after a power loss";
            return Err(Error::NotApplicable(why.to_owned()));
        }
        let shared = self.controller().shared();
        let why = if shared.has_io_in_flight() {
            "I/O commands are in flight: wait for them first"
        } else if !shared.workers().is_empty() {
            "an IOWorker runs, or its handle is there still: join it, or drop it, first"
        } else {
            return Ok(());
        };
        Err(Error::Failed(format!("{what}: {why}")))
    }

    /// What depends on the controller.
    fn terms(&self) -> Result<Terms> {
        /// VWC.FB: a Flush with NSID FFFFFFFFh is of all namespaces (Base 5.1.13.2.1).
        const FLUSHES_ALL: u8 = 0b11;
        let nvme = self.controller();
        let vwc = nvme.capabilities().controller.vwc;
        let is_caching =
            vwc.vwcp() && nvme.get_features(Fid::VOLATILE_WRITE_CACHE.0).run(nvme)?.cdw0 & 1 != 0;
        Ok(Terms {
            nsid: self.nsid(),
            blocks: self.capacity(),
            can_cache: vwc.vwcp(),
            is_caching,
            flushes_all: vwc.fb() == FLUSHES_ALL,
        })
    }

    /// Reads blocks: many at once, and one by one where that fails.
    fn look(&self, q: &Qpair<'_>, range: Range<u64>) -> Result<Vec<(u64, Found)>> {
        const ANY: &[Status] = &[
            Status::SUCCESS,
            Status::UNRECOVERED_READ_ERROR,
            Status::DEALLOCATED_OR_UNWRITTEN_LOGICAL_BLOCK,
        ];
        let nvme = self.controller();
        let block = self.block();
        let largest = nvme.capabilities().max_transfer().unwrap_or(READ_MAX).min(READ_MAX);
        let most = (largest / block as u64).max(1);
        let mut buffer = nvme.try_buffer(most as usize * block)?;
        let mut all = Vec::new();
        let (mut at, mut failed_until) = (range.start, 0);
        while at < range.end {
            let count = if at < failed_until { 1 } else { most.min(range.end - at) };
            let len = count as usize * block;
            let read =
                self.read(buffer.slice_mut(0..len), at).expect(Expected::from(ANY)).run(q)?;
            if !read.status.is_success() && 1 < count {
                failed_until = at + count;
                continue;
            }
            let blocks = buffer[..len].chunks_exact(block);
            all.extend((at..).zip(blocks).map(|(lba, data)| {
                let found = match read.status {
                    Status::SUCCESS => Found::Data(crc32fast::hash(data)),
                    Status::DEALLOCATED_OR_UNWRITTEN_LOGICAL_BLOCK => Found::Deallocated,
                    _ => Found::Unreadable,
                };
                (lba, found)
            }));
            at += count;
        }
        Ok(all)
    }
}

//! Reading a namespace, before and after its power was cut.

use std::collections::BTreeMap;
use std::ops::Range;

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
use super::verdict::PowerLossReport;

/// The most bytes that are read at once.
const READ_MAX: u64 = 256 << 10;

impl Namespace<'_> {
    /// Starts a record of what is done to the blocks of `region`, with what they hold now.
    ///
    /// Nothing may be in flight. What a volatile write cache holds is flushed, so that what is read now is durable.
    ///
    /// # Errors
    ///
    /// Fails if a command does, other than the read of a block that cannot be read.
    pub fn durability(&self, q: &Qpair<'_>, region: Range<u64>) -> Result<Durability> {
        let nvme = self.controller();
        let controller = &nvme.capabilities().controller;
        let identify = nvme.identify_namespace(self.nsid())?;
        let has_cache = controller.vwc.vwcp() && {
            let feature = nvme.get_features(Fid::VOLATILE_WRITE_CACHE.0).run(nvme)?;
            feature.cdw0 & 1 != 0
        };
        let atomicity = Atomicity::of(controller, &identify);
        let record = Durability::new(self.block(), atomicity, identify.dlfeat.drb(), has_cache);
        self.flush().run(q)?;
        for (lba, found) in self.look(q, region)? {
            record.know(lba, found);
        }
        Ok(record)
    }

    /// Reads all blocks of the record after a power loss, and finds those that hold what they may not.
    ///
    /// From then on the record holds what was found: it can go on with the next power loss. What was in flight when the power
    /// went, and was not told to have [ended](Durability::end), was interrupted.
    ///
    /// # Errors
    ///
    /// Fails if a block can neither be read nor fails as one does that cannot be read: what breaks the rule is in the
    /// report, and no error.
    pub fn check_after_power_loss(
        &self,
        q: &Qpair<'_>,
        record: &Durability,
    ) -> Result<PowerLossReport> {
        if record.block() != self.block() {
            return Err(Error::Failed(format!(
                "the record is of blocks of {} bytes and namespace {} has blocks of {}: it was formatted, or is another",
                record.block(),
                self.nsid(),
                self.block()
            )));
        }
        record.power_lost();
        let ranges = record.model.borrow().ranges();
        let mut found = BTreeMap::new();
        for range in ranges {
            found.extend(self.look(q, range)?);
        }
        Ok(record.model.borrow_mut().judge(&found))
    }

    /// Reads blocks: many at once, and one by one where that fails.
    fn look(&self, q: &Qpair<'_>, range: Range<u64>) -> Result<Vec<(u64, Found)>> {
        const ANY: &[Status] = &[
            Status::SUCCESS,
            Status::UNRECOVERED_READ_ERROR,
            Status::DEALLOCATED_OR_UNWRITTEN_LOGICAL_BLOCK,
        ];
        if self.has_metadata() {
            let why = "blocks with metadata are not compared after a power loss";
            return Err(Error::NotApplicable(why.to_owned()));
        }
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

//! Making commands and giving them to the controller.

use std::sync::atomic::Ordering;

use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;
use zerocopy::transmute;

use crate::DsmRange;
use crate::cmdlog::Token;
use crate::spec::Sqe;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::sqe::Psdt;

use super::Engine;
use super::Extent;
use super::Named;
use super::Reach;
use crate::ioworker::workload::Next;
use crate::ioworker::workload::Operation;

/// The bytes of a range of a Dataset Management command (NVM 3.3.3).
const RANGE: usize = 16;

/// AD, in Command Dword 11 of Dataset Management: the range is to be deallocated (NVM 3.3.3).
const DEALLOCATE: u32 = 1 << 2;

/// SLBA and NLB, where most commands have them (NVM 3.3.4).
#[inline(always)]
fn set_blocks(sqe: &mut Sqe, slba: u64, blocks: u32) {
    sqe.cdw10 = U32::new(slba as u32);
    sqe.cdw11 = U32::new((slba >> 32) as u32);
    sqe.cdw12 = U32::new(blocks - 1);
}

impl Reach<'_> {
    /// Writes the next entry of the submission queue, and logs it. The doorbell comes later.
    #[inline(always)]
    fn send(&mut self, sqe: &Sqe, slot: u16, site: u32, now: u64) -> Token {
        self.data.lend(slot.into());
        let words: [u64; 8] = transmute!(*sqe);
        for (word, value) in self.sq.entry().iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        self.sq.advance();
        self.log.submitted_from(sqe, site, now)
    }
}

impl Engine<'_> {
    /// Submits commands as long as there are slots and commands that are due. Returns the time then.
    #[inline(always)]
    pub(super) fn fill(&mut self, start: u64, now: u64) -> Result<u64, String> {
        let was_idle = self.slots.in_flight() == 0;
        let submitted = match self.workload.due_reads(self.slots.free()) {
            Some(due) => {
                for _ in 0..due {
                    self.submit_read(now);
                }
                due
            }
            None => self.fill_with_any(start, now)?,
        };
        if submitted == 0 {
            return Ok(now);
        }
        let rung_at = self.clock.now_ns();
        self.slots.note_rung(rung_at);
        self.tell_tail();
        if was_idle {
            self.quiet_since = rung_at;
        }
        Ok(rung_at)
    }

    /// Submits a Read of a workload that has nothing else; its entry need not leave the registers.
    #[inline(always)]
    fn submit_read(&mut self, now: u64) {
        let slba = self.workload.next_of_reads();
        let (cid, slot) = self.slots.take();
        let mut sqe = Sqe::with_opcode(Operation::Read.opcode().0);
        sqe.set_cid(cid);
        sqe.nsid = U32::new(self.work.nsid);
        sqe.dptr = slot.prps.map(U64::new);
        set_blocks(&mut sqe, slba, self.first.blocks);
        if let Some(verifier) = &mut self.verifier {
            verifier.submit_read(cid, slba);
        }
        slot.token = self.reach.send(&sqe, cid, self.work.site, now);
        slot.operation = Some(Operation::Read);
        (slot.slba, slot.blocks, slot.bytes) = (slba, self.first.blocks, self.first.bytes);
    }

    /// As [`fill`](Self::fill), for any workload, and without the doorbell. Returns how many were submitted.
    #[inline(never)]
    fn fill_with_any(&mut self, start: u64, now: u64) -> Result<usize, String> {
        let mut submitted = 0;
        while self.slots.has_free() && self.workload.is_due(now - start) {
            self.submit_next(now)?;
            submitted += 1;
        }
        Ok(submitted)
    }

    /// Submits any command, and makes the data that it writes. There is a slot for it.
    #[inline]
    fn submit_next(&mut self, now: u64) -> Result<(), String> {
        let (slot, _) = self.slots.take();
        let Next { operation, slba, size, sgl, fua } = self.workload.next();
        let extent = self.extents[size];
        let blocks = extent.blocks;
        let mut sqe = self.named(operation, slot);
        if operation != Operation::Flush && operation != Operation::DatasetManagement {
            set_blocks(&mut sqe, slba, blocks);
        }
        match operation {
            Operation::Write => {
                self.fill_blocks(slot, slba, blocks, self.version, true);
                self.version += u64::from(blocks);
                self.set_data(&mut sqe, slot, &extent, sgl);
            }
            Operation::Compare => {
                self.fill_blocks(slot, slba, blocks, 0, false);
                self.set_data(&mut sqe, slot, &extent, sgl);
            }
            Operation::DatasetManagement => {
                let mut range = [0; RANGE];
                DsmRange::fill(&mut range, &[DsmRange::new(slba, blocks)]);
                self.reach.data.write(slot.into(), 0, &range);
                let range = Extent { bytes: RANGE as u64, lists: None, ..extent };
                self.set_data(&mut sqe, slot, &range, sgl);
                sqe.cdw11 = U32::new(DEALLOCATE);
            }
            Operation::Read => self.set_data(&mut sqe, slot, &extent, sgl),
            Operation::Flush
            | Operation::WriteZeroes
            | Operation::Verify
            | Operation::WriteUncorrectable => {}
        }
        if fua {
            let cdw12 = ReadWriteCdw12::from(sqe.cdw12.get()).with_fua(true);
            sqe.cdw12 = U32::new(cdw12.into());
        }
        if let Some(recording) = &mut self.recording {
            let noted = recording.submit(slot, Named { operation, slba, blocks }, fua);
            noted.map_err(|error| format!("what it writes cannot be followed: {error}"))?;
        }
        if let Some(verifier) = &mut self.verifier {
            let noted = verifier.submit(slot, Named { operation, slba, blocks });
            noted.map_err(|error| format!("its data cannot be verified: {error}"))?;
        }
        let token = self.reach.send(&sqe, slot, self.work.site, now);
        let slot = self.slots.at(slot);
        (slot.operation, slot.token) = (Some(operation), token);
        (slot.slba, slot.blocks) = (slba, blocks);
        slot.bytes = if operation.transfers_blocks() { extent.bytes } else { 0 };
        Ok(())
    }

    /// A command of which all that is said is its name.
    #[inline(always)]
    fn named(&self, operation: Operation, slot: u16) -> Sqe {
        let mut sqe = Sqe::with_opcode(operation.opcode().0);
        sqe.set_cid(slot);
        sqe.nsid = U32::new(self.work.nsid);
        sqe
    }

    /// Names the data of a command.
    #[inline(always)]
    fn set_data(&self, sqe: &mut Sqe, slot: u16, extent: &Extent, sgl: bool) {
        let &Extent { bytes, lists, .. } = extent;
        let pointer = if sgl {
            sqe.set_psdt(Psdt::SGL_MPTR_CONTIGUOUS);
            self.place.sgl(slot, bytes)
        } else {
            self.place.prps(slot, bytes, lists)
        };
        sqe.dptr = pointer.map(U64::new);
    }

    /// Writes the data of blocks into a slot; the first is that of `version`. Where data is verified, it says whose it is
    /// if `is_stamped`.
    fn fill_blocks(&mut self, slot: u16, slba: u64, blocks: u32, version: u64, is_stamped: bool) {
        for number in 0..u64::from(blocks) {
            let (lba, version) = (slba + number, version.wrapping_add(number));
            self.filler.fill(&mut self.block, lba, version);
            if is_stamped {
                let verifier = self.verifier.as_mut();
                let crc = verifier.map(|it| it.stamp(&mut self.block, lba, version));
                if let Some(recording) = &mut self.recording {
                    recording.add(crc.unwrap_or_else(|| crc32fast::hash(&self.block)));
                }
            }
            let at = number as usize * self.work.block;
            self.reach.data.write(slot.into(), at, &self.block);
        }
    }
}

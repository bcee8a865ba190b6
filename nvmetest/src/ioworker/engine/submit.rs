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
use super::Pending;
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

impl Engine<'_> {
    /// Submits commands as long as there are slots and commands that are due. Returns the time then.
    #[inline(never)]
    pub(super) fn fill(&mut self, start: u64, now: u64) -> Result<u64, String> {
        let free = self.slots.free();
        let was_idle = self.slots.in_flight() == 0;
        while self.slots.free() != 0 {
            let due = self.workload.due(now - start, self.slots.free());
            if due == 0 {
                break;
            }
            for _ in 0..due {
                self.submit(now)?;
            }
        }
        if self.slots.free() == free {
            return Ok(now);
        }
        let rung_at = self.clock.now_ns();
        self.slots.note_rung(free, rung_at);
        self.ring(self.place.sq_tail, self.tail)?;
        if was_idle {
            self.quiet_since = rung_at;
        }
        Ok(rung_at)
    }

    /// Submits the next command; there is a slot for it.
    #[inline(always)]
    fn submit(&mut self, now: u64) -> Result<(), String> {
        let slot = self.slots.take();
        match self.workload.next_of_reads() {
            Some(slba) => self.submit_read(slot, slba, now),
            None => self.submit_next(slot, now)?,
        }
        Ok(())
    }

    /// Submits a Read of a workload that has nothing else; its entry need not leave the registers.
    #[inline(always)]
    fn submit_read(&mut self, slot: u16, slba: u64, now: u64) {
        let extent = self.extents[0];
        let Extent { blocks, bytes, .. } = extent;
        let mut sqe = self.named(Operation::Read, slot);
        set_blocks(&mut sqe, slba, blocks);
        self.set_data(&mut sqe, slot, &extent, false);
        if let Some(verifier) = &mut self.verifier {
            verifier.submit_read(slot, slba);
        }
        let token = self.send(&sqe, slot, now);
        let operation = Operation::Read;
        self.slots.put(slot, Pending { operation, blocks, bytes, slba, submitted_ns: now, token });
    }

    /// Submits any command, and makes the data that it writes.
    #[inline(never)]
    fn submit_next(&mut self, slot: u16, now: u64) -> Result<(), String> {
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
        let token = self.send(&sqe, slot, now);
        let bytes = if operation.transfers_blocks() { extent.bytes } else { 0 };
        self.slots.put(slot, Pending { operation, blocks, bytes, slba, submitted_ns: now, token });
        Ok(())
    }

    /// Writes the next entry of the submission queue, and logs it. The doorbell comes later.
    #[inline(always)]
    fn send(&mut self, sqe: &Sqe, slot: u16, now: u64) -> Token {
        self.reach.data.lend(slot.into());
        let entry = self.reach.sq.at(self.tail as usize);
        let words: [u64; 8] = transmute!(*sqe);
        for (word, value) in entry.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        let tail = self.tail + 1;
        self.tail = if tail == self.place.entries { 0 } else { tail };
        self.reach.log.submitted_from(sqe, self.work.site, now)
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

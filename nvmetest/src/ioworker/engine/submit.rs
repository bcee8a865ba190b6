//! Making commands and giving them to the controller.

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::DsmRange;
use crate::spec::Sqe;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::sqe::Psdt;

use super::Engine;
use super::Named;
use super::Pending;
use crate::ioworker::workload::Next;
use crate::ioworker::workload::Operation;

/// The bytes of a range of a Dataset Management command (NVM 3.3.3).
const RANGE: usize = 16;

/// AD, in Command Dword 11 of Dataset Management: the range is to be deallocated (NVM 3.3.3).
const DEALLOCATE: u32 = 1 << 2;

impl Engine<'_> {
    /// Submits commands as long as there are slots and commands that are due. Returns the time then.
    pub(super) fn fill(&mut self, start: u64, now: u64) -> Result<u64, String> {
        while let Some(due) = self.workload.due_ns()
            && due <= now - start
            && let Some(slot) = self.free.pop()
        {
            self.submit(slot, now)?;
        }
        if self.fresh.is_empty() {
            return Ok(now);
        }
        let rung_at = self.clock.now_ns();
        for slot in self.fresh.drain(..) {
            if let Some(pending) = &mut self.slots[usize::from(slot)] {
                pending.submitted_ns = rung_at;
            }
        }
        self.ring(self.place.sq_tail, self.tail)?;
        Ok(rung_at)
    }

    #[inline]
    fn submit(&mut self, slot: u16, now: u64) -> Result<(), String> {
        let Next { operation, slba, size, sgl, fua } = self.workload.next();
        let blocks = self.work.sizes[size].blocks;
        let mut sqe = Sqe::with_opcode(operation.opcode().0);
        sqe.set_cid(slot);
        sqe.nsid = U32::new(self.work.nsid);
        if operation != Operation::Flush && operation != Operation::DatasetManagement {
            sqe.cdw10 = U32::new(slba as u32);
            sqe.cdw11 = U32::new((slba >> 32) as u32);
            sqe.cdw12 = U32::new(blocks - 1);
        }
        match operation {
            Operation::Read => self.set_data(&mut sqe, slot, size, sgl),
            Operation::Write => {
                self.fill_blocks(slot, slba, blocks, self.version, true);
                self.version += u64::from(blocks);
                self.set_data(&mut sqe, slot, size, sgl);
            }
            Operation::Compare => {
                self.fill_blocks(slot, slba, blocks, 0, false);
                self.set_data(&mut sqe, slot, size, sgl);
            }
            Operation::DatasetManagement => {
                let mut range = [0; RANGE];
                DsmRange::fill(&mut range, &[DsmRange::new(slba, blocks)]);
                self.reach.data.write(self.data_at(slot), &range);
                self.set_pointer(&mut sqe, slot, RANGE as u64, None, sgl);
                sqe.cdw11 = U32::new(DEALLOCATE);
            }
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
        self.reach.sq.write(self.tail as usize * size_of::<Sqe>(), sqe.as_bytes());
        self.tail += 1;
        if self.tail == self.place.entries {
            self.tail = 0;
        }
        let token = self.reach.log.submitted_from(&sqe, self.work.site, now);
        let pending = Pending { operation, blocks, slba, submitted_ns: now, token };
        self.slots[usize::from(slot)] = Some(pending);
        self.fresh.push(slot);
        Ok(())
    }

    /// Names the data of a command that transfers the blocks of a size.
    #[inline]
    fn set_data(&self, sqe: &mut Sqe, slot: u16, size: usize, sgl: bool) {
        let bytes = self.work.bytes(&self.work.sizes[size]);
        self.set_pointer(sqe, slot, bytes, Some(size), sgl);
    }

    #[inline]
    fn set_pointer(&self, sqe: &mut Sqe, slot: u16, bytes: u64, size: Option<usize>, sgl: bool) {
        let pointer = if sgl {
            sqe.set_psdt(Psdt::SGL_MPTR_CONTIGUOUS);
            self.place.sgl(slot, bytes)
        } else {
            self.place.prps(slot, bytes, size.and_then(|size| self.place.lists[size]))
        };
        sqe.dptr = pointer.map(U64::new);
    }

    /// Writes the data of blocks into a slot; the first is that of `version`. Where data is verified, it says whose it is
    /// if `is_stamped`.
    fn fill_blocks(&mut self, slot: u16, slba: u64, blocks: u32, version: u64, is_stamped: bool) {
        let base = self.data_at(slot);
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
            self.reach.data.write(base + number as usize * self.work.block, &self.block);
        }
    }

    pub(super) fn data_at(&self, slot: u16) -> usize {
        usize::from(slot) * self.place.slot_bytes as usize
    }
}

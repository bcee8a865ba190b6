//! Admin commands.

use std::sync::atomic::Ordering;

use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;

use super::device::Device;
use super::device::State;
use super::queue::Ring;

impl Device {
    /// Does what an admin command does. Returns dword 0 and the status of its completion.
    pub fn admin(&self, state: &mut State, sqe: &Sqe) -> (u32, Status) {
        let (cdw10, cdw11) = (sqe.cdw10.get(), sqe.cdw11.get());
        let (qid, entries) = (cdw10 as u16, (cdw10 >> 16) + 1);
        let ring = |cqid| Ring::new(sqe.dptr[0].get(), entries, cqid);
        match sqe.admin_opcode() {
            AdminOpcode::CREATE_IO_CQ => {
                state.completion.insert(qid, ring(0));
            }
            AdminOpcode::CREATE_IO_SQ => {
                self.create_sq(state, qid, ring((cdw11 >> 16) as u16));
            }
            AdminOpcode::DELETE_IO_SQ => {
                state.submission.remove(&qid);
                state.pending.retain(|it| it.sqid != qid);
            }
            AdminOpcode::DELETE_IO_CQ => {
                state.completion.remove(&qid);
            }
            AdminOpcode::SET_FEATURES => return (cdw11, Status::SUCCESS),
            AdminOpcode::IDENTIFY => self.identify(state, sqe),
            // It finds nothing to abort.
            AdminOpcode::ABORT => return (1, Status::SUCCESS),
            _ => {}
        }
        (0, Status::SUCCESS)
    }

    /// A queue begins with an empty doorbell, whatever was rung for the one before.
    pub fn create_sq(&self, state: &mut State, qid: u16, ring: Ring) {
        if let Some(doorbell) = self.doorbells.get(2 * usize::from(qid)) {
            doorbell.store(0, Ordering::Relaxed);
        }
        state.submission.insert(qid, ring);
    }

    fn identify(&self, state: &State, sqe: &Sqe) {
        let mut page = [0; 4096];
        match sqe.cdw10.get() as u8 {
            // NSZE and NCAP of 1024 blocks, and one format of 512 bytes.
            0x00 => {
                page[0..8].copy_from_slice(&1024_u64.to_le_bytes());
                page[8..16].copy_from_slice(&1024_u64.to_le_bytes());
                page[130] = 9;
            }
            0x02 => page[0] = 1,
            _ => {}
        }
        assert!(self.dma_write(state, sqe.dptr[0].get(), &page));
    }
}

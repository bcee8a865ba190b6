//! What of the host's memory the device can reach.

use nvmetest::memory::Iova;
use nvmetest::transport::DmaAccess;
use nvmetest::transport::DmaFault;
use nvmetest::transport::DmaModel;

use super::device::Device;
use super::device::State;

impl Device {
    /// Writes to memory. Returns whether it could be reached.
    pub fn dma_write(&self, state: &State, iova: u64, bytes: &[u8]) -> bool {
        let Some(offset) = self.translate(state, iova, bytes.len()) else {
            self.fault(iova, bytes.len(), DmaAccess::Write);
            return false;
        };
        self.memory.write(offset, bytes);
        true
    }

    /// Reads memory that can be reached.
    pub fn dma_read(&self, state: &State, iova: u64, bytes: &mut [u8]) {
        let offset = self.translate(state, iova, bytes.len()).expect("it is mapped");
        self.memory.read(offset, bytes);
    }

    /// What the platform's IOMMU notes.
    fn fault(&self, iova: u64, len: usize, access: DmaAccess) {
        self.faults.lock().expect("nobody panics with it").push(DmaFault {
            iova: Iova(iova),
            len: Some(len as u64),
            access: Some(access),
            unrecorded: 0,
        });
    }

    /// Finds the place of an address in the arena.
    pub fn translate(&self, state: &State, iova: u64, len: usize) -> Option<usize> {
        if self.abilities.dma == DmaModel::Fixed {
            return Some(iova as usize);
        }
        let (&start, &(size, offset)) = state.mapped.range(..=iova).next_back()?;
        let at = iova - start;
        (at + len as u64 <= size).then_some((offset + at) as usize)
    }
}

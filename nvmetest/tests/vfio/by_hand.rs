//! A controller with an admin queue, programmed by hand.
#![expect(unsafe_code, reason = "it takes the place of the driver")]

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Failed;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;
use nvmetest::memory::Mapping;
use nvmetest::spec::Csts;
use nvmetest::spec::Property;
use nvmetest::spec::doorbell;
use nvmetest::transport::Bare;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;

pub const PAGE: usize = 4096;

/// How many pages there are: the first has the submission queue, the second the completion queue.
const PAGES: usize = 8;
const SQ: usize = 0;
const CQ: usize = 1;

/// Entries of each queue.
const ENTRIES: usize = 8;

/// Pages of memory, each at an address of its own with nothing around it.
pub struct Memory<'f> {
    bare: Bare<'f>,
    function: &'f dyn Function,
    file: File,
    mapping: Mapping,
}

/// The controller.
pub struct ByHand<'f> {
    memory: Memory<'f>,
    tail: usize,
    head: usize,
    phase: bool,
}

impl<'f> Memory<'f> {
    fn new(bare: Bare<'f>, function: &'f dyn Function) -> Result<Self, Failed> {
        let file = File::from(memfd_create(c"by-hand", MFdFlags::MFD_CLOEXEC)?);
        file.set_len((PAGES * PAGE) as u64)?;
        // SAFETY: There is one thread, and nobody makes references to the bytes.
        let mapping = unsafe { Mapping::shared(&file, 0, PAGES * PAGE) }?;
        Ok(Self { bare, function, file, mapping })
    }

    /// The address that the drive has for a page.
    pub fn iova(&self, page: usize) -> u64 {
        self.function.abilities().iova.start.next_multiple_of(1 << 30)
            + (1 << 32)
            + (page as u64) * 0x10_0000
    }

    pub fn map(&self, page: usize) -> Result<(), Failed> {
        let range = DmaRange {
            iova: self.iova(page),
            len: PAGE as u64,
            file: self.file.as_fd(),
            offset: (page * PAGE) as u64,
            host: self.mapping.base().expose_provenance().get() + page * PAGE,
        };
        Ok(self.bare.dma_map(&range)?)
    }

    pub fn unmap(&self, page: usize) -> Result<(), Failed> {
        Ok(self.function.dma_unmap(self.iova(page), PAGE as u64)?)
    }

    pub fn fill(&self, page: usize, byte: u8) {
        self.mapping.write(page * PAGE, &[byte; PAGE]);
    }

    pub fn page(&self, page: usize) -> [u8; PAGE] {
        let mut bytes = [0; PAGE];
        self.mapping.read(page * PAGE, &mut bytes);
        bytes
    }
}

impl<'f> ByHand<'f> {
    /// Gives the controller its queues, and enables it (Base 3.5.1).
    pub fn enable(function: &'f dyn Function) -> Result<Self, Failed> {
        // SAFETY: All memory that is named to the drive is `Memory`, which nobody has references to.
        let bare = unsafe { Bare::new(function) };
        let memory = Memory::new(bare, function)?;
        memory.map(SQ)?;
        memory.map(CQ)?;
        let mut nvme = Self { memory, tail: 0, head: 0, phase: true };
        nvme.enable_again()?;
        Ok(nvme)
    }

    pub fn enable_again(&mut self) -> Result<(), Failed> {
        let Memory { bare, .. } = self.memory;
        (self.tail, self.head, self.phase) = (0, 0, true);
        self.memory.fill(SQ, 0);
        self.memory.fill(CQ, 0);
        let entries = ENTRIES as u32 - 1;
        bare.write32(Property::AQA.0.into(), entries << 16 | entries)?;
        bare.write64(Property::ASQ.0.into(), self.memory.iova(SQ))?;
        bare.write64(Property::ACQ.0.into(), self.memory.iova(CQ))?;
        // IOCQES 4, IOSQES 6, EN.
        bare.write32(Property::CC.0.into(), 4 << 20 | 6 << 16 | 1)?;
        let start = Instant::now();
        while !Csts::from(self.memory.function.read32(Property::CSTS.0.into())?).rdy() {
            if Duration::from_secs(10) < start.elapsed() {
                return Err("the controller does not become ready".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub fn memory(&self) -> &Memory<'f> {
        &self.memory
    }

    /// Has the controller identify itself into a page, and waits for the completion.
    pub fn identify(&mut self, page: usize) -> Result<(), Failed> {
        let mapping = &self.memory.mapping;
        let mut sqe = [0; 64];
        // Identify, with the tail as its identifier; PRP Entry 1; CNS 01h.
        sqe[0] = 0x06;
        sqe[2] = self.tail as u8;
        sqe[24..32].copy_from_slice(&self.memory.iova(page).to_le_bytes());
        sqe[40] = 0x01;
        mapping.write(SQ * PAGE + self.tail * sqe.len(), &sqe);
        self.tail = (self.tail + 1) % ENTRIES;
        self.ring(doorbell::sq_tail(0, 0), self.tail)?;

        // The status and the phase tag are the upper half of the last dword.
        let last = mapping.word(CQ * PAGE + self.head * 16 + 12);
        let start = Instant::now();
        let status = loop {
            let status = last.load(Ordering::Acquire) >> 16;
            if (status & 1 != 0) == self.phase {
                break status >> 1;
            }
            if Duration::from_secs(2) < start.elapsed() {
                return Err("Identify does not complete".into());
            }
            thread::yield_now();
        };
        self.head = (self.head + 1) % ENTRIES;
        self.phase ^= self.head == 0;
        self.ring(doorbell::cq_head(0, 0), self.head)?;
        if status == 0 {
            Ok(())
        } else {
            Err(format!("Identify ends with status {status:#x}").into())
        }
    }

    /// Rings for nothing new.
    pub fn ring_again(&self) -> Result<(), Failed> {
        self.ring(doorbell::sq_tail(0, 0), self.tail)
    }

    pub fn config16(&self, offset: u16) -> Result<u16, Failed> {
        let mut data = [0; 2];
        self.memory.function.config_read(offset, &mut data)?;
        Ok(u16::from_le_bytes(data))
    }

    pub fn set_config16(&self, offset: u16, value: u16) -> Result<(), Failed> {
        Ok(self.memory.bare.config_write(offset, &value.to_le_bytes())?)
    }

    /// Returns the offset of PMCSR.
    pub fn power_control(&self) -> Result<u16, Failed> {
        let mut at = self.config16(0x34)? & 0xfc;
        for _ in 0..48 {
            let [id, next] = self.config16(at)?.to_le_bytes();
            if id == 0x01 {
                return Ok(at + 4);
            }
            at = u16::from(next & 0xfc);
        }
        Err("the function has no Power Management capability".into())
    }

    fn ring(&self, offset: u32, value: usize) -> Result<(), Failed> {
        let bare = self.memory.bare;
        if !bare.ring_mapped(offset.into(), value as u32) {
            bare.ring(offset.into(), value as u32)?;
        }
        Ok(())
    }
}

impl Drop for ByHand<'_> {
    fn drop(&mut self) {
        // The drive is not to use the memory any more; one that is lost has none.
        let _ = self.memory.bare.write32(Property::CC.0.into(), 0);
    }
}

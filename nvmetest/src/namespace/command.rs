//! The commands of the NVM Command Set (NVM 3.3, Base 7).

use zerocopy::little_endian::U32;

use crate::command::Basis;
use crate::command::Block;
use crate::command::Command;
use crate::command::Nvm;
use crate::memory::Data;
use crate::memory::DeviceRead;
use crate::memory::DeviceWrite;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::command::WriteZeroesCdw12;

use super::DsmAttributes;
use super::Namespace;

impl Namespace<'_> {
    /// Read (NVM 3.3.4): as many blocks from `slba` on as `data` holds.
    ///
    /// # Panics
    ///
    /// Panics if `data` is not a whole number of blocks, or more than 65,536.
    #[inline]
    #[track_caller]
    pub fn read<D: DeviceWrite>(&self, data: D, slba: u64) -> Command<Nvm, D::Lent> {
        self.transfer(NvmOpcode::READ, data.lend(), slba)
    }

    /// Write (NVM 3.3.6): `data`, from `slba` on.
    ///
    /// # Panics
    ///
    /// As for [`read`](Self::read).
    #[inline]
    #[track_caller]
    pub fn write<D: DeviceRead>(&self, data: D, slba: u64) -> Command<Nvm, D::Lent> {
        self.transfer(NvmOpcode::WRITE, data.lend(), slba)
    }

    /// Compare (NVM 3.3.1): fails with Compare Failure if the blocks from `slba` on differ from `data`.
    ///
    /// # Panics
    ///
    /// As for [`read`](Self::read).
    #[track_caller]
    pub fn compare<D: DeviceRead>(&self, data: D, slba: u64) -> Command<Nvm, D::Lent> {
        self.transfer(NvmOpcode::COMPARE, data.lend(), slba)
    }

    /// Flush (Base 7.2).
    #[track_caller]
    pub fn flush(&self) -> Command<Nvm> {
        Command::new(self.sqe(NvmOpcode::FLUSH), ())
    }

    /// Write Zeroes (NVM 3.3.8) to `blocks` blocks from `slba` on.
    ///
    /// # Panics
    ///
    /// Panics if `blocks` is not 1 to 65,536.
    #[track_caller]
    pub fn write_zeroes(&self, slba: u64, blocks: u32) -> Command<Nvm> {
        Command::new(self.range(NvmOpcode::WRITE_ZEROES, slba, blocks as usize), ())
    }

    /// Write Uncorrectable (NVM 3.3.7): reads of the blocks fail until they are written again.
    ///
    /// # Panics
    ///
    /// As for [`write_zeroes`](Self::write_zeroes).
    #[track_caller]
    pub fn write_uncorrectable(&self, slba: u64, blocks: u32) -> Command<Nvm> {
        Command::new(self.range(NvmOpcode::WRITE_UNCORRECTABLE, slba, blocks as usize), ())
    }

    /// Verify (NVM 3.3.5): the blocks are read, and nothing is transferred.
    ///
    /// # Panics
    ///
    /// As for [`write_zeroes`](Self::write_zeroes).
    #[track_caller]
    pub fn verify(&self, slba: u64, blocks: u32) -> Command<Nvm> {
        Command::new(self.range(NvmOpcode::VERIFY, slba, blocks as usize), ())
    }

    /// Dataset Management (NVM 3.3.3) for the first `ranges` ranges in `data`: see
    /// [`DsmRange::fill`](super::DsmRange::fill).
    ///
    /// # Panics
    ///
    /// Panics if `ranges` is not 1 to 256, or if `data` does not hold that many.
    #[track_caller]
    pub fn dataset_management<D: DeviceRead>(
        &self,
        data: D,
        ranges: usize,
        attributes: DsmAttributes,
    ) -> Command<Nvm, D::Lent> {
        let data = data.lend();
        let held = data.bytes() / 16;
        assert!(
            (1..=256).contains(&ranges) && ranges <= held,
            "{ranges} ranges, and room for {held}"
        );
        let mut sqe = self.sqe(NvmOpcode::DATASET_MANAGEMENT);
        sqe.cdw10 = U32::new(ranges as u32 - 1);
        sqe.cdw11 = U32::new(attributes.bits());
        Command::new(sqe, data).transfer_first(ranges * 16)
    }

    #[inline]
    #[track_caller]
    fn transfer<D: Data>(&self, opcode: NvmOpcode, data: D, slba: u64) -> Command<Nvm, D> {
        let len = data.bytes();
        let blocks = len >> self.lbads;
        if blocks << self.lbads != len || !is_number(blocks) {
            no_blocks(len, self.block());
        }
        Command::new(self.at(opcode, slba, blocks), data).based_on(Basis {
            epoch: self.epoch,
            block: Block { nsid: self.nsid(), bytes: self.extended_block },
            is_exact: self.extended_block == self.block,
        })
    }

    #[inline]
    #[track_caller]
    pub(crate) fn range(&self, opcode: NvmOpcode, slba: u64, blocks: usize) -> Sqe {
        if !is_number(blocks) {
            wrong_number(blocks);
        }
        self.at(opcode, slba, blocks)
    }

    #[inline]
    fn at(&self, opcode: NvmOpcode, slba: u64, blocks: usize) -> Sqe {
        let mut sqe = self.sqe(opcode);
        sqe.cdw10 = U32::new(slba as u32);
        sqe.cdw11 = U32::new((slba >> 32) as u32);
        sqe.cdw12 = U32::new(blocks as u32 - 1);
        sqe
    }

    #[inline]
    fn sqe(&self, opcode: NvmOpcode) -> Sqe {
        let mut sqe = Sqe::with_opcode(opcode.0);
        sqe.nsid = U32::new(self.nsid());
        sqe
    }
}

// The messages are apart from the checks, which are to cost as little as they can.

/// Whether so many blocks can be those of a command.
#[inline]
fn is_number(blocks: usize) -> bool {
    (1..=1 << 16).contains(&blocks)
}

#[cold]
#[track_caller]
fn no_blocks(len: usize, block: usize) -> ! {
    if len == 0 || !len.is_multiple_of(block) {
        panic!("{len} bytes are not whole logical blocks of {block}");
    }
    wrong_number(len / block)
}

#[cold]
#[track_caller]
fn wrong_number(blocks: usize) -> ! {
    panic!("a command is for 1 to 65,536 blocks, not {blocks}");
}

impl<D: Data> Command<Nvm, D> {
    /// FUA: force unit access (NVM 3.3.4, NVM 3.3.6).
    pub fn fua(self) -> Self {
        self.cdw12(ReadWriteCdw12::new().with_fua(true))
    }

    /// LR: limited retry (NVM 3.3.4).
    pub fn limited_retry(self) -> Self {
        self.cdw12(ReadWriteCdw12::new().with_lr(true))
    }

    /// DEAC: Write Zeroes may deallocate the blocks (NVM 3.3.8).
    pub fn deallocate(self) -> Self {
        self.cdw12(WriteZeroesCdw12::new().with_deac(true))
    }

    /// Transfers the first `len` bytes, which are `blocks` blocks, and not all that is lent.
    ///
    /// With PRPs no more is described to the device; an SGL still describes the whole loan.
    ///
    /// # Panics
    ///
    /// Panics if `len` is more than was lent, or if `blocks` is not 1 to 65,536.
    pub fn transfer_only(self, blocks: u32, len: usize) -> Self {
        assert!(len <= self.data.bytes(), "{len} bytes are more than was lent");
        assert!((1..=1 << 16).contains(&blocks));
        let edited =
            self.edit(|sqe| sqe.cdw12 = U32::new(sqe.cdw12.get() & !0xffff | (blocks - 1)));
        edited.transfer_first(len)
    }

    fn cdw12(self, bits: impl Into<u32>) -> Self {
        self.edit(|sqe| sqe.cdw12 = U32::new(sqe.cdw12.get() | bits.into()))
    }
}

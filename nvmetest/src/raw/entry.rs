//! Submission queue entries by hand (Base 4.1).
#![expect(unsafe_code, reason = "the one door to addresses of one's own")]

use std::panic::Location;
use std::sync::Arc;

use zerocopy::little_endian::U32;
use zerocopy::little_endian::U64;

use crate::memory::Block;
use crate::memory::Domain;
use crate::namespace::Namespace;
use crate::spec::NvmOpcode;
use crate::spec::SglDescriptor;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

use super::Address;
use super::Pointer;

/// A submission queue entry: any bytes but for its pointers, which are [`Address`]es.
///
/// Nothing is computed: the command identifier, PSDT and reserved bits are what the test writes.
#[derive(Clone, Debug)]
pub struct Entry {
    sqe: Sqe,
    pub(super) mptr: Address,
    pub(super) dptr: Dptr,
    pub(super) blocks: Option<Blocks>,
    pub(super) site: &'static Location<'static>,
}

#[derive(Clone, Debug)]
pub(super) enum Dptr {
    Prp(Address, Pointer),
    Sgl(Address, u32),
    Verbatim,
}

/// What is known of the logical blocks that an entry transfers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) nsid: u32,
    pub(super) bytes: usize,
    /// When that was learned: see `Shared::epoch`.
    pub(super) epoch: u64,
}

impl Entry {
    /// An entry of zeroes but for OPC; all pointers are null.
    #[track_caller]
    pub fn new(opcode: u8) -> Self {
        Self::from_sqe(Sqe::with_opcode(opcode))
    }

    /// Any entry; its pointers are null, whatever stands there.
    #[track_caller]
    pub fn from_sqe(sqe: Sqe) -> Self {
        let dptr = Dptr::Prp(Address::NULL, Address::NULL.into());
        Self { sqe, mptr: Address::NULL, dptr, blocks: None, site: Location::caller() }
    }

    /// Read of `blocks` logical blocks from `slba` on (NVM 3.3.4), where the length of the transfer is known.
    ///
    /// # Panics
    ///
    /// Panics if `blocks` is not 1 to 65,536.
    #[track_caller]
    pub fn read(ns: &Namespace<'_>, slba: u64, blocks: u32) -> Self {
        Self::transfer(ns, NvmOpcode::READ, slba, blocks)
    }

    /// Write of `blocks` logical blocks from `slba` on (NVM 3.3.6).
    ///
    /// # Panics
    ///
    /// Panics if `blocks` is not 1 to 65,536.
    #[track_caller]
    pub fn write(ns: &Namespace<'_>, slba: u64, blocks: u32) -> Self {
        Self::transfer(ns, NvmOpcode::WRITE, slba, blocks)
    }

    #[track_caller]
    fn transfer(ns: &Namespace<'_>, opcode: NvmOpcode, slba: u64, blocks: u32) -> Self {
        let mut entry = Self::from_sqe(ns.range(opcode, slba, blocks as usize));
        entry.blocks =
            ns.exact_block().map(|bytes| Blocks { nsid: ns.nsid(), bytes, epoch: ns.epoch() });
        entry
    }

    /// Replaces CID: also one that is in use, or FFFFh.
    pub fn cid(mut self, cid: u16) -> Self {
        self.sqe.set_cid(cid);
        self
    }

    /// Replaces NSID.
    pub fn nsid(mut self, nsid: u32) -> Self {
        self.sqe.nsid = U32::new(nsid);
        self
    }

    /// Changes the entry as the test likes; MPTR and DPTR are set when it is written to a queue.
    pub fn edit(mut self, edit: impl FnOnce(&mut Sqe)) -> Self {
        edit(&mut self.sqe);
        self
    }

    /// Replaces PRP Entry 1; an SGL descriptor is gone, and PSDT stays.
    pub fn prp1(mut self, prp1: Address) -> Self {
        let prp2 = match self.dptr {
            Dptr::Prp(_, prp2) => prp2,
            _ => Address::NULL.into(),
        };
        self.dptr = Dptr::Prp(prp1, prp2);
        self
    }

    /// Replaces PRP Entry 2; an SGL descriptor is gone, and PSDT stays.
    pub fn prp2(mut self, prp2: impl Into<Pointer>) -> Self {
        let prp1 = match self.dptr {
            Dptr::Prp(prp1, _) => prp1,
            _ => Address::NULL,
        };
        self.dptr = Dptr::Prp(prp1, prp2.into());
        self
    }

    /// Makes DPTR an SGL Data Block descriptor (Base 4.3.2.1), and PSDT 01b.
    pub fn sgl(mut self, address: Address, len: u32) -> Self {
        self.dptr = Dptr::Sgl(address, len);
        self.sqe.set_psdt(Psdt::SGL_MPTR_CONTIGUOUS);
        self
    }

    /// Replaces MPTR.
    pub fn mptr(mut self, mptr: Address) -> Self {
        self.mptr = mptr;
        self
    }

    /// Replaces DPTR and MPTR by any numbers.
    ///
    /// # Safety
    ///
    /// What the device may reach through the entry, or through any mixture of it with another one that is written to
    /// its place in a queue, must be memory that nobody else uses until the device has lost the queue, or for as
    /// long as it keeps using it.
    pub unsafe fn with_pointers(mut self, mptr: u64, dptr: [u64; 2]) -> Self {
        self.sqe.mptr = U64::new(mptr);
        self.sqe.dptr = dptr.map(U64::new);
        self.dptr = Dptr::Verbatim;
        self
    }

    /// Returns the 64 bytes that are written to a queue.
    pub fn sqe(&self) -> Sqe {
        let mut sqe = self.sqe;
        match &self.dptr {
            Dptr::Prp(prp1, prp2) => sqe.dptr = [U64::new(prp1.value()), U64::new(prp2.value())],
            Dptr::Sgl(address, len) => {
                sqe.dptr = SglDescriptor::data_block(address.value(), *len).to_dptr();
            }
            Dptr::Verbatim => return sqe,
        }
        sqe.mptr = U64::new(self.mptr.value());
        sqe
    }

    /// Whether all addresses are of this domain, but for those that are numbers.
    pub(super) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        let data = match &self.dptr {
            Dptr::Prp(prp1, prp2) => prp1.is_of(domain) && prp2.is_of(domain),
            Dptr::Sgl(address, _) => address.is_of(domain),
            Dptr::Verbatim => true,
        };
        data && self.mptr.is_of(domain)
    }

    /// Tells `keep` of all the memory that a device finds from here.
    pub(super) fn keep(&self, keep: &mut dyn FnMut(&Arc<Block>)) {
        self.mptr.keep(keep);
        match &self.dptr {
            Dptr::Prp(prp1, prp2) => {
                prp1.keep(keep);
                prp2.keep(keep);
            }
            Dptr::Sgl(address, _) => address.keep(keep),
            Dptr::Verbatim => {}
        }
    }
}

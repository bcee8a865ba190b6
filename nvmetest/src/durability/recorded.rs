//! The namespaces of a controller that have a durability record.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::rc::Weak;

use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::SetFeaturesCdw10;

use super::journal::JournalError;
use super::record::Record;

/// The records of a controller.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    all: RefCell<Vec<Weak<Record>>>,
    is_on: Cell<bool>,
}

/// The NSID of all namespaces.
const ALL: u32 = 0xffff_ffff;

impl Recorded {
    /// Whether any namespace has a record.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    pub(crate) fn find(&self, nsid: u32) -> Option<Rc<Record>> {
        self.all().into_iter().find(|record| record.nsid() == nsid)
    }

    pub(crate) fn all(&self) -> Vec<Rc<Record>> {
        self.all.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// The records of what a Flush flushes.
    pub(crate) fn flushed(&self, nsid: u32) -> Vec<Rc<Record>> {
        let mut all = self.all();
        all.retain(|record| record.nsid() == nsid || nsid == ALL && record.flushes_all());
        all
    }

    pub(super) fn add(&self, record: &Rc<Record>) {
        self.all.borrow_mut().push(Rc::downgrade(record));
        self.is_on.set(true);
    }

    pub(super) fn remove(&self, record: &Rc<Record>) {
        let mut all = self.all.borrow_mut();
        all.retain(|other| other.strong_count() != 0 && !other.ptr_eq(&Rc::downgrade(record)));
        self.is_on.set(!all.is_empty());
    }

    /// What all namespaces hold is about to change, and nobody knows for how long.
    pub(crate) fn end(&self, why: &str) {
        self.all().iter().for_each(|record| record.end(why.to_owned()));
    }

    /// An entry that was made by hand may be executed at any time from now on, and nobody says when it was.
    pub(crate) fn note_by_hand(&self, sqe: &Sqe) -> Result<(), JournalError> {
        let Some(record) = self.find(sqe.nsid.get()) else { return Ok(()) };
        let slba = u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get());
        let end = slba.saturating_add(u64::from(sqe.cdw12.get() & 0xffff) + 1);
        match NvmOpcode(sqe.opcode()) {
            NvmOpcode::WRITE | NvmOpcode::WRITE_UNCORRECTABLE => record.lose_track(slba..end),
            opcode if is_harmless(opcode) => Ok(()),
            _ => record.lose_track(0..u64::MAX),
        }
    }

    /// All queues are gone, and all workers.
    pub(crate) fn end_workers(&self) {
        self.all().iter().for_each(|record| record.end_workers());
    }

    /// The power is gone.
    pub(crate) fn lose_power(&self) {
        self.all().iter().for_each(|record| record.lose_power());
    }
}

/// Whether a command changes no block. Of one that is not known, nobody knows.
pub(crate) fn is_harmless(opcode: NvmOpcode) -> bool {
    matches!(
        opcode,
        NvmOpcode::FLUSH
            | NvmOpcode::READ
            | NvmOpcode::COMPARE
            | NvmOpcode::VERIFY
            | NvmOpcode::RESERVATION_REGISTER
            | NvmOpcode::RESERVATION_REPORT
            | NvmOpcode::RESERVATION_ACQUIRE
            | NvmOpcode::RESERVATION_RELEASE
            | NvmOpcode::IO_MANAGEMENT_RECEIVE
            | NvmOpcode::IO_MANAGEMENT_SEND
            | NvmOpcode::CANCEL
            | NvmOpcode::FABRICS
    )
}

/// Whether a Set Features command enables the volatile write cache, or disables it, if it does any of that.
pub(crate) fn cache_of(sqe: &Sqe) -> Option<bool> {
    let fid = SetFeaturesCdw10::from(sqe.cdw10.get()).fid();
    (fid == crate::spec::Fid::VOLATILE_WRITE_CACHE).then(|| sqe.cdw11.get() & 1 != 0)
}

//! What is noted of a command that writes blocks, and checked of one that reads them.

use std::cell::Cell;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::Error;
use crate::command::Layout;
use crate::command::Plan;
use crate::command::Terms;
use crate::integrity::Checker;
use crate::integrity::Content;
use crate::integrity::Miscompare;
use crate::integrity::Outcome;
use crate::integrity::Reading;
use crate::integrity::TableError;
use crate::integrity::Writing;
use crate::integrity::writers_of;
use crate::memory::Places;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::CopyCdw12;
use crate::spec::command::DatasetManagementCdw10;
use crate::spec::command::DatasetManagementCdw11;
use crate::spec::command::WriteZeroesCdw12;

use super::core::Core;
use super::facts::Facts;
use super::key::Key;

/// What is noted of commands in flight, by the number of their slot.
#[derive(Default)]
pub(super) struct Notes {
    all: RefCell<Vec<Option<Note>>>,
    len: Cell<usize>,
}

/// What is noted of a command in flight.
struct Note {
    checker: Rc<Checker>,
    what: What,
}

enum What {
    /// The blocks from the first on are read, as far as their data can be told.
    Reads {
        reading: Reading,
        slba: u64,
        blocks: usize,
    },
    Writes(Writing),
    WritesMany(Vec<Writing>),
    /// Nobody knows which blocks.
    ChangesAll,
}

/// Zone Management Send and Zone Append of the Zoned Namespace Command Set: the driver knows no more of them.
const ZONED: [u8; 2] = [0x79, 0x7d];

impl Notes {
    /// Whether nothing is noted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    fn put(&self, number: u16, note: Note) {
        let (mut all, number) = (self.all.borrow_mut(), usize::from(number));
        if all.len() <= number {
            all.resize_with(number + 1, || None);
        }
        all[number] = Some(note);
        self.len.set(self.len.get() + 1);
    }

    fn take(&self, number: u16) -> Option<Note> {
        let note = self.all.borrow_mut().get_mut(usize::from(number))?.take()?;
        self.len.set(self.len.get() - 1);
        Some(note)
    }
}

impl Core {
    /// Notes what a command is about to do to blocks, before it is sent.
    ///
    /// # Errors
    ///
    /// Fails if there is no room to note it; then it must not be sent.
    #[cold]
    #[inline(never)]
    pub(super) fn note_command(
        &self,
        number: u16,
        sqe: &Sqe,
        places: &Places,
        plan: &Plan,
        terms: &Terms,
    ) -> Result<(), TableError> {
        let verified = self.shared.verified();
        if terms.admin {
            if sqe.admin_opcode() == AdminOpcode::SANITIZE {
                verified.forget(None).map_or(Ok(()), Err)?;
            }
            return Ok(());
        }
        let Some(checker) = verified.find(sqe.nsid.get()) else { return Ok(()) };
        if let Some(what) = what(&checker, sqe, places, plan, terms)? {
            self.notes.put(number, Note { checker, what });
        }
        Ok(())
    }

    /// Looks at what a command has done to blocks, when it is complete. What it lends is still lent.
    #[cold]
    #[inline(never)]
    pub(super) fn check_blocks(&self, key: Key, facts: &Facts, places: &Places, success: bool) {
        let Some(note) = self.notes.take(self.slots.number_of(key)) else { return };
        let checker = &*note.checker;
        let What::Reads { reading, slba, blocks } = note.what else {
            return note.end(if success { Outcome::Done } else { Outcome::Maybe });
        };
        if !success {
            return;
        }
        let mut scratch = checker.scratch.borrow_mut();
        for (number, lba) in (0..blocks).zip(slba..) {
            if !copy(places, number * scratch.len(), &mut scratch) {
                return;
            }
            if let Err(miscompare) = checker.writer.read_block(reading, lba, &scratch) {
                let error = self.miscompare(key, facts, miscompare);
                self.shared.blame(facts.logged);
                return self.accounts.failed(facts.owner, Some(key), error);
            }
        }
    }

    /// Notes that nobody will know what came of a command, and that it is no longer in flight.
    #[cold]
    pub(super) fn note_end(&self, number: u16) {
        if let Some(note) = self.notes.take(number) {
            note.end(Outcome::Maybe);
        }
    }

    fn miscompare(&self, key: Key, facts: &Facts, mut miscompare: Box<Miscompare>) -> Error {
        let (command, cid) = (facts.describe(self.sqid), key.cid());
        miscompare.read_by = Some(format!("{command}, CID {cid:#06x}"));
        if self.shared.verified().may_tell_more() {
            miscompare.written_by = writers_of(self.shared.log(), miscompare.lba);
        }
        Error::Miscompare { command, cid, miscompare, site: facts.site }
    }
}

impl Note {
    fn end(self, outcome: Outcome) {
        let writer = &self.checker.writer;
        match self.what {
            What::Reads { .. } => {}
            What::Writes(writing) => writer.written(writing, outcome),
            What::WritesMany(all) => {
                all.into_iter().for_each(|writing| writer.written(writing, outcome));
            }
            // It was void when the command was sent; if that cannot be said again, so it still is.
            What::ChangesAll => _ = writer.table().forget_all(),
        }
    }
}

/// What a command does to blocks. Of those that the namespace does not have, the device will complain.
fn what(
    checker: &Checker,
    sqe: &Sqe,
    places: &Places,
    plan: &Plan,
    terms: &Terms,
) -> Result<Option<What>, TableError> {
    let writer = &checker.writer;
    let all = writer.table().blocks();
    let slba = u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get());
    let named = u64::from(sqe.cdw12.get() & 0xffff) + 1;
    let range = |slba: u64, blocks: u64| slba.min(all)..slba.saturating_add(blocks).min(all);
    let of_command = range(slba, named);
    let blocks = (of_command.end - of_command.start) as usize;
    // Where the data is described wrongly on purpose, nobody knows what the device transfers.
    let is_known = !terms.verbatim
        && matches!(
            plan.layout,
            Layout::Prp | Layout::PrpListAt { .. } | Layout::Sgl | Layout::SglBlocks { .. }
        );
    let described = plan.transfer.unwrap_or(usize::MAX).min(places.len());
    let with_data = if is_known { described / writer.table().block() } else { 0 };
    let change_all = || match writer.table().forget_all() {
        Ok(()) => Ok(Some(What::ChangesAll)),
        Err(error) => Err(error),
    };
    let fill = |range: Range<u64>, content| writer.filling(range, content, false).map(What::Writes);
    let what = match NvmOpcode(sqe.opcode()) {
        NvmOpcode::READ | NvmOpcode::COMPARE => {
            let blocks = blocks.min(with_data);
            What::Reads { reading: writer.reading(), slba: of_command.start, blocks }
        }
        NvmOpcode::WRITE => {
            let mut scratch = checker.scratch.borrow_mut();
            let content = |number: usize| {
                let has_data =
                    number < with_data && copy(places, number * scratch.len(), &mut scratch);
                if has_data { Content::Data(crc32fast::hash(&scratch)) } else { Content::Unknown }
            };
            What::Writes(writer.writing(of_command.start, (0..blocks).map(content))?)
        }
        NvmOpcode::WRITE_ZEROES if WriteZeroesCdw12::from(sqe.cdw12.get()).nsz() => {
            return change_all();
        }
        NvmOpcode::WRITE_ZEROES => fill(of_command, Content::Zeroes)?,
        NvmOpcode::WRITE_UNCORRECTABLE => fill(of_command, Content::Uncorrectable)?,
        NvmOpcode::DATASET_MANAGEMENT if DatasetManagementCdw11::from(sqe.cdw11.get()).ad() => {
            let ranges = usize::from(DatasetManagementCdw10::from(sqe.cdw10.get()).nr_z()) + 1;
            let mut noted = Vec::new();
            for number in 0..ranges {
                let mut bytes = [0; 16];
                if terms.verbatim || !copy(places, number * 16, &mut bytes) {
                    break;
                }
                let blocks = u32::from_le_bytes(std::array::from_fn(|at| bytes[4 + at]));
                let slba = u64::from_le_bytes(std::array::from_fn(|at| bytes[8 + at]));
                let range = range(slba, blocks.into());
                match writer.filling(range, Content::Deallocated, true) {
                    Ok(writing) => noted.push(writing),
                    Err(error) => {
                        for writing in noted {
                            writer.written(writing, Outcome::NotSent);
                        }
                        return Err(error);
                    }
                }
            }
            What::WritesMany(noted)
        }
        NvmOpcode::COPY => {
            // The number of blocks is at the same place in all formats of a source range (NVM 3.3.2).
            let ranges = usize::from(CopyCdw12::from(sqe.cdw12.get()).nr_z()) + 1;
            let blocks = (0..ranges).map_while(|number| {
                let mut bytes = [0; 2];
                copy(places, number * 32 + 16, &mut bytes)
                    .then(|| u64::from(u16::from_le_bytes(bytes)) + 1)
            });
            fill(range(slba, blocks.sum()), Content::Unknown)?
        }
        NvmOpcode(opcode) if ZONED.contains(&opcode) => return change_all(),
        _ => return Ok(None),
    };
    Ok(Some(what))
}

/// Copies from byte `at` of what is lent. Returns whether there is so much.
fn copy(places: &Places, mut at: usize, mut bytes: &mut [u8]) -> bool {
    for place in places.as_slice() {
        if place.len <= at {
            at -= place.len;
            continue;
        }
        let here = bytes.len().min(place.len - at);
        let (now, later) = bytes.split_at_mut(here);
        place.block.read(place.range().start + at, now);
        (bytes, at) = (later, 0);
        if bytes.is_empty() {
            return true;
        }
    }
    bytes.is_empty()
}

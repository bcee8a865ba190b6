//! What is noted of a command that changes blocks, for the table that its data is verified by and for the record of what a
//! power loss may leave, and checked of one that reads them.

use std::borrow::Cow;
use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use crate::Error;
use crate::command::Plan;
use crate::command::Terms;
use crate::durability::Begun;
use crate::durability::JournalError;
use crate::durability::Record;
use crate::durability::cache_of;
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
use crate::spec::Status;

use super::core::Core;
use super::deed::Deed;
use super::deed::Lent;
use super::deed::copy;
use super::facts::Facts;
use super::key::Key;

/// What is noted of commands in flight, by the number of their slot.
#[derive(Default)]
pub(super) struct Notes {
    all: RefCell<Vec<Option<Note>>>,
    len: Cell<usize>,
}

/// What is noted of a command in flight.
#[derive(Default)]
struct Note {
    /// What the table of its namespace knows.
    checked: Option<(Rc<Checker>, Checked)>,
    /// What records know: one of its namespace, or all that it flushes.
    recorded: Vec<(Rc<Record>, Recorded)>,
}

enum Checked {
    /// The blocks from the first on are read, as far as their data can be told.
    Reads {
        reading: Reading,
        slba: u64,
        blocks: usize,
        /// They are all that the command names.
        are_all: bool,
    },
    Writes(Vec<Writing>),
    /// Nobody knows which blocks.
    ChangesAll,
}

enum Recorded {
    Command(Begun),
    /// The volatile write cache is disabled if it succeeds.
    NoCache,
}

impl Notes {
    /// Whether nothing is noted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    fn put(&self, number: u16, note: Note) {
        if note.checked.is_none() && note.recorded.is_empty() {
            return;
        }
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
    ) -> Result<(), Error> {
        if terms.admin {
            return self.note_admin(number, sqe);
        }
        let nsid = sqe.nsid.get();
        let mut note = Note::default();
        if NvmOpcode(sqe.opcode()) == NvmOpcode::FLUSH {
            for record in self.shared.recorded().flushed(nsid) {
                let begun = record.note(|lane| lane.flushes())?;
                note.recorded.push((record, Recorded::Command(begun)));
            }
            self.notes.put(number, note);
            return Ok(());
        }
        let checker = self.shared.verified().find(nsid);
        let record = self.shared.recorded().find(nsid);
        let table = checker.as_ref().map(|checker| checker.writer.table());
        let of_table = table.map(|table| (table.block(), table.blocks()));
        let of_record = record.as_ref().map(|record| (record.block(), record.blocks()));
        let Some((block, blocks)) = of_table.or(of_record) else { return Ok(()) };
        let lent = Lent { places, plan, terms };
        let Some(deed) = Deed::of(sqe, &lent, block, blocks) else { return Ok(()) };
        if let Some(record) = record {
            note.record(&record, &deed)?;
        }
        if let Some(checker) = checker {
            match check(&checker, deed) {
                Ok(checked) => note.checked = checked.map(|checked| (checker, checked)),
                Err(error) => {
                    note.end(Outcome::NotSent);
                    return Err(error.into());
                }
            }
        }
        self.notes.put(number, note);
        Ok(())
    }

    fn note_admin(&self, number: u16, sqe: &Sqe) -> Result<(), Error> {
        let (verified, recorded) = (self.shared.verified(), self.shared.recorded());
        match sqe.admin_opcode() {
            AdminOpcode::SANITIZE => {
                verified.forget(None).map_or(Ok(()), Err)?;
                // It goes on when the command is complete, and after a power loss as well.
                recorded.end("a Sanitize command was sent");
            }
            AdminOpcode::SET_FEATURES => match cache_of(sqe) {
                Some(true) => {
                    for record in recorded.all() {
                        record.note(|lane| lane.cache(true))?;
                    }
                }
                Some(false) => {
                    let all = recorded.all().into_iter();
                    let recorded = all.map(|record| (record, Recorded::NoCache)).collect();
                    self.notes.put(number, Note { checked: None, recorded });
                }
                None => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Looks at what a command has done to blocks, when it is complete. What it lends is still lent.
    #[cold]
    #[inline(never)]
    pub(super) fn check_blocks(&self, key: Key, facts: &Facts, places: &Places, status: Status) {
        let Some(note) = self.notes.take(self.slots.number_of(key)) else { return };
        let is_read = matches!(&note.checked, Some((_, Checked::Reads { .. })));
        if !is_read {
            return note.end(match status {
                Status::SUCCESS => Outcome::Done,
                // There is no such command, and so it did nothing.
                Status::INVALID_COMMAND_OPCODE => Outcome::NotSent,
                _ => Outcome::Maybe,
            });
        }
        let Some((checker, Checked::Reads { reading, slba, blocks, are_all })) = note.checked
        else {
            return;
        };
        let is_unequal = facts.opcode == NvmOpcode::COMPARE.0 && status == Status::COMPARE_FAILURE;
        if is_unequal && are_all {
            let block = checker.writer.table().block();
            let data = (0..blocks).map(|number| {
                let mut data = vec![0; block];
                copy(places, number * block, &mut data);
                Cow::Owned(data)
            });
            if let Err(miscompare) = checker.writer.compare_unequal(reading, slba, data) {
                self.fail_with(key, facts, miscompare);
            }
        }
        if !status.is_success() {
            return;
        }
        let mut scratch = checker.scratch.borrow_mut();
        for (number, lba) in (0..blocks).zip(slba..) {
            if !copy(places, number * scratch.len(), &mut scratch) {
                return;
            }
            if let Err(miscompare) = checker.writer.read_block(reading, lba, &scratch) {
                return self.fail_with(key, facts, miscompare);
            }
        }
    }

    fn fail_with(&self, key: Key, facts: &Facts, miscompare: Box<Miscompare>) {
        let error = self.miscompare(key, facts, miscompare);
        self.shared.blame(facts.logged);
        self.accounts.failed(facts.owner, Some(key), error);
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
    /// Notes in a record what a command does. It ends what it began if that fails.
    fn record(&mut self, record: &Rc<Record>, deed: &Deed) -> Result<(), JournalError> {
        let mut keep = |begun| self.recorded.push((record.clone(), Recorded::Command(begun)));
        let all = 0..u64::MAX;
        let noted = match deed {
            Deed::Reads { .. } => Ok(()),
            Deed::Writes { slba, contents, fua } => {
                record.note(|lane| lane.writes(*slba, contents.iter().copied(), *fua)).map(keep)
            }
            Deed::Fills { ranges, content, fua } => ranges.iter().try_for_each(|range| {
                record.note(|lane| lane.fills(range, *content, *fua)).map(&mut keep)
            }),
            Deed::ChangesAny | Deed::Foreign => {
                record.note(|lane| lane.fills(&all, Content::Unknown, false)).map(keep)
            }
        };
        if noted.is_err() {
            std::mem::take(self).end(Outcome::NotSent);
        }
        noted
    }

    fn end(self, outcome: Outcome) {
        for (record, what) in self.recorded {
            match what {
                Recorded::Command(begun) => record.ended(begun, outcome),
                Recorded::NoCache if outcome == Outcome::Done => record.has_no_cache(),
                Recorded::NoCache => {}
            }
        }
        let Some((checker, checked)) = self.checked else { return };
        let writer = &checker.writer;
        match checked {
            Checked::Reads { .. } => {}
            Checked::Writes(all) => {
                all.into_iter().for_each(|writing| writer.written(writing, outcome));
            }
            // It was void when the command was sent; if that cannot be said again, so it still is.
            Checked::ChangesAll => _ = writer.table().forget_all(),
        }
    }
}

/// Notes in a table what a command does.
fn check(checker: &Checker, deed: Deed) -> Result<Option<Checked>, TableError> {
    let writer = &checker.writer;
    let checked = match deed {
        Deed::Reads { slba, blocks, are_all } => {
            Checked::Reads { reading: writer.reading(), slba, blocks, are_all }
        }
        Deed::Writes { slba, contents, .. } => {
            Checked::Writes(vec![writer.writing(slba, contents.into_iter())?])
        }
        Deed::Fills { ranges, content, .. } => {
            let leave_unknown = content == Content::Deallocated;
            let mut noted = Vec::new();
            for range in ranges {
                match writer.filling(range, content, leave_unknown) {
                    Ok(writing) => noted.push(writing),
                    Err(error) => {
                        for writing in noted {
                            writer.written(writing, Outcome::NotSent);
                        }
                        return Err(error);
                    }
                }
            }
            Checked::Writes(noted)
        }
        Deed::ChangesAny => {
            writer.table().forget_all()?;
            Checked::ChangesAll
        }
        Deed::Foreign => return Ok(None),
    };
    Ok(Some(checked))
}

//! The record of what was done to a namespace.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::rc::Rc;
use std::rc::Weak;

use crate::controller::Shared;
use crate::integrity;
use crate::integrity::Outcome;

use super::atomicity::Atomicity;
use super::content::Content;
use super::content::Fills;
use super::content::Found;
use super::entry::Deed;
use super::entry::Entry;
use super::journal::Begun;
use super::journal::Journal;
use super::journal::JournalError;
use super::journal::LANES;
use super::journal::Lane;
use super::model::Model;
use super::model::Write;
use super::verdict::PowerLossReport;

/// What a namespace may hold after a power loss: see the [module](super).
///
/// It follows what is done to the namespace as long as it lives, through any number of power losses and
/// [checks](crate::Namespace::check_after_power_loss).
#[derive(Debug)]
#[must_use = "what is done to a namespace is followed as long as its record lives"]
pub struct Durability(pub(super) Rc<Record>);

impl Drop for Durability {
    fn drop(&mut self) {
        if let Some(home) = self.0.home.replace(Weak::new()).upgrade() {
            home.recorded().remove(&self.0);
            home.look_closely();
        }
    }
}

/// What there is to know of a namespace before anything is recorded.
#[derive(Debug)]
pub(super) struct Subject {
    /// The size of a block in bytes.
    pub(super) block: usize,
    pub(super) atomicity: Atomicity,
    /// DLFEAT.DRB: what a deallocated block reads as.
    pub(super) drb: u8,
    pub(super) terms: Terms,
}

/// What depends on the controller that a record is with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) nsid: u32,
    /// How many blocks the namespace has.
    pub(super) blocks: u64,
    /// Whether there is a volatile write cache that a power cycle may enable.
    pub(super) can_cache: bool,
    /// Whether it is enabled now.
    pub(super) is_caching: bool,
    /// Whether a Flush of all namespaces flushes this one (VWC.FB).
    pub(super) flushes_all: bool,
}

/// What is behind a [`Durability`], and told what commands do.
#[derive(Debug)]
pub(crate) struct Record {
    block: usize,
    terms: Cell<Terms>,
    journal: Rc<Journal>,
    /// The lane of this process.
    own: Lane,
    state: RefCell<State>,
    /// Why nothing can be said of the namespace any more.
    over: OnceCell<String>,
    /// The controller whose commands are told.
    pub(super) home: RefCell<Weak<Shared>>,
}

#[derive(Debug)]
struct State {
    model: Model,
    lanes: Vec<Use>,
    /// The commands that have not ended, by the numbers of their entries.
    open: HashMap<u64, Open>,
}

/// What a lane is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    /// A writer has it, which no other lane was ever opened for.
    Live(u64),
    /// Its writer is gone, and so is the writer's queue, since that time.
    Ended(u64),
}

/// A command that has not ended.
#[derive(Debug, Clone, Copy)]
struct Open {
    lane: usize,
    number: Number,
}

/// What the model calls a command.
#[derive(Debug, Clone, Copy)]
enum Number {
    Write(u64),
    Flush(u64),
}

/// The lane of this process.
const OWN: usize = 0;

impl Record {
    pub(super) fn new(subject: &Subject) -> Result<Self, JournalError> {
        let &Subject { block, atomicity, drb, terms } = subject;
        let journal = Rc::new(Journal::new()?);
        journal.open(OWN)?;
        let model = Model::new(atomicity, Fills::new(block, drb), terms.is_caching);
        let mut lanes = vec![Use::Free; LANES];
        lanes[OWN] = Use::Live(journal.tick());
        Ok(Self {
            block,
            terms: Cell::new(terms),
            own: Lane::new(&journal, OWN),
            journal,
            state: RefCell::new(State { model, lanes, open: HashMap::new() }),
            over: OnceCell::new(),
            home: RefCell::default(),
        })
    }

    pub(crate) fn nsid(&self) -> u32 {
        self.terms.get().nsid
    }

    /// The size of a block in bytes.
    pub(crate) fn block(&self) -> usize {
        self.block
    }

    /// How many blocks the namespace has.
    pub(crate) fn blocks(&self) -> u64 {
        self.terms.get().blocks
    }

    /// Whether a Flush of all namespaces flushes this one.
    pub(crate) fn flushes_all(&self) -> bool {
        self.terms.get().flushes_all
    }

    /// Notes what a command of this process does, by its lane.
    ///
    /// # Errors
    ///
    /// Fails if there is no room; then the command is not to be sent.
    pub(crate) fn note<T>(
        &self,
        note: impl Fn(&Lane) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.own.is_half_full() {
            self.take();
        }
        note(&self.own)
    }

    /// Notes what became of a command of this process: after its completion was seen.
    pub(crate) fn ended(&self, begun: Begun, outcome: Outcome) {
        if self.own.is_half_full() {
            self.take();
        }
        self.own.ended(begun, outcome);
    }

    /// Notes that the volatile write cache was disabled.
    pub(crate) fn has_no_cache(&self) {
        // If there is no room, the cache is taken for enabled, and no more is asked for than was promised.
        _ = self.note(|lane| lane.cache(false));
    }

    /// Notes that somebody changes blocks, or all, and will say neither how nor when. What they hold is known again when
    /// it was looked at.
    pub(crate) fn lose_track(&self, range: Range<u64>) -> Result<(), JournalError> {
        self.note(|lane| lane.fills(&range, integrity::Content::Unknown, false)).map(drop)
    }

    /// Makes the record void.
    pub(crate) fn end(&self, why: String) {
        _ = self.over.set(why);
    }

    pub(super) fn why_over(&self) -> Option<&str> {
        self.over.get().map(String::as_str)
    }

    /// Opens a lane for a worker.
    pub(crate) fn open_lane(self: &Rc<Self>) -> Result<WorkerLane, JournalError> {
        let free = self.state.borrow().lanes.iter().position(|lane| *lane == Use::Free);
        let number = free.ok_or(JournalError::NoLane)?;
        self.journal.open(number)?;
        let writer = self.journal.tick();
        self.state.borrow_mut().lanes[number] = Use::Live(writer);
        Ok(WorkerLane { record: self.clone(), number, writer })
    }

    /// Takes what all processes have noted, as far as nothing is missing.
    pub(crate) fn take(&self) {
        let mut state = self.state.borrow_mut();
        let State { model, lanes, open } = &mut *state;
        let used = |lanes: &[Use], is_it: fn(&Use) -> bool| {
            let lanes = lanes.iter().enumerate().filter(move |(_, it)| is_it(it));
            lanes.map(|(lane, _)| lane).collect::<Vec<_>>()
        };
        let live = used(lanes, |it| matches!(it, Use::Live(_)));
        let settled = self.journal.settled(live.into_iter());
        let mut entries = Vec::new();
        for lane in used(lanes, |it| *it != Use::Free) {
            if let Err(what) = self.journal.take(lane, settled, &mut entries) {
                self.end(what);
            }
            if let Use::Ended(number) = lanes[lane]
                && number <= settled
                && self.journal.is_empty(lane)
            {
                entries.push(Entry { number, lane, deed: Deed::Gone });
                lanes[lane] = Use::Free;
                self.journal.close(lane);
            }
        }
        entries.sort_unstable_by_key(|entry| entry.number);
        entries.into_iter().for_each(|entry| apply(model, open, entry));
    }

    /// The queue of a lane's writer is gone, and the writer with it.
    fn end_lane(&self, number: usize, writer: u64) {
        self.end_lanes(|lane, by| (lane, by) == (number, writer));
    }

    /// All queues of the controller are gone, and all workers.
    pub(crate) fn end_workers(&self) {
        self.end_lanes(|lane, _| lane != OWN);
    }

    fn end_lanes(&self, is_it: impl Fn(usize, u64) -> bool) {
        for (number, lane) in self.state.borrow_mut().lanes.iter_mut().enumerate() {
            if matches!(*lane, Use::Live(writer) if is_it(number, writer)) {
                *lane = Use::Ended(self.journal.tick());
            }
        }
        self.take();
    }

    /// The power is gone. Workers that live may still find completions that were there before.
    pub(crate) fn lose_power(&self) {
        self.take();
        let mut state = self.state.borrow_mut();
        state.model.lose_power();
        state.model.set_cache(self.terms.get().can_cache);
    }

    pub(super) fn know(&self, lba: u64, found: Found) {
        self.state.borrow_mut().model.know(lba, found);
    }

    /// The blocks that are followed, as few ranges as there are.
    pub(super) fn ranges(&self) -> Vec<Range<u64>> {
        self.state.borrow().model.ranges()
    }

    /// Judges what all blocks were found to hold. Nothing is in flight, and from now on `terms` hold.
    pub(super) fn judge(&self, found: &BTreeMap<u64, Found>, terms: Terms) -> PowerLossReport {
        self.terms.set(terms);
        let mut state = self.state.borrow_mut();
        state.open.clear();
        let report = state.model.judge(found);
        state.model.set_cache(terms.is_caching);
        report
    }
}

/// Tells the model what somebody did.
fn apply(model: &mut Model, open: &mut HashMap<u64, Open>, entry: Entry) {
    let Entry { number: entry, lane, deed } = entry;
    let zeroes = model.fills().zeroes;
    let content_of = |content| match content {
        integrity::Content::Data(crc) => Content::Data(crc),
        integrity::Content::Zeroes => Content::Data(zeroes),
        integrity::Content::Deallocated => Content::Deallocated,
        integrity::Content::Uncorrectable => Content::Uncorrectable,
        _ => Content::Unknown,
    };
    let number = match deed {
        Deed::Writes { slba, contents, fua } => {
            let range = slba..slba.saturating_add(contents.len() as u64);
            let content = |lba: u64| content_of(contents[(lba - slba) as usize]);
            Number::Write(model.begin(Write { range, content, fua, is_hint: false }))
        }
        Deed::Fills { range, content, fua } => {
            // Of an end before the start, nothing is in the range.
            let range = range.start..range.end.max(range.start);
            let content = content_of(content);
            // Deallocation is a hint (NVM 3.3.3.2.1).
            let is_hint = content == Content::Deallocated;
            Number::Write(model.begin(Write { range, content: |_| content, fua, is_hint }))
        }
        Deed::Flushes => Number::Flush(model.begin_flush()),
        Deed::Ended { number, outcome } => {
            // What has an end and no beginning was noted before the last check.
            if let Some(Open { number, .. }) = open.remove(&number) {
                end(model, number, outcome);
            }
            return;
        }
        Deed::Cache(is_enabled) => return model.set_cache(is_enabled),
        Deed::Gone => {
            let left = open.extract_if(|_, command| command.lane == lane);
            // In the order of submission, as those that the power interrupts.
            let mut left: Vec<_> = left.collect();
            left.sort_unstable_by_key(|(entry, _)| *entry);
            left.into_iter().for_each(|(_, it)| end(model, it.number, Outcome::Maybe));
            return;
        }
    };
    open.insert(entry, Open { lane, number });
}

fn end(model: &mut Model, number: Number, outcome: Outcome) {
    match (number, outcome) {
        (Number::Write(number), Outcome::NotSent) => model.cancel(number),
        (Number::Write(number), outcome) => model.end(number, outcome == Outcome::Done),
        (Number::Flush(number), Outcome::Done) => model.end_flush(number),
        (Number::Flush(_), _) => {}
    }
}

/// The lane of a worker, as the session has it.
#[derive(Debug, Clone)]
pub(crate) struct WorkerLane {
    record: Rc<Record>,
    number: usize,
    writer: u64,
}

impl WorkerLane {
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The file of the journal, for the worker.
    pub(crate) fn file(&self) -> &File {
        self.record.journal.file()
    }

    /// Takes what was noted, so that there is room for more.
    pub(crate) fn take(&self) {
        self.record.take();
    }

    /// The worker is gone, and so are its queues: what it had in flight is old or new.
    pub(crate) fn end(&self) {
        self.record.end_lane(self.number, self.writer);
    }
}

#[cfg(all(test, not(miri)))]
mod tests;

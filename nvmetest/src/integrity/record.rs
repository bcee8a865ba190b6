//! The record of one block: what it has, had, or is about to have.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use super::bucket::Bucket;
use super::bucket::Node;
use super::content::Content;

/// A record of so many contents forgets what was superseded, however lately.
const MANY: usize = 2048;

/// A content that a block has, had, or is about to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) writer: u32,
    /// Whether nobody knows if the write was executed: it does not supersede others.
    pub(super) maybe: bool,
    /// The stamp of the submission; of what a read has settled, one behind `end`: it supersedes all that ended by then.
    pub(super) begin: u64,
    /// The stamp of the completion; zero while the write is in flight.
    pub(super) end: u64,
}

impl Entry {
    const USED: u64 = 1 << 4;
    const MAYBE: u64 = 1 << 5;

    /// What a block has that nobody is writing.
    pub(super) fn settled(content: Content, end: u64) -> Self {
        Self { content, writer: 0, maybe: false, begin: end, end }
    }

    /// What a read has settled at a stamp, which was complete by then.
    pub(super) fn settled_by_read(content: Content, at: u64, maybe: bool) -> Self {
        // Clocks go in steps of two: no write has this stamp.
        Self { content, writer: 0, maybe, begin: at + 1, end: at }
    }

    fn meta(&self) -> u64 {
        let (kind, crc) = self.content.pack();
        let maybe = if self.maybe { Self::MAYBE } else { 0 };
        u64::from(crc) << 32
            | u64::from(self.writer & 0xffff) << 8
            | maybe
            | Self::USED
            | u64::from(kind)
    }

    fn of(meta: u64, begin: u64, end: u64) -> Self {
        Self {
            content: Content::unpack(meta as u8 & 0xf, (meta >> 32) as u32),
            writer: (meta >> 8) as u32 & 0xffff,
            maybe: meta & Self::MAYBE != 0,
            begin,
            end,
        }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.end == 0
    }

    /// Whether a write that began at `floor` supersedes it.
    pub(super) fn is_past(&self, floor: u64) -> bool {
        !self.is_in_flight() && self.end.max(self.begin) < floor
    }
}

/// Where an entry stands.
#[derive(Clone, Copy)]
pub(super) struct Slot<'t>(pub(super) &'t [AtomicU64; 3]);

impl Slot<'_> {
    pub(super) fn entry(&self) -> Option<Entry> {
        let [meta, begin, end] = self.0;
        let meta = meta.load(Relaxed);
        let is_used = meta & Entry::USED != 0;
        is_used.then(|| Entry::of(meta, begin.load(Relaxed), end.load(Relaxed)))
    }

    pub(super) fn put(&self, entry: &Entry) {
        self.0[1].store(entry.begin, Relaxed);
        self.0[2].store(entry.end, Relaxed);
        self.0[0].store(entry.meta(), Release);
    }

    /// Notes that a write is no longer in flight.
    pub(super) fn end(&self, entry: &Entry) {
        self.0[0].store(entry.meta(), Release);
        self.0[2].store(entry.end, Release);
    }

    pub(super) fn clear(&self) {
        self.0[0].store(0, Release);
    }
}

/// The record of one block: all nodes of its bucket that have its tag.
#[derive(Clone, Copy)]
pub(super) struct Record<'b, 't> {
    pub(super) bucket: &'b Bucket<'t>,
    pub(super) tag: u64,
}

impl<'t> Record<'_, 't> {
    fn nodes(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let tag = self.tag;
        self.bucket.nodes().filter(move |node| node.tag() == tag)
    }

    /// Takes the record from its block.
    pub(super) fn clear(&self) {
        self.nodes().for_each(|node| node.name(0));
    }

    /// The contents, in no order, and where they stand.
    pub(super) fn slots(&self) -> impl Iterator<Item = (Slot<'t>, Entry)> + use<'t> {
        let memory = self.bucket.memory();
        let slots = self.nodes().flat_map(|node| node.slots());
        slots.filter_map(move |slot| {
            let mut entry = slot.entry()?;
            if entry.is_in_flight() {
                // Of a writer that is gone nobody will say what came of it.
                entry.end = memory.writer_end(entry.writer);
                entry.maybe |= !entry.is_in_flight();
            }
            Some((slot, entry))
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + use<'t> {
        self.slots().map(|(_, entry)| entry)
    }

    pub(super) fn free_slot(&self) -> Option<Slot<'t>> {
        self.nodes().flat_map(|node| node.slots()).find(|slot| slot.entry().is_none())
    }

    /// When the latest write began of those that were complete at `since`: what had ended before is superseded for a
    /// read that began at `since`.
    pub(super) fn floor(&self, since: u64) -> u64 {
        let entries = self
            .entries()
            .filter(|entry| !entry.maybe && !entry.is_in_flight() && entry.end <= since);
        entries.map(|entry| entry.begin).max().unwrap_or(0)
    }

    /// What a read that began at `since` may return.
    pub(super) fn candidates(&self, since: u64) -> impl Iterator<Item = Entry> + use<'t> {
        let floor = self.floor(since);
        self.entries().filter(move |entry| !entry.is_past(floor))
    }

    /// Whether a write is in flight, and when the last one was complete.
    pub(super) fn ends(&self) -> (bool, u64) {
        let ends = self.entries().map(|entry| (entry.is_in_flight(), entry.end));
        ends.fold((false, 0), |(any, last), (it, end)| (any || it, last.max(end)))
    }

    /// Makes room by forgetting what no read that began at `old`, or later, may return, and what is there twice.
    /// Returns how many contents are left.
    pub(super) fn prune(&self, now: u64, old: u64) -> usize {
        self.forget(old);
        if self.free_slot().is_some() {
            return 0;
        }
        let (mut count, mut perhaps) = (0, 0);
        for entry in self.entries() {
            count += 1;
            perhaps += usize::from(entry.maybe && !entry.is_in_flight());
        }
        if count < 2 * perhaps {
            self.forget_twins();
        }
        if MANY < count {
            let ends = self.entries().map(|entry| entry.end);
            let oldest = ends.filter(|&end| 1 < end).min().unwrap_or(now);
            let middle = oldest + now.saturating_sub(oldest) / 2;
            self.forget(middle);
        }
        let nodes: Vec<_> = self.nodes().collect();
        let is_empty = |node: &&Node<'_>| node.slots().all(|slot| slot.entry().is_none());
        // One stays, for the block has this record.
        nodes.iter().skip(1).filter(is_empty).for_each(|node| node.name(0));
        self.entries().count()
    }

    /// A write that may not have been executed adds nothing to one of the same content that ended later.
    fn forget_twins(&self) {
        let mut all: Vec<_> = self.slots().collect();
        all.sort_by_key(|(_, entry)| (entry.content.pack(), entry.end, !entry.maybe));
        for pair in all.windows(2) {
            let ((slot, first), (_, second)) = (&pair[0], &pair[1]);
            if first.maybe && !first.is_in_flight() && first.content == second.content {
                slot.clear();
            }
        }
    }

    fn forget(&self, since: u64) {
        let floor = self.floor(since);
        for (slot, entry) in self.slots() {
            if entry.is_past(floor) {
                self.bucket.raise_horizon(since);
                slot.clear();
            }
        }
    }
}

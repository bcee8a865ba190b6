//! The record of one block: what it has, had, or is about to have.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use super::bucket::Bucket;
use super::bucket::Node;
use super::content::Content;

/// So many nodes that a record no longer needs go back to the pool.
const MANY_EMPTY: usize = 8;

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
        !self.is_in_flight() && self.superseded_from() < floor
    }

    /// The writes that begin later supersede it.
    fn superseded_from(&self) -> u64 {
        self.end.max(self.begin)
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
    #[inline]
    fn nodes(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let tag = self.tag;
        self.bucket.nodes().filter(move |node| node.tag() == tag)
    }

    #[inline]
    fn passed(&self, since: u64) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let tag = self.tag;
        self.bucket.passed(since).filter(move |node| node.tag() == tag)
    }

    /// Takes the record from its block.
    pub(super) fn clear(&self) {
        self.passed(0).chain(self.nodes()).for_each(|node| node.name(0));
    }

    /// The contents, in no order, and where they stand, but for those that were put away as superseded.
    #[inline]
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

    /// The contents that are of any concern to a read that began at `since`, the superseded ones last.
    #[inline]
    pub(super) fn entries(&self, since: u64) -> impl Iterator<Item = Entry> + use<'t> {
        let passed = self.passed(since).flat_map(|node| node.slots());
        self.slots().map(|(_, entry)| entry).chain(passed.filter_map(|slot| slot.entry()))
    }

    pub(super) fn free_slot(&self) -> Option<Slot<'t>> {
        self.nodes().flat_map(|node| node.slots()).find(|slot| slot.entry().is_none())
    }

    /// Which write began last of those that were complete at `since`: what had ended before it began is superseded for a
    /// read that began at `since`.
    #[inline]
    fn last(&self, since: u64) -> Option<Entry> {
        let entries = self
            .entries(since)
            .filter(|entry| !entry.maybe && !entry.is_in_flight() && entry.end <= since);
        entries.max_by_key(|entry| entry.begin)
    }

    /// When that write began.
    #[inline]
    pub(super) fn floor(&self, since: u64) -> u64 {
        self.last(since).map_or(0, |entry| entry.begin)
    }

    /// What a read that began at `since` may return.
    pub(super) fn candidates(&self, since: u64) -> impl Iterator<Item = Entry> + use<'t> {
        let floor = self.floor(since);
        self.entries(since).filter(move |entry| !entry.is_past(floor))
    }

    /// Whether a write is in flight, and when the last one was complete.
    pub(super) fn ends(&self) -> (bool, u64) {
        let ends = self.slots().map(|(_, entry)| (entry.is_in_flight(), entry.end));
        ends.fold((false, 0), |(any, last), (it, end)| (any || it, last.max(end)))
    }

    /// Whether it has more nodes than are worth keeping.
    pub(super) fn is_large(&self) -> bool {
        self.nodes().nth(MANY_EMPTY).is_some()
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.slots().any(|(_, entry)| entry.is_in_flight())
    }

    /// Makes room by forgetting what no read that began at `old`, or later, may return, and what is there twice, and by
    /// putting away what was superseded later. Returns how many contents are left.
    pub(super) fn prune(&self, old: u64) -> usize {
        self.forget(old);
        if self.free_slot().is_some() {
            return 0;
        }
        self.put_away();
        let (mut count, mut perhaps) = (0, 0);
        for (_, entry) in self.slots() {
            count += 1;
            perhaps += usize::from(entry.maybe && !entry.is_in_flight());
        }
        if count < 2 * perhaps {
            self.forget_twins();
        }
        let nodes: Vec<_> = self.nodes().collect();
        let is_empty = |node: &&Node<'_>| node.slots().all(|slot| slot.entry().is_none());
        // One stays, for the block has this record.
        let empty: Vec<_> = nodes.iter().skip(1).filter(is_empty).collect();
        empty.iter().for_each(|node| node.name(0));
        if MANY_EMPTY <= empty.len() {
            self.bucket.shrink(|tag| tag == 0);
        }
        self.slots().count()
    }

    /// A write that may not have been executed adds nothing to one of the same content that is superseded no earlier.
    fn forget_twins(&self) {
        let mut all: Vec<_> = self.slots().filter(|(_, entry)| !entry.is_in_flight()).collect();
        let key = |entry: &Entry| (entry.content.pack(), entry.superseded_from(), !entry.maybe);
        all.sort_by_key(|(_, entry)| key(entry));
        for pair in all.windows(2) {
            let ((slot, first), (_, second)) = (&pair[0], &pair[1]);
            if first.maybe && first.content == second.content {
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

    /// Puts what was superseded where only reads look for it that began before it was.
    fn put_away(&self) {
        let Some(last) = self.last(u64::MAX) else { return };
        let is_past = |(_, entry): &(_, Entry)| entry.is_past(last.begin);
        let (slots, entries): (Vec<_>, Vec<_>) = self.slots().filter(is_past).unzip();
        // Only as many as fill nodes: where few are written of many blocks, each would have a node of its own.
        let (entries, _) = entries.as_chunks();
        // What stands there twice meanwhile is superseded here and there.
        if self.bucket.pass(self.tag, entries, last.end) {
            slots.iter().take(entries.as_flattened().len()).for_each(|slot| slot.clear());
        }
    }
}

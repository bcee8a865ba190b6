//! Where the records stand of the blocks that are being written, or were written lately.

use std::iter;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use super::error::TableError;
use super::lock::lock;
use super::lock::unlock;
use super::memory::Memory;
use super::place::BUCKET;
use super::place::NODE;
use super::record::Entry;
use super::record::Record;
use super::record::Slot;

/// So many nodes of what was superseded are kept in a bucket.
const MOST_PASSED: u64 = 2048;

// The first line of a bucket.
const LOCK: usize = 0;
const HORIZON: usize = 1;
const STOPPED: usize = 2;
// The first node that has what was superseded; how many were added since it was looked for what is old, and how many
// were left then.
const PASSED: usize = 3;
const ADDED: usize = 4;
const LEFT: usize = 5;
// The second one: the first node that the bucket has from the pool, and whose its own nodes are.
const CHAIN: usize = 8;
const TAGS: usize = 9;
/// The nodes that a bucket has of its own.
const OWN: usize = 7;
/// Two lines are as long as a node.
const FIRST: usize = 1;

// A node of the pool: whose it is, the next one of the bucket, and, where it has what was superseded, that no read may
// return it that began at this stamp or later. A bucket's own have the first in the bucket, and the rest not at all.
const TAG: usize = 0;
const NEXT: usize = 1;
const MARK: usize = 2;
const SLOTS: usize = 4;
/// The entries of a node, of three words each.
const ENTRIES: usize = (NODE - SLOTS) / 3;

const _: () = assert!(TAGS + OWN == NODE && (FIRST + OWN) * NODE == BUCKET);

/// A bucket that this thread has locked.
///
/// A process may be killed at any store, and the next one goes on from there: after each of them what stands here
/// is in order. An entry counts from the store of its first word on, a node from that of its tag, and one of the pool
/// from that of the link to it: between two of these stores it is nobody's, and lost.
pub(super) struct Bucket<'t> {
    memory: &'t Memory,
    words: &'t [AtomicU64; BUCKET],
}

/// Room for a few entries, which belongs to the record that its tag names.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tag: &'t AtomicU64,
    words: &'t [AtomicU64; NODE],
    /// Its number in the pool; zero for one of the bucket's own.
    index: u64,
}

impl<'t> Node<'t> {
    pub(super) fn tag(&self) -> u64 {
        self.tag.load(Relaxed)
    }

    /// Writes what it has before it is anybody's.
    pub(super) fn begin(&self, entries: &[Entry]) {
        self.slots().for_each(|slot| slot.clear());
        self.slots().zip(entries).for_each(|(slot, entry)| slot.put(entry));
    }

    /// Gives the node to a record, or takes it from one.
    pub(super) fn name(&self, tag: u64) {
        self.tag.store(tag, Release);
    }

    fn mark(&self) -> u64 {
        self.words[MARK].load(Relaxed)
    }

    #[inline]
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<'t>> + use<'t> {
        self.words[SLOTS..].as_chunks().0.iter().map(Slot)
    }
}

impl<'t> Bucket<'t> {
    /// Locks the bucket.
    ///
    /// # Errors
    ///
    /// Fails if the process that has it is stopped.
    #[inline]
    pub(super) fn lock(
        memory: &'t Memory,
        words: &'t [AtomicU64; BUCKET],
    ) -> Result<Self, TableError> {
        lock(&words[LOCK], &words[STOPPED])?;
        Ok(Self { memory, words })
    }

    /// Nobody has it: all who used the table before are gone.
    pub(super) fn break_lock(words: &[AtomicU64; BUCKET]) {
        words[LOCK].store(0, Relaxed);
        words[STOPPED].store(0, Relaxed);
    }

    pub(super) fn memory(&self) -> &'t Memory {
        self.memory
    }

    /// Of a read that began before this stamp, something was dropped that it may have returned.
    pub(super) fn horizon(&self) -> u64 {
        self.words[HORIZON].load(Relaxed)
    }

    pub(super) fn raise_horizon(&self, to: u64) {
        if self.horizon() < to {
            self.words[HORIZON].store(to, Release);
        }
    }

    /// The record of a block, if any node is its.
    #[inline]
    pub(super) fn find(&self, tag: u64) -> Option<Record<'_, 't>> {
        let is_there = self.own().chain(self.chain(CHAIN)).any(|node| node.tag() == tag);
        is_there.then_some(Record { bucket: self, tag })
    }

    /// All nodes, whosever, but for those of what was superseded; those that were added last come first.
    #[inline]
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.chain(CHAIN).chain(self.own())
    }

    /// The nodes that have what was superseded, whosever, the latest first, as far as a read that began at `since` may
    /// return what they have.
    #[inline]
    pub(super) fn passed(&self, since: u64) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.chain(PASSED).take_while(move |node| since < node.mark())
    }

    #[inline]
    fn own(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let words = self.words;
        let own = words.as_chunks().0[FIRST..].iter().zip(&words[TAGS..]);
        own.map(|(words, tag)| Node { tag, words, index: 0 })
    }

    /// Nodes that it has from the pool: those to which this word leads.
    #[inline]
    fn chain(&self, first: usize) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let memory = self.memory;
        let node = |index: u64| {
            let words = memory.node(index)?;
            Some(Node { tag: &words[TAG], words, index })
        };
        let first = node(self.words[first].load(Acquire));
        let chain = iter::successors(first, move |last| node(last.words[NEXT].load(Acquire)));
        // A file may be damaged, and be a ring.
        chain.take(memory.nodes() as usize)
    }

    /// Keeps what was superseded for reads that began before the stamp `mark`. Returns whether there was room.
    pub(super) fn pass(&self, tag: u64, entries: &[[Entry; ENTRIES]], mark: u64) -> bool {
        // The marks never rise along the list, so that a read need not look farther than to the first that is not
        // behind its beginning.
        let mark = self.passed(0).next().map_or(mark, |node| node.mark().max(mark));
        for entries in entries {
            let Ok(Some(index)) = self.memory.take_node(NEXT) else { return false };
            let Some(words) = self.memory.node(index) else { return false };
            let node = Node { tag: &words[TAG], words, index };
            node.begin(entries);
            words[MARK].store(mark, Relaxed);
            node.name(tag);
            words[NEXT].store(self.words[PASSED].load(Relaxed), Relaxed);
            self.words[PASSED].store(index, Release);
            self.words[ADDED].store(self.words[ADDED].load(Relaxed).wrapping_add(1), Relaxed);
        }
        if 4 + self.words[LEFT].load(Relaxed) / 8 < self.words[ADDED].load(Relaxed) {
            self.forget_passed(self.memory.old());
        }
        true
    }

    /// Gives back what no read may return that began at `old`, or later, and what is too much.
    fn forget_passed(&self, old: u64) {
        let (mut link, mut left) = (&self.words[PASSED], 0);
        for node in self.passed(old).take(MOST_PASSED as usize) {
            (link, left) = (&node.words[NEXT], left + 1);
        }
        let follow = || self.memory.node(link.load(Acquire));
        if let Some(words) = follow() {
            self.raise_horizon(words[MARK].load(Relaxed));
        }
        for _ in 0..self.memory.nodes() {
            let (index, Some(words)) = (link.load(Acquire), follow()) else { break };
            link.store(words[NEXT].load(Relaxed), Release);
            self.memory.give_node(index, NEXT);
        }
        self.words[LEFT].store(left, Relaxed);
        self.words[ADDED].store(0, Relaxed);
    }

    /// Takes a node from the pool, if it has one.
    ///
    /// # Errors
    ///
    /// Fails if there is no memory for it.
    pub(super) fn grow(&self) -> Result<Option<Node<'t>>, TableError> {
        let Some(index) = self.memory.take_node(NEXT)? else { return Ok(None) };
        let Some(words) = self.memory.node(index) else { return Ok(None) };
        words[TAG].store(0, Relaxed);
        words[NEXT].store(self.words[CHAIN].load(Relaxed), Relaxed);
        self.words[CHAIN].store(index, Release);
        Ok(Some(Node { tag: &words[TAG], words, index }))
    }

    /// Gives what is nobody's back to the pool.
    pub(super) fn shrink(&self, is_void: impl Fn(u64) -> bool) {
        let mut link = &self.words[CHAIN];
        for node in self.chain(CHAIN).collect::<Vec<_>>() {
            if is_void(node.tag()) {
                link.store(node.words[NEXT].load(Relaxed), Release);
                self.memory.give_node(node.index, NEXT);
            } else {
                link = &node.words[NEXT];
            }
        }
        self.forget_passed(self.memory.old());
    }
}

impl Drop for Bucket<'_> {
    #[inline]
    fn drop(&mut self) {
        unlock(&self.words[LOCK]);
    }
}

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
use super::record::Record;
use super::record::Slot;

// The first line of a bucket.
const LOCK: usize = 0;
const HORIZON: usize = 1;
const STOPPED: usize = 2;
// The second one: the first node that the bucket has from the pool, and whose its own nodes are.
const CHAIN: usize = 8;
const TAGS: usize = 9;
/// The nodes that a bucket has of its own.
const OWN: usize = 7;
/// Two lines are as long as a node.
const FIRST: usize = 1;

// A node of the pool: whose it is, and the next one of the bucket. A bucket's own have that in the bucket.
const TAG: usize = 0;
const NEXT: usize = 1;
const SLOTS: usize = 4;

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

    /// Gives the node to a record, or takes it from one.
    pub(super) fn name(&self, tag: u64) {
        self.tag.store(tag, Release);
    }

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
    pub(super) fn find(&self, tag: u64) -> Option<Record<'_, 't>> {
        self.nodes().any(|node| node.tag() == tag).then_some(Record { bucket: self, tag })
    }

    /// All nodes, whosever; those that were added last come first.
    #[inline]
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let words = self.words;
        let own = words.as_chunks().0[FIRST..].iter().zip(&words[TAGS..]);
        let own = own.map(|(words, tag)| Node { tag, words, index: 0 });
        self.chain().chain(own)
    }

    /// The nodes that it has from the pool.
    #[inline]
    fn chain(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let memory = self.memory;
        let node = |index: u64| {
            let words = memory.node(index)?;
            Some(Node { tag: &words[TAG], words, index })
        };
        let first = node(self.words[CHAIN].load(Acquire));
        let chain = iter::successors(first, move |last| node(last.words[NEXT].load(Acquire)));
        // A file may be damaged, and be a ring.
        chain.take(memory.nodes() as usize)
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
        for node in self.chain().collect::<Vec<_>>() {
            if is_void(node.tag()) {
                link.store(node.words[NEXT].load(Relaxed), Release);
                self.memory.give_node(node.index, NEXT);
            } else {
                link = &node.words[NEXT];
            }
        }
    }
}

impl Drop for Bucket<'_> {
    #[inline]
    fn drop(&mut self) {
        unlock(&self.words[LOCK]);
    }
}

//! The shortest way for the most common command: a transfer of whole memory pages that is as it was built, for which
//! nobody set options, and to which nothing happens.
//!
//! Of everything that is looked at for other commands, nothing is left out here. Some of it holds by construction (what
//! is lent is what the command transfers, and may be written if the command writes), some is asked in one
//! question (`Accounts::is_calm`, `Block::is_reached_by`). Whenever an answer is not the usual one, nothing has been
//! changed yet, and the command, or the completion, goes the way of all others.

use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use zerocopy::little_endian::U64;

use crate::cmdlog;
use crate::memory::Block;
use crate::memory::Borrowed;
use crate::memory::hand_over;
use crate::spec::Sqe;

use super::completion_side::CompletionSide;
use super::completion_side::Next;
use super::core::Core;
use super::facts::End;
use super::key::Key;
use super::key::Owner;
use super::scope::Scope;
use super::slot::Slot;

impl Scope<'_> {
    /// Submits a command that transfers whole pages, unless there is anything to look at more closely: the queue is full
    /// or gone, something failed, the memory or the namespace is not what it was, or two PRP entries are not enough.
    ///
    /// Of the entry, the command identifier and the data pointer are still missing. The block has to be borrowed for
    /// longer than the scope: [`Io::start_plain`](super::Io) has the compiler see to that.
    pub(super) fn start_plain(
        &self,
        sqe: &mut Sqe,
        block: &Arc<Block>,
        range: Range<usize>,
        epoch: u64,
        site: &'static Location<'static>,
    ) -> Option<Key> {
        // First, for across a call little stays in registers.
        let since_ns = cmdlog::now_ns();
        let (core, owner) = (self.core, self.owner);
        let shared = &*core.shared;
        let page = shared.page_size();
        let (iova, end) = (block.iova_of(range.start), block.iova_of(range.end));
        // The size of a page is a power of two.
        let second = (iova | (page - 1)) + 1;
        let is_plain = core.accounts.is_calm(owner)
            && epoch == shared.epoch()
            && block.is_reached_by(shared.domain_id())
            && end <= second + page;
        if !is_plain {
            return None;
        }
        let slot = core.slots.reserve(|owner| core.accounts.is_open(owner))?;
        let key = slot.key();
        sqe.set_cid(key.cid());
        sqe.dptr = [U64::new(iova), U64::new(if end <= second { 0 } else { second })];
        let times = (since_ns, shared.timeout_ns());
        slot.occupy_plain(owner, times, sqe.opcode(), site, Borrowed::new(block));
        core.accounts.submitted_inner();
        slot.log_as(core.log.submitted(sqe, site, since_ns));
        let tail = core.write(sqe);
        core.ring_doorbell(tail);
        Some(key)
    }

    /// Takes completions of plain commands until that of `key` is among them. Nobody will ask for it again.
    ///
    /// Returns none if something else comes next, or nothing.
    pub(super) fn finish_plain(&self, key: Key) -> Option<()> {
        self.end_plain(key, |_| ())
    }

    /// As [`finish_plain`](Self::finish_plain), and says how the command ended.
    pub(super) fn reap_plain(&self, key: Key) -> Option<End> {
        self.end_plain(key, |end| end)
    }

    #[inline(always)]
    fn end_plain<T>(&self, key: Key, tell: impl Fn(End) -> T) -> Option<T> {
        let (core, owner) = (self.core, self.owner);
        if !core.accounts.is_calm(owner) {
            return None;
        }
        let slot = core.slots.latest(key)?;
        if slot.is_plain() {
            return core.take_until(slot, owner, tell);
        }
        if !slot.is_ready() {
            return None;
        }
        // The entry was given back to the controller when it was taken.
        core.accounts.take_done_inner();
        slot.disclaim();
        Some(tell(slot.end()))
    }
}

impl Core {
    /// Writes an entry, of which the controller is not told yet. Returns the new tail.
    #[inline]
    pub(super) fn write(&self, sqe: &Sqe) -> u32 {
        let tail = self.tail.get();
        self.ring.write(tail, sqe);
        let tail = if tail + 1 == self.ring.entries() { 0 } else { tail + 1 };
        self.tail.set(tail);
        tail
    }

    /// Tells the controller of what was written.
    #[inline]
    pub(super) fn ring_doorbell(&self, tail: u32) {
        hand_over();
        if let Err(error) = self.doorbell.ring(tail) {
            self.note(error.into());
        }
    }

    /// Takes completions up to that of the plain command in `slot`.
    #[inline(never)]
    fn take_until<T>(&self, slot: &Slot, owner: Owner, tell: impl Fn(End) -> T) -> Option<T> {
        let cid = slot.key().cid();
        let completions = &*self.completions;
        let mut next = self.next_plain(completions)?;
        if next.cqe.cid.get() != cid {
            self.take_others(owner, cid)?;
            next = self.next_plain(completions)?;
        }
        let at_ns = self.take_plain(completions, slot, &next);
        self.slots.release(slot);
        slot.disclaim();
        self.accounts.ended_inner();
        if let Err(error) = completions.release_taken() {
            self.note(error.into());
        }
        Some(tell(slot.ended(next.cqe, at_ns)))
    }

    /// Looks at the next completion, if it is there, is for this queue, and is as it should be.
    #[inline(always)]
    fn next_plain(&self, completions: &CompletionSide) -> Option<Next> {
        let next = completions.peek()?;
        let cqe = &next.cqe;
        let tail = self.tail.get();
        let is_plain = cqe.status_field().status().is_success()
            && (self.head.is_followed_by(cqe, tail)
                || self.head.admits(cqe, tail, self.ring.entries()));
        is_plain.then_some(next)
    }

    /// Takes the completion that was looked at, of a plain command. Returns when that was.
    #[inline(always)]
    fn take_plain(&self, completions: &CompletionSide, slot: &Slot, next: &Next) -> u64 {
        let cqe = &next.cqe;
        completions.take(next);
        self.head.note(cqe);
        hand_over();
        let at_ns = cmdlog::now_ns();
        self.log.completed(slot.logged(), cqe, at_ns);
        at_ns
    }

    /// Takes completions of plain commands of the scope, until that of `wanted` comes next.
    #[inline(never)]
    fn take_others(&self, owner: Owner, wanted: u16) -> Option<()> {
        let completions = &*self.completions;
        loop {
            let next = self.next_plain(completions)?;
            let cqe = &next.cqe;
            if cqe.cid.get() == wanted {
                return Some(());
            }
            // Each round ends a command in flight: the device cannot go on for ever.
            let slot = self.slots.with_cid(cqe.cid.get())?;
            if !slot.is_plain() || slot.owner() != owner {
                return None;
            }
            let at_ns = self.take_plain(completions, slot, &next);
            slot.complete(cqe, at_ns);
            self.slots.release(slot);
            self.accounts.completed_inner();
        }
    }
}

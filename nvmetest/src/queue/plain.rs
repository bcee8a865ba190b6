//! The shortest way for the most common command: a transfer of whole memory pages that is as it was built, for which
//! nobody set options, and to which nothing happens.
//!
//! Of everything that is looked at for other commands, nothing is left out here. Some of it holds by construction (what
//! is lent is what the command transfers, and may be written if the command writes), some is asked in one
//! question (`Accounts::is_calm`, `Block::is_reached_by`). Whenever an answer is not the usual one, nothing has been
//! changed yet, and the command, or the completion, goes the way of all others.

use std::panic::Location;
use std::sync::Arc;

use zerocopy::little_endian::U64;

use crate::cmdlog;
use crate::memory::Block;
use crate::memory::Pages;
use crate::memory::hand_over;
use crate::spec::Sqe;

use super::core::Core;
use super::invariant;
use super::key::Key;
use super::key::Owner;
use super::slots::Slot;

impl Core {
    /// Returns the data pointer for a transfer of `pages`, unless there is anything to look at more closely: the queue
    /// is full or gone, something failed, the memory or the namespace is not what it was, or two PRP entries are not enough.
    #[inline]
    pub(super) fn admits(&self, owner: Owner, pages: Pages<'_>, epoch: u64) -> Option<[U64; 2]> {
        let Pages { block, iova, len } = pages;
        let shared = &*self.shared;
        let page = shared.page_size();
        // The size of a page is a power of two.
        let second = (iova & !(page - 1)) + page;
        let end = iova + len as u64;
        let is_plain = self.accounts.is_calm(owner)
            && epoch == shared.epoch()
            && block.is_reached_by(shared.domain())
            && end <= second + page
            && !self.slots.is_full();
        is_plain.then(|| [U64::new(iova), U64::new(if end <= second { 0 } else { second })])
    }

    /// Submits a command that is [admitted](Self::admits), and lends `block`.
    pub(super) fn start_plain(
        &self,
        owner: Owner,
        sqe: &mut Sqe,
        block: &Arc<Block>,
        site: &'static Location<'static>,
    ) -> Key {
        // First, for across a call little stays in registers.
        let since_ns = cmdlog::now_ns();
        let slot = self.slots.reserve(|owner| self.accounts.is_open(owner));
        let slot = slot.expect("a command is admitted only if there is room");
        let key = slot.key();
        sqe.set_cid(key.cid());
        let times = (since_ns, self.shared.timeout_ns());
        slot.occupy_plain(owner, times, sqe.opcode(), site, block.clone());
        self.accounts.submitted_inner();
        let tail = self.write(sqe);
        slot.log_as(self.log.submitted(sqe, site, since_ns));
        self.ring_doorbell(tail);
        key
    }

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

    /// Takes completions of plain commands until that of `key` is among them. Nobody will ask for it again.
    ///
    /// Returns none if something else comes next, or nothing.
    pub(super) fn finish_plain(&self, owner: Owner, key: Key) -> Option<&Slot> {
        if !self.accounts.is_calm(owner) {
            return None;
        }
        let slot = self.slots.latest(key)?;
        if slot.is_ready() {
            self.accounts.take_done_inner();
        } else {
            if !self.take_plain(owner, slot)? {
                self.take_others(owner, slot)?;
            }
        }
        slot.disclaim();
        if let Err(error) = self.completions.release() {
            self.note(error.into());
        }
        Some(slot)
    }

    /// Goes on with [`take_plain`](Self::take_plain) where the first completion is not the one that is wanted.
    #[inline(never)]
    fn take_others(&self, owner: Owner, wanted: &Slot) -> Option<()> {
        // Each round ends a command in flight: the device cannot go on for ever.
        while !self.take_plain(owner, wanted)? {}
        Some(())
    }

    /// Takes the next completion, if it is that of a plain command of the scope, and is as it should be. Returns whether
    /// the command is that of `wanted`, for which somebody asks.
    #[inline(always)]
    fn take_plain(&self, owner: Owner, wanted: &Slot) -> Option<bool> {
        let cqe = self.completions.peek()?;
        let (tail, entries) = (self.tail.get(), self.ring.entries());
        let (head, cid) = (u32::from(cqe.sqhd.get()), cqe.cid.get());
        if cqe.sqid.get() != self.sqid
            || !cqe.status_field().status().is_success()
            || !invariant::is_head(head, self.head.get(), tail, entries)
        {
            return None;
        }
        let is_wanted = cid == wanted.key().cid();
        let slot = if is_wanted { wanted } else { self.slots.with_cid(cid)? };
        if !slot.is_plain() || slot.owner() != owner {
            return None;
        }
        self.completions.advance();
        hand_over();
        let at_ns = cmdlog::now_ns();
        self.head.set(head);
        self.log.completed(slot.logged(), &cqe, at_ns);
        slot.end_with(&cqe, at_ns);
        drop(slot.kept.take());
        self.slots.release(slot);
        if is_wanted {
            self.accounts.ended_inner();
        } else {
            slot.make_ready();
            self.accounts.completed_inner();
        }
        Some(is_wanted)
    }
}

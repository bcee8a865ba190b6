//! The place of a command in flight.
#![expect(
    unsafe_code,
    reason = "how long memory is lent is known to the compiler where it is lent, and not here"
)]

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;

use zerocopy::FromZeros;

use crate::cmdlog::Token;
use crate::command::Callback;
use crate::command::Expected;
use crate::memory::Block;
use crate::memory::Borrowed;
use crate::memory::Places;
use crate::spec::Cqe;

use super::facts::End;
use super::facts::Facts;
use super::key::Key;
use super::key::Owner;
use super::straggler::Straggler;
use super::straggler::revoke;

/// The place of one command at a time.
pub(super) struct Slot {
    /// The latest command.
    key: Cell<Key>,
    state: Cell<State>,
    claim: Cell<Claim>,
    number: u16,
    next_free: Cell<u16>,
    owner: Cell<Owner>,
    since_ns: Cell<u64>,
    timeout_ns: Cell<u64>,
    logged: Cell<Token>,
    opcode: Cell<u8>,
    site: Cell<&'static Location<'static>>,
    /// The rest of what is known, of a command that is not plain.
    particulars: Cell<Particulars>,
    pub(super) places: Cell<Places>,
    /// What a plain command lends, while it is in flight.
    lent: Cell<Option<Borrowed>>,
    /// PRP Lists and SGL segments that did not fit into the slot's own.
    pub(super) kept: Cell<Option<Arc<Block>>>,
    pub(super) callback: Cell<Option<Callback<'static>>>,
    /// How the latest command ended, while somebody may ask.
    cqe: Cell<Cqe>,
    at_ns: Cell<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Free,
    Busy,
    /// Busy, and there is nothing that its completion would have to look at: no callback, no list, no canary, and of
    /// statuses only success is expected.
    Plain,
    /// Given up; the device may still complete the command.
    Zombie,
}

/// Whether somebody will ask how the latest command ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Nobody: its ticket was dropped, or has asked.
    None,
    /// A ticket, when the command is complete.
    Open,
    /// A ticket: the command is complete.
    Ready,
}

/// What is known of a command that is not plain.
#[derive(Clone, Copy)]
struct Particulars {
    cdw10: u32,
    admin: bool,
    expected: Option<Expected>,
}

impl Particulars {
    const NONE: Self = Self { cdw10: 0, admin: false, expected: None };
}

impl Slot {
    pub(super) fn new(number: u16, next_free: u16) -> Self {
        Self {
            key: Cell::new(Key::of_cid(number)),
            state: Cell::new(State::Free),
            claim: Cell::new(Claim::None),
            number,
            next_free: Cell::new(next_free),
            owner: Cell::new(Owner::SESSION),
            since_ns: Cell::new(0),
            timeout_ns: Cell::new(0),
            logged: Cell::new(Token::NONE),
            opcode: Cell::new(0),
            site: Cell::new(Location::caller()),
            particulars: Cell::new(Particulars::NONE),
            places: Cell::new(Places::None),
            lent: Cell::new(None),
            kept: Cell::new(None),
            callback: Cell::new(None),
            cqe: Cell::new(Cqe::new_zeroed()),
            at_ns: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn key(&self) -> Key {
        self.key.get()
    }

    #[inline]
    pub(super) fn owner(&self) -> Owner {
        self.owner.get()
    }

    /// Which of the slots it is.
    #[inline]
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        self.state.get()
    }

    #[inline]
    pub(super) fn next_free(&self) -> u16 {
        self.next_free.get()
    }

    /// Frees the slot; `next_free` is the slot that was free before.
    #[inline]
    pub(super) fn free(&self, next_free: u16) {
        self.state.set(State::Free);
        self.next_free.set(next_free);
    }

    /// Names the next command.
    #[inline]
    pub(super) fn renew(&self, mask: u64) {
        self.key.set(self.key.get().next(mask));
    }

    /// Whether a command is in flight.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state.get(), State::Busy | State::Plain)
    }

    /// Whether a plain command is in flight.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.state.get() == State::Plain
    }

    #[inline]
    pub(super) fn logged(&self) -> Token {
        self.logged.get()
    }

    /// What is known of the command in flight.
    pub(super) fn facts(&self) -> Facts {
        // A plain command leaves there what was known of an earlier one.
        let is_plain = self.state.get() == State::Plain;
        let particulars = if is_plain { Particulars::NONE } else { self.particulars.get() };
        let Particulars { cdw10, admin, expected } = particulars;
        Facts {
            owner: self.owner.get(),
            since_ns: self.since_ns.get(),
            timeout_ns: self.timeout_ns.get(),
            logged: self.logged.get(),
            opcode: self.opcode.get(),
            cdw10,
            admin,
            expected,
            site: self.site.get(),
        }
    }

    /// Whether the latest command is complete, and its ticket has not asked for its end.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.claim.get() == Claim::Ready
    }

    /// Whether somebody may still ask how the latest command ended: not if it was given up.
    pub(super) fn is_claimed(&self) -> bool {
        self.claim.get() != Claim::None
    }

    /// How the latest command ended.
    #[inline]
    pub(super) fn end(&self) -> End {
        self.ended(self.cqe.get(), self.at_ns.get())
    }

    /// How the command ends, if this is its completion.
    #[inline]
    pub(super) fn ended(&self, cqe: Cqe, at_ns: u64) -> End {
        End { cqe, latency_ns: at_ns.saturating_sub(self.since_ns.get()) }
    }

    /// Nobody will ask any more.
    #[inline]
    pub(super) fn disclaim(&self) {
        self.claim.set(Claim::None);
    }

    /// A command is about to be submitted in the slot.
    #[inline]
    pub(super) fn occupy(&self, facts: Facts) {
        let Facts { owner, since_ns, timeout_ns, logged, opcode, cdw10, admin, expected, site } =
            facts;
        self.owner.set(owner);
        self.since_ns.set(since_ns);
        self.timeout_ns.set(timeout_ns);
        self.logged.set(logged);
        self.opcode.set(opcode);
        self.site.set(site);
        self.particulars.set(Particulars { cdw10, admin, expected });
        self.state.set(State::Busy);
        self.claim.set(Claim::Open);
    }

    /// A plain command is about to be submitted in the slot, and lends memory.
    #[inline]
    pub(super) fn occupy_plain(
        &self,
        owner: Owner,
        (since_ns, timeout_ns): (u64, u64),
        opcode: u8,
        site: &'static Location<'static>,
        lent: Borrowed,
    ) {
        self.owner.set(owner);
        self.since_ns.set(since_ns);
        self.timeout_ns.set(timeout_ns);
        self.opcode.set(opcode);
        self.site.set(site);
        self.lent.set(Some(lent));
        self.state.set(State::Plain);
        self.claim.set(Claim::Open);
    }

    /// Keeps what the log calls the command.
    #[inline]
    pub(super) fn log_as(&self, logged: Token) {
        self.logged.set(logged);
    }

    /// Keeps what the command lends, and its callback.
    #[inline]
    pub(super) fn lend(&self, places: Places, callback: Option<Callback<'static>>) {
        // A free slot holds nothing that would have to be dropped.
        std::mem::forget(self.places.replace(places));
        if callback.is_some() {
            self.callback.set(callback);
        }
    }

    /// Lets go of what the command lent.
    #[inline(always)]
    pub(super) fn give_back(&self) {
        match self.places.replace(Places::None) {
            Places::One(place) => drop(place.block),
            places => drop_others(places),
        }
        drop(self.kept.take());
    }

    /// The command is complete: this is what its ticket will be told, if it still has one.
    #[inline]
    pub(super) fn complete(&self, cqe: &Cqe, at_ns: u64) {
        self.cqe.set(*cqe);
        self.at_ns.set(at_ns);
        if self.claim.get() == Claim::Open {
            self.claim.set(Claim::Ready);
        }
    }

    /// What a plain command in flight lends.
    fn lent(&self) -> Option<&Arc<Block>> {
        let lent = self.lent.get().filter(|_| self.is_plain())?;
        // SAFETY: The command is in flight, so its scope has not ended: `enter` gives up what is. The block is borrowed
        // for longer than the scope (`Io::start_plain`).
        Some(unsafe { lent.block() })
    }

    /// Takes the memory of the command from the device. Returns whether all of it is out of reach.
    pub(super) fn revoke(&self) -> bool {
        // Nothing is dropped in between, for nothing else has the slot.
        let (places, kept) = (self.places.replace(Places::None), self.kept.take());
        let revoked = revoke(&places, kept.as_ref().or(self.lent()));
        self.places.set(places);
        self.kept.set(kept);
        revoked
    }

    /// Gives the command up.
    pub(super) fn abandon(&self) -> Straggler {
        let facts = self.facts();
        let kept = self.kept.take().or(self.lent().cloned());
        self.state.set(State::Zombie);
        self.claim.set(Claim::None);
        Straggler {
            key: self.key.get(),
            facts,
            places: self.places.replace(Places::None),
            kept,
            _callback: self.callback.take(),
        }
    }
}

/// The places of a command that lends none, or many.
#[inline(never)]
fn drop_others(places: Places) {
    drop(places);
}

//! Which command identifiers are in use.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::cmdlog::Token;
use crate::cmdlog::now_ns;
use crate::command::Callback;
use crate::command::Terms;
use crate::memory::Block;
use crate::memory::Places;
use crate::spec::Sqe;

use super::ticket::Outcome;

/// The commands of one submission queue, by command identifier.
///
/// The low bits of an identifier are the number of its slot; the others count how often the slot was used, so
/// that a completion that comes twice, or too late, does not pass for that of a later command.
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u16>,
    /// How many low bits are the slot's number.
    bits: u32,
    busy: usize,
}

struct Slot {
    /// The identifier of the latest command.
    cid: u16,
    state: State,
}

#[expect(
    clippy::large_enum_variant,
    reason = "slots are made once; a box would be made per command"
)]
enum State {
    Free,
    Busy(InFlight),
    /// Given up; the device may still complete the command.
    Zombie,
}

/// A command in flight.
pub(super) struct InFlight {
    pub(super) sqe: Sqe,
    pub(super) places: Places,
    /// PRP Lists and SGL segments that did not fit into the slot's own.
    pub(super) lists: Option<Arc<Block>>,
    pub(super) terms: Terms,
    pub(super) callback: Option<Callback<'static>>,
    /// When it was submitted, and when its time is up (`cmdlog::now_ns`).
    pub(super) since_ns: u64,
    pub(super) due_ns: u64,
    pub(super) logged: Token,
    pub(super) owner: Owner,
    pub(super) outcome: Rc<Outcome>,
}

/// Who waits for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The scope of this number.
    Scope(u64),
    /// Nobody in particular: an Asynchronous Event Request of the session.
    Session,
}

/// What a completion belongs to.
#[expect(
    clippy::large_enum_variant,
    reason = "almost all are the large one, and live for a moment"
)]
pub(super) enum Found {
    Command(InFlight),
    /// One that was given up before.
    Late,
    /// None.
    Unknown,
}

impl Slots {
    pub(super) fn new(commands: usize) -> Self {
        let slots = (0..commands).map(|number| Slot { cid: number as u16, state: State::Free });
        let free = (0..commands).rev().map(|number| number as u16).collect();
        let bits = usize::BITS - commands.saturating_sub(1).leading_zeros();
        Self { slots: slots.collect(), free, bits, busy: 0 }
    }

    /// How many identifiers are not in use.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Takes an identifier for a command that is about to be submitted.
    pub(super) fn reserve(&mut self) -> Option<u16> {
        let number = self.free.pop()?;
        let slot = &mut self.slots[usize::from(number)];
        // FFFFh is not to be used: the Error Information log says it for "no command" (Base 4.1).
        let next = |cid: u16| (u32::from(cid) + (1 << self.bits)) as u16;
        slot.cid = match next(slot.cid) {
            u16::MAX => next(u16::MAX),
            cid => cid,
        };
        Some(slot.cid)
    }

    /// Gives an identifier back that was not submitted after all.
    pub(super) fn release(&mut self, cid: u16) {
        self.free.push(self.number(cid));
    }

    pub(super) fn occupy(&mut self, cid: u16, command: InFlight) {
        let number = usize::from(self.number(cid));
        self.slots[number].state = State::Busy(command);
        self.busy += 1;
    }

    /// Ends the command that `cid` names, and frees the identifier.
    pub(super) fn complete(&mut self, cid: u16) -> Found {
        let number = self.number(cid);
        let Some(slot) = self.slots.get_mut(usize::from(number)) else { return Found::Unknown };
        if slot.cid != cid {
            return Found::Unknown;
        }
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Busy(command) => {
                self.busy -= 1;
                self.free.push(number);
                Found::Command(command)
            }
            State::Zombie => {
                self.free.push(number);
                Found::Late
            }
            State::Free => Found::Unknown,
        }
    }

    /// Gives up all commands of `owner`. Their identifiers stay out of use.
    pub(super) fn abandon(&mut self, owner: Owner) -> Vec<InFlight> {
        let mut abandoned = Vec::new();
        for slot in &mut self.slots {
            if !matches!(&slot.state, State::Busy(command) if command.owner == owner) {
                continue;
            }
            if let State::Busy(command) = std::mem::replace(&mut slot.state, State::Zombie) {
                self.busy -= 1;
                abandoned.push(command);
            }
        }
        abandoned
    }

    pub(super) fn busy(&self) -> impl Iterator<Item = (u16, &InFlight)> {
        // The common case of a poll that finds nothing should not walk a thousand slots.
        let slots = if self.busy == 0 { &[][..] } else { &self.slots[..] };
        slots.iter().filter_map(|slot| match &slot.state {
            State::Busy(command) => Some((slot.cid, command)),
            State::Free | State::Zombie => None,
        })
    }

    /// The identifiers in flight, the one that was submitted last first.
    pub(super) fn youngest_first(&self) -> Vec<u16> {
        let mut busy: Vec<_> = self.busy().map(|(cid, it)| (it.since_ns, cid)).collect();
        busy.sort_unstable_by_key(|&(since_ns, _)| std::cmp::Reverse(since_ns));
        busy.into_iter().map(|(_, cid)| cid).collect()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.busy
    }

    /// The number of the slot that an identifier names.
    pub(super) fn number(&self, cid: u16) -> u16 {
        (u32::from(cid) & ((1 << self.bits) - 1)) as u16
    }
}

impl InFlight {
    /// Takes the memory of the command from the device. Returns whether all of it is out of reach.
    pub(super) fn revoke(&self) -> bool {
        let places = self.places.as_slice().iter().map(|place| &place.block);
        // Each is revoked, also when one cannot be.
        places.chain(&self.lists).filter(|block| !block.revoke()).count() == 0
    }

    pub(super) fn timed_out(&self, sqid: u16) -> Error {
        let command = self.terms.describe(&self.sqe, sqid);
        let after = Duration::from_nanos(now_ns().saturating_sub(self.since_ns));
        Error::Timeout { command, after, site: self.terms.site }
    }
}

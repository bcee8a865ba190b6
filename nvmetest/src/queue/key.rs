//! What names a command, and who waits for it.

/// One command among all that were ever submitted to a queue.
///
/// The low 16 bits are its command identifier, whose low bits are the number of its slot. What is above counts how
/// often the slot was used, and is never the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// Who waits for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u64);

impl Key {
    /// No command of a slot has this bit.
    const REFUSED: u64 = 1 << 63;

    /// The first command of a slot follows on this one, which never was.
    pub(super) fn of_cid(cid: u16) -> Self {
        Self(cid.into())
    }

    /// A command that was never submitted, and so has neither a slot nor an identifier.
    pub(super) fn refused(number: u64) -> Self {
        Self(number | Self::REFUSED)
    }

    pub(super) fn is_refused(self) -> bool {
        self.0 & Self::REFUSED != 0
    }

    /// The next command in the same slot.
    #[inline]
    pub(super) fn next(self, mask: u64) -> Self {
        Self(self.0 + mask + 1)
    }

    /// The command identifier.
    #[inline]
    pub(crate) fn cid(self) -> u16 {
        self.0 as u16
    }

    /// The number of the slot.
    #[inline]
    pub(super) fn number(self, mask: u64) -> u16 {
        (self.0 & mask) as u16
    }
}

impl Owner {
    /// Nobody in particular: an Asynchronous Event Request of the session.
    pub(crate) const SESSION: Self = Self(0);

    /// Whose account it is while no scope is open.
    pub(super) const NOBODY: Self = Self(u64::MAX);

    /// The scope of this number, from 1 on.
    pub(super) fn scope(number: u64) -> Self {
        Self(number)
    }
}

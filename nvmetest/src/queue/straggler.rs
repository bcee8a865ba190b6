//! What a command that was given up leaves behind.

use std::sync::Arc;

use crate::command::Callback;
use crate::memory::Block;
use crate::memory::Places;

use super::facts::Facts;
use super::key::Key;

/// What a command that was given up has lent, and the callback that was never called.
pub(super) struct Straggler {
    pub(super) key: Key,
    pub(super) facts: Facts,
    pub(super) places: Places,
    pub(super) kept: Option<Arc<Block>>,
    pub(super) _callback: Option<Callback<'static>>,
}

impl Straggler {
    /// Takes the memory of the command from the device. Returns whether all of it is out of reach.
    pub(super) fn revoke(&self) -> bool {
        revoke(&self.places, self.kept.as_ref())
    }
}

/// Takes what a command lends from the device. Returns whether all of it is out of reach.
pub(super) fn revoke(places: &Places, kept: Option<&Arc<Block>>) -> bool {
    let blocks = places.as_slice().iter().map(|place| &place.block).chain(kept);
    // Each is revoked, also when one cannot be.
    blocks.filter(|block| !block.revoke()).count() == 0
}

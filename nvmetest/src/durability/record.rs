//! The record of what a test has done to a namespace.

use std::cell::Cell;
use std::cell::RefCell;
use std::ops::Range;

use crate::spec::Status;

use super::atomicity::Atomicity;
use super::content::Content;
use super::content::Fills;
use super::content::Found;
use super::effect::Effect;
use super::effect::Kind;
use super::model::Model;
use super::model::Write;

/// What a namespace may hold after a power loss: see the [module](super).
///
/// All methods take `&self`, so that callbacks of commands in flight can tell what completed.
#[derive(Debug)]
pub struct Durability {
    pub(super) model: RefCell<Model>,
    block: usize,
    has_cache: Cell<bool>,
}

/// A command that was submitted.
#[derive(Debug)]
#[must_use = "how the command ended has to be told with `Durability::end`"]
pub struct Pending(Number);

#[derive(Debug)]
enum Number {
    Write(u64),
    Flush(u64),
}

impl Durability {
    /// Makes a record of blocks of `block` bytes of which nothing is known, for tests of what one does without a device;
    /// with a device, see [`Namespace::durability`](crate::Namespace::durability).
    ///
    /// `drb` is DLFEAT.DRB, and `has_cache` whether a volatile write cache is present and enabled.
    pub fn new(block: usize, atomicity: Atomicity, drb: u8, has_cache: bool) -> Self {
        let model = RefCell::new(Model::new(atomicity, Fills::new(block, drb)));
        Self { model, block, has_cache: Cell::new(has_cache) }
    }

    /// Notes that the volatile write cache is enabled, or is not (Base 5.1.25.1.4): to be told before the Set Features
    /// that enables it is submitted, and after the one that disables it has completed.
    pub fn set_cache(&self, is_enabled: bool) {
        self.has_cache.set(is_enabled);
    }

    /// Notes that a command is submitted: to be called before it is.
    ///
    /// # Panics
    ///
    /// Panics on data that are not a whole number of blocks.
    pub fn begin(&self, effect: Effect<'_>) -> Pending {
        let mut model = self.model.borrow_mut();
        let is_durable = effect.fua || !self.has_cache.get();
        let zeroes = Content::Data(model.fills().zeroes);
        let mut write = |ranges: Vec<Range<u64>>, content, is_hint| {
            let content = |_| content;
            model.begin(Write { ranges, content, is_durable, is_hint })
        };
        let number = match effect.kind {
            Kind::Flush => return Pending(Number::Flush(model.begin_flush())),
            Kind::Zeroes(range) => write(vec![range], zeroes, false),
            Kind::Uncorrectable(range) => write(vec![range], Content::Uncorrectable, false),
            Kind::Deallocated(ranges) => write(ranges, Content::Deallocated, true),
            Kind::Data(slba, data) => {
                let len = data.len();
                assert!(
                    len.is_multiple_of(self.block),
                    "{len} bytes are no whole number of blocks"
                );
                let blocks = data.chunks_exact(self.block);
                let crcs: Vec<u32> = blocks.map(crc32fast::hash).collect();
                let range = slba..slba + crcs.len() as u64;
                let content = |lba: u64| Content::Data(crcs[(lba - slba) as usize]);
                model.begin(Write { ranges: vec![range], content, is_durable, is_hint: false })
            }
        };
        Pending(Number::Write(number))
    }

    /// Notes how a command has completed. One that was aborted, or whose completion nobody has seen, may have been executed
    /// or not; of the latter nothing need be told.
    pub fn end(&self, pending: Pending, status: Status) {
        let mut model = self.model.borrow_mut();
        match pending.0 {
            Number::Write(number) => model.end(number, status.is_success()),
            Number::Flush(number) if status.is_success() => model.end_flush(number),
            Number::Flush(_) => (),
        }
    }

    /// Notes that the power is gone, and with it what is in flight. [`check_after_power_loss`] does that itself; it
    /// is to be called where a check comes later than the next command.
    ///
    /// [`check_after_power_loss`]: crate::Namespace::check_after_power_loss
    pub fn power_lost(&self) {
        self.model.borrow_mut().lose_power();
    }

    pub(super) fn block(&self) -> usize {
        self.block
    }

    pub(super) fn know(&self, lba: u64, found: Found) {
        self.model.borrow_mut().know(lba, found);
    }
}

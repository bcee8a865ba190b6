//! Which contents each block may have: the rule of the module, without a device.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::Range;

use super::atomicity::Atomicity;
use super::content::Content;
use super::content::Fills;
use super::content::Found;
use super::verdict::PowerLossReport;
use super::verdict::Verdict;
use super::verdict::Violation;

/// The contents that blocks may have.
#[derive(Debug)]
pub(super) struct Model {
    atomicity: Atomicity,
    fills: Fills,
    /// Counts what is submitted and what is over, so that before and after can be told.
    clock: u64,
    blocks: BTreeMap<u64, Block>,
    /// Blocks with a content that is not durable, or more than one.
    open: BTreeSet<u64>,
    in_flight: HashMap<u64, Command>,
    /// Commands that were in flight when the power went, or failed since the last check and were not for a cache.
    interrupted: Vec<(u64, Command)>,
    /// When the power went last.
    lost_at: u64,
    /// Whether a volatile write cache is, or may be, enabled.
    has_cache: bool,
}

/// What is known of a block.
#[derive(Debug, Default)]
struct Block {
    /// What it may hold, in the order of submission.
    allowed: Vec<Version>,
    /// What it held once and may not hold any more, the latest last.
    past: Vec<Content>,
}

/// A content, and when it was written.
#[derive(Debug, Clone, Copy)]
struct Version {
    content: Content,
    /// The command that wrote it: when it was submitted.
    begun: u64,
    /// When it was over; none while it is in flight.
    ended: Option<u64>,
    is_acknowledged: bool,
    is_durable: bool,
    /// The controller is free to ignore the command.
    is_hint: bool,
}

#[derive(Debug)]
struct Command {
    range: Range<u64>,
    /// Whether it writes, and so is not torn.
    is_write: bool,
    fua: bool,
    /// Whether it is durable as it completes.
    is_durable: bool,
}

/// What is written to blocks: where, what by block, and how.
pub(super) struct Write<C> {
    pub(super) range: Range<u64>,
    pub(super) content: C,
    /// Force Unit Access: it is durable as it completes, whether there is a cache or not.
    pub(super) fua: bool,
    pub(super) is_hint: bool,
}

/// The most contents of a block that are told apart. A block that was written more often without a flush may hold
/// anything: less is found then, and no memory is taken without end.
const VERSIONS_MAX: usize = 256;
/// The most commands that are checked for tearing.
const INTERRUPTED_MAX: usize = 1 << 16;
/// The most contents that a block once held that are remembered, to say how far it went back.
const PAST_MAX: usize = 8;

impl Model {
    /// Makes a model of which no block is [known](Self::know), and so none is judged.
    pub(super) fn new(atomicity: Atomicity, fills: Fills, has_cache: bool) -> Self {
        Self {
            atomicity,
            fills,
            clock: 0,
            blocks: BTreeMap::new(),
            open: BTreeSet::new(),
            in_flight: HashMap::new(),
            interrupted: Vec::new(),
            lost_at: 0,
            has_cache,
        }
    }

    pub(super) fn fills(&self) -> Fills {
        self.fills
    }

    /// Notes that a block was read, with nothing in flight or volatile that could change it.
    pub(super) fn know(&mut self, lba: u64, found: Found) {
        let begun = self.tick();
        self.settle(lba, Content::of(found), begun);
    }

    /// The blocks that are known, as few ranges as there are.
    pub(super) fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for lba in self.blocks.keys().copied() {
            match ranges.last_mut() {
                Some(last) if last.end == lba => last.end += 1,
                _ => ranges.push(lba..lba + 1),
            }
        }
        ranges
    }

    /// The volatile write cache may be enabled from now on, or is disabled.
    pub(super) fn set_cache(&mut self, is_enabled: bool) {
        self.has_cache = is_enabled;
        if is_enabled {
            // What is in flight may be executed when it is.
            self.in_flight.values_mut().for_each(|command| command.is_durable = command.fua);
        }
    }

    /// A command is submitted that writes; returns its number. Blocks that are not known are not followed.
    pub(super) fn begin(&mut self, write: Write<impl Fn(u64) -> Content>) -> u64 {
        let begun = self.tick();
        let Write { range, content, fua, is_hint } = write;
        for (&lba, block) in self.blocks.range_mut(range.clone()) {
            block.bound();
            block.allowed.push(Version {
                content: content(lba),
                begun,
                ended: None,
                is_acknowledged: false,
                is_durable: false,
                is_hint,
            });
            self.open.insert(lba);
        }
        let is_durable = fua || !self.has_cache;
        self.in_flight.insert(begun, Command { range, is_write: !is_hint, fua, is_durable });
        begun
    }

    /// A Flush is submitted; returns its number.
    pub(super) fn begin_flush(&mut self) -> u64 {
        self.tick()
    }

    /// The command is over: it has succeeded, or nobody knows what it did.
    pub(super) fn end(&mut self, number: u64, is_success: bool) {
        let now = self.tick();
        let Some(command) = self.in_flight.remove(&number) else {
            if is_success && number < self.lost_at {
                self.acknowledge_late(number);
            }
            return;
        };
        self.end_at(number, &command, now, is_success);
        // What a cache may have had as a whole, it may lose in part.
        if !is_success && command.is_durable && self.interrupted.len() < INTERRUPTED_MAX {
            self.interrupted.push((number, command));
        }
    }

    /// The controller had completed the command before the power went, and the host takes that completion now.
    fn acknowledge_late(&mut self, number: u64) {
        let position = self.interrupted.iter().position(|(other, _)| *other == number);
        let Some(position) = position else { return };
        let (_, command) = self.interrupted.swap_remove(position);
        self.end_at(number, &command, self.lost_at, true);
    }

    /// The controller has executed nothing of a command, nor will it.
    pub(super) fn cancel(&mut self, number: u64) {
        let Some(command) = self.in_flight.remove(&number) else { return };
        for (_, block) in self.blocks.range_mut(command.range) {
            block.allowed.retain(|version| version.begun != number);
        }
    }

    /// A Flush has succeeded that was submitted as `number`.
    pub(super) fn end_flush(&mut self, number: u64) {
        // What the power took before the Flush was submitted, the Flush does not bring back.
        let since = if self.lost_at < number { self.lost_at } else { 0 };
        let was_before = |version: &Version| {
            since <= version.begun && version.ended.is_some_and(|ended| ended < number)
        };
        let open = std::mem::take(&mut self.open);
        for lba in &open {
            let Some(block) = self.blocks.get_mut(lba) else { continue };
            for version in &mut block.allowed {
                version.is_durable |= version.is_acknowledged && was_before(version);
            }
            block.exclude();
        }
        self.open = open;
        self.close();
    }

    /// The power is gone: what was in flight is over, and nobody knows what it did. Whether a cache is enabled when the
    /// power is back has to be [said](Self::set_cache).
    pub(super) fn lose_power(&mut self) {
        let now = self.tick();
        self.lost_at = now;
        let mut commands: Vec<(u64, Command)> = self.in_flight.drain().collect();
        commands.sort_by_key(|(number, _)| *number);
        for (number, command) in &commands {
            self.end_at(*number, command, now, false);
        }
        self.interrupted.extend(commands);
    }

    /// Judges what all blocks were found to hold, which is what they hold from now on.
    pub(super) fn judge(&mut self, found: &BTreeMap<u64, Found>) -> PowerLossReport {
        let mut report = PowerLossReport::default();
        for (lba, found) in found {
            let Some(block) = self.blocks.get(lba) else { continue };
            report.checked += 1;
            if block.allowed.iter().any(|version| version.content == Content::Unknown) {
                report.unjudged += 1;
                continue;
            }
            if block.allowed.iter().any(|version| version.content.admits(*found, &self.fills)) {
                let last = block.allowed.last();
                let is_last = last.is_some_and(|last| last.content.admits(*found, &self.fills));
                report.went_back += u64::from(!is_last);
            } else {
                report.violations.push(self.violation(*lba, block, *found));
            }
        }
        for (number, command) in &self.interrupted {
            self.find_torn(*number, command, found, &mut report.violations);
        }
        report.violations.sort_by_key(|violation| violation.lba);
        self.interrupted.clear();
        let now = self.tick();
        for (lba, found) in found {
            self.settle(*lba, Content::of(*found), now);
        }
        report
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn end_at(&mut self, number: u64, command: &Command, now: u64, is_success: bool) {
        for (_, block) in self.blocks.range_mut(command.range.clone()) {
            for version in block.allowed.iter_mut().filter(|version| version.begun == number) {
                version.ended = Some(now);
                version.is_acknowledged = is_success;
                version.is_durable = is_success && command.is_durable;
            }
            if is_success && command.is_durable {
                block.exclude();
            }
        }
    }

    /// Makes `content` all that a block may hold.
    fn settle(&mut self, lba: u64, content: Content, now: u64) {
        let block = self.blocks.entry(lba).or_default();
        let fills = &self.fills;
        let is_known = |version: &Version| match content {
            Content::Data(crc) => version.content.admits(Found::Data(crc), fills),
            _ => version.content == content,
        };
        let before: Vec<Content> = block
            .allowed
            .iter()
            .filter(|version| !is_known(version))
            .map(|version| version.content)
            .collect();
        before.into_iter().for_each(|content| block.remember(content));
        block.allowed = vec![Version::durable(content, now)];
        self.open.remove(&lba);
    }

    /// Forgets which blocks are of interest for a flush where there is nothing left to become durable.
    fn close(&mut self) {
        let Self { open, blocks, .. } = self;
        open.retain(|lba| {
            blocks.get(lba).is_some_and(|block| block.allowed.iter().any(|it| !it.is_durable))
        });
    }

    fn violation(&self, lba: u64, block: &Block, found: Found) -> Violation {
        let admits = |content: &Content| content.admits(found, &self.fills);
        let is_known = |content: &Content| *content != Content::Unknown && admits(content);
        let past = block.past.iter().rev().position(is_known);
        let elsewhere = || {
            let others = self.blocks.iter().filter(|(other, _)| **other != lba);
            let mut holders = others.filter(|(_, block)| {
                let allowed = block.allowed.iter().map(|version| &version.content);
                // Zeroes are everywhere, and no evidence of where they were meant to go.
                allowed.chain(&block.past).any(|content| {
                    matches!(content, Content::Data(crc) if *crc != self.fills.zeroes)
                        && admits(content)
                })
            });
            // Next to where it was found is more likely than far away.
            holders.by_ref().map(|(other, _)| *other).min_by_key(|other| other.abs_diff(lba))
        };
        let verdict = match (found, past) {
            (Found::Unreadable, _) => Verdict::Unreadable,
            (_, Some(back)) => Verdict::LostDurable { versions: back + 1 },
            _ => match elsewhere() {
                Some(of) => Verdict::Misdirected { of },
                None if found == Found::Data(self.fills.zeroes) => Verdict::Zeroed,
                None => Verdict::Foreign,
            },
        };
        let allowed: Vec<String> = block.allowed.iter().map(Version::to_string).collect();
        let evidence = format!("it holds {found}; allowed is {}", allowed.join(" or "));
        Violation { lba, verdict, evidence }
    }

    /// Looks for blocks of a command that are new beside some that are old.
    fn find_torn(
        &self,
        number: u64,
        command: &Command,
        found: &BTreeMap<u64, Found>,
        violations: &mut Vec<Violation>,
    ) {
        let range = &command.range;
        if !command.is_write || !self.atomicity.covers(range) {
            return;
        }
        let (mut new, mut old) = (None, Vec::new());
        for lba in range.clone() {
            let (Some(block), Some(found)) = (self.blocks.get(&lba), found.get(&lba)) else {
                continue;
            };
            let mut admitting =
                block.allowed.iter().filter(|it| it.content.admits(*found, &self.fills)).peekable();
            if admitting.peek().is_none() {
                continue;
            }
            let (mut is_new, mut is_old) = (true, true);
            for version in admitting {
                is_new &= version.begun == number;
                is_old &= version.ended.is_some_and(|ended| ended < number);
            }
            if is_new {
                new = Some(lba);
            } else if is_old {
                old.push((lba, *found));
            }
        }
        let Some(new) = new else { return };
        violations.extend(old.into_iter().map(|(lba, found)| Violation {
            lba,
            verdict: Verdict::Torn { slba: range.start, blocks: range.end - range.start, new },
            evidence: format!("it holds {found}, from before the write was submitted"),
        }));
    }
}

impl Block {
    /// Removes what a durable write has replaced.
    fn exclude(&mut self) {
        let durable = self.allowed.iter().filter(|version| version.is_durable && !version.is_hint);
        let Some(begun) = durable.map(|version| version.begun).max() else { return };
        let is_replaced = |version: &Version| version.ended.is_some_and(|ended| ended < begun);
        let replaced: Vec<Content> =
            self.allowed.iter().filter(|it| is_replaced(it)).map(|it| it.content).collect();
        self.allowed.retain(|version| !is_replaced(version));
        replaced.into_iter().for_each(|content| self.remember(content));
    }

    fn remember(&mut self, content: Content) {
        if self.past.len() == PAST_MAX {
            self.past.remove(0);
        }
        self.past.push(content);
    }

    /// Makes anything of what was over long ago, before there is too much of it.
    fn bound(&mut self) {
        if self.allowed.len() < VERSIONS_MAX {
            return;
        }
        let over = |version: &Version| version.ended.is_some();
        let last = self.allowed.iter().filter_map(|version| version.ended).max();
        self.allowed.retain(|version| !over(version));
        let anything = Version { ended: last, ..Version::durable(Content::Unknown, 0) };
        self.allowed.insert(0, Version { is_durable: false, ..anything });
    }
}

impl Version {
    /// What a block held at a time when nothing was volatile.
    fn durable(content: Content, now: u64) -> Self {
        Self {
            content,
            begun: now,
            ended: Some(now),
            is_acknowledged: true,
            is_durable: true,
            is_hint: false,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.content {
            Content::Unknown => f.write_str("anything"),
            Content::Data(crc) => write!(f, "CRC32 {crc:08x}"),
            Content::Deallocated => f.write_str("what a deallocated block reads as"),
            Content::Uncorrectable => f.write_str("an error"),
        }?;
        let state = match (self.is_durable, self.is_acknowledged, self.ended) {
            (true, ..) => "durable",
            (false, true, _) => "acknowledged",
            (false, false, Some(_)) => "interrupted",
            (false, false, None) => "in flight",
        };
        write!(f, " ({state})")
    }
}

#[cfg(test)]
mod tests;

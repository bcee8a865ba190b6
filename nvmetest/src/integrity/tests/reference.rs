//! The rule, as it is written down: with all that ever happened to a block, and nothing to save memory or time.

use std::rc::Rc;

use super::Content;

/// A write, and when it was in flight.
pub(super) struct Event {
    pub(super) content: Content,
    pub(super) data: Option<Rc<[u8]>>,
    pub(super) id: u64,
    pub(super) begin: u64,
    pub(super) end: Option<u64>,
    /// Whether it was executed for certain, once it ended.
    pub(super) certain: bool,
    /// A read has settled that this is not what was left: reads that begin from here on cannot return it.
    pub(super) settled_away: Option<u64>,
}

/// All that happened to a block.
#[derive(Default)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
}

impl History {
    fn is_superseded(&self, event: &Event, since: u64) -> bool {
        let Some(end) = event.end else { return false };
        let is_later = |later: &Event| {
            later.certain && later.end.is_some_and(|it| it <= since) && end < later.begin
        };
        self.events.iter().any(is_later) || event.settled_away.is_some_and(|at| at <= since)
    }

    /// What a read that began at `since` may return.
    pub(super) fn candidates(&self, since: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| !self.is_superseded(event, since))
    }

    pub(super) fn admits(&self, since: u64, crc: u32, zeroes: u32) -> bool {
        self.candidates(since).any(|event| admits(event.content, crc, zeroes))
    }

    /// A read that began when nothing was in flight returned this, and was complete at `now`.
    pub(super) fn settle(&mut self, since: u64, crc: u32, zeroes: u32, now: u64) {
        if self.events.iter().any(|event| event.end.is_none_or(|end| since < end)) {
            return;
        }
        // What may have been deallocated late was so by now only.
        let may_be_hole = crc == zeroes
            && self.candidates(since).any(|event| event.content == Content::Deallocated);
        let last = self.events.iter().filter_map(|event| event.end).max();
        let at = if may_be_hole { Some(now) } else { last };
        let gone: Vec<u64> = self
            .candidates(since)
            .filter(|event| {
                event.content != Content::Deallocated && !admits(event.content, crc, zeroes)
            })
            .map(|event| event.id)
            .collect();
        for event in self.events.iter_mut().filter(|event| gone.contains(&event.id)) {
            event.settled_away = event.settled_away.or(at);
        }
    }

    /// Forgets what no read that began at `oldest`, or later, may return.
    pub(super) fn prune(&mut self, oldest: u64) {
        if self.events.len() < 32 {
            return;
        }
        let left: Vec<u64> = self.candidates(oldest).map(|event| event.id).collect();
        self.events.retain(|event| left.contains(&event.id));
    }
}

pub(super) fn admits(content: Content, crc: u32, zeroes: u32) -> bool {
    match content {
        Content::Unknown => true,
        Content::Data(own) => own == crc,
        Content::Zeroes | Content::Deallocated => crc == zeroes,
        _ => false,
    }
}

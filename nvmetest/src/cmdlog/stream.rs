//! The commands of a log, one after the other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::sync::Arc;

use super::CmdLog;
use super::Record;
use super::Site;
use super::Token;
use super::entry::Entry;
use super::ring::Entries;
use super::site;

/// The commands of all queues in the order of their submission; made by [`CmdLog::stream`].
#[derive(Debug)]
pub struct Stream {
    log: CmdLog,
    rings: Vec<Entries>,
    /// The next command of each ring, by its time and its place in `rings`.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    entries: Vec<Option<(Token, Entry)>>,
    sites: HashMap<u32, Option<Arc<Site>>>,
}

impl CmdLog {
    /// Hands out the commands that the log still has, in the order of their submission, and never holds more
    /// than one of each queue.
    ///
    /// Others may write meanwhile: what they overwrite before it was reached is left out.
    ///
    /// ```
    /// use std::panic::Location;
    ///
    /// use nvmetest::cmdlog::{CmdLog, now_ns};
    /// use nvmetest::spec::Sqe;
    ///
    /// let log = CmdLog::new(Default::default())?;
    /// let (first, second) = (log.ring(1, 1), log.ring(2, 2));
    /// for ring in [&second, &first, &second] {
    ///     ring.submitted(&Sqe::with_opcode(0), Location::caller(), now_ns());
    /// }
    /// let queues: Vec<u16> = log.stream().map(|record| record.sqid).collect();
    /// assert_eq!(queues, [2, 1, 2]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stream(&self) -> Stream {
        let rings = 0..self.geometry().rings;
        let mut stream = Stream {
            log: self.clone(),
            rings: rings.map(|ring| Entries::new(&self.0, ring)).collect(),
            heads: BinaryHeap::new(),
            entries: Vec::new(),
            sites: HashMap::new(),
        };
        stream.entries.resize_with(stream.rings.len(), || None);
        (0..stream.rings.len()).for_each(|ring| stream.advance(ring));
        stream
    }
}

impl Stream {
    fn advance(&mut self, ring: usize) {
        self.entries[ring] = self.rings[ring].next();
        if let Some((_, entry)) = &self.entries[ring] {
            self.heads.push(Reverse((entry.submitted_ns, ring)));
        }
    }
}

impl Iterator for Stream {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let Reverse((_, ring)) = self.heads.pop()?;
        let (token, entry) = self.entries[ring].take()?;
        self.advance(ring);
        let log = &self.log;
        let site = self
            .sites
            .entry(entry.origin.site)
            .or_insert_with_key(|site| site::read(&log.0, *site).map(Arc::new));
        Some(Record::new(token, entry, site.clone()))
    }
}

//! Which commands of a queue stand beside each other, and which below.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;

use super::super::Record;
use super::end_ns;

/// The commands of one submission queue.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cmdlog) struct Queue {
    pub(in crate::cmdlog) sqid: u16,
    /// Of each lane the commands, by their place among the records.
    pub(in crate::cmdlog) lanes: Vec<Vec<usize>>,
}

/// Lanes as they become free again: the first that is free is taken.
///
/// It holds as much as there are commands in flight at the same time, however long the log is.
#[derive(Debug, Default)]
pub(in crate::cmdlog) struct Lanes {
    /// Lanes in use, by the time when they become free.
    busy: BinaryHeap<Reverse<(u64, usize)>>,
    free: BinaryHeap<Reverse<usize>>,
    count: usize,
}

impl Lanes {
    /// Returns the lane of a command; one that never ended keeps it.
    pub(in crate::cmdlog) fn take(&mut self, submitted_ns: u64, end_ns: Option<u64>) -> usize {
        while let Some(Reverse((at_ns, lane))) = self.busy.peek().copied()
            && at_ns <= submitted_ns
        {
            self.busy.pop();
            self.free.push(Reverse(lane));
        }
        let lane = self.free.pop().map_or(self.count, |Reverse(lane)| lane);
        self.count = self.count.max(lane + 1);
        if let Some(end_ns) = end_ns {
            self.busy.push(Reverse((end_ns, lane)));
        }
        lane
    }
}

/// Gives each command, in the order of submission, a lane of its queue.
pub(super) fn assign(records: &[Record]) -> Vec<Queue> {
    let mut queues: BTreeMap<u16, (Lanes, Vec<Vec<usize>>)> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let (free, lanes) = queues.entry(record.sqid).or_default();
        let lane = free.take(record.submitted_ns, end_ns(record));
        if lanes.len() <= lane {
            lanes.resize_with(lane + 1, Vec::new);
        }
        lanes[lane].push(index);
    }
    queues.into_iter().map(|(sqid, (_, lanes))| Queue { sqid, lanes }).collect()
}

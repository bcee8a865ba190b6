//! A capture that Wireshark shows as NVMe/TCP.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::io;
use std::io::Write;

use super::frame::Connection;
use super::pcapng;
use crate::cmdlog::Dump;
use crate::cmdlog::Mark;
use crate::cmdlog::Outcome;
use crate::cmdlog::Record;
use crate::cmdlog::text::Plain;
use crate::spec::Cqe;

const COMMENT: &str = "A command log of nvmetest. The entries, their order and their times are those of the log; \
the network, the connections and the Connect commands are made up. Pointers are PRPs where PSDT says so. \
The data of commands is not in the log.";

/// Writes commands as a capture file (pcapng); `head` is the log without its commands.
///
/// Each queue is a connection to port 4420, which begins with a Connect command, so that the dissector knows
/// which queue it is. Then each submission queue entry is a command capsule, and each completion queue entry a
/// response capsule, with all their bytes as they were, at their times. There are no PDUs with data: the log has
/// none. Wireshark takes the two PRP entries for one SGL descriptor, as all commands over TCP have.
/// The line of source, and what the host did (marks, commands that it gave up), stand in the comments of packets.
///
/// No more than what is in flight is held in memory.
///
/// # Errors
///
/// Fails if `output` does.
pub fn write_capture(
    head: &Dump,
    records: impl IntoIterator<Item = Record>,
    mut output: impl Write,
) -> io::Result<()> {
    pcapng::write_start(&mut output, COMMENT)?;
    let mut capture = Capture {
        head,
        output,
        marks: &head.marks,
        connections: HashMap::new(),
        completions: BinaryHeap::new(),
        count: 0,
    };
    for record in records {
        capture.complete(record.submitted_ns)?;
        capture.submit(&record)?;
    }
    capture.complete(u64::MAX)
}

struct Capture<'a, W> {
    head: &'a Dump,
    output: W,
    /// Those that were not written yet.
    marks: &'a [Mark],
    connections: HashMap<Queue, Connection>,
    /// By their times and, of one time, in the order of submission.
    completions: BinaryHeap<Reverse<Pending>>,
    count: u64,
}

/// A completion that is still to come: its time, its number, its queue, and its entry.
type Pending = (u64, u64, Queue, [u8; 16]);

/// A queue, from its creation to its deletion: its ring in the log, its identifier, and its process.
type Queue = (u64, u16, u32);

impl<W: Write> Capture<'_, W> {
    fn submit(&mut self, record: &Record) -> io::Result<()> {
        let queue = (record.token.to_words()[0], record.sqid, record.process);
        let at_ns = record.submitted_ns;
        let unix_ns = self.unix_ns(at_ns);
        let number = self.connections.len() as u32;
        let connection = match self.connections.entry(queue) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let connection = vacant.insert(Connection::new(number));
                for frame in connection.start(record.sqid) {
                    pcapng::write_frame(&mut self.output, unix_ns, &frame, "")?;
                }
                connection
            }
        };
        let frame = connection.command(&record.sqe);
        let comment = self.comment(record);
        pcapng::write_frame(&mut self.output, unix_ns, &frame, &comment)?;
        if let (Some(completed_ns), Some(cqe)) = (record.completed_ns(), record.cqe()) {
            self.count += 1;
            let bytes: [u8; 16] = zerocopy::transmute!(*cqe);
            // A completion that came before its command can only come from a damaged log.
            let completed_ns = completed_ns.max(at_ns);
            self.completions.push(Reverse((completed_ns, self.count, queue, bytes)));
        }
        Ok(())
    }

    /// Writes the completions until a time.
    fn complete(&mut self, until_ns: u64) -> io::Result<()> {
        while let Some(Reverse((at_ns, _, queue, bytes))) = self.completions.peek().copied()
            && at_ns <= until_ns
        {
            self.completions.pop();
            let unix_ns = self.unix_ns(at_ns);
            let cqe: Cqe = zerocopy::transmute!(bytes);
            if let Some(connection) = self.connections.get_mut(&queue) {
                let frame = connection.completion(&cqe);
                pcapng::write_frame(&mut self.output, unix_ns, &frame, "")?;
            }
        }
        Ok(())
    }

    /// What the log says of a command besides its entry, and the marks before it.
    fn comment(&mut self, record: &Record) -> String {
        let before = self.marks.partition_point(|mark| mark.at_ns <= record.submitted_ns);
        let (now, later) = self.marks.split_at(before);
        self.marks = later;
        let mut comment = String::new();
        // Of many marks the last tell what the command belongs to.
        for mark in &now[now.len().saturating_sub(8)..] {
            comment += &format!("--- {}\n", Plain(&mark.text));
        }
        if self.head.failing == Some(record.token) {
            comment += "the command that failed\n";
        }
        if let Outcome::Abandoned { at_ns, .. } = record.outcome {
            let after =
                crate::cmdlog::duration::Duration(at_ns.saturating_sub(record.submitted_ns));
            comment += &format!("given up by the host after {after}\n");
        }
        comment += &format!("process {}", record.process);
        if let Some(site) = &record.site {
            comment += &format!(", {}:{}", Plain(&site.file), site.line);
        }
        comment
    }

    fn unix_ns(&self, at_ns: u64) -> u64 {
        let after = at_ns.wrapping_sub(self.head.created_ns);
        self.head.created_unix_ns.wrapping_add(after)
    }
}

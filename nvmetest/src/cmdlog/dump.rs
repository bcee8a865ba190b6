//! A part of the log, taken out to be shown or kept.

use std::sync::atomic::Ordering::Relaxed;

use super::CmdLog;
use super::Mark;
use super::Record;
use super::RingInfo;
use super::Selection;
use super::Token;
use super::layout::header;

/// What a person or a tool needs of a log; made by [`CmdLog::dump`].
///
/// It no longer changes, and can be written as text ([`text`](Self::text)) and as JSON lines
/// ([`write_json_lines`](Self::write_json_lines)).
///
/// ```
/// use nvmetest::cmdlog::{CmdLog, Selection};
///
/// let log = CmdLog::new(Default::default())?;
/// log.mark("the test starts");
/// let dump = log.dump(&Selection::all().last(100));
/// assert!(dump.text().to_string().contains("the test starts"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// When the log was made, CLOCK_MONOTONIC in ns: the origin of the times in the text.
    pub created_ns: u64,
    /// The same moment, in ns since 1970.
    pub created_unix_ns: u64,
    /// How many queues were not logged because all rings were in use.
    pub refused_rings: u64,
    /// The rings that some queue has used.
    pub rings: Vec<RingInfo>,
    /// The selected commands, in the order of their submission.
    pub records: Vec<Record>,
    /// The marks of the selected time, in their order.
    pub marks: Vec<Mark>,
    /// The command that all this is about.
    pub failing: Option<Token>,
}

impl CmdLog {
    /// Takes the selected commands, the marks of the same time and the state of the log.
    ///
    /// Of the marks before the oldest command of a [`Selection::last`] the newest is kept: it tells
    /// what the command belongs to.
    pub fn dump(&self, selection: &Selection) -> Dump {
        let word = |offset| self.0.mapping.long(offset).load(Relaxed);
        let records = self.records(selection);
        let mut marks = self.marks();
        marks.retain(|mark| selection.covers(mark.at_ns));
        marks.sort_by_key(|mark| mark.at_ns);
        if let (Some(oldest), true) = (records.first(), selection.is_limited()) {
            let before = marks.partition_point(|mark| mark.at_ns <= oldest.submitted_ns);
            marks.drain(..before.saturating_sub(1));
        }
        Dump {
            created_ns: self.created_ns(),
            created_unix_ns: word(header::CREATED_UNIX_NS),
            refused_rings: self.refused_rings(),
            rings: self.rings(),
            records,
            marks,
            failing: None,
        }
    }
}

impl Dump {
    /// Names the command that all this is about: it is marked in the text with `>>>`.
    pub fn failing(mut self, token: Token) -> Self {
        self.failing = Some(token);
        self
    }
}

//! The command log: what was sent to the controller, what came back, when, and from which line.
//!
//! A ring for each queue, in shared memory. It is written as the commands go, so that it is there
//! when the process that wrote it was killed, and it is cheap enough to be always on: the driver
//! pays some ten nanoseconds a command, no system call, no allocation and no lock.
//!
//! * A [`CmdLog`] is the memory. It is anonymous ([`CmdLog::new`]), and then lives as long as some
//!   process has it, or a file ([`CmdLog::create`]), which [`CmdLog::open`] reads after a crash.
//! * A [`Ring`] is where the driver logs the commands of one queue.
//! * [`CmdLog::records`] takes the commands out, merged over all queues in the order of time;
//!   [`CmdLog::dump`] takes all that a person or a tool needs, as text or JSON lines.
//! * [`CmdLog::stream`] hands them out one by one, for a log that is too long for memory.
//! * [`tools`] are what a person does with a log that is there: look at it, count, draw, export it, and send its commands again.
//! * [`decode::describe`] turns a submission queue entry into words.
//!
//! ```
//! use std::panic::Location;
//!
//! use nvmetest::cmdlog::{CmdLog, Selection, now_ns};
//! use nvmetest::spec::{Cqe, NvmOpcode, Sqe};
//! use zerocopy::FromZeros;
//!
//! let log = CmdLog::new(Default::default())?;
//! let ring = log.ring(1, 1);
//!
//! let mut flush = Sqe::new_zeroed();
//! flush.set_opcode(NvmOpcode::FLUSH.0);
//! flush.nsid = 1.into();
//! let token = ring.submitted(&flush, Location::caller(), now_ns());
//! // ... the controller works ...
//! ring.completed(token, &Cqe::new_zeroed(), now_ns());
//!
//! let records = log.records(&Selection::all());
//! assert_eq!(records[0].sqe, flush);
//! assert!(!records[0].has_failed());
//! # std::io::Result::Ok(())
//! ```
//!
//! What is not logged: the data of commands, and where in a ring of the controller an entry stood.

pub mod decode;
pub mod json;

mod dump;
mod duration;
mod entry;
mod layout;
mod mark;
mod record;
mod replay;
mod ring;
mod selection;
mod since;
mod site;
mod stream;
mod text;
mod timeline;
pub mod tools;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

use nix::sys::time::TimeSpec;
use nix::time::ClockId;
use nix::time::clock_gettime;

pub use dump::Dump;
pub use layout::Geometry;
pub use mark::Mark;
pub use record::Outcome;
pub use record::Record;
pub use replay::Difference;
pub use replay::Replay;
pub use replay::Replayed;
pub use replay::Speed;
pub use replay::replay;
pub use ring::Ring;
pub use ring::RingInfo;
pub use ring::Token;
pub use selection::Selection;
pub use site::Site;
pub use stream::Stream;
pub use text::Text;
pub use timeline::Timeline;
pub use timeline::timeline_svg;

use crate::memory::Mapping;
use layout::Layout;
use layout::header;

/// A command log in shared memory; a clone is the same log.
#[derive(Clone, Debug)]
pub struct CmdLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    mapping: Arc<Mapping>,
    layout: Layout,
}

impl CmdLog {
    /// Makes an anonymous log, for this process and those that inherit or are sent its
    /// [`file`](Self::file).
    ///
    /// # Errors
    ///
    /// Fails if the geometry is absurd, or if the kernel gives no memory.
    pub fn new(geometry: Geometry) -> io::Result<Self> {
        let layout = geometry.layout()?;
        let (file, mapping) = Mapping::anonymous(c"nvmetest-cmdlog", layout.len)?;
        Ok(Self::format(file, mapping, layout))
    }

    /// Makes a log in a new file, which is there whatever happens to this process.
    ///
    /// The file is sparse: it takes the space of what is logged.
    ///
    /// ```
    /// use nvmetest::cmdlog::{CmdLog, Geometry, Selection};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("run-17.cmdlog");
    /// let log = CmdLog::create(&path, Geometry::default())?;
    /// log.mark("the test starts");
    /// // ... and in any process, also after this one was killed:
    /// let evidence = CmdLog::open(&path)?;
    /// assert_eq!(evidence.marks()[0].text, "the test starts");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the file exists (it may be the evidence of an earlier run) or cannot be made, or if
    /// the geometry is absurd.
    pub fn create(path: impl AsRef<Path>, geometry: Geometry) -> io::Result<Self> {
        let path = path.as_ref();
        let layout = geometry.layout()?;
        let create = || {
            let file = File::options().read(true).write(true).create_new(true).open(path)?;
            file.set_len(layout.len as u64)?;
            let mapping = map(&file, layout.len)?;
            Ok(Self::format(file, mapping, layout))
        };
        create().map_err(|error: io::Error| {
            let way_out = match error.kind() {
                io::ErrorKind::AlreadyExists => "; delete it, or choose another name",
                _ => "",
            };
            named(error.kind(), "make", path, format!("{error}{way_out}"))
        })
    }

    /// Opens the log that another process made with [`create`](Self::create), to read it.
    ///
    /// That process may be dead or alive. Nothing is ever written to the file: a ring of this log
    /// logs in the memory of this process only. The file must not be truncated while it is open.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file, or if it is not a command log or its header is damaged.
    /// Damage elsewhere costs the records that it hit.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let open = || Self::attach(File::open(path)?, |file, len| Mapping::private(file, len));
        open().map_err(|error| named(error.kind(), "open", path, error.to_string()))
    }

    /// Takes part in the log whose [`file`](Self::file) this process inherited or was sent.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a command log, or cannot be mapped.
    pub fn from_file(file: File) -> io::Result<Self> {
        Self::attach(file, map)
    }

    fn format(file: File, mapping: Mapping, layout: Layout) -> Self {
        let store = |offset, value| mapping.long(offset).store(value, Relaxed);
        let Geometry { rings, entries, sites, marks } = layout.geometry;
        store(header::VERSION, layout::VERSION);
        store(header::RINGS, rings.into());
        store(header::ENTRIES, entries.into());
        store(header::SITES, sites.into());
        store(header::MARKS, marks.into());
        store(header::CREATED_NS, now_ns());
        store(header::CREATED_UNIX_NS, unix_ns());
        mapping.long(header::MAGIC).store(layout::MAGIC, Release);
        Self(Arc::new(Shared { file, mapping: Arc::new(mapping), layout }))
    }

    fn attach(
        file: File,
        map: impl FnOnce(&File, usize) -> io::Result<Mapping>,
    ) -> io::Result<Self> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let metadata = file.metadata()?;
        let len = metadata.len();
        if !metadata.is_file() || len < layout::HEADER_LEN {
            return Err(invalid("it is not a command log".into()));
        }
        let mapping =
            map(&file, usize::try_from(len).map_err(|error| invalid(error.to_string()))?)?;
        let layout = layout::validate(&mapping, len).map_err(invalid)?;
        Ok(Self(Arc::new(Shared { file, mapping: Arc::new(mapping), layout })))
    }

    /// The file of the log, for another process to take part with [`from_file`](Self::from_file).
    pub fn file(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }

    /// How much the log holds.
    pub fn geometry(&self) -> Geometry {
        self.0.layout.geometry
    }

    /// When the log was made, CLOCK_MONOTONIC in ns.
    pub fn created_ns(&self) -> u64 {
        self.0.mapping.long(header::CREATED_NS).load(Relaxed)
    }

    /// Takes a ring for a queue that was just created.
    ///
    /// It is the one that was not used for longest, so that the log of a queue that was just deleted
    /// is still there. With all rings in use, the commands of this queue are not logged, and the
    /// log says so; see [`Geometry::rings`].
    pub fn ring(&self, sqid: u16, cqid: u16) -> Ring {
        Ring::take(self.0.clone(), sqid, cqid)
    }

    /// Puts a line of source into the log for another process, which cannot name it, to submit from.
    pub(crate) fn site(&self, site: &Location<'_>) -> u32 {
        site::intern(&self.0, site)
    }

    /// What is known of each ring that some queue has used.
    pub fn rings(&self) -> Vec<RingInfo> {
        let rings = 0..self.geometry().rings;
        rings.filter_map(|index| RingInfo::read(&self.0, index)).collect()
    }

    /// How many queues were not logged because all rings were in use.
    pub fn refused_rings(&self) -> u64 {
        self.0.mapping.long(header::RINGS_REFUSED).load(Relaxed)
    }

    /// Puts a line into the log, for example where a test starts.
    pub fn mark(&self, text: &str) {
        mark::write(&self.0, text, now_ns());
    }

    /// Returns the marks that the log still has, the oldest first.
    pub fn marks(&self) -> Vec<Mark> {
        mark::read_all(&self.0)
    }

    /// Returns the selected commands that the log still has, in the order of their submission.
    ///
    /// Others may write meanwhile. An entry that changes under the reader is left out.
    pub fn records(&self, selection: &Selection) -> Vec<Record> {
        let limit = selection.limit();
        let mut sites = HashMap::new();
        let mut records = Vec::new();
        for ring in 0..self.geometry().rings {
            let mut room = limit;
            ring::visit(&self.0, ring, |token, entry| {
                let site = sites
                    .entry(entry.origin.site)
                    .or_insert_with_key(|site| site::read(&self.0, *site).map(Arc::new));
                let record = Record::new(token, entry, site.clone());
                if room != 0 && selection.selects(&record) {
                    records.push(record);
                    room -= 1;
                }
                room != 0
            });
        }
        records.sort_by_key(|record| (record.submitted_ns, record.token));
        records.drain(..records.len().saturating_sub(limit));
        records
    }
}

/// Returns the time of the log: CLOCK_MONOTONIC in ns.
///
/// ```
/// use nvmetest::cmdlog::now_ns;
///
/// let before = now_ns();
/// assert!(before <= now_ns());
/// ```
#[inline]
pub fn now_ns() -> u64 {
    // Linux always has this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(in_nanoseconds).expect("the clock can be read")
}

/// Maps the file of a log.
#[expect(unsafe_code, reason = "a file that is mapped may be written by anybody")]
fn map(file: &File, len: usize) -> io::Result<Mapping> {
    // SAFETY: A log is read and written by atomic accesses only.
    unsafe { Mapping::shared(file, 0, len) }
}

/// The time of day, CLOCK_REALTIME in ns.
fn unix_ns() -> u64 {
    if cfg!(miri) {
        // What runs there has a clock of its own, which goes with what is executed, and no time of day.
        return 0;
    }
    clock_gettime(ClockId::CLOCK_REALTIME).map(in_nanoseconds).expect("the clock can be read")
}

/// Neither clock is negative.
#[inline]
fn in_nanoseconds(time: TimeSpec) -> u64 {
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

fn named(kind: io::ErrorKind, what: &str, path: &Path, why: String) -> io::Error {
    io::Error::new(kind, format!("cannot {what} the command log {}: {why}", path.display()))
}

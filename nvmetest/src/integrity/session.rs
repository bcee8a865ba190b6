//! What a session verifies.

use std::cell::Cell;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use crate::Controller;
use crate::Error;
use crate::Namespace;
use crate::Result;
use crate::fixture::Fixture;
use crate::spec::IdentifyNamespace;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::WriteZeroesCdw12;

use super::Content;
use super::Geometry;
use super::Outcome;
use super::Table;
use super::TableError;
use super::Writer;

/// Zone Management Send and Zone Append of the Zoned Namespace Command Set: the driver knows no more of them.
pub(crate) const ZONED: [u8; 2] = [0x79, 0x7d];

/// The namespaces whose data is verified.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    all: RefCell<Vec<Rc<Checker>>>,
    is_on: Cell<bool>,
    /// Somebody reads to learn what is there, and not to hear that it is wrong.
    is_paused: Cell<bool>,
    /// It is to be that of all namespaces.
    is_wanted: Cell<bool>,
    /// But not of these, as long as the test runs that said so.
    declined: RefCell<Vec<u32>>,
    /// How many miscompares were told with the commands that wrote the block.
    told: Cell<u32>,
}

/// A namespace whose data is verified.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) nsid: u32,
    pub(crate) writer: Writer,
    /// Room for a block.
    pub(crate) scratch: RefCell<Vec<u8>>,
    /// Entries that were made by hand had to do with it: there are blocks of which nothing will be known.
    is_spoiled: Cell<bool>,
}

impl Verified {
    /// Whether that of any namespace is.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.get()
    }

    pub(crate) fn find(&self, nsid: u32) -> Option<Rc<Checker>> {
        if self.is_paused.get() {
            return None;
        }
        self.all.borrow().iter().find(|checker| checker.nsid == nsid).cloned()
    }

    /// Looks at blocks with `look`, of which nothing is judged meanwhile.
    pub(crate) fn pause<T>(&self, look: impl FnOnce() -> T) -> T {
        self.is_paused.set(true);
        let looked = look();
        self.is_paused.set(false);
        looked
    }

    fn add(&self, nsid: u32, table: &Table) -> Result<(), TableError> {
        self.remove(nsid);
        let scratch = RefCell::new(vec![0; table.block()]);
        let is_spoiled = Cell::new(false);
        let checker = Rc::new(Checker { nsid, writer: table.writer()?, scratch, is_spoiled });
        self.all.borrow_mut().push(checker);
        self.is_on.set(true);
        Ok(())
    }

    /// Whether that of a namespace is to be, and is not.
    fn lacks(&self, nsid: u32) -> bool {
        let is_verified = || self.all.borrow().iter().any(|checker| checker.nsid == nsid);
        self.is_wanted.get() && !is_verified() && !self.declined.borrow().contains(&nsid)
    }

    /// Another test begins, with no queue of the last one left.
    pub(crate) fn begin_test(&self) {
        self.declined.borrow_mut().clear();
        if self.is_wanted.get() {
            // A new table will know more.
            self.retain(|checker| !checker.is_spoiled.get());
        }
    }

    fn remove(&self, nsid: u32) {
        self.retain(|checker| checker.nsid != nsid);
    }

    fn retain(&self, stays: impl Fn(&Checker) -> bool) {
        let mut all = self.all.borrow_mut();
        all.retain(|checker| stays(checker));
        self.is_on.set(!all.is_empty());
    }

    /// All blocks of a namespace, or of all, may have changed. Returns what went wrong.
    pub(crate) fn forget(&self, nsid: Option<u32>) -> Option<TableError> {
        let all = self.all.borrow();
        let of_it = all.iter().filter(|it| nsid.is_none_or(|nsid| nsid == it.nsid));
        of_it.fold(None, |error, it| it.writer.table().forget_all().err().or(error))
    }

    /// An entry that was made by hand may be executed at any time from now on, and nobody says when it was.
    pub(crate) fn note_by_hand(&self, sqe: &Sqe) -> Result<(), TableError> {
        let Some(checker) = self.find(sqe.nsid.get()) else { return Ok(()) };
        let table = checker.writer.table();
        let slba = u64::from(sqe.cdw11.get()) << 32 | u64::from(sqe.cdw10.get());
        let blocks = u64::from(sqe.cdw12.get() & 0xffff) + 1;
        match NvmOpcode(sqe.opcode()) {
            NvmOpcode::WRITE_ZEROES if WriteZeroesCdw12::from(sqe.cdw12.get()).nsz() => {
                checker.is_spoiled.set(true);
                table.go_blind();
                Ok(())
            }
            NvmOpcode::WRITE | NvmOpcode::WRITE_UNCORRECTABLE | NvmOpcode::WRITE_ZEROES => {
                checker.is_spoiled.set(true);
                table.lose_for_good(slba..slba.saturating_add(blocks))
            }
            NvmOpcode::DATASET_MANAGEMENT | NvmOpcode::COPY => {
                checker.is_spoiled.set(true);
                table.go_blind();
                Ok(())
            }
            NvmOpcode(opcode) if ZONED.contains(&opcode) => {
                checker.is_spoiled.set(true);
                table.go_blind();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What was known of namespaces is void: theirs is verified no more, until somebody says so again.
    pub(crate) fn end(&self) {
        self.forget(None);
        self.all.borrow_mut().clear();
        self.is_on.set(false);
    }

    /// Whether it is worth to look for the commands that wrote a block: a device may have everything wrong.
    pub(crate) fn may_tell_more(&self) -> bool {
        const MOST: u32 = 16;
        self.told.set(self.told.get().saturating_add(1));
        self.told.get() <= MOST
    }
}

impl Checker {
    /// Notes that blocks were looked at, with nothing in flight: they hold that, and nothing else.
    pub(crate) fn learn(
        &self,
        found: impl IntoIterator<Item = (u64, Content)>,
    ) -> Result<(), TableError> {
        for (lba, content) in found {
            let writing = self.writer.writing(lba, [content].into_iter())?;
            self.writer.written(writing, Outcome::Done);
        }
        Ok(())
    }
}

impl Controller {
    /// Has the driver verify the data of all namespaces from now on, or of none: each as
    /// [`Namespace::verify_data`] has it, from when it is identified ([`namespace`](Self::namespace),
    /// [`first_namespace`](Self::first_namespace)), and again after a format.
    ///
    /// Namespaces that cannot be verified are left out: those with metadata; and as long as I/O is in flight, an
    /// IOWorker runs, or there are queues made by hand, of whose commands nobody took note.
    ///
    /// # Errors
    ///
    /// Fails to end it while an IOWorker runs.
    pub fn verify_data(&self, on: bool) -> Result {
        let shared = self.shared();
        if !on && shared.verified().is_on() && !shared.workers().is_empty() {
            return Err(Error::Failed(format!("the data {TOGETHER}")));
        }
        shared.verified().is_wanted.set(on);
        if !on {
            shared.verified().retain(|_| false);
            shared.look_closely();
        }
        Ok(())
    }

    /// Why the data of a namespace cannot be verified now.
    fn obstacle(&self) -> Option<&'static str> {
        let shared = self.shared();
        if shared.has_io_in_flight() {
            Some("I/O commands are in flight, of which nobody took note: wait for them first")
        } else if !shared.workers().is_empty() {
            Some("an IOWorker has commands in flight, of which nobody takes note: join it first")
        } else if shared.has_queues_by_hand() {
            Some(
                "there is a queue made by hand, of whose commands nobody took note: delete it first",
            )
        } else {
            None
        }
    }
}

/// What must not end while a worker runs.
const TOGETHER: &str = "is verified by an IOWorker, too, which would not know what is written without it: join it first";

impl Namespace<'_> {
    /// Has the driver verify all data of the namespace from now on, or no more: see [`integrity`](crate::integrity).
    ///
    /// What is written is noted, and what is read is checked as the command completes: wrong data is the command's
    /// failure, [`Error::Miscompare`]. Nothing is known of a block until it is written. It is off at first, and ends when a
    /// namespace is formatted, attached or the like. A [power cycle](Controller::power_cycle) of a controller with a volatile
    /// write cache makes void what was known, until blocks are written again or
    /// [looked at](Self::check_after_power_loss).
    ///
    /// # Errors
    ///
    /// Fails while I/O is in flight, which would not be noted, an IOWorker runs, or there is a queue made by hand; if blocks
    /// have metadata; and if there is no memory for the table.
    pub fn verify_data(&self, on: bool) -> Result {
        if on {
            return self.verify_with(Table::anonymous);
        }
        if self.verified_by().is_some() && !self.controller().shared().workers().is_empty() {
            let nsid = self.nsid();
            return Err(Error::Failed(format!("the data of namespace {nsid} {TOGETHER}")));
        }
        self.controller().shared().verified().declined.borrow_mut().push(self.nsid());
        self.end_verification();
        Ok(())
    }

    fn end_verification(&self) {
        let shared = self.controller().shared();
        shared.verified().remove(self.nsid());
        shared.look_closely();
    }

    /// As [`verify_data`](Self::verify_data), with a table in a file: it survives this process, and a power cycle.
    ///
    /// What is in a file is believed: remove it if anybody has written to the namespace without it.
    ///
    /// # Errors
    ///
    /// As there; and if the file is in use, or that of another namespace.
    pub fn verify_data_in(&self, path: &Path) -> Result {
        self.verify_with(|geometry| Table::open(path, geometry))
    }

    /// The table by which the data of the namespace is verified, if it is.
    pub fn verified_by(&self) -> Option<Table> {
        let checker = self.controller().shared().verified().find(self.nsid())?;
        Some(checker.writer.table().clone())
    }

    fn verify_with(&self, table: impl FnOnce(&Geometry) -> Result<Table, TableError>) -> Result {
        let shared = self.controller().shared();
        if self.has_metadata() {
            let why = format!("the data of namespace {} has metadata", self.nsid());
            return Err(Error::NotApplicable(format!("{why}, which cannot be verified yet")));
        }
        if let Some(why) = self.controller().obstacle() {
            let nsid = self.nsid();
            return Err(Error::Failed(format!(
                "the data of namespace {nsid} cannot be verified: {why}"
            )));
        }
        // A file can be opened once.
        shared.verified().remove(self.nsid());
        let identify = self.controller().identify_namespace(self.nsid());
        let added = identify.and_then(|identify| {
            let table = table(&self.geometry(&identify))?;
            Ok(shared.verified().add(self.nsid(), &table)?)
        });
        shared.look_closely();
        added
    }

    /// Begins to verify the data, if that of all namespaces is to be, and if nothing prevents it.
    pub(crate) fn verify_if_wanted(&self, identify: &IdentifyNamespace) -> Result {
        let shared = self.controller().shared();
        if !shared.verified().lacks(self.nsid())
            || self.has_metadata()
            || self.controller().obstacle().is_some()
        {
            return Ok(());
        }
        let table = Table::anonymous(&self.geometry(identify))?;
        shared.verified().add(self.nsid(), &table)?;
        shared.look_closely();
        Ok(())
    }

    fn geometry(&self, identify: &IdentifyNamespace) -> Geometry {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let identity = if identify.nguid != [0; 16] {
            format!("NGUID {}", hex(&identify.nguid))
        } else if identify.eui64 != [0; 8] {
            format!("EUI64 {}", hex(&identify.eui64))
        } else {
            let serial = self.controller().capabilities().controller.sn.text();
            format!("serial {serial}, namespace {}", self.nsid())
        };
        Geometry {
            block: self.block(),
            blocks: self.capacity(),
            drb: identify.dlfeat.drb(),
            identity,
        }
    }
}

/// Has all data of the first namespace verified for the test: name it among the parameters.
///
/// ```
/// use nvmetest::prelude::*;
///
/// #[nvme_test]
/// fn what_is_written_is_read(_verify: Verify, q: &Qpair, ns: Namespace, mut data: Buffer) -> Result {
///     ns.write(&data, 0).run(q)?;
///     // It fails if it returns anything else than what was written.
///     ns.read(&mut data, 0).run(q)?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Verify<'c> {
    ns: Namespace<'c>,
    /// Whether it was so before, for the whole session.
    was_on: bool,
}

impl Verify<'_> {
    /// The table by which the data is verified; none after a format.
    pub fn table(&self) -> Option<Table> {
        self.ns.verified_by()
    }
}

impl Fixture for Verify<'_> {
    type Value<'c> = Verify<'c>;

    fn setup(nvme: &Controller) -> Result<Verify<'_>> {
        let ns = nvme.first_namespace()?;
        let was_on = ns.verified_by().is_some();
        if !was_on {
            ns.verify_data(true)?;
        }
        Ok(Verify { ns, was_on })
    }
}

impl Drop for Verify<'_> {
    fn drop(&mut self) {
        if !self.was_on {
            self.ns.end_verification();
        }
    }
}

//! Commands as values.
//!
//! Building a command touches no device: a [`Command`] is a submission queue entry, the memory that it lends,
//! and what the test expects of it. It is run, or submitted, later, on a queue of the right kind.

mod claim;
mod expected;
mod layout;
mod raw;
mod run;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use zerocopy::little_endian::U32;

use crate::controller::nanoseconds;
use crate::memory::Data;
use crate::queue::Io;
use crate::queue::Key;
use crate::queue::Ticket;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::Status;
use crate::spec::StatusField;

pub use expected::Expected;
pub use layout::Layout;

pub(crate) use claim::Block;
pub(crate) use claim::check;
pub(crate) use claim::formats;
pub(crate) use claim::writes;
pub(crate) use claim::written;

/// How long a command may take unless it, or its session, says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The commands of the admin queue.
#[derive(Debug)]
pub enum Admin {}

/// The commands of an I/O queue.
#[derive(Debug)]
pub enum Nvm {}

/// A set of commands that share a kind of queue.
pub trait CommandSet: sealed::Sealed + 'static {
    /// Returns the name of an opcode of the set.
    fn name(opcode: u8) -> String;
}

mod sealed {
    /// Keeps [`CommandSet`](super::CommandSet) closed: what a command may do with memory is checked by its set.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be made a command set",
        label = "the trait is closed",
        note = "a command that has no method of its own is `Command::<Admin>::raw` or `Command::<Nvm>::raw`"
    )]
    pub trait Sealed {}
    impl Sealed for super::Admin {}
    impl Sealed for super::Nvm {}
}

impl CommandSet for Admin {
    fn name(opcode: u8) -> String {
        AdminOpcode(opcode).to_string()
    }
}

impl CommandSet for Nvm {
    fn name(opcode: u8) -> String {
        NvmOpcode(opcode).to_string()
    }
}

/// What a completed command returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Dword 0 of the completion queue entry: command specific.
    pub cdw0: u32,
    /// The status: status code type and status code.
    pub status: Status,
    /// The whole status field, with Do Not Retry and More (Base 4.2.3).
    pub field: StatusField,
    /// SQHD: the submission queue head pointer that came with it.
    pub sqhd: u16,
    /// The command identifier that the command had.
    pub cid: u16,
    /// From just before the doorbell until the host saw the entry.
    pub latency: Duration,
}

/// A command that is ready to run on a queue for command set `S`, and the memory `D` that it will lend to the
/// device.
#[must_use = "a command does nothing until it is run or submitted"]
pub struct Command<S, D = ()> {
    sqe: Sqe,
    pub(crate) data: D,
    site: &'static Location<'static>,
    basis: Option<Basis>,
    /// What the test said of the command, or changed of it. Of most commands it says nothing, and those cost least.
    choices: Option<Choices>,
    _set: PhantomData<S>,
}

/// What a transfer between blocks and all that is lent was computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basis {
    /// When the format of the namespace was learned: see `Shared::epoch`.
    pub(crate) epoch: u64,
    pub(crate) block: Block,
    /// Whether the blocks are as long as what is lent: not if they have metadata.
    pub(crate) is_exact: bool,
}

#[derive(Debug, Default)]
struct Choices {
    timeout: Option<Duration>,
    expected: Option<Expected>,
    verbatim: bool,
    layout: Layout,
    transfer: Option<usize>,
}

/// What is left of a command that was started.
///
/// It is not the ticket, which for a plain command need not be in memory as a whole.
struct Started<D> {
    key: Key,
    data: D,
}

/// A command as it is started: what is asked of the device, and what the test expects.
pub(crate) struct Parts {
    pub(crate) sqe: Sqe,
    pub(crate) plan: Plan,
    pub(crate) terms: Terms,
}

/// What the test expects of a command, and where in the test it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) timeout: Option<Duration>,
    pub(crate) expected: Option<Expected>,
    pub(crate) site: &'static Location<'static>,
    /// Whether it is an admin command.
    pub(crate) admin: bool,
    /// Whether DPTR is the test's own, and not computed from the loan.
    pub(crate) verbatim: bool,
    /// When the format of the namespace was learned that the transfer's length comes from: see `Shared::epoch`.
    pub(crate) epoch: Option<u64>,
}

impl<S: CommandSet, D: Data> Command<S, D> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(sqe: Sqe, data: D) -> Self {
        let site = Location::caller();
        Self { sqe, data, site, basis: None, choices: None, _set: PhantomData }
    }

    /// Says what the entry was computed from, and so that it is for all that is lent.
    #[inline]
    pub(crate) fn based_on(self, basis: Basis) -> Self {
        Self { basis: Some(basis), ..self }
    }

    /// From here on the command is not as it was built.
    fn choose(&mut self) -> &mut Choices {
        self.choices.get_or_insert_default()
    }

    /// Has the command transfer no more than the first `len` bytes of what is lent.
    pub(crate) fn transfer_first(mut self, len: usize) -> Self {
        self.choose().transfer = Some(len);
        self
    }

    /// Leaves the data pointer as it stands in the entry.
    fn verbatim(mut self) -> Self {
        self.choose().verbatim = true;
        self
    }

    /// Replaces the time that the command may take: [`DEFAULT_TIMEOUT`], or what the session says.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.choose().timeout = Some(timeout);
        self
    }

    /// Makes `status`, and nothing else, the passing outcome.
    ///
    /// With several statuses any of them passes; with [`Expected::Any`] any status does, and the test looks
    /// at it itself.
    pub fn expect(mut self, status: impl Into<Expected>) -> Self {
        self.choose().expected = Some(status.into());
        self
    }

    /// Chooses how the data is described to the device; PRPs unless it is said otherwise.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.choose().layout = layout;
        self
    }

    /// Replaces the namespace identifier.
    pub fn nsid(self, nsid: u32) -> Self {
        self.edit(|sqe| sqe.nsid = U32::new(nsid))
    }

    /// Changes the submission queue entry as the test likes: reserved bits, other dwords.
    ///
    /// The command identifier, the data pointers and PSDT are set at submission, whatever is written there.
    ///
    /// # Panics
    ///
    /// Panics at submission if the entry has become a command that gives the device memory for longer than
    /// it runs, or that writes what was lent for reading, as [`raw`](Self::raw) does.
    pub fn edit(mut self, edit: impl FnOnce(&mut Sqe)) -> Self {
        self.choose();
        edit(&mut self.sqe);
        self
    }

    /// Returns the submission queue entry as it stands before submission.
    pub fn sqe(&self) -> &Sqe {
        &self.sqe
    }

    /// Starts the command and does not wait for it.
    ///
    /// # Panics
    ///
    /// Panics if the queue is full.
    #[inline(always)]
    #[track_caller]
    pub fn submit<'scope>(self, io: &'scope Io<'scope, '_, S>) -> Ticket<'scope, D>
    where
        D: 'scope,
    {
        match self.start_plain(io) {
            Ok(ticket) => ticket,
            Err(command) => {
                io.check_room();
                command.start(io, None)
            }
        }
    }

    /// Starts the command; `callback` gets its `cdw0` and status as it completes.
    ///
    /// The status is the callback's business, unless the command says what it [`expect`](Self::expect)s.
    ///
    /// # Panics
    ///
    /// Panics if the queue is full.
    #[track_caller]
    pub fn submit_with<'scope>(
        self,
        io: &'scope Io<'scope, '_, S>,
        callback: impl FnOnce(u32, Status) + 'scope,
    ) -> Ticket<'scope, D>
    where
        D: 'scope,
    {
        io.check_room();
        self.start(io, Some(Box::new(callback)))
    }

    /// Starts the command, whatever it is; a full queue is the command's failure.
    fn begin<'scope>(self, io: &'scope Io<'scope, '_, S>) -> Ticket<'scope, D>
    where
        D: 'scope,
    {
        self.start_plain(io).unwrap_or_else(|command| command.start(io, None))
    }

    /// Starts the command if it is plain: a transfer of whole memory pages, as it was built.
    ///
    /// If it is not, or if there is anything to look at more closely, the command is returned as it is.
    #[expect(
        clippy::result_large_err,
        reason = "it is inlined, and the error is what was there before"
    )]
    #[inline(always)]
    fn start_plain<'scope>(self, io: &'scope Io<'scope, '_, S>) -> Result<Ticket<'scope, D>, Self>
    where
        D: 'scope,
    {
        // In parts, and put together again where it is not plain: so a plain command need not be in memory as a whole.
        let Self { mut sqe, data, site, basis, choices, _set } = self;
        if let (Some(basis), None) = (&basis, &choices)
            && basis.is_exact
            && let Some(key) = data
                .as_pages(|block, range| io.start_plain(&mut sqe, block, range, basis.epoch, site))
        {
            return Ok(Ticket::new(io.scope(), key, data));
        }
        Err(Self { sqe, data, site, basis, choices, _set })
    }

    /// Starts the command in the way of all others.
    #[inline(always)]
    fn start<'scope>(
        self,
        io: &'scope Io<'scope, '_, S>,
        callback: Option<Callback<'scope>>,
    ) -> Ticket<'scope, D> {
        let Started { key, data } = self.started(io, callback);
        Ticket::new(io.scope(), key, data)
    }

    #[inline(never)]
    fn started<'scope>(
        self,
        io: &'scope Io<'scope, '_, S>,
        callback: Option<Callback<'scope>>,
    ) -> Started<D> {
        let (parts, data) = self.into_parts();
        let key = io.start(&parts, data.places(), callback);
        Started { key, data }
    }

    pub(crate) fn into_parts(self) -> (Parts, D) {
        let Choices { timeout, expected, verbatim, layout, transfer } =
            self.choices.unwrap_or_default();
        let terms = Terms {
            timeout,
            expected,
            site: self.site,
            admin: is_admin::<S>(),
            verbatim,
            epoch: self.basis.map(|basis| basis.epoch),
        };
        let plan = Plan { layout, transfer, block: self.basis.map(|basis| basis.block) };
        (Parts { sqe: self.sqe, plan, terms }, self.data)
    }
}

impl<S, D> fmt::Debug for Command<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("sqe", &self.sqe)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}

/// How the data pointer is to be made.
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    /// How many bytes of the loan the command transfers, if not all.
    pub(crate) transfer: Option<usize>,
    /// How many bytes a logical block has in a transfer, where the namespace is known.
    pub(crate) block: Option<Block>,
}

pub(crate) type Callback<'scope> = Box<dyn FnOnce(u32, Status) + 'scope>;

impl Terms {
    /// Says how the command is called in messages.
    pub(crate) fn describe(&self, sqe: &Sqe, sqid: u16) -> String {
        describe(self.admin, sqe.opcode(), sqid)
    }

    /// How long the command may take, if it is `default_ns` unless the command says otherwise.
    #[inline]
    pub(crate) fn timeout_ns(&self, default_ns: u64) -> u64 {
        self.timeout.map_or(default_ns, nanoseconds)
    }
}

/// Says how a command is called in messages.
pub(crate) fn describe(admin: bool, opcode: u8, sqid: u16) -> String {
    let name = if admin { Admin::name(opcode) } else { Nvm::name(opcode) };
    format!("{name} on queue {sqid}")
}

fn is_admin<S: CommandSet>() -> bool {
    TypeId::of::<S>() == TypeId::of::<Admin>()
}

//! The controller: a fixture of the session.

mod admin;
mod capabilities;
mod events;
mod evidence;
mod hygiene;
mod init;
mod interrupts;
mod pci;
mod queues;
mod registers;
mod shared;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zerocopy::FromBytes;

use crate::cmdlog::{CmdLog, Geometry};
use crate::memory::{Arena, Buffer, Domain, MemoryError, PAGE_SIZE};
use crate::queue::{CompletionQueue, Core, CqOptions, Io, Qpair, SqOptions};
use crate::spec::{IdentifyController, Property};
use crate::transport::Function;
use crate::{Admin, Error, Result};

pub use admin::{CreateIoCq, CreateIoSq, Format, Identify, LogPage};
pub use capabilities::Capabilities;
pub use events::{Event, Events};
pub use init::{ControllerConfig, Shutdown};
pub use interrupts::Interrupts;
pub use pci::PciFunction;
pub use registers::Registers;
pub(crate) use shared::Shared;

use hygiene::Baseline;

/// A controller.
///
/// There is one in a session; tests get it as `&Controller`, or alone as `&mut Controller`, which may reset it.
///
/// ```
/// use nvmetest::prelude::*;
///
/// # fn main() -> Result {
/// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
/// let q = nvme.qpair(8)?;
/// let ns = nvme.namespace(1)?;
/// let mut block = nvme.buffer(ns.block());
/// ns.read(&mut block, 0).run(&q)?;
/// assert!(block.iter().all(|&byte| byte == 0));
/// # Ok(())
/// # }
/// ```
pub struct Controller {
    // Declared first, so dropped first: the queue's memory goes back before the domain is gone.
    admin: Rc<Core>,
    shared: Rc<Shared>,
    config: ControllerConfig,
    capabilities: Capabilities,
    baseline: Baseline,
}

/// How many queues the host asks for: the command log has room for them, for the admin queue, and for some that
/// were deleted and are still of interest.
const QUEUES_WANTED: u16 = 48;

impl Controller {
    /// Takes over the controller behind `function`: resets it, enables it by the canonical sequence (Base
    /// 3.5.1) and identifies it. The memory of the session is `arena`.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not come up, or says of itself what cannot be.
    pub fn open(function: Arc<dyn Function>, arena: Arc<Arena>) -> Result<Self> {
        let log = CmdLog::new(Geometry::default()).map_err(|error| {
            Error::Blocked(format!("there is no memory for the command log: {error}"))
        })?;
        Self::open_with_log(function, arena, log)
    }

    /// As [`open`](Self::open), with a command log of the caller's.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with_log(
        function: Arc<dyn Function>,
        arena: Arc<Arena>,
        log: CmdLog,
    ) -> Result<Self> {
        function.check_alive()?;
        let cap = init::capabilities(&*function)?;
        let domain = Domain::new(function.clone(), arena)?;
        let shared = Shared::new(function, domain, log, cap);
        let config = ControllerConfig::for_controller(cap);
        let admin = Self::enable(&shared, &config)?;
        let capabilities = Capabilities::unknown(cap);
        let baseline = Baseline::default();
        let mut controller = Self { admin, shared, config, capabilities, baseline };
        controller.take_stock()?;
        Ok(controller)
    }

    /// Resets the controller (Base 3.7.2) and enables it again as it was.
    ///
    /// Exclusive: no queue pair survives a reset.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not come up again.
    pub fn reset(&mut self) -> Result {
        let config = self.config;
        self.reset_with(&config)
    }

    /// Resets the controller and enables it with another configuration, until the next reset with one.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not come up; it is disabled then, and the next reset may go back to the
    /// [configuration](ControllerConfig) of the session with [`reset_to_default`](Self::reset_to_default).
    ///
    /// # Panics
    ///
    /// Panics if an admin queue has less than two entries: it would hold no command.
    pub fn reset_with(&mut self, config: &ControllerConfig) -> Result {
        assert!(2 <= config.admin_sq_entries && 2 <= config.admin_cq_entries);
        self.admin = Self::enable(&self.shared, config)?;
        self.config = *config;
        self.grant_queues()
    }

    /// Resets the controller and enables it as at the start of the session.
    ///
    /// # Errors
    ///
    /// As for [`reset`](Self::reset).
    pub fn reset_to_default(&mut self) -> Result {
        self.reset_with(&self.default_config())?;
        self.take_stock()
    }

    /// Resets the function (PCI Express 6.6.2) and enables the controller again.
    ///
    /// # Errors
    ///
    /// Fails if the transport has no such reset, or if the controller does not come up again.
    pub fn function_level_reset(&mut self) -> Result {
        self.shared.function().reset()?;
        self.shared.retire_queues("the function was reset");
        self.reset()
    }

    /// Disables the controller: CC.EN = 0, and CSTS.RDY = 0 seen. Every queue is gone; what was in flight has
    /// no more claim on memory, and its scopes end with an error.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not follow within CAP.TO.
    pub fn disable(&self) -> Result {
        self.disable_for_ladder("the controller was disabled")
    }

    /// Shuts the controller down, normally (Base 3.6.1): the end of a session.
    ///
    /// # Errors
    ///
    /// As for [`shut_down`](Self::shut_down).
    pub fn shutdown(&mut self) -> Result {
        self.shut_down(Shutdown::Normal).map(drop)
    }

    /// Returns how the controller was enabled.
    pub fn config(&self) -> &ControllerConfig {
        &self.config
    }

    /// How the controller is enabled at the start of a session.
    fn default_config(&self) -> ControllerConfig {
        ControllerConfig::for_controller(self.shared.cap())
    }

    /// Returns what the controller says that it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns how many I/O submission and completion queues the controller granted (Base 5.1.25.2.1).
    pub fn queues_granted(&self) -> (u16, u16) {
        self.shared.queues().granted()
    }

    /// Returns the way to the device.
    pub fn function(&self) -> &Arc<dyn Function> {
        self.shared.function()
    }

    /// Returns the command log.
    pub fn cmdlog(&self) -> &CmdLog {
        self.shared.log()
    }

    /// Returns the model, the serial number and the firmware revision in one line.
    pub fn identity(&self) -> String {
        let id = &self.capabilities.controller;
        format!("{} (serial {}, firmware {})", id.mn.text(), id.sn.text(), id.fr.text())
    }

    /// Changes the time that a command may take unless it says otherwise.
    pub fn set_timeout(&self, timeout: Duration) {
        self.shared.set_timeout(timeout);
    }

    /// Ends all waits at `deadline`, or not at all.
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.shared.set_deadline(deadline.into());
    }

    /// Allocates a zeroed DMA buffer.
    ///
    /// # Panics
    ///
    /// Panics if there is no memory left, or if the device cannot be given it.
    pub fn buffer(&self, len: usize) -> Buffer {
        self.try_buffer(len).unwrap_or_else(|error| panic!("no buffer of {len} bytes: {error}"))
    }

    /// Allocates a zeroed DMA buffer.
    ///
    /// # Errors
    ///
    /// Fails if there is no memory left, or if the device cannot be given it.
    pub fn try_buffer(&self, len: usize) -> Result<Buffer, MemoryError> {
        self.shared.domain().allocate(len, PAGE_SIZE).map(Buffer::new)
    }

    /// Creates an I/O queue pair that holds `depth` commands: queues of `depth + 1` entries, no interrupts.
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses it or has no queue left.
    ///
    /// # Panics
    ///
    /// Panics if `depth` is zero.
    #[track_caller]
    pub fn qpair(&self, depth: u16) -> Result<Qpair<'_>> {
        assert!(0 < depth, "a queue pair holds one command at least");
        let entries = u32::from(depth) + 1;
        let sq = SqOptions { entries, priority: 0 };
        self.qpair_with(sq, CqOptions { entries, vector: None })
    }

    /// Creates a submission queue and a completion queue of its own.
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses one of them or has no queue left.
    #[track_caller]
    pub fn qpair_with(&self, sq: SqOptions, cq: CqOptions) -> Result<Qpair<'_>> {
        Qpair::create_pair(self, sq, cq)
    }

    /// Creates a completion queue that several submission queues may share.
    ///
    /// # Errors
    ///
    /// Fails if the controller refuses it or has no queue left.
    #[track_caller]
    pub fn completion_queue(&self, options: CqOptions) -> Result<CompletionQueue<'_>> {
        CompletionQueue::create(self, options)
    }

    /// Opens a scope for concurrent admin commands.
    ///
    /// # Errors
    ///
    /// As for [`Qpair::scope`].
    pub fn scope<'env, T>(
        &'env self,
        body: impl for<'scope> FnOnce(&'scope Io<'scope, 'env, Admin>) -> Result<T>,
    ) -> Result<T> {
        self.admin.scope(self, body)
    }

    pub(crate) fn admin(&self) -> &Core {
        &self.admin
    }

    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.shared
    }

    /// The first active namespace, when the session began.
    pub(crate) fn first_nsid(&self) -> Option<u32> {
        self.baseline.nsid()
    }

    /// RTD3E, in microseconds; zero if the controller does not say (Base 5.1.13.2.1).
    pub(crate) fn rtd3_entry_us(&self) -> u32 {
        self.capabilities.controller.rtd3e.get()
    }

    /// Whether ASQ, ACQ and AQA still name the driver's own queue.
    pub(crate) fn admin_queue_is_set(&self) -> Result<bool> {
        let registers = self.registers();
        let (sq, cq) = (self.admin.ring(), self.admin.completions().ring());
        let aqa = registers.aqa()?;
        Ok(self.admin.gone().is_none()
            && registers.read64(Property::ASQ)? == sq.block().iova().0
            && registers.read64(Property::ACQ)? == cq.block().iova().0
            && u32::from(aqa.asqs_z()) < sq.entries()
            && u32::from(aqa.acqs_z()) < cq.entries())
    }

    /// What there is to say while a command does not complete: the device is gone, or time is up.
    pub(crate) fn trouble(&self, waiting_for: impl FnOnce() -> Option<String>) -> Option<Error> {
        if !self.shared.is_time_to_look() {
            return None;
        }
        if let Some(deadline) = self.shared.deadline()
            && deadline < Instant::now()
        {
            let waiting_for = waiting_for().unwrap_or_else(|| "the controller".to_owned());
            return Some(Error::Deadline { waiting_for });
        }
        self.shared.function().check_alive().err().map(Error::from)
    }

    /// Learns what the controller is, after it was enabled for the first time.
    fn take_stock(&mut self) -> Result {
        let vs = self.registers().vs()?;
        let mut page = self.try_buffer(size_of::<IdentifyController>())?;
        self.identify(Identify::CONTROLLER, &mut page).run(&*self)?;
        let identify = IdentifyController::read_from_bytes(&page);
        let identify = identify.expect("the buffer has the size of the structure");
        self.capabilities = Capabilities::new(self.shared.cap(), vs, identify, self.function());
        self.grant_queues()?;
        self.baseline = Baseline::take(self)?;
        Ok(())
    }

    /// Asks for as many I/O queues as there are, or enough (Base 5.1.25.2.1).
    fn grant_queues(&self) -> Result {
        const NUMBER_OF_QUEUES: u8 = 0x07;
        if self.config.css == crate::spec::property::CommandSetSelected::ADMIN_ONLY {
            self.shared.queues().grant(0, 0);
            return Ok(());
        }
        let wanted = u32::from(QUEUES_WANTED - 1);
        let asked = self.set_features(NUMBER_OF_QUEUES, wanted | wanted << 16).run(self)?;
        let granted = |field: u32| (field as u16).saturating_add(1).min(QUEUES_WANTED);
        self.shared.queues().grant(granted(asked.cdw0), granted(asked.cdw0 >> 16));
        self.shared.take_touched();
        Ok(())
    }
}

impl Drop for Controller {
    /// Takes all memory back: a controller that stays enabled would use the queues for ever.
    fn drop(&mut self) {
        if self.disable().is_ok() || self.function().check_alive().is_err() {
            return;
        }
        let function = self.function().clone();
        let ended = (function.abilities().function_reset && function.reset().is_ok())
            || (function.abilities().terminates && function.terminate().is_ok());
        if ended {
            self.shared.retire_queues("the function was reset");
        } else {
            // The device may use its queues as long as it has power: their memory is never used again.
            std::mem::forget(self.shared.clone());
            std::mem::forget(self.admin.clone());
        }
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Controller({} at {})", self.identity(), self.function().uri())
    }
}

//! The controller: a fixture of the session.

mod admin;
mod bar0;
mod capabilities;
mod dma;
mod events;
mod evidence;
mod figures;
mod hmb;
mod hygiene;
mod init;
pub(crate) mod interruption;
mod interrupts;
mod intx;
mod lifecycle;
mod link;
mod pci;
mod power_state;
mod put_back;
mod queues;
mod registers;
mod shared;
mod sole;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::Admin;
use crate::Error;
use crate::Result;
use crate::cmdlog::CmdLog;
use crate::memory::Buffer;
use crate::memory::MemoryError;
use crate::memory::PAGE_SIZE;
use crate::queue::CompletionQueue;
use crate::queue::Core;
use crate::queue::CqOptions;
use crate::queue::Io;
use crate::queue::Qpair;
use crate::queue::SqOptions;
use crate::transport::DeviceUri;
use crate::transport::Function;

pub use admin::CreateIoCq;
pub use admin::CreateIoSq;
pub use admin::ExclusiveCommand;
pub use admin::Format;
pub use admin::Identify;
pub use admin::LogPage;
pub use capabilities::Capabilities;
pub use events::Event;
pub use events::Events;
pub use hmb::Hmb;
pub use hmb::HmbError;
pub use hmb::HmbOptions;
pub use hmb::RetainedHmb;
pub use init::ControllerConfig;
pub use init::Shutdown;
pub use interrupts::Interrupts;
pub use intx::Intx;
pub use pci::PciFunction;
pub use registers::Registers;
pub(crate) use shared::Shared;
pub(crate) use shared::nanoseconds;

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

impl Controller {
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

    /// Returns the first identifiers of a submission and of a completion queue that no queue has: for one that is
    /// created by hand.
    ///
    /// # Errors
    ///
    /// Fails if all that the controller granted are taken.
    pub fn free_queue_ids(&self) -> Result<(u16, u16)> {
        self.shared.queues().free()
    }

    /// Returns the URI of the device.
    pub fn uri(&self) -> &DeviceUri {
        self.function().uri()
    }

    pub(crate) fn function(&self) -> &Arc<dyn Function> {
        self.shared.function()
    }

    /// Returns the command log.
    pub fn cmdlog(&self) -> &CmdLog {
        self.shared.log()
    }

    /// Returns the model, the serial number and the firmware revision in one line.
    pub fn identity(&self) -> String {
        let id = &self.capabilities.controller;
        format!("{} (serial {}, firmware {})", self.model(), id.sn.text(), self.firmware())
    }

    /// Returns the model number (MN of Identify Controller).
    pub fn model(&self) -> String {
        self.capabilities.controller.mn.text()
    }

    /// Returns the firmware revision (FR of Identify Controller).
    pub fn firmware(&self) -> String {
        self.capabilities.controller.fr.text()
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

    /// What there is to say while a command does not complete: the device is gone, or time is up.
    pub(crate) fn trouble(&self, waiting_for: impl FnOnce() -> Option<String>) -> Option<Error> {
        if !self.shared.is_time_to_look() {
            return None;
        }
        // The ladder has times of its own, and is climbed also when the test's time is over.
        if let Some(deadline) = self.shared.deadline()
            && !self.shared.is_climbing()
            && deadline < Instant::now()
        {
            let waiting_for = waiting_for().unwrap_or_else(|| "the controller".to_owned());
            return Some(Error::Deadline { waiting_for });
        }
        self.shared.function().check_alive().err().map(Error::from)
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Controller({} at {})", self.identity(), self.function().uri())
    }
}

//! From the first reset of a session to its end.

use std::sync::Arc;

use zerocopy::FromBytes;

use crate::Error;
use crate::Result;
use crate::cmdlog::CmdLog;
use crate::cmdlog::Geometry;
use crate::memory::Arena;
use crate::memory::Domain;
use crate::spec::Fid;
use crate::spec::IdentifyController;
use crate::spec::property::CommandSetSelected;
use crate::transport::Function;

use super::Capabilities;
use super::Controller;
use super::ControllerConfig;
use super::Identify;
use super::Shared;
use super::hygiene::Baseline;
use super::init;
use super::sole::Sole;

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
        let sole = Sole::take(&function)?;
        function.check_alive()?;
        let cap = init::capabilities(&*function)?;
        let domain = Domain::new(function.clone(), arena)?;
        let shared = Shared::new(function, sole, domain, log, cap);
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
        // Nobody else has the controller, so no guard is left to ask for what it had.
        self.shared.leases().clear();
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
        self.function_level_reset_only()?;
        self.reset()
    }

    /// Resets the function (PCI Express 6.6.2) and leaves the controller as that leaves it: disabled.
    ///
    /// # Errors
    ///
    /// Fails if the transport has no such reset.
    pub fn function_level_reset_only(&mut self) -> Result {
        self.shared.end_workers("the function was reset");
        self.shared.function().reset()?;
        self.shared.retire_queues("the function was reset");
        Ok(())
    }

    /// Takes the power from the device and gives it back, where the way to it can do that
    /// ([`POWER_CYCLE`](crate::capability::POWER_CYCLE)). The controller is disabled then, until it is
    /// [reset](Self::reset).
    ///
    /// What was in flight completes as if the controller had been [disabled](Self::disable), and what had completed
    /// but was not polled for is still there: it was acknowledged before.
    ///
    /// # Errors
    ///
    /// Fails if the power cannot be switched, or if the device does not come back.
    pub fn power_cycle(&self) -> Result {
        let why = "the power was cut";
        self.shared.end_workers(why);
        self.function().power_cycle()?;
        self.shared.retire_queues(why);
        self.shared.recorded().lose_power();
        if self.capabilities.controller.vwc.vwcp() {
            // Which of what was written is still there, no table knows.
            self.shared.verified().forget(None).map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Resets all that is behind the port that the device is plugged into (PCI Express 6.6.1, a hot reset) and enables
    /// the controller again.
    ///
    /// # Errors
    ///
    /// Fails if the transport has no such reset, or if the controller does not come up again.
    pub fn hot_reset(&mut self) -> Result {
        self.hot_reset_only()?;
        self.reset()
    }

    /// Resets all that is behind the port (PCI Express 6.6.1) and leaves the controller as that leaves it: disabled.
    ///
    /// # Errors
    ///
    /// Fails if the transport has no such reset.
    pub fn hot_reset_only(&mut self) -> Result {
        self.shared.end_workers("the link was reset");
        self.shared.function().hot_reset()?;
        self.shared.retire_queues("the link was reset");
        Ok(())
    }

    /// Has the host's kernel forget the function, as if it had been pulled, and find it again on its bus, where that can be done
    /// ([`REMOVAL`](crate::capability::REMOVAL)); enables the controller again.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be removed, if it is not found again, or if the controller does not come up again. What was removed and
    /// not found is lost.
    pub fn remove_and_rescan(&mut self) -> Result {
        self.remove_and_rescan_only()?;
        self.reset()
    }

    /// As [`remove_and_rescan`](Self::remove_and_rescan), and leaves the controller as that leaves it: disabled.
    ///
    /// # Errors
    ///
    /// Fails if the function cannot be removed, or is not found again.
    pub fn remove_and_rescan_only(&mut self) -> Result {
        let why = "the function was removed";
        self.shared.end_workers(why);
        self.shared.function().remove_and_rescan()?;
        self.shared.retire_queues(why);
        Ok(())
    }

    /// Ends the process behind the device, as if the drive had been pulled. The session is over for it.
    ///
    /// # Errors
    ///
    /// Fails if the device is no process of the session's.
    pub fn pull(&self) -> Result {
        self.function().terminate()?;
        self.shared.recorded().lose_power();
        Ok(())
    }

    /// Disables the controller: CC.EN = 0, and CSTS.RDY = 0 seen. Every queue is gone, and the controller has no more
    /// claim on memory.
    ///
    /// What was in flight and had not completed completes now, with a status that the host makes:
    /// [`Status::COMMAND_ABORTED_BY_HOST`](crate::spec::Status::COMMAND_ABORTED_BY_HOST) (Base 4.2.3.4). Callbacks are
    /// called with it when the queue is polled next, at the latest by the end of the scope. A command that has none,
    /// and does not [expect](crate::Command::expect) that status, fails with
    /// [`Error::AbortedByHost`](crate::Error::AbortedByHost).
    ///
    /// # Errors
    ///
    /// Fails if the controller does not follow within CAP.TO.
    pub fn disable(&self) -> Result {
        self.disable_for_ladder("the controller was disabled")
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
        if self.config.css == CommandSetSelected::ADMIN_ONLY {
            self.shared.queues().grant(0, 0);
            return Ok(());
        }
        let wanted = u32::from(QUEUES_WANTED - 1);
        let asked = self.set_features(Fid::NUMBER_OF_QUEUES.0, wanted | wanted << 16).run(self)?;
        let granted = |field: u32| (field as u16).saturating_add(1).min(QUEUES_WANTED);
        self.shared.queues().grant(granted(asked.cdw0), granted(asked.cdw0 >> 16));
        self.shared.take_touched();
        Ok(())
    }
}

impl Drop for Controller {
    /// Takes all memory back: a controller that stays enabled would use the queues for ever.
    fn drop(&mut self) {
        if self.disable().is_ok() {
            return;
        }
        // A connection that is lost does not mean that the device has ended.
        let function = self.function();
        let abilities = function.abilities();
        let is_reset = || function.check_alive().is_ok() && function.reset().is_ok();
        let has_ended = (abilities.function_reset && is_reset())
            || (abilities.terminates && function.terminate().is_ok());
        if has_ended {
            self.shared.retire_queues("the function was reset");
        } else {
            // The device may use its queues as long as it has power: their memory is never used again.
            std::mem::forget(self.shared.clone());
            std::mem::forget(self.admin.clone());
        }
    }
}

//! Ending the device's claim on memory: the ladder.
//!
//! The rungs, and who has which, are in the documentation of [`queue`](super).

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::cmdlog::now_ns;
use crate::controller::Controller;

use super::backoff::Backoff;
use super::core::Core;
use super::key::Owner;
use super::scope::LOOK_EVERY;
use super::straggler::Straggler;

/// How long stragglers are waited for when the test has failed already, and after each rung that asks the
/// controller to end them.
const GRACE: Duration = Duration::from_millis(100);

/// Ends the device's claim on everything that was lent in `scope`. It does not unwind.
///
/// Returns the commands that did not complete, for the caller to drop when it is safe to run code of the test.
pub(super) fn close(
    controller: &Controller,
    core: &Core,
    scope: Owner,
    in_order: bool,
) -> Vec<Straggler> {
    if core.accounts().in_flight(scope) == 0 {
        return Vec::new();
    }
    let bomb = AbortOnUnwind;
    let grace_ns = now_ns() + GRACE.as_nanos() as u64;
    let until_ns = match core.last_due_ns(scope) {
        Some(due_ns) if in_order => due_ns.min(deadline_ns(controller).max(grace_ns)),
        _ => grace_ns,
    };
    drain(controller, core, scope, until_ns);
    let stragglers = if core.accounts().in_flight(scope) == 0 {
        Vec::new()
    } else {
        let error = match controller.function().check_alive() {
            Ok(()) => core.timed_out(scope),
            Err(lost) => Some(lost.into()),
        };
        if let Some(error) = error {
            core.accounts().failed(scope, None, error);
        }
        climb(controller, core, scope)
    };
    core.settle(&stragglers);
    std::mem::forget(bomb);
    stragglers
}

/// When the running test has to be over, in the time of the command log.
fn deadline_ns(controller: &Controller) -> u64 {
    let Some(deadline) = controller.shared().deadline() else { return u64::MAX };
    let left = deadline.saturating_duration_since(Instant::now());
    now_ns().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
}

/// Waits for the commands of a scope and runs their callbacks.
fn drain(controller: &Controller, core: &Core, scope: Owner, until_ns: u64) {
    let mut backoff = Backoff::default();
    let mut polls = 0_u32;
    while 0 < core.accounts().in_flight(scope) {
        polls = polls.wrapping_add(1);
        let mut look = polls.is_multiple_of(LOOK_EVERY);
        // A callback that panics here would leave the scope; it must not.
        match catch_unwind(AssertUnwindSafe(|| core.poll())) {
            Ok(true) => backoff = Backoff::default(),
            Ok(false) => {
                core.release();
                look = backoff.pause();
            }
            Err(panic) => {
                let message = panic_message(&*panic);
                // The value may panic in its drop.
                std::mem::forget(panic);
                core.accounts().failed(scope, None, Error::Callback { message });
            }
        }
        // A queue that has ended completes what is left of it by itself.
        if look && (until_ns < now_ns() || is_lost(controller)) {
            break;
        }
    }
    core.release();
}

/// Whether the device can still touch what the queue's commands lent.
fn has_claim(controller: &Controller, core: &Core) -> bool {
    core.gone().is_none() && !is_lost(controller)
}

/// Whether the device is gone; then it has no claim on anything any more.
fn is_lost(controller: &Controller) -> bool {
    let function = controller.function();
    // It may be the connection that is lost, and not the process that still has the memory.
    function.check_alive().is_err()
        && (!function.has_power()
            || !function.abilities().terminates
            || function.terminate().is_ok())
}

fn climb(controller: &Controller, core: &Core, scope: Owner) -> Vec<Straggler> {
    let end = || core.abandon(scope);
    if !has_claim(controller, core) {
        return end();
    }
    // What the rungs below ask of the controller may hang, too: then this one is climbed within itself, and
    // the rungs that ask are not tried again.
    if let Some(_climbing) = controller.shared().start_climbing() {
        for cid in core.cids(scope) {
            if controller.abort_for_ladder(core.sqid(), cid).is_err() {
                break;
            }
        }
        drain(controller, core, scope, now_ns() + GRACE.as_nanos() as u64);
        if core.accounts().in_flight(scope) == 0 || !has_claim(controller, core) {
            return end();
        }
        if core.sqid() != 0 && controller.delete_sq_for_ladder(core.sqid()).is_ok() {
            // What the deletion aborted may have been completed.
            drain(controller, core, scope, now_ns());
            core.retire("it was deleted to end a command that did not complete");
            let stragglers = end();
            revoke(&stragglers);
            core.revoke_in_flight();
            return stragglers;
        }
    }
    let stragglers = end();
    if revoke(&stragglers) {
        return stragglers;
    }
    let why = "the controller was disabled to end a command that did not complete";
    if controller.disable_for_ladder(why).is_ok() {
        return stragglers;
    }
    let function = controller.function();
    let ended = (function.abilities().function_reset && function.reset().is_ok())
        || (function.abilities().terminates && function.terminate().is_ok());
    if ended {
        controller
            .shared()
            .retire_queues("the function was reset to end a command that did not complete");
        return stragglers;
    }
    eprintln!(
        "nvmetest: {} holds memory of a command that does not complete, and nothing that was tried ends it \
         (Abort, deletion of the queue, disabling the controller, a reset). The process ends here, because \
         to go on would be to read memory that the device may write. Power the device off and on.",
        function.uri(),
    );
    std::process::abort();
}

/// Takes the memory of the commands from the device. Returns whether all of it is out of reach.
fn revoke(stragglers: &[Straggler]) -> bool {
    // Each is revoked, also when one cannot be.
    stragglers.iter().filter(|command| !command.revoke()).count() == 0
}

/// Ends the process if the ladder itself unwinds: the scope would return while the device has a claim.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!(
            "nvmetest: a panic while memory was taken back from the device; the process ends"
        );
        std::process::abort();
    }
}

/// The message of a panic, as far as it has one.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a value that is not text".to_owned())
}

/// What the ladder asks of the controller.
impl Controller {
    fn abort_for_ladder(&self, sqid: u16, cid: u16) -> Result {
        self.abort(sqid, cid).timeout(RUNG).expect(crate::Expected::Any).run(self).map(drop)
    }

    fn delete_sq_for_ladder(&self, sqid: u16) -> Result {
        self.delete_io_sq(sqid).timeout(RUNG).run(self).map(drop)
    }
}

/// How long a rung may take that asks the controller for something.
const RUNG: Duration = Duration::from_secs(1);

//! The link of the function, and the port at its other end (PCIe 7.5.3.4 to PCIe 7.5.3.8, PCIe 7.8.3).

mod aspm;
mod end;
mod payload;
mod substates;

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::spec::pci::LinkCapabilities;
use crate::spec::pci::LinkControl;
use crate::spec::pci::LinkStatus;
use crate::spec::pci::express;

use self::end::End;
use super::PciFunction;

/// How long the training of a link may take: as long as Linux itself gives it.
const TRAINING: Duration = Duration::from_secs(1);

impl PciFunction<'_> {
    /// Has the port above train the link again (PCIe 7.5.3.7), waits until it has, and returns what the function says of the link
    /// then. Nothing is reset: what is in flight goes on.
    ///
    /// # Errors
    ///
    /// Fails if no such port can be reached ([`RETRAIN_LINK`](crate::capability::RETRAIN_LINK)), if the training does not end
    /// within a second, and if the function has no PCI Express capability.
    pub fn retrain_link(&self) -> Result<LinkStatus> {
        let function = End::function(*self)?;
        self.retrain_by(End::port(*self)?)?;
        status(function)
    }

    fn retrain_by(&self, port: End<'_>) -> Result {
        // What is written during a training may be lost on the port.
        self.wait_for(port, "a training that was under way did not end", |now| !now.training())?;
        let was_active = status(port)?.link_active();
        let register = port.express(express::LINK_CONTROL);
        let control = LinkControl::from(port.read16(register)?);
        port.word(register, control.with_retrain(true).into()).run()?;
        // Link Training is set from the write on, until the link runs (PCIe 7.5.3.8).
        let can = LinkCapabilities::from(port.read32(port.express(express::LINK_CAPABILITIES))?);
        let must_be_active = can.link_active_reporting() && was_active;
        self.wait_for(port, "the training of the link did not end", |now| {
            !now.training() && (now.link_active() || !must_be_active)
        })
    }

    fn wait_for(
        &self,
        port: End<'_>,
        otherwise: &str,
        is_done: impl Fn(LinkStatus) -> bool,
    ) -> Result {
        let deadline = Instant::now() + TRAINING;
        loop {
            let now = status(port)?;
            if is_done(now) {
                return Ok(());
            }
            if deadline < Instant::now() {
                let device = self.function().uri();
                let now = u16::from(now);
                return Err(Error::Failed(format!(
                    "{device}: {otherwise} within {TRAINING:?} (Link Status of the port above is {now:#06x})"
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Link Status.
fn status(end: End<'_>) -> Result<LinkStatus> {
    end.read16(end.express(express::LINK_STATUS)).map(LinkStatus::from)
}

//! Enabling, disabling and shutting down (Base 3.5.1, Base 3.6.1, Base 3.7.2).

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::queue::CompletionSide;
use crate::queue::Core;
use crate::queue::Creation;
use crate::queue::Doorbell;
use crate::spec::Aqa;
use crate::spec::Cap;
use crate::spec::Cc;
use crate::spec::Csts;
use crate::spec::Property;
use crate::spec::property::ArbitrationMechanism;
use crate::spec::property::CommandSetSelected;
use crate::spec::property::ShutdownNotification;
use crate::spec::property::ShutdownStatus;

use super::Controller;
use super::shared::Shared;

/// How a controller is enabled.
///
/// ```
/// use nvmetest::ControllerConfig;
///
/// let tiny = ControllerConfig { admin_sq_entries: 2, admin_cq_entries: 2, ..ControllerConfig::default() };
/// assert_eq!(tiny.page_shift, 12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerConfig {
    /// Entries of the Admin Submission Queue: 2 to 4096.
    pub admin_sq_entries: u16,
    /// Entries of the Admin Completion Queue: 2 to 4096.
    pub admin_cq_entries: u16,
    /// The size of a memory page as a power of two: 12 for 4 KiB, which is CC.MPS = 0.
    pub page_shift: u8,
    /// CC.CSS.
    pub css: CommandSetSelected,
    /// CC.AMS.
    pub ams: ArbitrationMechanism,
    /// CC.IOSQES: 6, for entries of 64 bytes, is what the NVM command set has.
    pub iosqes: u8,
    /// CC.IOCQES: 4, for entries of 16 bytes.
    pub iocqes: u8,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            admin_sq_entries: 64,
            admin_cq_entries: 64,
            page_shift: 12,
            css: CommandSetSelected::NVM,
            ams: ArbitrationMechanism::ROUND_ROBIN,
            iosqes: 6,
            iocqes: 4,
        }
    }
}

impl ControllerConfig {
    /// The default, with the smallest memory pages that the controller has.
    pub(super) fn for_controller(cap: Cap) -> Self {
        Self { page_shift: 12 + cap.mpsmin(), ..Self::default() }
    }
}

/// How to shut a controller down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// CC.SHN = 01b: everything is made durable.
    Normal,
    /// CC.SHN = 10b: power is about to go.
    Abrupt,
}

/// A controller that says less has no time to do anything.
const LEAST_TIMEOUT: Duration = Duration::from_millis(500);

/// The longest time that CAP.TO can name, for what names its time elsewhere.
const LONGEST_TIMEOUT: Duration = Duration::from_millis(255 * 500);

/// The largest memory page that the driver uses: pages of the arena are aligned to no more.
const LARGEST_PAGE: u8 = 24;

/// Reads CAP, and refuses what no controller can mean.
pub(super) fn capabilities(function: &dyn crate::transport::Function) -> Result<Cap> {
    let bits = function.read64(Property::CAP.0.into())?;
    if bits == u64::MAX {
        return Err(Error::Gone("CAP reads as all ones".to_owned()));
    }
    let cap = Cap::from(bits);
    let nonsense = |what: String| Err(Error::Nonsense { what, clause: "Base 3.1.4.1" });
    if cap.mqes_z() == 0 {
        return nonsense("CAP.MQES = 0: I/O queues of one entry hold no command".to_owned());
    }
    if cap.mpsmax() < cap.mpsmin() {
        return nonsense(format!("CAP.MPSMIN {} above CAP.MPSMAX {}", cap.mpsmin(), cap.mpsmax()));
    }
    if LARGEST_PAGE < cap.mpsmin() + 12 {
        return nonsense(format!("CAP.MPSMIN {}: no host has pages that large", cap.mpsmin()));
    }
    Ok(cap)
}

impl Controller {
    /// Gives the controller an admin queue and enables it (Base 3.5.1).
    pub(super) fn enable(shared: &Rc<Shared>, config: &ControllerConfig) -> Result<Rc<Core>> {
        disable(shared, "the controller was reset")?;
        let cap = shared.cap();
        let function = &**shared.function();
        let page_shift = config.page_shift.clamp(12, LARGEST_PAGE);
        shared.set_page_size(1 << page_shift);
        shared.set_entry_sizes(config);

        let creation = Creation(shared);
        let sq = creation.submission_ring(config.admin_sq_entries.into())?;
        let cq = creation.completion_ring(config.admin_cq_entries.into())?;
        let aqa = Aqa::new()
            .with_asqs_z(config.admin_sq_entries - 1)
            .with_acqs_z(config.admin_cq_entries - 1);
        function.write32(Property::AQA.0.into(), aqa.into())?;
        function.write64(Property::ASQ.0.into(), sq.block().iova().0)?;
        function.write64(Property::ACQ.0.into(), cq.block().iova().0)?;

        let sq_doorbell = Doorbell::new(shared.function(), shared.sq_tail_doorbell(0));
        let cq_doorbell = Doorbell::new(shared.function(), shared.cq_head_doorbell(0));
        let side = CompletionSide::new(0, cq, cq_doorbell);
        let core = Core::new(shared, 0, sq, sq_doorbell, &side);
        shared.register(&core);

        let cc = Cc::new()
            .with_mps(page_shift - 12)
            .with_css(config.css)
            .with_ams(config.ams)
            .with_iosqes(config.iosqes)
            .with_iocqes(config.iocqes);
        // From here on the device may use the queues, also if it or the way to it fails: they are kept until it
        // is disabled.
        shared.park(core.ring().block().clone());
        shared.park(side.ring().block().clone());
        function.write32(Property::CC.0.into(), cc.into())?;
        function.write32(Property::CC.0.into(), cc.with_en(true).into())?;
        let ready = wait_for(shared, "ready", ready_timeout(shared, cap)?, |csts| csts.rdy());
        if let Err(error) = ready {
            let _ = disable(shared, "the controller did not become ready");
            return Err(error);
        }
        Ok(core)
    }

    /// Sets CC.EN to 0 and waits for CSTS.RDY = 0. Every queue is gone then, and no memory is lent.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not follow within CAP.TO.
    pub(crate) fn disable_for_ladder(&self, why: &str) -> Result {
        disable(self.shared(), why)
    }

    /// Notifies the controller of a shutdown, and waits until it is complete (Base 3.6.1).
    ///
    /// Returns how long the controller took. Commands do not run any more until it is reset.
    ///
    /// # Errors
    ///
    /// Fails if CSTS.SHST does not become 10b in the time that the controller names: RTD3E, or CAP.TO.
    pub fn shut_down(&mut self, how: Shutdown) -> Result<Duration> {
        let shared = self.shared();
        let function = &**shared.function();
        let shn = match how {
            Shutdown::Normal => ShutdownNotification::NORMAL,
            Shutdown::Abrupt => ShutdownNotification::ABRUPT,
        };
        let cc = Cc::from(function.read32(Property::CC.0.into())?);
        let start = Instant::now();
        function.write32(Property::CC.0.into(), cc.with_shn(shn).into())?;
        let names = Duration::from_micros(self.rtd3_entry_us().into());
        let limit = names.max(shared.cap().timeout()).clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT);
        wait_for(shared, "shut down", limit, |csts| csts.shst() == ShutdownStatus::COMPLETE)?;
        let took = start.elapsed();
        disable(shared, "the controller was shut down")?;
        Ok(took)
    }
}

/// How long CSTS.RDY may take: CRTO where the controller has it, and CAP.TO otherwise (Base 3.5.4).
fn ready_timeout(shared: &Shared, cap: Cap) -> Result<Duration> {
    let mut timeout = cap.timeout();
    if cap.crms().crwms() {
        let crto = shared.function().read32(Property::CRTO.0.into())?;
        let crto = crate::spec::Crto::from(crto);
        timeout = timeout.max(Duration::from_millis(u64::from(crto.crwmt()) * 500));
    }
    Ok(timeout.clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT))
}

fn disable(shared: &Shared, why: &str) -> Result {
    // First of all, also if the controller cannot be reached: a worker rings no doorbell of a queue that goes.
    shared.end_workers(why);
    let function = &**shared.function();
    let limit = shared.cap().timeout().max(LEAST_TIMEOUT);
    let cc = Cc::from(function.read32(Property::CC.0.into())?);
    let csts = read_csts(shared)?;
    if cc.en() {
        // A controller that is on its way up must arrive before it is sent down (Base 3.1.4.5).
        if !csts.rdy() && !csts.cfs() && csts.shst() == ShutdownStatus::NORMAL_OPERATION {
            let _ = wait_for(shared, "ready", limit, |csts| csts.rdy());
        }
        function.write32(
            Property::CC.0.into(),
            cc.with_en(false).with_shn(ShutdownNotification::NONE).into(),
        )?;
    }
    poll_csts(shared, "disabled", limit, |csts| !csts.rdy())?;
    shared.retire_queues(why);
    Ok(())
}

fn read_csts(shared: &Shared) -> Result<Csts> {
    let csts = Csts::from(shared.function().read32(Property::CSTS.0.into())?);
    if csts.is_all_ones() {
        return Err(Error::Gone("CSTS reads as all ones".to_owned()));
    }
    Ok(csts)
}

/// Polls CSTS until `done`; a fatal status ends the wait.
fn wait_for(
    shared: &Shared,
    goal: &'static str,
    limit: Duration,
    done: impl Fn(Csts) -> bool,
) -> Result<Csts> {
    let csts = poll_csts(shared, goal, limit, |csts| csts.cfs() || done(csts))?;
    if csts.cfs() {
        return Err(Error::Fatal(csts));
    }
    Ok(csts)
}

fn poll_csts(
    shared: &Shared,
    goal: &'static str,
    limit: Duration,
    done: impl Fn(Csts) -> bool,
) -> Result<Csts> {
    let start = Instant::now();
    loop {
        let csts = read_csts(shared)?;
        if done(csts) {
            return Ok(csts);
        }
        if limit < start.elapsed() {
            return Err(Error::NotReady { goal, after: limit, csts });
        }
        // A controller takes its time in milliseconds; the register need not be hammered.
        std::thread::sleep(Duration::from_micros(100));
    }
}

//! What the controller, its queues and its namespaces share.

use std::cell::Cell;
use std::cell::RefCell;
use std::cell::RefMut;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::cmdlog::CmdLog;
use crate::cmdlog::Token;
use crate::cmdlog::now_ns;
use crate::command;
use crate::command::DEFAULT_TIMEOUT;
use crate::durability::Recorded;
use crate::integrity::Verified;
use crate::ioworker::LiveWorkers;
use crate::memory::Block;
use crate::memory::Domain;
use crate::memory::DomainId;
use crate::queue::Claims;
use crate::queue::Core;
use crate::spec::AdminOpcode;
use crate::spec::Cap;
use crate::spec::Cqe;
use crate::spec::Sqe;
use crate::spec::doorbell;
use crate::transport::Function;

use super::ControllerConfig;
use super::dma::Fault;
use super::figures::Figures;
use super::hmb::Leases;
use super::interruption;
use super::queues::Queues;
use super::sole::Sole;

/// The state behind a [`Controller`](super::Controller) that outlives a borrow of it.
pub(crate) struct Shared {
    function: Arc<dyn Function>,
    _sole: Sole,
    domain: Arc<Domain>,
    domain_id: DomainId,
    log: CmdLog,
    cap: Cap,
    page_size: Cell<u64>,
    /// The sizes of submission and completion queue entries that CC says, in bytes.
    entry_sizes: Cell<(usize, usize)>,
    timeout_ns: Cell<u64>,
    deadline: Cell<Option<Instant>>,
    queues: Queues,
    claims: Claims,
    /// The queues that must be told when the controller is disabled.
    cores: RefCell<Vec<Weak<Core>>>,
    /// The memory of the admin queues. It is free when the controller is disabled.
    parked: RefCell<Vec<Arc<Block>>>,
    /// The workers that may use a queue.
    workers: LiveWorkers,
    /// The namespaces whose data is verified.
    verified: Verified,
    /// The namespaces that have a durability record.
    recorded: Recorded,
    /// The host memory buffer.
    leases: Leases,
    /// What went wrong where no test could be told: in the drop of a queue.
    complaints: RefCell<Vec<String>>,
    /// Accesses that no mapping covered, as far as nobody has asked for them.
    faults: RefCell<Vec<Fault>>,
    climbing: Cell<bool>,
    touched: Cell<Touched>,
    /// A number that no other controller of this process has, and a new one whenever a command is submitted that
    /// formats namespaces, attaches them, or the like.
    epoch: Cell<u64>,
    /// How many such commands have not completed.
    changes: Cell<usize>,
    /// Asynchronous Event Requests that the controller did not abort.
    requests_left: Cell<usize>,
    /// When the device was last asked whether it is alive.
    last_look_ns: Cell<u64>,
    /// When the running test began (`cmdlog::now_ns`).
    began_ns: Cell<u64>,
    /// The first command of the running test that did not end as it should.
    blamed: Cell<Option<Token>>,
    /// What the running test measured.
    figures: Figures,
}

/// How often the device is asked whether it is alive, while a command does not complete.
const LOOK_EVERY_NS: u64 = 1_000_000;

/// What tests did to the controller that the next test must not see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// A Set Features command succeeded.
    pub(crate) features: bool,
    /// A namespace was formatted, attached, or the like.
    pub(crate) namespaces: bool,
}

impl Shared {
    pub(super) fn new(
        function: Arc<dyn Function>,
        sole: Sole,
        domain: Arc<Domain>,
        log: CmdLog,
        cap: Cap,
    ) -> Rc<Self> {
        Rc::new(Self {
            function,
            _sole: sole,
            domain_id: DomainId::of(&domain),
            domain,
            log,
            cap,
            page_size: Cell::new(cap.min_page_size().max(4096)),
            entry_sizes: Cell::new((size_of::<Sqe>(), size_of::<Cqe>())),
            timeout_ns: Cell::new(nanoseconds(DEFAULT_TIMEOUT)),
            deadline: Cell::new(None),
            queues: Queues::default(),
            claims: Claims::default(),
            cores: RefCell::default(),
            parked: RefCell::default(),
            workers: LiveWorkers::default(),
            verified: Verified::default(),
            recorded: Recorded::default(),
            leases: Leases::default(),
            complaints: RefCell::default(),
            faults: RefCell::default(),
            climbing: Cell::new(false),
            touched: Cell::default(),
            epoch: Cell::new(fresh_epoch()),
            changes: Cell::new(0),
            requests_left: Cell::new(0),
            last_look_ns: Cell::new(0),
            began_ns: Cell::new(0),
            blamed: Cell::new(None),
            figures: Figures::default(),
        })
    }

    pub(crate) fn function(&self) -> &Arc<dyn Function> {
        &self.function
    }

    /// Names the domain.
    #[inline]
    pub(crate) fn domain_id(&self) -> DomainId {
        self.domain_id
    }

    pub(crate) fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }

    pub(crate) fn log(&self) -> &CmdLog {
        &self.log
    }

    pub(crate) fn cap(&self) -> Cap {
        self.cap
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The memory that the device was given for queues.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The size of a memory page as CC.MPS says, in bytes.
    pub(crate) fn page_size(&self) -> u64 {
        self.page_size.get()
    }

    pub(super) fn set_page_size(&self, bytes: u64) {
        self.page_size.set(bytes);
    }

    /// What a controller may take for an entry of a submission and of a completion queue, in bytes: what CC.IOSQES
    /// and CC.IOCQES say, and no less than what the driver takes for one.
    pub(crate) fn entry_sizes(&self) -> (usize, usize) {
        self.entry_sizes.get()
    }

    pub(super) fn set_entry_sizes(&self, config: &ControllerConfig) {
        let size = |least: usize, shift: u8| least.max(1 << shift.min(15));
        let submission = size(size_of::<Sqe>(), config.iosqes);
        self.entry_sizes.set((submission, size(size_of::<Cqe>(), config.iocqes)));
    }

    /// How long a command may take that does not say otherwise.
    #[inline]
    pub(crate) fn timeout_ns(&self) -> u64 {
        self.timeout_ns.get()
    }

    pub(super) fn set_timeout(&self, timeout: Duration) {
        self.timeout_ns.set(nanoseconds(timeout));
    }

    /// When the running test has to be over: at once, if it is interrupted.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.deadline.get(), interruption::began()) {
            (Some(deadline), Some(began)) => Some(deadline.min(began)),
            (deadline, began) => deadline.or(began),
        }
    }

    /// What the running test measured.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
    }

    pub(crate) fn sq_tail_doorbell(&self, qid: u16) -> u32 {
        doorbell::sq_tail(qid, self.cap.dstrd())
    }

    pub(crate) fn cq_head_doorbell(&self, qid: u16) -> u32 {
        doorbell::cq_head(qid, self.cap.dstrd())
    }

    /// Lets the queue know when the controller is disabled.
    pub(crate) fn register(&self, core: &Rc<Core>) {
        let mut cores = self.cores.borrow_mut();
        cores.retain(|core| core.strong_count() != 0);
        cores.push(Rc::downgrade(core));
    }

    /// The controller is disabled, or reset: it has no queues any more, and no claim on any memory.
    pub(crate) fn retire_queues(&self, why: &str) {
        self.end_workers(why);
        self.workers.clear();
        self.recorded.end_workers();
        for core in self.cores.take().iter().filter_map(Weak::upgrade) {
            core.retire(why);
        }
        self.queues.clear_live();
        self.parked.take();
        self.claims.end();
        self.leases.end();
        self.requests_left.set(0);
        self.changes.set(0);
    }

    /// Whether it is time to look at clocks and at the device's health again.
    pub(super) fn is_time_to_look(&self) -> bool {
        let now = now_ns();
        let is_time = self.last_look_ns.get() + LOOK_EVERY_NS < now;
        if is_time {
            self.last_look_ns.set(now);
        }
        is_time
    }

    /// Whether there is a submission queue that is none of the driver's, or that the driver could not delete.
    pub(crate) fn has_queues_by_hand(&self) -> bool {
        let (submission, _) = self.queues.live();
        let cores = self.cores.borrow();
        let ours: Vec<u16> =
            cores.iter().filter_map(Weak::upgrade).map(|core| core.sqid()).collect();
        submission.iter().any(|id| !ours.contains(id))
    }

    /// Starts a part of the command log that is about one test.
    pub(super) fn begin(&self, name: &str) {
        self.verified.begin_test();
        self.look_closely();
        self.log.mark(name);
        self.began_ns.set(now_ns());
        self.blamed.set(None);
    }

    pub(super) fn began_ns(&self) -> u64 {
        self.began_ns.get()
    }

    /// Notes that a command did not end as it should; the first one counts.
    pub(crate) fn blame(&self, command: Token) {
        self.blamed.set(self.blamed.get().or(Some(command)));
    }

    pub(super) fn blamed(&self) -> Option<Token> {
        self.blamed.get()
    }

    pub(super) fn leave_requests(&self, requests: usize) {
        self.requests_left.set(self.requests_left.get() + requests);
    }

    pub(super) fn has_requests_left(&self) -> bool {
        self.requests_left.get() != 0
    }

    /// Keeps memory that the device may use until the controller is disabled.
    pub(crate) fn park(&self, block: Arc<Block>) {
        self.parked.borrow_mut().push(block);
    }

    /// Lets go of what [`park`](Self::park) kept: the queue is gone that it was lent to.
    pub(crate) fn unpark(&self, block: &Arc<Block>) {
        self.parked.borrow_mut().retain(|parked| !Arc::ptr_eq(parked, block));
    }

    pub(crate) fn workers(&self) -> &LiveWorkers {
        &self.workers
    }

    /// Ends all workers: what they have mapped is about to become somebody else's.
    pub(crate) fn end_workers(&self, why: &str) {
        self.complaints.borrow_mut().extend(self.workers.end_all(why));
    }

    /// The namespaces whose data is verified.
    #[inline]
    pub(crate) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The namespaces that have a durability record.
    #[inline]
    pub(crate) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// Whether it is to be noted what commands do to blocks.
    #[inline]
    pub(crate) fn notes_commands(&self) -> bool {
        self.verified.is_on() || self.recorded.is_on()
    }

    /// Has all queues look at each command, or no more.
    pub(crate) fn look_closely(&self) {
        for core in self.cores.borrow().iter().filter_map(Weak::upgrade) {
            core.look_closely();
        }
    }

    pub(super) fn leases(&self) -> &Leases {
        &self.leases
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.complaints.borrow_mut().push(complaint);
    }

    pub(super) fn take_complaints(&self) -> Vec<String> {
        self.complaints.take()
    }

    pub(super) fn faults(&self) -> RefMut<'_, Vec<Fault>> {
        self.faults.borrow_mut()
    }

    /// Starts to climb the ladder, if that is not going on.
    pub(crate) fn start_climbing(&self) -> Option<Climbing<'_>> {
        (!self.climbing.replace(true)).then_some(Climbing(self))
    }

    pub(super) fn is_climbing(&self) -> bool {
        self.climbing.get()
    }

    /// A number that changes when a namespace may have another format: what was learned before is not to be used.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Notes that a command was submitted that may give a namespace another format: what was learned of namespaces
    /// is void, and nothing can be learned until it completes.
    pub(crate) fn begin_change(&self) {
        self.changes.set(self.changes.get() + 1);
        self.epoch.set(fresh_epoch());
        self.recorded.end("a command was sent that formats namespaces, attaches them, or the like");
        if self.verified.is_on() {
            self.verified.end();
            self.look_closely();
        }
    }

    /// Whether a command that may give a namespace another format has not completed. One that was given up still
    /// may, until the controller is reset.
    pub(crate) fn is_changing(&self) -> bool {
        self.changes.get() != 0
    }

    /// Whether a command is in flight on an I/O queue.
    pub(crate) fn has_io_in_flight(&self) -> bool {
        let cores = self.cores.borrow();
        let mut io = cores.iter().filter_map(Weak::upgrade).filter(|core| core.sqid() != 0);
        io.any(|core| core.busy() != 0)
    }

    pub(super) fn take_touched(&self) -> Touched {
        self.touched.take()
    }

    /// Accounts for what an admin command changed.
    pub(crate) fn note(&self, opcode: AdminOpcode, cdw10: u32, is_success: bool) {
        let formats = command::formats(opcode);
        if formats {
            self.changes.set(self.changes.get().saturating_sub(1));
        }
        let qid = cdw10 as u16;
        self.claims.note(opcode, qid, is_success);
        if !is_success {
            return;
        }
        if opcode == AdminOpcode::SANITIZE
            && let Some(error) = self.verified.forget(None)
        {
            self.complain(error.to_string());
        }
        let touched = self.touched.get();
        match opcode {
            AdminOpcode::CREATE_IO_SQ => self.queues.add_sq(qid),
            AdminOpcode::CREATE_IO_CQ => self.queues.add_cq(qid),
            AdminOpcode::DELETE_IO_SQ => {
                let complaints = self.workers.end_with_sq(qid);
                self.complaints.borrow_mut().extend(complaints);
                self.queues.remove_sq(qid);
            }
            AdminOpcode::DELETE_IO_CQ => self.queues.remove_cq(qid),
            AdminOpcode::SET_FEATURES => self.touched.set(Touched { features: true, ..touched }),
            _ if formats => {
                self.touched.set(Touched { namespaces: true, ..touched });
            }
            _ => {}
        }
    }
}

fn fresh_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// As the command log counts time; more than it can count is for ever.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What is parked to the last belongs to a controller that could not be disabled: it is never used again.
        self.parked.take().into_iter().for_each(std::mem::forget);
        self.claims.forget();
    }
}

/// The ladder is being climbed as long as this lives.
pub(crate) struct Climbing<'s>(&'s Shared);

impl Drop for Climbing<'_> {
    fn drop(&mut self) {
        self.0.climbing.set(false);
    }
}

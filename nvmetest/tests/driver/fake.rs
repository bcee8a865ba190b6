//! A controller that does what a test says, right or wrong, in the thread that rings the doorbell.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use nvmetest::Controller;
use nvmetest::Result;
use nvmetest::memory::Arena;
use nvmetest::memory::Iova;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Aqa;
use nvmetest::spec::Cap;
use nvmetest::spec::Cc;
use nvmetest::spec::Cqe;
use nvmetest::spec::Csts;
use nvmetest::spec::Property;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::spec::StatusField;
use nvmetest::transport::Abilities;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::DmaAccess;
use nvmetest::transport::DmaFault;
use nvmetest::transport::DmaModel;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;
use nvmetest::transport::Mmio;
use nvmetest::transport::TransportError;
use nvmetest::transport::TransportResult;
use zerocopy::FromBytes;
use zerocopy::FromZeros;
use zerocopy::IntoBytes;

/// What the controller does with a command.
pub enum Reply {
    /// Completes it with success, after the admin command did what it does.
    Normal,
    /// Completes it with this status.
    Status(Status),
    /// Completes it with an entry that was changed.
    Entry(fn(&mut Cqe)),
    /// Completes it with success, after this page was written to its data.
    Page(fn(&Sqe) -> [u8; 4096]),
    /// Writes these bytes so far from the start of its data, and completes it with success.
    Stray(i64, &'static [u8]),
    /// Writes a byte so far from the start of its data, where nothing is mapped, and completes it with this status.
    Fault(i64, Status),
    /// Ends the command that this Abort names, and says whether there was one.
    Abort,
    /// Completes it twice.
    Twice,
    /// Fills the completion queue with entries of no command, again and again, and does not complete it.
    Flood,
    /// Does nothing.
    Silence,
}

type Behaviour = Box<dyn FnMut(u16, &Sqe) -> Reply + Send>;

/// A controller in this process.
pub struct Fake {
    uri: DeviceUri,
    abilities: Abilities,
    arena: Arc<Arena>,
    state: Mutex<State>,
    /// Accesses that no mapping covered.
    faults: Mutex<Vec<DmaFault>>,
}

struct State {
    registers: HashMap<u64, u64>,
    behaviour: Behaviour,
    mapped: BTreeMap<u64, (u64, u64)>,
    submission: BTreeMap<u16, Ring>,
    completion: BTreeMap<u16, Ring>,
    /// Commands that were not completed.
    pending: Vec<(u16, Sqe)>,
    /// The completion queue that is flooded.
    flooded: Option<u16>,
    dead: bool,
    /// It is pulled as soon as it is enabled.
    dies_enabled: bool,
    /// CC.EN became 0 before CSTS.RDY had become 1.
    hurried: bool,
    /// CC.EN = 0 is not followed.
    stuck: bool,
    /// DMA mappings are kept, whatever the host asks for.
    keeps_mappings: bool,
    /// How often CSTS is read until it follows CC.
    lag: u32,
    /// What CSTS will be, and how often it is read before.
    next_csts: Option<(u32, Csts)>,
}

#[derive(Clone, Copy)]
struct Ring {
    base: u64,
    entries: u32,
    index: u32,
    phase: bool,
    /// The completion queue of a submission queue.
    cqid: u16,
}

impl Fake {
    /// A controller with 4 KiB pages and queues of up to 64 entries, whose memory can be revoked.
    pub fn new(behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static) -> Arc<Self> {
        Self::with_model(DmaModel::PerBuffer, behaviour)
    }

    pub fn with_model(
        dma: DmaModel,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        Self::make(dma, 0..1 << 48, arena(), behaviour)
    }

    /// A controller that can be told no addresses but these.
    pub fn with_addresses(
        iova: Range<u64>,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        Self::make(DmaModel::PerBuffer, iova, arena(), behaviour)
    }

    /// Another controller, in the same arena, that does all as it should.
    pub fn neighbour(&self) -> Arc<Self> {
        Self::make(DmaModel::PerBuffer, 0..1 << 48, self.arena.clone(), |_, _| Reply::Normal)
    }

    fn make(
        dma: DmaModel,
        iova: Range<u64>,
        arena: Arc<Arena>,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        let cap = Cap::new().with_mqes_z(63).with_cqr(true).with_to(1);
        let registers = HashMap::from([
            (u64::from(Property::CAP.0), u64::from(cap)),
            (u64::from(Property::VS.0), 0x0002_0000),
        ]);
        let abilities = Abilities {
            dma,
            iova,
            revokes: dma == DmaModel::PerBuffer,
            dma_faults: true,
            function_reset: true,
            terminates: false,
            msix_vectors: 0,
        };
        let state = State {
            registers,
            behaviour: Box::new(behaviour),
            mapped: BTreeMap::new(),
            submission: BTreeMap::new(),
            completion: BTreeMap::new(),
            pending: Vec::new(),
            flooded: None,
            dead: false,
            dies_enabled: false,
            hurried: false,
            stuck: false,
            keeps_mappings: false,
            lag: 0,
            next_csts: None,
        };
        let uri = "fake:".parse().expect("a URI");
        let (state, faults) = (Mutex::new(state), Mutex::default());
        Arc::new(Self { uri, abilities, arena, state, faults })
    }

    pub fn open(self: &Arc<Self>) -> Result<Controller> {
        Controller::open(self.clone(), self.arena.clone())
    }

    pub fn set_register(&self, property: Property, value: u64) {
        self.state().registers.insert(property.0.into(), value);
    }

    /// Writes to the first page of the data of a command that was not completed, as a device that is late.
    ///
    /// Returns whether the memory could be reached.
    pub fn late_write(&self, index: usize, byte: u8) -> bool {
        let state = self.state();
        let (_, sqe) = state.pending[index];
        self.dma_write(&state, sqe.dptr[0].get(), &[byte; 512])
    }

    /// The address of the data of a command that was not completed.
    pub fn data(&self, index: usize) -> u64 {
        self.state().pending[index].1.dptr[0].get()
    }

    /// Completes a command that was not completed.
    pub fn late_completion(&self, index: usize) {
        let mut state = self.state();
        let (sqid, sqe) = state.pending.remove(index);
        self.complete(&mut state, sqid, entry(sqid, &sqe, Status::SUCCESS));
    }

    /// Writes to memory, as a device does that holds to nothing. Returns whether it could be reached.
    pub fn write(&self, iova: u64, bytes: &[u8]) -> bool {
        self.dma_write(&self.state(), iova, bytes)
    }

    /// Reads memory that the device can reach.
    pub fn read(&self, iova: u64, bytes: &mut [u8]) {
        let state = self.state();
        let offset = self.translate(&state, iova, bytes.len()).expect("it is mapped");
        self.arena.mapping().read(offset, bytes);
    }

    /// Whether the device can reach memory.
    pub fn reaches(&self, iova: u64, len: usize) -> bool {
        self.translate(&self.state(), iova, len).is_some()
    }

    /// How many commands were not completed.
    pub fn outstanding(&self) -> usize {
        self.state().pending.len()
    }

    /// From now on CSTS.RDY does not follow when CC.EN becomes 0; a reset of the function helps.
    pub fn stay_enabled(&self) {
        self.state().stuck = true;
    }

    /// From now on the host cannot take memory away.
    pub fn keep_mappings(&self) {
        self.state().keeps_mappings = true;
    }

    /// From now on CSTS.RDY follows CC.EN when CSTS was read so many times.
    pub fn take_time(&self, reads: u32) {
        self.state().lag = reads;
    }

    /// Enables it, as somebody did who had it before.
    pub fn enable_by_hand(&self) {
        self.write_register(Property::CC.0.into(), u32::from(Cc::new().with_en(true)).into());
    }

    /// Whether it was disabled before it had become ready.
    pub fn was_hurried(&self) -> bool {
        self.state().hurried
    }

    /// The device is pulled when it is enabled the next time.
    pub fn die_when_enabled(&self) {
        self.state().dies_enabled = true;
    }

    pub fn register(&self, property: Property) -> u64 {
        self.state().registers[&property.0.into()]
    }

    /// The device is pulled.
    pub fn die(&self) {
        self.state().dead = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the device")
    }

    fn dma_write(&self, state: &State, iova: u64, bytes: &[u8]) -> bool {
        let Some(offset) = self.translate(state, iova, bytes.len()) else {
            self.fault(iova, bytes.len(), DmaAccess::Write);
            return false;
        };
        self.arena.mapping().write(offset, bytes);
        true
    }

    /// What the platform's IOMMU notes.
    fn fault(&self, iova: u64, len: usize, access: DmaAccess) {
        self.faults.lock().expect("nobody panics with it").push(DmaFault {
            iova: Iova(iova),
            len: Some(len as u64),
            access: Some(access),
            unrecorded: 0,
        });
    }

    fn translate(&self, state: &State, iova: u64, len: usize) -> Option<usize> {
        if self.abilities.dma == DmaModel::Fixed {
            return Some(iova as usize);
        }
        let (&start, &(size, offset)) = state.mapped.range(..=iova).next_back()?;
        let at = iova - start;
        (at + len as u64 <= size).then_some((offset + at) as usize)
    }

    fn write_register(&self, offset: u64, value: u64) {
        let mut state = self.state();
        if offset == u64::from(Property::CC.0) {
            let cc = Cc::from(value as u32);
            if state.stuck && !cc.en() {
                return;
            }
            state.dead |= state.dies_enabled && cc.en();
            let rises = state.next_csts.is_some_and(|(_, csts)| csts.rdy());
            state.hurried |= rises && !cc.en();
            let lag = state.lag;
            state.next_csts = Some((lag, Csts::new().with_rdy(cc.en())));
            state.submission.clear();
            state.completion.clear();
            if cc.en() {
                let read = |property: Property| state.registers[&u64::from(property.0)];
                let aqa = Aqa::from(read(Property::AQA) as u32);
                let ring = |base, entries_z: u16| Ring {
                    base,
                    entries: u32::from(entries_z) + 1,
                    index: 0,
                    phase: true,
                    cqid: 0,
                };
                let (sq, cq) = (
                    ring(read(Property::ASQ), aqa.asqs_z()),
                    ring(read(Property::ACQ), aqa.acqs_z()),
                );
                state.submission.insert(0, sq);
                state.completion.insert(0, cq);
            } else {
                state.pending.clear();
            }
        }
        state.registers.insert(offset, value);
    }

    fn doorbell(&self, number: u16, value: u32) {
        let mut state = self.state();
        let qid = number / 2;
        if !number.is_multiple_of(2) {
            if state.flooded == Some(qid) {
                self.flood(&mut state, qid);
            }
            return;
        }
        while let Some(ring) = state.submission.get(&qid).copied()
            && ring.index != value
            && value < ring.entries
        {
            let at = ring.base + u64::from(ring.index) * 64;
            let offset = self.translate(&state, at, 64).expect("the queue is mapped");
            let mut bytes = [0; 64];
            self.arena.mapping().read(offset, &mut bytes);
            let sqe = Sqe::read_from_bytes(&bytes).expect("64 bytes");
            state.submission.insert(qid, Ring { index: (ring.index + 1) % ring.entries, ..ring });
            let reply = (state.behaviour)(qid, &sqe);
            self.reply(&mut state, qid, &sqe, reply);
        }
    }

    fn reply(&self, state: &mut State, qid: u16, sqe: &Sqe, reply: Reply) {
        let mut cqe = entry(qid, sqe, Status::SUCCESS);
        match reply {
            Reply::Normal => {
                if qid == 0 {
                    let (dw0, status) = self.admin(state, sqe);
                    cqe = entry(qid, sqe, status);
                    cqe.dw0 = dw0.into();
                }
                self.complete(state, qid, cqe);
            }
            Reply::Status(status) => self.complete(state, qid, entry(qid, sqe, status)),
            Reply::Entry(change) => {
                cqe.sqhd = (state.submission[&qid].index as u16).into();
                change(&mut cqe);
                self.post(state, qid, cqe);
            }
            Reply::Page(page) => {
                assert!(self.dma_write(state, sqe.dptr[0].get(), &page(sqe)));
                self.complete(state, qid, cqe);
            }
            Reply::Stray(distance, bytes) => {
                let at = sqe.dptr[0].get().wrapping_add_signed(distance);
                assert!(self.dma_write(state, at, bytes));
                self.complete(state, qid, cqe);
            }
            Reply::Fault(distance, status) => {
                let at = sqe.dptr[0].get().wrapping_add_signed(distance);
                assert!(!self.dma_write(state, at, &[0xee]));
                self.complete(state, qid, entry(qid, sqe, status));
            }
            Reply::Abort => {
                let cdw10 = sqe.cdw10.get();
                let named = (cdw10 as u16, (cdw10 >> 16) as u16);
                let index = state.pending.iter().position(|(sqid, it)| (*sqid, it.cid()) == named);
                if let Some(index) = index {
                    let (sqid, aborted) = state.pending.remove(index);
                    let status = Status::COMMAND_ABORT_REQUESTED;
                    self.complete(state, sqid, entry(sqid, &aborted, status));
                }
                cqe.dw0 = u32::from(index.is_none()).into();
                self.complete(state, qid, cqe);
            }
            Reply::Twice => {
                self.complete(state, qid, cqe);
                self.complete(state, qid, cqe);
            }
            Reply::Flood => {
                let cqid = state.submission[&qid].cqid;
                state.flooded = Some(cqid);
                self.flood(state, cqid);
            }
            Reply::Silence => state.pending.push((qid, *sqe)),
        }
    }

    fn complete(&self, state: &mut State, sqid: u16, mut cqe: Cqe) {
        let Some(ring) = state.submission.get(&sqid) else { return };
        cqe.sqhd = (ring.index as u16).into();
        self.post(state, sqid, cqe);
    }

    /// Half a queue of entries, which is what the driver gives back at a time.
    fn flood(&self, state: &mut State, cqid: u16) {
        let Some(ring) = state.completion.get(&cqid) else { return };
        for _ in 0..ring.entries / 2 {
            let mut cqe = Cqe::new_zeroed();
            cqe.sqid = 77.into();
            self.post_to(state, cqid, cqe);
        }
    }

    fn post(&self, state: &mut State, sqid: u16, cqe: Cqe) {
        self.post_to(state, state.submission[&sqid].cqid, cqe);
    }

    fn post_to(&self, state: &mut State, cqid: u16, mut cqe: Cqe) {
        let ring = state.completion[&cqid];
        cqe.set_status_field(cqe.status_field().with_p(ring.phase));
        self.dma_write(state, ring.base + u64::from(ring.index) * 16, cqe.as_bytes());
        let wraps = ring.index + 1 == ring.entries;
        let index = if wraps { 0 } else { ring.index + 1 };
        let phase = ring.phase != wraps;
        state.completion.insert(cqid, Ring { index, phase, ..ring });
    }

    fn admin(&self, state: &mut State, sqe: &Sqe) -> (u32, Status) {
        let (cdw10, cdw11) = (sqe.cdw10.get(), sqe.cdw11.get());
        let (qid, entries) = (cdw10 as u16, (cdw10 >> 16) + 1);
        let ring = |cqid| Ring { base: sqe.dptr[0].get(), entries, index: 0, phase: true, cqid };
        match sqe.admin_opcode() {
            AdminOpcode::CREATE_IO_CQ => {
                state.completion.insert(qid, ring(0));
            }
            AdminOpcode::CREATE_IO_SQ => {
                state.submission.insert(qid, ring((cdw11 >> 16) as u16));
            }
            AdminOpcode::DELETE_IO_SQ => {
                state.submission.remove(&qid);
                state.pending.retain(|(sqid, _)| *sqid != qid);
            }
            AdminOpcode::DELETE_IO_CQ => {
                state.completion.remove(&qid);
            }
            AdminOpcode::SET_FEATURES => return (cdw11, Status::SUCCESS),
            AdminOpcode::IDENTIFY => self.identify(state, sqe),
            // It finds nothing to abort.
            AdminOpcode::ABORT => return (1, Status::SUCCESS),
            _ => {}
        }
        (0, Status::SUCCESS)
    }

    fn identify(&self, state: &State, sqe: &Sqe) {
        let mut page = [0; 4096];
        match sqe.cdw10.get() as u8 {
            // NSZE and NCAP of 1024 blocks, and one format of 512 bytes.
            0x00 => {
                page[0..8].copy_from_slice(&1024_u64.to_le_bytes());
                page[8..16].copy_from_slice(&1024_u64.to_le_bytes());
                page[130] = 9;
            }
            0x02 => page[0] = 1,
            _ => {}
        }
        assert!(self.dma_write(state, sqe.dptr[0].get(), &page));
    }
}

fn arena() -> Arc<Arena> {
    Arc::new(Arena::new(64 << 20).expect("memory"))
}

fn entry(sqid: u16, sqe: &Sqe, status: Status) -> Cqe {
    let mut cqe = Cqe::new_zeroed();
    cqe.sqid = sqid.into();
    cqe.cid = sqe.cid().into();
    cqe.set_status_field(StatusField::from_status(status));
    cqe
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

#[expect(
    unsafe_code,
    reason = "a device's methods are unsafe to call, and these are implementations"
)]
impl Function for Fake {
    fn uri(&self) -> &DeviceUri {
        &self.uri
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn config_read(&self, _offset: u16, data: &mut [u8]) -> TransportResult {
        data.fill(0);
        Ok(())
    }

    unsafe fn config_write(&self, _offset: u16, _data: &[u8]) -> TransportResult {
        Ok(())
    }

    fn bar_read(&self, offset: u64, data: &mut [u8]) -> TransportResult {
        self.check_alive()?;
        let mut state = self.state();
        if offset == u64::from(Property::CSTS.0)
            && let Some((reads, csts)) = state.next_csts
        {
            if reads == 0 {
                state.registers.insert(offset, u32::from(csts).into());
            }
            state.next_csts = reads.checked_sub(1).map(|reads| (reads, csts));
        }
        let value = state.registers.get(&offset).copied().unwrap_or(0);
        data.copy_from_slice(&value.to_le_bytes()[..data.len()]);
        Ok(())
    }

    unsafe fn bar_write(&self, offset: u64, data: &[u8]) -> TransportResult {
        self.check_alive()?;
        let mut value = [0; 8];
        value[..data.len()].copy_from_slice(data);
        let value = u64::from_le_bytes(value);
        if 0x1000 <= offset {
            self.doorbell(((offset - 0x1000) / 4) as u16, value as u32);
        } else {
            self.write_register(offset, value);
        }
        Ok(())
    }

    fn doorbells(&self) -> Option<&Mmio> {
        None
    }

    unsafe fn dma_map(&self, memory: &DmaRange<'_>) -> TransportResult {
        self.state().mapped.insert(memory.iova, (memory.len, memory.offset));
        Ok(())
    }

    fn dma_unmap(&self, iova: u64, len: u64) -> TransportResult {
        let mut state = self.state();
        if state.keeps_mappings {
            let (device, how) = (self.uri.to_string(), "it keeps the memory".to_owned());
            return Err(TransportError::Lost { device, how });
        }
        let removed = state.mapped.remove(&iova);
        assert_eq!(removed.map(|(size, _)| size), Some(len), "exactly what was mapped is unmapped");
        Ok(())
    }

    fn take_dma_faults(&self) -> Vec<DmaFault> {
        std::mem::take(&mut *self.faults.lock().expect("nobody panics with it"))
    }

    fn set_msix(&self, _first: u16, _eventfds: &[std::os::fd::BorrowedFd<'_>]) -> TransportResult {
        Ok(())
    }

    fn reset(&self) -> TransportResult {
        self.state().stuck = false;
        self.write_register(Property::CC.0.into(), 0);
        Ok(())
    }

    fn check_alive(&self) -> TransportResult {
        if self.state().dead {
            let (device, how) = (self.uri.to_string(), "it was pulled".to_owned());
            return Err(TransportError::Lost { device, how });
        }
        Ok(())
    }

    fn terminate(&self) -> TransportResult {
        unreachable!("the fake device has no process")
    }
}

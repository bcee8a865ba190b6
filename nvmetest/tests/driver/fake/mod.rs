//! A controller that does what a test says, right or wrong, in the thread that rings the doorbell or in one of its
//! own.

mod admin;
mod device;
mod function;
mod memory;
mod pci;
mod queue;
mod registers;
mod reply;
mod thread;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::MutexGuard;

use nvmetest::Controller;
use nvmetest::Result;
use nvmetest::cmdlog::CmdLog;
use nvmetest::cmdlog::Geometry;
use nvmetest::memory::Arena;
use nvmetest::spec::Cc;
use nvmetest::spec::Property;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::transport::Abilities;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::DmaModel;
use nvmetest::transport::PortAbove;

use self::device::Device;
use self::queue::entry;
use self::thread::DeviceThread;

pub use self::pci::End;
pub use self::pci::Pci;
pub use self::reply::Reply;

/// A controller in this process.
pub struct Fake {
    uri: DeviceUri,
    arena: Arc<Arena>,
    device: Arc<Device>,
    thread: Option<DeviceThread>,
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
        Arc::new(Self::make(dma, 0..1 << 48, arena(64 << 20), behaviour))
    }

    /// A controller that can be told no addresses but these.
    pub fn with_addresses(
        iova: Range<u64>,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self::make(DmaModel::PerBuffer, iova, arena(64 << 20), behaviour))
    }

    /// A controller whose configuration space can be written, and that of the port above.
    pub fn with_pci(
        port: PortAbove,
        pci: Pci,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        let arena = arena(64 << 20);
        let mut fake = Self::make(DmaModel::PerBuffer, 0..1 << 48, arena, behaviour);
        let device = Arc::get_mut(&mut fake.device).expect("nobody else has it yet");
        device.abilities.port = port;
        *device.pci.get_mut().expect("nobody panics with it") = pci;
        Arc::new(fake)
    }

    /// A controller with a thread of its own. Its arena is small: Miri keeps books about each byte.
    pub fn threaded(
        dma: DmaModel,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Arc<Self> {
        let fake = Self::make(dma, 0..1 << 48, arena(2 << 20), behaviour);
        let thread = Some(DeviceThread::start(fake.device.clone()));
        Arc::new(Self { thread, ..fake })
    }

    /// Another controller, in the same arena, that does all as it should.
    pub fn neighbour(&self) -> Arc<Self> {
        let arena = self.arena.clone();
        Arc::new(Self::make(DmaModel::PerBuffer, 0..1 << 48, arena, |_, _| Reply::Normal))
    }

    fn make(
        dma: DmaModel,
        iova: Range<u64>,
        arena: Arc<Arena>,
        behaviour: impl FnMut(u16, &Sqe) -> Reply + Send + 'static,
    ) -> Self {
        let abilities = Abilities {
            dma,
            iova,
            revokes: dma == DmaModel::PerBuffer,
            dma_faults: true,
            function_reset: true,
            hot_reset: false,
            power_cycles: false,
            port: PortAbove::Absent,
            owns_bars: true,
            moves_bar0: true,
            removes: false,
            terminates: false,
            msix_vectors: 0,
            msi_vectors: 0,
            intx: false,
        };
        // SAFETY: It touches what commands name until they are completed or their memory is taken away. Where it is to
        // break that contract, the test looks at no buffer that it could reach.
        #[expect(unsafe_code, reason = "a device is trusted with the arena")]
        let memory = unsafe { arena.device_view() };
        let uri = "fake:".parse().expect("a URI");
        let device = Arc::new(Device::new(abilities, memory, Box::new(behaviour)));
        Self { uri, arena, device, thread: None }
    }

    pub fn open(self: &Arc<Self>) -> Result<Controller> {
        let geometry = match self.thread {
            Some(_) => Geometry { rings: 8, entries: 64, sites: 64, marks: 8 },
            None => Geometry::default(),
        };
        let log = CmdLog::new(geometry).expect("memory for the command log");
        Controller::open_with_log(self.clone(), self.arena.clone(), log)
    }

    /// Configuration space.
    pub fn pci(&self) -> MutexGuard<'_, Pci> {
        self.device.pci.lock().expect("nobody panics with it")
    }

    pub fn set_register(&self, property: Property, value: u64) {
        self.device.state().registers.values.insert(property.0.into(), value);
    }

    pub fn register(&self, property: Property) -> u64 {
        self.device.state().registers.values[&property.0.into()]
    }

    /// Writes to the first page of the data of a command that was not completed, as a device that is late.
    ///
    /// Returns whether the memory could be reached.
    pub fn late_write(&self, index: usize, byte: u8) -> bool {
        let state = self.device.state();
        let sqe = &state.pending[index].sqe;
        self.device.dma_write(&state, sqe.dptr[0].get(), &[byte; 512])
    }

    /// The address of the data of a command that was not completed.
    pub fn data(&self, index: usize) -> u64 {
        self.device.state().pending[index].sqe.dptr[0].get()
    }

    /// Completes a command that was not completed.
    pub fn late_completion(&self, index: usize) {
        let mut state = self.device.state();
        let late = state.pending.remove(index);
        let cqe = entry(late.sqid, &late.sqe, Status::SUCCESS);
        self.device.complete(&mut state, late.sqid, cqe);
    }

    /// Writes to memory, as a device does that holds to nothing. Returns whether it could be reached.
    pub fn write(&self, iova: u64, bytes: &[u8]) -> bool {
        self.device.dma_write(&self.device.state(), iova, bytes)
    }

    /// Reads memory that the device can reach.
    pub fn read(&self, iova: u64, bytes: &mut [u8]) {
        self.device.dma_read(&self.device.state(), iova, bytes);
    }

    /// Whether the device can reach memory.
    pub fn reaches(&self, iova: u64, len: usize) -> bool {
        self.device.translate(&self.device.state(), iova, len).is_some()
    }

    /// How many commands were not completed.
    pub fn outstanding(&self) -> usize {
        self.device.state().pending.len()
    }

    /// Whether BAR0 is at another address.
    pub fn is_elsewhere(&self) -> bool {
        self.device.state().elsewhere
    }

    /// How often the data of a command could not be reached any more.
    pub fn misses(&self) -> u64 {
        self.device.state().misses
    }

    /// From now on CSTS.RDY does not follow when CC.EN becomes 0; a reset of the function helps.
    pub fn stay_enabled(&self) {
        self.device.state().registers.stuck = true;
    }

    /// From now on the host cannot take memory away.
    pub fn keep_mappings(&self) {
        self.device.state().keeps_mappings = true;
    }

    /// From now on CSTS.RDY follows CC.EN when CSTS was read so many times.
    pub fn take_time(&self, reads: u32) {
        self.device.state().registers.lag = reads;
    }

    /// Enables it, as somebody did who had it before.
    pub fn enable_by_hand(&self) {
        let cc = Cc::new().with_en(true);
        self.device.write_register(Property::CC.0.into(), u32::from(cc).into());
    }

    /// Whether it was disabled before it had become ready.
    pub fn was_hurried(&self) -> bool {
        self.device.state().registers.hurried
    }

    /// The device is pulled when it is enabled the next time.
    pub fn die_when_enabled(&self) {
        self.device.state().registers.dies_enabled = true;
    }

    /// The device is pulled.
    pub fn die(&self) {
        self.device.die();
    }
}

fn arena(len: usize) -> Arc<Arena> {
    Arc::new(Arena::new(len).expect("memory"))
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

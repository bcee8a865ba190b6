//! The device itself: what the host's thread and its own share.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use nvmetest::memory::DeviceView;
use nvmetest::transport::Abilities;
use nvmetest::transport::DmaFault;

use super::pci::Pci;
use super::queue::Pending;
use super::queue::Ring;
use super::registers::Registers;
use super::reply::Behaviour;

/// As many doorbells as the device looks at when it has a thread.
const DOORBELLS: usize = 32;

pub struct Device {
    pub abilities: Abilities,
    pub memory: DeviceView,
    /// The host does not take this lock to submit, to poll or to touch its buffers: for a race detector, host and
    /// device are ordered by doorbells and phase tags, and by what takes memory away.
    state: Mutex<State>,
    /// What was rung last, for a device with a thread.
    pub doorbells: [AtomicU32; DOORBELLS],
    dead: AtomicBool,
    pub pci: Mutex<Pci>,
    /// Accesses that no mapping covered.
    pub faults: Mutex<Vec<DmaFault>>,
}

pub struct State {
    pub registers: Registers,
    pub behaviour: Behaviour,
    /// Address to length and offset in the arena.
    pub mapped: BTreeMap<u64, (u64, u64)>,
    pub submission: BTreeMap<u16, Ring>,
    pub completion: BTreeMap<u16, Ring>,
    pub pending: Vec<Pending>,
    /// The completion queue that is flooded.
    pub flooded: Option<u16>,
    /// DMA mappings are kept, whatever the host asks for.
    pub keeps_mappings: bool,
    /// How often data could not be reached.
    pub misses: u64,
    /// BAR0 is at another address.
    pub elsewhere: bool,
}

impl Device {
    pub fn new(abilities: Abilities, memory: DeviceView, behaviour: Behaviour) -> Self {
        let state = State {
            registers: Registers::new(),
            behaviour,
            mapped: BTreeMap::new(),
            submission: BTreeMap::new(),
            completion: BTreeMap::new(),
            pending: Vec::new(),
            flooded: None,
            keeps_mappings: false,
            misses: 0,
            elsewhere: false,
        };
        Self {
            abilities,
            memory,
            state: Mutex::new(state),
            doorbells: [const { AtomicU32::new(0) }; DOORBELLS],
            dead: AtomicBool::new(false),
            pci: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the device")
    }

    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub fn is_alive(&self) -> bool {
        !self.dead.load(Ordering::Relaxed)
    }
}

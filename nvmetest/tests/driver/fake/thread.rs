//! A device with a thread of its own, as hardware has: the host rings a doorbell and knows no more.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;

use super::device::Device;

/// The thread; it ends when this is dropped.
pub struct DeviceThread {
    handle: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl DeviceThread {
    pub fn start(device: Arc<Device>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                if device.round() { thread::yield_now() } else { thread::park() }
            }
        };
        Self { handle: Some(thread::spawn(run)), stop }
    }

    /// Stores to a doorbell, and wakes the thread: what the device does with it, and when, the host does not see.
    pub fn ring(&self, device: &Device, number: u16, value: u32) {
        if let Some(doorbell) = device.doorbells.get(usize::from(number)) {
            doorbell.store(value, Ordering::Release);
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(handle) = &self.handle {
            handle.thread().unpark();
        }
    }
}

impl Drop for DeviceThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(handle) = self.handle.take() {
            handle.join().expect("the device does not panic");
        }
    }
}

impl Device {
    /// Looks at all doorbells, and goes on with what was not completed. Returns whether there was something to do.
    fn round(&self) -> bool {
        if !self.is_alive() {
            return false;
        }
        let mut state = self.state();
        let queues: Vec<u16> = state.submission.keys().copied().collect();
        let mut busy = false;
        for qid in queues {
            let tail = self.doorbells[2 * usize::from(qid)].load(Ordering::Acquire);
            busy |= self.fetch(&mut state, qid, tail);
        }
        self.go_on(&mut state) || busy
    }
}

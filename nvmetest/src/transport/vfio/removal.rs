//! Removal of the function by the kernel, and a rescan of its bus.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::Opened;
use super::Vfio;
use super::device::Device;
use super::function::RESET_LIMIT;
use super::host::Host;
use super::notice::Notices;
use crate::transport::TransportResult;

/// How long it may take until the function is there again, and opened.
const LIMIT: Duration = Duration::from_secs(20);

impl Vfio {
    /// Closes the function, has the kernel forget it and find it again, and opens it.
    ///
    /// The kernel waits for all who have the function open, and a mapping has: so the registers are withdrawn first, and who
    /// writes to them meanwhile reaches nobody. What was mapped for the function stays in the arena, and is out of its reach
    /// until it is mapped again at the same addresses.
    ///
    /// As long as a mapping may have the function open, the kernel has what was mapped for it: so whatever fails while the
    /// registers are mapped is a loss like any other, with the function open, and memory is taken from it.
    pub(super) fn remove_and_find(&self) -> TransportResult {
        const WHAT: &str = "removal and rescan";
        self.check_not_lost()?;
        self.put_back()?;
        let mut beside = self.beside();
        if !beside.can_remove() {
            let why = "this user may not write to `remove` and `rescan` in sysfs, and to `drivers_autoprobe`: run as root";
            return Err(self.unsupported(WHAT.to_owned(), why.to_owned()));
        }
        self.answers.store(false, Ordering::Relaxed);
        if let Err(error) = self.bar.withdraw(self.doorbells.as_ref()) {
            return self.lose(&format!("its registers could not be withdrawn: {error}"));
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + LIMIT;
        self.vectors.forget();
        // Its addresses are gone with it.
        close(opened.take());
        let found = beside.remove_and_rescan(deadline).and_then(|()| self.open_again(deadline));
        let again = match found {
            Ok(again) => &*opened.insert(Arc::new(again)),
            Err(why) => {
                self.mappings.forget();
                let _ = self.lost.set(format!("it was removed, and did not come back: {why}"));
                return self.check_not_lost();
            }
        };
        let given_back = self.give_back(&again.device);
        drop((opened, beside));
        if let Err(why) = given_back {
            return self.lose(&format!("it was removed, and cannot be used again: {why}"));
        }
        let deadline = Instant::now() + RESET_LIMIT;
        self.wait_until(deadline, WHAT, || self.is_present())?;
        self.arm()?;
        self.wait_until_disabled(deadline, WHAT)
    }

    /// Opens the function as it was opened before; nothing is mapped yet.
    fn open_again(&self, deadline: Instant) -> Result<Opened, String> {
        let device = loop {
            let place = Host::this().find(self.address, self.options.way);
            let opened = place
                .map_err(|(what, _)| what)
                .and_then(|place| Device::open(&place).map_err(|error| error.to_string()));
            match opened {
                Ok(device) => break device,
                // The nodes of a group appear some time after the function.
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Err(why) => return Err(why),
            }
        };
        let notices = Notices::ask_for(&device).map_err(|error| {
            format!("the kernel does not take eventfds for its notices: {error}")
        })?;
        Ok(Opened { notices, device })
    }

    /// Maps for the function, which was opened again, all that was mapped for it, and its registers.
    fn give_back(&self, device: &Device) -> Result<(), String> {
        self.mappings.map_again(device.memory())?;
        self.bar
            .put_back(device, self.doorbells.as_ref())
            .map_err(|error| format!("its registers cannot be mapped again: {error}"))
    }
}

/// Closes a device when the last who works with it has done so.
fn close(opened: Option<Arc<Opened>>) {
    let Some(mut opened) = opened else { return };
    loop {
        match Arc::try_unwrap(opened) {
            Ok(last) => return drop(last),
            // An access of another thread's, which is short.
            Err(shared) => opened = shared,
        }
        thread::sleep(Duration::from_millis(1));
    }
}

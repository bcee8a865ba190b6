//! Vectors of MSI-X or MSI, and the eventfds that they signal.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::PoisonError;

use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_NORESIZE;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSI_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;

use super::device::Device;
use super::ioctl;
use super::irq_set::IrqSet;

/// The vectors of a function: those of MSI-X, or those of MSI.
#[derive(Debug)]
pub(super) struct Vectors {
    /// VFIO_PCI_MSIX_IRQ_INDEX or VFIO_PCI_MSI_IRQ_INDEX.
    index: u32,
    /// How many there are.
    pub(super) count: u16,
    /// Whether the kernel adds vectors to those that are enabled, as it does with MSI-X since 6.4. Otherwise all are disabled,
    /// and more are enabled: how many messages of MSI there are is said once, when they are.
    grow: bool,
    /// Which signal whom.
    enabled: Mutex<Enabled>,
}

#[derive(Debug, Default)]
struct Enabled {
    eventfds: BTreeMap<u16, OwnedFd>,
    /// So many the kernel has set up, from vector 0 on.
    len: usize,
}

impl Vectors {
    /// Asks how many vectors of MSI-X there are.
    pub(super) fn of_msix(device: &Device) -> Self {
        Self::of(device, VFIO_PCI_MSIX_IRQ_INDEX)
    }

    /// Asks how many vectors of MSI there are.
    pub(super) fn of_msi(device: &Device) -> Self {
        Self::of(device, VFIO_PCI_MSI_IRQ_INDEX)
    }

    fn of(device: &Device, index: u32) -> Self {
        let info = device.vfio().get_irq_info(index);
        let info = info.filter(|irq| irq.flags & VFIO_IRQ_INFO_EVENTFD != 0);
        Self {
            index,
            count: info.map_or(0, |irq| u16::try_from(irq.count).unwrap_or(u16::MAX)),
            grow: info.is_some_and(|irq| irq.flags & VFIO_IRQ_INFO_NORESIZE == 0),
            enabled: Mutex::default(),
        }
    }

    /// Takes notice that the kernel has forgotten all.
    pub(super) fn forget(&self) {
        *self.enabled.lock().unwrap_or_else(PoisonError::into_inner) = Enabled::default();
    }

    /// Has vector `first + n` signal `eventfds[n]`; with none at all, disables all. Returns how many vectors the kernel has set
    /// up, from vector 0 on.
    pub(super) fn set(
        &self,
        device: &Device,
        first: u16,
        eventfds: &[BorrowedFd<'_>],
    ) -> Result<u16, String> {
        let mut enabled = self.enabled.lock().unwrap_or_else(PoisonError::into_inner);
        let send = |set: &IrqSet<'_>| ioctl::set_irqs(device.as_fd(), set);
        let failed = |error: std::io::Error| error.to_string();
        let disable = IrqSet::disable(self.index);
        if eventfds.is_empty() {
            *enabled = Enabled::default();
            return send(&disable).map(|()| 0).map_err(failed);
        }
        let end = usize::from(first) + eventfds.len();
        if usize::from(self.count) < end {
            return Err(format!("the function has {}", self.count));
        }
        for (vector, eventfd) in (first..).zip(eventfds) {
            let eventfd = eventfd.try_clone_to_owned().map_err(failed)?;
            enabled.eventfds.insert(vector, eventfd);
        }
        let must_begin_anew = 0 < enabled.len && enabled.len < end && !self.grow;
        let result = if must_begin_anew {
            send(&disable).and_then(|()| send(&all(self.index, &enabled.eventfds)))
        } else {
            let eventfds = eventfds.iter().map(|eventfd| Some(*eventfd));
            send(&IrqSet::signal(self.index, first, eventfds))
        };
        if let Err(error) = result {
            *enabled = Enabled::default();
            // Nothing is enabled then, whatever was before.
            let _ = send(&disable);
            return Err(failed(error));
        }
        enabled.len = enabled.len.max(end);
        Ok(enabled.len as u16)
    }
}

/// All vectors up to the last that signals somebody.
fn all(index: u32, eventfds: &BTreeMap<u16, OwnedFd>) -> IrqSet<'_> {
    let last = eventfds.keys().next_back().copied().unwrap_or(0);
    let eventfds = (0..=last).map(|vector| eventfds.get(&vector).map(AsFd::as_fd));
    IrqSet::signal(index, 0, eventfds)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn vectors_that_are_enabled_anew_keep_their_eventfds() {
        let eventfd = || OwnedFd::from(tempfile::tempfile().unwrap());
        let (one, three) = (eventfd(), eventfd());
        let fds = [one.as_raw_fd(), three.as_raw_fd()];
        let bytes = all(2, &BTreeMap::from([(1, one), (3, three)])).bytes();
        let words = bytes.chunks(4).map(|word| i32::from_ne_bytes(word.try_into().unwrap()));
        assert_eq!(words.collect::<Vec<_>>(), [36, 0x24, 2, 0, 4, -1, fds[0], -1, fds[1]]);
    }
}

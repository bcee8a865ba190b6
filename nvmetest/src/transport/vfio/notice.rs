//! What the kernel says of its own accord: that the device failed, and that it wants it back.

use std::io;
use std::os::fd::AsFd;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use vfio_bindings::bindings::vfio::VFIO_PCI_ERR_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_REQ_IRQ_INDEX;

use super::device::Device;
use super::ioctl;
use super::irq_set::IrqSet;

/// The eventfds that the kernel signals, as far as it has the notice.
#[derive(Debug)]
pub(super) struct Notices(Vec<(EventFd, &'static str)>);

impl Notices {
    /// Has the kernel signal an error and a request.
    pub(super) fn ask_for(device: &Device) -> io::Result<Self> {
        let kinds = [
            (
                VFIO_PCI_ERR_IRQ_INDEX,
                "PCI Express reported an error of it that the kernel does not correct",
            ),
            (VFIO_PCI_REQ_IRQ_INDEX, "it was pulled, or the kernel asks for it back"),
        ];
        let mut notices = Vec::new();
        for (index, how) in kinds {
            if device.vfio().get_irq_info(index).is_none_or(|irq| irq.count == 0) {
                continue;
            }
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let eventfd = EventFd::from_value_and_flags(0, flags)?;
            ioctl::set_irqs(device.as_fd(), &IrqSet::signal(index, 0, [Some(eventfd.as_fd())]))?;
            notices.push((eventfd, how));
        }
        Ok(Self(notices))
    }

    /// Says what the kernel signalled, if it did. A notice stays.
    pub(super) fn look(&self) -> Option<&'static str> {
        let fds = self.0.iter().map(|(eventfd, _)| PollFd::new(eventfd.as_fd(), PollFlags::POLLIN));
        let mut fds: Vec<_> = fds.collect();
        if poll(&mut fds, PollTimeout::ZERO).unwrap_or(0) == 0 {
            return None;
        }
        let signalled = fds.iter().position(|fd| fd.any() == Some(true))?;
        Some(self.0[signalled].1)
    }
}

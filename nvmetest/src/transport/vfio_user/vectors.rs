//! Vectors of MSI-X or MSI, and the eventfds that they signal.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_NONE;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSI_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;
use zerocopy::IntoBytes;

use super::VfioUser;
use super::wire::Command;
use super::wire::IrqSet;
use crate::transport::TransportResult;

/// The most eventfds in one message: what servers are known to take, whatever they announce.
const EVENTFD_BATCH: usize = 8;

/// The eventfds that were given to the server, by vector: a reset may make it forget them.
#[derive(Debug, Default)]
pub(super) struct Vectors(Mutex<BTreeMap<u16, OwnedFd>>);

impl Vectors {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of vectors up to the last that signals somebody.
    fn count(&self) -> u16 {
        self.lock().keys().next_back().map_or(0, |last| last + 1)
    }
}

impl VfioUser {
    /// Has vector `first + n` signal `eventfds[n]`, and enables MSI-X or MSI.
    pub(super) fn set_eventfds(&self, first: u16, eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        let (end, vectors) = (usize::from(first) + eventfds.len(), self.abilities.vectors());
        if end > usize::from(vectors) {
            let what = format!("vectors up to {}", end - 1);
            return Err(self.unsupported(what, format!("it has {vectors} vectors")));
        }
        let own = |eventfd: &BorrowedFd<'_>| eventfd.try_clone_to_owned();
        let owned: Vec<_> =
            eventfds.iter().map(own).collect::<Result<_, _>>().map_err(|error| {
                self.unsupported(format!("{} vectors", eventfds.len()), error.to_string())
            })?;
        if self.uses_msi() {
            // Messages are allocated while none can be sent.
            self.enable_msi(0)?;
        }
        self.signal(first, eventfds)?;
        self.vectors.lock().extend((first..).zip(owned));
        self.enable_vectors()
    }

    /// Disables MSI-X or MSI, and has the server forget the eventfds.
    pub(super) fn clear_vectors(&self) -> TransportResult {
        // In this order: an enabled interrupt without an eventfd is a fatal error to some targets.
        self.enable_msi(0)?;
        self.enable_msix(false)?;
        self.vectors.lock().clear();
        self.set_irqs(VFIO_IRQ_SET_DATA_NONE, 0, &[])
    }

    /// Sets up after a reset what was set up before it.
    pub(super) fn restore_vectors(&self) -> TransportResult {
        {
            let kept = self.vectors.lock();
            let kept: Vec<_> = kept.iter().collect();
            for run in kept.chunk_by(|(one, _), (next, _)| **one + 1 == **next) {
                let eventfds: Vec<_> = run.iter().map(|(_, eventfd)| eventfd.as_fd()).collect();
                self.signal(*run[0].0, &eventfds)?;
            }
        }
        self.enable_vectors()
    }

    /// Whether the device is used with MSI.
    fn uses_msi(&self) -> bool {
        self.abilities.msi_vectors != 0
    }

    /// Enables MSI-X or MSI, if a vector signals somebody.
    fn enable_vectors(&self) -> TransportResult {
        match self.vectors.count() {
            0 => Ok(()),
            count if self.uses_msi() => self.enable_msi(count),
            _ => self.enable_msix(true),
        }
    }

    fn signal(&self, first: u16, eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        let mut start = u32::from(first);
        for batch in eventfds.chunks(self.fds_per_message.min(EVENTFD_BATCH)) {
            self.set_irqs(VFIO_IRQ_SET_DATA_EVENTFD, start, batch)?;
            start += batch.len() as u32;
        }
        Ok(())
    }

    fn set_irqs(&self, data: u32, start: u32, eventfds: &[BorrowedFd<'_>]) -> TransportResult {
        let count = eventfds.len() as u32;
        let index = if self.uses_msi() { VFIO_PCI_MSI_IRQ_INDEX } else { VFIO_PCI_MSIX_IRQ_INDEX };
        let request = IrqSet {
            argsz: (size_of::<IrqSet>() as u32).into(),
            flags: (data | VFIO_IRQ_SET_ACTION_TRIGGER).into(),
            index: index.into(),
            start: start.into(),
            count: count.into(),
        };
        let what = format_args!("DEVICE_SET_IRQS of {count} vectors from {start}");
        self.connection.call(Command::DeviceSetIrqs, request.as_bytes(), eventfds, &what)?;
        Ok(())
    }
}

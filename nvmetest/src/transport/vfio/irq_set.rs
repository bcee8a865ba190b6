//! What the kernel is told about interrupts: VFIO_DEVICE_SET_IRQS.

use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_UNMASK;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_NONE;

/// Which eventfds interrupts signal from now on.
#[derive(Debug, Clone)]
pub(super) struct IrqSet<'f> {
    /// The kind: VFIO_PCI_MSIX_IRQ_INDEX and the like.
    index: u32,
    action: u32,
    start: u32,
    /// From `start` on; where there is none, the vector signals nobody.
    eventfds: Vec<Option<BorrowedFd<'f>>>,
    /// How many are meant, where no eventfds say so.
    count: Option<u32>,
}

impl<'f> IrqSet<'f> {
    /// Has vector `start + n` signal `eventfds[n]`.
    pub(super) fn signal(
        index: u32,
        start: u16,
        eventfds: impl IntoIterator<Item = Option<BorrowedFd<'f>>>,
    ) -> Self {
        let (action, eventfds) = (VFIO_IRQ_SET_ACTION_TRIGGER, eventfds.into_iter().collect());
        Self { index, action, start: start.into(), count: None, eventfds }
    }

    /// Disables all interrupts of a kind.
    pub(super) fn disable(index: u32) -> Self {
        let action = VFIO_IRQ_SET_ACTION_TRIGGER;
        Self { index, action, start: 0, count: None, eventfds: Vec::new() }
    }

    /// Unmasks the first interrupt of a kind.
    pub(super) fn unmask(index: u32) -> Self {
        let action = VFIO_IRQ_SET_ACTION_UNMASK;
        Self { index, action, start: 0, count: Some(1), eventfds: Vec::new() }
    }

    /// How many vectors are named.
    pub(super) fn len(&self) -> usize {
        self.eventfds.len()
    }

    /// The structure, and the descriptors behind it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let data = match self.eventfds[..] {
            [] => VFIO_IRQ_SET_DATA_NONE,
            [..] => VFIO_IRQ_SET_DATA_EVENTFD,
        };
        let eventfds = self.eventfds.len() as u32;
        // vfio_irq_set: argsz, flags, index, start, count.
        let argsz = (5 + eventfds) * size_of::<u32>() as u32;
        let count = self.count.unwrap_or(eventfds);
        let header = [argsz, data | self.action, self.index, self.start, count];
        let fds = self.eventfds.iter().map(|fd| fd.map_or(-1, |fd| fd.as_raw_fd()));
        let header = header.into_iter().flat_map(u32::to_ne_bytes);
        header.chain(fds.flat_map(i32::to_ne_bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn words(set: &IrqSet<'_>) -> Vec<i32> {
        let bytes = set.bytes();
        bytes.chunks(4).map(|word| i32::from_ne_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn vectors_and_their_eventfds_stand_behind_the_header() {
        let file = tempfile::tempfile().unwrap();
        let fd = file.as_raw_fd();
        let set = IrqSet::signal(2, 5, [Some(file.as_fd()), None, Some(file.as_fd())]);
        // DATA_EVENTFD | ACTION_TRIGGER; a vector that signals nobody has descriptor -1.
        assert_eq!(words(&set), [32, 0x24, 2, 5, 3, fd, -1, fd]);
    }

    #[test]
    fn a_kind_is_disabled_with_no_vectors_and_no_data() {
        assert_eq!(words(&IrqSet::disable(2)), [20, 0x21, 2, 0, 0]);
    }

    #[test]
    fn one_interrupt_is_unmasked_without_data() {
        assert_eq!(words(&IrqSet::unmask(0)), [20, 0x11, 0, 0, 1]);
    }
}

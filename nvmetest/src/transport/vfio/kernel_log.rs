//! Accesses that the IOMMU refused, as the kernel's log tells of them.
//!
//! Nothing else tells a process of them. The log is a trace, and no count: an IOMMU may report one fault for many in the same
//! page, and a kernel writes ten lines in five seconds and then says how many it left out.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::PciAddress;
use crate::memory::Iova;
use crate::transport::DmaAccess;
use crate::transport::DmaFault;

/// How long a fault that belongs to a completion may be on its way: through an interrupt of the IOMMU.
const ON_THE_WAY: Duration = Duration::from_millis(1);

/// So many records are read in one go: others may write without end.
const MOST: usize = 4096;

/// So many faults are kept of those that were logged since somebody asked; of what comes then it is only counted how often.
const KEPT: usize = 64;

/// The kernel's log, from where it ended when it was opened.
#[derive(Debug)]
pub(super) struct KernelLog {
    log: Mutex<File>,
    address: PciAddress,
}

impl KernelLog {
    /// Opens the log, to look for faults of a function.
    pub(super) fn open(address: PciAddress) -> io::Result<Self> {
        let nonblocking = OFlag::O_NONBLOCK.bits();
        let mut log = File::options().read(true).custom_flags(nonblocking).open("/dev/kmsg")?;
        log.seek(SeekFrom::End(0))?;
        Ok(Self { log: Mutex::new(log), address })
    }

    /// Returns the faults that were logged since the last call, and waits a moment for one that may be on its way.
    pub(super) fn take(&self) -> Vec<DmaFault> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Faults::default();
        let deadline = Instant::now() + ON_THE_WAY;
        loop {
            read_all(&mut log, |record| faults.see(self.address, record));
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left.as_millis().saturating_add(1))
                .unwrap_or(PollTimeout::ZERO);
            if deadline <= Instant::now() {
                return faults.found;
            }
            let mut fds = [PollFd::new(log.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, left).unwrap_or(0) == 0 {
                return faults.found;
            }
        }
    }
}

/// Reads what there is, a record at a time, as the kernel hands them out.
fn read_all(log: &mut File, mut see: impl FnMut(&str)) {
    let mut record = [0; 8192];
    for _ in 0..MOST {
        match log.read(&mut record) {
            Ok(0) => return,
            Ok(len) => see(&String::from_utf8_lossy(&record[..len])),
            // Others wrote more than the log holds, and what was there is gone.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[derive(Debug, Default)]
struct Faults {
    found: Vec<DmaFault>,
    /// What the kernel left out before the first: it says so when it goes on.
    left_out: u64,
}

impl Faults {
    /// Looks at a record of the log: its header ends with a semicolon.
    fn see(&mut self, address: PciAddress, record: &str) {
        let text = record.split_once(';').map_or(record, |(_, text)| text);
        let text = text.lines().next().unwrap_or_default();
        let fault = intel(address, text).or_else(|| amd(address, text));
        let is_full = KEPT <= self.found.len();
        match self.found.last_mut().filter(|_| is_full) {
            Some(last) => last.unrecorded += u64::from(fault.is_some()),
            None => self.found.extend(fault),
        }
        self.left_out = self.left_out.saturating_add(left_out(text).unwrap_or(0));
        if let Some(last) = self.found.last_mut() {
            last.unrecorded = last.unrecorded.saturating_add(mem::take(&mut self.left_out));
        }
    }
}

/// Reads `DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x101cee000 [fault reason 0x06] ...`.
fn intel(address: PciAddress, text: &str) -> Option<DmaFault> {
    let text = text.strip_prefix("DMAR: [DMA ")?;
    let access = match text.split([' ', ']']).next()? {
        "Read" => DmaAccess::Read,
        "Write" => DmaAccess::Write,
        _ => return None,
    };
    let (_, rest) = text.split_once("Request device [")?;
    let (device, rest) = rest.split_once(']')?;
    let (_, rest) = rest.split_once("fault addr ")?;
    // The kernel leaves the domain out.
    if !address.to_string().ends_with(&format!(":{device}")) {
        return None;
    }
    Some(fault(number(rest)?, Some(access)))
}

/// Reads `vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000f address=0x101cee000 flags=0x0020]`,
/// and the form of older kernels, which has the device in the brackets.
fn amd(address: PciAddress, text: &str) -> Option<DmaFault> {
    /// RW: the device wrote.
    const WRITE: u64 = 0x20;
    let (before, event) = text.split_once("AMD-Vi: Event logged [IO_PAGE_FAULT ")?;
    let value = |name: &str| event.split_once(name).map(|(_, rest)| rest);
    let address = address.to_string();
    let is_ours = match value("device=") {
        Some(device) => {
            let device = device.split(' ').next()?;
            address.ends_with(&format!(":{device}")) || address == device
        }
        None => before.contains(&address),
    };
    let flags = number(value("flags=")?)?;
    let access = if flags & WRITE == 0 { DmaAccess::Read } else { DmaAccess::Write };
    is_ours.then(|| Some(fault(number(value("address=")?)?, Some(access))))?
}

/// Reads `dmar_fault: 12 callbacks suppressed`.
fn left_out(text: &str) -> Option<u64> {
    let (_, rest) =
        text.split_once("dmar_fault: ").or_else(|| text.split_once("amd_iommu_int_thread: "))?;
    rest.strip_suffix(" callbacks suppressed")?.parse().ok()
}

fn fault(iova: u64, access: Option<DmaAccess>) -> DmaFault {
    DmaFault { iova: Iova(iova), len: None, access, unrecorded: 0 }
}

/// Reads the hexadecimal number that `text` begins with.
fn number(text: &str) -> Option<u64> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    u64::from_str_radix(&text[..digits], 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(records: &[&str]) -> Vec<DmaFault> {
        let mut faults = Faults::default();
        for record in records {
            faults.see("0000:01:00.0".parse().unwrap(), record);
        }
        faults.found
    }

    #[test]
    fn faults_of_both_makes_are_read() {
        let at = |iova, access| fault(iova, Some(access));
        for (record, expected) in [
            (
                "3,577,8962775,-;DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x101cee000 [fault \
                 reason 0x06] PTE Read access is not set\n SUBSYSTEM=pci",
                at(0x101c_ee000, DmaAccess::Read),
            ),
            (
                "3,5,6,-;DMAR: [DMA Write] Request device [01:00.0] PASID ffffffff fault addr fe8e0000 [fault reason 05] PTE",
                at(0xfe8e_0000, DmaAccess::Write),
            ),
            (
                "3,5,6,-;vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000f \
                 address=0x101cee000 flags=0x0020]",
                at(0x101c_ee000, DmaAccess::Write),
            ),
            (
                "3,5,6,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000f address=0x101cee000 flags=0x0000]",
                at(0x101c_ee000, DmaAccess::Read),
            ),
        ] {
            assert_eq!(seen(&[record]), [expected], "{record}");
        }
    }

    #[test]
    fn faults_of_others_and_other_lines_are_none_of_ours() {
        assert_eq!(
            seen(&[
                "3,5,6,-;DMAR: [DMA Read NO_PASID] Request device [11:00.0] fault addr 0x1000 [fault reason 0x06]",
                "3,5,6,-;DMAR: DRHD: handling fault status reg 2",
                "3,5,6,-;AMD-Vi: Event logged [IO_PAGE_FAULT device=02:00.0 domain=0x0 address=0x1000 flags=0x0]",
                "3,5,6,-;DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr",
                "12,5,6,-;DMAR: [DMA Read] Request device [",
                "",
            ]),
            []
        );
    }

    #[test]
    fn a_storm_of_faults_is_counted_and_not_kept() {
        let record = |n: u64| {
            format!(
                "3,5,6,-;DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr {n:#x}000 [fault"
            )
        };
        let records: Vec<_> = (0..10_000).map(record).collect();
        let faults = seen(&records.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(faults.len(), KEPT);
        assert_eq!((faults[1].iova.0, faults[KEPT - 1].unrecorded), (0x1000, 10_000 - KEPT as u64));
    }

    #[test]
    fn what_the_kernel_left_out_is_counted() {
        let faults = seen(&[
            "3,5,6,-;DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x06] PTE",
            "4,6,7,-;dmar_fault: 12 callbacks suppressed",
        ]);
        assert_eq!(faults[0].unrecorded, 12);
    }

    #[test]
    fn what_the_kernel_left_out_before_it_went_on_is_counted() {
        let faults = seen(&[
            "4,6,7,-;dmar_fault: 12 callbacks suppressed",
            "3,5,6,-;DMAR: DRHD: handling fault status reg 2",
            "3,5,6,-;DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x06] PTE",
            "3,5,6,-;DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x2000 [fault reason 0x06] PTE",
        ]);
        assert_eq!(faults.iter().map(|fault| fault.unrecorded).collect::<Vec<_>>(), [12, 0]);
    }
}

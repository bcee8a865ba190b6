//! The way to a drive through VFIO, on a drive: `NVMETEST_PCI=0000:01:00.0` names one that vfio-pci has, whose data nobody
//! needs. Without it the tests are ignored. `NVMETEST_VFIO=group` has it opened by its group also where it has a node of its own.
//!
//! They program the drive by hand, so that nothing but the way to it is under test; one of them takes it from the machine and
//! has the machine find it again.

mod by_hand;

use std::env;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nvmetest::memory::Arena;
use nvmetest::spec::Property;
use nvmetest::spec::pci::Command;
use nvmetest::spec::pci::offset;
use nvmetest::transport::DmaAccess;
use nvmetest::transport::Function;
use nvmetest::transport::TransportError;
use nvmetest::transport::vfio;

use self::by_hand::ByHand;
use self::by_hand::PAGE;

type Test = fn(&str) -> Result<(), Failed>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // There is one drive.
    arguments.test_threads = Some(1);
    let tests: [(&str, Test); 10] = [
        ("a_drive_is_opened_by_iommufd_where_there_is_one", way),
        ("a_buffer_that_was_revoked_is_out_of_the_drives_reach", revoked),
        ("a_register_has_one_value_however_wide_it_is_read", widths),
        ("bar0_is_refused_and_ends_nobody_while_it_does_not_answer", no_answer),
        ("a_stray_child_has_no_doorbells", children),
        ("vectors_are_added_one_by_one", vectors),
        ("a_drive_is_opened_once", twice),
        ("a_reset_drive_is_disabled_and_reaches_its_memory", reset),
        ("a_drive_that_was_closed_is_opened_again", again),
        ("a_drive_that_is_pulled_is_lost_and_opened_when_it_is_back", pulled),
    ];
    let drive = env::var("NVMETEST_PCI").ok();
    let trial = |(name, test): (&str, Test)| {
        let without_drive = drive.is_none();
        let drive = drive.clone().unwrap_or_default();
        Trial::test(name, move || test(&drive)).with_ignored_flag(without_drive)
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}

fn open(drive: &str) -> Result<Arc<dyn Function>, Failed> {
    let arena = Arc::new(Arena::new(1 << 20)?);
    let way = wanted_way().map_or_else(String::new, |way| format!(",vfio={way}"));
    Ok(vfio::SCHEME.open(&format!("pci:{drive}{way}").parse()?, &arena)?)
}

fn wanted_way() -> Option<String> {
    env::var("NVMETEST_VFIO").ok()
}

fn way(drive: &str) -> Result<(), Failed> {
    let _function = open(drive)?;
    let has = |node: &str| -> io::Result<bool> {
        let links =
            fs::read_dir("/proc/self/fd")?.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        Ok(links.into_iter().any(|link| link.starts_with(node)))
    };
    let is_newer = fs::exists("/dev/iommu")? && wanted_way().as_deref() != Some("group");
    assert_eq!(has("/dev/iommu")?, is_newer);
    assert_eq!(has("/dev/vfio/devices")?, is_newer);
    assert_eq!(has("/dev/vfio/vfio")?, !is_newer);
    println!("opened by {}", if is_newer { "iommufd" } else { "its group" });
    Ok(())
}

fn revoked(drive: &str) -> Result<(), Failed> {
    let function = open(drive)?;
    let mut nvme = ByHand::enable(&*function)?;
    nvme.memory().map(5)?;
    nvme.identify(5)?;
    assert_ne!(nvme.memory().page(5), [0; PAGE], "Identify Controller was written");
    function.take_dma_faults();

    nvme.memory().fill(5, 0x5a);
    nvme.memory().unmap(5)?;
    // What the drive makes of it is its affair; QEMU's completes the command.
    let _ = nvme.identify(5);

    assert_eq!(nvme.memory().page(5), [0x5a; PAGE]);
    let faults = function.take_dma_faults();
    if function.abilities().dma_faults {
        let expected = (nvme.memory().iova(5), Some(DmaAccess::Write));
        let is_it = |fault: &_| -> bool {
            let fault: &nvmetest::transport::DmaFault = fault;
            (fault.iova.0, fault.access) == expected
        };
        assert!(faults.iter().any(is_it), "{faults:?}");
    }
    // The drive is well.
    nvme.memory().map(6)?;
    nvme.identify(6)?;
    Ok(())
}

fn widths(drive: &str) -> Result<(), Failed> {
    let function = open(drive)?;
    let whole = function.read64(Property::CAP.0.into())?;
    let low = function.read32(Property::CAP.0.into())?;
    let high = function.read32(u64::from(Property::CAP.0) + 4)?;
    assert_eq!(whole, u64::from(high) << 32 | u64::from(low));
    assert_ne!(whole, 0);
    for (offset, len) in [(0, 3), (1 << 40, 4), (u64::MAX, 8)] {
        let refused = function.bar_read(offset, &mut [0; 8][..len]).unwrap_err();
        assert!(matches!(refused, TransportError::Unsupported { .. }), "{refused}");
    }
    let refused = function.config_read(4095, &mut [0; 2]).unwrap_err();
    assert!(matches!(refused, TransportError::Unsupported { .. }), "{refused}");
    Ok(())
}

fn no_answer(drive: &str) -> Result<(), Failed> {
    let function = open(drive)?;
    let nvme = ByHand::enable(&*function)?;
    let cap = function.read64(0)?;
    let command = nvme.config16(offset::COMMAND)?;
    let without = u16::from(Command::from(command).with_memory_space(false));
    nvme.set_config16(offset::COMMAND, without)?;
    let refused = function.read64(0).unwrap_err();
    assert!(matches!(refused, TransportError::Refused { .. }), "{refused}");
    let refused = nvme.ring_again().unwrap_err().message().unwrap_or_default().to_owned();
    assert!(refused.contains("memory space is disabled"), "{refused}");
    nvme.set_config16(offset::COMMAND, command)?;
    assert_eq!(function.read64(0)?, cap);
    nvme.ring_again()?;

    let power = nvme.power_control()?;
    let state = nvme.config16(power)?;
    nvme.set_config16(power, state | 0b11)?;
    let refused = function.read64(0).unwrap_err();
    assert!(matches!(refused, TransportError::Refused { .. }), "{refused}");
    nvme.ring_again().unwrap_err();
    nvme.set_config16(power, state)?;
    // The function has 10 ms to return from D3hot (PCIe 5.9).
    thread::sleep(Duration::from_millis(10));
    assert_eq!(function.read64(0)?, cap);
    Ok(())
}

fn children(drive: &str) -> Result<(), Failed> {
    let _function = open(drive)?;
    let maps = fs::read_to_string("/proc/self/smaps")?;
    let mut is_device = false;
    let mut flags = Vec::new();
    for line in maps.lines() {
        if let Some(given) = line.strip_prefix("VmFlags:") {
            if is_device {
                flags.push(given);
            }
        } else if !line.split_whitespace().next().is_some_and(|word| word.ends_with(':')) {
            is_device = line.ends_with("[vfio-device]") || line.contains("/dev/vfio/");
        }
    }
    assert!(!flags.is_empty(), "BAR0 is mapped");
    // "dc": do not copy on fork.
    assert!(
        flags.iter().all(|flags| flags.split_whitespace().any(|flag| flag == "dc")),
        "{flags:?}"
    );
    Ok(())
}

fn vectors(drive: &str) -> Result<(), Failed> {
    let function = open(drive)?;
    if function.abilities().msix_vectors < 3 {
        return Err("the drive has fewer than three vectors, and this test is about more".into());
    }
    let eventfds: Vec<EventFd> = (0..3).map(|_| eventfd()).collect::<Result<_, _>>()?;
    function.set_vectors(0, &[eventfds[0].as_fd()])?;
    let mut nvme = ByHand::enable(&*function)?;
    nvme.memory().map(5)?;
    for vector in [2, 1] {
        function.set_vectors(vector, &[eventfds[usize::from(vector)].as_fd()])?;
        let _ = eventfds[0].read();
        nvme.identify(5)?;
        wait_until("vector 0 to fire", || Ok(eventfds[0].read().is_ok()))?;
    }
    assert!(eventfds[1..].iter().all(|eventfd| eventfd.read().is_err()), "no queue has them");
    let beyond = function.set_vectors(function.abilities().msix_vectors, &[eventfds[0].as_fd()]);
    assert!(matches!(beyond, Err(TransportError::Refused { .. })), "{beyond:?}");

    function.set_vectors(0, &[])?;
    let _ = eventfds[0].read();
    nvme.identify(5)?;
    assert!(eventfds[0].read().is_err(), "MSI-X is disabled");
    Ok(())
}

fn twice(drive: &str) -> Result<(), Failed> {
    let _function = open(drive)?;
    let error = open(drive).unwrap_err().message().unwrap_or_default().to_owned();
    assert!(error.contains("in use by another nvmetest run"), "{error}");
    Ok(())
}

fn reset(drive: &str) -> Result<(), Failed> {
    let function = open(drive)?;
    let mut nvme = ByHand::enable(&*function)?;
    nvme.memory().map(5)?;
    nvme.identify(5)?;

    function.reset()?;

    assert_eq!(function.read32(Property::CC.0.into())?, 0);
    let command = Command::from(nvme.config16(offset::COMMAND)?);
    assert!(command.memory_space() && command.bus_master() && command.interrupt_disable());
    nvme.memory().fill(5, 0);
    nvme.enable_again()?;
    nvme.identify(5)?;
    assert_ne!(nvme.memory().page(5), [0; PAGE]);
    Ok(())
}

fn again(drive: &str) -> Result<(), Failed> {
    for _ in 0..3 {
        let function = open(drive)?;
        ByHand::enable(&*function)?;
    }
    Ok(())
}

fn pulled(drive: &str) -> Result<(), Failed> {
    let devices = "/sys/bus/pci/devices";
    let function = open(drive)?;
    let nvme = ByHand::enable(&*function)?;
    nvme.memory().map(5)?;
    // The kernel waits until the drive is given back.
    let path = format!("{devices}/{drive}/remove");
    let remover = thread::spawn(move || fs::write(path, "1"));

    wait_until("the drive to be lost", || match function.check_alive() {
        Ok(()) => Ok(false),
        Err(TransportError::Lost { how, .. }) => {
            assert!(how.contains("pulled"), "{how}");
            Ok(true)
        }
        Err(other) => Err(other.into()),
    })?;
    let lost = function.read64(0).unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
    // It has lost all memory, and who takes it back is told no error.
    nvme.memory().unmap(5)?;
    drop(nvme);
    drop(function);
    remover.join().map_err(|_| "the thread that removes the drive panicked")??;

    let error = open(drive).unwrap_err().message().unwrap_or_default().to_owned();
    assert!(error.contains("has no PCI function"), "{error}");
    fs::write("/sys/bus/pci/rescan", "1")?;
    wait_until("the drive to be found", || Ok(fs::exists(format!("{devices}/{drive}"))?))?;
    bind(drive)?;
    let function = open(drive)?;
    ByHand::enable(&*function)?;
    Ok(())
}

/// Gives the drive to vfio-pci, as it was before.
fn bind(drive: &str) -> io::Result<()> {
    let device = format!("/sys/bus/pci/devices/{drive}");
    // A driver may have found it first.
    let _ = fs::write(format!("{device}/driver/unbind"), drive);
    fs::write(format!("{device}/driver_override"), "vfio-pci")?;
    fs::write("/sys/bus/pci/drivers_probe", drive)
}

fn eventfd() -> nix::Result<EventFd> {
    EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
}

fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool, Failed>) -> Result<(), Failed> {
    const LIMIT: Duration = Duration::from_secs(20);
    let start = Instant::now();
    while !done()? {
        if LIMIT < start.elapsed() {
            return Err(format!("waited {LIMIT:?} for {what}").into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

//! The client against the server of the `vfio_user` crate, which others wrote.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nvmetest::memory::Arena;
use nvmetest::transport::DeviceUri;
use nvmetest::transport::DmaRange;
use nvmetest::transport::Function;
use nvmetest::transport::TransportError;
use nvmetest::transport::vfio_user::Options;
use nvmetest::transport::vfio_user::SCHEME;
use nvmetest::transport::vfio_user::VfioUser;
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_NUM_IRQS;
use vfio_bindings::bindings::vfio::VFIO_PCI_NUM_REGIONS;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_MMAP;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_READ;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_WRITE;
use vfio_bindings::bindings::vfio::vfio_region_info;
use vfio_bindings::bindings::vfio::vfio_region_sparse_mmap_area;
use vfio_user::DmaMapFlags;
use vfio_user::DmaUnmapFlags;
use vfio_user::IrqInfo;
use vfio_user::Server;
use vfio_user::ServerBackend;
use vfio_user::ServerRegion;
use vfio_user::SparseArea;

use crate::bare;

const VECTORS: u16 = 20;
const MSIX: usize = 0x40;

/// What a server of these tests is like.
struct Traits {
    mapped_doorbells: bool,
    resettable: bool,
}

const PLAIN: Traits = Traits { mapped_doorbells: true, resettable: true };

/// A server in a thread of its own.
struct Running {
    folder: TempDir,
    device: Arc<Mutex<Device>>,
    doorbells: File,
    thread: JoinHandle<()>,
}

/// The state of the device that the server plays.
struct Device {
    config: Vec<u8>,
    registers: Vec<u8>,
    memory: Vec<(u64, u64, File)>,
    eventfds: Vec<Option<File>>,
    /// The number of eventfds in each message that set some.
    batches: Vec<usize>,
    resets: usize,
    doorbells: Vec<(u64, u32)>,
}

struct Backend(Arc<Mutex<Device>>);

impl Running {
    fn start(traits: &Traits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let doorbells = tempfile::tempfile().unwrap();
        doorbells.set_len(0x2000).unwrap();
        let device = Arc::new(Mutex::new(Device::new()));
        let msix = IrqInfo {
            index: VFIO_PCI_MSIX_IRQ_INDEX,
            flags: VFIO_IRQ_INFO_EVENTFD,
            count: VECTORS.into(),
        };
        let irqs = (0..VFIO_PCI_NUM_IRQS)
            .map(
                |index| {
                    if index == msix.index { msix } else { IrqInfo { index, flags: 0, count: 0 } }
                },
            )
            .collect();
        let regions = (0..VFIO_PCI_NUM_REGIONS)
            .map(|index| region(index, traits.mapped_doorbells, &doorbells))
            .collect();
        let path = folder.path().join("nvme.sock");
        let server = Server::new(&path, traits.resettable, irqs, regions).unwrap();
        let mut backend = Backend(Arc::clone(&device));
        let thread = std::thread::spawn(move || server.run(&mut backend).unwrap());
        Self { folder, device, doorbells, thread }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("nvme.sock")
    }

    fn uri(&self) -> DeviceUri {
        format!("vfio-user:{}", self.path().display()).parse().unwrap()
    }

    fn connect(&self) -> VfioUser {
        VfioUser::connect(self.uri(), self.path(), &Options::default()).unwrap()
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }

    /// Waits for the server to end, as it does when its client has gone.
    fn join(self) {
        self.thread.join().unwrap();
    }
}

fn region(index: u32, mapped: bool, doorbells: &File) -> ServerRegion {
    let access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
    let mut info = vfio_region_info { index, ..Default::default() };
    let mut region = ServerRegion { region_info: info, sparse_areas: Vec::new(), mmap_fd: None };
    if index == VFIO_PCI_CONFIG_REGION_INDEX {
        (info.size, info.flags) = (4096, access);
    }
    if index == VFIO_PCI_BAR0_REGION_INDEX {
        (info.size, info.flags) = (0x4000, access);
        if mapped {
            info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
            let area = vfio_region_sparse_mmap_area { offset: 0x1000, size: 0x1000 };
            region.sparse_areas.push(SparseArea { area });
            region.mmap_fd = Some(doorbells.as_raw_fd());
        }
    }
    region.region_info = info;
    region
}

impl Device {
    fn new() -> Self {
        let mut config = vec![0; 4096];
        config[0..4].copy_from_slice(&[0xfe, 0xca, 0x01, 0x00]);
        // What another client may have left behind.
        config[0x04] = 0;
        config[0x06] = 1 << 4;
        config[0x08..0x0c].copy_from_slice(&[0x00, 0x02, 0x08, 0x01]);
        config[0x34] = MSIX as u8;
        let [low, high] = (VECTORS - 1).to_le_bytes();
        config[MSIX..MSIX + 4].copy_from_slice(&[0x11, 0x50, low, high | 0x80]);
        config[0x50..0x52].copy_from_slice(&[0x10, 0x00]);
        config[0x54..0x58].copy_from_slice(&(1u32 << 28).to_le_bytes());
        let mut registers = vec![0; 0x1000];
        registers[0x08..0x0c].copy_from_slice(&0x0002_0100_u32.to_le_bytes());
        Self {
            config,
            registers,
            memory: Vec::new(),
            eventfds: (0..VECTORS).map(|_| None).collect(),
            batches: Vec::new(),
            resets: 0,
            doorbells: Vec::new(),
        }
    }

    fn reset(&mut self) {
        self.resets += 1;
        self.config[0x04..0x06].fill(0);
        self.config[MSIX + 3] &= 0x7f;
        self.eventfds.fill_with(|| None);
        self.registers[0x14] = 0;
        self.registers[0x1c] = 0;
    }

    fn command(&self) -> u16 {
        u16::from_le_bytes([self.config[4], self.config[5]])
    }

    fn msix_enabled(&self) -> bool {
        self.config[MSIX + 3] & 0x80 != 0
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let device = self.0.lock().unwrap();
        let space =
            if region == VFIO_PCI_BAR0_REGION_INDEX { &device.registers } else { &device.config };
        let offset = offset as usize;
        let bytes = space.get(offset..offset + data.len());
        data.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?);
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut device = self.0.lock().unwrap();
        let at = offset as usize;
        if region == VFIO_PCI_CONFIG_REGION_INDEX {
            device.config[at..at + data.len()].copy_from_slice(data);
            // Initiate Function Level Reset.
            if at == 0x58 && device.config[0x59] & 0x80 != 0 {
                device.config[0x59] &= 0x7f;
                device.reset();
            }
        } else if offset < 0x1000 {
            device.registers[at..at + data.len()].copy_from_slice(data);
        } else if offset < 0x2000 {
            let value = u32::from_le_bytes(data.try_into().unwrap());
            device.doorbells.push((offset, value));
        } else {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        assert_eq!(flags, DmaMapFlags::READ_WRITE);
        assert_eq!(offset, 4096);
        let file = file.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.0.lock().unwrap().memory.push((address, size, file));
        Ok(())
    }

    fn dma_unmap(&mut self, _: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        let mut device = self.0.lock().unwrap();
        let index = device.memory.iter().position(|entry| (entry.0, entry.1) == (address, size));
        let index = index.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        device.memory.remove(index);
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().reset();
        Ok(())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _: u32,
        start: u32,
        count: u32,
        files: Vec<File>,
    ) -> io::Result<()> {
        assert_eq!(index, VFIO_PCI_MSIX_IRQ_INDEX);
        let mut device = self.0.lock().unwrap();
        if count == 0 {
            device.eventfds.fill_with(|| None);
            return Ok(());
        }
        assert_eq!(files.len(), count as usize);
        device.batches.push(files.len());
        for (vector, file) in (start as usize..).zip(files) {
            device.eventfds[vector] = Some(file);
        }
        Ok(())
    }
}

#[test]
fn registers_and_configuration_space_are_read_and_written() {
    let running = Running::start(&PLAIN);
    let function: &dyn Function = &running.connect();

    assert_eq!(function.read32(0x08).unwrap(), 0x0002_0100);
    bare(function).write64(0x28, 0x1234_5678_9abc_d000).unwrap();
    assert_eq!(function.read64(0x28).unwrap(), 0x1234_5678_9abc_d000);

    let mut vendor = [0; 2];
    function.config_read(0, &mut vendor).unwrap();
    assert_eq!(vendor, [0xfe, 0xca]);
}

#[test]
fn what_another_client_left_in_configuration_space_is_undone() {
    let running = Running::start(&PLAIN);
    assert!(running.device().msix_enabled());

    let _function = running.connect();

    assert!(!running.device().msix_enabled());
    assert_eq!(running.device().command(), 0x0406);
}

#[test]
fn mapped_doorbells_are_rung_without_a_message() {
    let running = Running::start(&PLAIN);
    let function = running.connect();

    bare(&function).ring(0x1008, 7).unwrap();

    let mut value = [0; 4];
    running.doorbells.read_exact_at(&mut value, 0x1008).unwrap();
    assert_eq!(u32::from_le_bytes(value), 7);
    assert_eq!(running.device().doorbells, []);
    assert!(!function.doorbells().unwrap().maps(0x1c), "registers are not mapped");
}

#[test]
fn doorbells_that_are_not_mapped_are_rung_in_order_by_messages() {
    let running = Running::start(&Traits { mapped_doorbells: false, ..PLAIN });
    let function = running.connect();
    assert!(function.doorbells().is_none());

    // More than are posted without a reply in between.
    for tail in 0..300 {
        bare(&function).ring(0x1008, tail).unwrap();
    }
    function.bar_read(0x08, &mut [0; 4]).unwrap();

    let expected: Vec<_> = (0..300).map(|tail| (0x1008, tail)).collect();
    assert_eq!(running.device().doorbells, expected);
}

#[test]
fn a_posted_doorbell_that_was_refused_fails_a_later_access() {
    let running = Running::start(&Traits { mapped_doorbells: false, ..PLAIN });
    let function = running.connect();

    bare(&function).ring(0x3000, 9).unwrap();

    let error = function.bar_read(0x08, &mut [0; 4]).unwrap_err();
    let TransportError::Refused { what, .. } = &error else { panic!("{error}") };
    assert_eq!(what, "a write of 9 to the doorbell at 0x3000");
    function.bar_read(0x08, &mut [0; 4]).unwrap();
}

#[test]
fn mapped_memory_is_the_arenas_and_goes_when_it_is_unmapped() {
    let running = Running::start(&PLAIN);
    let function = running.connect();
    let arena = Arc::new(Arena::new(0x10000).unwrap());
    // SAFETY: Nobody has a buffer in the arena.
    #[expect(unsafe_code, reason = "a device is trusted with the arena")]
    let view = unsafe { arena.device_view() };
    let memory =
        DmaRange { iova: 0x10_0000, len: 0x2000, file: view.file(), offset: 4096, host: 0 };

    bare(&function).dma_map(&memory).unwrap();
    {
        let device = running.device();
        let [(0x10_0000, 0x2000, file)] = &device.memory[..] else { panic!("one mapping") };
        file.write_all_at(b"from the device", 4096).unwrap();
    }
    let mut bytes = [0; 15];
    view.read(4096, &mut bytes);
    assert_eq!(&bytes, b"from the device");

    function.dma_unmap(0x10_0000, 0x2000).unwrap();
    assert!(running.device().memory.is_empty());
}

#[test]
fn a_refused_unmap_is_an_error() {
    let running = Running::start(&PLAIN);
    let function = running.connect();

    let error = function.dma_unmap(0x5000, 0x1000).unwrap_err();

    let TransportError::Refused { what, .. } = &error else { panic!("{error}") };
    assert_eq!(what, "DMA_UNMAP of 0x1000 bytes at 0x5000");
}

#[test]
fn msix_vectors_signal_their_eventfds() {
    let running = Running::start(&PLAIN);
    let function = running.connect();
    assert_eq!(function.abilities().msix_vectors, VECTORS);
    let eventfds: Vec<_> =
        (0..4).map(|_| EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK).unwrap()).collect();
    let fds: Vec<_> = eventfds.iter().map(AsFd::as_fd).collect();

    function.set_vectors(3, &fds).unwrap();

    {
        let device = running.device();
        assert!(device.msix_enabled());
        // The server announces that it takes one descriptor a message.
        assert_eq!(device.batches, [1, 1, 1, 1]);
        let signalled = device.eventfds[5].as_ref().unwrap();
        nix::unistd::write(signalled, &1u64.to_ne_bytes()).unwrap();
    }
    assert_eq!(eventfds[2].read().unwrap(), 1);
    assert!(eventfds[1].read().is_err(), "vector 4 was not signalled");

    function.set_vectors(0, &[]).unwrap();
    assert!(!running.device().msix_enabled());
    assert!(running.device().eventfds.iter().all(Option::is_none));
}

#[test]
fn vectors_that_the_device_does_not_have_are_refused() {
    let running = Running::start(&PLAIN);
    let function = running.connect();
    let eventfd = EventFd::new().unwrap();

    let error = function.set_vectors(VECTORS, &[eventfd.as_fd()]).unwrap_err();

    assert!(error.to_string().contains("vectors up to 20: it has 20 vectors"), "{error}");
}

#[test]
fn a_reset_leaves_the_function_ready_for_use() {
    for resettable in [true, false] {
        let running = Running::start(&Traits { resettable, ..PLAIN });
        let function = running.connect();
        assert!(function.abilities().function_reset);
        running.device().registers[0x1c] = 1;

        function.reset().unwrap();

        assert_eq!(running.device().resets, 1, "resettable: {resettable}");
        assert_eq!(running.device().command(), 0x0406);
        assert!(!running.device().msix_enabled());
    }
}

#[test]
fn vectors_survive_a_reset() {
    let running = Running::start(&PLAIN);
    let function = running.connect();
    let eventfds: Vec<_> = (0..3).map(|_| EventFd::new().unwrap()).collect();
    function.set_vectors(0, &[eventfds[0].as_fd()]).unwrap();
    function.set_vectors(4, &[eventfds[1].as_fd(), eventfds[2].as_fd()]).unwrap();

    function.reset().unwrap();

    let device = running.device();
    assert!(device.msix_enabled());
    let set: Vec<_> = (0..VECTORS as usize).filter(|&n| device.eventfds[n].is_some()).collect();
    assert_eq!(set, [0, 4, 5]);
    nix::unistd::write(device.eventfds[5].as_ref().unwrap(), &1u64.to_ne_bytes()).unwrap();
    assert_eq!(eventfds[2].read().unwrap(), 1);
}

#[test]
fn threads_get_the_answers_to_their_own_requests() {
    let running = Running::start(&PLAIN);
    let function: &dyn Function = &running.connect();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            scope.spawn(move || {
                let register = 0x100 + u64::from(thread) * 4;
                for value in 0..200 {
                    bare(function).write32(register, thread << 16 | value).unwrap();
                    assert_eq!(function.read32(register).unwrap(), thread << 16 | value);
                }
            });
        }
    });
}

#[test]
fn a_client_that_is_dropped_disconnects() {
    let running = Running::start(&PLAIN);
    drop(running.connect());
    running.join();
}

#[test]
fn a_second_run_is_told_that_the_socket_is_in_use() {
    let running = Running::start(&PLAIN);
    let _function = running.connect();

    let error = VfioUser::connect(running.uri(), running.path(), &Options::default()).unwrap_err();

    assert!(error.what.contains("in use by another nvmetest run"), "{error}");
}

#[test]
fn a_second_client_is_told_that_the_socket_is_probably_in_use() {
    let running = Running::start(&PLAIN);
    let _other = std::os::unix::net::UnixStream::connect(running.path()).unwrap();
    let deadline = Duration::from_millis(50);
    let options = Options { deadline, ..Options::default() };

    let start = Instant::now();
    let error = VfioUser::connect(running.uri(), running.path(), &options).unwrap_err();

    assert!(deadline < start.elapsed());
    assert!(error.way_out.contains("probably in use by another client"), "{error}");
}

#[test]
fn the_scheme_opens_a_device_by_its_uri() {
    let running = Running::start(&PLAIN);
    let arena = Arc::new(Arena::new(4096).unwrap());

    let function = SCHEME.open(&running.uri(), &arena).unwrap();

    assert_eq!(function.read32(0x08).unwrap(), 0x0002_0100);
    function.check_alive().unwrap();
    let error = function.terminate().unwrap_err();
    assert!(matches!(error, TransportError::Unsupported { .. }), "{error}");
}

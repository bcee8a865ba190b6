//! From an address to a controller that can be programmed.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;

use iommufd_ioctls::IommufdError;
use nix::errno::Errno;
use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use vfio_bindings::bindings::vfio::VFIO_DEVICE_FLAGS_RESET;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_ioctls::VfioError;

use super::Opened;
use super::Options;
use super::PciAddress;
use super::Vfio;
use super::Window;
use super::bar::Bar;
use super::beside::Beside;
use super::device::Device;
use super::host::Host;
use super::host::Place;
use super::host::Way;
use super::ioctl;
use super::kernel_log::KernelLog;
use super::mappings::Mappings;
use super::notice::Notices;
use super::vectors::Vectors;
use crate::memory::PAGE_SIZE;
use crate::spec::doorbell;
use crate::spec::pci::CapabilityId;
use crate::transport::Abilities;
use crate::transport::Claim;
use crate::transport::ClaimError;
use crate::transport::DeviceUri;
use crate::transport::DmaModel;
use crate::transport::OpenError;
use crate::transport::interrupt_kind::Interrupts;

/// The shortest BAR0 that holds the registers and the doorbells of the admin queues, in bytes.
const BAR_MIN: u64 = doorbell::START as u64 + 8;

/// What a session pins at least, in bytes: queues, pages for Identify, a few buffers.
const LEAST_MEMORY: u64 = 16 << 20;

impl Vfio {
    /// Opens the function: it is reset, may reach memory, and signals nothing.
    ///
    /// # Errors
    ///
    /// Fails if vfio-pci does not have it, if it cannot be isolated, if somebody else uses it, or if this process may not.
    pub fn open(uri: DeviceUri, address: PciAddress) -> Result<Self, OpenError> {
        Self::open_with(uri, address, Options::default())
    }

    pub(super) fn open_with(
        uri: DeviceUri,
        address: PciAddress,
        options: Options,
    ) -> Result<Self, OpenError> {
        let refuse = |what: String, way_out: &str| OpenError::new(uri.to_string(), what, way_out);
        let host = Host::this();
        let place = host
            .find(address, options.way)
            .map_err(|(what, way_out)| OpenError::new(uri.to_string(), what, way_out))?;
        let claim = Claim::take(format!("pci/{address}")).map_err(|cause| match cause {
            ClaimError::Busy { .. } => refuse(cause.to_string(), "wait for it to end, or end it"),
            ClaimError::Failed(_) => refuse(cause.to_string(), "look for what limits this process"),
        })?;
        let (limit, _) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap_or((u64::MAX, u64::MAX));
        host.may_pin(LEAST_MEMORY, limit).map_err(|limit| {
            let what = format!(
                "this process may lock {} KiB of memory, and a drive needs {} KiB and more",
                limit >> 10,
                LEAST_MEMORY >> 10
            );
            refuse(what, "raise the limit with `ulimit -l unlimited`, or run as root")
        })?;
        let device = Device::open(&place).map_err(|error| {
            let (what, way_out) = refusal(&error, &place, &host);
            refuse(what, &way_out)
        })?;
        // The function was reset when it was opened, so that no fault is its own before this.
        let log = KernelLog::open(address).ok();
        let [msix, msi] = [Vectors::of_msix(&device), Vectors::of_msi(&device)];
        let has = Interrupts {
            msix_vectors: msix.count,
            msi_vectors: msi.count,
            intx: device.has_intx(),
        };
        let chosen = has.choose(options.irq, &uri)?;
        let vectors = if chosen.msi_vectors == 0 { msix } else { msi };
        Self::set_up(&uri, (address, options), device, (chosen, vectors), log, claim)
            .map_err(|what| refuse(what, "the kernel's log (`dmesg`) may say more"))
    }

    fn set_up(
        uri: &DeviceUri,
        (address, options): (PciAddress, Options),
        device: Device,
        (interrupts, vectors): (Interrupts, Vectors),
        log: Option<KernelLog>,
        claim: Claim,
    ) -> Result<Self, String> {
        let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let iommu = device
            .iommu_info()
            .map_err(failed("the kernel does not say what its IOMMU translates"))?;
        let page = iommu.smallest_page();
        if (PAGE_SIZE as u64) < page {
            return Err(format!("its IOMMU maps pages of {page} bytes and no smaller ones"));
        }
        let flags = ioctl::device_flags(device.as_fd())
            .map_err(failed("the kernel does not say what the device is"))?;
        let bar = Bar::map(&device).map_err(failed("its BAR0 cannot be mapped"))?;
        if bar.size() < BAR_MIN {
            let size = bar.size();
            return Err(format!(
                "its BAR0 has {size} bytes, and registers and doorbells take {BAR_MIN}"
            ));
        }
        let doorbells =
            bar.map_doorbells(&device).map_err(failed("its doorbells cannot be mapped"))?;
        let notices = Notices::ask_for(&device)
            .map_err(failed("the kernel does not take eventfds for its notices"))?;
        let beside = Beside::of(address);
        let abilities = Abilities {
            dma: DmaModel::PerBuffer,
            iova: iommu.widest(),
            revokes: true,
            dma_faults: log.is_some(),
            function_reset: flags & VFIO_DEVICE_FLAGS_RESET != 0,
            hot_reset: device.can_hot_reset(),
            power_cycles: false,
            port: beside.port_above(),
            owns_bars: false,
            moves_bar0: bar.can_move(&beside),
            removes: beside.can_remove(),
            terminates: false,
            msix_vectors: interrupts.msix_vectors,
            msi_vectors: interrupts.msi_vectors,
            intx: interrupts.intx,
        };
        let index = VFIO_PCI_CONFIG_REGION_INDEX;
        let config = Window {
            offset: device.vfio().get_region_offset(index),
            size: device.vfio().get_region_size(index),
        };
        let mut vfio = Self {
            uri: uri.clone(),
            address,
            options,
            abilities,
            lost: OnceLock::new(),
            answers: AtomicBool::new(false),
            power_management: None,
            config,
            vectors,
            msi: None,
            mappings: Mappings::new(),
            beside: Mutex::new(beside),
            elsewhere: Mutex::new(None),
            log,
            bar,
            doorbells,
            opened: RwLock::new(Some(Arc::new(Opened { notices, device }))),
            _claim: claim,
        };
        let is_present = vfio.is_present().map_err(|error| error.to_string())?;
        if !is_present {
            return Err("it does not answer: its configuration space reads as all ones".to_owned());
        }
        vfio.power_management = vfio
            .find_capability(CapabilityId::POWER_MANAGEMENT)
            .map_err(|error| error.to_string())?;
        if interrupts.msi_vectors != 0 {
            vfio.msi =
                vfio.find_capability(CapabilityId::MSI).map_err(|error| error.to_string())?;
        }
        vfio.arm().map_err(|error| error.to_string())?;
        Ok(vfio)
    }
}

/// Says what an error of the crate's means, and what to do about it.
fn refusal(error: &VfioError, place: &Place, host: &Host) -> (String, String) {
    let group = place.group;
    let held = || {
        let holders = host.holders(place);
        let who = match holders.len() {
            0 => "another process".to_owned(),
            _ => holders.join(", "),
        };
        (
            format!("its IOMMU group {group} is held by {who}"),
            "wait for it to end, or end it".to_owned(),
        )
    };
    let node = |path: &str, error: &std::io::Error| match error.raw_os_error().map(Errno::from_raw)
    {
        Some(Errno::EACCES | Errno::EPERM) => (
            format!("this user may not open {path}"),
            format!("run as root, or let root give it to you: `chown $USER {path}`"),
        ),
        Some(Errno::EBUSY) => held(),
        _ => (
            format!("opening {path} failed: {error}"),
            "look whether the modules vfio and vfio-pci are loaded".to_owned(),
        ),
    };
    let own = |what: &str, way_out: &str| (what.to_owned(), way_out.to_owned());
    match error {
        VfioError::OpenContainer(error) => node("/dev/vfio/vfio", error),
        VfioError::OpenGroup(error, _) => node(&format!("/dev/vfio/{group}"), error),
        VfioError::NewVfioIommufd(IommufdError::OpenIommufd(error)) => node("/dev/iommu", error),
        VfioError::OpenDeviceCdev(error) => {
            let path = match &place.way {
                Way::Cdev(path) => path.display().to_string(),
                Way::Group => "its node".to_owned(),
            };
            node(&path, error)
        }
        // The kernel gives a device to one process, and says that to another in either word.
        VfioError::VfioDeviceBindIommufd(errno)
            if [Errno::EBUSY, Errno::EINVAL].map(|it| it as i32).contains(&errno.errno()) =>
        {
            held()
        }
        VfioError::VfioDeviceBindIommufd(errno) if errno.errno() == Errno::EPERM as i32 => own(
            "the machine does not isolate interrupts, so the kernel does not give it away",
            "switch interrupt remapping on in the firmware's set-up, or, on a machine that you trust the drive \
             with, load iommufd with `allow_unsafe_interrupts=1`",
        ),
        VfioError::GroupViable => own(
            &format!(
                "its IOMMU group {group} is not viable: the kernel drives another member of it"
            ),
            &format!("`ls /sys/kernel/iommu_groups/{group}/devices` shows all members"),
        ),
        VfioError::VfioExtension | VfioError::VfioInvalidType => own(
            "this kernel has no type 1 (version 2) containers of VFIO",
            "load the module that has them with `modprobe vfio_iommu_type1`",
        ),
        VfioError::ContainerSetIOMMU(errno) if errno.errno() == Errno::EPERM as i32 => own(
            "the machine does not isolate interrupts, so the kernel does not give it away",
            "switch interrupt remapping on in the firmware's set-up, or, on a machine that you trust the drive \
             with, load vfio_iommu_type1 with `allow_unsafe_interrupts=1`",
        ),
        VfioError::GroupGetDeviceFD(errno) if errno.errno() == Errno::EBUSY as i32 => {
            own("another part of the kernel uses it", "take it from there first")
        }
        other => {
            own(&format!("VFIO refused it: {other}"), "the kernel's log (`dmesg`) may say more")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn says(error: &VfioError) -> String {
        let way = Way::Cdev("/dev/vfio/devices/vfio0".into());
        let place = Place { sysfs: "/nowhere".into(), group: 7, way };
        let (what, way_out) = refusal(error, &place, &Host::this());
        format!("{what}; {way_out}")
    }

    #[test]
    fn what_the_kernel_refuses_is_said_with_the_way_out() {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        let group = |errno| VfioError::OpenGroup(os(errno), "7".to_owned());
        for (error, parts) in [
            (group(Errno::EACCES), ["may not open /dev/vfio/7", "chown"]),
            (
                group(Errno::EBUSY),
                ["IOMMU group 7 is held by another process", "wait for it to end"],
            ),
            (VfioError::OpenContainer(os(Errno::ENOENT)), ["/dev/vfio/vfio failed", "modules"]),
            (VfioError::GroupViable, ["group 7 is not viable", "members"]),
            (
                VfioError::OpenDeviceCdev(os(Errno::EACCES)),
                ["may not open /dev/vfio/devices/vfio0", "chown"],
            ),
            (
                VfioError::NewVfioIommufd(IommufdError::OpenIommufd(os(Errno::EACCES))),
                ["may not open /dev/iommu", "chown"],
            ),
            (
                VfioError::VfioDeviceBindIommufd(os(Errno::EBUSY).into()),
                ["is held by another process", "wait for it to end"],
            ),
            (VfioError::VfioExtension, ["no type 1", "modprobe vfio_iommu_type1"]),
            (
                VfioError::ContainerSetIOMMU(os(Errno::EPERM).into()),
                ["does not isolate interrupts", "allow_unsafe_interrupts"],
            ),
        ] {
            let says = says(&error);
            assert!(parts.iter().all(|part| says.contains(part)), "{error:?}: {says}");
        }
    }
}

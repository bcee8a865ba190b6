//! From a path to a device that is known to be an NVMe controller.

use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use vfio_bindings::bindings::vfio::VFIO_DEVICE_FLAGS_PCI;
use vfio_bindings::bindings::vfio::VFIO_DEVICE_FLAGS_RESET;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSI_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_MSIX_IRQ_INDEX;
use zerocopy::IntoBytes;

use super::Options;
use super::VfioUser;
use super::config_space::Capabilities;
use super::connection::Connection;
use super::region::BAR0;
use super::region::CONFIG;
use super::region::DOORBELLS;
use super::region::Region;
use super::socket;
use super::vectors::Vectors;
use super::version;
use super::wire::Command;
use super::wire::DeviceInfo;
use super::wire::IrqInfo;
use crate::spec::pci::CLASS_NVME;
use crate::transport::Abilities;
use crate::transport::Claim;
use crate::transport::ClaimError;
use crate::transport::DeviceUri;
use crate::transport::OpenError;
use crate::transport::PortAbove;
use crate::transport::TransportError;
use crate::transport::TransportResult;
use crate::transport::interrupt_kind::Interrupts;

/// The shortest BAR0 that holds the registers and the doorbells of the admin queues, in bytes.
const BAR_MIN: u64 = DOORBELLS + 8;

/// The addresses that a device is told: all but the first page, so that a pointer of zero is a fault.
const IOVA: Range<u64> = 0x1000..u64::MAX;

/// Claims the socket at `path` and connects to it.
pub(super) fn connect(uri: &DeviceUri, path: &Path) -> Result<(UnixStream, Claim), OpenError> {
    let error = |what: String, way_out: &str| OpenError::new(uri.to_string(), what, way_out);
    let shown = path.display();
    if path.as_os_str().is_empty() {
        let what = "it names no socket".to_owned();
        return Err(error(what, "write `vfio-user:/path/to/socket`"));
    }
    let canonical = path.canonicalize().map_err(|cause| cannot_connect(uri, path, &cause))?;
    let is_socket = canonical.metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        let what = format!("`{shown}` is not a socket");
        return Err(error(what, "name the socket that the target listens on"));
    }
    let claim = Claim::take(canonical.as_os_str().as_bytes()).map_err(|cause| match cause {
        ClaimError::Busy { .. } => error(cause.to_string(), "wait for it to end, or end it"),
        ClaimError::Failed(_) => error(cause.to_string(), "look for what limits this process"),
    })?;
    let stream = socket::connect(path).map_err(|cause| cannot_connect(uri, path, &cause))?;
    Ok((stream, claim))
}

fn cannot_connect(uri: &DeviceUri, path: &Path, cause: &io::Error) -> OpenError {
    let path = path.display();
    let (what, way_out) = match cause.kind() {
        io::ErrorKind::NotFound => {
            (format!("there is no `{path}`"), "start the target first, or correct the path")
        }
        io::ErrorKind::ConnectionRefused => (
            format!("nobody listens on `{path}` any more"),
            "start the target again, after removing the socket if it does not do so",
        ),
        io::ErrorKind::PermissionDenied => (
            format!("this user may not connect to `{path}`"),
            "run as the user who started the target, or have the socket's permissions changed",
        ),
        io::ErrorKind::WouldBlock => (
            format!("others already wait for a connection to `{path}`"),
            "the target serves one client at a time: end the others",
        ),
        _ => (format!("connecting to `{path}` failed: {cause}"), "check the path"),
    };
    OpenError::new(uri.to_string(), what, way_out)
}

impl VfioUser {
    pub(super) fn open(
        uri: DeviceUri,
        stream: UnixStream,
        claim: Option<Claim>,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let refuse = |what: &str, way_out: &str| OpenError::new(uri.to_string(), what, way_out);
        let broken = |error: TransportError| {
            let what = what_happened(error);
            refuse(&what, "the target is broken or incompatible; its log may say more")
        };
        let name_nvme = "name the socket of an NVMe controller";

        let process = options.process.clone();
        let connection = Connection::new(uri.to_string(), stream, options.deadline, process);
        let version = version::negotiate(&connection).map_err(|error| no_version(&uri, error))?;
        if version.max_msg_fds == 0 {
            let what = "its server takes no file descriptors, so no memory can be shared with it";
            return Err(refuse(what, "use a target that does"));
        }
        let info = device_info(&connection).map_err(broken)?;
        let (flags, regions) = (info.flags.get(), info.num_regions.get());
        if flags & VFIO_DEVICE_FLAGS_PCI == 0 || regions <= CONFIG {
            return Err(refuse("it is not a PCI function", name_nvme));
        }
        let config = Region::get(&connection, CONFIG).map_err(broken)?;
        let bar = Region::get(&connection, BAR0).map_err(broken)?;
        let mut device = Self {
            uri: uri.clone(),
            abilities: Abilities {
                dma: options.dma,
                iova: IOVA,
                revokes: true,
                dma_faults: false,
                function_reset: false,
                hot_reset: false,
                power_cycles: false,
                port: PortAbove::Absent,
                owns_bars: true,
                moves_bar0: false,
                removes: false,
                terminates: options.process.is_some(),
                msix_vectors: 0,
                msi_vectors: 0,
                intx: false,
            },
            capabilities: Capabilities::default(),
            config_size: config.size,
            bar_size: bar.size,
            doorbells: None,
            vectors: Vectors::default(),
            has_reset: flags & VFIO_DEVICE_FLAGS_RESET != 0,
            fds_per_message: version.max_msg_fds as usize,
            connection,
            _claim: claim,
        };
        let class = device.class_code().map_err(broken)?;
        if class != CLASS_NVME {
            let what = format!("it is not an NVMe controller: its class code is {class:06X}h");
            return Err(refuse(&what, name_nvme));
        }
        if device.bar_size < BAR_MIN {
            let what = format!(
                "its BAR0 has {} bytes, and registers and doorbells take {BAR_MIN}",
                device.bar_size
            );
            return Err(refuse(&what, "the target is broken or incompatible"));
        }
        device.doorbells = bar.map_doorbells(&device.connection).map_err(broken)?;
        device.capabilities = device.find_capabilities().map_err(broken)?;
        device.abilities.function_reset = device.has_reset || device.capabilities.flr.is_some();
        let Capabilities { msix, msi, .. } = device.capabilities;
        let irqs = info.num_irqs.get();
        let count = |index, has| device.count_vectors(irqs, index, has);
        let has = Interrupts {
            msix_vectors: count(VFIO_PCI_MSIX_IRQ_INDEX, msix).map_err(broken)?,
            msi_vectors: count(VFIO_PCI_MSI_IRQ_INDEX, msi).map_err(broken)?,
            intx: false,
        };
        let chosen = has.choose(options.irq, &uri)?;
        device.abilities.msix_vectors = chosen.msix_vectors;
        device.abilities.msi_vectors = chosen.msi_vectors;
        device.arm().map_err(broken)?;
        Ok(device)
    }

    /// Returns how many vectors of a kind both the function `has` and the server can signal.
    fn count_vectors(
        &self,
        irqs: u32,
        index: u32,
        has: Option<(u16, u16)>,
    ) -> TransportResult<u16> {
        let Some((_, most)) = has.filter(|_| index < irqs) else { return Ok(0) };
        let request = IrqInfo {
            argsz: (size_of::<IrqInfo>() as u32).into(),
            flags: 0.into(),
            index: index.into(),
            count: 0.into(),
        };
        let what = format_args!("DEVICE_GET_IRQ_INFO of index {index}");
        let reply =
            self.connection.call(Command::DeviceGetIrqInfo, request.as_bytes(), &[], &what)?;
        let (info, _) = self.connection.parse::<IrqInfo>(&reply, &what)?;
        if info.flags.get() & VFIO_IRQ_INFO_EVENTFD == 0 {
            return Ok(0);
        }
        Ok(u16::try_from(info.count.get()).unwrap_or(u16::MAX).min(most))
    }
}

fn device_info(connection: &Connection) -> TransportResult<DeviceInfo> {
    let request = DeviceInfo {
        argsz: (size_of::<DeviceInfo>() as u32).into(),
        flags: 0.into(),
        num_regions: 0.into(),
        num_irqs: 0.into(),
    };
    let what = "DEVICE_GET_INFO";
    let reply = connection.call(Command::DeviceGetInfo, request.as_bytes(), &[], &what)?;
    let (&info, _) = connection.parse::<DeviceInfo>(&reply, &what)?;
    Ok(info)
}

/// Says why there was no good answer to the first request.
fn no_version(uri: &DeviceUri, error: TransportError) -> OpenError {
    let (what, way_out) = match error {
        TransportError::Silent { after, .. } => (
            format!("its server took the connection and did not answer within {after:?}"),
            "the socket is probably in use by another client, which has to disconnect first; \
             otherwise it is not that of a vfio-user server",
        ),
        error => (
            format!("its server does not speak vfio-user 0.1: {}", what_happened(error)),
            "name the socket of a vfio-user target",
        ),
    };
    OpenError::new(uri.to_string(), what, way_out)
}

/// Returns what `error` says, without the device, which the sentence around it names.
fn what_happened(error: TransportError) -> String {
    match error {
        TransportError::Lost { how, .. } => format!("its server is gone: {how}"),
        TransportError::Refused { what, why, .. } => format!("its server refused {what}: {why}"),
        TransportError::Silent { what, after, .. } => {
            format!("its server did not answer {what} within {after:?}")
        }
        TransportError::Protocol { how, .. } => format!("its server broke the protocol: {how}"),
        TransportError::Unsupported { what, why, .. } => {
            format!("its server does not allow {what}: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_this_user_may_not_connect_to() {
        let uri = "vfio-user:/a.sock".parse().unwrap();
        let cause = io::ErrorKind::PermissionDenied.into();
        let error = cannot_connect(&uri, Path::new("/a.sock"), &cause);
        assert_eq!(error.what, "this user may not connect to `/a.sock`");
        assert!(error.way_out.starts_with("run as the user who started the target"), "{error}");
    }
}

//! Devices behind a vfio-user socket.
//!
//! [`VfioUser`] is a client of the vfio-user protocol (version 0.1): a server plays a PCI function and
//! shares doorbells, while the client shares the memory for DMA. The server may be anybody's, for
//! example SPDK's nvmf target, so nothing that it sends is trusted.
//!
//! Some properties of servers show through:
//!
//! - One client at a time. The server accepts a second connection and answers it when the first has
//!   ended, so a device that does not answer at all is reported as probably being in use.
//! - A server may grant only a few mappings (SPDK: 64), and it stops the device to make one. The
//!   default is therefore [`DmaModel::Whole`].
//! - Configuration space outlives a connection. It is brought to a known state at each connection and
//!   each reset: memory space and bus mastering enabled, INTx, MSI and MSI-X disabled. After a reset
//!   the eventfds of vectors are then set up again.
//! - A write to a doorbell that is not mapped is posted: the server is told not to reply. One that does
//!   so all the same is waited for from then on.

mod config_space;
mod connection;
mod function;
mod incoming;
mod open;
mod region;
mod scheme;
mod socket;
mod vectors;
mod version;
mod wire;

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::config_space::Capabilities;
use self::connection::Connection;
use self::region::Doorbells;
use self::vectors::Vectors;
use super::Abilities;
use super::Claim;
use super::DeviceUri;
use super::DmaModel;
use super::InterruptKind;
use super::OpenError;
use super::Process;

pub use scheme::SCHEME;

/// A function behind a vfio-user socket.
///
/// ```no_run
/// use nvmetest::transport::vfio_user::{Options, VfioUser};
/// use nvmetest::transport::{DeviceUri, Function};
///
/// let uri: DeviceUri = "vfio-user:/run/nvme.sock".parse()?;
/// let device = VfioUser::connect(uri, "/run/nvme.sock", &Options::default())?;
/// let mut version = [0; 4];
/// device.bar_read(0x08, &mut version)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What revoking memory means here
///
/// [`Abilities::revokes`] is true. The server has mapped the memory into its process, and that it gives
/// the mapping up when it answers DMA_UNMAP is its promise, not something that hardware enforces: the
/// client relies on the server's vfio-user library, and not on the NVMe controller that is under test.
/// Where that is not enough, [`terminate`](super::Function::terminate) ends a [`Process`] that the session
/// started.
#[derive(Debug)]
pub struct VfioUser {
    uri: DeviceUri,
    connection: Connection,
    abilities: Abilities,
    capabilities: Capabilities,
    config_size: u64,
    bar_size: u64,
    doorbells: Option<Doorbells>,
    vectors: Vectors,
    /// The server resets the device on DEVICE_RESET.
    has_reset: bool,
    /// The most descriptors that the server takes beside a message.
    fds_per_message: usize,
    /// Held by those that connected to a path.
    _claim: Option<Claim>,
}

/// How to talk to a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// How memory is given to the device.
    pub dma: DmaModel,
    /// The interrupts that the device is used with; without, MSI-X where it has that, and MSI otherwise.
    pub irq: Option<InterruptKind>,
    /// How long to wait for each reply, and for a reset.
    pub deadline: Duration,
    /// The server's process, if the session has started it.
    pub process: Option<Arc<dyn Process>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { dma: DmaModel::Whole, irq: None, deadline: Duration::from_secs(5), process: None }
    }
}

impl VfioUser {
    /// Connects to the server that listens at `path`. One run of nvmetest at a time can do so.
    ///
    /// # Errors
    ///
    /// Fails if nothing listens there, if it is in use, if it does not speak the protocol, and if the
    /// device is not an NVMe controller.
    pub fn connect(
        uri: DeviceUri,
        path: impl AsRef<Path>,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let (stream, claim) = open::connect(&uri, path.as_ref())?;
        Self::open(uri, stream, Some(claim), options)
    }

    /// Takes over a stream that is connected to a server.
    ///
    /// # Errors
    ///
    /// Fails if the server does not speak the protocol, and if the device is not an NVMe controller.
    pub fn from_stream(
        uri: DeviceUri,
        stream: UnixStream,
        options: &Options,
    ) -> Result<Self, OpenError> {
        Self::open(uri, stream, None, options)
    }
}

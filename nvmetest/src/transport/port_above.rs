//! The port above: the other end of the link.

use super::DeviceUri;
use super::TransportError;

/// The port that a device is plugged into, as far as this way to the device knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortAbove {
    /// There is no link, whatever configuration space says: the device is a program.
    Absent,
    /// There may be one, and this process cannot program it.
    OutOfReach,
    /// [`Function::port_config_read`](super::Function::port_config_read) and
    /// [`Function::port_config_write`](super::Function::port_config_write) work.
    Programmable,
}

/// Says that the port is not [`PortAbove::Programmable`].
pub(super) fn unsupported(device: &DeviceUri) -> TransportError {
    TransportError::Unsupported {
        device: device.to_string(),
        what: "what takes its port".to_owned(),
        why: "no port that it is plugged into can be programmed over this transport".to_owned(),
    }
}

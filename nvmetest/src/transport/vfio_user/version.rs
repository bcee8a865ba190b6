//! Agreeing on a version of the protocol.

use serde::Deserialize;
use serde::Serialize;
use zerocopy::FromBytes;
use zerocopy::IntoBytes;

use super::connection::Connection;
use super::incoming::FD_LIMIT;
use super::wire::Command;
use super::wire::Version;
use crate::transport::TransportResult;

const MAJOR: u16 = 0;
const MINOR: u16 = 1;

/// The most bytes that an access to a region may carry, as far as this side is concerned.
const MAX_DATA_XFER_SIZE: u32 = 1 << 20;

/// What the two sides tell each other; all of it may be left out.
#[derive(Debug, Default, Serialize, Deserialize)]
struct VersionData {
    #[serde(default)]
    capabilities: Capabilities,
}

/// What a side can take.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Capabilities {
    /// The most file descriptors beside a message.
    #[serde(default = "default_max_msg_fds")]
    pub max_msg_fds: u32,
    #[serde(default = "default_max_data_xfer_size")]
    max_data_xfer_size: u32,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            max_msg_fds: default_max_msg_fds(),
            max_data_xfer_size: default_max_data_xfer_size(),
        }
    }
}

fn default_max_msg_fds() -> u32 {
    1
}

fn default_max_data_xfer_size() -> u32 {
    MAX_DATA_XFER_SIZE
}

/// Sends VERSION, and returns what the server can take.
pub(super) fn negotiate(connection: &Connection) -> TransportResult<Capabilities> {
    let version = Version { major: MAJOR.into(), minor: MINOR.into() };
    let ours =
        Capabilities { max_msg_fds: FD_LIMIT as u32, max_data_xfer_size: MAX_DATA_XFER_SIZE };
    let json = serde_json::to_vec(&VersionData { capabilities: ours }).expect("two numbers");
    let request = [version.as_bytes(), &json, &[0]].concat();
    let reply = connection.call(Command::Version, &request, &[], &"VERSION")?;
    parse(&reply.body).map_err(|how| connection.protocol(how))
}

fn parse(body: &[u8]) -> Result<Capabilities, String> {
    let Ok((version, json)) = Version::ref_from_prefix(body) else {
        return Err(format!("it answered VERSION with {} bytes", body.len()));
    };
    if version.major.get() != MAJOR {
        let (major, minor) = (version.major, version.minor);
        return Err(format!("it speaks version {major}.{minor} and not {MAJOR}.{MINOR}"));
    }
    let json = json.strip_suffix(&[0]).unwrap_or(json);
    if json.is_empty() {
        return Ok(Capabilities::default());
    }
    let data: VersionData = serde_json::from_slice(json)
        .map_err(|error| format!("its capabilities cannot be read: {error}"))?;
    Ok(data.capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        for json in ["", "\0", "{}\0", r#"{"capabilities":{}}"#] {
            let body = [&[0, 0, 1, 0], json.as_bytes()].concat();
            assert_eq!(parse(&body).unwrap().max_msg_fds, 1, "{json}");
        }
    }

    #[test]
    fn the_servers_limit_is_read_among_unknown_capabilities() {
        let json = br#"{"capabilities":{"max_msg_fds":8,"twin_socket":{"supported":true}}}"#;
        let body = [&[0, 0, 2, 0], &json[..], &[0]].concat();
        assert_eq!(parse(&body).unwrap().max_msg_fds, 8);
    }

    #[test]
    fn another_major_version_is_named() {
        let error = parse(&[1, 0, 3, 0]).unwrap_err();
        assert_eq!(error, "it speaks version 1.3 and not 0.1");
    }
}

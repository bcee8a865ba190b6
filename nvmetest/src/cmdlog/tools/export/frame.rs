//! Frames that never were on a wire: NVMe/TCP PDUs in TCP segments in IPv4 packets in Ethernet frames.
//!
//! The PDUs are those of the NVM Express TCP Transport Specification 1.1, 3.6.

use zerocopy::IntoBytes;

use crate::spec::Cqe;
use crate::spec::Sqe;

/// The port of NVMe/TCP.
const PORT: u16 = 4420;

/// Addresses for documentation and tests (RFC 5737, RFC 2544): none of them is anybody's.
const CONTROLLER_ADDRESS: [u8; 4] = [192, 0, 2, 1];
const HOST_NETWORK: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const CONTROLLER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// The ports that a host takes for connections of its own (RFC 6335).
const DYNAMIC_PORTS: u32 = 49152;

const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// PDU types (TCP Transport 3.6.1).
const IC_REQ: u8 = 0x00;
const IC_RESP: u8 = 0x01;
const CAPSULE_CMD: u8 = 0x04;
const CAPSULE_RESP: u8 = 0x05;

/// A connection: that of one queue.
#[derive(Debug)]
pub(super) struct Connection {
    host_address: [u8; 4],
    host_port: u16,
    /// The next sequence numbers.
    host: u32,
    controller: u32,
}

impl Connection {
    /// The connection with this number, before its handshake.
    pub(super) fn new(number: u32) -> Self {
        let ports = (1 << 16) - DYNAMIC_PORTS;
        Self {
            host_address: (HOST_NETWORK.wrapping_add(number / ports)).to_be_bytes(),
            host_port: (DYNAMIC_PORTS + number % ports) as u16,
            host: 0,
            controller: 0,
        }
    }

    /// The frames that begin a connection of NVMe/TCP to queue `qid` of a controller.
    ///
    /// They are what tells a dissector which queue this is; the log has none of them.
    pub(super) fn start(&mut self, qid: u16) -> Vec<Vec<u8>> {
        let syn = self.frame(true, SYN, &[]);
        self.host = 1;
        let syn_ack = self.frame(false, SYN | ACK, &[]);
        self.controller = 1;
        let ack = self.frame(true, ACK, &[]);
        let request = self.data(true, &pdu(IC_REQ, &[0; 120], &[]));
        // MAXH2CDATA is 4096 bytes at the least.
        let mut response = [0; 120];
        response[4..8].copy_from_slice(&4096_u32.to_le_bytes());
        let response = self.data(false, &pdu(IC_RESP, &response, &[]));
        let (sqe, data) = connect(qid);
        let connect = self.data(true, &pdu(CAPSULE_CMD, &sqe, &data));
        let mut cqe = [0; 16];
        // The controller has the identifier 1.
        cqe[0] = 1;
        let connected = self.data(false, &pdu(CAPSULE_RESP, &cqe, &[]));
        vec![syn, syn_ack, ack, request, response, connect, connected]
    }

    /// A command on its way to the controller.
    pub(super) fn command(&mut self, sqe: &Sqe) -> Vec<u8> {
        self.data(true, &pdu(CAPSULE_CMD, sqe.as_bytes(), &[]))
    }

    /// A completion on its way to the host.
    pub(super) fn completion(&mut self, cqe: &Cqe) -> Vec<u8> {
        self.data(false, &pdu(CAPSULE_RESP, cqe.as_bytes(), &[]))
    }

    fn data(&mut self, from_host: bool, payload: &[u8]) -> Vec<u8> {
        let frame = self.frame(from_host, PSH | ACK, payload);
        let next = if from_host { &mut self.host } else { &mut self.controller };
        *next = next.wrapping_add(payload.len() as u32);
        frame
    }

    fn frame(&self, from_host: bool, flags: u8, payload: &[u8]) -> Vec<u8> {
        let host = (HOST_MAC, self.host_address, self.host_port, self.host);
        let controller = (CONTROLLER_MAC, CONTROLLER_ADDRESS, PORT, self.controller);
        let (from, to) = if from_host { (host, controller) } else { (controller, host) };
        let acknowledged = if flags & ACK == 0 { 0 } else { to.3 };

        let mut tcp = Vec::with_capacity(20 + payload.len());
        tcp.extend(from.2.to_be_bytes());
        tcp.extend(to.2.to_be_bytes());
        tcp.extend(from.3.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        // A header of five dwords, the flags, the window, no checksum yet, no urgent data.
        tcp.extend([5 << 4, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        tcp.extend(payload);
        let tcp_len = (tcp.len() as u16).to_be_bytes();
        let pseudo = [&from.1[..], &to.1, &[0, 6], &tcp_len, &tcp].concat();
        tcp[16..18].copy_from_slice(&checksum(&pseudo).to_be_bytes());

        let total = (20 + tcp.len() as u16).to_be_bytes();
        // Version 4, five dwords; not to be fragmented, 64 hops, TCP.
        let mut ip = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
        ip.extend(from.1);
        ip.extend(to.1);
        let sum = checksum(&ip).to_be_bytes();
        ip[10..12].copy_from_slice(&sum);

        [&to.0[..], &from.0, &[0x08, 0x00], &ip, &tcp].concat()
    }
}

/// A PDU: the common header, what its type has, and data (TCP Transport 3.6.1).
fn pdu(kind: u8, body: &[u8], data: &[u8]) -> Vec<u8> {
    let header_len = 8 + body.len();
    let data_at = if data.is_empty() { 0 } else { header_len };
    let len = (header_len + data.len()) as u32;
    let mut pdu = vec![kind, 0, header_len as u8, data_at as u8];
    pdu.extend(len.to_le_bytes());
    pdu.extend(body);
    pdu.extend(data);
    pdu
}

/// A Connect command for a queue, and its data (Base 6.3).
fn connect(qid: u16) -> ([u8; 64], [u8; 1024]) {
    const FABRICS: u8 = 0x7F;
    const CONNECT: u8 = 0x01;
    /// An SGL describes the data: a block at an offset into the capsule.
    const SGL: u8 = 0x40;
    const DATA_BLOCK_OFFSET: u8 = 0x01;

    let mut sqe = [0; 64];
    (sqe[0], sqe[1], sqe[4], sqe[39]) = (FABRICS, SGL, CONNECT, DATA_BLOCK_OFFSET);
    sqe[32..36].copy_from_slice(&1024_u32.to_le_bytes());
    sqe[42..44].copy_from_slice(&qid.to_le_bytes());
    sqe[44..46].copy_from_slice(&31_u16.to_le_bytes());

    let mut data = [0; 1024];
    // Of an Admin Queue any controller, else the one that the Admin Queue was given.
    let controller: u16 = if qid == 0 { 0xFFFF } else { 1 };
    data[16..18].copy_from_slice(&controller.to_le_bytes());
    let mut name = |at: usize, nqn: &[u8]| data[at..at + nqn.len()].copy_from_slice(nqn);
    name(256, b"nqn.2014-08.org.nvmexpress:nvmetest-command-log");
    name(512, b"nqn.2014-08.org.nvmexpress:nvmetest");
    (sqe, data)
}

/// The checksum of the Internet protocols (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| (*low).into());
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while 0xFFFF < sum {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_hold() {
        let mut connection = Connection::new(70_000);
        for frame in connection.start(3) {
            let (ip, tcp) = frame[14..].split_at(20);
            assert_eq!(checksum(ip), 0);
            let len = (tcp.len() as u16).to_be_bytes();
            let pseudo = [&ip[12..20], &[0, 6], &len, tcp].concat();
            assert_eq!(checksum(&pseudo), 0);
        }
    }
}

//! Max_Payload_Size and Max_Read_Request_Size (PCIe 7.5.3.4).

use crate::Error;
use crate::Result;
use crate::spec::pci::DeviceCapabilities;
use crate::spec::pci::DeviceControl;
use crate::spec::pci::ExpressCapabilities;
use crate::spec::pci::express;

use super::super::Controller;
use super::super::PciFunction;
use super::super::put_back::PutBack;
use super::end::End;
use super::end::Write;
use super::end::all;
use super::end::check_alone;

/// The largest size that is encoded: 101b, of 4096 bytes.
const LARGEST: u8 = 0b101;

impl Controller {
    /// Sets Max_Payload_Size (PCIe 7.5.3.4) to 2^(7 + `size`) bytes at both ends of the link, has `run` do what it does, and puts
    /// back what was there, also if `run` panics.
    ///
    /// `size` is 000b to 101b. Neither a queue pair nor a host memory buffer exists while it changes: a packet that is longer than the
    /// other end takes would be malformed. Where there is no link ([`PortAbove::Absent`](crate::transport::PortAbove::Absent)), the function alone is
    /// programmed.
    ///
    /// ```
    /// use nvmetest::prelude::*;
    ///
    /// #[nvme_test]
    /// fn blocks_are_read_in_small_packets(nvme: &mut Controller) -> Result {
    ///     nvme.with_payload_size(0b000, |nvme| {
    ///         let ns = nvme.first_namespace()?;
    ///         let mut data = nvme.buffer(8 * ns.block());
    ///         ns.read(&mut data, 0).run(&nvme.qpair(1)?).map(drop)
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails as `run` does, and if the function does not take a size that it says it supports; with [`Error::NotApplicable`] if
    /// an end does not support the size, if the port does not take it, if it is not known what else would have to be programmed (the port is that of a switch,
    /// the device has several functions), or if this user cannot program the port.
    pub fn with_payload_size<T>(
        &mut self,
        size: u8,
        run: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        // A worker would go on meanwhile.
        self.shared().end_workers("the payload size of the link was changed");
        let undo = set_payload_size(self.pci(), size)?;
        let done = run(self);
        undo.now()?;
        done
    }
}

impl PciFunction<'_> {
    /// Sets Max_Read_Request_Size (PCIe 7.5.3.4) to 2^(7 + `size`) bytes, has `run` do what it does, and puts back what was there,
    /// also if `run` panics.
    ///
    /// `size` is 000b to 101b: the function reads memory by no longer requests.
    ///
    /// # Errors
    ///
    /// Fails as `run` does, and if the function does not take the size; with [`Error::NotApplicable`] if it has no PCI Express
    /// capability, if the size is hardwired to 000b, as it may be where no request is longer than 128 bytes, or if this user cannot
    /// program the port: VFIO shows what was written then, and not what is.
    pub fn with_read_request_size<T>(
        &self,
        size: u8,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        check_encoding(size)?;
        // Who cannot program the port sees of the sizes what the kernel shows, and not what they are.
        End::port_if_any(*self)?;
        let function = End::function(*self)?;
        let before = device_control(function)?;
        let undo = PutBack::by(|| write(function, before).run());
        write(function, before.with_max_read_request_size(size)).run()?;
        match device_control(function)?.max_read_request_size() {
            is if is == size => {}
            0b000 => {
                let why = "Max_Read_Request_Size is hardwired to 000b: no request is longer than 128 bytes";
                return Err(Error::NotApplicable(why.to_owned()));
            }
            is => {
                return Err(Error::Failed(format!(
                    "Max_Read_Request_Size is {is:03b}b after {size:03b}b was written to it"
                )));
            }
        }
        let done = run();
        undo.now()?;
        done
    }
}

/// Sets Max_Payload_Size at both ends, and returns what puts it back.
fn set_payload_size(pci: PciFunction<'_>, size: u8) -> Result<PutBack<impl FnOnce() -> Result>> {
    check_encoding(size)?;
    let function = End::function(pci)?;
    let port = End::port_if_any(pci)?;
    if let Some(port) = port {
        check_topology(pci, port)?;
    }
    let ends = [Some(function), port];
    for end in ends.into_iter().flatten() {
        let can = end.read32(end.express(express::DEVICE_CAPABILITIES))?;
        let can = DeviceCapabilities::from(can).max_payload_size();
        if can < size {
            let name = end.name();
            return Err(Error::NotApplicable(format!(
                "Max_Payload_Size Supported of {name} is {can:03b}b"
            )));
        }
    }
    let before = device_control(function)?;
    let port_before = port.map(device_control).transpose()?;
    let then = |control: DeviceControl| control.with_max_payload_size(size);
    let function_writes = (write(function, before), write(function, then(before)));
    let port_writes =
        port.zip(port_before).map(|(port, is)| (write(port, is), write(port, then(is))));
    let (back, set) = (function_writes.0, function_writes.1);
    let (port_back, port_set) = (port_writes.map(|it| it.0), port_writes.map(|it| it.1));

    // The function is who begins: it never sends more than the port takes.
    let in_order = |function, port, rises: bool| {
        let (first, last) = if rises { (port, Some(function)) } else { (Some(function), port) };
        first.into_iter().chain(last).collect::<Vec<_>>()
    };
    let rises = before.max_payload_size() < size;
    let falls_back = size < before.max_payload_size();
    let writes_back = in_order(back, port_back, falls_back);
    let undo = PutBack::by(|| all(writes_back));
    all(in_order(set, port_set, rises))?;
    for end in ends.into_iter().flatten() {
        let is = device_control(end)?.max_payload_size();
        if is != size {
            let name = end.name();
            return Err(end.fault(format!(
                "Max_Payload_Size of {name} is {is:03b}b after {size:03b}b was written to it, which it says it supports"
            )));
        }
    }
    Ok(undo)
}

/// Fails with [`Error::NotApplicable`] if more than these two would have to be programmed.
fn check_topology(pci: PciFunction<'_>, port: End<'_>) -> Result {
    const ROOT_PORT: u8 = 0x4;
    let kind = ExpressCapabilities::from(port.read16(port.express(express::CAPABILITIES))?).kind();
    if kind == ROOT_PORT {
        return check_alone(pci);
    }
    let why = "the port above is that of a switch, which would have to be programmed as a whole";
    Err(Error::NotApplicable(why.to_owned()))
}

fn check_encoding(size: u8) -> Result {
    if size <= LARGEST {
        return Ok(());
    }
    Err(Error::Failed(format!("a size of {size:03b}b is reserved: the largest is {LARGEST:03b}b")))
}

fn device_control(end: End<'_>) -> Result<DeviceControl> {
    end.read16(end.express(express::DEVICE_CONTROL)).map(DeviceControl::from)
}

fn write(end: End<'_>, control: DeviceControl) -> Write<'_> {
    end.word(end.express(express::DEVICE_CONTROL), control.into())
}

//! Active State Power Management (PCIe 5.4.1, PCIe 7.5.3.7).

use crate::Error;
use crate::Result;
use crate::spec::pci::LinkCapabilities;
use crate::spec::pci::LinkControl;
use crate::spec::pci::express;

use super::super::PciFunction;
use super::super::put_back::PutBack;
use super::end::End;
use super::end::Write;
use super::end::all;
use super::end::check_alone;

/// An end, what stands in its Link Control, and what is to stand there.
#[derive(Clone, Copy, Debug)]
struct Change<'f> {
    end: End<'f>,
    before: LinkControl,
    then: LinkControl,
}

impl PciFunction<'_> {
    /// Sets ASPM Control in Link Control (PCIe 7.5.3.7) at both ends of the link, has `run` do what it does, and puts back what was
    /// there, also if `run` panics.
    ///
    /// Bit 0 of `aspm` is L0s, bit 1 is L1. Where there is no link ([`PortAbove::Absent`](crate::transport::PortAbove::Absent)), the
    /// function alone is programmed.
    ///
    /// # Errors
    ///
    /// Fails as `run` does, and if the function does not take what it says it supports; with [`Error::NotApplicable`] if an end does
    /// not support a state, if the port does not take it, if this user cannot program the port, or if the device has several functions.
    pub fn with_aspm<T>(&self, aspm: u8, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let function = Change::of(End::function(*self)?, aspm)?;
        check_alone(*self)?;
        let port = End::port_if_any(*self)?.map(|port| Change::of(port, aspm)).transpose()?;
        let back = |change: Change<'_>| (change.then, change.before);
        let there = |change: Change<'_>| (change.before, change.then);
        let before = PutBack::by(|| all(program(function, port, back)));
        all(program(function, port, there))?;
        [port, Some(function)].into_iter().flatten().try_for_each(Change::check)?;
        let done = run();
        before.now()?;
        done
    }
}

/// What leads from one to the other: a state is enabled in the port first, and disabled in the function first (PCIe 5.4.1.3).
fn program<'f>(
    function: Change<'f>,
    port: Option<Change<'f>>,
    way: impl Fn(Change<'f>) -> (LinkControl, LinkControl),
) -> Vec<Write<'f>> {
    let (from, to) = way(function);
    let less = from.with_aspm(from.aspm() & to.aspm());
    let of_the_port = port.map(|port| port.write(way(port).1));
    [Some(function.write(less)), of_the_port, Some(function.write(to))]
        .into_iter()
        .flatten()
        .collect()
}

impl<'f> Change<'f> {
    /// Fails with [`Error::NotApplicable`] unless the end has the states.
    fn of(end: End<'f>, aspm: u8) -> Result<Self> {
        let can = LinkCapabilities::from(end.read32(end.express(express::LINK_CAPABILITIES))?);
        if can.aspm() & aspm != aspm {
            let (name, can) = (end.name(), can.aspm());
            let why = format!("{name} has not ASPM {aspm:02b}b: ASPM Support is {can:02b}b");
            return Err(Error::NotApplicable(why));
        }
        let before = LinkControl::from(end.read16(end.express(express::LINK_CONTROL))?);
        Ok(Self { end, before, then: before.with_aspm(aspm) })
    }

    fn write(self, value: LinkControl) -> Write<'f> {
        self.end.word(self.end.express(express::LINK_CONTROL), value.into())
    }

    /// Fails unless the end has taken what was written.
    fn check(self) -> Result {
        let is = LinkControl::from(self.end.read16(self.end.express(express::LINK_CONTROL))?);
        let (name, is, wanted) = (self.end.name(), is.aspm(), self.then.aspm());
        if is == wanted {
            return Ok(());
        }
        Err(self.end.fault(format!(
            "ASPM Control of {name} is {is:02b}b after {wanted:02b}b was written to it"
        )))
    }
}

//! Substates of L1 (PCIe 5.5, PCIe 7.8.3).

use std::time::Duration;

use crate::Error;
use crate::Result;
use crate::spec::pci::DeviceControl2;
use crate::spec::pci::ExtendedCapabilityId;
use crate::spec::pci::L1Substates;
use crate::spec::pci::L1SubstatesCapabilities;
use crate::spec::pci::L1SubstatesControl1;
use crate::spec::pci::L1SubstatesControl2;
use crate::spec::pci::LinkCapabilities;
use crate::spec::pci::LinkControl;
use crate::spec::pci::LtrThreshold;
use crate::spec::pci::TPowerOn;
use crate::spec::pci::express;
use crate::spec::pci::l1_substates;

use super::super::PciFunction;
use super::super::put_back::PutBack;
use super::end::End;
use super::end::Write;
use super::end::all;
use super::end::check_alone;

/// ASPM Control: L1.
const L1: u8 = 0b10;

/// T_POWER_OFF and T_L1.2: to be in L1.2 takes no less, apart from what the ends ask for (PCIe 5.5.5).
const IN_AND_OUT: Duration = Duration::from_micros(2 + 4);

/// An end that has substates.
#[derive(Clone, Copy, Debug)]
struct Sleeper<'f> {
    end: End<'f>,
    /// The offset of its L1 PM Substates capability.
    at: u16,
    can: L1SubstatesCapabilities,
}

/// The ends of the link, or the function where there is no link.
#[derive(Clone, Copy, Debug)]
struct Link<'f> {
    function: Sleeper<'f>,
    port: Option<Sleeper<'f>>,
}

/// What stands in the registers of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Registers {
    link: LinkControl,
    control_1: L1SubstatesControl1,
    control_2: L1SubstatesControl2,
}

/// What stands in those of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    function: Registers,
    port: Option<Registers>,
}

impl PciFunction<'_> {
    /// Enables these substates of L1 (PCIe 7.8.3.3), and ASPM L1, at both ends of the link, has `run` do what it does, and puts
    /// back what was there, also if `run` panics.
    ///
    /// T_POWER_ON is the longer of what the ends ask for, and with it LTR_L1.2_THRESHOLD what L1.2 takes at least. Where there is
    /// no link ([`PortAbove::Absent`](crate::transport::PortAbove::Absent)), the function alone is programmed.
    ///
    /// ```
    /// use nvmetest::prelude::*;
    /// use nvmetest::spec::pci::L1Substates;
    ///
    /// #[nvme_test]
    /// fn a_flush_wakes_the_link(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    ///     let substates = L1Substates::new().with_aspm_l1_2(true);
    ///     nvme.pci().with_l1_substates(substates, || ns.flush().run(q).map(drop))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails as `run` does, and if the function does not take what it says it supports; with [`Error::NotApplicable`] if an end
    /// does not support a substate or ASPM L1, if LTR is disabled at one and ASPM L1.2 is asked for, if the port does not take what it
    /// says, if this user cannot program the port, or if the device has several functions.
    pub fn with_l1_substates<T>(
        &self,
        substates: L1Substates,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let link = Link::of(*self, substates)?;
        let before = link.settings()?;
        let then = link.with(before, substates)?;
        let undo = PutBack::by(|| all(link.program(then, before)));
        all(link.program(before, then))?;
        link.check(then)?;
        let done = run();
        undo.now()?;
        done
    }
}

impl<'f> Link<'f> {
    /// Fails with [`Error::NotApplicable`] unless both ends have the substates.
    fn of(pci: PciFunction<'f>, substates: L1Substates) -> Result<Self> {
        let function = Sleeper::of(End::function(pci)?, substates)?;
        check_alone(pci)?;
        let port = End::port_if_any(pci)?.map(|port| Sleeper::of(port, substates));
        Ok(Self { function, port: port.transpose()? })
    }

    fn settings(&self) -> Result<Settings> {
        let port = self.port.map(|port| port.settings()).transpose()?;
        Ok(Settings { function: self.function.settings()?, port })
    }

    /// What is to stand there so that these substates, and ASPM L1, are enabled.
    fn with(&self, before: Settings, substates: L1Substates) -> Result<Settings> {
        let mut then = before;
        for end in [Some(&mut then.function), then.port.as_mut()].into_iter().flatten() {
            end.link = end.link.with_aspm(end.link.aspm() | L1);
            end.control_1 = end.control_1.with_enabled(substates);
        }
        if substates.has_l1_2() {
            let (time, power_on) = self.power_on()?;
            let common_mode = self.common_mode_restore_us();
            let all = IN_AND_OUT + time + Duration::from_micros(common_mode.into());
            let threshold = LtrThreshold::at_least(all).expect("less than 4 ms is less than 34 s");
            for end in [Some(&mut then.function), then.port.as_mut()].into_iter().flatten() {
                // With PCI-PM alone the bits may be reserved.
                if substates.aspm_l1_2() {
                    end.control_1 = end.control_1.with_threshold(threshold);
                }
                end.control_2 = end.control_2.with_t_power_on(power_on);
            }
            // The function's bits are reserved: it is the port that restores common mode.
            if let Some(port) = &mut then.port {
                port.control_1 = port.control_1.with_common_mode_restore_us(common_mode);
            }
        }
        Ok(then)
    }

    /// The longest T_POWER_ON that an end asks for.
    fn power_on(&self) -> Result<(Duration, TPowerOn)> {
        let mut longest = (Duration::ZERO, TPowerOn { scale: 0, value: 0 });
        for sleeper in self.both() {
            let power_on = sleeper.can.t_power_on();
            let name = sleeper.end.name();
            let reserved = || {
                let what = format!("Port T_POWER_ON Scale of {name} is 11b, which is reserved");
                sleeper.end.fault(what)
            };
            let time = power_on.duration().ok_or_else(reserved)?;
            if longest.0 < time {
                longest = (time, power_on);
            }
        }
        Ok(longest)
    }

    fn common_mode_restore_us(&self) -> u8 {
        let asked = self.both().map(|sleeper| sleeper.can.common_mode_restore_us());
        asked.max().unwrap_or_default()
    }

    /// What leads from one to the other, in the order of the standard (PCIe 5.5.4): ASPM L1 is disabled while the substates
    /// change, no time changes while a substate is enabled, and all is enabled at the port first, and disabled at the function first.
    fn program(&self, from: Settings, to: Settings) -> Vec<Write<'f>> {
        let ends = |function: Registers, port: Option<Registers>| {
            [Some((self.function, function)), self.port.zip(port)].into_iter().flatten()
        };
        let down = || ends(from.function, from.port);
        let up = || ends(to.function, to.port).rev();
        let none = L1Substates::new();
        let awake = |link: LinkControl| link.with_aspm(link.aspm() & !L1);
        let times = |(end, to): (Sleeper<'f>, Registers)| {
            [end.control_2(to.control_2), end.control_1(to.control_1.with_enabled(none))]
        };
        down()
            .map(|(end, from)| end.link(awake(from.link)))
            .chain(down().map(|(end, from)| end.control_1(from.control_1.with_enabled(none))))
            .chain(up().flat_map(times))
            .chain(up().map(|(end, to)| end.control_1(to.control_1)))
            .chain(up().map(|(end, to)| end.link(to.link)))
            .collect()
    }

    /// Fails unless both ends have taken what was written.
    fn check(&self, wanted: Settings) -> Result {
        let is = self.settings()?;
        let port = self.port.zip(is.port).zip(wanted.port);
        let port = port.map(|((end, is), wanted)| (end, is, wanted));
        for (end, is, wanted) in
            port.into_iter().chain([(self.function, is.function, wanted.function)])
        {
            if is != wanted {
                let name = end.end.name();
                return Err(end.end.fault(format!(
                    "{name} does not take what enables substates of L1 that it says it supports: {is:?}, and not {wanted:?}"
                )));
            }
        }
        Ok(())
    }

    /// Both ends.
    fn both(&self) -> impl Iterator<Item = Sleeper<'f>> {
        self.port.into_iter().chain([self.function])
    }
}

impl<'f> Sleeper<'f> {
    fn of(end: End<'f>, substates: L1Substates) -> Result<Self> {
        let name = end.name();
        let not_applicable = |why: String| Err(Error::NotApplicable(format!("{name} {why}")));
        let id = ExtendedCapabilityId::L1_PM_SUBSTATES;
        let Some(at) = end.extended(id, l1_substates::LEN)? else {
            return not_applicable("has no L1 PM Substates".to_owned());
        };
        let can = L1SubstatesCapabilities::from(end.read32(at + l1_substates::CAPABILITIES)?);
        if !can.supported() || !substates.are_among(can.substates()) {
            return not_applicable(format!("has of L1 PM Substates {can:?}"));
        }
        let link = end.read32(end.express(express::LINK_CAPABILITIES))?;
        let aspm = LinkCapabilities::from(link).aspm();
        if aspm & L1 == 0 {
            return not_applicable(format!("has no ASPM L1: ASPM Support is {aspm:02b}b"));
        }
        let control_2 = end.read16(end.express(express::DEVICE_CONTROL_2))?;
        if substates.aspm_l1_2() && !DeviceControl2::from(control_2).ltr() {
            let why = "has LTR disabled, without which the link stays out of ASPM L1.2";
            return not_applicable(why.to_owned());
        }
        Ok(Self { end, at, can })
    }

    fn settings(self) -> Result<Registers> {
        let link = self.end.read16(self.end.express(express::LINK_CONTROL))?;
        let control_1 = self.end.read32(self.at + l1_substates::CONTROL_1)?;
        let control_2 = self.end.read32(self.at + l1_substates::CONTROL_2)?;
        let (control_1, control_2) = (control_1.into(), control_2.into());
        Ok(Registers { link: link.into(), control_1, control_2 })
    }

    fn link(self, value: LinkControl) -> Write<'f> {
        self.end.word(self.end.express(express::LINK_CONTROL), value.into())
    }

    fn control_1(self, value: L1SubstatesControl1) -> Write<'f> {
        self.end.dword(self.at + l1_substates::CONTROL_1, value.into())
    }

    fn control_2(self, value: L1SubstatesControl2) -> Write<'f> {
        self.end.dword(self.at + l1_substates::CONTROL_2, value.into())
    }
}

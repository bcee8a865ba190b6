//! D0 and D3hot (PCIe transport 3.8.2).

use nvmetest::prelude::*;
use nvmetest::spec::pci::{CapabilityId, Command, Pmcsr, PowerState, offset, power};

/// The function goes to D3hot and comes back, and its configuration space answers all the time.
#[nvme_test(spec = "PCIe 5.3.1.4.1")]
fn the_function_goes_to_d3hot_and_comes_back(nvme: &mut Controller) -> Result {
    let power = super::the_capability(nvme, CapabilityId::POWER_MANAGEMENT)?;
    let state = |pci: PciFunction<'_>| {
        let status = Pmcsr::from(pci.read16(power + power::CONTROL_STATUS)?);
        Ok((status.power_state(), pci.read32(offset::VENDOR_ID)?))
    };
    let vendor = nvme.pci().read32(offset::VENDOR_ID)?;
    assert_eq!(nvme.in_d3hot(state)?, (PowerState::D3HOT, vendor));
    assert_eq!(state(nvme.pci())?, (PowerState::D0, vendor));
    Ok(())
}

/// From D3hot to D0 is no reset: what was configured is there, and the controller goes on as it was.
#[nvme_test(spec = "PCIe transport 3.8.2.3")]
fn the_controller_is_as_before_after_d3hot(nvme: &mut Controller) -> Result {
    let state = |nvme: &Controller| -> Result<_> {
        let (pci, registers) = (nvme.pci(), nvme.registers());
        let command = Command::from(pci.read16(offset::COMMAND)?);
        let bars = (pci.read32(offset::BAR0)?, pci.read32(offset::BAR0 + 4)?);
        Ok((command, bars, registers.cc()?, registers.csts()?, registers.aqa()?))
    };
    let before = state(nvme)?;
    nvme.in_d3hot(|_| Ok(()))?;
    assert_eq!(state(nvme)?, before);
    // The queues are as before, too: the next completion has the phase tag that is due.
    nvme.get_features(0x07).run(nvme)?;
    Ok(())
}

/// Data that was written before is there after D3hot.
#[nvme_test(spec = "PCIe transport 3.8.2.3")]
fn data_survives_d3hot(nvme: &mut Controller) -> Result {
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(4 * block);
    data.iter_mut().zip((7..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());
    nvme.first_namespace()?.write(&data, 21).run(&nvme.qpair(1)?)?;
    for _ in 0..3 {
        nvme.in_d3hot(|_| Ok(()))?;
        back.fill(0);
        nvme.first_namespace()?.read(&mut back, 21).run(&nvme.qpair(1)?)?;
        assert_eq!(back[..], data[..]);
    }
    Ok(())
}

//! The Command register, and what it allows (PCIe transport 3.8.1.3).

use std::time::{Duration, Instant};

use nvmetest::prelude::*;
use nvmetest::spec::Property;
use nvmetest::spec::pci::{Command, offset};

/// Memory space, bus mastering and INTx can be switched: the bits for it are not wired.
#[nvme_test(spec = "PCIe transport 3.8.1.3")]
fn the_function_answers_and_is_a_bus_master_as_the_host_asks(nvme: &mut Controller) -> Result {
    let command = |pci: PciFunction<'_>| Ok(Command::from(pci.read16(offset::COMMAND)?));
    assert!(command(nvme.pci())?.memory_space() && command(nvme.pci())?.bus_master());
    assert!(!nvme.without_memory_space(command)?.memory_space());
    nvme.pci().set_bus_master(false)?;
    let without = command(nvme.pci())?;
    nvme.pci().set_bus_master(true)?;
    assert!(!without.bus_master(), "{without:?}");
    assert!(command(nvme.pci())?.memory_space() && command(nvme.pci())?.bus_master());
    Ok(())
}

/// The controller is as before after a time in which no register answered.
#[nvme_test(spec = "PCIe transport 3.8.1.3")]
fn the_controller_outlasts_a_time_without_memory_space(nvme: &mut Controller) -> Result {
    let before = registers_of_the_host(nvme)?;
    nvme.without_memory_space(|_| Ok(()))?;
    assert_eq!(registers_of_the_host(nvme)?, before);
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    Ok(())
}

/// Without memory space no register answers.
#[nvme_test(spec = "PCIe transport 3.8.1.3")]
fn without_memory_space_no_register_answers(nvme: &mut Controller) -> Result {
    let version = |pci: PciFunction<'_>| pci.read_bar0(Property::VS.0.into());
    let before = version(nvme.pci())?;
    let without = nvme.without_memory_space(version)?;
    assert_ne!(without, before, "VS is read without Memory Space Enable");
    assert_eq!(version(nvme.pci())?, before);
    Ok(())
}

/// Without bus mastering nothing is fetched, transferred or completed.
#[nvme_test(spec = "PCIe transport 3.8.1.3")]
fn without_bus_mastering_memory_is_not_touched(nvme: &mut Controller) -> Result {
    const MARK: u8 = 0xa5;
    const WHILE: Duration = Duration::from_millis(50);
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(block);
    data.fill(MARK);
    let mut completed = false;
    {
        let (q, ns) = (nvme.qpair(2)?, nvme.first_namespace()?);
        // The reset ends the command, which fails; that is what it is for.
        let _ = q.scope(|io| {
            nvme.pci().set_bus_master(false)?;
            let read = ns.read(&mut data, 0).submit(io);
            let start = Instant::now();
            while start.elapsed() < WHILE {
                completed |= read.completion().is_some();
            }
            nvme.disable()
        });
    }
    nvme.pci().set_bus_master(true)?;
    nvme.reset()?;
    assert!(!completed, "a completion was written");
    assert!(data.iter().all(|&byte| byte == MARK), "data was written");
    nvme.first_namespace()?.read(&mut data, 0).run(&nvme.qpair(1)?)?;
    Ok(())
}

/// CAP, ASQ, CC and CSTS: what the controller is, and what the host made of it.
pub(super) fn registers_of_the_host(nvme: &Controller) -> Result<[u64; 4]> {
    let registers = nvme.registers();
    let [cc, csts] = [Property::CC, Property::CSTS].map(|it| registers.read32(it));
    let [cap, asq] = [Property::CAP, Property::ASQ].map(|it| registers.read64(it));
    Ok([cap?, asq?, cc?.into(), csts?.into()])
}

//! A hot reset: of all that is behind the port that the device is plugged into (PCIe 6.6.1).

use nvmetest::prelude::*;
use nvmetest::spec::property::ShutdownStatus;
use nvmetest::spec::{Cc, Property};

/// A hot reset disables the controller and clears the properties that the host wrote.
#[nvme_test(spec = "Base 3.7.2", requires(HOT_RESET))]
fn a_hot_reset_clears_the_properties(nvme: &mut Controller) -> Result {
    nvme.hot_reset_only()?;
    let registers = nvme.registers();
    let (cc, csts) = (registers.cc()?, registers.csts()?);
    let (aqa, mask) = (registers.aqa()?, registers.read32(Property::INTMS)?);
    nvme.reset()?;

    assert_eq!(cc, Cc::new());
    assert!(!csts.rdy() && !csts.cfs(), "{csts:?}");
    assert_eq!(csts.shst(), ShutdownStatus::NORMAL_OPERATION);
    assert_eq!(u32::from(aqa), 0);
    assert_eq!(mask, 0);
    Ok(())
}

/// After a hot reset the controller works as before, and has what was written to it.
#[nvme_test(spec = "PCIe 6.6.1", requires(HOT_RESET))]
fn data_survives_a_hot_reset(nvme: &mut Controller) -> Result {
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(8 * block);
    data.iter_mut().zip((5..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());
    nvme.first_namespace()?.write(&data, 13).run(&nvme.qpair(1)?)?;
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;

    nvme.hot_reset()?;

    nvme.first_namespace()?.read(&mut back, 13).run(&nvme.qpair(1)?)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}

/// A hot reset deletes the I/O queues.
#[nvme_test(spec = "PCIe transport 3.3", requires(HOT_RESET))]
fn a_hot_reset_deletes_the_io_queues(nvme: &mut Controller) -> Result {
    crate::reset::create_queue_pair_1(nvme)?;
    nvme.hot_reset()?;
    // A queue that is still there cannot be created.
    crate::reset::create_queue_pair_1(nvme)?;
    crate::reset::delete_queue_pair_1(nvme)
}

//! Shutdown (Base 3.6.1).

use nvmetest::prelude::*;
use nvmetest::spec::log::SmartHealth;
use nvmetest::spec::property::ShutdownStatus;
use nvmetest::{LogPage, Shutdown};
use zerocopy::FromBytes;

/// A shutdown completes, and a reset makes the controller work again.
#[nvme_test(spec = "Base 3.6.1", cases(normal = Shutdown::Normal, abrupt = Shutdown::Abrupt))]
fn a_shutdown_completes_and_a_reset_ends_it(
    nvme: &mut Controller,
    #[case] how: Shutdown,
) -> Result {
    let before = nvme.registers().csts()?.shst();
    nvme.shut_down(how)?;
    nvme.reset()?;
    let after = nvme.registers().csts()?.shst();
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;

    assert_eq!(before, ShutdownStatus::NORMAL_OPERATION);
    assert_eq!(after, ShutdownStatus::NORMAL_OPERATION);
    Ok(())
}

/// What was written is durable after a normal shutdown, whether or not it was flushed.
#[nvme_test(spec = "Base 3.6.1")]
fn data_survives_a_normal_shutdown(nvme: &mut Controller) -> Result {
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(32 * block);
    data.iter_mut().zip((5..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());
    nvme.first_namespace()?.write(&data, 40).run(&nvme.qpair(1)?)?;
    nvme.shut_down(Shutdown::Normal)?;
    nvme.reset()?;
    nvme.first_namespace()?.read(&mut back, 40).run(&nvme.qpair(1)?)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}

/// A shutdown with I/O queues that still exist completes, and a reset deletes them.
#[nvme_test(spec = "Base 3.6.1", cases(normal = Shutdown::Normal, abrupt = Shutdown::Abrupt))]
fn a_shutdown_does_not_wait_for_io_queues_to_be_deleted(
    nvme: &mut Controller,
    #[case] how: Shutdown,
) -> Result {
    crate::reset::create_queue_pair_1(nvme)?;
    nvme.shut_down(how)?;
    nvme.reset()?;
    nvme.delete_io_sq(1).expect(Status::INVALID_QUEUE_IDENTIFIER).run(&*nvme)?;
    Ok(())
}

/// A shutdown with outstanding event requests completes.
#[nvme_test(spec = "Base 3.6.1", cases(normal = Shutdown::Normal, abrupt = Shutdown::Abrupt))]
fn a_shutdown_does_not_wait_for_events(nvme: &mut Controller, #[case] how: Shutdown) -> Result {
    // The request is for the shutdown to end, and not for the driver.
    std::mem::forget(nvme.events(1)?);
    nvme.shut_down(how)?;
    nvme.reset()
}

/// A normal shutdown is no unsafe one, nor is a reset: the count stays.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn a_normal_shutdown_is_not_counted_as_unsafe(nvme: &mut Controller) -> Result {
    let before = unsafe_shutdowns(nvme)?;
    nvme.shut_down(Shutdown::Normal)?;
    nvme.reset()?;
    assert_eq!(unsafe_shutdowns(nvme)?, before);
    Ok(())
}

/// A controller can be shut down again and again.
#[nvme_test(spec = "Base 3.6.1")]
fn a_shutdown_can_be_repeated(nvme: &mut Controller) -> Result {
    for how in [Shutdown::Normal, Shutdown::Abrupt, Shutdown::Normal] {
        nvme.shut_down(how)?;
        nvme.reset()?;
        nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    }
    Ok(())
}

fn unsafe_shutdowns(nvme: &Controller) -> Result<u128> {
    const SMART: u8 = 0x02;
    let mut page = nvme.buffer(size_of::<SmartHealth>());
    nvme.get_log_page(LogPage::of(SMART), &mut page).run(nvme)?;
    let smart = SmartHealth::ref_from_bytes(&page).expect("the buffer has the size of the log");
    Ok(smart.upl.get())
}

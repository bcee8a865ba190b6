//! Controller Reset: CC.EN from 1 to 0 (Base 3.7.2).

use std::time::{Duration, Instant};

use nvmetest::prelude::*;
use nvmetest::spec::Property;
use nvmetest::spec::property::ShutdownStatus;
use nvmetest::{CreateIoCq, CreateIoSq};

/// Feature identifiers (Base 5.1.25.1).
const ARBITRATION: u8 = 0x01;
const TEMPERATURE_THRESHOLD: u8 = 0x04;
const ASYNCHRONOUS_EVENT_CONFIGURATION: u8 = 0x0b;

/// A reset deletes the I/O queues: their identifiers are free again.
#[nvme_test(spec = "Base 3.7.2")]
fn a_reset_deletes_the_io_queues(nvme: &mut Controller) -> Result {
    create_queue_pair_1(nvme)?;
    nvme.reset()?;
    nvme.delete_io_sq(1).expect(Status::INVALID_QUEUE_IDENTIFIER).run(&*nvme)?;
    create_queue_pair_1(nvme)?;
    delete_queue_pair_1(nvme)
}

/// After a reset the same queues can be created again, and work.
#[nvme_test(spec = "Base 3.7.2")]
fn queues_can_be_created_again_after_a_reset(nvme: &mut Controller) -> Result {
    for _ in 0..3 {
        {
            let (q, ns) = (nvme.qpair(1)?, nvme.first_namespace()?);
            for _ in 0..7 {
                ns.flush().run(&q)?;
            }
        }
        nvme.reset()?;
    }
    Ok(())
}

/// A feature that was changed and not saved has its old value after a reset.
#[nvme_test(
    spec = "Base 4.4",
    cases(
        arbitration = (ARBITRATION, 0x3),
        temperature_threshold = (TEMPERATURE_THRESHOLD, 0x1),
        asynchronous_event_configuration = (ASYNCHRONOUS_EVENT_CONFIGURATION, 0x2),
    )
)]
fn a_feature_that_was_not_saved_is_lost_by_a_reset(
    nvme: &mut Controller,
    #[case] (fid, flip): (u8, u32),
) -> Result {
    nvme.reset()?;
    let before = nvme.get_features(fid).run(&*nvme)?.cdw0;
    let either = &[Status::SUCCESS, Status::FEATURE_NOT_CHANGEABLE];
    let set = nvme.set_features(fid, before ^ flip).expect(either).run(&*nvme)?;
    if !set.status.is_success() {
        return Err(Error::NotApplicable(format!("feature {fid:#04x} is not changeable")));
    }
    let changed = nvme.get_features(fid).run(&*nvme)?.cdw0;
    nvme.reset()?;
    let after = nvme.get_features(fid).run(&*nvme)?.cdw0;
    if after != before {
        nvme.set_features(fid, before).run(&*nvme)?;
    }

    assert_eq!(changed, before ^ flip, "the feature was not changed");
    assert_eq!(after, before);
    Ok(())
}

/// A reset ends all event requests without a completion: as many as ever can be made again.
#[nvme_test(spec = "Base 5.1.2")]
fn a_reset_ends_the_event_requests(nvme: &mut Controller) -> Result {
    let limit = usize::from(nvme.capabilities().controller.aerl_z) + 1;
    // The admin queue holds less commands than some controllers take requests.
    let limit = limit.min(usize::from(nvme.config().admin_sq_entries) - 2);
    for _ in 0..3 {
        // The requests are for the reset to end, and not for the driver.
        std::mem::forget(nvme.events(limit)?);
        nvme.reset()?;
    }
    let events = nvme.events(limit)?;
    assert_eq!(events.poll(Duration::from_millis(20))?, None);
    assert_eq!(events.outstanding(), limit);
    Ok(())
}

/// What was written before a reset is read after it.
#[nvme_test(spec = "Base 3.7.2")]
fn data_survives_a_reset(nvme: &mut Controller) -> Result {
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(16 * block);
    data.iter_mut().zip((7..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());
    nvme.first_namespace()?.write(&data, 23).run(&nvme.qpair(1)?)?;
    nvme.reset()?;
    nvme.first_namespace()?.read(&mut back, 23).run(&nvme.qpair(1)?)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}

/// A reset under load ends all commands, and the controller writes to no memory after it.
#[nvme_test(spec = "Base 3.7.2", timeout = Duration::from_secs(300))]
fn a_reset_under_load_ends_all_commands(nvme: &mut Controller) -> Result {
    const MARK: u8 = 0xa5;
    let block = nvme.first_namespace()?.block();
    let commands = nvme.capabilities().cap.mqes_z().min(32);
    for turn in 0..10 {
        let mut data = nvme.buffer(usize::from(commands) * 8 * block);
        {
            let (q, ns) = (nvme.qpair(commands)?, nvme.first_namespace()?);
            // The commands that the reset overtakes fail, and that is what it is for.
            let _ = q.scope(|io| {
                for (chunk, lba) in data.chunks_mut(8 * block).zip((0..).step_by(8)) {
                    ns.read(chunk, lba).submit(io);
                }
                nvme.disable()
            });
        }
        data.fill(MARK);
        nvme.reset()?;
        {
            let (q, ns) = (nvme.qpair(1)?, nvme.first_namespace()?);
            let mut other = nvme.buffer(block);
            for lba in 0..8 {
                ns.read(&mut other, lba).run(&q)?;
            }
        }
        assert!(data.iter().all(|&byte| byte == MARK), "written after reset number {turn}");
    }
    Ok(())
}

/// A reset leaves a controller that is not ready, reports no error and is not shut down.
#[nvme_test(spec = "Base 3.1.4.6")]
fn a_controller_is_not_ready_after_a_reset(nvme: &mut Controller) -> Result {
    nvme.disable()?;
    let (cc, csts) = (nvme.registers().cc()?, nvme.registers().csts()?);
    nvme.reset()?;
    assert!(!cc.en() && !csts.rdy() && !csts.cfs(), "{cc:?} {csts:?}");
    assert_eq!(csts.shst(), ShutdownStatus::NORMAL_OPERATION);
    Ok(())
}

/// RDY goes away within CAP.TO after EN did.
#[nvme_test(spec = "Base 3.1.4.1", timeout = Duration::from_secs(300))]
fn ready_goes_within_the_time_that_the_controller_names(nvme: &mut Controller) -> Result {
    let limit = nvme.registers().cap()?.timeout();
    let cc = nvme.registers().cc()?;
    let start = Instant::now();
    nvme.registers().write32(Property::CC, cc.with_en(false).into())?;
    while nvme.registers().csts()?.rdy() && start.elapsed() <= limit {
        std::thread::yield_now();
    }
    let (took, csts) = (start.elapsed(), nvme.registers().csts()?);
    nvme.reset()?;
    assert!(
        !csts.rdy(),
        "CSTS.RDY is set {took:?} after CC.EN was cleared, and CAP.TO is {limit:?}"
    );
    Ok(())
}

/// What a reset does is done once: a controller that is disabled may be disabled again.
#[nvme_test(spec = "Base 3.1.4.5")]
fn a_disabled_controller_stays_disabled(nvme: &mut Controller) -> Result {
    nvme.disable()?;
    let cc = nvme.registers().cc()?;
    nvme.registers().write32(Property::CC, cc.into())?;
    let csts = nvme.registers().csts()?;
    nvme.reset()?;
    assert!(!csts.rdy() && !csts.cfs(), "{csts:?}");
    Ok(())
}

/// Creates the queue pair 1 for a reset to delete: the driver does not.
pub(crate) fn create_queue_pair_1(nvme: &Controller) -> Result {
    let completion =
        CreateIoCq { qid: 1, size_z: 1, contiguous: true, interrupts: false, vector: 0, offset: 0 };
    let submission =
        CreateIoSq { qid: 1, size_z: 1, contiguous: true, priority: 0, cqid: 1, offset: 0 };
    nvme.create_io_cq(completion).run(nvme)?;
    nvme.create_io_sq(submission).run(nvme)?;
    Ok(())
}

/// Deletes what [`create_queue_pair_1`] created.
pub(crate) fn delete_queue_pair_1(nvme: &Controller) -> Result {
    nvme.delete_io_sq(1).run(nvme)?;
    nvme.delete_io_cq(1).run(nvme)?;
    Ok(())
}

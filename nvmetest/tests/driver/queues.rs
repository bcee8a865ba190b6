//! Queues of every shape, on the soft controller.

use nvmetest::CqOptions;
use nvmetest::SqOptions;
use nvmetest::prelude::*;
use nvmetest_fixtures::soft;

#[test]
fn several_submission_queues_share_a_completion_queue() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let ns = nvme.namespace(1)?;
    let cq = nvme.completion_queue(CqOptions { entries: 64, vector: None })?;
    let options = SqOptions { entries: 8, priority: 0 };
    let a = cq.submission_queue(options)?;
    let b = cq.submission_queue(options)?;
    assert_eq!((a.cq_id(), b.cq_id()), (cq.id(), cq.id()));

    let mut buf = nvme.buffer(1024);
    buf.fill(0xff);
    let (left, right) = buf.as_mut().split_at(512);
    a.scope(|io_a| {
        b.scope(|io_b| {
            let left = ns.read(left, 0).submit(io_a);
            let right = ns.read(right, 1).submit(io_b);
            // Each reaps what it finds, and hands the other its own.
            right.wait()?;
            left.wait().map(drop)
        })
    })?;
    assert!(buf.iter().all(|&byte| byte == 0));
    Ok(())
}

#[test]
fn a_queue_pair_goes_with_its_scope_and_leaves_nothing_behind() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let ids: Vec<u16> = (0..3).map(|_| nvme.qpair(2).map(|q| q.id())).collect::<Result<_>>()?;
    assert_eq!(ids, [1, 1, 1]);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_queue_that_was_made_by_hand_and_left_is_a_leak() -> Result {
    let mut nvme = soft::controller("soft:size=1MiB")?;
    let fields = nvmetest::CreateIoCq {
        qid: 3,
        size_z: 7,
        contiguous: true,
        interrupts: false,
        vector: 0,
        offset: 0,
    };
    nvme.create_io_cq(fields).run(&nvme)?;
    assert_eq!(nvme.leaks()?, ["completion queue 3 was not deleted"]);
    nvme.reset()?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_feature_that_was_changed_is_a_leak() -> Result {
    const ARBITRATION: u8 = 0x01;
    let nvme = soft::controller("soft:size=1MiB")?;
    let before = nvme.get_features(ARBITRATION).run(&nvme)?.cdw0;
    nvme.set_features(ARBITRATION, before ^ 0x0300_0000).run(&nvme)?;
    let leaks = nvme.leaks()?;
    assert!(leaks.len() == 1 && leaks[0].starts_with("feature Arbitration (01h) was"), "{leaks:?}");

    nvme.set_features(ARBITRATION, before).run(&nvme)?;
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_queue_wraps_many_times() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let ns = nvme.namespace(1)?;
    let q = nvme.qpair(2)?;
    for _ in 0..500 {
        ns.flush().run(&q)?;
    }
    Ok(())
}

#[test]
fn a_queue_pair_cannot_be_had_once_all_are_taken() -> Result {
    let nvme = soft::controller("soft:size=1MiB,queues=2")?;
    let _held = [nvme.qpair(2)?, nvme.qpair(2)?];
    assert!(matches!(nvme.qpair(2), Err(Error::NoQueue { granted: 2, .. })));
    Ok(())
}

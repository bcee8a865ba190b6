//! Memory that the device had, and has no more.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nvmetest::ControllerConfig;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Cap;
use nvmetest::spec::Property;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;

#[test]
fn a_buffer_that_was_dropped_is_out_of_reach() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let nvme = fake.open()?;
    let buf = nvme.buffer(512);
    let iova = buf.iova().0;
    assert!(fake.write(iova, &[0xdd]));
    drop(buf);
    assert!(!fake.write(iova, &[0xdd]));
    Ok(())
}

/// A controller may fetch all of the memory page that a PRP List is in, and not only its entries.
#[test]
fn the_memory_page_of_a_prp_list_is_mapped_as_a_whole() -> Result {
    const PAGE: u64 = 64 << 10;
    let list = Arc::new(AtomicU64::new(0));
    let noted = list.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 {
            noted.store(sqe.dptr[1].get(), Ordering::Relaxed);
        }
        Reply::Normal
    });
    let cap = Cap::from(fake.register(Property::CAP)).with_mpsmax(4);
    fake.set_register(Property::CAP, cap.into());
    let mut nvme = fake.open()?;
    nvme.reset_with(&ControllerConfig { page_shift: 16, ..*nvme.config() })?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(3 * PAGE as usize);
    ns.read(&mut buf, 0).run(&q)?;
    let page = list.load(Ordering::Relaxed) & !(PAGE - 1);
    assert_ne!(page, 0, "three memory pages take a list");
    assert!(fake.reaches(page, PAGE as usize), "{page:#x}");
    Ok(())
}

/// An address that the device may remember is not that of another buffer later.
#[test]
fn no_address_is_used_twice() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let mut last = 0;
    for _ in 0..20 {
        let iova = nvme.buffer(4096).iova().0;
        assert!(last < iova, "{iova:#x} comes after {last:#x}");
        last = iova;
    }
    Ok(())
}

/// Nobody gets memory that could not be taken from the device.
#[test]
fn memory_that_the_device_keeps_is_not_used_again() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let nvme = fake.open()?;
    let buf = nvme.buffer(4096);
    let iova = buf.iova().0;
    fake.keep_mappings();
    drop(buf);
    let others: Vec<Buffer> = (0..64).map(|_| nvme.buffer(4096)).collect();
    assert!(fake.write(iova, &[0xdd; 4096]));
    assert!(others.iter().all(|other| other.iter().all(|&byte| byte == 0)));
    Ok(())
}

/// The device was told that it may use the buffer, and then that it may not: nothing is to be had from it.
#[test]
#[should_panic(expected = "the buffer was taken from the device when a command timed out")]
fn a_buffer_that_was_revoked_is_not_lent_again() {
    let fake = Fake::with_model(DmaModel::PerBuffer, |qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let nvme = fake.open().unwrap();
    let mut page = nvme.buffer(4096);
    for _ in 0..2 {
        let log = nvme.get_log_page(nvmetest::LogPage::of(2), &mut page);
        let hung = log.timeout(Duration::from_millis(10)).run(&nvme);
        assert!(matches!(hung, Err(Error::Timeout { .. })), "{hung:?}");
    }
}

/// What a test does with the queue, and with the command that created it, does not matter.
#[test]
fn the_memory_of_a_queue_is_kept_until_the_controller_is_disabled() -> Result {
    let address = Arc::new(AtomicU64::new(0));
    let seen = address.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid == 0 && sqe.admin_opcode() == AdminOpcode::CREATE_IO_CQ {
            seen.store(sqe.dptr[0].get(), Ordering::Relaxed);
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let fields = nvmetest::CreateIoCq {
        qid: 3,
        size_z: 7,
        contiguous: true,
        interrupts: false,
        vector: 0,
        offset: 0,
    };
    nvme.create_io_cq(fields).run(&nvme)?;
    let address = address.load(Ordering::Relaxed);
    assert!(fake.write(address, &[0xdd; 16]));
    nvme.disable()?;
    assert!(!fake.write(address, &[0xdd; 16]));
    Ok(())
}

/// Nobody knows whether the controller was enabled: it may use its admin queue, so nobody else does.
#[test]
fn the_admin_queue_is_kept_if_the_way_to_the_controller_is_lost_while_it_is_enabled() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let mut nvme = fake.open()?;
    fake.die_when_enabled();
    let error = nvme.reset().expect_err("the device is gone");
    assert!(error.is_lost(), "{error}");
    for queue in [Property::ASQ, Property::ACQ] {
        assert!(fake.write(fake.register(queue), &[0xdd; 16]), "{queue}");
    }
    Ok(())
}

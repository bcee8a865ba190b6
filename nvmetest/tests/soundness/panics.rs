//! Panics in the body of a scope, in callbacks, and in their drops.

use nvmetest::prelude::*;
use nvmetest::queue::scope_all;

use super::fake::Reply;
use super::setting::*;

#[test]
fn a_scope_waits_when_its_body_panics() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let panic = panic_of(|| {
        q.scope(|io| -> Result {
            ns.read(&mut buf, 0).submit(io);
            panic!("assertion of the test");
        })
    });
    assert_eq!(panic.as_deref(), Some("assertion of the test"));
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_panic_in_a_callback_does_not_free_memory_in_flight() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::Moved(DATA),
        _ => Reply::MovedLate(DATA, LATE),
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (first, second) = buf.as_mut().split_at(512);
    let panic = panic_of(|| {
        q.scope(|io| {
            ns.read(first, 0).submit_with(io, |_, _| panic!("callback"));
            ns.read(second, 1).submit(io);
            io.waitdone(2)
        })
    });
    assert_eq!(panic.as_deref(), Some("callback"));
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_panic_in_a_callback_while_the_scope_closes_is_an_error() -> Result {
    let nvme = device(|_| Reply::MovedLate(DATA, LATE)).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let result = q.scope(|io| {
        ns.flush().submit_with(io, |_, _| panic!("too late"));
        ns.read(&mut buf, 0).submit(io);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Callback { message }) if message == "too late"));
    assert!(buf.iter().all(|&byte| byte == DATA));
    Ok(())
}

/// Dropping a callback that never ran runs code of the test: the device must have lost the memory of all queues by
/// then, and what the code unwinds past must not be what takes it away.
#[test]
fn a_panic_in_the_drop_of_a_callback_does_not_skip_a_queue() -> Result {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }

    let fake = device(|_| Reply::Trample(DATA));
    let nvme = fake.open()?;
    let queues = [nvme.qpair(4)?, nvme.qpair(4)?];
    let ns = nvme.namespace(1)?;
    let (mut first, mut second) = (nvme.buffer(512), nvme.buffer(512));
    let panic = panic_of(|| {
        let bomb = Bomb;
        scope_all(&queues, |ios| {
            let hung = ns.read(&mut first, 0).timeout(SOON);
            hung.submit_with(&ios[0], move |_, _| drop(bomb));
            ns.read(&mut second, 0).timeout(SOON).submit(&ios[1]);
            eventually("the device has both", || fake.outstanding() == 2);
            Ok(())
        })
    });
    assert_eq!(panic.as_deref(), Some("bomb"));
    first.fill(0x11);
    second.fill(0x22);
    for q in &queues {
        assert!(matches!(ns.flush().run(q), Err(Error::QueueGone { .. })));
    }
    assert!(first.iter().all(|&byte| byte == 0x11) && second.iter().all(|&byte| byte == 0x22));
    Ok(())
}

/// What a callback holds is dropped when the device has lost the memory of its command, and not before.
#[test]
fn a_callback_that_never_ran_is_dropped_when_the_memory_is_out_of_reach() -> Result {
    struct AskOnDrop<'f>(&'f super::fake::Fake, std::rc::Rc<std::cell::Cell<Option<bool>>>);
    impl Drop for AskOnDrop<'_> {
        fn drop(&mut self) {
            self.1.set(Some(self.0.late_write(0, 0xee)));
        }
    }

    // It says that the queue is deleted, and goes on.
    let fake = lying_device(|_| Reply::Silence);
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let reached = std::rc::Rc::default();
    let ask = AskOnDrop(&fake, std::rc::Rc::clone(&reached));
    let result = q.scope(|io| {
        ns.read(&mut buf, 0).timeout(SOON).submit_with(io, move |_, _| drop(ask));
        eventually("the device has it", || fake.outstanding() == 1);
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert_eq!(reached.get(), Some(false));
    Ok(())
}

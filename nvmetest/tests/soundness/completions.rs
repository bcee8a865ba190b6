//! Completions that belong to no command, or to one that was given up.

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;
use super::setting::*;

#[test]
fn a_second_completion_is_a_finding_and_completes_nothing() -> Result {
    let fake = device(|sqe| match lba(sqe) {
        0 => Reply::Twice,
        _ => Reply::MovedLate(DATA, LATE),
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(1024);
    let (first, second) = buf.as_mut().split_at(512);
    let result = q.scope(|io| {
        ns.read(first, 0).submit(io);
        let second = ns.read(second, 1).submit(io);
        // The next command in the slot of the first one has another identifier.
        second.wait().map(drop)
    });
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Completion { .. }), "{error}");
    assert!(error.to_string().contains("it was completed twice or never submitted"), "{error}");
    assert!(buf[512..].iter().all(|&byte| byte == DATA));
    Ok(())
}

#[test]
fn a_completion_of_no_command_is_a_finding_and_its_memory_comes_back() -> Result {
    let fake = device(|_| Reply::Entry(|cqe| cqe.cid = 0x7ff3.into()));
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(512);
    let error = ns.read(&mut buf, 0).run(&q).unwrap_err();
    assert!(error.to_string().contains("0x7ff3 is not in flight"), "{error}");
    buf.fill(0x11);
    Ok(())
}

/// The scope has ended, its memory and its callback are gone, and then the completion comes.
#[test]
fn a_completion_of_what_was_given_up_does_not_hit_a_later_command() -> Result {
    let fake = Fake::threaded(DmaModel::PerBuffer, |_, sqe| match sqe.admin_opcode() {
        AdminOpcode::GET_LOG_PAGE => Reply::Silence,
        AdminOpcode::KEEP_ALIVE => Reply::MovedLate(DATA, LATE),
        _ => Reply::Normal,
    });
    let nvme = fake.open()?;
    let mut log = nvme.buffer(512);
    let result = nvme.scope(|io| {
        let command = nvme.get_log_page(LogPage::of(2), &mut log).timeout(SOON);
        command.submit_with(io, |_, _| panic!("it was never completed"));
        Ok(())
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    eventually("the device has it", || fake.outstanding() == 1);
    drop(log);

    nvme.scope(|io| {
        // As many as there are slots but for one: none of them has its identifier.
        let tickets: Vec<_> = (0..62).map(|_| nvme.keep_alive().submit(io)).collect();
        fake.late_completion(0);
        tickets.into_iter().try_for_each(|ticket| ticket.wait())
    })?;
    nvme.keep_alive().run(&nvme)?;
    Ok(())
}

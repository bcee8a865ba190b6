//! What is not of this controller, or not of it any more, is not used on it.

use std::time::Duration;

use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::prelude::*;
use nvmetest::raw::Entry;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Sqe;
use nvmetest::transport::DmaModel;
use nvmetest_fixtures::soft;

use super::fake::Fake;
use super::fake::Reply;

/// The address of the buffer means other memory to the other controller, or none.
#[test]
fn a_buffer_of_another_controller_is_not_lent() -> Result {
    let (mine, other) = (soft::controller("soft:size=1MiB")?, soft::controller("soft:size=1MiB")?);
    let (q, ns) = (mine.qpair(2)?, mine.namespace(1)?);
    let (mut own, mut foreign) = (mine.buffer(512), other.buffer(512));
    own.fill(0xff);
    foreign.fill(0xff);
    let error = ns.read(&mut foreign, 0).run(&q).unwrap_err();
    assert!(error.to_string().contains("was allocated by another controller"), "{error}");
    assert!(own.iter().chain(&foreign[..]).all(|&byte| byte == 0xff));

    ns.read(&mut own, 0).run(&q)?;
    assert!(own.iter().all(|&byte| byte == 0));
    Ok(())
}

/// The size of its blocks is that of the controller that was asked.
#[test]
fn a_namespace_of_another_controller_is_not_read() -> Result {
    let small = soft::controller("soft:size=1MiB,lba=512")?;
    let large = soft::controller("soft:size=1MiB,lba=4096")?;
    let (q, ns) = (large.qpair(2)?, small.namespace(1)?);
    let mut buf = large.buffer(4096);
    buf.fill(0xff);
    let error = ns.read(buf.slice_mut(0..512), 0).run(&q).unwrap_err();
    assert!(error.to_string().contains("is another controller's"), "{error}");
    assert!(buf.iter().all(|&byte| byte == 0xff));
    Ok(())
}

/// The command was made for a namespace of small blocks, and sent to another.
#[test]
fn a_read_that_was_turned_to_another_namespace_does_not_overrun_its_loan() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (q, ns) = (nvme.qpair(2)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    let error = ns.read(buf.slice_mut(0..512), 0).nsid(2).run(&q).unwrap_err();
    assert!(matches!(error, Error::Layout { .. }), "{error}");
    // A whole page cannot be overrun.
    ns.read(&mut buf, 0).nsid(2).expect(Status::INVALID_NAMESPACE_OR_FORMAT).run(&q)?;
    Ok(())
}

fn raw_format() -> Command<Admin> {
    let mut sqe = Sqe::with_opcode(AdminOpcode::FORMAT_NVM.0);
    sqe.nsid = 1.into();
    Command::raw(sqe, ())
}

/// A read that is in flight would return larger blocks than it lent memory for.
#[test]
fn a_format_by_hand_is_refused_while_a_read_is_in_flight() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (q, ns) = (nvme.qpair(2)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        let ticket = ns.read(&mut buf, 0).submit(io);
        let error = raw_format().run(&nvme).unwrap_err();
        assert!(error.to_string().contains("I/O commands are in flight"), "{error}");
        ticket.wait()?;
        Ok(())
    })?;
    raw_format().run(&nvme)?;
    Ok(())
}

/// What Identify says while a format is in flight may be wrong a moment later; so it is with one that was given up.
#[test]
fn a_namespace_is_not_identified_while_a_format_may_change_it() -> Result {
    let format = AdminOpcode::FORMAT_NVM.0;
    let silent =
        move |_, sqe: &Sqe| if sqe.opcode() == format { Reply::Silence } else { Reply::Normal };
    let mut nvme = Fake::new(silent).open()?;
    let refused = |nvme: &Controller| {
        let why = "while a command is in flight that may change it";
        nvme.namespace(1).is_err_and(|error| error.to_string().contains(why))
    };
    assert!(!refused(&nvme));
    nvme.scope(|io| {
        let ticket = raw_format().timeout(Duration::from_millis(20)).submit(io);
        assert!(refused(&nvme));
        ticket.wait()
    })
    .unwrap_err();
    assert!(refused(&nvme) && nvme.wants_reset());

    nvme.reset()?;
    assert!(!refused(&nvme) && !nvme.wants_reset());
    Ok(())
}

/// One that stands at the same addresses as memory of this controller.
#[test]
fn an_address_of_another_controller_stands_in_no_entry_and_in_no_list() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let (mine, other) = (fake.open()?, fake.neighbour().open()?);
    let _cq = mine.raw_completion_queue(CreateIoCq::contiguous(1, 4))?;
    let sq = mine.raw_submission_queue(CreateIoSq::contiguous(1, 4, 1))?;
    let (own, foreign) = (mine.shared_memory(4096)?, other.shared_memory(4096)?);
    let read = Entry::new(0x02).prp1(own.at(0));
    sq.write(0, &read)?;
    let foreign_list = other.prp_list([foreign.at(0).into()])?;
    let foreign_entries = [
        read.clone().prp1(foreign.at(0)),
        Entry::new(0x01).prp1(foreign.at(0)),
        read.clone().prp2(foreign_list.at(0)),
        read.clone().sgl(foreign.at(0), 512),
    ];
    let is_refused = |error: Error| error.to_string().contains("is of another controller");
    for entry in foreign_entries {
        assert!(sq.write(0, &entry).is_err_and(is_refused), "{entry:?}");
    }
    assert!(mine.prp_list([foreign.at(0).into()]).is_err_and(is_refused));
    assert!(mine.prp_list([foreign_list.at(0).into()]).is_err_and(is_refused));
    Ok(())
}

/// Each would ring doorbells of the other's queues, and the device take old entries for commands.
#[test]
fn a_function_has_one_controller_at_a_time() -> Result {
    let fake = Fake::with_model(DmaModel::Fixed, |_, _| Reply::Normal);
    let first = fake.open()?;
    let error = fake.open().unwrap_err();
    assert!(error.to_string().contains("is driven by another `Controller`"), "{error}");
    first.keep_alive().run(&first)?;
    drop(first);
    fake.open()?;
    Ok(())
}

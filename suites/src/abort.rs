//! The Abort command (Base 5.1.1).

use nvmetest::prelude::*;

/// IANP, bit 0 of Dword 0 of the completion: the command was not aborted at once.
const NOT_PERFORMED: u32 = 1;

/// A command that is not there is not aborted, and that is no error.
#[nvme_test(spec = "Base 5.1.1", cases(first = 0, middle = 0x1234, last = 0xfffe))]
fn a_command_that_is_not_there_is_not_aborted(nvme: &Controller, #[case] cid: u16) -> Result {
    let aborted = nvme.abort(0, cid).run(nvme)?;
    assert_eq!(aborted.cdw0 & NOT_PERFORMED, NOT_PERFORMED);
    Ok(())
}

/// A command that is complete is not aborted.
#[nvme_test(spec = "Base 5.1.1")]
fn a_command_that_is_complete_is_not_aborted(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let done = ns.flush().run(q)?;
    let aborted = nvme.abort(q.id(), done.cid).run(nvme)?;
    assert_eq!(aborted.cdw0 & NOT_PERFORMED, NOT_PERFORMED);
    Ok(())
}

/// Nothing is aborted in a queue that does not exist.
#[nvme_test(spec = "Base 5.1.1")]
fn nothing_is_aborted_in_a_queue_that_does_not_exist(nvme: &Controller) -> Result {
    // The standard names no error for it, and does not rule one out.
    let either = &[Status::SUCCESS, Status::INVALID_FIELD_IN_COMMAND];
    let aborted = nvme.abort(u16::MAX, 0).expect(either).run(nvme)?;
    assert_eq!(aborted.cdw0 & NOT_PERFORMED, NOT_PERFORMED);
    Ok(())
}

/// The reserved bits of Dword 0 are zero.
#[nvme_test(spec = "Base 5.1.1")]
fn dword_0_has_no_other_bits(nvme: &Controller) -> Result {
    let aborted = nvme.abort(0, 0x4321).run(nvme)?;
    assert_eq!(aborted.cdw0 & !NOT_PERFORMED, 0, "{:#x}", aborted.cdw0);
    Ok(())
}

/// What was aborted at once completes before the Abort command, as Command Abort Requested.
#[nvme_test(spec = "Base 5.1.1")]
fn an_aborted_event_request_completes_before_its_abort(nvme: &mut Controller) -> Result {
    let mut performed = false;
    let result = nvme.scope(|io| {
        let request = nvme.async_event_request().expect(Status::COMMAND_ABORT_REQUESTED);
        let request = request.submit(io);
        let (aborted, ()) = nvme.abort(0, request.cid()).submit(io).reap()?;
        performed = aborted.cdw0 & NOT_PERFORMED == 0;
        if !performed {
            let what = "the controller does not abort an Asynchronous Event Request at once";
            return Err(Error::NotApplicable(what.to_owned()));
        }
        // The completions come in the order of the queue: this one has come already.
        let early = request.completion().is_some();
        request.wait()?;
        assert!(early, "the request completed after its Abort command");
        Ok(())
    });
    if !performed {
        // The request is still outstanding.
        nvme.reset()?;
    }
    result
}

/// Of many commands and some Aborts, each command completes once: with its data, or as aborted.
#[nvme_test(spec = "Base 5.1.1")]
fn each_command_of_a_burst_with_aborts_completes_once(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let commands = q.depth().min(60);
    let block = ns.block();
    let mut data = nvme.buffer(commands * block);
    for (chunk, value) in data.chunks_exact_mut(block).zip(1..) {
        chunk.fill(value);
    }
    q.run_all(data.chunks(block).zip(0..).map(|(chunk, lba)| ns.write(chunk, lba)))?;
    let mut back = nvme.buffer(data.len());

    let limit = usize::from(nvme.capabilities().controller.acl_z) + 1;
    let statuses = q.scope(|io| {
        let either = &[Status::SUCCESS, Status::COMMAND_ABORT_REQUESTED];
        let reads: Vec<_> = back
            .chunks_mut(block)
            .zip(0..)
            .map(|(chunk, lba)| ns.read(chunk, lba).expect(either).submit(io))
            .collect();
        nvme.scope(|admin| {
            for victims in reads.chunks(6 * limit.min(10)) {
                let aborts: Vec<_> = victims
                    .iter()
                    .step_by(6)
                    .map(|victim| nvme.abort(q.id(), victim.cid()).submit(admin))
                    .collect();
                aborts.into_iter().try_for_each(|abort| abort.wait())?;
            }
            Ok(())
        })?;
        reads.into_iter().map(|read| Ok(read.reap()?.0.status)).collect::<Result<Vec<_>>>()
    })?;

    assert_eq!(statuses.len(), commands);
    for (number, status) in statuses.iter().enumerate().filter(|(_, status)| status.is_success()) {
        let range = number * block..(number + 1) * block;
        assert_eq!(back[range.clone()], data[range], "read number {number}, {status}");
    }
    // The queue is in order: whatever was aborted, nothing else comes.
    ns.flush().run(q)?;
    Ok(())
}

/// More Aborts than ACL allows complete all the same: some as Abort Command Limit Exceeded.
#[nvme_test(spec = "Base 5.1.1")]
fn aborts_beyond_the_limit_complete(nvme: &Controller) -> Result {
    let limit = usize::from(nvme.capabilities().controller.acl_z) + 1;
    let capacity = usize::from(nvme.config().admin_sq_entries) - 1;
    let count = (2 * limit).min(capacity);
    let statuses = nvme.scope(|io| {
        let either = &[Status::SUCCESS, Status::ABORT_COMMAND_LIMIT_EXCEEDED];
        let aborts: Vec<_> =
            (0..count).map(|_| nvme.abort(0, 0x7fff).expect(either).submit(io)).collect();
        aborts.into_iter().map(|abort| Ok(abort.reap()?.0.status)).collect::<Result<Vec<_>>>()
    })?;
    let performed = statuses.iter().filter(|status| status.is_success()).count();
    assert!(limit.min(count) <= performed, "{performed} of {count}, and ACL allows {limit}");
    Ok(())
}

/// An Abort command may be aborted or not; it completes.
#[nvme_test(spec = "Base 5.1.1")]
fn an_abort_of_an_abort_completes(nvme: &Controller) -> Result {
    nvme.scope(|io| {
        let either = &[
            Status::SUCCESS,
            Status::COMMAND_ABORT_REQUESTED,
            Status::ABORT_COMMAND_LIMIT_EXCEEDED,
        ];
        let first = nvme.abort(0, 0x7ffe).expect(either).submit(io);
        let second = nvme.abort(0, first.cid()).expect(either).submit(io);
        second.wait()?;
        first.wait()
    })
}

//! Queues whose entries and doorbells are written by hand (Base 3.3.1, Base 4.1, Base 4.2, Base 4.3.1).

use std::time::{Duration, Instant};

use nvmetest::prelude::*;
use nvmetest::raw::{Address, CompletionQueue, Entry, Pointer, SubmissionQueue};
use nvmetest::spec::{Cqe, doorbell};
use nvmetest::{CreateIoCq, CreateIoSq};

use crate::pattern;

const FLUSH: u8 = 0x00;

/// In this time a command completes that completes at all.
const SOON: Duration = Duration::from_secs(5);

/// In this time a controller would have done what it must not do.
const A_WHILE: Duration = Duration::from_millis(20);

fn queues(
    nvme: &Controller,
    submission: u32,
    completion: u32,
) -> Result<(CompletionQueue<'_>, SubmissionQueue<'_>)> {
    let most = nvme.capabilities().cap.max_queue_entries();
    if most < submission.max(completion) {
        return Err(Error::NotApplicable(format!("queues have {most} entries at most")));
    }
    let (sqid, cqid) = nvme.free_queue_ids()?;
    let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(cqid, completion))?;
    let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(sqid, submission, cqid))?;
    Ok((cq, sq))
}

fn flush(ns: &Namespace, cid: u16) -> Entry {
    Entry::new(FLUSH).nsid(ns.nsid()).cid(cid)
}

fn status(cqe: &Cqe) -> Status {
    cqe.status_field().status()
}

/// Waits for a command, gives its entry back, and fails unless it has one of these statuses.
#[track_caller]
fn completes(cq: &mut CompletionQueue, cid: u16, with: &[Status]) -> Result<Cqe> {
    let cqe = cq.wait(SOON)?;
    cq.release()?;
    assert_eq!(cqe.cid.get(), cid, "{cqe:?}");
    assert!(with.contains(&status(&cqe)), "{cqe:?}, and none of {with:?}");
    Ok(cqe)
}

/// Fails if a completion comes.
#[track_caller]
fn stays_silent(cq: &mut CompletionQueue) {
    let start = Instant::now();
    while start.elapsed() < A_WHILE {
        if let Some(cqe) = cq.take() {
            panic!("a completion that must not be there: {cqe:?}");
        }
    }
}

fn page(nvme: &Controller) -> Result<usize> {
    Ok(4096 << nvme.registers().cc()?.mps())
}

/// Takes what was seen of accesses to where nothing is: they are this test's doing, and there are no others.
#[track_caller]
fn finds_nothing_but_what_is_not_there(nvme: &Controller) {
    let nothing = nvme.unmapped_address().value();
    for fault in nvme.take_dma_faults() {
        assert!((nothing..nothing + (1 << 20)).contains(&fault.iova.0), "{fault}");
    }
}

/// Commands with one identifier complete each by itself, or are refused with Command ID Conflict: how many commands
/// a controller searches is its own choice.
#[nvme_test(spec = "Base 4.2.3.1")]
fn a_command_identifier_that_is_in_use_is_a_conflict_or_not_looked_at(
    nvme: &Controller,
    ns: Namespace,
) -> Result {
    let (mut cq, sq) = queues(nvme, 8, 8)?;
    for index in 0..4 {
        sq.write(index, &flush(&ns, 0x1234))?;
    }
    sq.ring(4)?;
    for _ in 0..4 {
        completes(&mut cq, 0x1234, &[Status::SUCCESS, Status::COMMAND_ID_CONFLICT])?;
    }
    stays_silent(&mut cq);
    // It is free again.
    sq.submit(&flush(&ns, 0x1234))?;
    completes(&mut cq, 0x1234, &[Status::SUCCESS])?;
    Ok(())
}

/// Each command identifier comes back as it was sent, the first and the last one included.
#[nvme_test(spec = "Base 4.2.1")]
fn a_completion_has_the_identifier_of_its_command(nvme: &Controller, ns: Namespace) -> Result {
    let (mut cq, sq) = queues(nvme, 3, 3)?;
    for cid in [0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0] {
        sq.submit(&flush(&ns, cid))?;
        let cqe = completes(&mut cq, cid, &[Status::SUCCESS])?;
        assert_eq!(cqe.sqid.get(), sq.id());
    }
    Ok(())
}

/// A controller fetches up to the tail: what stands behind it is none of its business.
#[nvme_test(spec = "Base 3.3.1.4")]
fn entries_behind_the_tail_are_not_fetched(nvme: &Controller, ns: Namespace) -> Result {
    let (mut cq, sq) = queues(nvme, 8, 8)?;
    for index in 0..5 {
        sq.write(index, &flush(&ns, index as u16))?;
    }
    stays_silent(&mut cq);
    sq.ring(1)?;
    assert_eq!(completes(&mut cq, 0, &[Status::SUCCESS])?.sqhd.get(), 1);
    stays_silent(&mut cq);
    sq.ring(3)?;
    let mut cids = [cq.wait(SOON)?.cid.get(), cq.wait(SOON)?.cid.get()];
    cids.sort_unstable();
    assert_eq!(cids, [1, 2]);
    stays_silent(&mut cq);
    Ok(())
}

/// To write the tail once more submits nothing: the queue is empty where head and tail are the same.
#[nvme_test(spec = "Base 3.3.1.4", cases(first = 1, second = 2, last = 3))]
fn the_same_tail_again_submits_nothing(
    nvme: &Controller,
    ns: Namespace,
    #[case] tail: u32,
) -> Result {
    let (mut cq, sq) = queues(nvme, 4, 4)?;
    for cid in 0..tail {
        sq.submit(&flush(&ns, cid as u16))?;
        completes(&mut cq, cid as u16, &[Status::SUCCESS])?;
    }
    for _ in 0..3 {
        sq.ring(tail)?;
    }
    stays_silent(&mut cq);
    sq.submit(&flush(&ns, 0x77))?;
    let cqe = completes(&mut cq, 0x77, &[Status::SUCCESS])?;
    assert_eq!(u32::from(cqe.sqhd.get()), (tail + 1) % 4);
    Ok(())
}

/// One doorbell submits as many commands as the queue holds, across its end as well; SQHD moves forward only, and
/// arrives at the tail.
#[nvme_test(spec = "Base 4.2.1", cases(two = 2, three = 3, five = 5, thirty_three = 33))]
fn one_doorbell_submits_a_whole_queue(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let (mut cq, sq) = queues(nvme, entries, 64)?;
    let mut cid = 0;
    for _ in 0..2 * entries + 1 {
        let first = sq.tail();
        let batch = entries - 1;
        for step in 0..batch {
            sq.write((first + step) % entries, &flush(&ns, cid + step as u16))?;
        }
        let tail = (first + batch) % entries;
        sq.ring(tail)?;
        let mut seen = vec![false; batch as usize];
        let mut moved = 0;
        for _ in 0..batch {
            let cqe = cq.wait(SOON)?;
            assert_eq!(status(&cqe), Status::SUCCESS);
            seen[usize::from(cqe.cid.get() - cid)] = true;
            let now = (u32::from(cqe.sqhd.get()) + entries - first) % entries;
            assert!(moved <= now && now <= batch, "SQHD {} from {first} on", cqe.sqhd);
            moved = now;
        }
        assert_eq!(moved, batch, "the head is not at the tail");
        assert!(seen.iter().all(|seen| *seen), "an identifier is missing");
        cq.release()?;
        cid += batch as u16;
    }
    Ok(())
}

/// The phase tag is inverted on each pass through the completion queue, entry by entry.
#[nvme_test(spec = "Base 4.2.4", cases(two = 2, three = 3, seven = 7))]
fn the_phase_tag_is_inverted_on_each_pass(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let (mut cq, sq) = queues(nvme, 4, entries)?;
    let mut cid = 0;
    for pass in [true, false, true, false] {
        for index in 0..entries {
            assert_ne!(cq.entry(index).phase(), pass, "entry {index} is old");
            sq.submit(&flush(&ns, cid))?;
            completes(&mut cq, cid, &[Status::SUCCESS])?;
            assert_eq!(cq.entry(index).phase(), pass, "entry {index} is new");
            cid += 1;
        }
    }
    Ok(())
}

/// A completion queue holds one entry less than it has; what has no room waits until the head moves, one by one.
#[nvme_test(spec = "Base 3.3.1.2", cases(two = 2, three = 3, four = 4))]
fn a_full_completion_queue_holds_completions_back(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    const COMMANDS: u32 = 9;
    let (mut cq, sq) = queues(nvme, 16, entries)?;
    for index in 0..COMMANDS {
        sq.write(index, &flush(&ns, index as u16))?;
    }
    sq.ring(COMMANDS)?;
    let mut seen = vec![false; COMMANDS as usize];
    let mut see = |cqe: Cqe| {
        assert_eq!(status(&cqe), Status::SUCCESS);
        assert!(!std::mem::replace(&mut seen[usize::from(cqe.cid.get())], true), "{cqe:?} again");
    };
    for _ in 0..entries - 1 {
        see(cq.wait(SOON)?);
    }
    stays_silent(&mut cq);
    for taken in 1..=COMMANDS + 1 - entries {
        cq.ring(taken % entries)?;
        see(cq.wait(SOON)?);
        stays_silent(&mut cq);
    }
    assert!(seen.iter().all(|seen| *seen));
    Ok(())
}

/// To write the head once more frees no entry.
#[nvme_test(spec = "Base 3.3.1.2")]
fn the_same_head_again_frees_nothing(nvme: &Controller, ns: Namespace) -> Result {
    let (mut cq, sq) = queues(nvme, 8, 3)?;
    for index in 0..4 {
        sq.write(index, &flush(&ns, index as u16))?;
    }
    sq.ring(4)?;
    cq.wait(SOON)?;
    cq.wait(SOON)?;
    for _ in 0..3 {
        cq.ring(0)?;
    }
    stays_silent(&mut cq);
    cq.ring(2)?;
    cq.wait(SOON)?;
    cq.wait(SOON)?;
    Ok(())
}

/// A controller that reports a head beyond the end of the completion queue, reports it as what it is; and the queue
/// beside it works.
#[nvme_test(spec = "Base 5.1.2.1", cases(first = 0, last = 0xffff))]
fn a_head_beyond_the_queue_is_an_error_event(
    nvme: &Controller,
    ns: Namespace,
    #[case] beyond: u32,
) -> Result {
    let events = nvme.events(1)?;
    let (mut cq, sq) = queues(nvme, 4, 4)?;
    sq.submit(&flush(&ns, 0))?;
    cq.wait(SOON)?;
    cq.ring((cq.entries() + beyond).min(0xffff))?;
    let event = events.poll(Duration::from_secs(2))?;
    drop((sq, cq));
    ns.flush().run(&nvme.qpair(1)?)?;
    let Some(event) = event else {
        let what = "the controller does not report doorbell values that are not valid";
        return Err(Error::NotApplicable(what.to_owned()));
    };
    crate::asynchronous_events::read_error_log(nvme)?;
    assert_eq!((event.kind(), event.info(), event.log_page()), (0, 1, 1), "{event:?}");
    Ok(())
}

/// Reserved bits and dwords of a command are ignored, or refused with Invalid Field in Command: no controller has to
/// look at them, and none may fail over them.
#[nvme_test(spec = "Base 4.1.1")]
fn reserved_bits_are_ignored_or_an_invalid_field(nvme: &Controller, ns: Namespace) -> Result {
    let (mut cq, sq) = queues(nvme, 16, 16)?;
    let edits: [fn(&mut nvmetest::spec::Sqe); 8] = [
        // Bits 13:10 of CDW0.
        |sqe| sqe.cdw0 = (sqe.cdw0.get() | 0x3c00).into(),
        |sqe| sqe.cdw2 = u32::MAX.into(),
        |sqe| sqe.cdw3 = u32::MAX.into(),
        |sqe| sqe.cdw10 = u32::MAX.into(),
        |sqe| sqe.cdw11 = u32::MAX.into(),
        |sqe| sqe.cdw12 = u32::MAX.into(),
        |sqe| sqe.cdw13 = u32::MAX.into(),
        |sqe| (sqe.cdw14, sqe.cdw15) = (u32::MAX.into(), u32::MAX.into()),
    ];
    for (edit, cid) in edits.into_iter().zip(0..) {
        sq.submit(&flush(&ns, cid).edit(edit))?;
        completes(&mut cq, cid, &[Status::SUCCESS, Status::INVALID_FIELD_IN_COMMAND])?;
    }
    sq.submit(&flush(&ns, 99))?;
    completes(&mut cq, 99, &[Status::SUCCESS])?;
    Ok(())
}

/// Where one page holds the data, PRP Entry 2 is reserved: whatever stands there, nothing is transferred to it.
#[nvme_test(spec = "Base 4.3.1")]
fn the_second_entry_is_not_used_where_one_page_is_enough(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let size = page(nvme)?;
    if size < ns.block() {
        return Err(Error::NotApplicable("a block is larger than a page".to_owned()));
    }
    let data = pattern::write(nvme, q, ns, 0, 1, 1)?;
    let (mut cq, sq) = queues(nvme, 8, 8)?;
    let memory = nvme.shared_memory(2 * size)?;
    let list = nvme.prp_list([memory.at(size).into()])?;
    let second: [Pointer; 5] = [
        Address::NULL.into(),
        nvme.unmapped_address().into(),
        memory.at(size).into(),
        memory.at(size + 4).into(),
        list.at(0).into(),
    ];
    for (second, cid) in second.into_iter().zip(0..) {
        memory.fill(0x5a);
        sq.submit(&Entry::read(&ns, 0, 1).cid(cid).prp1(memory.at(0)).prp2(second))?;
        completes(&mut cq, cid, &[Status::SUCCESS])?;
        let found = memory.to_vec();
        pattern::assert_same(&found[..ns.block()], &data, ns.block(), 0);
        assert!(found[ns.block()..].iter().all(|&byte| byte == 0x5a), "bytes behind the data");
    }
    Ok(())
}

/// What a Write cannot fetch from host memory is a Data Transfer Error, and the queue goes on.
#[nvme_test(
    spec = "Base 4.2.3.1",
    cases(first_entry = 0, second_entry = 1, in_a_list = 2, last_of_a_list = 3, list = 4)
)]
fn data_that_cannot_be_fetched_is_a_data_transfer_error(
    nvme: &Controller,
    ns: Namespace,
    #[case] wrong: usize,
) -> Result {
    let size = page(nvme)?;
    let pages = if wrong < 2 { wrong + 1 } else { 4 };
    let blocks = (pages * size / ns.block()) as u32;
    if blocks == 0 || pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("{pages} pages are no transfer here")));
    }
    let (mut cq, sq) = queues(nvme, 4, 4)?;
    let memory = nvme.shared_memory(pages * size)?;
    let nothing = nvme.unmapped_address();
    let place = |entry: usize| match wrong {
        _ if entry == wrong => nothing.clone(),
        _ => memory.at(entry * size),
    };
    let list = nvme.prp_list((1..pages).map(|entry| place(entry).into()))?;
    let second: Pointer = match (pages, wrong) {
        (1, _) => Address::NULL.into(),
        (2, _) | (_, 4) => nothing.clone().into(),
        _ => list.at(0).into(),
    };
    let write = Entry::write(&ns, 0, blocks).prp1(place(0)).prp2(second);
    sq.submit(&write.cid(1))?;
    let done = completes(&mut cq, 1, &[Status::DATA_TRANSFER_ERROR]);
    finds_nothing_but_what_is_not_there(nvme);
    done?;
    sq.submit(&flush(&ns, 2))?;
    completes(&mut cq, 2, &[Status::SUCCESS])?;
    // What the blocks hold now is anybody's guess.
    Ok(())
}

/// Data that has nowhere to go is a Data Transfer Error, or is lost: writes to host memory are posted. Nothing is
/// written elsewhere, and the queue goes on.
#[nvme_test(spec = "Base 4.2.3.1", cases(first_entry = 0, second_entry = 1, last_of_a_list = 3))]
fn data_that_cannot_be_delivered_harms_nothing_else(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] wrong: usize,
) -> Result {
    let size = page(nvme)?;
    let pages = wrong + 1;
    let blocks = (pages * size / ns.block()) as u32;
    if blocks == 0 || pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("{pages} pages are no transfer here")));
    }
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    let (mut cq, sq) = queues(nvme, 4, 4)?;
    let memory = nvme.shared_memory((pages + 1) * size)?;
    memory.fill(0x5a);
    let place = |entry: usize| {
        if entry == wrong { nvme.unmapped_address() } else { memory.at(entry * size) }
    };
    let list = nvme.prp_list((1..pages).map(|entry| place(entry).into()))?;
    let second: Pointer = match pages {
        1 => nvme.unmapped_address().into(),
        2 => place(1).into(),
        _ => list.at(0).into(),
    };
    sq.submit(&Entry::read(&ns, 0, blocks).prp1(place(0)).prp2(second).cid(1))?;
    completes(&mut cq, 1, &[Status::DATA_TRANSFER_ERROR, Status::SUCCESS])?;
    finds_nothing_but_what_is_not_there(nvme);
    let found = memory.to_vec();
    for (at, byte) in found.iter().enumerate() {
        let may_be_data = at < wrong * size && *byte == data[at];
        assert!(*byte == 0x5a || may_be_data, "byte {at} is {byte:#04x}");
    }
    sq.submit(&flush(&ns, 2))?;
    completes(&mut cq, 2, &[Status::SUCCESS])?;
    Ok(())
}

/// A PRP List that starts with the last entry of its page goes on where that entry points to.
#[nvme_test(spec = "Base 4.3.1")]
fn a_list_may_start_with_the_pointer_to_the_next(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    const PAGES: usize = 4;
    let size = page(nvme)?;
    let blocks = (PAGES * size / ns.block()) as u32;
    if blocks == 0 || pattern::largest(nvme, ns) < blocks {
        return Err(Error::NotApplicable(format!("{PAGES} pages are no transfer here")));
    }
    let data = pattern::write(nvme, q, ns, 0, blocks, 1)?;
    let (mut cq, sq) = queues(nvme, 4, 4)?;
    let memory = nvme.shared_memory(PAGES * size)?;
    let next = nvme.prp_list((1..PAGES).map(|entry| memory.at(entry * size).into()))?;
    let last = next.entries() - 1;
    let before = std::iter::repeat_n(Pointer::from(nvme.unmapped_address()), last);
    let list = nvme.prp_list(before.chain([next.at(0).into()]))?;
    sq.submit(&Entry::read(&ns, 0, blocks).prp1(memory.at(0)).prp2(list.at(last)).cid(1))?;
    completes(&mut cq, 1, &[Status::SUCCESS])?;
    pattern::assert_same(&memory.to_vec(), &data, ns.block(), 0);
    Ok(())
}

/// An opcode of no command is Invalid Command Opcode, whichever way its data would go; no data is transferred.
#[nvme_test(spec = "Base 4.2.3.1")]
fn an_opcode_of_no_command_transfers_nothing(nvme: &Controller, ns: Namespace) -> Result {
    let (mut cq, sq) = queues(nvme, 8, 8)?;
    let memory = nvme.shared_memory(2 * page(nvme)?)?;
    memory.fill(0x5a);
    // Reserved opcodes (NVM 3, Base 7), one of each direction.
    for (opcode, cid) in [0x34, 0x35, 0x36, 0x37].into_iter().zip(0..) {
        let entry = Entry::new(opcode).nsid(ns.nsid()).cid(cid).prp1(memory.at(0));
        sq.submit(&entry.prp2(nvme.unmapped_address()))?;
        completes(&mut cq, cid, &[Status::INVALID_COMMAND_OPCODE])?;
    }
    assert!(memory.to_vec().iter().all(|&byte| byte == 0x5a));
    Ok(())
}

/// Doorbells have the distance that CAP.DSTRD says, also between queues that are far apart.
#[nvme_test(spec = "PCIe transport 3.1.2")]
fn queues_with_the_highest_identifiers_work(nvme: &Controller, ns: Namespace) -> Result {
    let (sqid, cqid) = nvme.queues_granted();
    let mut cq = nvme.raw_completion_queue(CreateIoCq::contiguous(cqid, 2))?;
    let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(sqid, 2, cqid))?;
    for cid in 0..5 {
        sq.submit(&flush(&ns, cid))?;
        assert_eq!(completes(&mut cq, cid, &[Status::SUCCESS])?.sqid.get(), sqid);
    }
    let stride = doorbell::sq_tail(sqid, nvme.capabilities().cap.dstrd());
    assert_eq!(stride, 0x1000 + 2 * u32::from(sqid) * (4 << nvme.capabilities().cap.dstrd()));
    Ok(())
}

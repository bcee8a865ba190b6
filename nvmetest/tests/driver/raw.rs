//! Queues by hand: what a test may do with them, and what it gets instead of undefined behaviour.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::cmdlog::Selection;
use nvmetest::prelude::*;
use nvmetest::raw::Address;
use nvmetest::raw::CompletionQueue;
use nvmetest::raw::Entry;
use nvmetest::raw::SubmissionQueue;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Property;
use nvmetest::spec::Sqe;
use nvmetest::spec::sqe::Psdt;
use nvmetest::transport::DmaModel;
use nvmetest_fixtures::soft;

use super::fake::Fake;
use super::fake::Reply;

const FLUSH: u8 = 0x00;
/// A command that nobody knows, and by which the controller writes host memory.
const UNKNOWN: u8 = 0x82;
const SOON: Duration = Duration::from_secs(2);

fn pair(nvme: &Controller, entries: u32) -> Result<(CompletionQueue<'_>, SubmissionQueue<'_>)> {
    let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(1, entries))?;
    let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(1, entries, 1))?;
    Ok((cq, sq))
}

fn obedient() -> Arc<Fake> {
    Fake::new(|_, _| Reply::Normal)
}

/// A fake that answers no I/O command.
fn silent() -> Arc<Fake> {
    Fake::new(|qid, _| if qid == 0 { Reply::Normal } else { Reply::Silence })
}

#[track_caller]
fn refused<T>(result: Result<T>, why: &str) {
    let error = result.err().map_or("it was taken".to_owned(), |error| error.to_string());
    assert!(error.contains(why), "{error}");
}

#[test]
fn an_identifier_may_be_used_twice() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let (mut cq, sq) = pair(&nvme, 4)?;
    let flush = Entry::new(FLUSH).nsid(1).cid(0xfffe);
    sq.write(0, &flush)?;
    sq.write(1, &flush)?;
    sq.ring(2)?;
    for sqhd in 1..=2 {
        let done = cq.wait(SOON)?;
        assert_eq!((done.cid.get(), done.sqid.get()), (0xfffe, 1));
        assert!(sqhd <= done.sqhd.get());
    }
    assert!(cq.take().is_none());
    drop((sq, cq));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn every_value_reaches_the_doorbell_and_every_bit_the_device() -> Result {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 {
            sink.lock().unwrap().push(*sqe);
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let (mut cq, sq) = pair(&nvme, 4)?;
    let odd = Entry::new(0xff).edit(|sqe| {
        sqe.cdw0 = 0xabcd_3cff.into();
        sqe.cdw2 = u32::MAX.into();
        sqe.cdw15 = 5.into();
    });
    sq.submit(&odd)?;
    assert_eq!(cq.wait(SOON)?.cid.get(), 0xabcd);
    assert_eq!(seen.lock().unwrap().clone(), [odd.sqe()]);

    sq.ring(17)?;
    sq.ring(u32::MAX)?;
    assert_eq!(sq.tail(), 1, "what is no index is no tail");
    // The whole queue, from behind the entry on: stale ones, and such that were never written.
    sq.ring(0)?;
    let opcodes: Vec<u8> = seen.lock().unwrap().iter().map(Sqe::opcode).collect();
    assert_eq!(opcodes, [0xff, 0, 0, 0]);
    cq.release()
}

#[test]
fn a_completion_queue_shows_old_entries_and_new_ones() -> Result {
    let nvme = obedient().open()?;
    let (mut cq, sq) = pair(&nvme, 2)?;
    for pass in [true, false, true] {
        for index in 0..2 {
            assert_ne!(cq.entry(index).phase(), pass);
            sq.submit(&Entry::new(FLUSH).cid(index as u16))?;
            assert_eq!(cq.entry(index).phase(), pass);
            assert_eq!(cq.wait(SOON)?.cid.get(), index as u16);
            cq.release()?;
        }
    }
    Ok(())
}

#[test]
fn a_wait_for_nothing_ends() -> Result {
    let nvme = silent().open()?;
    let (mut cq, sq) = pair(&nvme, 2)?;
    sq.submit(&Entry::new(FLUSH))?;
    refused(cq.wait(Duration::from_millis(5)), "completion queue 1 has no new entry 0 after 5ms");
    Ok(())
}

/// The device writes long after the test has dropped the memory: it is kept until the queue is deleted.
#[test]
fn what_an_entry_names_is_kept_until_the_queue_is_gone() -> Result {
    let fake = silent();
    let nvme = fake.open()?;
    let (cq, sq) = pair(&nvme, 2)?;
    let memory = nvme.shared_memory(1)?;
    sq.submit(&Entry::read(&nvme.namespace(1)?, 0, 1).prp1(memory.at(0)))?;
    let iova = memory.iova().0;
    drop(memory);
    let mut others: Vec<Buffer> = (0..64).map(|_| nvme.buffer(4096)).collect();
    others.iter_mut().for_each(|other| other.fill(0x22));

    assert!(fake.late_write(0, 0x11), "the memory was taken from the device");
    assert!(others.iter().all(|other| other.iter().all(|&byte| byte == 0x22)));
    drop(sq);
    assert!(!fake.reaches(iova, 1), "the memory was not given back");
    drop(cq);
    Ok(())
}

#[test]
fn a_queue_that_is_forgotten_keeps_its_memory_until_the_controller_is_disabled() -> Result {
    let fake = silent();
    let mut nvme = fake.open()?;
    let memory = nvme.shared_memory(1)?;
    let (cq, sq) = pair(&nvme, 2)?;
    let ns = nvme.namespace(1)?;
    // The device has nothing but the entry, and the entry is all that knows the memory.
    sq.submit(&Entry::read(&ns, 0, 1).prp1(memory.at(512)))?;
    let iova = memory.iova().0;
    std::mem::forget((sq, cq));
    drop(memory);
    assert!(fake.late_write(0, 0x11));
    let leaks = ["submission queue 1 was not deleted", "completion queue 1 was not deleted"];
    assert_eq!(nvme.leaks()?, leaks);

    nvme.reset()?;
    assert!(!fake.reaches(iova, 1));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_queue_that_is_gone_takes_nothing() -> Result {
    let nvme = obedient().open()?;
    let (mut cq, sq) = pair(&nvme, 2)?;
    nvme.delete_io_sq(1).run(&nvme)?;
    refused(sq.write(0, &Entry::new(FLUSH)), "submission queue 1 is gone");
    refused(sq.ring(1), "submission queue 1 is gone");
    // Another one has the identifier by now: it is not deleted with the first.
    let second = nvme.raw_submission_queue(CreateIoSq::contiguous(1, 2, 1))?;
    drop(sq);
    second.submit(&Entry::new(FLUSH).cid(9))?;
    assert_eq!(cq.wait(SOON)?.cid.get(), 9);

    nvme.disable()?;
    refused(second.ring(0), "submission queue 1 is gone");
    refused(cq.ring(0), "completion queue 1 is gone");
    refused(cq.wait(SOON), "completion queue 1 is gone");
    Ok(())
}

/// The addresses of the queues that a fake was asked to create.
fn bases(refuses: bool) -> (Arc<Fake>, Arc<Mutex<Vec<u64>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let fake = Fake::new(move |qid, sqe| {
        let creates = [AdminOpcode::CREATE_IO_CQ, AdminOpcode::CREATE_IO_SQ];
        if qid != 0 || !creates.contains(&sqe.admin_opcode()) {
            return Reply::Normal;
        }
        sink.lock().unwrap().push(sqe.dptr[0].get());
        if refuses { Reply::Status(Status::INVALID_QUEUE_SIZE) } else { Reply::Normal }
    });
    (fake, seen)
}

#[test]
fn a_queue_that_was_refused_leaves_no_memory_with_the_device() -> Result {
    let (fake, bases) = bases(true);
    let nvme = fake.open()?;
    let refusal = nvme.raw_completion_queue(CreateIoCq::contiguous(1, 2));
    refused(refusal.map(drop), "Invalid Queue Size");
    nvme.create_io_sq(CreateIoSq::contiguous(1, 2, 1))
        .expect(Status::INVALID_QUEUE_SIZE)
        .run(&nvme)?;
    let bases = bases.lock().unwrap();
    assert_eq!(bases.iter().map(|base| fake.reaches(*base, 64)).collect::<Vec<_>>(), [false; 2]);
    Ok(())
}

#[test]
fn the_memory_of_a_queue_is_the_devices_from_submission_on() -> Result {
    let (fake, bases) = bases(false);
    let nvme = fake.open()?;
    nvme.create_io_cq(CreateIoCq::contiguous(3, 8)).run(&nvme)?;
    let base = bases.lock().unwrap()[0];
    assert!(fake.reaches(base, 128), "the device has a queue in memory that is another's");
    nvme.delete_io_cq(3).run(&nvme)?;
    assert!(!fake.reaches(base, 128));
    Ok(())
}

/// The same memory for a second queue, which is refused: the first one keeps it.
#[test]
fn a_refusal_takes_nothing_from_an_earlier_queue() -> Result {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 || sqe.admin_opcode() != AdminOpcode::CREATE_IO_CQ {
            return Reply::Normal;
        }
        let mut seen = sink.lock().unwrap();
        seen.push(sqe.dptr[0].get());
        if seen.len() == 1 {
            Reply::Normal
        } else {
            Reply::Status(Status::INVALID_QUEUE_IDENTIFIER)
        }
    });
    let nvme = fake.open()?;
    let create = nvme.create_io_cq(CreateIoCq::contiguous(3, 8));
    let sqe = *create.sqe();
    let memory = nvme.scope(|io| create.submit(io).wait())?;
    let again = Command::<Admin, _>::raw(sqe, memory);
    again.expect(Status::INVALID_QUEUE_IDENTIFIER).run(&nvme)?;
    let base = seen.lock().unwrap()[0];
    assert!(fake.reaches(base, 128));
    nvme.delete_io_cq(3).run(&nvme)?;
    Ok(())
}

#[test]
#[should_panic(expected = "has the memory of a queue of the other kind")]
fn completions_are_not_written_over_commands() {
    let nvme = obedient().open().unwrap();
    let create = nvme.create_io_sq(CreateIoSq::contiguous(1, 2, 1));
    let memory = nvme.scope(|io| create.submit(io).wait()).unwrap();
    let create_cq = *nvme.create_io_cq(CreateIoCq::contiguous(2, 2)).sqe();
    let _ = Command::<Admin, _>::raw(create_cq, memory).run(&nvme);
}

/// Each of these would let a device that follows the standard write where no [`nvmetest::raw::Memory`] is.
#[test]
fn an_entry_that_could_do_harm_is_refused() -> Result {
    let nvme = obedient().open()?;
    let ns = nvme.namespace(1)?;
    let (_cq, sq) = pair(&nvme, 64)?;
    let memory = nvme.shared_memory(16 << 10)?;
    let list = nvme.prp_list([memory.at(0).into(), memory.at(4096).into()])?;
    let read = |blocks| Entry::read(&ns, 0, blocks).prp1(memory.at(0));
    let unknown = || Entry::new(UNKNOWN).prp1(memory.at(0));
    let harmful = [
        (unknown().prp2(memory.at(4096)), "does not know how much opcode 82h writes"),
        (unknown().prp2(list.at(0)), "does not know how much opcode 82h writes"),
        (read(16).nsid(2).prp2(memory.at(4096)), "does not know how much"),
        (read(17).prp2(memory.at(4096)), "takes PRP Entry 2 for a PRP List"),
        (read(16).prp2(list.at(0)), "would write over the PRP List"),
        (read(24).prp2(list.at(0)).edit(|sqe| sqe.cdw12 = 15.into()), "over the PRP List"),
        (read(16).prp2(memory.at(16380)), "4096 bytes, and 4 are left"),
        (read(24).prp2(list.at_byte(4)), "from the middle of two entries"),
        (read(24).prp2(list.at(511)), ""),
        (read(8).mptr(memory.at(0)), "MPTR has to be null or unmapped"),
        (read(8).edit(|sqe| sqe.set_psdt(Psdt(0b11))).prp2(memory.at(0)), "PSDT 11b"),
        (read(8).sgl(memory.at(0), 4096), "it knows no SGLs"),
        (Entry::read(&ns, 0, 1).sgl(memory.at(0), 1).edit(|sqe| sqe.set_psdt(Psdt::PRP)), "SGL"),
    ];
    for (entry, why) in harmful {
        let result = sq.write(0, &entry);
        if why.is_empty() {
            // The last entry of the page names nothing, and so the device finds nothing.
            result?;
            continue;
        }
        refused(result, why);
        // What the device only reads does no harm.
        sq.write(0, &entry.edit(|sqe| sqe.set_opcode(0x01)))?;
    }
    Ok(())
}

#[test]
fn an_sgl_descriptor_is_within_its_memory() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let ns = nvme.namespace(1)?;
    let (mut cq, sq) = pair(&nvme, 4)?;
    let memory = nvme.shared_memory(8 << 10)?;
    memory.fill(0xff);
    refused(sq.write(0, &Entry::read(&ns, 0, 16).sgl(memory.at(4), 8189)), "where 8188 are");
    sq.submit(&Entry::read(&ns, 0, 1).sgl(memory.at(100), 512))?;
    assert!(cq.wait(SOON)?.status_field().status().is_success());
    let zeroes = memory.to_vec().iter().filter(|&&byte| byte == 0).count();
    assert_eq!(zeroes, 512);
    let bits = Entry::read(&ns, 0, 1).sgl(memory.at(0), 512).edit(|sqe| sqe.set_psdt(Psdt::PRP));
    refused(sq.write(1, &bits), "PSDT is wrong");
    Ok(())
}

#[test]
fn a_list_is_walked_as_the_device_walks_it() -> Result {
    let nvme = obedient().open()?;
    let ns = nvme.namespace(1)?;
    let (_cq, sq) = pair(&nvme, 64)?;
    let memory = nvme.shared_memory(8 << 10)?;
    let data = || memory.at(0).into();
    let read = |pages: u32| Entry::read(&ns, 0, 8 * pages).prp1(memory.at(0));

    // 512 pages behind the first one fill the page; with 513 its last entry is a pointer.
    let full = nvme.prp_list((0..512).map(|_| data()))?;
    sq.write(0, &read(513).prp2(full.at(0)))?;
    refused(sq.write(1, &read(514).prp2(full.at(0))), "entry 511 is the last of its page");
    let chained = nvme.prp_list((0..511).map(|_| data()).chain([full.at(0).into()]))?;
    sq.write(1, &read(514).prp2(chained.at(0)))?;
    refused(sq.write(2, &read(513).prp2(chained.at(0))), "entry 511 is taken for data");
    let within = nvme.prp_list((0..511).map(|_| data()).chain([full.at(8).into()]))?;
    refused(sq.write(2, &read(514).prp2(within.at(0))), "goes on at the start of a page");

    // An offset: the device may need an entry more, and takes the last one of a page for a pointer.
    let odd = nvme.prp_list([memory.at(4).into(), data()])?;
    sq.write(2, &read(3).prp2(odd.at(0)))?;
    let at_the_end = nvme.prp_list([data(), memory.at(4100).into()])?;
    refused(sq.write(3, &read(3).prp2(at_the_end.at(0))), "4096 bytes, and 4092 are left");
    let with_list = nvme.prp_list([memory.at(4).into(), data(), full.at(0).into()])?;
    refused(sq.write(3, &read(3).prp2(with_list.at(0))), "stands alone in its page");
    Ok(())
}

#[test]
fn null_is_refused_where_it_is_memory() -> Result {
    let nvme = Fake::with_model(DmaModel::Fixed, |_, _| Reply::Normal).open()?;
    let ns = nvme.namespace(1)?;
    let (_cq, sq) = pair(&nvme, 4)?;
    let memory = nvme.shared_memory(1)?;
    let read = |blocks| Entry::read(&ns, 0, blocks);
    refused(sq.write(0, &read(1)), "address 0, which is memory for it");
    refused(sq.write(0, &read(9).prp1(memory.at(0))), "address 0, which is memory for it");
    refused(sq.write(0, &Entry::new(UNKNOWN).prp1(memory.at(0))), "does not know how much");
    sq.write(0, &read(1).prp1(memory.at(0)))?;
    sq.write(0, &read(1).prp1(nvme.unmapped_address()))?;
    sq.write(0, &Entry::new(UNKNOWN).prp1(memory.at(0)).prp2(nvme.unmapped_address()))?;
    sq.write(0, &Entry::write(&ns, 0, 64))?;

    let nvme = obedient().open()?;
    let (_cq, sq) = pair(&nvme, 4)?;
    sq.write(0, &Entry::new(UNKNOWN))
}

#[test]
fn nothing_is_where_unmapped_says() -> Result {
    let fake = obedient();
    let nvme = fake.open()?;
    let mut held = Vec::new();
    for len in [1, 1 << 20, 4 << 20] {
        held.push(nvme.buffer(len));
        assert!(!fake.reaches(nvme.unmapped_address().value(), 1));
    }
    assert_eq!(nvme.unmapped_address().value() as u32, 0);
    assert_eq!(Address::NULL.value(), 0);
    Ok(())
}

/// The device may see half of one entry and half of another.
#[test]
fn a_slot_that_the_device_may_be_fetching_is_not_rewritten_with_pointers() -> Result {
    let fake = silent();
    let nvme = fake.open()?;
    let ns = nvme.namespace(1)?;
    let (mut cq, sq) = pair(&nvme, 4)?;
    let memory = nvme.shared_memory(8 << 10)?;
    let intricate = Entry::read(&ns, 0, 16).prp1(memory.at(0)).prp2(memory.at(4096));
    let plain = Entry::read(&ns, 0, 8).prp1(memory.at(0));
    let why = "the device may be fetching slot";

    sq.write(0, &intricate)?;
    sq.write(0, &plain)?;
    sq.write(0, &intricate)?;
    sq.ring(1)?;
    refused(sq.write(0, &plain), why);
    sq.write(1, &plain)?;
    sq.ring(2)?;
    sq.write(1, &plain.clone().cid(2))?;
    refused(sq.write(1, &intricate), why);

    fake.late_completion(0);
    cq.wait(SOON)?;
    cq.release()?;
    // The fake has fetched both by now, as the completion says.
    sq.write(0, &intricate)?;
    sq.write(1, &intricate)?;

    // Backwards: the device may have passed the entry, and then all are fetched.
    sq.write(3, &intricate)?;
    sq.ring(1)?;
    refused(sq.write(3, &plain), why);
    refused(sq.write(2, &intricate), why);
    sq.write(2, &plain)
}

/// The completion of an earlier queue says nothing about its successor.
#[test]
fn a_head_of_an_earlier_queue_frees_no_slot() -> Result {
    let fake = silent();
    let nvme = fake.open()?;
    let ns = nvme.namespace(1)?;
    let (mut cq, first) = pair(&nvme, 8)?;
    let memory = nvme.shared_memory(8 << 10)?;
    for cid in 0..4 {
        first.submit(&Entry::new(FLUSH).cid(cid))?;
    }
    fake.late_completion(3);
    drop(first);
    let second = nvme.raw_submission_queue(CreateIoSq::contiguous(1, 8, 1))?;
    let intricate = Entry::read(&ns, 0, 16).prp1(memory.at(0)).prp2(memory.at(4096));
    second.write(0, &Entry::new(FLUSH))?;
    second.ring(5)?;
    assert_eq!(cq.wait(SOON)?.sqhd.get(), 4);
    refused(second.write(0, &intricate), "the device may be fetching slot 0");
    Ok(())
}

#[test]
fn no_namespace_is_formatted_under_an_entry_that_relies_on_its_blocks() -> Result {
    let nvme = obedient().open()?;
    let ns = nvme.namespace(1)?;
    let (cq, sq) = pair(&nvme, 4)?;
    let memory = nvme.shared_memory(8 << 10)?;
    let intricate = Entry::read(&ns, 0, 16).prp1(memory.at(0)).prp2(memory.at(4096));
    let format = || {
        let mut sqe = Sqe::with_opcode(AdminOpcode::FORMAT_NVM.0);
        sqe.nsid = 1.into();
        Command::<Admin>::raw(sqe, ())
    };
    sq.write(0, &intricate)?;
    refused(format().run(&nvme), "drop it first");
    drop((sq, cq));
    format().run(&nvme)?;

    let (_cq, sq) = pair(&nvme, 4)?;
    refused(sq.write(0, &intricate), "the namespace was formatted since it was identified");
    Ok(())
}

#[test]
fn a_command_by_hand_is_in_the_log() -> Result {
    let nvme = obedient().open()?;
    let (mut cq, sq) = pair(&nvme, 4)?;
    sq.write(0, &Entry::new(FLUSH).cid(0x77))?;
    let logged = || nvme.cmdlog().records(&Selection::all().queue(1));
    assert_eq!(logged().len(), 0, "the doorbell was not rung");
    sq.ring(1)?;
    assert_eq!(logged().len(), 1);
    assert!(logged()[0].cqe().is_none());
    cq.wait(SOON)?;
    assert_eq!(logged()[0].cqe().map(|cqe| cqe.cid.get()), Some(0x77));
    Ok(())
}

#[test]
fn registers_do_not_ring_a_queue_that_was_made_by_hand() -> Result {
    let nvme = obedient().open()?;
    let (_cq, _sq) = pair(&nvme, 4)?;
    for doorbell in [0x1008, 0x100c] {
        refused(nvme.registers().write32(Property(doorbell), 1), "raw_submission_queue");
    }
    Ok(())
}

/// An ordinary command whose last entries name nothing.
#[test]
fn a_layout_may_name_no_memory_from_an_entry_on() -> Result {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 {
            sink.lock().unwrap().push(sqe.dptr.map(|dword| dword.get()));
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let ns = nvme.namespace(1)?;
    let q = nvme.qpair(1)?;
    let memory = nvme.buffer(4 * 4096);
    let (start, nothing) = (memory.iova().0 + 512, nvme.unmapped_address().value());
    let write = |entry| {
        let loan = memory.slice(512..512 + 3 * 4096);
        ns.write(loan, 0).layout(Layout::UnmappedPrp { entry }).run(&q)
    };
    for entry in 0..5 {
        write(entry)?;
        let [first, list] = seen.lock().unwrap().pop().unwrap();
        let mut bytes = [0; 24];
        fake.read(list, &mut bytes);
        let listed = bytes.chunks(8).map(|entry| u64::from_le_bytes(entry.try_into().unwrap()));
        let data = [start, start + 3584, start + 3584 + 4096, start + 3584 + 8192];
        let mut expected = data;
        for (index, address) in expected.iter_mut().enumerate().skip(entry) {
            *address = nothing + if index == 0 { 512 } else { 0 };
        }
        assert_eq!(std::iter::once(first).chain(listed).collect::<Vec<_>>(), expected);
    }
    Ok(())
}

/// A queue is deleted and created again in one scope: the deletion takes nothing from the new one.
#[test]
fn a_deletion_takes_nothing_from_the_next_queue() -> Result {
    let (fake, bases) = bases(false);
    let nvme = fake.open()?;
    let create = || nvme.create_io_cq(CreateIoCq::contiguous(3, 8));
    create().run(&nvme)?;
    nvme.scope(|io| {
        drop(nvme.delete_io_cq(3).submit(io));
        drop(create().submit(io));
        io.waitdone(2)
    })?;
    let bases = bases.lock().unwrap();
    assert_eq!(
        bases.iter().map(|base| fake.reaches(*base, 128)).collect::<Vec<_>>(),
        [false, true]
    );
    nvme.delete_io_cq(3).run(&nvme)?;
    assert!(!fake.reaches(bases[1], 128));
    Ok(())
}

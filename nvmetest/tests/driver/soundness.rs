//! What safe code tries in order to get at memory that the device may write.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nvmetest::ControllerConfig;
use nvmetest::CqOptions;
use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::Identify;
use nvmetest::LogPage;
use nvmetest::memory::MemoryError;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Property;
use nvmetest::spec::Sqe;
use nvmetest::spec::pci::CapabilityId;
use nvmetest::spec::pci::MsixLocation;
use nvmetest::spec::pci::msix;
use nvmetest::transport::DmaModel;
use nvmetest_fixtures::soft;
use zerocopy::FromZeros;

use super::fake::Fake;
use super::fake::Reply;

const READ: u8 = 0x02;

/// Two controllers in one arena, and one that came after another: no memory is given away twice.
#[test]
fn controllers_that_share_an_arena_do_not_share_memory() -> Result {
    let fake = Fake::new(|_, _| Reply::Normal);
    let first = fake.open()?;
    let mut kept = first.buffer(4096);
    kept.fill(0x11);
    let second = fake.neighbour().open()?;
    let mut others: Vec<Buffer> = (0..64).map(|_| second.buffer(4096)).collect();
    others.iter_mut().for_each(|other| other.fill(0x22));
    assert!(kept.iter().all(|&byte| byte == 0x11));
    Ok(())
}

/// An address is used once, so there is an end to them: it is an error, and no address beyond it.
#[test]
fn addresses_that_are_used_up_are_an_error() -> Result {
    let fake = Fake::with_addresses(0..(4 << 30) + (24 << 20), |_, _| Reply::Normal);
    let nvme = fake.open()?;
    let error = (0..100).find_map(|_| nvme.try_buffer(1 << 20).err());
    assert!(matches!(error, Some(MemoryError::Addresses { .. })), "{error:?}");
    Ok(())
}

fn message<T>(body: impl FnOnce() -> Result<T>) -> String {
    let panic = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(_)) => return "it was taken for good".to_owned(),
        Ok(Err(error)) => return error.to_string(),
        Err(panic) => panic,
    };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("?", |text| *text).to_owned(),
    }
}

#[track_caller]
fn refused<T>(body: impl FnOnce() -> Result<T>, why: &str) {
    let message = message(body);
    assert!(message.contains(why), "{message}");
}

#[test]
fn memory_that_is_lent_for_reading_is_not_written() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let buf = nvme.buffer(512);
    let why = "writes host memory, which was lent for reading";
    refused(|| ns.write(&buf, 0).edit(|sqe| sqe.set_opcode(READ)).run(&q), why);
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(READ);
    refused(|| Command::<Nvm, _>::raw(sqe, buf.slice(0..512)).run(&q), why);
    Ok(())
}

/// A controller that follows the standard writes as much as the command says, whatever is lent.
#[test]
fn a_command_writes_no_more_than_it_was_lent() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(8192);
    let longer = |sqe: &mut Sqe| sqe.cdw12 = 15.into();

    refused(|| nvme.identify(Identify::CONTROLLER, buf.slice_mut(0..512)).run(&nvme), "4096 bytes");
    refused(|| nvme.get_features_data(0x0e, buf.slice_mut(0..8)).run(&nvme), "4096 bytes");
    let vendors = nvme.get_features_data(0xc0, buf.slice_mut(0..8));
    refused(|| vendors.run(&nvme), "the driver does not know how much the command writes");
    let log = nvme.get_log_page(LogPage::of(2), buf.slice_mut(0..512));
    refused(|| log.edit(|sqe| sqe.cdw10 = 0x03ff_0002.into()).run(&nvme), "4096 bytes");
    refused(|| ns.read(buf.slice_mut(0..512), 0).edit(longer).run(&q), "8192 bytes");
    refused(|| ns.read(buf.slice_mut(0..512), 0).transfer_only(16, 512).run(&q), "8192 bytes");

    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(READ);
    // One whole page cannot be overrun; a part of it, or two, which could be taken for a list, can.
    Command::<Nvm, _>::raw(sqe, buf.slice_mut(0..4096)).run(&q)?;
    let why = "the driver does not know how much the command writes";
    refused(|| Command::<Nvm, _>::raw(sqe, buf.slice_mut(0..512)).run(&q), why);
    refused(|| Command::<Nvm, _>::raw(sqe, buf.as_mut()).run(&q), why);
    Command::<Nvm, _>::raw(sqe, buf.as_mut()).layout(Layout::Sgl).run(&q)?;

    // The rest of a buffer's last page is nobody's.
    nvme.identify(Identify::CONTROLLER, &mut nvme.buffer(100)).run(&nvme)?;
    Ok(())
}

/// With an offset in the first entry, two pages of data touch three: the second entry is then that of a list, and
/// not of data that a test filled with addresses.
#[test]
fn a_skewed_entry_does_not_make_data_a_list() -> Result {
    let pointers = Arc::new(Mutex::new((0, 0)));
    let seen = pointers.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 && sqe.opcode() == READ {
            *seen.lock().unwrap() = (sqe.dptr[0].get(), sqe.dptr[1].get());
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(3 * 4096);
    let start = buf.iova().0;
    let read = ns.read(&mut buf, 0).transfer_only(16, 8192);
    read.layout(Layout::SkewedPrp { entry: 0, by: 4 }).run(&q)?;
    let (first, second) = *pointers.lock().unwrap();
    assert_eq!(first, start + 4);
    assert!(second < start || start + 3 * 4096 <= second, "PRP Entry 2 is {second:#x}");
    Ok(())
}

/// Whatever a controller makes of a skewed entry, it stays within the loan.
#[test]
fn a_skew_needs_a_page_to_spare() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(3 * 4096);
    let why = "needs less than a page, and a loan with a page of 4096 bytes more";
    let skew = |by| Layout::SkewedPrp { entry: 1, by };
    refused(|| ns.read(buf.slice_mut(0..8192), 0).layout(skew(4)).run(&q), why);
    let tight = buf.slice_mut(0..3 * 4096 - 512);
    refused(|| ns.read(tight, 0).transfer_only(16, 8192).layout(skew(4)).run(&q), why);
    refused(|| ns.read(&mut buf, 0).transfer_only(16, 8192).layout(skew(4096)).run(&q), why);
    ns.read(&mut buf, 0).transfer_only(16, 8192).layout(skew(4092)).run(&q)?;
    Ok(())
}

/// A controller that takes an offset within a PRP List for good needs an entry more than there would be.
#[test]
fn a_skewed_list_has_an_entry_to_spare() -> Result {
    let list = Arc::new(Mutex::new(0));
    let seen = list.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 && sqe.opcode() == READ {
            *seen.lock().unwrap() = sqe.dptr[1].get();
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let ns = nvme.namespace(1)?;
    let mut buf = nvme.buffer(4 * 4096);
    let start = buf.iova().0;
    let read = ns.read(&mut buf, 0).transfer_only(24, 3 * 4096);
    read.layout(Layout::SkewedPrp { entry: 2, by: 4 }).run(&q)?;
    let mut entries = [0; 32];
    fake.read(*list.lock().unwrap(), &mut entries);
    let entries = entries.map(u64::from);
    let entry = |number: usize| {
        entries[8 * number..][..8].iter().rev().fold(0, |value, byte| value << 8 | byte)
    };
    let expected = [start + 4096, start + 2 * 4096 + 4, start + 3 * 4096, 0];
    assert_eq!([entry(0), entry(1), entry(2), entry(3)], expected);
    Ok(())
}

/// The command that created the queue returns its memory: it is no buffer for another.
#[test]
fn the_memory_of_a_queue_is_not_for_io_commands() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    let fields =
        CreateIoCq { qid: 3, size_z: 7, contiguous: true, interrupts: false, vector: 0, offset: 0 };
    let memory = nvme.scope(|io| nvme.create_io_cq(fields).submit(io).wait())?;
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(READ);
    let why = "the memory of a queue was lent to an I/O command";
    refused(|| Command::<Nvm, _>::raw(sqe, memory).run(&q), why);
    Ok(())
}

/// FFFFh is not to be used (Base 4.1): the Error Information log says it for "no command".
#[test]
fn no_command_has_the_identifier_of_none() -> Result {
    let last = Arc::new(AtomicUsize::new(0));
    let seen = last.clone();
    let fake = Fake::new(move |qid, sqe| {
        if qid != 0 {
            seen.fetch_max(sqe.cid().into(), Ordering::Relaxed);
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(1)?;
    let ns = nvme.namespace(1)?;
    for _ in 0..1 << 16 {
        ns.flush().run(&q)?;
    }
    assert_eq!(last.load(Ordering::Relaxed), 0xfffe);
    Ok(())
}

#[test]
fn the_memory_of_a_queue_is_for_creating_it_only() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let fields =
        CreateIoCq { qid: 3, size_z: 7, contiguous: true, interrupts: false, vector: 0, offset: 0 };
    let host_memory_buffer = |sqe: &mut Sqe| {
        sqe.set_opcode(0x09);
        sqe.cdw10 = 0x0d.into();
    };
    let create = || nvme.create_io_cq(fields);
    refused(|| create().edit(host_memory_buffer).run(&nvme), "has the memory of a queue");
    let larger = |sqe: &mut Sqe| sqe.cdw10 = 0xff_0003.into();
    refused(|| create().edit(larger).run(&nvme), "a queue of 256 entries has 4096 bytes");
    Ok(())
}

#[test]
fn registers_do_not_give_the_device_memory() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    let registers = nvme.registers();
    let ring = "ring the doorbell of a queue";
    refused(|| registers.write32(Property(0x1000), 0), ring);
    refused(|| registers.write32(Property(0x1000 + 8 * u32::from(q.id())), 0), ring);
    refused(|| registers.write64(Property(0x0ffc), 0), ring);
    registers.write32(Property(0x1000 + 8 * 40), 1)?;
    refused(|| q.ring_invalid_tail(0x1_0001), "is a valid tail");
    for part in [Property::CMBMSC, Property(Property::CMBMSC.0 + 4), Property::BPRSEL] {
        refused(|| registers.write32(part, 0), "claim host memory");
    }
    refused(|| registers.write64(Property::INTMC, 1 << 32), "change a part of CC");
    for part in [Property::AQA, Property::ASQ, Property::ACQ, Property(Property::ACQ.0 + 4)] {
        refused(|| registers.write32(part, 0x1000), "change the admin queue");
    }

    // Enabled again, the controller would start at the first entry of a queue that holds old commands.
    let cc = registers.cc()?;
    registers.write32(Property::CC, cc.with_en(false).into())?;
    refused(|| registers.write32(Property::CC, cc.into()), "use `reset_with`");
    Ok(())
}

/// An interrupt is a write to the address that stands in the table.
#[test]
fn the_table_of_interrupts_is_the_drivers() -> Result {
    let nvme = soft::controller("soft:")?;
    let at = nvme.pci().capability(CapabilityId::MSI_X.0)?.expect("soft: has MSI-X");
    let location = MsixLocation::from(nvme.pci().read32(at + msix::TABLE)?);
    assert_eq!(location.bir(), 0);
    let table = location.offset();
    let registers = nvme.registers();
    for offset in [table, table + 8, table + 16] {
        refused(|| registers.write32(Property(offset), 0), "move an interrupt");
    }
    refused(|| registers.write64(Property(table - 4), 0), "move an interrupt");
    Ok(())
}

/// The only identifier of the admin queue is taken by a command that hangs: there is none for an Abort.
#[test]
fn a_full_admin_queue_does_not_stop_the_ladder() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let hangs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let mut nvme = fake.open()?;
    let tiny = ControllerConfig { admin_sq_entries: 2, ..*nvme.config() };
    nvme.reset_with(&tiny)?;
    let mut log = nvme.buffer(512);
    let command = nvme.get_log_page(LogPage::of(2), &mut log).timeout(Duration::from_millis(10));
    assert!(matches!(command.run(&nvme), Err(Error::Timeout { .. })));
    assert!(matches!(nvme.keep_alive().run(&nvme), Err(Error::QueueFull { .. })));
    assert!(matches!(nvme.events(1), Err(Error::QueueFull { .. })));
    nvme.reset_to_default()?;
    nvme.keep_alive().run(&nvme)?;
    Ok(())
}

/// Of memory in several pieces the controller would keep none.
#[test]
fn the_memory_of_a_queue_is_lent_by_itself() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let create = nvme.create_io_cq(CreateIoCq::contiguous(3, 8));
    let sqe = *create.sqe();
    let memory = nvme.scope(|io| create.submit(io).wait())?;
    nvme.delete_io_cq(3).run(&nvme)?;
    refused(|| Command::<Admin, _>::raw(sqe, vec![memory]).run(&nvme), "is lent by itself");
    Ok(())
}

/// CC says how many bytes the device takes for an entry.
#[test]
fn the_memory_of_a_queue_has_room_for_entries_of_any_size() -> Result {
    let mut nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let config = ControllerConfig { iosqes: 8, iocqes: 6, ..*nvme.config() };
    nvme.reset_with(&config)?;
    let larger = |sqe: &mut Sqe| sqe.cdw10 = 0x0010_0003.into();
    let cq = nvme.create_io_cq(CreateIoCq::contiguous(3, 16));
    refused(|| cq.edit(larger).run(&nvme), "a queue of 17 entries has 1088 bytes");
    let sq = nvme.create_io_sq(CreateIoSq::contiguous(3, 16, 3));
    refused(|| sq.edit(larger).run(&nvme), "a queue of 17 entries has 4352 bytes");
    // A device that takes such queues has the entries where the driver would not find them.
    refused(|| nvme.completion_queue(CqOptions { entries: 4, vector: None }), "CC.IOCQES = 6");
    let config = ControllerConfig { iocqes: 4, ..config };
    nvme.reset_with(&config)?;
    refused(|| nvme.qpair(4), "CC.IOSQES = 8");
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

/// It would place data by the one, and the driver have described it by the other.
#[test]
fn the_size_of_memory_pages_does_not_change_behind_the_driver() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let registers = nvme.registers();
    let cc = registers.cc()?;
    for other in [cc.with_mps(1), cc.with_iosqes(7), cc.with_iocqes(5)] {
        refused(|| registers.write32(Property::CC, other.into()), "for a memory page or an entry");
    }
    Ok(())
}

/// Where address 0 is memory, a device that writes more than is described finds no address there, and follows none.
#[test]
fn no_data_pointer_ends_with_an_address_of_memory() -> Result {
    let seen = Arc::new(Mutex::new(Sqe::new_zeroed()));
    let sink = seen.clone();
    let fake = Fake::with_model(DmaModel::Fixed, move |qid, sqe| {
        if qid != 0 {
            *sink.lock().unwrap() = *sqe;
        }
        Reply::Normal
    });
    let nvme = fake.open()?;
    let q = nvme.qpair(4)?;
    let nothing = nvme.unmapped_address().value();
    let last = || {
        let sqe = *seen.lock().unwrap();
        (sqe.mptr.get(), sqe.dptr.map(|pointer| pointer.get()))
    };
    let read = Sqe::with_opcode(READ);
    Command::<Nvm>::raw(read, ()).run(&q)?;
    assert_eq!(last(), (nothing, [nothing, nothing]));

    let mut page = nvme.buffer(4096);
    let start = page.iova().0;
    Command::<Nvm, _>::raw(read, page.as_mut()).run(&q)?;
    assert_eq!(last(), (nothing, [start, nothing]));

    let mut pages = nvme.buffer(4 * 4096);
    Command::<Nvm, _>::raw(read, pages.as_mut()).run(&q)?;
    let (_, [_, list]) = last();
    let mut entries = [0; 4096];
    fake.read(list, &mut entries);
    let behind = entries.chunks_exact(8).skip(3);
    assert!(behind.into_iter().all(|entry| entry == nothing.to_le_bytes()));
    Ok(())
}

/// A queue pair would ring the doorbell of the other.
#[test]
fn no_queue_by_hand_has_the_identifier_of_a_queue_pair() -> Result {
    let nvme = Fake::new(|_, _| Reply::Normal).open()?;
    let q = nvme.qpair(4)?;
    nvme.delete_io_sq(q.id()).run(&nvme)?;
    let fields = CreateIoSq::contiguous(q.id(), 4, q.cq_id());
    refused(|| nvme.raw_submission_queue(fields), "is a `Qpair`'s");
    nvme.delete_io_cq(q.cq_id()).run(&nvme)?;
    let fields = CreateIoCq::contiguous(q.cq_id(), 4);
    refused(|| nvme.raw_completion_queue(fields), "is the driver's");
    Ok(())
}

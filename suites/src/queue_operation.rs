//! Submission and completion queues at work (Base 3.3.1).

use std::time::Duration;

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::queue::scope_all;
use nvmetest::spec::{Property, doorbell};
use nvmetest::{CqOptions, SqOptions};

/// Entries of a queue that stand for the most that the controller has.
const LARGEST: u32 = 0;

/// Queues that hold a thousand commands.
static DEEP_QUEUES: Capability = Capability {
    name: "queues of 1,024 entries",
    field: "CAP.MQES",
    clause: "Base 3.1.4.1",
    probe: |capabilities| {
        let mqes_z = capabilities.cap.mqes_z();
        Presence { present: 1023 <= mqes_z, value: mqes_z.to_string() }
    },
};

/// The head of the submission queue moves on by one with each command, and wraps; so does the phase of the
/// completion queue.
#[nvme_test(
    spec = "Base 3.3.1.4",
    timeout = Duration::from_secs(300),
    cases(two = 2, three = 3, ten = 10, sixty_four = 64, largest = LARGEST)
)]
fn the_head_follows_the_commands_and_wraps(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let entries = entries_of(nvme, entries);
    let q = queue_pair(nvme, entries, entries)?;
    let mut data = nvme.buffer(ns.block());
    for number in 1..=2 * entries + 3 {
        let done = ns.read(&mut data, 0).run(&q)?;
        assert_eq!(u32::from(done.sqhd), number % entries, "command number {number}");
    }
    Ok(())
}

/// A queue takes as many commands as it has entries, less one, and each of them transfers its own data.
#[nvme_test(
    spec = "Base 3.3.1.5",
    timeout = Duration::from_secs(300),
    cases(two = 2, three = 3, ten = 10, sixty_four = 64, largest = LARGEST)
)]
fn a_queue_can_be_filled(nvme: &Controller, ns: Namespace, #[case] entries: u32) -> Result {
    let entries = entries_of(nvme, entries);
    let q = queue_pair(nvme, entries, entries)?;
    write_and_read(nvme, ns, &q)
}

/// A completion queue that is full holds the controller up, and loses no completion.
#[nvme_test(spec = "Base 3.3.1.2", cases(two = 2, three = 3, seven = 7, thirty_three = 33))]
fn a_full_completion_queue_loses_nothing(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let q = queue_pair(nvme, 64, entries)?;
    write_and_read(nvme, ns, &q)
}

/// A completion queue may be larger than its submission queue.
#[nvme_test(spec = "Base 3.3.1", cases(two = 2, three = 3, seven = 7))]
fn a_completion_queue_may_be_the_larger_one(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let q = queue_pair(nvme, entries, 64)?;
    for _ in 0..5 {
        write_and_read(nvme, ns, &q)?;
    }
    Ok(())
}

/// A thousand commands are outstanding at a time.
#[nvme_test(spec = "Base 3.3.1", requires(self::DEEP_QUEUES))]
fn a_thousand_commands_may_be_outstanding(nvme: &Controller, ns: Namespace) -> Result {
    let q = queue_pair(nvme, 1024, 1024)?;
    write_and_read(nvme, ns, &q)
}

/// Several submission queues share a completion queue, and each command completes as one of its own queue.
#[nvme_test(spec = "Base 3.3.1", cases(room_for_all = 64, room_for_few = 4, room_for_one = 2))]
fn submission_queues_share_a_completion_queue(
    nvme: &Controller,
    ns: Namespace,
    #[case] entries: u32,
) -> Result {
    let queues = nvme.queues_granted().0.min(4);
    if queues < 2 {
        return Err(Error::NotApplicable("the controller has one submission queue".to_owned()));
    }
    let entries = entries_of(nvme, entries);
    let shared = nvme.completion_queue(CqOptions { entries, vector: None })?;
    let options = SqOptions { entries: entries_of(nvme, 16), priority: 0 };
    let commands = options.entries as usize - 1;
    let queues: Vec<_> =
        (0..queues).map(|_| shared.submission_queue(options)).collect::<Result<_>>()?;
    let block = ns.block();
    let mut data = nvme.buffer(commands * block);
    stamp(&mut data, block);
    queues[0].run_all(data.chunks(block).zip(0..).map(|(chunk, lba)| ns.write(chunk, lba)))?;

    let mut back: Vec<_> = queues.iter().map(|_| nvme.buffer(data.len())).collect();
    scope_all(&queues, |ios| {
        for (io, back) in ios.iter().zip(&mut back) {
            for (chunk, lba) in back.chunks_mut(block).zip(0..) {
                ns.read(chunk, lba).submit(io);
            }
        }
        ios.iter().try_for_each(|io| io.waitdone(commands))
    })?;
    assert!(back.iter().all(|back| back[..] == data[..]));
    Ok(())
}

/// Commands of several queue pairs complete each in its own queue.
#[nvme_test(spec = "Base 3.3.1")]
fn queue_pairs_do_not_disturb_each_other(nvme: &Controller, ns: Namespace) -> Result {
    let (submission, completion) = nvme.queues_granted();
    let pairs = submission.min(completion).min(8);
    let commands = entries_of(nvme, 32) as usize - 1;
    let queues: Vec<_> = (0..pairs).map(|_| nvme.qpair(commands as u16)).collect::<Result<_>>()?;
    let block = ns.block();
    let mut buffers: Vec<_> = queues.iter().map(|_| nvme.buffer(commands * block)).collect();
    for (number, buffer) in buffers.iter_mut().enumerate() {
        stamp(buffer, block);
        buffer.chunks_exact_mut(block).for_each(|chunk| chunk[0] = number as u8);
    }
    scope_all(&queues, |ios| {
        for ((io, buffer), first) in ios.iter().zip(&buffers).zip((0..).step_by(commands)) {
            for (chunk, lba) in buffer.chunks(block).zip(first..) {
                ns.write(chunk, lba).submit(io);
            }
        }
        ios.iter().try_for_each(|io| io.waitdone(commands))
    })?;

    // Each queue reads what the next one wrote.
    let mut back = nvme.buffer(commands * block);
    for (number, q) in queues.iter().enumerate() {
        let other = (number + 1) % queues.len();
        let first = (other * commands) as u64;
        q.run_all(back.chunks_mut(block).zip(first..).map(|(chunk, lba)| ns.read(chunk, lba)))?;
        assert_eq!(back[..], buffers[other][..], "queue {number} read what {other} wrote");
    }
    Ok(())
}

/// Commands that fail take their turn like others: the queue goes on behind them.
#[nvme_test(spec = "Base 3.3.1.4")]
fn a_queue_goes_on_behind_a_command_that_failed(nvme: &Controller, ns: Namespace) -> Result {
    let q = queue_pair(nvme, 17, 17)?;
    let mut good = nvme.buffer(8 * ns.block());
    let mut bad = nvme.buffer(8 * ns.block());
    let block = ns.block();
    let pairs = good.chunks_mut(block).zip(bad.chunks_mut(block)).zip(0..);
    q.run_all(pairs.flat_map(|((good, bad), lba)| {
        let beyond = ns.read(bad, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE);
        [beyond, ns.read(good, lba)]
    }))
}

/// A completion has no bits in Dword 0 that its command does not define.
#[nvme_test(spec = "Base 4.2.1")]
fn dword_0_is_zero_where_a_command_does_not_use_it(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let mut data = nvme.buffer(ns.block());
    assert_eq!(ns.flush().run(q)?.cdw0, 0, "Flush");
    assert_eq!(ns.write(&data, 0).run(q)?.cdw0, 0, "Write");
    assert_eq!(ns.read(&mut data, 0).run(q)?.cdw0, 0, "Read");
    let failed = ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    assert_eq!(failed.cdw0, 0, "a Read that failed");
    Ok(())
}

/// The admin queue wraps while a command in it stays outstanding.
#[nvme_test(spec = "Base 3.3.1")]
fn the_admin_queue_wraps_around_an_outstanding_command(nvme: &Controller) -> Result {
    let events = nvme.events(1)?;
    let entries = u32::from(nvme.config().admin_sq_entries);
    let first = u32::from(nvme.get_features(0x07).run(nvme)?.sqhd);
    for number in 1..=2 * entries + 3 {
        let done = nvme.get_features(0x07).run(nvme)?;
        assert_eq!(u32::from(done.sqhd), (first + number) % entries, "command number {number}");
    }
    assert_eq!(events.outstanding(), 1);
    Ok(())
}

/// A controller that reports a tail beyond the end of the queue, reports it as what it is; a tail like that
/// harms no other queue.
#[nvme_test(spec = "Base 5.1.2.1", cases(first = 0, far = 1000, last = 0xffff))]
fn a_tail_beyond_the_queue_is_an_error_event(
    nvme: &Controller,
    ns: Namespace,
    #[case] beyond: u32,
) -> Result {
    let events = nvme.events(1)?;
    let q = nvme.qpair(1)?;
    ns.flush().run(&q)?;
    q.ring_invalid_tail((q.entries() + beyond).min(0xffff))?;
    let event = events.poll(Duration::from_secs(2))?;
    // The queue is of no use any more; others are.
    drop(q);
    ns.flush().run(&nvme.qpair(1)?)?;
    // The standard has the event, and does not ask every controller to look for its cause.
    let Some(event) = event else {
        let what = "the controller does not report doorbell values that are not valid";
        return Err(Error::NotApplicable(what.to_owned()));
    };
    crate::asynchronous_events::read_error_log(nvme)?;
    assert_eq!((event.kind(), event.info(), event.log_page()), (0, 1, 1), "{event:?}");
    Ok(())
}

/// A controller that reports a write to the doorbell of a queue that does not exist, reports it as what it is.
#[nvme_test(spec = "Base 5.1.2.1", cases(tail = doorbell::sq_tail, head = doorbell::cq_head))]
fn a_doorbell_without_a_queue_is_an_error_event(
    nvme: &Controller,
    ns: Namespace,
    #[case] register: fn(u16, u8) -> u32,
) -> Result {
    let events = nvme.events(1)?;
    let q = nvme.qpair(1)?;
    let offset = register(q.id() + 1, nvme.capabilities().cap.dstrd());
    nvme.registers().write32(Property(offset), 1)?;
    let event = events.poll(Duration::from_secs(2))?;
    ns.flush().run(&q)?;
    // What such a write does is undefined (PCIe transport 3.1.2.1); only a wrong report is wrong.
    let Some(event) = event else {
        let what = "the controller does not report writes to doorbells without a queue";
        return Err(Error::NotApplicable(what.to_owned()));
    };
    crate::asynchronous_events::read_error_log(nvme)?;
    assert_eq!((event.kind(), event.info(), event.log_page()), (0, 0, 1), "{event:?}");
    Ok(())
}

fn entries_of(nvme: &Controller, entries: u32) -> u32 {
    let most = nvme.capabilities().cap.max_queue_entries();
    if entries == LARGEST { most } else { entries.min(most) }
}

fn queue_pair(nvme: &Controller, submission: u32, completion: u32) -> Result<Qpair<'_>> {
    let submission = entries_of(nvme, submission);
    let completion = entries_of(nvme, completion);
    let sq = SqOptions { entries: submission, priority: 0 };
    nvme.qpair_with(sq, CqOptions { entries: completion, vector: None })
}

/// Writes a block with each command that the queue holds, all at once, and reads them back as well.
fn write_and_read(nvme: &Controller, ns: Namespace, q: &Qpair) -> Result {
    let block = ns.block();
    let depth = q.depth();
    let mut data = nvme.buffer(depth * block);
    stamp(&mut data, block);
    let mut back = nvme.buffer(data.len());
    let lba = |number: u64| number % ns.capacity();

    q.scope(|io| {
        for (chunk, number) in data.chunks(block).zip(0..) {
            ns.write(chunk, lba(number)).submit(io);
        }
        io.waitdone(depth)
    })?;
    q.scope(|io| {
        for (chunk, number) in back.chunks_mut(block).zip(0..) {
            ns.read(chunk, lba(number)).submit(io);
        }
        io.waitdone(depth)
    })?;
    for (number, (back, data)) in back.chunks_exact(block).zip(data.chunks_exact(block)).enumerate()
    {
        assert_eq!(back, data, "command number {number}");
    }
    Ok(())
}

/// Makes each block differ from all others.
fn stamp(data: &mut [u8], block: usize) {
    for (number, chunk) in data.chunks_exact_mut(block).enumerate() {
        chunk.fill(number as u8);
        chunk[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    }
}

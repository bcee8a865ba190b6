//! Interrupts of completion queues: the messages of MSI-X or MSI, and INTx (PCIe transport 3.5).

mod coalescing;
mod enabling;
mod intx;
mod masks;
mod msi;
mod worker;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::queue::scope_all;
use nvmetest::{CqOptions, Interrupts, SqOptions, Ticket};

/// How long an interrupt may take, and the mask of one.
const LIMIT: Duration = Duration::from_secs(5);

/// Two vectors, so that a queue can have one that the admin queue does not use.
static TWO_VECTORS: Capability = Capability {
    name: "two vectors of MSI-X or MSI",
    field: "the number of MSI-X or MSI vectors that can be observed",
    clause: "PCIe transport 3.5",
    probe: |capabilities| {
        let vectors = capabilities.transport.vectors();
        Presence { present: 2 <= vectors, value: vectors.to_string() }
    },
};

/// A completion in the Admin Completion Queue signals vector 0.
#[nvme_test(spec = "PCIe transport 3.5", requires(VECTORS))]
fn an_admin_completion_signals_vector_0(nvme: &Controller) -> Result {
    let interrupts = nvme.interrupts(1)?;
    interrupts.take(0);
    nvme.get_features(0x07).run(nvme)?;
    wait_for(&interrupts, 0)
}

/// A completion signals the vector of its queue and no other.
#[nvme_test(spec = "Base 5.2.1", requires(self::TWO_VECTORS))]
fn a_completion_signals_the_vector_of_its_queue(nvme: &Controller, ns: Namespace) -> Result {
    let vectors = vectors(nvme, 8);
    let interrupts = nvme.interrupts(vectors)?;
    let queues: Vec<_> =
        (1..vectors).map(|vector| queue(nvme, 8, Some(vector))).collect::<Result<_>>()?;
    settle(&interrupts, vectors);

    for (q, vector) in queues.iter().zip(1..) {
        flush_and_wait(&interrupts, vector, &ns, q)?;
        let others = settle(&interrupts, vectors);
        assert!(others.iter().all(|&other| other == vector), "{others:?} and not only {vector}");
    }
    Ok(())
}

/// Queues may share a vector, and each of them signals it.
#[nvme_test(spec = "Base 5.2.1", requires(self::TWO_VECTORS))]
fn queues_may_share_a_vector(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    if nvme.queues_granted().0.min(nvme.queues_granted().1) < 2 {
        return Err(Error::NotApplicable("the controller has one queue pair".to_owned()));
    }
    let queues = [queue(nvme, 8, Some(1))?, queue(nvme, 8, Some(1))?];
    for q in queues.iter().cycle().take(8) {
        flush_and_wait(&interrupts, 1, &ns, q)?;
    }
    Ok(())
}

/// A queue without interrupts signals nothing.
#[nvme_test(spec = "Base 5.2.1", requires(self::TWO_VECTORS))]
fn a_queue_without_interrupts_signals_nothing(nvme: &Controller, ns: Namespace) -> Result {
    if nvme.queues_granted().0.min(nvme.queues_granted().1) < 2 {
        return Err(Error::NotApplicable("the controller has one queue pair".to_owned()));
    }
    let interrupts = nvme.interrupts(2)?;
    let silent = queue(nvme, 8, None)?;
    let loud = queue(nvme, 8, Some(1))?;
    settle(&interrupts, 2);
    for _ in 0..20 {
        ns.flush().run(&silent)?;
    }
    flush_and_wait(&interrupts, 1, &ns, &loud)?;
    let others = settle(&interrupts, 2);
    assert!(!others.contains(&0), "vector 0 fired, which no queue with interrupts has");
    Ok(())
}

/// No interrupt is lost: each completion that comes alone signals, also where the queue wraps.
#[nvme_test(spec = "PCIe transport 3.5", requires(self::TWO_VECTORS))]
fn no_interrupt_is_lost_where_the_queue_wraps(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 5, Some(1))?;
    for number in 0..23 {
        flush_and_wait(&interrupts, 1, &ns, &q)
            .map_err(|error| Error::Failed(format!("completion number {number}: {error}")))?;
    }
    Ok(())
}

/// There is no interrupt without a completion.
#[nvme_test(spec = "PCIe transport 3.5", requires(self::TWO_VECTORS))]
fn there_is_no_interrupt_without_a_completion(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    for _ in 0..4 {
        ns.flush().run(&q)?;
    }
    settle(&interrupts, 2);
    // The only completions are those of admin commands.
    for _ in 0..20 {
        nvme.get_features(0x07).run(nvme)?;
    }
    let fired = settle(&interrupts, 2);
    assert!(!fired.contains(&1), "vector 1 fired, and its queue had no completion");
    Ok(())
}

/// When an interrupt arrives, the completion that it announces is in memory (Base 3.3.1.2).
#[nvme_test(spec = "PCIe transport 3.5", requires(self::TWO_VECTORS))]
fn a_completion_is_in_memory_before_its_interrupt(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    for number in 0..100 {
        interrupts.take(1);
        q.scope(|io| {
            let flush = ns.flush().submit(io);
            wait_for(&interrupts, 1)?;
            assert!(flush.completion().is_some(), "flush {number} has no completion yet");
            flush.wait()
        })?;
    }
    Ok(())
}

/// Under load each vector fires, none fires more often than its queue has completions, and none afterwards.
#[nvme_test(spec = "PCIe transport 3.5", requires(self::TWO_VECTORS))]
fn under_load_no_interrupt_is_lost_and_none_is_spurious(
    nvme: &Controller,
    ns: Namespace,
) -> Result {
    const ROUNDS: u64 = 40;
    // A queue is never full: a controller that has waited for room may signal again what nobody has taken yet.
    const DEPTH: u64 = 6;
    let vectors = vectors(nvme, 9);
    let interrupts = nvme.interrupts(vectors)?;
    let queues: Vec<_> =
        (1..vectors).map(|vector| queue(nvme, 8, Some(vector))).collect::<Result<_>>()?;
    settle(&interrupts, vectors);

    let mut fired = vec![0; usize::from(vectors)];
    for round in 0..ROUNDS {
        scope_all(&queues, |ios| {
            let start = |io| ns.flush().submit(io);
            let tickets: Vec<_> = (0..DEPTH).flat_map(|_| ios.iter().map(start)).collect();
            for vector in 1..vectors {
                let lost = |error| Error::Failed(format!("round {round}: {error}"));
                fired[usize::from(vector)] += interrupts.wait(vector, LIMIT).map_err(lost)?;
            }
            tickets.into_iter().try_for_each(Ticket::wait)
        })?;
        for vector in 1..vectors {
            fired[usize::from(vector)] += interrupts.take(vector);
        }
    }
    let late = settle(&interrupts, vectors);
    assert!(!late.contains(&0), "vector 0 fired, and there was no admin command");
    for (vector, &count) in (1..vectors).zip(&fired[1..]) {
        let completions = ROUNDS * DEPTH;
        assert!(count <= completions, "vector {vector} fired {count} times for {completions}");
    }
    let again = settle(&interrupts, vectors);
    assert!(again.is_empty(), "{again:?} fired, and nothing is in flight");
    Ok(())
}

/// A queue whose interrupts are enabled works as well when nobody listens: no vector is enabled.
#[nvme_test(spec = "PCIe transport 3.5", requires(self::TWO_VECTORS))]
fn a_queue_goes_on_when_vectors_are_disabled(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 4, Some(1))?;
    ns.flush().run(&q)?;
    drop(interrupts);
    for _ in 0..11 {
        ns.flush().run(&q)?;
    }
    Ok(())
}

/// How many vectors a test can use: those that there are, those that there are queues for, and `most`.
fn vectors(nvme: &Controller, most: u16) -> u16 {
    let (submission, completion) = nvme.queues_granted();
    let queues = submission.min(completion);
    nvme.capabilities().transport.vectors().min(queues.saturating_add(1)).min(most)
}

/// Two vectors, and a queue whose completions signal vector 1; it has had one, and all that was to be signalled was.
fn settled<'c>(nvme: &'c Controller, ns: &Namespace) -> Result<(Interrupts<'c>, Qpair<'c>)> {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    ns.flush().run(&q)?;
    settle(&interrupts, 2);
    Ok((interrupts, q))
}

pub(crate) fn queue(nvme: &Controller, entries: u32, vector: Option<u16>) -> Result<Qpair<'_>> {
    let entries = entries.min(nvme.capabilities().cap.max_queue_entries());
    nvme.qpair_with(SqOptions { entries, priority: 0 }, CqOptions { entries, vector })
}

/// Has one completion in the queue, and waits for its interrupt before anybody takes it: of an entry that was taken already
/// a controller need not tell.
pub(crate) fn flush_and_wait(
    interrupts: &Interrupts,
    vector: u16,
    ns: &Namespace,
    q: &Qpair,
) -> Result {
    interrupts.take(vector);
    q.scope(|io| {
        let flush = ns.flush().submit(io);
        wait_for(interrupts, vector)?;
        flush.wait()
    })
}

/// Waits until the vector has fired.
fn wait_for(interrupts: &Interrupts, vector: u16) -> Result {
    interrupts.wait(vector, LIMIT).map(drop)
}

/// Waits until all that was under way has been signalled, and returns which vectors were.
///
/// A signal follows its completion, which the host has seen, in much less than the quiet time.
fn settle(interrupts: &Interrupts, vectors: u16) -> BTreeSet<u16> {
    const QUIET: Duration = Duration::from_millis(50);
    let mut fired = BTreeSet::new();
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        let now = (0..vectors).filter(|&vector| interrupts.take(vector) != 0);
        let before = fired.len();
        fired.extend(now);
        if before < fired.len() {
            since = Instant::now();
        }
        std::thread::yield_now();
    }
    fired
}

//! Interrupt Coalescing (Base 5.1.25.2.2), which a controller may do less than it is asked for.

use std::time::{Duration, Instant};

use nvmetest::Ticket;
use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::InterruptCoalescing;

use crate::features::changeable;

use super::flush_and_wait;
use super::queue;
use super::settle;
use super::wait_for;

/// Sets the aggregation for a test, and takes it back.
struct Aggregation<'n> {
    nvme: &'n Controller,
    before: u32,
}

impl<'n> Aggregation<'n> {
    fn set(nvme: &'n Controller, thr_z: u8, time: u8) -> Result<Self> {
        const FID: u8 = Fid::INTERRUPT_COALESCING.0;
        changeable(nvme, Fid::INTERRUPT_COALESCING, 0)?;
        let before = nvme.get_features(FID).run(nvme)?.cdw0;
        let value = InterruptCoalescing::new().with_thr_z(thr_z).with_time(time);
        nvme.set_features(FID, value.into_bits()).run(nvme)?;
        Ok(Self { nvme, before })
    }
}

impl Drop for Aggregation<'_> {
    fn drop(&mut self) {
        let command = self.nvme.set_features(Fid::INTERRUPT_COALESCING.0, self.before);
        // If it does not go back, the check for leaks after the test says so.
        drop(command.expect(Expected::Any).run(self.nvme));
    }
}

/// However high the threshold is, a completion that stays alone is signalled when the time is over.
#[nvme_test(spec = "Base 5.1.25.2.2", requires(super::TWO_VECTORS), cases(short = 10, long = 255))]
fn a_lone_completion_is_signalled_after_the_time(
    nvme: &Controller,
    ns: Namespace,
    #[case] time: u8,
) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    settle(&interrupts, 2);
    let _aggregation = Aggregation::set(nvme, 255, time)?;
    for _ in 0..5 {
        flush_and_wait(&interrupts, 1, &ns, &q)?;
    }
    Ok(())
}

/// However long the time is, the threshold is signalled: no more commands than it says wait for each other.
#[nvme_test(spec = "Base 5.1.25.2.2", requires(super::TWO_VECTORS))]
fn as_many_completions_as_the_threshold_are_signalled(nvme: &Controller, ns: Namespace) -> Result {
    let interrupts = nvme.interrupts(2)?;
    let q = queue(nvme, 8, Some(1))?;
    settle(&interrupts, 2);
    let _aggregation = Aggregation::set(nvme, 3, 255)?;
    for _ in 0..5 {
        interrupts.take(1);
        q.scope(|io| {
            let tickets: Vec<_> = (0..4).map(|_| ns.flush().submit(io)).collect();
            wait_for(&interrupts, 1)?;
            tickets.into_iter().try_for_each(Ticket::wait)
        })?;
    }
    Ok(())
}

/// Coalescing is for I/O: the Admin Completion Queue signals each completion.
#[nvme_test(spec = "Base 5.1.25.2.2", requires(VECTORS))]
fn admin_completions_are_not_coalesced(nvme: &Controller) -> Result {
    let interrupts = nvme.interrupts(1)?;
    let _aggregation = Aggregation::set(nvme, 255, 255)?;
    settle(&interrupts, 1);
    for _ in 0..10 {
        let start = Instant::now();
        nvme.get_features(0x07).run(nvme)?;
        wait_for(&interrupts, 0)?;
        // With it, each would wait for 25.5 ms. One that the machine delays does not say so.
        if start.elapsed() < Duration::from_millis(20) {
            return Ok(());
        }
    }
    Err(Error::Failed("each of 10 admin completions was signalled late".to_owned()))
}

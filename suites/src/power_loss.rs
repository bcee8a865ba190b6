//! What is left when the power was cut (Base 5.1.25.1.4, Base 7.2, NVM 2.1.4.2).
//!
//! A test runs where the host can switch the power of the device. What it asks for is the rule of
//! [`nvmetest::durability`]; on a device without a volatile write cache nothing that was acknowledged may be lost.

use nvmetest::Shutdown;
use nvmetest::durability::{Durability, PowerLossReport};
use nvmetest::prelude::*;
use nvmetest::spec::log::SmartHealth;
use nvmetest::spec::{Fid, Lid};

use crate::log_pages;
use crate::pattern;

/// The blocks that are written.
const BLOCKS: u32 = 64;

/// Cuts the power and reads what is left.
fn cut_and_check(nvme: &mut Controller, record: &Durability) -> Result<PowerLossReport> {
    nvme.power_cycle()?;
    nvme.reset()?;
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    ns.check_after_power_loss(&q, record)
}

/// Writes version 1 of each block, so that version 2 has something to go back to, and starts the record.
fn prepare(nvme: &Controller, ns: Namespace, q: &Qpair) -> Result<Durability> {
    pattern::write(nvme, q, ns, 0, BLOCKS, 1)?;
    ns.durability(q, 0..u64::from(BLOCKS))
}

/// Writes version 2 of each block with a command of its own.
fn rewrite(nvme: &Controller, ns: Namespace, q: &Qpair, fua: bool) -> Result {
    let data = pattern::buffer(nvme, ns, 0, BLOCKS, 2);
    for (at, lba) in (0..data.len()).step_by(ns.block()).zip(0..) {
        let write = ns.write(data.slice(at..at + ns.block()), lba);
        if fua { write.fua() } else { write }.run(q)?;
    }
    Ok(())
}

#[track_caller]
fn assert_kept(report: &PowerLossReport) {
    assert_eq!((report.checked, report.unjudged), (u64::from(BLOCKS), 0));
    assert!(report.violations.is_empty(), "{report}");
}

/// What was written before a Flush is there after a power loss.
#[nvme_test(spec = "Base 7.2", requires(POWER_CYCLE))]
fn flushed_data_survive(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let record = prepare(nvme, ns, &q)?;
    rewrite(nvme, ns, &q, false)?;
    ns.flush().run(&q)?;
    drop(q);
    let report = cut_and_check(nvme, &record)?;
    assert_kept(&report);
    assert_eq!(report.went_back, 0, "{report}");
    Ok(())
}

/// What was written with FUA is there after a power loss, without a Flush.
#[nvme_test(spec = "NVM 3.3.6", requires(POWER_CYCLE))]
fn data_written_with_fua_survive(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let record = prepare(nvme, ns, &q)?;
    rewrite(nvme, ns, &q, true)?;
    drop(q);
    let report = cut_and_check(nvme, &record)?;
    assert_kept(&report);
    assert_eq!(report.went_back, 0, "{report}");
    Ok(())
}

/// Zeroes that were written with FUA are there after a power loss.
#[nvme_test(spec = "NVM 3.3.8", requires(POWER_CYCLE, WRITE_ZEROES))]
fn zeroes_written_with_fua_survive(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let record = prepare(nvme, ns, &q)?;
    ns.write_zeroes(8, 16).fua().run(&q)?;
    drop(q);
    assert_kept(&cut_and_check(nvme, &record)?);
    Ok(())
}

/// What was written and not flushed is old or new, block by block, and nothing else.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(POWER_CYCLE))]
fn data_that_were_not_flushed_are_old_or_new(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let record = prepare(nvme, ns, &q)?;
    rewrite(nvme, ns, &q, false)?;
    drop(q);
    assert_kept(&cut_and_check(nvme, &record)?);
    Ok(())
}

/// With the volatile write cache disabled, what is acknowledged is there after a power loss.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(POWER_CYCLE, VOLATILE_WRITE_CACHE))]
fn acknowledged_data_survive_without_the_cache(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let fid = Fid::VOLATILE_WRITE_CACHE.0;
    let before = nvme.get_features(fid).run(&*nvme)?.cdw0;
    nvme.set_features(fid, 0).run(&*nvme)?;
    let record = prepare(nvme, ns, &q)?;
    rewrite(nvme, ns, &q, false)?;
    drop(q);
    let report = cut_and_check(nvme, &record)?;
    nvme.set_features(fid, before).run(&*nvme)?;
    assert_kept(&report);
    assert_eq!(report.went_back, 0, "{report}");
    Ok(())
}

/// A normal shutdown writes to the media what is in the volatile write cache.
#[nvme_test(spec = "Base 3.6.1", requires(POWER_CYCLE))]
fn data_survive_a_normal_shutdown(nvme: &mut Controller) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(8)?);
    let record = prepare(nvme, ns, &q)?;
    rewrite(nvme, ns, &q, false)?;
    drop(q);
    nvme.shut_down(Shutdown::Normal)?;
    let report = cut_and_check(nvme, &record)?;
    assert_kept(&report);
    assert_eq!(report.went_back, 0, "{report}");
    Ok(())
}

/// Writes in flight when the power goes are old or new, and those of at most AWUPF are not torn.
#[nvme_test(
    spec = "NVM 2.1.4.2",
    requires(POWER_CYCLE),
    cases(one_block = 1, some_blocks = 4, many_blocks = 16)
)]
fn writes_in_flight_are_old_or_new(nvme: &mut Controller, #[case] blocks: u32) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(64)?);
    let record = prepare(nvme, ns, &q)?;
    let data = pattern::buffer(nvme, ns, 0, BLOCKS, 2);
    let len = blocks as usize * ns.block();
    let cut = q.scope(|io| {
        for (at, slba) in (0..data.len()).step_by(len).zip((0..).step_by(blocks as usize)) {
            // What does not complete any more is no failure here.
            drop(ns.write(data.slice(at..at + len), slba).submit_with(io, |_, _| {}));
        }
        nvme.power_cycle()
    });
    // What was in flight has not completed, and that is no failure here.
    drop(cut);
    drop(q);
    assert_kept(&cut_and_check(nvme, &record)?);
    Ok(())
}

/// A power loss without a shutdown is counted as an unexpected one, and one after a shutdown is not.
#[nvme_test(spec = "Base 5.1.12.1.3", requires(POWER_CYCLE))]
fn unexpected_power_losses_are_counted(nvme: &mut Controller) -> Result {
    let counts = |nvme: &Controller| -> Result<(u128, u128)> {
        let smart: Box<SmartHealth> = log_pages::get(nvme, Lid::SMART)?;
        Ok((smart.pwrc.get(), smart.upl.get()))
    };
    let (cycles, losses) = counts(nvme)?;
    nvme.shut_down(Shutdown::Normal)?;
    nvme.power_cycle()?;
    nvme.reset()?;
    assert_eq!(counts(nvme)?, (cycles + 1, losses), "after a normal shutdown");
    nvme.power_cycle()?;
    nvme.reset()?;
    assert_eq!(counts(nvme)?, (cycles + 2, losses + 1), "without a shutdown");
    Ok(())
}

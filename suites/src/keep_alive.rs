//! Keep Alive and its timer (Base 3.9, Base 5.1.14).

use std::time::{Duration, Instant};

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;

/// Feature identifier of Keep Alive Timer (Base 5.1.25.1.8).
const KEEP_ALIVE_TIMER: u8 = 0x0f;

/// The controller says that it has no Keep Alive.
static NO_KEEP_ALIVE: Capability = Capability {
    name: "the absence of Keep Alive",
    field: "KAS",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let kas = capabilities.controller.kas.get();
        Presence { present: kas == 0, value: kas.to_string() }
    },
};

/// A controller that has Keep Alive takes the command at any time, also while the timer does not run.
#[nvme_test(spec = "Base 5.1.14", requires(KEEP_ALIVE))]
fn a_keep_alive_completes(nvme: &Controller) -> Result {
    for _ in 0..5 {
        let done = nvme.keep_alive().run(nvme)?;
        assert_eq!(done.cdw0, 0, "Dword 0 is reserved");
    }
    Ok(())
}

/// A controller without Keep Alive does not know the command.
#[nvme_test(spec = "Base 3.1.3", requires(self::NO_KEEP_ALIVE))]
fn a_keep_alive_is_unknown_where_kas_is_zero(nvme: &Controller) -> Result {
    nvme.keep_alive().expect(Status::INVALID_COMMAND_OPCODE).run(nvme)?;
    Ok(())
}

/// The timer is off after a reset.
#[nvme_test(spec = "Base 5.1.25.1.8", requires(KEEP_ALIVE))]
fn the_timer_does_not_run_after_a_reset(nvme: &mut Controller) -> Result {
    nvme.reset()?;
    assert_eq!(nvme.get_features(KEEP_ALIVE_TIMER).run(&*nvme)?.cdw0, 0);
    Ok(())
}

/// KATO is rounded up to the granularity that KAS names, and never down.
#[nvme_test(
    spec = "Base 5.1.25.1.8",
    requires(KEEP_ALIVE),
    cases(even = 600_000, odd = 600_001, uneven = 654_321)
)]
fn the_timeout_is_rounded_up(nvme: &mut Controller, #[case] asked: u32) -> Result {
    let granularity = u32::from(nvme.capabilities().controller.kas.get()) * 100;
    nvme.set_features(KEEP_ALIVE_TIMER, asked).run(&*nvme)?;
    let kato = nvme.get_features(KEEP_ALIVE_TIMER).run(&*nvme)?.cdw0;
    nvme.reset()?;
    // A controller may report what was asked for, or what it made of it.
    assert!(asked <= kato && kato < asked + granularity, "{asked} ms became {kato} ms");
    Ok(())
}

/// A host that is heard of in time keeps the controller alive for longer than KATO.
#[nvme_test(spec = "Base 3.9", requires(KEEP_ALIVE), timeout = Duration::from_secs(180))]
fn keep_alive_commands_keep_the_controller_alive(nvme: &mut Controller) -> Result {
    nvme.set_features(KEEP_ALIVE_TIMER, 1000).run(&*nvme)?;
    // What the controller has made of it.
    let kato = nvme.get_features(KEEP_ALIVE_TIMER).run(&*nvme)?.cdw0;
    let kato = Duration::from_millis(kato.into());
    let start = Instant::now();
    while start.elapsed() < kato.mul_f32(1.5) {
        nvme.keep_alive().run(&*nvme)?;
    }
    let csts = nvme.registers().csts()?;
    nvme.set_features(KEEP_ALIVE_TIMER, 0).run(&*nvme)?;
    nvme.reset()?;
    assert!(csts.rdy() && !csts.cfs(), "{csts:?}");
    Ok(())
}

/// A controller whose host falls silent sets CSTS.CFS, and not before KATO is over.
#[nvme_test(spec = "Base 3.9", requires(KEEP_ALIVE), timeout = Duration::from_secs(180))]
fn a_silent_host_is_a_fatal_error(nvme: &mut Controller) -> Result {
    const KATO: Duration = Duration::from_millis(500);
    let granularity = Duration::from_millis(100) * nvme.capabilities().controller.kas.get().into();
    let kato = KATO.max(granularity);
    let start = Instant::now();
    nvme.set_features(KEEP_ALIVE_TIMER, kato.as_millis() as u32).run(&*nvme)?;
    // The registers are no command: the controller hears nothing.
    let limit = 100 * kato;
    let took = loop {
        if nvme.registers().csts()?.cfs() {
            break Some(start.elapsed());
        }
        if limit < start.elapsed() {
            break None;
        }
        std::thread::yield_now();
    };
    nvme.reset()?;
    let took = took.ok_or_else(|| {
        Error::Failed(format!("no fatal status within {limit:?}, and KATO is {kato:?}"))
    })?;
    assert!(kato <= took, "a fatal status after {took:?}, and KATO is {kato:?}");
    Ok(())
}

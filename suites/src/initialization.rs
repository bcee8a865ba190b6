//! Enabling the controller (Base 3.5.1).

use std::time::Duration;

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::spec::IdentifyController;
use nvmetest::spec::property::{CommandSetSelected, ShutdownStatus};
use nvmetest::{ControllerConfig, Identify};

/// CC.CSS may be 110b: all I/O command sets.
static ALL_COMMAND_SETS: Capability = Capability {
    name: "all supported I/O Command Sets",
    field: "CAP.CSS.IOCSS",
    clause: "Base 3.1.4.1",
    probe: |capabilities| {
        let css = capabilities.cap.css();
        Presence { present: css.iocss(), value: format!("{css:?}") }
    },
};

/// The canonical sequence makes a controller that is ready, and admin commands work at once.
#[nvme_test(spec = "Base 3.5.1")]
fn an_enabled_controller_is_ready(nvme: &mut Controller) -> Result {
    nvme.reset()?;
    let (cc, csts) = (nvme.registers().cc()?, nvme.registers().csts()?);
    assert!(cc.en() && csts.rdy() && !csts.cfs(), "{cc:?} {csts:?}");
    assert_eq!(csts.shst(), ShutdownStatus::NORMAL_OPERATION);
    identify(nvme)
}

/// A controller can be enabled and disabled as often as one likes.
#[nvme_test(spec = "Base 3.5.1", timeout = Duration::from_secs(300))]
fn a_controller_can_be_enabled_many_times(nvme: &mut Controller) -> Result {
    for _ in 0..20 {
        nvme.reset()?;
        identify(nvme)?;
    }
    Ok(())
}

/// The admin queues have two to 4,096 entries, and need not be of one size.
#[nvme_test(
    spec = "Base 3.1.4.8",
    cases(
        smallest = (2, 2),
        small_submission = (2, 64),
        small_completion = (64, 2),
        odd = (3, 5),
        large = (4096, 3),
        largest = (4096, 4096),
    )
)]
fn the_admin_queues_have_the_size_that_was_asked_for(
    nvme: &mut Controller,
    #[case] (admin_sq_entries, admin_cq_entries): (u16, u16),
) -> Result {
    let config = ControllerConfig { admin_sq_entries, admin_cq_entries, ..*nvme.config() };
    nvme.reset_with(&config)?;
    // Enough for both to wrap twice.
    let commands = 2 * admin_sq_entries.max(admin_cq_entries) + 3;
    let entries = u32::from(admin_sq_entries);
    let mut head = None;
    for number in 0..commands {
        let sqhd = u32::from(nvme.get_features(0x07).run(&*nvme)?.sqhd);
        let next = head.map_or(sqhd, |head: u32| (head + 1) % entries);
        assert_eq!(sqhd, next, "command number {number}");
        head = Some(sqhd);
    }
    nvme.reset_to_default()
}

/// An admin queue takes as many commands as it has entries, less one.
#[nvme_test(spec = "Base 3.3.1.5", cases(three = 3, ten = 10, hundred = 100, largest = 4096))]
fn an_admin_queue_can_be_filled(nvme: &mut Controller, #[case] entries: u16) -> Result {
    let config = ControllerConfig {
        admin_sq_entries: entries,
        // A completion queue that is full again and again holds the controller up, and loses nothing.
        admin_cq_entries: entries.div_ceil(2).max(2),
        ..*nvme.config()
    };
    nvme.reset_with(&config)?;
    let full = usize::from(entries) - 1;
    nvme.scope(|io| {
        for _ in 0..full {
            nvme.get_features(0x07).submit(io);
        }
        io.waitdone(full)
    })?;
    nvme.reset_to_default()
}

/// Each memory page size between MPSMIN and MPSMAX works, with data that starts within a page and needs a
/// PRP List.
#[nvme_test(spec = "Base 3.1.4.5", timeout = Duration::from_secs(300))]
fn each_memory_page_size_works(nvme: &mut Controller) -> Result {
    let cap = nvme.registers().cap()?;
    for mps in cap.mpsmin()..=cap.mpsmax() {
        nvme.reset_with(&ControllerConfig { page_shift: 12 + mps, ..*nvme.config() })?;
        assert_eq!(nvme.registers().cc()?.mps(), mps);
        let block = nvme.first_namespace()?.block();
        let page = 4096_usize << mps;
        let most = nvme.capabilities().max_transfer().map_or(usize::MAX, |most| most as usize);
        let len = (3 * page).min(most) / block * block;
        let mut data = nvme.buffer(len + block);
        let mut back = nvme.buffer(len + block);
        data.iter_mut().zip((mps..=250).cycle()).for_each(|(byte, value)| *byte = value);
        let (q, ns) = (nvme.qpair(1)?, nvme.first_namespace()?);
        ns.write(data.slice(block..len + block), 64).run(&q)?;
        ns.read(back.slice_mut(block..len + block), 64).run(&q)?;
        assert_eq!(back[block..], data[block..], "memory pages of {page} bytes");
    }
    nvme.reset_to_default()
}

/// With all I/O command sets selected, those of the NVM Command Set are among them.
#[nvme_test(spec = "Base 3.1.4.5", requires(self::ALL_COMMAND_SETS))]
fn all_command_sets_can_be_selected(nvme: &mut Controller) -> Result {
    nvme.reset_with(&ControllerConfig { css: CommandSetSelected::ALL, ..*nvme.config() })?;
    assert_eq!(nvme.registers().cc()?.css(), CommandSetSelected::ALL);
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    nvme.reset_to_default()
}

/// A configuration that the controller does not support harms it no longer than to the next reset.
#[nvme_test(
    spec = "Base 3.7.2",
    timeout = Duration::from_secs(400),
    cases(
        command_set = |config| config.css = CommandSetSelected(0b101),
        memory_page = |config| config.page_shift = 12 + 12,
    )
)]
fn a_controller_recovers_from_a_configuration_it_does_not_support(
    nvme: &mut Controller,
    #[case] change: fn(&mut ControllerConfig),
) -> Result {
    let cap = nvme.registers().cap()?;
    if 12 <= cap.mpsmax() {
        return Err(Error::NotApplicable(format!("CAP.MPSMAX is {}", cap.mpsmax())));
    }
    let mut config = *nvme.config();
    change(&mut config);
    // What the controller does with it is undefined: it may come up, or not, or report a fatal status.
    let _ = nvme.reset_with(&config);
    nvme.reset_to_default()?;
    identify(nvme)?;
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;
    Ok(())
}

/// Entries of a size that the NVM Command Set does not have make no queue.
#[nvme_test(
    spec = "Base 5.2.2",
    cases(
        submission = |config| config.iosqes = 0,
        completion = |config| config.iocqes = 0,
    )
)]
fn no_queue_is_created_before_its_entries_have_a_size(
    nvme: &mut Controller,
    #[case] change: fn(&mut ControllerConfig),
) -> Result {
    let mut config = *nvme.config();
    change(&mut config);
    // The sizes are set before the first queue is created, and not before the controller is enabled.
    let created = nvme.reset_with(&config).and_then(|()| nvme.qpair(1).map(drop));
    nvme.reset_to_default()?;
    match created {
        Err(Error::Status { status: Status::INVALID_QUEUE_SIZE, .. }) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(Error::Failed("the queue pair was created".to_owned())),
    }
}

fn identify(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(size_of::<IdentifyController>());
    nvme.identify(Identify::CONTROLLER, &mut page).run(nvme)?;
    assert_eq!(page[4..24], nvme.capabilities().controller.sn.0, "the serial number");
    Ok(())
}

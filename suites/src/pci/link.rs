//! The link to the port above (PCIe 7.5.3.6 to PCIe 7.5.3.8).

use std::thread;
use std::time::Duration;
use std::time::Instant;

use nvmetest::prelude::*;
use nvmetest::spec::pci::{
    CapabilityId, ExpressCapabilities, LinkCapabilities, LinkControl, LinkStatus, express,
};

use crate::pattern;

/// The link runs, with a speed and a width that the function has.
#[nvme_test(spec = "PCIe 7.5.3.8")]
fn the_link_runs_as_the_function_can(nvme: &Controller) -> Result {
    let at = the_link(nvme)?;
    let can = LinkCapabilities::from(nvme.pci().read32(at + express::LINK_CAPABILITIES)?);
    let is = LinkStatus::from(nvme.pci().read16(at + express::LINK_STATUS)?);
    assert!(matches!(can.max_width(), 1 | 2 | 4 | 8 | 12 | 16 | 32), "{can:?}");
    assert!((1..=7).contains(&can.max_speed()), "{can:?}");
    assert!((1..=can.max_speed()).contains(&is.speed()), "{is:?} of {can:?}");
    assert!((1..=can.max_width()).contains(&is.width()), "{is:?} of {can:?}");
    assert!(!is.training(), "{is:?}");
    // What the slot can is not known; a profile may say what it is to be.
    nvme.measure("link.speed", is.speed().into(), "code");
    nvme.measure("link.width", is.width().into(), "lanes");
    Ok(())
}

/// Of ASPM only that is enabled which the function supports.
#[nvme_test(spec = "PCIe 7.5.3.7")]
fn aspm_is_enabled_only_as_far_as_it_is_supported(nvme: &Controller) -> Result {
    let at = the_link(nvme)?;
    let can = LinkCapabilities::from(nvme.pci().read32(at + express::LINK_CAPABILITIES)?);
    let control = LinkControl::from(nvme.pci().read16(at + express::LINK_CONTROL)?);
    assert_eq!(control.aspm() & !can.aspm(), 0, "{control:?} of {can:?}");
    Ok(())
}

/// Commands complete in each state of ASPM that both ends of the link support, and the link is as it was.
#[nvme_test(spec = "PCIe 7.5.3.7", cases(l0s = 0b01, l1 = 0b10, both = 0b11))]
fn commands_complete_with_aspm(nvme: &Controller, #[case] aspm: u8) -> Result {
    let at = the_link(nvme)?;
    let status = |nvme: &Controller| nvme.pci().read16(at + express::LINK_STATUS);
    let before = LinkStatus::from(status(nvme)?);
    let q = nvme.qpair(1)?;
    let latency =
        nvme.pci().with_aspm(aspm, || latency_after_pauses(nvme, &q, 0x40 + u32::from(aspm)))?;
    nvme.measure(&format!("link.aspm_{aspm:02b}.latency"), latency, "us");
    let after = LinkStatus::from(status(nvme)?);
    assert_eq!((after.speed(), after.width()), (before.speed(), before.width()));
    Ok(())
}

/// The link is trained again while commands are in flight: it runs as before, nothing is reset, and all of them complete.
#[nvme_test(spec = "PCIe 7.5.3.7", requires(RETRAIN_LINK))]
fn commands_complete_while_the_link_is_trained_again(nvme: &Controller) -> Result {
    const COMMANDS: u64 = 4;
    let at = the_link(nvme)?;
    let before = LinkStatus::from(nvme.pci().read16(at + express::LINK_STATUS)?);
    let registers = || Ok::<_, Error>((nvme.registers().cc()?, nvme.registers().csts()?));
    let as_before = registers()?;
    let q = nvme.qpair(COMMANDS as u16)?;
    let ns = nvme.first_namespace()?;
    let mut written = nvme.buffer(ns.block());
    for round in 0..10_u8 {
        written.fill(0x70 + round);
        let mut read: Vec<_> = (0..COMMANDS).map(|_| nvme.buffer(ns.block())).collect();
        for lba in 0..COMMANDS {
            ns.write(&written, lba).run(&q)?;
        }
        q.scope(|io| {
            let start = |(block, lba): (_, u64)| ns.read(block, lba).submit(io);
            let reads: Vec<_> = read.iter_mut().zip(0..).map(start).collect();
            let after = nvme.pci().retrain_link()?;
            assert!(!after.training(), "{after:?}");
            assert_eq!((after.speed(), after.width()), (before.speed(), before.width()));
            reads.into_iter().try_for_each(|read| read.wait().map(drop))
        })?;
        assert!(read.iter().all(|block| block[..] == written[..]), "round {round}");
    }
    assert_eq!(registers()?, as_before);
    Ok(())
}

/// What only the port above has is not there in an endpoint.
#[nvme_test(spec = "PCIe 7.5.3.7")]
fn a_bit_of_the_link_that_is_the_ports_is_zero(nvme: &Controller) -> Result {
    let at = the_link(nvme)?;
    let control = LinkControl::from(nvme.pci().read16(at + express::LINK_CONTROL)?);
    let status = LinkStatus::from(nvme.pci().read16(at + express::LINK_STATUS)?);
    assert!(!control.link_disable() && !control.retrain(), "{control:?}");
    assert!(!status.bandwidth_management() && !status.autonomous_bandwidth(), "{status:?}");
    Ok(())
}

/// Writes blocks of `version` and reads them after pauses, in which the link goes to sleep. Returns the median latency of those reads, in
/// microseconds.
pub(super) fn latency_after_pauses(nvme: &Controller, q: &Qpair, version: u32) -> Result<f64> {
    const BLOCKS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(2);
    let ns = nvme.first_namespace()?;
    pattern::write_inverse(nvme, q, ns, 0, BLOCKS, version)?;
    let written = pattern::write(nvme, q, ns, 0, BLOCKS, version)?;
    let mut read = nvme.buffer(ns.block());
    let mut latencies = Vec::new();
    for (block, slba) in written[..].chunks(ns.block()).zip(0..) {
        // No dword of the data is all ones.
        read.fill(0xff);
        thread::sleep(PAUSE);
        let start = Instant::now();
        ns.read(&mut read, slba).run(q)?;
        latencies.push(start.elapsed());
        pattern::assert_same(&read, block, ns.block(), slba);
    }
    latencies.sort_unstable();
    Ok(latencies[latencies.len() / 2].as_secs_f64() * 1e6)
}

/// Returns the offset of the PCI Express capability of a function that has a link.
pub(super) fn the_link(nvme: &Controller) -> Result<u16> {
    const INTEGRATED: u8 = 0x9;
    let at = super::the_capability(nvme, CapabilityId::PCI_EXPRESS)?;
    let kind = ExpressCapabilities::from(nvme.pci().read16(at + express::CAPABILITIES)?).kind();
    if kind == INTEGRATED {
        let why = "the endpoint is integrated into the Root Complex, and has no link";
        return Err(Error::NotApplicable(why.to_owned()));
    }
    Ok(at)
}

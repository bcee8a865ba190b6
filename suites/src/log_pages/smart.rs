//! SMART / Health Information (Base 5.1.12.1.3).

use nvmetest::prelude::*;
use nvmetest::spec::Lid;
use nvmetest::spec::log::SmartHealth;

use super::get;
use crate::pattern;

fn smart(nvme: &Controller) -> Result<Box<SmartHealth>> {
    get(nvme, Lid::SMART)
}

/// Percentages are percentages, and the warning of the spare is set when it is below its threshold.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn the_spare_and_its_warning_fit_together(nvme: &Controller) -> Result {
    let smart = smart(nvme)?;
    assert!(smart.avsp <= 100 && smart.avspt <= 100, "{} and {}", smart.avsp, smart.avspt);
    assert_eq!(smart.cw.ascbt(), smart.avsp < smart.avspt, "{:?}, {}%", smart.cw, smart.avsp);
    Ok(())
}

/// Each Read counts once, and each Write.
#[nvme_test(spec = "Base 5.1.12.1.3", cases(one = 1, some = 17, many = 300))]
fn commands_are_counted(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] count: usize,
) -> Result {
    let before = smart(nvme)?;
    let mut block = nvme.buffer(ns.block());
    for _ in 0..count {
        ns.read(&mut block, 0).run(q)?;
    }
    for _ in 0..2 * count {
        ns.write(&block, 0).run(q)?;
    }
    let after = smart(nvme)?;
    assert_eq!(after.hrc.get() - before.hrc.get(), count as u128, "Host Read Commands");
    assert_eq!(after.hwc.get() - before.hwc.get(), 2 * count as u128, "Host Write Commands");
    Ok(())
}

/// Data Units count thousands of 512 bytes, whatever the size of the commands.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn data_units_are_thousands_of_512_bytes(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    // A whole number of units, so that rounding up adds the same before and after.
    let blocks = 4 * 512_000 / ns.block() as u64;
    if !512_000_usize.is_multiple_of(ns.block()) {
        return Err(Error::NotApplicable(format!("blocks of {} bytes", ns.block())));
    }
    pattern::needs(ns, blocks)?;
    let most = u64::from(pattern::largest(nvme, ns).min(3));
    let mut data = nvme.buffer(most as usize * ns.block());

    let start = smart(nvme)?;
    let mut slba = 0;
    while slba < blocks {
        let part = most.min(blocks - slba) as usize * ns.block();
        ns.write(data.slice(0..part), slba).run(q)?;
        slba += most;
    }
    let written = smart(nvme)?;
    let mut slba = 0;
    while slba < blocks {
        let part = most.min(blocks - slba) as usize * ns.block();
        ns.read(data.slice_mut(0..part), slba).run(q)?;
        slba += most;
    }
    let read = smart(nvme)?;

    assert_eq!(written.duw.get() - start.duw.get(), 4, "Data Units Written");
    assert_eq!(written.dur.get(), start.dur.get(), "Data Units Read, while nothing was read");
    assert_eq!(read.dur.get() - written.dur.get(), 4, "Data Units Read");
    assert_eq!(read.duw.get(), written.duw.get(), "Data Units Written, while nothing was written");
    Ok(())
}

/// A command that fails before it touches a block counts no data.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn a_refused_command_counts_no_data(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut block = nvme.buffer(ns.block());
    let before = smart(nvme)?;
    for _ in 0..2100 {
        ns.read(&mut block, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    let after = smart(nvme)?;
    assert_eq!(after.dur.get(), before.dur.get());
    assert_eq!(after.mdie.get(), before.mdie.get(), "Media and Data Integrity Errors");
    Ok(())
}

/// A reset is no power cycle: no counter of the life of the controller goes back or restarts.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn a_reset_keeps_the_counters(nvme: &mut Controller) -> Result {
    let before = smart(nvme)?;
    nvme.reset()?;
    let after = smart(nvme)?;
    assert!(before.hrc.get() <= after.hrc.get(), "Host Read Commands");
    assert!(before.hwc.get() <= after.hwc.get(), "Host Write Commands");
    assert!(before.dur.get() <= after.dur.get(), "Data Units Read");
    assert!(before.duw.get() <= after.duw.get(), "Data Units Written");
    assert!(before.poh.get() <= after.poh.get(), "Power On Hours");
    assert_eq!(before.pwrc.get(), after.pwrc.get(), "Power Cycles");
    assert_eq!(before.upl.get(), after.upl.get(), "Unexpected Power Losses");
    Ok(())
}

/// The temperature and its warning fit the thresholds that are set.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn the_temperature_warning_fits_the_thresholds(nvme: &Controller) -> Result {
    const UNDER: u32 = 1 << 20;
    let threshold =
        |cdw11| -> Result<u16> { Ok(nvme.get_features(0x04).cdw11(cdw11).run(nvme)?.cdw0 as u16) };
    let (over, under) = (threshold(0)?, threshold(UNDER)?);
    let smart = smart(nvme)?;
    let temperature = smart.ctemp.get();
    assert!(0 < temperature, "the composite temperature is 0 K");
    if over <= temperature || (under != 0 && temperature <= under) {
        assert!(smart.cw.ttc(), "{temperature} K, thresholds {under} and {over}: {:?}", smart.cw);
    }
    Ok(())
}

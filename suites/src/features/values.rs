//! What is set is what is read.

use nvmetest::Select;
use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::FeatureCapabilities;

use super::{Restored, changeable};

/// Each feature that a controller of I/O over PCIe has to have can be read.
#[nvme_test(
    spec = "Base 3.1.3.6",
    cases(
        arbitration = (Fid::ARBITRATION, 0),
        power_management = (Fid::POWER_MANAGEMENT, 0),
        temperature_threshold = (Fid::TEMPERATURE_THRESHOLD, 0),
        error_recovery = (Fid::ERROR_RECOVERY, 1),
        number_of_queues = (Fid::NUMBER_OF_QUEUES, 0),
        interrupt_coalescing = (Fid::INTERRUPT_COALESCING, 0),
        interrupt_vector = (Fid::INTERRUPT_VECTOR_CONFIGURATION, 0),
        write_atomicity = (Fid::WRITE_ATOMICITY_NORMAL, 0),
        events = (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0)
    )
)]
fn a_mandatory_feature_can_be_read(nvme: &Controller, #[case] (fid, nsid): (Fid, u32)) -> Result {
    nvme.get_features(fid.0).nsid(nsid).run(nvme)?;
    Ok(())
}

/// A value that was set is the current one, and the one before it can be set again.
#[nvme_test(
    spec = "Base 5.1.25",
    cases(
        write_atomicity = (Fid::WRITE_ATOMICITY_NORMAL, 0, 0x1),
        events = (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0, 0x1f),
        limited_recovery = (Fid::ERROR_RECOVERY, 1, 0xffff)
    )
)]
fn a_value_that_was_set_is_read(
    nvme: &Controller,
    #[case] (fid, nsid, bits): (Fid, u32, u32),
) -> Result {
    changeable(nvme, fid, nsid)?;
    let feature = Restored::new(nvme, fid, (nsid, 0))?;
    for value in [feature.before ^ bits, feature.before, feature.before ^ (bits & 1)] {
        feature.set(value)?;
        assert_eq!(feature.get(0)? & bits, value & bits, "{fid}: {value:#x} was set");
    }
    Ok(())
}

/// Arbitration Burst and the weights of the priorities are read as they were set.
#[nvme_test(spec = "Base 5.1.25.1.1")]
fn arbitration_is_read_as_set(nvme: &Controller) -> Result {
    changeable(nvme, Fid::ARBITRATION, 0)?;
    let feature = Restored::new(nvme, Fid::ARBITRATION, (0, 0))?;
    // The weights have a meaning with weighted round robin only.
    let weighted = nvme.capabilities().cap.ams() & 1 == 1;
    let mask = if weighted { 0xffff_ff07 } else { 0x7 };
    for value in [0x0000_0000, 0x0302_0101, 0xffff_ff07, 0x0101_0103] {
        feature.set(value & mask)?;
        assert_eq!(feature.get(0)? & mask, value & mask, "{value:#x} was set");
    }
    Ok(())
}

/// The volatile write cache can be turned off and on, and blocks are written and read either way.
#[nvme_test(spec = "Base 5.1.25.1.4", requires(VOLATILE_WRITE_CACHE))]
fn the_write_cache_can_be_turned_off_and_on(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let feature = Restored::new(nvme, Fid::VOLATILE_WRITE_CACHE, (0, 0))?;
    for (enabled, version) in [0, 1, 0, 1].into_iter().zip(1..) {
        feature.set(enabled)?;
        assert_eq!(feature.get(0)? & 1, enabled);
        let data = crate::pattern::write(nvme, q, ns, 0, 16, version)?;
        let back = crate::pattern::read(nvme, q, ns, 0, 16)?;
        crate::pattern::assert_same(&back, &data, ns.block(), 0);
    }
    Ok(())
}

/// Each interrupt vector has a setting of its own; that of the admin queue's cannot be coalesced anyway.
#[nvme_test(spec = "Base 5.1.25.2.3")]
fn each_interrupt_vector_has_a_setting(nvme: &Controller) -> Result {
    changeable(nvme, Fid::INTERRUPT_VECTOR_CONFIGURATION, 0)?;
    let read = nvme.get_features(Fid::INTERRUPT_VECTOR_CONFIGURATION.0).cdw11(1);
    let read = read.expect(&[Status::SUCCESS, Status::INVALID_FIELD_IN_COMMAND]).run(nvme)?;
    if !read.status.is_success() {
        return Err(Error::NotApplicable("there is one interrupt vector".to_owned()));
    }
    assert_eq!(read.cdw0 & 0xffff, 1, "the vector that was asked for");
    let feature = Restored::new(nvme, Fid::INTERRUPT_VECTOR_CONFIGURATION, (0, 1))?;
    for disabled in [1 << 16, 0, 1 << 16] {
        feature.set(1 | disabled)?;
        assert_eq!(feature.get(1)? & 0x1_ffff, 1 | disabled);
    }
    Ok(())
}

/// Dword 0 for Supported Capabilities says what a feature is, and no reserved bit is set.
#[nvme_test(
    spec = "Base 5.1.11.2",
    requires(SAVE_AND_SELECT),
    cases(
        arbitration = (Fid::ARBITRATION, false),
        power_management = (Fid::POWER_MANAGEMENT, false),
        temperature_threshold = (Fid::TEMPERATURE_THRESHOLD, false),
        error_recovery = (Fid::ERROR_RECOVERY, true),
        number_of_queues = (Fid::NUMBER_OF_QUEUES, false),
        interrupt_coalescing = (Fid::INTERRUPT_COALESCING, false),
        interrupt_vector = (Fid::INTERRUPT_VECTOR_CONFIGURATION, false),
        write_atomicity = (Fid::WRITE_ATOMICITY_NORMAL, false),
        events = (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, false)
    )
)]
fn capabilities_say_what_a_feature_is(
    nvme: &Controller,
    #[case] (fid, of_namespaces): (Fid, bool),
) -> Result {
    let nsid = u32::from(of_namespaces);
    let got =
        nvme.get_features(fid.0).nsid(nsid).select(Select::SUPPORTED_CAPABILITIES).run(nvme)?;
    let capabilities = FeatureCapabilities::from(got.cdw0);
    assert_eq!(capabilities.nsspec(), of_namespaces, "{fid}: {capabilities:?}");
    assert_eq!(got.cdw0 & !0x7, 0, "{fid}: reserved bits, {:#x}", got.cdw0);
    Ok(())
}

/// The default and the saved value can be read, whatever the current one is, and do not follow it.
#[nvme_test(
    spec = "Base 4.4",
    requires(SAVE_AND_SELECT),
    cases(
        write_atomicity = (Fid::WRITE_ATOMICITY_NORMAL, 0, 0x1),
        limited_recovery = (Fid::ERROR_RECOVERY, 1, 0x00ff),
        events = (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0, 0x1)
    )
)]
fn default_and_saved_values_do_not_follow_the_current_one(
    nvme: &Controller,
    #[case] (fid, nsid, bits): (Fid, u32, u32),
) -> Result {
    changeable(nvme, fid, nsid)?;
    let feature = Restored::new(nvme, fid, (nsid, 0))?;
    let other = |select| -> Result<u32> {
        Ok(nvme.get_features(fid.0).nsid(nsid).select(select).run(nvme)?.cdw0)
    };
    let before = (other(Select::DEFAULT)?, other(Select::SAVED)?);
    feature.set(feature.before ^ bits)?;
    assert_eq!((other(Select::DEFAULT)?, other(Select::SAVED)?), before);
    assert_eq!(other(Select::CURRENT)? & bits, (feature.before ^ bits) & bits);
    Ok(())
}

/// A reset brings back the saved value, or the default where nothing is saved.
#[nvme_test(
    spec = "Base 4.4",
    cases(
        write_atomicity = (Fid::WRITE_ATOMICITY_NORMAL, 0x1),
        events = (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x1)
    )
)]
fn a_reset_brings_the_saved_value_back(
    nvme: &mut Controller,
    #[case] (fid, bits): (Fid, u32),
) -> Result {
    changeable(nvme, fid, 0)?;
    nvme.reset()?;
    let saved = nvme.get_features(fid.0).run(&*nvme)?.cdw0;
    nvme.set_features(fid.0, saved ^ bits).run(&*nvme)?;
    assert_eq!(nvme.get_features(fid.0).run(&*nvme)?.cdw0 & bits, (saved ^ bits) & bits);
    nvme.reset()?;
    let after = nvme.get_features(fid.0).run(&*nvme)?.cdw0;
    nvme.set_features(fid.0, saved).run(&*nvme)?;
    assert_eq!(after, saved);
    Ok(())
}

/// ONCS bit 4 alone says whether a value can be saved at all.
static NOTHING_SAVED: Capability = Capability {
    name: "no Save and Select",
    field: "ONCS bit 4",
    clause: "Base 5.1.13.2.1",
    probe: |capabilities| {
        let saves = capabilities.controller.oncs.ssfs();
        Presence { present: !saves, value: u8::from(saves).to_string() }
    },
};

/// Without Save and Select a value cannot be saved: Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25", requires(self::NOTHING_SAVED))]
fn nothing_is_saved_without_the_bit(nvme: &Controller) -> Result {
    let feature = Restored::new(nvme, Fid::WRITE_ATOMICITY_NORMAL, (0, 0))?;
    nvme.set_features(Fid::WRITE_ATOMICITY_NORMAL.0, feature.before)
        .save()
        .expect(Status::INVALID_FIELD_IN_COMMAND)
        .run(nvme)?;
    Ok(())
}

/// A feature that can be saved keeps the value over a reset.
#[nvme_test(spec = "Base 4.4", requires(SAVE_AND_SELECT))]
fn a_saved_value_outlives_a_reset(nvme: &mut Controller) -> Result {
    let all = [
        (Fid::WRITE_ATOMICITY_NORMAL, 0x1),
        (Fid::ARBITRATION, 0x1),
        (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 0x1),
    ];
    let mut saved = 0;
    for (fid, bits) in all {
        let got = nvme.get_features(fid.0).select(Select::SUPPORTED_CAPABILITIES).run(&*nvme)?;
        let capabilities = FeatureCapabilities::from(got.cdw0);
        if !capabilities.svbl() || !capabilities.chang() {
            continue;
        }
        saved += 1;
        let before = nvme.get_features(fid.0).select(Select::SAVED).run(&*nvme)?.cdw0;
        nvme.set_features(fid.0, before ^ bits).save().run(&*nvme)?;
        nvme.reset()?;
        let after = nvme.get_features(fid.0).run(&*nvme)?.cdw0;
        nvme.set_features(fid.0, before).save().run(&*nvme)?;
        assert_eq!(after & bits, (before ^ bits) & bits, "{fid}");
    }
    if saved == 0 {
        return Err(Error::NotApplicable("none of these features can be saved".to_owned()));
    }
    Ok(())
}

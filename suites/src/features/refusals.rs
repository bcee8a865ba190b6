//! What cannot be read or set.

use nvmetest::Select;
use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::FeatureCapabilities;
use zerocopy::little_endian::U32;

use super::{Restored, changeable};

/// A feature identifier that the standard reserves fails with Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25")]
fn a_reserved_feature_fails(nvme: &Controller) -> Result {
    // Feature 00h, and some that no revision has given away.
    for fid in std::iter::once(0x00).chain(0x50..=0x77) {
        nvme.get_features(fid).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
        nvme.set_features(fid, 0).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    }
    Ok(())
}

/// A SEL that the standard reserves fails with Invalid Field in Command.
#[nvme_test(
    spec = "Base 5.1.11",
    requires(SAVE_AND_SELECT),
    cases(four = 4, five = 5, six = 6, seven = 7)
)]
fn a_reserved_select_fails(nvme: &Controller, #[case] select: u32) -> Result {
    nvme.get_features(Fid::ARBITRATION.0)
        .edit(|sqe| sqe.cdw10 = U32::new(sqe.cdw10.get() | select << 8))
        .expect(Status::INVALID_FIELD_IN_COMMAND)
        .run(nvme)?;
    Ok(())
}

/// A feature that cannot be saved fails to be, with Feature Identifier Not Saveable, and keeps its value.
#[nvme_test(spec = "Base 5.1.25", requires(SAVE_AND_SELECT))]
fn what_cannot_be_saved_is_not(nvme: &Controller) -> Result {
    let mut refused = 0;
    for fid in [
        Fid::ARBITRATION,
        Fid::POWER_MANAGEMENT,
        Fid::INTERRUPT_COALESCING,
        Fid::WRITE_ATOMICITY_NORMAL,
        Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
    ] {
        let got = nvme.get_features(fid.0).select(Select::SUPPORTED_CAPABILITIES).run(nvme)?;
        if FeatureCapabilities::from(got.cdw0).svbl() {
            continue;
        }
        refused += 1;
        let feature = Restored::new(nvme, fid, (0, 0))?;
        nvme.set_features(fid.0, feature.before)
            .save()
            .expect(Status::FEATURE_IDENTIFIER_NOT_SAVEABLE)
            .run(nvme)?;
        assert_eq!(feature.get(0)?, feature.before, "{fid}");
    }
    if refused == 0 {
        return Err(Error::NotApplicable("all of these features can be saved".to_owned()));
    }
    Ok(())
}

/// A feature of the controller cannot be set for a namespace: Feature Not Namespace Specific.
#[nvme_test(
    spec = "Base 5.1.25",
    cases(
        arbitration = Fid::ARBITRATION,
        write_atomicity = Fid::WRITE_ATOMICITY_NORMAL,
        events = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION
    )
)]
fn a_feature_of_the_controller_is_of_no_namespace(
    nvme: &Controller,
    ns: Namespace,
    #[case] fid: Fid,
) -> Result {
    let feature = Restored::new(nvme, fid, (0, 0))?;
    nvme.set_features(fid.0, feature.before)
        .nsid(ns.nsid())
        .expect(Status::FEATURE_NOT_NAMESPACE_SPECIFIC)
        .run(nvme)?;
    Ok(())
}

/// A feature of namespaces of an NSID above NN fails with Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2")]
fn a_feature_of_an_invalid_namespace_fails(nvme: &Controller) -> Result {
    let nsid = crate::pattern::nsid_above_nn(nvme)?;
    let fid = Fid::ERROR_RECOVERY.0;
    let invalid = Status::INVALID_NAMESPACE_OR_FORMAT;
    nvme.get_features(fid).nsid(nsid).expect(invalid).run(nvme)?;
    nvme.set_features(fid, 0).nsid(nsid).expect(invalid).run(nvme)?;
    Ok(())
}

/// A power state behind NPSS cannot be set: Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25.1.2")]
fn a_power_state_that_is_not_there_fails(nvme: &Controller) -> Result {
    let npss = u32::from(nvme.capabilities().controller.npss_z);
    if 31 <= npss {
        return Err(Error::NotApplicable("all 32 power states are there".to_owned()));
    }
    changeable(nvme, Fid::POWER_MANAGEMENT, 0)?;
    let feature = Restored::new(nvme, Fid::POWER_MANAGEMENT, (0, 0))?;
    for state in [npss + 1, 31] {
        nvme.set_features(Fid::POWER_MANAGEMENT.0, state)
            .expect(Status::INVALID_FIELD_IN_COMMAND)
            .run(nvme)?;
    }
    assert_eq!(feature.get(0)?, feature.before);
    Ok(())
}

/// Without a volatile write cache its feature is not there: Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25.1.4")]
fn there_is_no_cache_feature_without_a_cache(nvme: &Controller) -> Result {
    if nvme.capabilities().controller.vwc.vwcp() {
        return Err(Error::NotApplicable("VWC bit 0 is 1: there is a cache".to_owned()));
    }
    let fid = Fid::VOLATILE_WRITE_CACHE.0;
    nvme.set_features(fid, 1).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    nvme.get_features(fid).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    Ok(())
}

/// An interrupt vector that is not there cannot be configured: Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25.2.3")]
fn an_interrupt_vector_that_is_not_there_fails(nvme: &Controller) -> Result {
    changeable(nvme, Fid::INTERRUPT_VECTOR_CONFIGURATION, 0)?;
    // MSI-X has 2048 vectors at most.
    for vector in [2048, 0xffff] {
        nvme.set_features(Fid::INTERRUPT_VECTOR_CONFIGURATION.0, vector)
            .expect(Status::INVALID_FIELD_IN_COMMAND)
            .run(nvme)?;
    }
    Ok(())
}

//! Temperature Threshold (Base 5.1.25.1.3).

use nvmetest::prelude::*;
use nvmetest::spec::Fid;

use super::Restored;

const FID: u8 = Fid::TEMPERATURE_THRESHOLD.0;
/// THSEL: the under temperature threshold.
const UNDER: u32 = 1 << 20;

/// The over and the under temperature threshold are set and read apart.
#[nvme_test(spec = "Base 5.1.25.1.3", requires(REVISION_2_0))]
fn the_thresholds_are_set_and_read(nvme: &Controller) -> Result {
    let over = Restored::new(nvme, Fid::TEMPERATURE_THRESHOLD, (0, 0))?;
    let under = Restored::new(nvme, Fid::TEMPERATURE_THRESHOLD, (0, UNDER))?;
    for (high, low) in [(400, 1), (390, 2), (0xffff, 0)] {
        over.set(high)?;
        under.set(low | UNDER)?;
        assert_eq!(over.get(0)? & 0xffff, high);
        assert_eq!(under.get(UNDER)? & 0xffff, low);
    }
    Ok(())
}

/// A threshold of a kind, or of a sensor, that the standard reserves fails with Invalid Field in Command.
#[nvme_test(
    spec = "Base 5.1.25.1.3",
    cases(kind_2 = 0b10 << 20, kind_3 = 0b11 << 20, sensor_9 = 9 << 16, sensor_14 = 14 << 16)
)]
fn a_reserved_threshold_fails(nvme: &Controller, #[case] part: u32) -> Result {
    nvme.set_features(FID, part | 0x190).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    nvme.get_features(FID).cdw11(part).expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    Ok(())
}

//! Timestamp (Base 5.1.25.1.7).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::Timestamp;
use zerocopy::{FromBytes, IntoBytes};

const FID: u8 = Fid::TIMESTAMP.0;

fn get(nvme: &Controller) -> Result<Timestamp> {
    let mut data = nvme.buffer(size_of::<Timestamp>());
    nvme.get_features_data(FID, &mut data).run(nvme)?;
    Ok(Timestamp::read_from_bytes(&data[..]).expect("8 bytes"))
}

fn set(nvme: &Controller, since: Duration) -> Result {
    let mut data = nvme.buffer(size_of::<Timestamp>());
    data.copy_from_slice(Timestamp::new(since).as_bytes());
    nvme.set_features_data(FID, &data).run(nvme).map(drop)
}

/// A Timestamp that was set goes on from there, and says that a host set it.
#[nvme_test(spec = "Base 5.1.25.1.7", requires(TIMESTAMP))]
fn a_timestamp_goes_on_from_where_it_was_set(nvme: &Controller) -> Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for start in [Duration::from_millis(0x1234_5678_9abc), Duration::from_secs(1), now] {
        set(nvme, start)?;
        let first = get(nvme)?;
        let second = get(nvme)?;
        assert_eq!(first.attributes.to(), 0b001, "the origin: Set Features");
        let start = Duration::from_millis(start.as_millis() as u64);
        assert!(start <= first.since() && first.since() <= second.since(), "{first:?} {second:?}");
        // A minute for two commands is more than any controller takes.
        assert!(second.since() <= start + Duration::from_secs(60), "{second:?} after {start:?}");
    }
    Ok(())
}

//! What a device says of its health.

use std::collections::BTreeMap;

use zerocopy::FromBytes;

use crate::Controller;
use crate::Error;
use crate::LogPage;
use crate::Result;
use crate::spec::log::SmartHealth;

/// LID of the SMART / Health Information log page (Base 5.1.12.1.3).
const SMART: u8 = 0x02;

/// Reads the SMART / Health Information log page (Base 5.1.12.1.3): its fields by the names of the standard.
///
/// What is more than 64 bits can tell is the most that they can.
pub(super) fn of(nvme: &Controller) -> Result<BTreeMap<String, u64>> {
    let mut page = nvme.buffer(size_of::<SmartHealth>());
    nvme.get_log_page(LogPage { retain_event: true, ..LogPage::of(SMART) }, &mut page).run(nvme)?;
    let smart = SmartHealth::read_from_bytes(&page)
        .map_err(|_| Error::Failed("the SMART log has another size".to_owned()))?;
    let long =
        |field: zerocopy::little_endian::U128| u64::try_from(field.get()).unwrap_or(u64::MAX);
    let mut values: BTreeMap<String, u64> = [
        ("CW", smart.cw.into_bits().into()),
        ("CTEMP", smart.ctemp.get().into()),
        ("AVSP", smart.avsp.into()),
        ("AVSPT", smart.avspt.into()),
        ("PUSED", smart.pused.into()),
        ("DUR", long(smart.dur)),
        ("DUW", long(smart.duw)),
        ("HRC", long(smart.hrc)),
        ("HWC", long(smart.hwc)),
        ("CBT", long(smart.cbt)),
        ("PWRC", long(smart.pwrc)),
        ("POH", long(smart.poh)),
        ("UPL", long(smart.upl)),
        ("MDIE", long(smart.mdie)),
        ("NEILE", long(smart.neile)),
        ("WCTT", smart.wctt.get().into()),
        ("CCTT", smart.cctt.get().into()),
        ("TMT1TC", smart.tmt1tc.get().into()),
        ("TMT2TC", smart.tmt2tc.get().into()),
        ("TTTMT1", smart.tttmt1.get().into()),
        ("TTTMT2", smart.tttmt2.get().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // A sensor that is not there is 0.
    let sensors = (1..).zip(smart.tsen).filter(|(_, kelvins)| kelvins.get() != 0);
    values.extend(sensors.map(|(index, kelvins)| (format!("TSEN{index}"), kelvins.get().into())));
    Ok(values)
}

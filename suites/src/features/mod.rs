//! Get Features and Set Features (Base 5.1.11, 5.1.25, 4.4).

mod number_of_queues;
mod refusals;
mod temperature;
mod timestamp;
mod values;

use nvmetest::Select;
use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::FeatureCapabilities;

/// Fails as not applicable if the feature says that it cannot be changed (Base 5.1.11.2).
pub(crate) fn changeable(nvme: &Controller, fid: Fid, nsid: u32) -> Result {
    if !nvme.capabilities().controller.oncs.ssfs() {
        return Ok(());
    }
    let select = Select::SUPPORTED_CAPABILITIES;
    let got = nvme.get_features(fid.0).nsid(nsid).select(select).run(nvme)?;
    if FeatureCapabilities::from(got.cdw0).chang() {
        return Ok(());
    }
    Err(Error::NotApplicable(format!("{fid}: CHANG is 0, it cannot be changed")))
}

/// A feature whose value goes back to what it was when this is dropped.
struct Restored<'n> {
    nvme: &'n Controller,
    fid: u8,
    nsid: u32,
    /// Dword 11 of a Set Features that restores it.
    before: u32,
}

impl<'n> Restored<'n> {
    /// Reads the feature, with `cdw11` where it says which part of it, and keeps the value.
    fn new(nvme: &'n Controller, fid: Fid, (nsid, part): (u32, u32)) -> Result<Self> {
        let value = nvme.get_features(fid.0).nsid(nsid).cdw11(part).run(nvme)?.cdw0;
        Ok(Self { nvme, fid: fid.0, nsid, before: value | part })
    }

    /// Sets the feature.
    #[track_caller]
    fn set(&self, cdw11: u32) -> Result {
        self.nvme.set_features(self.fid, cdw11).nsid(self.nsid).run(self.nvme).map(drop)
    }

    /// Reads the feature, with `part` in Dword 11.
    #[track_caller]
    fn get(&self, part: u32) -> Result<u32> {
        let command = self.nvme.get_features(self.fid).nsid(self.nsid).cdw11(part);
        Ok(command.run(self.nvme)?.cdw0)
    }
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        // If it does not go back, the check for leaks after the test says so.
        let command = self.nvme.set_features(self.fid, self.before).nsid(self.nsid);
        drop(command.expect(Expected::Any).run(self.nvme));
    }
}

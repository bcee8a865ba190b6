//! What a test left behind for the next one.

use zerocopy::FromBytes;

use crate::Error;
use crate::Result;
use crate::Status;
use crate::command::Expected;
use crate::spec::Fid;
use crate::spec::IdentifyNamespace;
use crate::spec::property::ShutdownNotification;
use crate::spec::property::ShutdownStatus;

use super::Controller;
use super::Identify;
use super::shared::Touched;

/// What the controller was like before the first test.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    /// The features with a value in Dword 0, and that value.
    features: Vec<(u8, u32)>,
    /// The first active namespace, if there is one.
    nsid: Option<u32>,
    /// The formatted LBA size of it.
    flbas: Option<u8>,
}

/// Features that a test may change and that the next one would see: Arbitration, Power Management,
/// Temperature Threshold, Error Recovery, Volatile Write Cache, Interrupt Coalescing, Write Atomicity Normal,
/// Asynchronous Event Configuration (Base 5.1.25).
const WATCHED: [u8; 8] = [0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x0a, 0x0b];

impl Baseline {
    pub(super) fn take(nvme: &Controller) -> Result<Self> {
        let nsid = nvme.active_namespaces()?.first().copied();
        let mut baseline = Self { features: Vec::new(), nsid, flbas: flbas(nvme, nsid)? };
        for fid in WATCHED {
            if let Some(value) = baseline.feature(nvme, fid)? {
                baseline.features.push((fid, value));
            }
        }
        nvme.shared().take_touched();
        Ok(baseline)
    }

    pub(super) fn nsid(&self) -> Option<u32> {
        self.nsid
    }

    /// The current value of a feature, or none if the controller does not have it.
    fn feature(&self, nvme: &Controller, fid: u8) -> Result<Option<u32>> {
        // Error Recovery is a feature of each namespace.
        let nsid = if fid == Fid::ERROR_RECOVERY.0 { self.nsid.unwrap_or(0) } else { 0 };
        let got = nvme.get_features(fid).nsid(nsid).expect(Expected::Any).run(nvme)?;
        Ok(got.status.is_success().then_some(got.cdw0))
    }
}

fn flbas(nvme: &Controller, nsid: Option<u32>) -> Result<Option<u8>> {
    let Some(nsid) = nsid else { return Ok(None) };
    let mut page = nvme.try_buffer(size_of::<IdentifyNamespace>())?;
    let identify = nvme.identify(Identify::namespace(nsid), &mut page).expect(Expected::Any);
    if identify.run(nvme)?.status != Status::SUCCESS {
        return Ok(None);
    }
    let identify = IdentifyNamespace::ref_from_bytes(&page);
    Ok(identify.ok().map(|identify| u8::from(identify.flbas)))
}

impl Controller {
    /// Fails if the controller is dead: gone, or with CSTS.CFS set (Base 9.5), or not ready.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong.
    pub fn health(&self) -> Result {
        self.function().check_alive()?;
        let csts = self.registers().csts()?;
        if csts.is_all_ones() {
            return Err(Error::Gone("CSTS reads as all ones".to_owned()));
        }
        if csts.cfs() {
            return Err(Error::Fatal(csts));
        }
        // CC is what the host asked for, and CSTS may not have followed yet.
        let cc = self.registers().cc()?;
        if !cc.en() || !csts.rdy() || self.admin().gone().is_some() {
            return Err(Error::Failed("the controller is not enabled".to_owned()));
        }
        if cc.shn() != ShutdownNotification::NONE || csts.shst() != ShutdownStatus::NORMAL_OPERATION
        {
            return Err(Error::Failed("the controller is shut down, or about to be".to_owned()));
        }
        Ok(())
    }

    /// Says what a test left behind that the next one would see, in one sentence each.
    ///
    /// To be asked between two tests: an I/O queue that somebody still holds is reported like one that was
    /// forgotten.
    ///
    /// # Errors
    ///
    /// Fails if the controller cannot be asked.
    pub fn leaks(&self) -> Result<Vec<String>> {
        let shared = self.shared();
        let mut leaks = shared.take_complaints();
        leaks.extend(self.overruns());
        let (submission, completion) = shared.queues().live();
        let mut left = |kind: &str, ids: Vec<u16>| {
            leaks.extend(ids.iter().map(|id| format!("{kind} queue {id} was not deleted")));
        };
        left("submission", submission);
        left("completion", completion);
        let running = shared.workers().running();
        leaks.extend(running.iter().map(|pid| format!("IOWorker {pid} was not ended")));
        if let Some(bytes) = shared.leases().lent() {
            leaks.push(format!("the host memory buffer of {bytes} bytes was not disabled"));
        }
        let Touched { features, namespaces } = shared.take_touched();
        if features {
            for &(fid, before) in &self.baseline.features {
                let now = self.baseline.feature(self, fid)?;
                if now != Some(before) {
                    let now = now.map_or("gone".to_owned(), |now| format!("{now:#x}"));
                    leaks.push(format!("feature {} was {before:#x} and is {now}", Fid(fid)));
                }
            }
        }
        if namespaces && flbas(self, self.baseline.nsid)? != self.baseline.flbas {
            leaks.push("the first namespace has another LBA format".to_owned());
        }
        Ok(leaks)
    }

    /// Whether the controller should be reset before the next test, though no test is to blame: it kept event
    /// requests that it was asked to abort, or a format that was given up may still come to pass.
    pub fn wants_reset(&self) -> bool {
        let shared = self.shared();
        shared.has_requests_left()
            || shared.is_changing()
            || *self.config() != self.default_config()
    }
}

//! What the device did to memory that was not lent to it.

use crate::Error;
use crate::cmdlog::Record;
use crate::cmdlog::Selection;
use crate::memory::Neighbour;
use crate::memory::Overrun;
use crate::memory::PAGE_SIZE;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;
use crate::transport::DmaFault;

use super::Controller;

/// So many faults are kept for whoever asks: a device may make them without end. Of those that come then it is only counted
/// how many they are.
const MOST: usize = 256;

/// So many are described, each in a sentence; of the others one sentence says how many they are, and where.
const DESCRIBED: usize = 4;

/// An access that no mapping covered.
#[derive(Debug)]
pub(super) struct Fault {
    fault: DmaFault,
    /// Whether it is the test's intention, or what came of a command that was given up.
    is_excused: bool,
    /// What there is to say of it, if it is one of the first that is not excused.
    finding: Option<String>,
    /// Whether an error has said so.
    is_told: bool,
}

impl Controller {
    /// Returns the accesses of the device that no mapping covered, since the last call or since the test began, and
    /// forgets them.
    ///
    /// A test that provokes faults takes them: those that are left when it ends are its failure. They are observed
    /// where [`Abilities::dma_faults`](crate::transport::Abilities::dma_faults) says so.
    pub fn take_dma_faults(&self) -> Vec<DmaFault> {
        self.collect_dma_faults();
        self.shared().faults().drain(..).map(|it| it.fault).collect()
    }

    /// Says of each fault that was not taken what the device did; for the check after a test.
    pub(crate) fn dma_findings(&self) -> Vec<String> {
        self.collect_dma_faults();
        let faults: Vec<Fault> = self.shared().faults().drain(..).collect();
        let others = faults.iter().filter(|it| !it.is_excused && it.finding.is_none());
        let others = summary(others.map(|it| it.fault));
        faults.into_iter().filter_map(|it| it.finding).chain(others).collect()
    }

    /// Names the fault that `error` comes of, if there was one.
    pub(crate) fn with_dma_fault(&self, error: Error) -> Error {
        // What the ladder tries may fail, and nobody looks at it.
        if self.shared().is_climbing() {
            return error;
        }
        self.collect_dma_faults();
        let mut faults = self.shared().faults();
        let untold = faults.iter_mut().filter(|it| !it.is_told);
        let told = |it: &mut Fault| {
            let fault = it.finding.clone()?;
            it.is_told = true;
            Some(fault)
        };
        match untold.into_iter().find_map(told) {
            Some(fault) => Error::DmaFault { fault, error: Box::new(error) },
            None => error,
        }
    }

    /// Asks the function for faults, while it is known what their addresses are near to.
    fn collect_dma_faults(&self) {
        for fault in self.function().take_dma_faults() {
            let is_excused = self.shared().domain().is_excused(fault.iova.0);
            let described = self.shared().faults().iter().filter(|it| it.finding.is_some()).count();
            let is_first = !is_excused && described < DESCRIBED;
            let finding = is_first.then(|| self.describe_fault(&fault));
            let mut faults = self.shared().faults();
            let has_room = faults.len() < MOST || finding.is_some();
            match faults.iter_mut().rfind(|it| it.is_excused == is_excused) {
                Some(last) if !has_room => {
                    last.fault.unrecorded =
                        last.fault.unrecorded.saturating_add(1).saturating_add(fault.unrecorded);
                }
                _ => faults.push(Fault { fault, is_excused, finding, is_told: false }),
            }
        }
    }

    /// The access, the buffer that it is nearest to, and the command that was lent that.
    fn describe_fault(&self, fault: &DmaFault) -> String {
        let address = fault.iova.0;
        let Some(block) = self.shared().domain().nearest(address) else {
            return format!("{fault}: it is near no buffer");
        };
        let (distance, len, begin) = (block.distance(address), block.len, block.begin);
        let is = if block.is_freed() { "that was freed" } else { "that is there" };
        let what = match self.last_lent(&block) {
            Some(command) => format!("and that was last lent to {command}"),
            None => "and that no command of the test is known to have been lent".to_owned(),
        };
        format!("{fault}: it is {distance} of a buffer of {len} bytes at {begin:#x} {is}, {what}")
    }

    /// Says what was found behind buffers that were freed.
    pub(super) fn overruns(&self) -> Vec<String> {
        let overruns = self.shared().domain().take_overruns();
        let sentence = |(overrun, block): (Overrun, Neighbour)| match self.last_lent(&block) {
            Some(command) => format!("{overrun}, a buffer that was last lent to {command}"),
            None => format!("{overrun}, a buffer that no command is known to have been lent"),
        };
        overruns.into_iter().map(sentence).collect()
    }

    /// Names the last command of the running test whose data pointer points into `block`.
    fn last_lent(&self, block: &Neighbour) -> Option<String> {
        let shared = self.shared();
        let pages = block.begin..block.begin + block.len.next_multiple_of(PAGE_SIZE) as u64;
        let selection = Selection::all()
            .process(std::process::id())
            .since(block.life_ns.start.max(shared.began_ns()))
            .until(block.life_ns.end);
        let points_there =
            |record: &&Record| record.sqe.dptr.iter().any(|pointer| pages.contains(&pointer.get()));
        let records = shared.log().records(&selection);
        let record = records.iter().rfind(points_there)?;
        let opcode = record.sqe.opcode();
        let name = match record.sqid {
            0 => AdminOpcode(opcode).to_string(),
            _ => NvmOpcode(opcode).to_string(),
        };
        let built = record.site.as_ref().map(|site| format!(" (built at {site})"));
        let (sqid, cid) = (record.sqid, record.sqe.cid());
        Some(format!("{name} on queue {sqid}, CID {cid:#06x}{}", built.unwrap_or_default()))
    }
}

/// Says how many faults there were, if there were any, and where.
fn summary(faults: impl Iterator<Item = DmaFault>) -> Option<String> {
    let (mut count, mut lowest, mut highest) = (0_u64, u64::MAX, 0);
    for DmaFault { iova, unrecorded, .. } in faults {
        count = count.saturating_add(1).saturating_add(unrecorded);
        (lowest, highest) = (lowest.min(iova.0), highest.max(iova.0));
    }
    (0 < count).then(|| {
        format!(
            "{count} more accesses of the device to where no memory is mapped for it are not told one by one: they \
             were at I/O virtual addresses from {lowest:#x} to {highest:#x}"
        )
    })
}

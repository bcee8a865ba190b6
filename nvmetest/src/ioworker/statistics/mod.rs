//! What a worker counted.

mod comparison;
mod latency;
mod recorder;
mod table;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::Status;
use crate::cmdlog::Token;
use crate::spec::NvmOpcode;

pub use comparison::Comparison;
pub(super) use latency::BUCKETS;
pub use latency::Latency;
pub(super) use recorder::Completed;
pub(super) use recorder::Recorder;

/// Of this share of the seconds, none was slower than [`Statistics::iops_consistency`] says.
const CONSISTENT_SHARE: f64 = 0.999;

/// What a worker did.
///
/// ```no_run
/// # fn print(worker: nvmetest::IoWorker<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use nvmetest::spec::NvmOpcode;
///
/// let statistics = worker.join()?;
/// let reads = statistics.opcode(NvmOpcode::READ).expect("there were reads");
/// println!("{:.0} IOPS, P99.9 {} ns", statistics.iops(), reads.latency.percentile_ns(99.9));
/// std::fs::write("statistics.json", serde_json::to_vec(&statistics)?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Statistics {
    /// The Read commands that completed, with any status.
    pub reads: u64,
    /// The Write commands that completed, with any status.
    pub writes: u64,
    /// The bytes of the logical blocks that commands transferred which succeeded.
    pub bytes: u64,
    /// The commands that failed.
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<FailedCommand>,
    /// From the first command until the last was done; of a worker that died, to its last completion.
    pub elapsed: Duration,
    /// How long the worker's process had a processor, to some 50 ms.
    pub cpu: Duration,
    /// What there is of each opcode that completed.
    pub opcodes: Vec<OpcodeStatistics>,
    /// How many commands completed with which status, in ascending order. Beyond 64 different ones that are errors, the
    /// others are missing.
    pub statuses: Vec<(Status, u64)>,
    /// How many commands completed in each second since the start. The last second may not be a whole one, and after 1000
    /// hours no more are counted.
    pub seconds: Vec<u32>,
}

/// What a worker counted of an opcode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpcodeStatistics {
    /// The opcode.
    pub opcode: NvmOpcode,
    /// The commands that completed, with any status.
    pub commands: u64,
    /// Those that failed.
    pub errors: u64,
    /// The bytes of the logical blocks that were transferred by those that succeeded.
    pub bytes: u64,
    /// How long they took.
    pub latency: Latency,
}

/// A command of a worker that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCommand {
    /// The opcode.
    pub opcode: NvmOpcode,
    /// The first logical block; it says nothing about a Flush.
    pub slba: u64,
    /// How many logical blocks.
    pub blocks: u32,
    /// The status that it completed with.
    pub status: Status,
    /// Its entry in the command log.
    pub token: Token,
}

impl Statistics {
    /// Returns how many commands completed.
    pub fn commands(&self) -> u64 {
        self.opcodes.iter().map(|it| it.commands).sum()
    }

    /// Returns what there is of `opcode`, if one completed.
    pub fn opcode(&self, opcode: NvmOpcode) -> Option<&OpcodeStatistics> {
        self.opcodes.iter().find(|it| it.opcode == opcode)
    }

    /// Returns how many commands completed in a second, on average.
    pub fn iops(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds == 0.0 { 0.0 } else { self.commands() as f64 / seconds }
    }

    /// Returns the share of the time that the worker's process had a processor: 0.0 to 1.0.
    pub fn cpu_use(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds == 0.0 { 0.0 } else { (self.cpu.as_secs_f64() / seconds).min(1.0) }
    }

    /// Returns how even the IOPS were: the IOPS that 99.9 % of the seconds reached, divided by the average. `None` without a
    /// whole second.
    pub fn iops_consistency(&self) -> Option<f64> {
        let whole = usize::try_from(self.elapsed.as_secs()).unwrap_or(usize::MAX);
        let mut seconds = self.seconds[..whole.min(self.seconds.len())].to_vec();
        let average =
            seconds.iter().map(|count| f64::from(*count)).sum::<f64>() / seconds.len() as f64;
        seconds.sort_unstable();
        let slower = (seconds.len() as f64 * (1.0 - CONSISTENT_SHARE) + 1e-6) as usize;
        let slowest = f64::from(*seconds.get(slower)?);
        (average != 0.0).then_some(slowest / average)
    }

    /// Returns the latencies of all commands, whatever their opcode.
    pub fn latency(&self) -> Latency {
        let mut latency = Latency::default();
        self.opcodes.iter().for_each(|it| latency.add(&it.latency));
        latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consistency_is_that_of_the_slowest_second_but_one_of_a_thousand() {
        let of = |seconds: Vec<u32>| {
            let elapsed = Duration::from_secs(seconds.len() as u64) + Duration::from_millis(500);
            let seconds = seconds.into_iter().chain([1]).collect();
            Statistics { seconds, elapsed, ..Statistics::default() }.iops_consistency()
        };
        assert_eq!(of(vec![]), None);
        assert_eq!(of(vec![0, 0]), None);
        assert_eq!(of(vec![100, 300]), Some(0.5));
        let mut seconds = vec![100; 1000];
        (seconds[3], seconds[500]) = (0, 50);
        let consistency = of(seconds).unwrap();
        assert!((consistency - 50.0 / 99.85).abs() < 1e-9, "{consistency}");
    }
}

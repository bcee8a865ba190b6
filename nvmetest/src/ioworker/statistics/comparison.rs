//! The statistics of two runs beside each other.

use std::fmt;

use crate::spec::NvmOpcode;

use super::Latency;
use super::Statistics;
use super::table::PERCENTILES;

impl Statistics {
    /// Puts these beside those of an earlier run.
    ///
    /// ```no_run
    /// # fn compare(ns: &nvmetest::Namespace<'_>) -> Result<(), Box<dyn std::error::Error>> {
    /// use nvmetest::ioworker::Statistics;
    ///
    /// let before: Statistics = serde_json::from_slice(&std::fs::read("statistics.json")?)?;
    /// let now = ns.ioworker().random().depth(16).count(100_000).seed(7).start()?.join()?;
    /// let comparison = now.against(&before);
    /// assert!(comparison.iops().is_none_or(|ratio| 0.95 <= ratio), "it has become slower:\n{comparison}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn against<'s>(&'s self, before: &'s Self) -> Comparison<'s> {
        Comparison { now: self, before }
    }
}

/// Two runs beside each other: what [`Statistics::against`] returns. A ratio above 1 says that there is more now.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'s> {
    now: &'s Statistics,
    before: &'s Statistics,
}

impl Comparison<'_> {
    /// The IOPS, divided by those before; `None` if there were none.
    pub fn iops(&self) -> Option<f64> {
        ratio(self.now.iops(), self.before.iops())
    }

    /// The latency of `opcode` that `percentage` of a hundred commands did not exceed, divided by that before; `None`
    /// unless the opcode completed in both runs.
    ///
    /// # Panics
    ///
    /// Panics if `percentage` is not from 0 to 100.
    pub fn percentile(&self, opcode: NvmOpcode, percentage: f64) -> Option<f64> {
        let of = |statistics: &Statistics| {
            Some(statistics.opcode(opcode)?.latency.percentile_ns(percentage) as f64)
        };
        ratio(of(self.now)?, of(self.before)?)
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<34}{:>12}{:>12}", "latency in µs", "now", "before")?;
        let mut row = |what: &str, now: String, before: String, ratio: Option<f64>| {
            write!(f, "{what:<34}{now:>12}{before:>12}")?;
            match ratio {
                Some(ratio) => writeln!(f, "{ratio:>9.3} times"),
                None => writeln!(f, "{:>15}", "-"),
            }
        };
        let iops = |statistics: &Statistics| format!("{:.0}", statistics.iops());
        row("IOPS", iops(self.now), iops(self.before), self.iops())?;
        for now in &self.now.opcodes {
            let Some(before) = self.before.opcode(now.opcode) else { continue };
            let name = now.opcode.name().unwrap_or("?");
            let mut times = |what: String, now: f64, before: f64| {
                row(&what, micros(now), micros(before), ratio(now, before))
            };
            times(format!("{name}, mean"), now.latency.mean_ns(), before.latency.mean_ns())?;
            for percentile in PERCENTILES {
                let of = |latency: &Latency| latency.percentile_ns(percentile) as f64;
                times(format!("{name}, P{percentile}"), of(&now.latency), of(&before.latency))?;
            }
        }
        Ok(())
    }
}

fn ratio(now: f64, before: f64) -> Option<f64> {
    (before != 0.0).then(|| now / before)
}

fn micros(ns: f64) -> String {
    format!("{:.1}", ns / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::super::OpcodeStatistics;
    use super::*;
    use crate::ioworker::statistics::latency::bucket;

    fn run(latencies: &[u64]) -> Statistics {
        let mut latency = Latency::default();
        for ns in latencies {
            latency.add(&Latency::new(vec![(bucket(*ns) as u16, 1)], *ns, *ns));
        }
        let count = latencies.len() as u64;
        let (opcode, bytes) = (NvmOpcode::READ, count * 4096);
        let reads = OpcodeStatistics { opcode, commands: count, errors: 0, bytes, latency };
        Statistics {
            elapsed: Duration::from_millis(500),
            opcodes: vec![reads],
            ..Statistics::default()
        }
    }

    #[test]
    fn two_runs_stand_beside_each_other() {
        let (now, before) = (run(&[100, 200, 240]), run(&[100, 100, 120, 20_000]));
        let comparison = now.against(&before);
        assert_eq!(comparison.iops(), Some(0.75));
        assert_eq!(comparison.percentile(NvmOpcode::READ, 50.0), Some(2.0));
        assert_eq!(comparison.percentile(NvmOpcode::WRITE, 50.0), None);
        expect![[r#"
            latency in µs                              now      before
            IOPS                                         6           8    0.750 times
            Read, mean                                 0.2         5.1    0.035 times
            Read, P50                                  0.2         0.1    2.000 times
            Read, P99                                  0.2        20.0    0.012 times
            Read, P99.9                                0.2        20.0    0.012 times
            Read, P99.99                               0.2        20.0    0.012 times
            Read, P99.999                              0.2        20.0    0.012 times
        "#]]
        .assert_eq(&comparison.to_string());
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        let (now, before) = (run(&[100]), Statistics::default());
        assert_eq!(now.against(&before).iops(), None);
        assert_eq!(now.against(&before).percentile(NvmOpcode::READ, 50.0), None);
    }
}

//! Statistics for a person to read.

use std::fmt;

use super::FailedCommand;
use super::Latency;
use super::Statistics;

/// The percentiles that are printed.
pub(super) const PERCENTILES: [f64; 5] = [50.0, 99.0, 99.9, 99.99, 99.999];

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, errors, .. } = self;
        let (commands, elapsed, iops) = (self.commands(), self.elapsed.as_millis(), self.iops());
        write!(f, "{commands} commands of {bytes} bytes in {elapsed} ms: {iops:.0} IOPS")?;
        if let Some(consistency) = self.iops_consistency() {
            write!(f, " (consistency {consistency:.2})")?;
        }
        write!(f, ", {:.0} % CPU", 100.0 * self.cpu_use())?;
        if *errors != 0 {
            write!(f, ", {errors} failed")?;
        }
        if self.opcodes.is_empty() {
            return Ok(());
        }
        write!(f, "\nlatency in µs{:>15}{:>10}", "commands", "mean")?;
        for percentile in PERCENTILES {
            write!(f, "{:>10}", format!("P{percentile}"))?;
        }
        write!(f, "{:>10}", "max")?;
        for opcode in &self.opcodes {
            let name = opcode.opcode.name().unwrap_or("?");
            write!(f, "\n{name:<19}{:>9}", opcode.commands)?;
            row(f, &opcode.latency)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, latency: &Latency) -> fmt::Result {
    let micros = |ns: f64| ns / 1000.0;
    write!(f, "{:>10.1}", micros(latency.mean_ns()))?;
    for percentile in PERCENTILES {
        write!(f, "{:>10.1}", micros(latency.percentile_ns(percentile) as f64))?;
    }
    write!(f, "{:>10.1}", micros(latency.max_ns() as f64))
}

impl fmt::Display for FailedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opcode, slba, status, token, .. } = self;
        write!(f, "{opcode} at LBA {slba:#x}: status is {status} (command log: {token})")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::super::OpcodeStatistics;
    use super::*;
    use crate::spec::NvmOpcode;

    #[test]
    fn statistics_are_a_table() {
        let latency = Latency::new(vec![(100, 99), (10 << 7, 1)], 75_000, 66_000);
        let read = OpcodeStatistics {
            opcode: NvmOpcode::READ,
            commands: 100,
            errors: 0,
            bytes: 409_600,
            latency,
        };
        let statistics = Statistics {
            bytes: 409_600,
            elapsed: Duration::from_millis(1500),
            cpu: Duration::from_millis(1200),
            seconds: vec![60, 40],
            opcodes: vec![read],
            ..Statistics::default()
        };
        expect![[r#"
            100 commands of 409600 bytes in 1500 ms: 67 IOPS (consistency 1.00), 80 % CPU
            latency in µs       commands      mean       P50       P99     P99.9    P99.99   P99.999       max
            Read                     100       0.8       0.1       0.1      66.0      66.0      66.0      66.0"#]].assert_eq(&statistics.to_string());
    }
}

//! Which commands there are.

use serde::Deserialize;
use serde::Serialize;

use crate::capability::COMPARE;
use crate::capability::Capability;
use crate::capability::DATASET_MANAGEMENT;
use crate::capability::VERIFY;
use crate::capability::WRITE_UNCORRECTABLE;
use crate::capability::WRITE_ZEROES;
use crate::spec::NvmOpcode;

/// A command that workers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub(in crate::ioworker) enum Operation {
    Read,
    Write,
    Flush,
    DatasetManagement,
    WriteZeroes,
    Compare,
    Verify,
    WriteUncorrectable,
}

impl Operation {
    pub(in crate::ioworker) const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Flush,
        Self::DatasetManagement,
        Self::WriteZeroes,
        Self::Compare,
        Self::Verify,
        Self::WriteUncorrectable,
    ];

    #[inline]
    pub(in crate::ioworker) const fn opcode(self) -> NvmOpcode {
        match self {
            Self::Read => NvmOpcode::READ,
            Self::Write => NvmOpcode::WRITE,
            Self::Flush => NvmOpcode::FLUSH,
            Self::DatasetManagement => NvmOpcode::DATASET_MANAGEMENT,
            Self::WriteZeroes => NvmOpcode::WRITE_ZEROES,
            Self::Compare => NvmOpcode::COMPARE,
            Self::Verify => NvmOpcode::VERIFY,
            Self::WriteUncorrectable => NvmOpcode::WRITE_UNCORRECTABLE,
        }
    }

    pub(in crate::ioworker) fn of(opcode: NvmOpcode) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.opcode() == opcode)
    }

    /// Whether it changes blocks, and can be told to be durable as it completes (FUA).
    #[inline]
    pub(in crate::ioworker) const fn has_fua(self) -> bool {
        matches!(self, Self::Write | Self::WriteZeroes)
    }

    /// Whether it transfers the blocks that it names.
    #[inline]
    pub(in crate::ioworker) const fn transfers_blocks(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::Compare)
    }

    /// What the controller must be able to do for it.
    pub(in crate::ioworker) fn requires(self) -> Option<&'static Capability> {
        match self {
            Self::Read | Self::Write | Self::Flush => None,
            Self::DatasetManagement => Some(&DATASET_MANAGEMENT),
            Self::WriteZeroes => Some(&WRITE_ZEROES),
            Self::Compare => Some(&COMPARE),
            Self::Verify => Some(&VERIFY),
            Self::WriteUncorrectable => Some(&WRITE_UNCORRECTABLE),
        }
    }
}

/// The share of each operation as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ioworker) enum Mix {
    /// So many of a hundred are reads, the others are writes.
    Reads(u8),
    /// So many of a hundred have this opcode.
    Opcodes(Vec<(NvmOpcode, u32)>),
}

impl Mix {
    /// Returns the operations that there are, each with its percentage, or what is wrong.
    pub(in crate::ioworker) fn weights(&self) -> Result<Vec<(Operation, u32)>, String> {
        let mix = match self {
            Self::Reads(percentage @ 101..) => {
                return Err(format!("{percentage} of a hundred commands are to be reads"));
            }
            Self::Reads(percentage) => {
                let reads = u32::from(*percentage);
                vec![(NvmOpcode::READ, reads), (NvmOpcode::WRITE, 100 - reads)]
            }
            Self::Opcodes(mix) => mix.clone(),
        };
        let sum: u64 = mix.iter().map(|(_, share)| u64::from(*share)).sum();
        if sum != 100 {
            return Err(format!("the shares of the opcodes are {sum} of a hundred, and not 100"));
        }
        let mut weights: Vec<(Operation, u32)> = Vec::new();
        for (opcode, share) in mix {
            let Some(operation) = Operation::of(opcode) else {
                return Err(format!("no IOWorker sends {opcode}"));
            };
            if weights.iter().any(|(known, _)| *known == operation) {
                return Err(format!("{opcode} stands twice among the opcodes"));
            }
            weights.push((operation, share));
        }
        weights.retain(|(_, share)| *share != 0);
        Ok(weights)
    }
}

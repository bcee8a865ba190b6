//! What a submission queue entry says, in words.
//!
//! ```
//! use nvmetest::cmdlog::decode;
//! use nvmetest::spec::{NvmOpcode, Sqe};
//! use zerocopy::FromZeros;
//!
//! let mut read = Sqe::new_zeroed();
//! read.set_opcode(NvmOpcode::READ.0);
//! read.nsid = 1.into();
//! read.cdw10 = 0x10.into();
//! read.cdw12 = (1 << 30 | 7).into();
//! assert_eq!(decode::describe(&read, false).to_string(), "Read nsid=1 slba=0x10 nlb=8 FUA");
//! ```

mod admin;
mod data;
mod nvm;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use zerocopy::little_endian::U32;

use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::sqe::Fuse;

/// A command in words; `Display` gives one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name of the command in the standard, or `Opcode C1h` for one without a name.
    pub name: Cow<'static, str>,
    /// The fields that the command uses, in the order of the dwords.
    ///
    /// Optional fields and pointers that are zero are left out. A command that this module does not
    /// know has its dwords 10 to 15.
    pub fields: Vec<Field>,
}

/// One field of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The abbreviation of the standard, in lower case for numbers.
    pub name: &'static str,
    /// What it holds. Of a zero-based field this is the number that is meant.
    pub value: Value,
}

/// What a field of a command holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A count or an identifier.
    Number(u64),
    /// An address or bits.
    Hex(u64),
    /// A bit that is set.
    Flag,
    /// One of the values that the standard lists.
    Code {
        /// The value in the field.
        code: u8,
        /// Its name, if it has one.
        meaning: Option<&'static str>,
    },
}

/// Describes a command: what it is depends on whether it goes to the Admin Submission Queue.
pub fn describe(sqe: &Sqe, admin: bool) -> Description {
    let mut fields = Fields::default();
    let nsid = u64::from(sqe.nsid.get());
    match nsid {
        0 if admin => {}
        0xFFFF_FFFE.. => fields.hex("nsid", nsid),
        _ => fields.number("nsid", nsid),
    }
    let fuse = sqe.cdw0().fuse();
    if fuse != Fuse::NORMAL {
        fields.code("FUSE", fuse.0, fuse.name());
    }
    let (name, known) = match admin {
        true => (sqe.admin_opcode().name(), admin::describe(sqe, &mut fields)),
        false => (sqe.nvm_opcode().name(), nvm::describe(sqe, &mut fields)),
    };
    if !known {
        for (name, dword) in DWORDS.into_iter().zip(dwords(sqe)) {
            fields.hex(name, dword);
        }
    }
    data::describe(sqe, &mut fields);
    let unnamed = || Cow::Owned(format!("Opcode {:02X}h", sqe.opcode()));
    Description { name: name.map_or_else(unnamed, Cow::Borrowed), fields: fields.0 }
}

/// Returns the blocks that an I/O command names in its SLBA and NLB fields (NVM 3.3).
pub fn blocks(sqe: &Sqe, admin: bool) -> Option<Range<u64>> {
    let named = matches!(
        sqe.nvm_opcode(),
        NvmOpcode::READ
            | NvmOpcode::WRITE
            | NvmOpcode::COMPARE
            | NvmOpcode::VERIFY
            | NvmOpcode::WRITE_UNCORRECTABLE
            | NvmOpcode::WRITE_ZEROES
    );
    if admin || !named {
        return None;
    }
    let slba = qword(sqe.cdw10, sqe.cdw11);
    let nlb = u64::from(ReadWriteCdw12::from_bits(sqe.cdw12.get()).nlb_z()) + 1;
    Some(slba..slba.saturating_add(nlb))
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.fields.iter().try_for_each(|field| write!(f, " {field}"))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.value {
            Value::Number(number) => write!(f, "{name}={number}"),
            Value::Hex(bits) => write!(f, "{name}={bits:#x}"),
            Value::Flag => f.write_str(name),
            Value::Code { code, meaning: None } => write!(f, "{name} {code:02X}h"),
            Value::Code { code, meaning: Some(meaning) } => {
                write!(f, "{name} {code:02X}h {meaning}")
            }
        }
    }
}

const DWORDS: [&str; 6] = ["cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15"];

fn dwords(sqe: &Sqe) -> [u32; 6] {
    [sqe.cdw10, sqe.cdw11, sqe.cdw12, sqe.cdw13, sqe.cdw14, sqe.cdw15].map(U32::get)
}

/// Fields as they are found.
#[derive(Default)]
struct Fields(Vec<Field>);

impl Fields {
    fn push(&mut self, name: &'static str, value: Value) {
        self.0.push(Field { name, value });
    }

    fn number(&mut self, name: &'static str, number: impl Into<u64>) {
        self.push(name, Value::Number(number.into()));
    }

    fn hex(&mut self, name: &'static str, bits: impl Into<u64>) {
        self.push(name, Value::Hex(bits.into()));
    }

    fn code(&mut self, name: &'static str, code: u8, meaning: Option<&'static str>) {
        self.push(name, Value::Code { code, meaning });
    }

    /// Adds a field that means nothing when it is zero.
    fn optional_number(&mut self, name: &'static str, number: impl Into<u64>) {
        let number = number.into();
        if number != 0 {
            self.number(name, number);
        }
    }

    /// As above, for addresses and bits.
    fn optional_hex(&mut self, name: &'static str, bits: impl Into<u64>) {
        let bits = bits.into();
        if bits != 0 {
            self.hex(name, bits);
        }
    }

    fn flag(&mut self, name: &'static str, is_set: bool) {
        if is_set {
            self.push(name, Value::Flag);
        }
    }
}

/// Returns the bits `high` to `low` of a dword, as the standard writes them.
fn bits(dword: U32, high: u32, low: u32) -> u64 {
    let width = high - low + 1;
    u64::from(dword.get()) >> low & ((1 << width) - 1)
}

fn bit(dword: U32, at: u32) -> bool {
    bits(dword, at, at) == 1
}

fn qword(low: U32, high: U32) -> u64 {
    u64::from(high.get()) << 32 | u64::from(low.get())
}

/// Returns the name of a small code from a list of all of them.
fn named(names: &[&'static str], code: u64) -> Option<&'static str> {
    names.get(code as usize).copied().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;

//! The port above, and a record of what it had: it is the host's, and outlasts whoever writes to it.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::ConfigFile;
use crate::spec::pci::CapabilityId;
use crate::spec::pci::ExpressCapabilities;
use crate::spec::pci::express;
use crate::transport::Claim;

/// A port that a link goes down from, which no other session writes to as long as this value lives.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) folder: PathBuf,
    pub(super) config: ConfigFile,
    record: PathBuf,
    /// What was in the registers that were written to, in the order in which they were.
    before: Vec<Before>,
    _claim: Claim,
}

/// What was in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Before {
    register: u16,
    /// 1, 2 or 4 bytes.
    len: usize,
    value: u32,
}

impl Port {
    /// Finds the port above a function, if this process may write to it. What a process that was killed left in it is put back by
    /// the record in `records`.
    ///
    /// A virtual function has none: its physical function is whose link it is (PCIe 9.3.5.4).
    pub(super) fn above(function: &Path, records: &Path) -> Option<Self> {
        /// Device/Port Type (PCIe 7.5.3.2): a Root Port, or a Downstream Port of a switch.
        const DOWNWARDS: [u8; 2] = [0x4, 0x6];
        if function.join("physfn").exists() {
            return None;
        }
        let function = function.canonicalize().ok()?;
        let folder = function.parent()?.to_owned();
        let config = ConfigFile::open(&folder)?;
        let express = config.capability(CapabilityId::PCI_EXPRESS).ok()??;
        let kind = config.read16(express + express::CAPABILITIES).ok()?;
        if !DOWNWARDS.contains(&ExpressCapabilities::from(kind).kind()) {
            return None;
        }
        let claim = Claim::take(format!("port {}", folder.display())).ok()?;
        // Without a record, nobody could put back what is written.
        fs::create_dir_all(records).ok()?;
        let record = records.join(folder.file_name()?);
        let mut port = Self { folder, config, record, before: Vec::new(), _claim: claim };
        port.put_back_by_record().ok()?;
        Some(port)
    }

    /// Writes a register of the port, and notes what was there before.
    pub(super) fn write(&mut self, register: u16, data: &[u8]) -> io::Result<()> {
        let (value, len) = (self.config.value(register, data.len())?, data.len());
        if !self.before.iter().any(|it| it.register == register) {
            self.before.push(Before { register, len, value });
            let lines: String = self.before.iter().map(Before::line).collect();
            fs::write(&self.record, lines)?;
        }
        self.config.write(register, data)?;
        let is_as_before = |it: &Before| Ok(self.config.value(it.register, it.len)? == it.value);
        let as_before: io::Result<Vec<bool>> = self.before.iter().map(is_as_before).collect();
        if as_before?.iter().all(|it| *it) {
            self.before.clear();
            fs::remove_file(&self.record)?;
        }
        Ok(())
    }

    /// Puts back what a process left that has ended: the last register first.
    fn put_back_by_record(&mut self) -> io::Result<()> {
        let lines = match fs::read_to_string(&self.record) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        // A line that is cut short was not written before its register was.
        for Before { register, len, value } in lines.lines().filter_map(Before::parse).rev() {
            self.config.write(register, &value.to_le_bytes()[..len])?;
        }
        fs::remove_file(&self.record)
    }
}

impl Before {
    fn line(&self) -> String {
        format!("{:#06x} {} {:#010x};\n", self.register, self.len, self.value)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_suffix(';')?.split(' ');
        let mut number = || u32::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok();
        let (register, len, value) = (number()?, number()?, number()?);
        let len = usize::try_from(len).ok().filter(|len| matches!(len, 1 | 2 | 4))?;
        Some(Self { register: register.try_into().ok()?, len, value })
    }
}

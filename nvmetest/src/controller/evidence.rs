//! What is kept of a test that failed.

use std::fmt::Write;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::path::Path;

use crate::cmdlog::Dump;
use crate::cmdlog::Selection;
use crate::spec::Property;

use super::Controller;

impl Controller {
    /// Writes what is known of the controller into `folder`: the command log as text and as JSON lines, the
    /// registers, and Identify Controller.
    ///
    /// # Errors
    ///
    /// Fails if the files cannot be written. A device that does not answer is written down as such.
    pub fn evidence(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("registers.txt"), self.register_dump())?;
        let identify = format!("{:#?}\n", self.capabilities().controller);
        fs::write(folder.join("identify-controller.txt"), identify)?;
        let log = self.log_of_test();
        fs::write(folder.join("cmdlog.txt"), log.text().to_string())?;
        log.write_json_lines(BufWriter::new(File::create(folder.join("cmdlog.jsonl"))?))
    }

    /// Starts a part of the command log: a test begins, whose name is `name`.
    pub fn begin(&self, name: &str) {
        self.shared().begin(name);
    }

    /// The command log since the last [`begin`](Self::begin). The first command that did not end as it should
    /// is marked.
    ///
    /// ```
    /// use nvmetest::prelude::*;
    ///
    /// # fn main() -> Result {
    /// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
    /// nvme.begin("a wrong opcode");
    /// let mut sqe = *nvme.keep_alive().sqe();
    /// sqe.set_opcode(0xff);
    /// Command::<Admin>::raw(sqe, ()).run(&nvme).unwrap_err();
    /// let text = nvme.log_of_test().text().to_string();
    /// assert!(text.lines().any(|line| line.starts_with(">>>") && line.contains("Invalid Command Opcode")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn log_of_test(&self) -> Dump {
        let shared = self.shared();
        let dump = shared.log().dump(&Selection::all().since(shared.began_ns()));
        match shared.blamed() {
            Some(command) => dump.failing(command),
            None => dump,
        }
    }

    /// The properties, one a line.
    fn register_dump(&self) -> String {
        const WIDE: [Property; 3] = [Property::CAP, Property::ASQ, Property::ACQ];
        const NARROW: [Property; 6] = [
            Property::VS,
            Property::INTMS,
            Property::CC,
            Property::CSTS,
            Property::AQA,
            Property::CRTO,
        ];
        let registers = self.registers();
        let mut text = String::new();
        let mut line = |property: Property, value: crate::Result<String>| {
            let value = value.unwrap_or_else(|error| format!("not readable: {error}"));
            let _ = writeln!(text, "{:04x}h {property}: {value}", property.0);
        };
        for property in WIDE {
            line(property, registers.read64(property).map(|value| format!("{value:#018x}")));
        }
        for property in NARROW {
            line(property, registers.read32(property).map(|value| format!("{value:#010x}")));
        }
        if let Ok(csts) = registers.csts() {
            let _ = writeln!(text, "{csts:?}");
        }
        if let Ok(cc) = registers.cc() {
            let _ = writeln!(text, "{cc:?}");
        }
        text
    }
}

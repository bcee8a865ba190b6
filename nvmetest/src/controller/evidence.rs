//! What is kept of a test that failed.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

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
        Ok(())
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

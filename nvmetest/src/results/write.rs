//! Writing a file of results.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;

use super::line::Line;

/// A file of results, to which lines are appended.
#[derive(Debug)]
pub struct Writer {
    file: File,
    /// The bytes of whole lines in it.
    whole: u64,
}

impl Writer {
    /// Makes the file, which may not be there yet.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, whole: 0 })
    }

    /// Goes on with a file. A last line that was cut short is taken away.
    pub fn append(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1) as u64;
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        Ok(Self { file, whole })
    }

    /// Appends a line. When this returns the kernel has all of it: it survives this process.
    ///
    /// A line that does not fit on the disk is not there in part, and those before it are whole.
    pub fn write(&mut self, line: impl Into<Line>) -> io::Result<()> {
        let mut text = serde_json::to_vec(&line.into())?;
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            // The next line has to begin where this one did.
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
            return Err(error);
        }
        self.whole += text.len() as u64;
        Ok(())
    }

    /// Waits until what was written is on the disk: it survives this machine.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

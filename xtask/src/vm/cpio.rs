//! The archive format of an initial RAM disk: cpio, "newc".

use std::collections::BTreeSet;
use std::io;
use std::io::Write;
use std::path::Path;

/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// File types and permissions, as `stat(2)` has them.
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// An archive that is being written.
///
/// Folders are made where an entry needs one.
pub struct Archive<W> {
    out: W,
    written: usize,
    entries: u32,
    folders: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    pub fn new(out: W) -> Self {
        Self { out, written: 0, entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a file, which may be executed. `name` is its path, without a leading slash.
    pub fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.parents(name)?;
        self.entry(name, PROGRAM, content)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.parents(name)?;
        self.entry(name, LINK, target.as_bytes())
    }

    /// Adds a folder.
    pub fn folder(&mut self, name: &str) -> io::Result<()> {
        self.parents(name)?;
        if self.folders.insert(name.to_owned()) {
            self.entry(name, FOLDER, &[])?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn parents(&mut self, name: &str) -> io::Result<()> {
        match Path::new(name).parent().and_then(Path::to_str) {
            None | Some("") => Ok(()),
            Some(parent) => self.folder(parent),
        }
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::other(format!("{name} is too large for an archive")))?;
        // The trailer has no number of its own; two files with the same one would be links to each other.
        self.entries += 1;
        let inode = self.entries;
        let name_size = name.len() + 1;
        let mut header = b"070701".to_vec();
        let links = if mode == FOLDER { 2 } else { 1 };
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size as u32, 0] {
            write!(header, "{field:08x}")?;
        }
        self.put(&header)?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(content)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    /// A name and a content end at a multiple of four bytes.
    fn align(&mut self) -> io::Result<()> {
        let gap = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 3][..gap])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_laid_out_as_the_kernel_wants_it() {
        let mut archive = Archive::new(Vec::new());
        archive.file("a/b", b"12345").unwrap();
        archive.file("a/c", b"").unwrap();
        archive.link("a/d", "b").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);

        let mut rest = &bytes[..];
        let mut seen = Vec::new();
        let mut inodes = BTreeSet::new();
        loop {
            let field = |n: usize| {
                let text = std::str::from_utf8(&rest[6 + 8 * n..14 + 8 * n]).unwrap();
                u32::from_str_radix(text, 16).unwrap() as usize
            };
            assert_eq!(&rest[..6], b"070701");
            let (mode, size, name_size) = (field(1), field(6), field(11));
            assert!(inodes.insert(field(0)), "two entries have one inode number");
            let name = std::str::from_utf8(&rest[110..110 + name_size - 1]).unwrap().to_owned();
            assert_eq!(rest[110 + name_size - 1], 0);
            let content = (110 + name_size).next_multiple_of(4);
            let data = rest[content..content + size].to_vec();
            rest = &rest[(content + size).next_multiple_of(4)..];
            if name == TRAILER {
                break;
            }
            seen.push((name, mode, data));
        }
        assert!(rest.is_empty());
        let expected = [
            ("a".to_owned(), 0o040_755, vec![]),
            ("a/b".to_owned(), 0o100_755, b"12345".to_vec()),
            ("a/c".to_owned(), 0o100_755, vec![]),
            ("a/d".to_owned(), 0o120_777, b"b".to_vec()),
        ];
        assert_eq!(seen, expected);
    }
}

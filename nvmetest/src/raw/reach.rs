//! What a device could do with an entry, whatever it does within the standard.

use std::ops::BitOr;

use crate::command;
use crate::memory::UNMAPPED;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

use super::ListAddress;
use super::Pointer;
use super::address::Address;
use super::address::Target;
use super::entry::Blocks;
use super::entry::Dptr;
use super::entry::Entry;

/// What holds on the way to the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    /// The size of a memory page (CC.MPS).
    pub(super) page: u64,
    /// Whether address 0 is memory.
    pub(super) null_is_memory: bool,
    /// Whether the controller knows SGLs: another may take one for PRPs.
    pub(super) has_sgl: bool,
}

/// What an entry lets a device do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reach {
    /// The device writes host memory.
    pub(super) writes: bool,
    /// The pointers are safe in no other entry.
    pub(super) intricate: bool,
    /// It is safe because the length of the transfer is known.
    pub(super) relies_on_format: bool,
}

impl Reach {
    /// Whether a device that sees parts of entries with these reaches does no harm.
    pub(super) fn is_harmless(self) -> bool {
        !(self.writes && self.intricate)
    }
}

/// The reach of any mixture of two entries.
impl BitOr for Reach {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            writes: self.writes || other.writes,
            intricate: self.intricate || other.intricate,
            relies_on_format: self.relies_on_format || other.relies_on_format,
        }
    }
}

impl Ground {
    /// Finds out what a device can do with the entry, or says why it could do harm.
    pub(super) fn reach(&self, entry: &Entry) -> Result<Reach, String> {
        let sqe = entry.sqe();
        let writes = command::writes(&sqe);
        let intricate = !self.is_plain(entry);
        let reach = Reach { writes, intricate, relies_on_format: false };
        let (prp1, prp2) = match &entry.dptr {
            Dptr::Verbatim => return Ok(reach),
            // What the device reads does no harm.
            _ if !writes => return Ok(reach),
            Dptr::Sgl(address, len) => {
                self.check_metadata(entry, &sqe)?;
                self.check_sgl(address, *len, &sqe)?;
                return Ok(reach);
            }
            Dptr::Prp(prp1, prp2) => (prp1, prp2),
        };
        self.check_metadata(entry, &sqe)?;
        self.check_data(prp1)?;
        if sqe.psdt() != Psdt::PRP && !is_empty_descriptor(prp2) {
            return Err(format!(
                "with PSDT {:02b}b a device takes PRP Entry 2 for the length of a data block: leave it null, or \
                 describe the data with `Entry::sgl`",
                sqe.psdt().0
            ));
        }
        match self.written(entry, &sqe) {
            Some(len) => {
                // A device may take bits 1:0 of the first offset as zero (Base 4.3.1).
                let offset = prp1.value() % self.page;
                for offset in [offset, offset & !0b11] {
                    let rest = len.saturating_sub(self.page - offset);
                    self.check_second(prp2, rest)?;
                }
                Ok(Reach { relies_on_format: !self.is_nothing(prp2), ..reach })
            }
            None if self.is_nothing(prp2) => Ok(reach),
            None => Err(format!(
                "the driver does not know how much opcode {:02x}h writes, so PRP Entry 2 may be taken for data or \
                 for a list: it has to be {}",
                sqe.opcode(),
                self.nothing()
            )),
        }
    }

    /// How many bytes the device writes, where that is known.
    fn written(&self, entry: &Entry, sqe: &Sqe) -> Option<u64> {
        let Blocks { nsid, bytes, .. } = entry.blocks?;
        let block = command::Block { nsid, bytes };
        command::written(sqe, false, Some(block)).map(|len| len as u64)
    }

    /// Whether the pointers do no harm in any entry, with any PSDT.
    fn is_plain(&self, entry: &Entry) -> bool {
        match &entry.dptr {
            Dptr::Prp(prp1, prp2) => {
                self.check_data(prp1).is_ok()
                    && self.is_nothing(prp2)
                    && is_empty_descriptor(prp2)
                    && self.is_nothing(&entry.mptr.clone().into())
            }
            Dptr::Sgl(..) | Dptr::Verbatim => false,
        }
    }

    /// Whether the device finds no memory there.
    fn is_nothing(&self, pointer: &Pointer) -> bool {
        match pointer {
            Pointer::Data(Address(Target::Null)) => !self.null_is_memory,
            Pointer::Data(Address(Target::Unmapped(_))) => true,
            _ => false,
        }
    }

    /// How the addresses are called where nothing is.
    fn nothing(&self) -> &'static str {
        if self.null_is_memory {
            "`nvme.unmapped_address()` (address 0 is memory for this device)"
        } else {
            "`Address::NULL` or `nvme.unmapped_address()`"
        }
    }

    /// Checks an entry for data up to the end of its page.
    fn check_data(&self, address: &Address) -> Result<(), String> {
        match &address.0 {
            Target::Unmapped(_) => Ok(()),
            Target::Null if !self.null_is_memory => Ok(()),
            Target::Null => Err(format!(
                "the device would write to address 0, which is memory for it: use {}",
                self.nothing()
            )),
            Target::Data { block, .. } => {
                let whole = block.iova().0.is_multiple_of(self.page)
                    && (block.len() as u64).is_multiple_of(self.page);
                whole.then_some(()).ok_or_else(|| {
                    format!(
                        "the memory was allocated when memory pages were smaller than {} bytes: allocate it again",
                        self.page
                    )
                })
            }
        }
    }

    /// Checks an entry behind the first one for `len` bytes of data, which a device may take for good though it has
    /// an offset.
    fn check_whole(&self, address: &Address, len: u64) -> Result<(), String> {
        self.check_data(address)?;
        let Target::Data { block, at } = &address.0 else { return Ok(()) };
        let room = (block.len() - at) as u64;
        if room < len {
            return Err(format!(
                "a device that takes the offset of {address:?} for good writes {len} bytes, and {room} are left of \
                 the memory: allocate more"
            ));
        }
        Ok(())
    }

    /// Checks PRP Entry 2 where `rest` bytes are behind the first page.
    fn check_second(&self, prp2: &Pointer, rest: u64) -> Result<(), String> {
        if rest == 0 || self.is_nothing(prp2) {
            return Ok(());
        }
        match prp2 {
            Pointer::Data(address) if rest <= self.page => self.check_whole(address, rest),
            Pointer::List(address) if self.page < rest => self.check_list(address, rest),
            Pointer::Data(Address(Target::Null)) => self.check_data(&Address::NULL),
            Pointer::Data(_) => Err(format!(
                "{rest} bytes are behind the first page, so the device takes PRP Entry 2 for a PRP List, and \
                 would write wherever the data there points to"
            )),
            Pointer::List(_) => Err(format!(
                "{rest} bytes are behind the first page, so the device takes PRP Entry 2 for data, and would \
                 write over the PRP List"
            )),
        }
    }

    /// Walks a PRP List as a device does that has to place `rest` bytes.
    fn check_list(&self, start: &ListAddress, mut rest: u64) -> Result<(), String> {
        const ENTRY: usize = size_of::<u64>();
        let (mut list, mut index) = (&start.list, start.at / ENTRY);
        if !start.at.is_multiple_of(ENTRY) {
            return Err("a device may read an address from the middle of two entries".to_owned());
        }
        while 0 < rest {
            if list.len() as u64 * ENTRY as u64 != self.page {
                return Err(format!(
                    "the PRP List was made when a memory page did not have {} bytes: make it again",
                    self.page
                ));
            }
            let is_pointer = index + 1 == list.len() && self.page < rest;
            let Some(entry) = list.get(index) else { return Ok(()) };
            match entry {
                // It goes no further than here, or writes to where nothing is.
                entry if self.is_nothing(entry) && is_pointer => return Ok(()),
                Pointer::List(next) if is_pointer && next.at == 0 => {
                    (list, index) = (&next.list, 0);
                    continue;
                }
                Pointer::List(_) if is_pointer => {
                    return Err("a PRP List goes on at the start of a page".to_owned());
                }
                Pointer::Data(_) if is_pointer => {
                    return Err(format!(
                        "entry {index} is the last of its page, and {rest} bytes are left: the device takes it for \
                         the address of the next list"
                    ));
                }
                Pointer::List(_) => {
                    return Err(format!("entry {index} is taken for data, and is a PRP List"));
                }
                Pointer::Data(address) => {
                    self.check_whole(address, rest.min(self.page))?;
                    if !address.value().is_multiple_of(self.page) {
                        return self.check_odd(start);
                    }
                }
            }
            rest = rest.saturating_sub(self.page);
            index += 1;
        }
        Ok(())
    }

    /// Checks a list with an offset in it. A device that takes that for good may count the bytes in another way, and
    /// need another number of entries: each must be good for data, and none for a list.
    fn check_odd(&self, start: &ListAddress) -> Result<(), String> {
        let list = &start.list;
        let last = list.get(list.len() - 1).is_none_or(|last| self.is_nothing(last));
        let mut entries = (0..list.len()).filter_map(|index| list.get(index));
        let data = entries.try_for_each(|entry| match entry {
            Pointer::Data(address) => self.check_whole(address, self.page),
            Pointer::List(_) => Err(String::new()),
        });
        if last && data.is_ok() {
            return Ok(());
        }
        Err("a PRP List in which an entry has an offset stands alone in its page, names a whole page of memory more \
             than there is behind each offset, and leaves the last entry of the page unmapped"
            .to_owned())
    }

    /// Checks an SGL Data Block descriptor.
    fn check_sgl(&self, address: &Address, len: u32, sqe: &Sqe) -> Result<(), String> {
        if !self.has_sgl || !matches!(sqe.psdt().0, 0b01 | 0b10) {
            return Err("the device may take the SGL descriptor for PRPs: it knows no SGLs, or PSDT is wrong".to_owned());
        }
        let room = match &address.0 {
            Target::Data { block, at } => (block.len() - at) as u64,
            Target::Unmapped(_) => UNMAPPED,
            Target::Null if self.null_is_memory => 0,
            Target::Null => u64::from(u32::MAX),
        };
        if room < u64::from(len) {
            return Err(format!(
                "an SGL descriptor of {len} bytes at {address:?}, where {room} are"
            ));
        }
        Ok(())
    }

    /// Checks MPTR, whose length nobody knows.
    fn check_metadata(&self, entry: &Entry, sqe: &Sqe) -> Result<(), String> {
        match entry.mptr.0 {
            Target::Data { .. } => Err(
                "how much metadata the device writes is not known: MPTR has to be null or unmapped"
                    .to_owned(),
            ),
            Target::Null if self.null_is_memory && sqe.psdt() == Psdt::SGL_MPTR_SGL => {
                Err(format!(
                    "the device takes address 0 for an SGL segment: let MPTR be {}",
                    self.nothing()
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Whether it is the second half of an SGL Data Block descriptor of no bytes (Base 4.3.2.1).
fn is_empty_descriptor(prp2: &Pointer) -> bool {
    const TYPE: u64 = 0xff << 56;
    match prp2 {
        Pointer::Data(Address(Target::Null | Target::Unmapped(_))) => {
            prp2.value() & (TYPE | u64::from(u32::MAX)) == 0
        }
        _ => false,
    }
}

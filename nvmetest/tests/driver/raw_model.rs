//! A model of a controller that takes any liberty that the standard leaves to it, and a test that has no scruples:
//! whatever entry `raw` lets pass, the controller writes only to memory that was shared with it.

use std::ops::Range;

use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::prelude::*;
use nvmetest::raw::Address;
use nvmetest::raw::Entry;
use nvmetest::raw::Memory;
use nvmetest::raw::Pointer;
use nvmetest::raw::PrpList;
use nvmetest::spec::Sqe;
use nvmetest::spec::sqe::Psdt;
use zerocopy::FromBytes;
use zerocopy::IntoBytes;

use super::fake::Fake;
use super::fake::Reply;

const PAGE: u64 = 4096;
const READ: u8 = 0x02;

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
}

/// What the standard leaves to a controller, or what one does that does not look closely.
#[derive(Clone, Copy)]
struct Liberty {
    /// Offsets behind the first entry are taken for good, and not refused.
    takes_offsets: bool,
    /// What it takes for good is a whole page, and not the rest of one.
    takes_whole_pages: bool,
    /// Bits 1:0 are zero, whatever stands there.
    clears_low_bits: bool,
    /// PSDT is not looked at.
    ignores_psdt: bool,
    /// How much a command writes that the host does not know.
    unknown_len: u64,
}

struct Model<'m> {
    fake: &'m Fake,
    shared: &'m [Range<u64>],
    liberty: Liberty,
}

impl Model<'_> {
    /// Executes a command. Returns where it wrote what it must not have.
    fn execute(&self, sqe: &Sqe) -> Option<u64> {
        if sqe.opcode() & 0b10 == 0 {
            return None;
        }
        let blocks = u64::from(sqe.cdw12.get() & 0xffff) + 1;
        let len = match (sqe.opcode(), sqe.nsid.get()) {
            (READ, 1) => 512 * blocks,
            (READ, _) => 4096 * blocks,
            _ => self.liberty.unknown_len,
        };
        let dptr = sqe.dptr.map(|dword| dword.get());
        if sqe.psdt() == Psdt::PRP || self.liberty.ignores_psdt {
            return self.prps(dptr, len);
        }
        // A Data Block descriptor, and no other.
        let is_data_block = dptr[1] >> 56 == 0;
        let held = dptr[1] & u64::from(u32::MAX);
        if is_data_block { self.write(dptr[0], held.min(len)) } else { None }
    }

    fn prps(&self, [first, second]: [u64; 2], len: u64) -> Option<u64> {
        let first = if self.liberty.clears_low_bits { first & !0b11 } else { first };
        let here = len.min(PAGE - first % PAGE);
        let mut left = len - here;
        if let Some(found) = self.write(first, here) {
            return Some(found);
        }
        if left == 0 {
            return None;
        }
        if left <= PAGE {
            return if self.is_taken(second) { self.write(second, left) } else { None };
        }
        let mut at = second;
        while 0 < left {
            let entry = self.read(at)?;
            if at % PAGE / 8 == PAGE / 8 - 1 && PAGE < left {
                if !self.is_taken(entry) {
                    return None;
                }
                at = entry;
                continue;
            }
            if !self.is_taken(entry) {
                return None;
            }
            let rest = if self.liberty.takes_whole_pages { PAGE } else { PAGE - entry % PAGE };
            let here = left.min(rest);
            if let Some(found) = self.write(entry, here) {
                return Some(found);
            }
            left -= here;
            at += 8;
        }
        None
    }

    fn is_taken(&self, entry: u64) -> bool {
        entry.is_multiple_of(PAGE) || self.liberty.takes_offsets
    }

    fn read(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.fake.reaches(at, 8).then(|| {
            self.fake.read(at, &mut bytes);
            u64::from_le_bytes(bytes)
        })
    }

    /// Returns the address if a byte is mapped, and none of the shared memory.
    fn write(&self, at: u64, len: u64) -> Option<u64> {
        let is_shared = |byte: u64| self.shared.iter().any(|memory| memory.contains(&byte));
        let end = at.checked_add(len)?;
        // One byte of each page is enough, and the last one.
        let pages =
            (at..end).step_by(PAGE as usize).chain(len.checked_sub(1).map(|last| at + last));
        pages.into_iter().find(|byte| self.fake.reaches(*byte, 1) && !is_shared(*byte))
    }
}

struct Author<'c> {
    nvme: &'c Controller,
    memory: Vec<Memory>,
    lists: Vec<PrpList>,
}

impl Author<'_> {
    fn address(&self, random: &mut Random) -> Address {
        match random.below(10) {
            0 => Address::NULL,
            1 => self.nvme.unmapped_address(),
            _ => {
                let memory = random.pick(&self.memory);
                let page = random.below(memory.len() as u64 / PAGE) * PAGE;
                let offset = random.pick(&[0, 0, 0, 1, 3, 4, 512, 2048, 4092, 4095]);
                memory.at((page + offset) as usize)
            }
        }
    }

    fn pointer(&self, random: &mut Random) -> Pointer {
        if self.lists.is_empty() || random.one_in(2) {
            return self.address(random).into();
        }
        let list = random.pick(&self.lists);
        let at = random.pick(&[0, 0, 0, 8, 16, 4, 4072, 4080, 4088]);
        list.at_byte(at).into()
    }

    fn add_list(&mut self, random: &mut Random) -> Result {
        let len = random.pick(&[1, 2, 3, 8, 511, 512]);
        // Most lists are nearly right.
        let odds = random.pick(&[2, 600, 5000]);
        let entries: Vec<Pointer> = (0..len)
            .map(|index| match random.one_in(odds) {
                true => self.pointer(random),
                false if index == 511 && !self.lists.is_empty() && random.one_in(2) => {
                    random.pick(&self.lists).at(0).into()
                }
                false => random.pick(&self.memory).at(0).into(),
            })
            .collect();
        self.lists.push(self.nvme.prp_list(entries)?);
        Ok(())
    }

    fn entry(&self, random: &mut Random, ns: &Namespace<'_>) -> Entry {
        let pages = random.pick(&[0, 0, 1, 1, 2, 3, 4, 512, 513, 514]);
        let blocks = (8 * pages + random.pick(&[0, 1, 7])).max(1) as u32;
        let mut entry = match random.below(8) {
            0 => Entry::new(random.pick(&[0x00, 0x01, 0x82, 0xff, 0x12])),
            1 => Entry::write(ns, 0, blocks),
            _ => Entry::read(ns, 0, blocks),
        };
        entry = match random.below(8) {
            0 => entry.sgl(self.address(random), random.pick(&[0, 1, 4096, 8192, 65536])),
            1 => entry.prp1(self.address(random)),
            _ => entry.prp1(self.address(random)).prp2(self.pointer(random)),
        };
        if random.one_in(8) {
            let psdt = Psdt(random.below(4) as u8);
            entry = entry.edit(|sqe| sqe.set_psdt(psdt));
        }
        if random.one_in(16) {
            let (dword, value) = (random.below(3), random.next() as u32);
            entry = entry.edit(|sqe| match dword {
                0 => sqe.cdw12 = value.into(),
                1 => sqe.nsid = (value % 3).into(),
                _ => sqe.set_opcode(value as u8),
            });
        }
        entry
    }
}

/// Dwords of several entries.
fn mixture(random: &mut Random, seen: &[Sqe]) -> Sqe {
    let mut bytes = [0; 64];
    for (index, dword) in bytes.chunks_exact_mut(4).enumerate() {
        dword.copy_from_slice(&random.pick(seen).as_bytes()[4 * index..][..4]);
    }
    Sqe::read_from_bytes(&bytes).expect("64 bytes")
}

#[test]
fn a_controller_writes_only_to_memory_that_is_shared_with_it() -> Result {
    const ENTRIES: u32 = 16;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut taken, mut with_second, mut with_list, mut refused) = (0, 0, 0, 0);
    for _round in 0..40 {
        let fake = Fake::new(|qid, _| if qid == 0 { Reply::Normal } else { Reply::Silence });
        let nvme = fake.open()?;
        let ns = nvme.namespace(1)?;
        let memory = vec![nvme.shared_memory(1)?, nvme.shared_memory(3 << 12)?];
        let shared: Vec<Range<u64>> =
            memory.iter().map(|it| it.iova().0..it.iova().0 + it.len() as u64).collect();
        let mut author = Author { nvme: &nvme, memory, lists: Vec::new() };
        for _ in 0..24 {
            author.add_list(&mut random)?;
        }
        let _cq = nvme.raw_completion_queue(CreateIoCq::contiguous(1, ENTRIES))?;
        let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(1, ENTRIES, 1))?;
        // Entries are overwritten while they may be fetched.
        let wild = random.one_in(2);
        if wild {
            sq.ring(ENTRIES)?;
        }
        let mut seen = vec![vec![sq.entry(0)]; ENTRIES as usize];
        for _ in 0..2000 {
            let index = random.below(ENTRIES.into()) as u32;
            let entry = author.entry(&mut random, &ns);
            if sq.write(index, &entry).is_err() {
                refused += 1;
                continue;
            }
            let sqe = sq.entry(index);
            assert_eq!(sqe, entry.sqe());
            let slot = &mut seen[index as usize];
            if !wild {
                slot.clear();
            }
            slot.push(sqe);
            taken += 1;
            let blocks = u64::from(sqe.cdw12.get() & 0xffff) + 1;
            let is_read = sqe.opcode() == READ && sqe.nsid.get() == 1 && sqe.psdt() == Psdt::PRP;
            let names = fake.reaches(sqe.dptr[1].get(), 1);
            with_second += u32::from(is_read && names && (9..=16).contains(&blocks));
            with_list += u32::from(is_read && names && 24 < blocks);

            for _ in 0..8 {
                let sqe = mixture(&mut random, slot);
                let liberty = Liberty {
                    takes_offsets: random.one_in(2),
                    takes_whole_pages: random.one_in(2),
                    clears_low_bits: random.one_in(2),
                    ignores_psdt: random.one_in(2),
                    unknown_len: random.pick(&[1, 512, 4096, 5000, 8192, 65536, 3 << 20]),
                };
                let model = Model { fake: &fake, shared: &shared, liberty };
                let found = model.execute(&sqe);
                assert_eq!(found, None, "the device writes there: {entry:?} as {sqe:?}");
            }
        }
    }
    // The test has seen what it is about.
    assert!(10_000 < taken && 10_000 < refused, "{taken} taken, {refused} refused");
    assert!(
        300 < with_second && 100 < with_list,
        "{with_second} with a page, {with_list} with a list"
    );
    Ok(())
}

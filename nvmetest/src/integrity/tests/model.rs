//! Random commands, a device that corrupts data, and the rule as it is written down.
//!
//! `NVMETEST_SOAK_COMMANDS` says how many commands (`cargo xtask soak`), and `NVMETEST_SOAK_SEED` which.

use std::collections::BTreeMap;
use std::env;
use std::rc::Rc;

use super::reference::Event;
use super::reference::History;
use super::*;

const BLOCK: usize = 192;
const BLOCKS: u64 = 48;
const WRITERS: usize = 4;
const DEPTH: usize = 12;
/// After so many commands all that is known is made void.
const FORGET_EVERY: u64 = 20_000;
/// So many commands are run when nobody says otherwise.
const COMMANDS: u64 = 30_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Corruption {
    Lost,
    Stale,
    Misdirected,
    Torn,
    Flipped,
    Zeroed,
}

#[derive(Clone)]
enum Kind {
    Read(Reading),
    Write(Writing),
}

/// A command in flight.
struct Flight {
    kind: Kind,
    writer: usize,
    begin: u64,
    slba: u64,
    /// What it writes, or has read so far.
    data: Vec<Option<Rc<[u8]>>>,
    content: Vec<Content>,
    id: u64,
    /// The blocks that the device has not executed.
    left: Vec<usize>,
    /// Whether it met a block that cannot be read.
    fails: bool,
}

struct Device {
    blocks: Vec<Rc<[u8]>>,
    uncorrectable: Vec<bool>,
    /// What the block had before.
    before: Vec<Rc<[u8]>>,
    /// What was done to the block since it was written last.
    corrupted: Vec<Option<Corruption>>,
}

struct Run {
    numbers: Numbers,
    table: Table,
    writers: Vec<Writer>,
    device: Device,
    histories: Vec<History>,
    flights: Vec<Flight>,
    now: u64,
    next_id: u64,
    forgot_id: u64,
    zeroes: u32,
    submitted: u64,
    checked: u64,
    found: BTreeMap<Corruption, u64>,
}

/// Nobody knows what the block had.
fn unknown() -> Event {
    Event {
        content: Content::Unknown,
        data: None,
        id: 0,
        begin: 0,
        end: Some(0),
        certain: true,
        settled_away: None,
    }
}

impl Run {
    fn new(seed: u64, table: Table) -> Self {
        let writers = (0..WRITERS).map(|_| table.writer().unwrap()).collect();
        let noise: Rc<[u8]> = [0xa5; BLOCK].into();
        let all = BLOCKS as usize;
        Self {
            numbers: Numbers(seed.max(1)),
            writers,
            table,
            device: Device {
                blocks: vec![noise.clone(); all],
                uncorrectable: vec![false; all],
                before: vec![noise; all],
                corrupted: vec![None; all],
            },
            histories: (0..all).map(|_| History { events: vec![unknown()] }).collect(),
            flights: Vec::new(),
            now: 1,
            next_id: 1,
            forgot_id: 1,
            zeroes: crc32fast::hash(&[0; BLOCK]),
            submitted: 0,
            checked: 0,
            found: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        self.now += 1;
        if FORGET_EVERY < self.next_id - self.forgot_id {
            return self.forget();
        }
        match self.numbers.below(10) {
            0..3 if self.flights.len() < DEPTH => self.submit(),
            3..7 if !self.flights.is_empty() => self.execute(),
            7..10 if !self.flights.is_empty() => {
                let at = self.numbers.below(self.flights.len());
                if self.flights[at].left.is_empty() {
                    self.complete(at, true);
                } else if self.numbers.one_in(200)
                    && matches!(self.flights[at].kind, Kind::Write(_))
                {
                    self.complete(at, false);
                }
            }
            _ if self.numbers.one_in(3000) => self.kill(),
            _ if self.numbers.one_in(2000) => self.age(),
            _ => {}
        }
    }

    /// As a format does, when all commands are complete.
    fn forget(&mut self) {
        let Some(at) = self.flights.iter().position(|flight| flight.left.is_empty()) else {
            if self.flights.is_empty() {
                self.table.forget_all().unwrap();
                let unknown = || History { events: vec![unknown()] };
                self.histories.iter_mut().for_each(|history| *history = unknown());
                self.forgot_id = self.next_id;
            }
            return self.execute();
        };
        self.complete(at, true);
    }

    fn submit(&mut self) {
        // Most commands are for few blocks, so that they overlap.
        let slba = if self.numbers.one_in(3) {
            self.numbers.below(BLOCKS as usize) as u64
        } else {
            self.numbers.below(12) as u64
        };
        let most = (BLOCKS - slba).min(4) as usize;
        let blocks = 1 + self.numbers.below(most);
        let writer = self.numbers.below(WRITERS);
        let (id, begin) = (self.next_id, self.now);
        self.next_id += 1;
        self.submitted += 1;
        let what = self.numbers.below(100);
        let (mut data, mut content) = (vec![None; blocks], Vec::new());
        let kind = if what < 50 {
            Kind::Read(self.writers[writer].reading())
        } else {
            for (lba, data) in (slba..).zip(&mut data) {
                content.push(match what {
                    50..85 => {
                        let mut block = [0; BLOCK];
                        let stamp = Stamp { lba, version: id, writer: 1, seed: 9 };
                        if what == 84 {
                            stamp.write(&mut block)
                        } else {
                            stamp.fill(&mut block)
                        }
                        *data = Some(block.into());
                        super::content(&block)
                    }
                    85..90 => {
                        *data = Some([0; BLOCK].into());
                        Content::Zeroes
                    }
                    90..97 => Content::Deallocated,
                    _ => Content::Uncorrectable,
                });
            }
            let range = slba..slba + blocks as u64;
            let writer = &self.writers[writer];
            Kind::Write(match content[0] {
                all @ (Content::Zeroes | Content::Uncorrectable) => {
                    writer.filling(range, all, false).unwrap()
                }
                Content::Deallocated => writer.filling(range, Content::Deallocated, true).unwrap(),
                _ => writer.writing(slba, content.iter().copied()).unwrap(),
            })
        };
        for (at, content) in content.iter().enumerate() {
            let (content, data) = (*content, data[at].clone());
            let certain = false;
            let event = Event { content, data, id, begin, end: None, certain, settled_away: None };
            self.histories[slba as usize + at].events.push(event);
        }
        let left = (0..blocks).collect();
        let flight = Flight { kind, writer, begin, slba, data, content, id, left, fails: false };
        self.flights.push(flight);
    }

    /// Has the device execute a block of a command.
    fn execute(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let at = self.numbers.below(self.flights.len());
        let flight = &mut self.flights[at];
        if flight.left.is_empty() {
            return;
        }
        let number = flight.left.swap_remove(self.numbers.below(flight.left.len()));
        let lba = flight.slba as usize + number;
        let device = &mut self.device;
        let Some(&content) = flight.content.get(number) else {
            flight.fails |= device.uncorrectable[lba];
            flight.data[number] = Some(device.blocks[lba].clone());
            return;
        };
        match content {
            Content::Uncorrectable => return device.uncorrectable[lba] = true,
            Content::Deallocated if self.numbers.one_in(2) => return,
            _ => {}
        }
        let data = flight.data[number].clone().unwrap_or_else(|| [0; BLOCK].into());
        if device.uncorrectable[lba] || !self.numbers.one_in(400) {
            return device.put(lba, data, None);
        }
        match self.numbers.below(4) {
            0 => device.corrupted[lba] = Some(Corruption::Lost),
            1 => {
                device.corrupted[lba] = Some(Corruption::Lost);
                let other = self.numbers.below(BLOCKS as usize);
                if !device.uncorrectable[other] {
                    device.put(other, data, Some(Corruption::Misdirected));
                }
            }
            2 => {
                let (mut torn, cut) = (data.to_vec(), 64 * (1 + self.numbers.below(2)));
                torn[cut..].copy_from_slice(&device.blocks[lba][cut..]);
                device.put(lba, torn.into(), Some(Corruption::Torn));
            }
            _ => device.put(lba, [0; BLOCK].into(), Some(Corruption::Zeroed)),
        }
    }

    /// Corrupts a block that nobody writes.
    fn age(&mut self) {
        let lba = self.numbers.below(BLOCKS as usize);
        let device = &mut self.device;
        if device.uncorrectable[lba] {
            return;
        }
        if self.numbers.one_in(2) {
            let before = device.before[lba].clone();
            return device.put(lba, before, Some(Corruption::Stale));
        }
        let mut data = device.blocks[lba].to_vec();
        data[self.numbers.below(BLOCK)] ^= 1 << self.numbers.below(8);
        device.put(lba, data.into(), Some(Corruption::Flipped));
    }

    fn complete(&mut self, at: usize, success: bool) {
        let flight = self.flights.swap_remove(at);
        let writer = self.writers[flight.writer].clone();
        match flight.kind {
            Kind::Write(writing) => {
                writer.written(writing, if success { Outcome::Done } else { Outcome::Maybe });
                self.end(&flight, success);
            }
            Kind::Read(_) if flight.fails => {}
            Kind::Read(reading) => {
                let blocks = flight.data.iter().flatten();
                for (lba, data) in (flight.slba..).zip(blocks) {
                    self.check(&writer, reading, flight.begin, lba, data);
                }
            }
        }
    }

    fn end(&mut self, flight: &Flight, success: bool) {
        let oldest = self.flights.iter().map(|flight| flight.begin).min().unwrap_or(self.now);
        for (at, content) in flight.content.iter().enumerate() {
            let history = &mut self.histories[flight.slba as usize + at];
            if let Some(event) = history.events.iter_mut().find(|event| event.id == flight.id) {
                event.end = Some(self.now);
                event.certain = success && *content != Content::Deallocated;
            }
            history.prune(oldest);
        }
    }

    fn kill(&mut self) {
        let writer = self.numbers.below(WRITERS);
        self.table.end_writer(self.writers[writer].id());
        self.writers[writer] = self.table.writer().unwrap();
        let (killed, left) =
            std::mem::take(&mut self.flights).into_iter().partition(|it| it.writer == writer);
        self.flights = left;
        let killed: Vec<Flight> = killed;
        killed.iter().for_each(|flight| self.end(flight, false));
    }

    fn check(&mut self, writer: &Writer, reading: Reading, begin: u64, lba: u64, data: &Rc<[u8]>) {
        let crc = crc32fast::hash(data);
        let history = &mut self.histories[lba as usize];
        let admitted = history.admits(begin, crc, self.zeroes);
        let result = writer.read_block(reading, lba, data);
        self.checked += 1;
        match (admitted, result) {
            (true, Ok(())) => history.settle(begin, crc, self.zeroes, self.now),
            (true, Err(miscompare)) => panic!("false alarm: {miscompare}"),
            (false, Ok(())) => panic!(
                "LBA {lba}: {:?} was not found, {} reads could not be judged",
                self.device.corrupted[lba as usize],
                self.table.unjudged()
            ),
            (false, Err(miscompare)) => {
                if let Some(corruption) = self.device.corrupted[lba as usize]
                    && Rc::ptr_eq(&self.device.blocks[lba as usize], data)
                {
                    judge(corruption, &miscompare, lba);
                    *self.found.entry(corruption).or_default() += 1;
                }
                self.repair(lba);
            }
        }
    }

    /// Has the device hold again what it should.
    fn repair(&mut self, lba: u64) {
        let candidates = self.histories[lba as usize].candidates(self.now);
        let best = candidates.max_by_key(|event| event.id);
        let Some(event) = best else { return };
        let lba = lba as usize;
        match (event.content, &event.data) {
            (Content::Uncorrectable, _) => self.device.uncorrectable[lba] = true,
            (_, Some(data)) => self.device.put(lba, data.clone(), None),
            (Content::Deallocated, None) => self.device.put(lba, [0; BLOCK].into(), None),
            _ => {}
        }
    }
}

impl Device {
    fn put(&mut self, lba: usize, data: Rc<[u8]>, corrupted: Option<Corruption>) {
        self.uncorrectable[lba] = false;
        self.before[lba] = std::mem::replace(&mut self.blocks[lba], data);
        // A block that is corrupted twice has no name for it.
        self.corrupted[lba] = corrupted;
    }
}

/// Compares the verdict with what was done.
fn judge(corruption: Corruption, miscompare: &Miscompare, lba: u64) {
    let verdict = &miscompare.verdict;
    // What was there before decides what a lost or a torn write looks like, and it may have been corrupted itself.
    let fits = match corruption {
        Corruption::Zeroed => matches!(verdict, Verdict::Zeroed),
        Corruption::Misdirected => match verdict {
            Verdict::Misdirected { of } => *of != lba,
            Verdict::Stale | Verdict::Zeroed => true,
            _ => false,
        },
        Corruption::Flipped => matches!(
            verdict,
            Verdict::BitError { .. }
                | Verdict::NeverWritten
                | Verdict::Misdirected { .. }
                | Verdict::Torn { .. }
        ),
        Corruption::Torn => !matches!(verdict, Verdict::Correctable),
        Corruption::Lost | Corruption::Stale => !matches!(verdict, Verdict::Correctable),
    };
    assert!(fits, "{corruption:?} was taken for {miscompare}");
}

/// How many commands, and which.
fn length() -> (u64, u64) {
    let number = |name: &str, default: u64| match env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")),
        Err(_) => default,
    };
    (number("NVMETEST_SOAK_COMMANDS", COMMANDS), number("NVMETEST_SOAK_SEED", 1))
}

fn run(table: Table) {
    let (commands, seed) = length();
    println!("seed {seed}, {commands} commands");
    let mut run = Run::new(seed, table);
    while run.submitted < commands {
        run.step();
    }
    let Run { submitted, checked, found, table, .. } = &run;
    let all: u64 = found.values().sum();
    println!("{submitted} commands, {checked} blocks read, {all} corruptions found {found:?}");
    assert_eq!((table.degraded(), table.unjudged()), (0, 0), "not everything was judged");
    assert!(commands / 2000 < all, "next to nothing was corrupted");
    assert_eq!(found.len(), 6, "not all kinds of corruption were found");
}

#[test]
fn no_corruption_is_missed_and_there_is_no_false_alarm() {
    run(Table::anonymous(&geometry(BLOCK, BLOCKS)).unwrap());
}

#[test]
fn no_corruption_is_missed_where_blocks_share_a_bucket_and_what_is_old_is_forgotten() {
    let mut table = Table::anonymous(&geometry(BLOCK, BLOCKS)).unwrap();
    table.squeeze(4, 4096, 1 << 10);
    run(table);
}

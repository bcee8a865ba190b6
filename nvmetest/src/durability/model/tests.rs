//! The rule, case by case, and on devices that keep it.

use super::*;

const UNIT: u64 = 4;

/// A model of 16 blocks that hold `0xA000 + lba`.
fn model() -> Model {
    let atomicity = Atomicity { blocks: UNIT, boundary: None, offset: 0 };
    let mut model = Model::new(atomicity, Fills::new(512, 0b001), true);
    (0..16).for_each(|lba| model.know(lba, Found::Data(old(lba))));
    model
}

fn old(lba: u64) -> u32 {
    0xA000 + lba as u32
}

/// The content that command `tag` writes to `lba`.
fn new(tag: u32, lba: u64) -> u32 {
    tag << 16 | lba as u32
}

fn write(model: &mut Model, tag: u32, range: Range<u64>, fua: bool) -> u64 {
    let content = move |lba| Content::Data(new(tag, lba));
    model.begin(Write { range, content, fua, is_hint: false })
}

/// What is read: what was there in the beginning, but for `changes`.
fn judge(model: &mut Model, changes: &[(u64, u32)]) -> Vec<(u64, Verdict)> {
    let mut found: BTreeMap<u64, Found> = (0..16).map(|lba| (lba, Found::Data(old(lba)))).collect();
    found.extend(changes.iter().map(|(lba, crc)| (*lba, Found::Data(*crc))));
    model.lose_power();
    let report = model.judge(&found);
    assert_eq!(report.checked, 16);
    report.violations.into_iter().map(|violation| (violation.lba, violation.verdict)).collect()
}

const LOST: Verdict = Verdict::LostDurable { versions: 1 };

#[test]
fn what_was_acknowledged_and_not_flushed_is_old_or_new_block_by_block() {
    let mut model = model();
    for tag in 1..4 {
        let number = write(&mut model, tag, 0..4, false);
        model.end(number, true);
    }
    let changes = [(0, new(1, 0)), (1, new(3, 1)), (2, new(2, 2))];
    assert_eq!(judge(&mut model, &changes), []);
}

#[test]
fn a_flush_makes_durable_what_was_acknowledged_before_it_was_submitted() {
    let mut model = model();
    let before = write(&mut model, 1, 0..1, false);
    model.end(before, true);
    let during = write(&mut model, 2, 1..2, false);
    let flush = model.begin_flush();
    model.end(during, true);
    let after = write(&mut model, 3, 2..3, false);
    model.end(after, true);
    model.end_flush(flush);
    // All is lost, and only the first was durable.
    assert_eq!(judge(&mut model, &[]), [(0, LOST)]);
}

#[test]
fn a_flush_that_is_not_known_to_have_succeeded_makes_nothing_durable() {
    let mut model = model();
    let number = write(&mut model, 1, 0..1, false);
    model.end(number, true);
    model.begin_flush();
    assert_eq!(judge(&mut model, &[]), []);
}

#[test]
fn a_durable_write_is_durable_as_it_completes_and_not_before() {
    let mut model = model();
    let done = write(&mut model, 1, 0..1, true);
    model.end(done, true);
    write(&mut model, 2, 1..2, true);
    let failed = write(&mut model, 3, 2..3, true);
    model.end(failed, false);
    assert_eq!(judge(&mut model, &[]), [(0, LOST)]);
}

#[test]
fn what_came_after_a_durable_write_or_beside_it_may_have_replaced_it() {
    for found in [1, 2, 3] {
        let mut model = model();
        let beside = write(&mut model, 1, 0..1, false);
        let durable = write(&mut model, 2, 0..1, true);
        model.end(durable, true);
        model.end(beside, true);
        let after = write(&mut model, 3, 0..1, false);
        model.end(after, true);
        assert_eq!(judge(&mut model, &[(0, new(found, 0))]), []);
    }
}

#[test]
fn how_far_a_block_went_back_is_told() {
    let mut model = model();
    for tag in 1..4 {
        let number = write(&mut model, tag, 0..1, true);
        model.end(number, true);
    }
    let expected = Verdict::LostDurable { versions: 2 };
    assert_eq!(judge(&mut model, &[(0, new(1, 0))]), [(0, expected)]);
}

#[test]
fn a_command_in_flight_is_not_torn_within_awupf() {
    let mut model = model();
    write(&mut model, 1, 0..4, false);
    write(&mut model, 2, 8..13, false);
    let changes = [(0, new(1, 0)), (1, new(1, 1)), (8, new(2, 8)), (12, new(2, 12))];
    let torn = Verdict::Torn { slba: 0, blocks: 4, new: 1 };
    assert_eq!(judge(&mut model, &changes), [(2, torn.clone()), (3, torn)]);
}

/// But for one that a cache may have had as a whole, and lost in part when the power went later.
#[test]
fn a_command_that_was_aborted_is_not_torn_either() {
    let torn = Verdict::Torn { slba: 0, blocks: 2, new: 0 };
    for (fua, expected) in [(true, vec![(1, torn)]), (false, vec![])] {
        let mut model = model();
        let number = write(&mut model, 1, 0..2, fua);
        model.end(number, false);
        assert_eq!(judge(&mut model, &[(0, new(1, 0))]), expected);
    }
}

/// The host completes what was in flight with a status of its own when the power is back.
#[test]
fn a_command_that_was_aborted_after_the_power_went_was_in_flight() {
    let mut model = model();
    let number = write(&mut model, 1, 0..2, false);
    model.lose_power();
    model.end(number, false);
    let torn = Verdict::Torn { slba: 0, blocks: 2, new: 0 };
    assert_eq!(judge(&mut model, &[(0, new(1, 0))]), [(1, torn)]);
}

#[test]
fn an_acknowledged_command_may_be_kept_in_part() {
    let mut model = model();
    let number = write(&mut model, 1, 0..4, false);
    model.end(number, true);
    assert_eq!(judge(&mut model, &[(1, new(1, 1))]), []);
}

#[test]
fn a_block_that_another_command_may_have_changed_is_no_evidence_of_tearing() {
    let mut model = model();
    write(&mut model, 1, 0..4, false);
    write(&mut model, 2, 2..6, false);
    let mut changes: Vec<(u64, u32)> = (0..2).map(|lba| (lba, new(1, lba))).collect();
    changes.extend((2..6).map(|lba| (lba, new(2, lba))));
    assert_eq!(judge(&mut model, &changes), []);
}

#[test]
fn content_of_another_block_is_misdirected_and_of_none_is_foreign() {
    let mut model = model();
    let number = write(&mut model, 1, 3..4, false);
    model.end(number, true);
    let zeroes = model.fills().zeroes;
    let changes = [(2, new(1, 3)), (5, old(6)), (7, 12345), (9, zeroes)];
    let expected = [
        (2, Verdict::Misdirected { of: 3 }),
        (5, Verdict::Misdirected { of: 6 }),
        (7, Verdict::Foreign),
        (9, Verdict::Zeroed),
    ];
    assert_eq!(judge(&mut model, &changes), expected);
}

#[test]
fn what_was_found_is_what_is_there_from_then_on() {
    let mut model = model();
    let number = write(&mut model, 1, 0..1, false);
    model.end(number, true);
    assert_eq!(judge(&mut model, &[(0, new(1, 0)), (1, 77)]), [(1, Verdict::Foreign)]);
    // It was reported once, and is now what has to stay.
    assert_eq!(judge(&mut model, &[(0, new(1, 0)), (1, 77)]), []);
    assert_eq!(judge(&mut model, &[(1, 77)]), [(0, LOST)]);
}

#[test]
fn deallocation_is_a_hint_and_an_uncorrectable_block_is_not() {
    let hint = |model: &mut Model| {
        let content = |_| Content::Deallocated;
        let number = model.begin(Write { range: 0..2, content, fua: true, is_hint: true });
        model.end(number, true);
    };
    let mut model = model();
    hint(&mut model);
    let zeroes = model.fills().zeroes;
    assert_eq!(judge(&mut model, &[(1, zeroes)]), []);

    let content = |_| Content::Uncorrectable;
    let number = model.begin(Write { range: 4..5, content, fua: true, is_hint: false });
    model.end(number, true);
    let found = BTreeMap::from([(4, Found::Unreadable), (5, Found::Unreadable)]);
    let report = model.judge(&found);
    assert_eq!(report.violations.len(), 1);
    assert_eq!(
        (report.violations[0].lba, &report.violations[0].verdict),
        (5, &Verdict::Unreadable)
    );
}

#[test]
fn blocks_that_are_never_flushed_cost_bounded_memory() {
    let mut model = model();
    for tag in 1..2000 {
        let number = write(&mut model, tag, 0..1, false);
        model.end(number, true);
    }
    assert!(model.blocks[&0].allowed.len() <= VERSIONS_MAX + 1);
    assert_eq!(judge(&mut model, &[(0, new(1, 0))]), [], "nothing is said of what is not known");
    let number = write(&mut model, 3000, 0..1, true);
    model.end(number, true);
    assert_eq!(judge(&mut model, &[(0, new(2999, 0))]), [(0, Verdict::Foreign)]);
}

/// A device disables its cache between two writes, and has both in flight when it is enabled again.
#[test]
fn a_write_is_durable_without_fua_only_if_the_cache_was_disabled_all_the_time() {
    let mut model = model();
    let before = write(&mut model, 1, 0..1, false);
    model.set_cache(false);
    let without = write(&mut model, 2, 1..2, false);
    model.end(before, true);
    model.end(without, true);
    let [across, with_fua] = [(2, false), (3, true)].map(|(lba, fua)| {
        let range = lba..lba + 1;
        write(&mut model, 3, range, fua)
    });
    model.set_cache(true);
    model.end(across, true);
    model.end(with_fua, true);
    assert_eq!(judge(&mut model, &[]), [(1, LOST), (3, LOST)]);
}

/// A completion that was posted before the power went can be taken afterwards: the host was promised what it says.
#[test]
fn what_is_taken_late_was_acknowledged_before_the_power_went() {
    let mut model = model();
    let durable = write(&mut model, 1, 0..1, true);
    let volatile = write(&mut model, 2, 1..2, false);
    model.end(volatile, true);
    let flush = model.begin_flush();
    model.lose_power();
    model.end(durable, true);
    model.end_flush(flush);
    assert_eq!(judge(&mut model, &[]), [(0, LOST), (1, LOST)]);
}

#[test]
fn a_flush_after_the_power_was_back_makes_nothing_durable_that_was_lost() {
    let mut model = model();
    let lost = write(&mut model, 1, 0..1, false);
    model.end(lost, true);
    model.lose_power();
    let written = write(&mut model, 2, 1..2, false);
    model.end(written, true);
    let flush = model.begin_flush();
    model.end_flush(flush);
    assert_eq!(judge(&mut model, &[]), [(1, LOST)]);
}

#[test]
fn a_command_that_was_not_executed_changes_nothing() {
    let mut model = model();
    let number = write(&mut model, 1, 0..1, false);
    model.cancel(number);
    assert_eq!(judge(&mut model, &[(0, new(1, 0))]), [(0, Verdict::Foreign)]);
}

/// What may hold anything is counted, so that it is not taken for what was found right.
#[test]
fn a_block_of_which_nothing_is_known_is_not_judged() {
    let mut model = model();
    let content = |_| Content::Unknown;
    let number = model.begin(Write { range: 0..2, content, fua: false, is_hint: false });
    model.end(number, true);
    let number = write(&mut model, 2, 1..2, true);
    model.end(number, true);
    model.lose_power();
    let found = BTreeMap::from([(0, Found::Data(1)), (1, Found::Data(1))]);
    let report = model.judge(&found);
    assert_eq!((report.checked, report.unjudged, report.violations.len()), (2, 1, 1));
}

/// Numbers that follow from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A device with a cache that keeps the rule, and takes all the liberties that it leaves.
struct Legal {
    media: Vec<u32>,
    /// What each block was since it was last durable, the latest last.
    cached: Vec<Vec<u32>>,
}

/// A command of the property test.
struct Sent {
    number: u64,
    range: Range<u64>,
    tag: u32,
    is_fua: bool,
    is_executed: bool,
}

impl Legal {
    fn execute(&mut self, sent: &mut Sent) {
        if std::mem::replace(&mut sent.is_executed, true) {
            return;
        }
        for lba in sent.range.clone() {
            self.cached[lba as usize].push(new(sent.tag, lba));
            if sent.is_fua {
                self.persist(lba as usize);
            }
        }
    }

    fn persist(&mut self, lba: usize) {
        if let Some(last) = self.cached[lba].last() {
            self.media[lba] = *last;
            self.cached[lba].clear();
        }
    }

    /// What is left: of what was acknowledged anything, of what is in flight all or nothing.
    fn lose_power(&mut self, in_flight: &[Sent], random: &mut Random) {
        let is_in_flight = |content: u32, lba: usize| {
            in_flight.iter().any(|sent| new(sent.tag, lba as u64) == content)
        };
        for lba in 0..self.media.len() {
            let kept: Vec<u32> =
                self.cached[lba].drain(..).filter(|it| !is_in_flight(*it, lba)).collect();
            let choice = random.below(kept.len() + 1);
            self.media[lba] = kept.get(choice).copied().unwrap_or(self.media[lba]);
        }
        for sent in in_flight.iter().filter(|_| random.below(2) == 0) {
            for lba in sent.range.clone() {
                self.media[lba as usize] = new(sent.tag, lba);
            }
        }
    }
}

/// Random commands that overlap in time and place, on a device that keeps the rule: no alarm. Then one block is
/// changed to what it cannot hold: an alarm.
#[test]
fn a_device_that_keeps_the_rule_raises_no_alarm_and_one_that_does_not_does() {
    for seed in 1..400 {
        let random = &mut Random(seed);
        let mut model = model();
        let mut device = Legal { media: (0..16).map(old).collect(), cached: vec![Vec::new(); 16] };
        let mut tag = 0;
        for _ in 0..4 {
            let mut in_flight: Vec<Sent> = Vec::new();
            for _ in 0..60 {
                match random.below(8) {
                    0..3 => {
                        tag += 1;
                        let start = random.below(16) as u64;
                        let range = start..16.min(start + 1 + random.below(UNIT as usize) as u64);
                        let is_fua = random.below(4) == 0;
                        let number = write(&mut model, tag, range.clone(), is_fua);
                        in_flight.push(Sent { number, range, tag, is_fua, is_executed: false });
                    }
                    3 if !in_flight.is_empty() => {
                        let any = random.below(in_flight.len());
                        device.execute(&mut in_flight[any]);
                    }
                    4..7 if !in_flight.is_empty() => {
                        let any = random.below(in_flight.len());
                        let mut sent = in_flight.swap_remove(any);
                        device.execute(&mut sent);
                        model.end(sent.number, true);
                    }
                    7 => {
                        let flush = model.begin_flush();
                        (0..16).for_each(|lba| device.persist(lba));
                        model.end_flush(flush);
                    }
                    _ => {}
                }
            }
            model.lose_power();
            device.lose_power(&in_flight, random);
            let mut found: BTreeMap<u64, Found> =
                (0..).zip(&device.media).map(|(lba, crc)| (lba, Found::Data(*crc))).collect();
            let spoilt = random.below(16);
            let is_spoilt = random.below(2) == 0;
            if is_spoilt {
                // Half of them from elsewhere, and half from nowhere.
                let content = match random.below(2) {
                    0 => old((spoilt as u64 + 1) % 16) + 0x100,
                    _ => new(tag + 1, 0),
                };
                found.insert(spoilt as u64, Found::Data(content));
                device.media[spoilt] = content;
            }
            let violations = model.judge(&found).violations;
            let places: Vec<u64> = violations.iter().map(|violation| violation.lba).collect();
            let expected: Vec<u64> = if is_spoilt { vec![spoilt as u64] } else { Vec::new() };
            assert_eq!(places, expected, "seed {seed}: {violations:?}");
        }
    }
}

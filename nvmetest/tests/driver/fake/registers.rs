//! Properties, and what a write to CC does.

use std::collections::HashMap;

use nvmetest::spec::Aqa;
use nvmetest::spec::Cap;
use nvmetest::spec::Cc;
use nvmetest::spec::Csts;
use nvmetest::spec::Property;

use super::device::Device;
use super::queue::Ring;

pub struct Registers {
    pub values: HashMap<u64, u64>,
    /// It is pulled as soon as it is enabled.
    pub dies_enabled: bool,
    /// CC.EN became 0 before CSTS.RDY had become 1.
    pub hurried: bool,
    /// CC.EN = 0 is not followed.
    pub stuck: bool,
    /// How often CSTS is read until it follows CC.
    pub lag: u32,
    /// What CSTS will be, and how often it is read before.
    next_csts: Option<(u32, Csts)>,
}

impl Registers {
    /// Those of a controller with 4 KiB pages and queues of up to 64 entries.
    pub fn new() -> Self {
        let cap = Cap::new().with_mqes_z(63).with_cqr(true).with_to(1);
        let values = HashMap::from([
            (u64::from(Property::CAP.0), u64::from(cap)),
            (u64::from(Property::VS.0), 0x0002_0000),
        ]);
        Self { values, dies_enabled: false, hurried: false, stuck: false, lag: 0, next_csts: None }
    }

    fn get(&self, property: Property) -> u64 {
        self.values[&property.0.into()]
    }
}

impl Device {
    pub fn read_register(&self, offset: u64) -> u64 {
        let registers = &mut self.state().registers;
        if offset == u64::from(Property::CSTS.0)
            && let Some((reads, csts)) = registers.next_csts
        {
            if reads == 0 {
                registers.values.insert(offset, u32::from(csts).into());
            }
            registers.next_csts = reads.checked_sub(1).map(|reads| (reads, csts));
        }
        registers.values.get(&offset).copied().unwrap_or(0)
    }

    pub fn write_register(&self, offset: u64, value: u64) {
        let mut state = self.state();
        let registers = &mut state.registers;
        if offset != u64::from(Property::CC.0) {
            registers.values.insert(offset, value);
            return;
        }
        let cc = Cc::from(value as u32);
        if registers.stuck && !cc.en() {
            return;
        }
        if registers.dies_enabled && cc.en() {
            self.die();
        }
        let rises = registers.next_csts.is_some_and(|(_, csts)| csts.rdy());
        registers.hurried |= rises && !cc.en();
        registers.next_csts = Some((registers.lag, Csts::new().with_rdy(cc.en())));
        registers.values.insert(offset, value);
        state.submission.clear();
        state.completion.clear();
        if !cc.en() {
            state.pending.clear();
            return;
        }
        let registers = &state.registers;
        let aqa = Aqa::from(registers.get(Property::AQA) as u32);
        let ring = |base, entries_z: u16| Ring::new(base, u32::from(entries_z) + 1, 0);
        let submission = ring(registers.get(Property::ASQ), aqa.asqs_z());
        let completion = ring(registers.get(Property::ACQ), aqa.acqs_z());
        self.create_sq(&mut state, 0, submission);
        state.completion.insert(0, completion);
    }
}

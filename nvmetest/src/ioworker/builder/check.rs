//! What a worker cannot do.

use std::time::Duration;

use nix::sched::sched_getaffinity;
use nix::unistd::Pid;

use crate::Error;
use crate::Result;
use crate::capability::SGL;
use crate::controller::nanoseconds;
use crate::ioworker::IoWorkerError;
use crate::ioworker::TimedCommand;
use crate::ioworker::job::Size;
use crate::ioworker::job::Work;
use crate::ioworker::workload::Operation;
use crate::ioworker::workload::Places;
use crate::ioworker::workload::Recorded;
use crate::ioworker::workload::read_replay;

use super::IoWorkerBuilder;
use super::Replay;

/// The most blocks that a command can name (NVM 3.3.4, NLB).
const MOST_BLOCKS: u32 = 1 << 16;

/// The longest time: what is counted each second has room for no more.
const LONGEST: Duration = Duration::from_secs(1000 * 3600);

impl IoWorkerBuilder<'_> {
    /// Returns what is to be done, if it can be.
    pub(super) fn check(&self, site: u32) -> Result<Work> {
        let impossible = IoWorkerError::Impossible;
        let mut work = self.work(site).map_err(impossible)?;
        self.check_namespace().map_err(impossible)?;
        self.check_limits(&work).map_err(impossible)?;
        match &work.replay {
            Some(_) => self.check_recorded(&work).map_err(impossible)?,
            None => self.check_places(&work).map_err(impossible)?,
        }
        self.check_transfers(&work).map_err(impossible)?;
        self.check_capabilities(&work)?;
        // Of what was recorded nobody draws.
        if work.replay.is_some() {
            work.mix = vec![];
        }
        Ok(work)
    }

    fn work(&self, site: u32) -> Result<Work, String> {
        let (mut sizes, mut replay) = (self.sizes()?, None);
        if let Some(recorded) = &self.replay {
            let (recorded_sizes, recorded) = match recorded {
                Replay::Commands(commands) => recorded_work(commands.clone())?,
                Replay::File(path) => recorded_work(read_replay(path)?)?,
            };
            (sizes, replay) = (recorded_sizes, Some(recorded));
        }
        Ok(Work {
            nsid: self.ns.nsid(),
            block: self.ns.block(),
            sizes,
            regions: self.regions.clone(),
            first: self.first,
            step: self.step,
            random_percentage: self.random_percentage,
            distribution: self.distribution.clone(),
            mix: self.mix.weights()?,
            pattern: self.pattern,
            sgl_percentage: self.sgl_percentage,
            fua_percentage: self.fua_percentage,
            replay,
            depth: self.depth,
            count: self.count,
            time_ns: self.time.map(nanoseconds),
            iops: self.iops,
            cpu: self.cpu,
            seed: self.seed,
            timeout_ns: self.ns.controller().shared().timeout_ns(),
            writer: None,
            lane: None,
            by_interrupt: self.interrupt.is_some(),
            only_crc: self.only_crc,
            site,
        })
    }

    fn sizes(&self) -> Result<Vec<Size>, String> {
        let (sizes, aligns) = (&self.sizes.0, &self.aligns);
        if sizes.iter().all(|(_, weight)| *weight == 0) {
            return Err("no size of commands has a weight, so there is none to draw".to_owned());
        }
        if !matches!(aligns.len(), 0 | 1) && aligns.len() != sizes.len() {
            let (aligns, sizes) = (aligns.len(), sizes.len());
            return Err(format!("there are {aligns} alignments for {sizes} sizes of commands"));
        }
        if aligns.contains(&0) {
            return Err("an LBA is no multiple of an alignment of 0".to_owned());
        }
        let size = |(index, &(blocks, weight)): (usize, &(u32, u32))| {
            let align = aligns.get(index).or(aligns.first()).copied();
            check_blocks(blocks).map(|()| Size { blocks, weight, align })
        };
        let sizes: Result<Vec<_>, _> = sizes.iter().enumerate().map(size).collect();
        Ok(sizes?.into_iter().filter(|size| size.weight != 0).collect())
    }

    fn check_namespace(&self) -> Result<(), String> {
        let (ns, nvme) = (&self.ns, self.ns.controller());
        if !ns.is_current() {
            return Err("the namespace was formatted since it was identified".to_owned());
        }
        if nvme.shared().is_changing() {
            return Err(
                "a command is in flight that may change the namespace: wait for it".to_owned()
            );
        }
        if ns.has_metadata() {
            return Err("its blocks have metadata, which workers do not know yet".to_owned());
        }
        Ok(())
    }

    fn check_limits(&self, work: &Work) -> Result<(), String> {
        let mqes_z = self.ns.controller().capabilities().cap.mqes_z();
        if let Some((interrupts, vector)) = self.interrupt
            && interrupts.eventfd(vector).is_none()
        {
            return Err(format!("vector {vector} is not among the interrupts that are enabled"));
        }
        if self.depth == 0 {
            return Err("a depth of 0 is no command at all".to_owned());
        }
        if mqes_z < self.depth {
            let depth = self.depth;
            return Err(format!("a queue holds {mqes_z} commands (CAP.MQES) and not {depth}"));
        }
        if 3 < self.priority {
            return Err(format!("the priority of a queue is 0 to 3, and not {}", self.priority));
        }
        for (percentage, what) in [
            (self.random_percentage, "at random"),
            (self.sgl_percentage, "with SGLs"),
            (self.fua_percentage, "with FUA"),
        ] {
            if 100 < percentage {
                return Err(format!("{percentage} of a hundred commands are to be {what}"));
            }
        }
        self.pattern.check()?;
        if self.count.is_none() && self.time.is_none() && work.replay.is_none() {
            return Err("nothing says when it is to end: name a count or a time".to_owned());
        }
        if self.count == Some(0) || self.time == Some(Duration::ZERO) {
            return Err("no command and no time are nothing to do".to_owned());
        }
        if self.time.is_some_and(|time| LONGEST < time) {
            return Err("it works for 1000 hours at the most".to_owned());
        }
        if self.iops == Some(0) {
            return Err("at 0 IOPS nothing is done".to_owned());
        }
        check_cpu(self.cpu)
    }

    /// Whether what is drawn is within the regions.
    fn check_places(&self, work: &Work) -> Result<(), String> {
        let capacity = self.ns.capacity();
        if self.regions.is_empty() {
            return Err("there is no region for its commands".to_owned());
        }
        if let Some(region) = self.regions.iter().find(|region| capacity < region.end) {
            return Err(format!(
                "the region {region:?} ends beyond the {capacity} blocks of the namespace"
            ));
        }
        for Size { blocks, align, .. } in &work.sizes {
            let places = Places::count(&self.regions, *blocks, *align);
            if places == 0 {
                let where_it_is = match &self.regions[..] {
                    [region] => format!("the region {region:?} has"),
                    _ => "the regions have".to_owned(),
                };
                let aligned =
                    align.map_or_else(String::new, |align| format!(" at a multiple of {align}"));
                return Err(format!(
                    "{where_it_is} no room for a command of {blocks} blocks{aligned}"
                ));
            }
            self.distribution.check(places)?;
        }
        let is_in_order = self.random_percentage < 100;
        if !is_in_order && (self.first.is_some() || self.step.is_some()) {
            return Err("a first LBA and a step are for commands in order, of which there are \
                        none: make them `sequential`"
                .to_owned());
        }
        if self.random_percentage == 0 && self.distribution != Default::default() {
            return Err("a distribution is for random commands, of which there are none".to_owned());
        }
        if let Some(first) = self.first
            && !self.regions.iter().any(|region| region.contains(&first))
        {
            return Err(format!("the first LBA {first} is not within the region"));
        }
        Ok(())
    }

    /// Whether what was recorded is within the namespace.
    fn check_recorded(&self, work: &Work) -> Result<(), String> {
        let capacity = self.ns.capacity();
        for command in work.replay.iter().flatten() {
            let Recorded { at_ns, operation, slba, size } = *command;
            let blocks = work.sizes[size].blocks;
            let end = slba.checked_add(blocks.into()).filter(|end| *end <= capacity);
            if operation != Operation::Flush && end.is_none() {
                let opcode = operation.opcode();
                return Err(format!(
                    "the recorded {opcode} at {at_ns} ns, of {blocks} blocks from {slba} on, ends beyond the \
                     {capacity} blocks of the namespace"
                ));
            }
        }
        Ok(())
    }

    fn check_transfers(&self, work: &Work) -> Result<(), String> {
        let most = self.ns.controller().capabilities().max_transfer();
        let bytes = work.sizes.iter().map(|size| work.bytes(size)).max().unwrap_or(0);
        match most {
            Some(most) if most < bytes && work.transfers_blocks() => {
                Err(format!("a command transfers {most} bytes (MDTS) and not {bytes}"))
            }
            _ => Ok(()),
        }
    }

    fn check_capabilities(&self, work: &Work) -> Result<()> {
        let drawn = work.mix.iter().map(|(operation, _)| *operation);
        let recorded = work.replay.iter().flatten().map(|command| command.operation);
        let operations: Vec<_> =
            if work.replay.is_some() { recorded.collect() } else { drawn.collect() };
        let sgl = (self.sgl_percentage != 0).then_some(&SGL);
        let required = operations.into_iter().filter_map(Operation::requires).chain(sgl);
        let capabilities = self.ns.controller().capabilities();
        match required.into_iter().find_map(|capability| capability.missing(capabilities)) {
            Some(missing) => {
                Err(Error::NotApplicable(format!("no IOWorker can do this: {missing}")))
            }
            None => Ok(()),
        }
    }
}

fn check_blocks(blocks: u32) -> Result<(), String> {
    if !(1..=MOST_BLOCKS).contains(&blocks) {
        return Err(format!("a command is for 1 to 65,536 blocks, not {blocks}"));
    }
    Ok(())
}

fn check_cpu(cpu: Option<usize>) -> Result<(), String> {
    let Some(cpu) = cpu else { return Ok(()) };
    let allowed = sched_getaffinity(Pid::from_raw(0));
    if allowed.is_ok_and(|allowed| allowed.is_set(cpu).unwrap_or(false)) {
        return Ok(());
    }
    Err(format!("this process may not use processor {cpu}, or there is none"))
}

/// Takes the sizes out of recorded commands, and puts the commands into the order of their times.
fn recorded_work(mut commands: Vec<TimedCommand>) -> Result<(Vec<Size>, Vec<Recorded>), String> {
    if commands.is_empty() {
        return Err("nothing was recorded: there is no command to be sent again".to_owned());
    }
    commands.sort_by_key(|command| command.at_ns);
    let mut blocks: Vec<u32> = commands.iter().map(|command| command.blocks.max(1)).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let recorded = commands.into_iter().map(|command| {
        let TimedCommand { at_ns, opcode, slba, .. } = command;
        let operation =
            Operation::of(opcode).ok_or_else(|| format!("no IOWorker sends {opcode}"))?;
        if operation != Operation::Flush {
            check_blocks(command.blocks)?;
        }
        let size = blocks.binary_search(&command.blocks.max(1)).expect("all sizes are there");
        Ok(Recorded { at_ns, operation, slba, size })
    });
    let recorded: Result<Vec<_>, String> = recorded.collect();
    let size = |&blocks: &u32| Size { blocks, weight: 1, align: None };
    Ok((blocks.iter().map(size).collect(), recorded?))
}

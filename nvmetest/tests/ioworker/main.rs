//! Workers on the soft controller. A worker is this binary, executed again, so the harness is this file's own.

mod bad_input;
mod processes;
mod statistics;
mod verification;
mod workload;

use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use libtest_mimic::Arguments;
use libtest_mimic::Failed;
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use nvmetest::IoWorker;
use nvmetest::IoWorkerError;
use nvmetest::cmdlog::Record;
use nvmetest::cmdlog::Selection;
use nvmetest::ioworker::IoWorkerBuilder;
use nvmetest::ioworker::Statistics;
use nvmetest::prelude::*;

type Test = fn() -> Result<(), Failed>;

/// For what happens at once, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(30);

/// More commands than a worker finishes before it is ended.
const WITHOUT_END: u64 = u64::MAX;

fn main() -> ExitCode {
    if let Some(code) = nvmetest::runner::serve_role(&[]) {
        return code;
    }
    let trial = |name: &str, test: Test| Trial::test(name, test);
    let trials = vec![
        trial("as_many_reads_complete_as_were_asked_for", workload::reads),
        trial("doorbells_blocks_and_queues_may_have_any_size", processes::other_devices),
        trial("where_doorbells_cannot_be_mapped_the_runner_rings", processes::forwarded),
        trial("workers_that_are_rung_for_end_like_others", processes::forwarded_endings),
        trial("a_worker_with_a_time_ends_when_it_is_over", workload::time),
        trial("what_a_worker_writes_is_read_back", workload::writes),
        trial("workers_on_the_same_blocks_read_what_any_of_them_wrote", verification::verified),
        trial("a_worker_that_reads_what_nobody_wrote_says_what_is_wrong", verification::miscompare),
        trial("a_compare_that_is_wrong_either_way_is_a_miscompare", verification::wrong_compares),
        trial(
            "what_a_killed_worker_had_in_flight_is_old_or_new",
            verification::killed_while_verified,
        ),
        trial("commands_of_several_pages_have_prp_lists", workload::prp_lists),
        trial("two_workers_run_at_once", processes::two_workers),
        trial("failed_commands_are_an_error_with_the_first_of_them", statistics::failed_commands),
        trial("each_opcode_is_sent_and_counted_as_often_as_it_was_asked_for", workload::mix),
        trial("sizes_have_their_alignments", workload::sizes_and_alignments),
        trial("commands_in_order_start_and_step_as_they_were_told", workload::in_order),
        trial("commands_stay_in_their_regions", workload::regions),
        trial("random_commands_are_distributed_as_they_were_told", workload::distribution),
        trial("commands_come_at_their_pace", workload::pace),
        trial("written_blocks_have_the_pattern", workload::patterns),
        trial("data_may_be_named_by_sgls", workload::sgls),
        trial("recorded_commands_are_sent_at_their_times", workload::replay),
        trial(
            "what_cannot_be_replayed_is_refused_before_anything_starts",
            bad_input::refused_replay,
        ),
        trial("a_worker_stays_on_its_processor", processes::pinned),
        trial("the_queue_has_its_priority", processes::priority),
        trial("the_same_seed_is_the_same_commands", workload::seeds),
        trial("more_workers_than_queues_are_an_error", processes::too_many),
        trial("a_killed_worker_is_an_error_that_says_so", processes::killed),
        trial("the_log_has_the_last_commands_of_a_killed_worker", processes::killed_log),
        trial("a_stopped_worker_is_killed_and_reported_when_the_time_is_over", processes::stopped),
        trial("a_dropped_worker_is_gone_and_so_are_its_queues", processes::dropped),
        trial(
            "a_forgotten_worker_is_reported_and_ended_by_a_reset",
            processes::forgotten_then_reset,
        ),
        trial("a_forgotten_worker_ends_with_the_controller", processes::forgotten_then_dropped),
        trial("a_worker_is_ended_when_the_controller_is_disabled", processes::disabled),
        trial("a_worker_is_ended_when_its_queue_is_deleted_by_hand", processes::deleted_by_hand),
        trial("a_killed_device_is_a_lost_device", processes::device_lost),
        trial("what_cannot_be_done_is_refused_before_anything_starts", bad_input::refused),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Whether there is a process with this identifier.
fn is_there(pid: u32) -> bool {
    kill(Pid::from_raw(pid as i32), None).is_ok()
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).expect("the worker is there");
}

/// Waits until the worker has done something.
fn wait_for_progress(worker: &IoWorker<'_>) {
    let (start, before) = (Instant::now(), worker.completed());
    while worker.completed() == before {
        assert!(start.elapsed() < DEADLINE, "nothing completes");
        std::thread::yield_now();
    }
}

fn worker_error(result: Result<impl Sized>) -> IoWorkerError {
    match result {
        Err(Error::IoWorker(error)) => error,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("no error"),
    }
}

/// The I/O commands that the workers of a controller sent, as their log has them.
fn sent(nvme: &Controller, pid: u32) -> Vec<Record> {
    nvme.cmdlog().records(&Selection::all().process(pid))
}

fn slba(record: &Record) -> u64 {
    u64::from(record.sqe.cdw11.get()) << 32 | u64::from(record.sqe.cdw10.get())
}

fn blocks(record: &Record) -> u32 {
    record.sqe.cdw12.get() + 1
}

/// Runs a worker, and returns what it counted and what it sent.
fn run(work: IoWorkerBuilder<'_>, nvme: &Controller) -> Result<(Statistics, Vec<Record>)> {
    let worker = work.start()?;
    let pid = worker.pid();
    Ok((worker.join()?, sent(nvme, pid)))
}

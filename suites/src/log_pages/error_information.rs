//! Error Information (Base 5.1.12.1.2).

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::Lid;
use nvmetest::spec::log::{ErrorInformation, SmartHealth};
use zerocopy::FromBytes;

use super::{get, retained};

/// All entries of the log.
fn entries(nvme: &Controller) -> Result<Vec<ErrorInformation>> {
    let count = usize::from(nvme.capabilities().controller.elpe_z) + 1;
    let mut page = nvme.buffer(count * size_of::<ErrorInformation>());
    nvme.get_log_page(retained(Lid::ERROR_INFORMATION), &mut page).run(nvme)?;
    let entries = page[..].chunks_exact(size_of::<ErrorInformation>());
    Ok(entries.map(|entry| ErrorInformation::read_from_bytes(entry).expect("64 bytes")).collect())
}

/// Reads the block behind the last one, which fails, and returns its completion.
///
/// Not applicable if the completion does not say that there is more to be read (M).
fn fail(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result<nvmetest::Completion> {
    let mut block = nvme.buffer(ns.block());
    let read = ns.read(&mut block, ns.capacity());
    let failed = read.expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    if !failed.field.m() {
        return Err(Error::NotApplicable(
            "the completion has M = 0: there is no entry in the log (Base 4.2.3)".to_owned(),
        ));
    }
    Ok(failed)
}

/// The entries are the latest errors, newest first, with counts that go down by one, and zeroes behind.
#[nvme_test(spec = "Base 5.1.12.1.2")]
fn the_newest_error_is_first(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    for _ in 0..3 {
        let mut block = nvme.buffer(ns.block());
        ns.read(&mut block, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    }
    let counts: Vec<u64> = entries(nvme)?.iter().map(|entry| entry.ecnt.get()).collect();
    let used = counts.iter().take_while(|&&count| count != 0).count();
    assert!(counts[used..].iter().all(|&count| count == 0), "gaps: {counts:?}");
    assert!(counts[..used].is_sorted_by(|newer, older| older < newer), "{counts:?}");
    Ok(())
}

/// An error whose completion has M set has an entry, with its queue, identifier, status and place.
#[nvme_test(spec = "Base 5.1.12.1.2")]
fn an_error_with_more_has_an_entry(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let before = entries(nvme)?[0].ecnt.get();
    let failed = fail(nvme, q, ns)?;
    let log = entries(nvme)?;
    let entry = &log[0];
    assert!(before < entry.ecnt.get(), "the count is {} and was {before}", entry.ecnt);
    assert_eq!((entry.sqid.get(), entry.cid.get()), (q.id(), failed.cid));
    assert_eq!(entry.status_field().status(), Status::LBA_OUT_OF_RANGE);
    assert_eq!(entry.nsid.get(), ns.nsid());
    assert_eq!(entry.lba.get(), ns.capacity());
    Ok(())
}

/// SMART counts as many entries as the log has had.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn smart_counts_the_entries(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let before: Box<SmartHealth> = get(nvme, Lid::SMART)?;
    let count = entries(nvme)?[0].ecnt.get();
    for _ in 0..5 {
        fail(nvme, q, ns)?;
    }
    let after: Box<SmartHealth> = get(nvme, Lid::SMART)?;
    let counted = entries(nvme)?[0].ecnt.get() - count;
    assert_eq!(counted, 5, "the Error Count");
    assert_eq!(after.neile.get() - before.neile.get(), 5, "SMART's number of entries");
    Ok(())
}

/// The log keeps the latest ELPE + 1 errors.
#[nvme_test(spec = "Base 5.1.12.1.2")]
fn the_log_keeps_the_latest_errors(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let room = usize::from(nvme.capabilities().controller.elpe_z) + 1;
    for _ in 0..room + 3 {
        fail(nvme, q, ns)?;
    }
    let log = entries(nvme)?;
    let newest = log[0].ecnt.get();
    for (entry, count) in log.iter().zip((0..=newest).rev()) {
        assert_eq!(entry.ecnt.get(), count);
        assert_eq!(entry.sqid.get(), q.id());
    }
    Ok(())
}

/// A reset keeps the Error Count.
#[nvme_test(spec = "Base 5.1.12.1.2")]
fn a_reset_keeps_the_error_count(nvme: &mut Controller) -> Result {
    let before = entries(nvme)?[0].ecnt.get();
    nvme.reset()?;
    assert!(before <= entries(nvme)?[0].ecnt.get());
    Ok(())
}

/// The newest entry can be read without the others.
#[nvme_test(spec = "Base 5.1.12.1.2")]
fn the_first_entry_can_be_had_alone(nvme: &Controller) -> Result {
    let all = entries(nvme)?;
    let mut one = nvme.buffer(size_of::<ErrorInformation>());
    nvme.get_log_page(LogPage { nsid: 0, ..retained(Lid::ERROR_INFORMATION) }, &mut one)
        .run(nvme)?;
    let one = ErrorInformation::read_from_bytes(&one[..]).expect("64 bytes");
    assert_eq!(one, all[0]);
    Ok(())
}

//! A device that writes beside what was lent to it.

use std::time::Duration;

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::transport::DmaModel;

use super::fake::Fake;
use super::fake::Reply;

const READ: u8 = 0x02;
const MODELS: [DmaModel; 3] = [DmaModel::PerBuffer, DmaModel::Whole, DmaModel::Fixed];

/// A controller that writes `bytes` for each I/O command, so far from the start of its data.
fn stray(model: DmaModel, distance: i64, bytes: &'static [u8]) -> std::sync::Arc<Fake> {
    Fake::with_model(
        model,
        move |qid, _| {
            if qid == 0 { Reply::Normal } else { Reply::Stray(distance, bytes) }
        },
    )
}

fn no_leaks(nvme: &Controller) -> Result {
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_write_behind_a_short_buffer_fails_the_command_and_names_it() -> Result {
    for model in MODELS {
        let fake = stray(model, 512 + 3, &[0xde, 0xad]);
        let nvme = fake.open()?;
        let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
        let mut buf = nvme.buffer(512);
        let begin = buf.iova().0;
        let line = line!() + 1;
        let error = ns.read(&mut buf, 0).run(&q).unwrap_err();
        let Error::Overrun { cid, overrun, site, .. } = &error else { panic!("{error}") };
        assert_eq!((overrun.iova.0, overrun.lent.0, overrun.len), (begin + 515, begin, 512));
        assert_eq!((&overrun.bytes[..], site.line()), (&[0xde, 0xad][..], line));
        let expected = format!(
            "{site}: Read (02h) on queue 1, CID {cid:#06x}: the device wrote 0xde 0xad at {:#x}, 3 bytes behind \
             the end of 512 bytes at {begin:#x} that were lent to it",
            begin + 515,
        );
        assert_eq!(error.to_string(), expected);
        // It was told once.
        drop((buf, q));
        no_leaks(&nvme)?;
    }
    Ok(())
}

/// A device that reads host memory has no business to write there at all.
#[test]
fn a_write_behind_the_data_of_a_write_command_fails_it() -> Result {
    let nvme = stray(DmaModel::PerBuffer, 512, &[0x11]).open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let buf = nvme.buffer(512);
    let error = ns.write(&buf, 0).run(&q).unwrap_err();
    assert!(matches!(error, Error::Overrun { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("Write (01h)") && message.contains("right behind the end"), "{error}");
    Ok(())
}

#[test]
fn a_write_before_or_behind_a_slice_fails_the_command_and_is_undone() -> Result {
    let cases: [(i64, &'static [u8], &str); 4] = [
        (-1, &[0xee], "1 bytes before the begin of"),
        (-64, &[0xee], "64 bytes before the begin of"),
        (512, &[0xee; 600], "right behind the end of"),
        (512 + 63, &[0xee], "63 bytes behind the end of"),
    ];
    for (distance, bytes, expected) in cases {
        let nvme = stray(DmaModel::PerBuffer, distance, bytes).open()?;
        let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
        let mut buf = nvme.buffer(4096);
        buf.fill(0x5a);
        let error = ns.read(buf.slice_mut(1024..1536), 0).run(&q).unwrap_err();
        assert!(matches!(error, Error::Overrun { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        for near in [960..1024, 1536..1600] {
            assert!(buf[near].iter().all(|&byte| byte == 0x5a), "at {distance}");
        }
    }
    Ok(())
}

/// The bytes around a loan are what they were, also if the device does all as it should.
#[test]
fn what_stands_around_a_slice_is_put_back() -> Result {
    let nvme = stray(DmaModel::PerBuffer, 511, &[0xee]).open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    buf.iter_mut().zip((0..251).cycle()).for_each(|(byte, value)| *byte = value);
    let before = buf.to_vec();
    for start in [0, 4, 60, 512, 3584] {
        ns.read(buf.slice_mut(start..start + 512), 0).run(&q)?;
        buf[start + 511] = before[start + 511];
        assert_eq!(buf[..], before[..]);
    }
    Ok(())
}

/// As for an unexpected status: whoever waits for the command is told, and else the scope.
#[test]
fn an_overrun_is_told_to_the_ticket_to_waitdone_or_to_the_scope() -> Result {
    let nvme = stray(DmaModel::PerBuffer, 512, &[0xee]).open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let is_overrun = |result: Result| assert!(matches!(result, Err(Error::Overrun { .. })));
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        is_overrun(ns.read(&mut buf, 0).submit(io).wait().map(drop));
        // It is told once.
        Ok(())
    })?;
    is_overrun(q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        io.waitdone(1)
    }));
    is_overrun(q.scope(|io| {
        ns.read(&mut buf, 0).submit_with(io, |_, _| {});
        Ok(())
    }));
    // Also if any status will do.
    is_overrun(ns.read(&mut buf, 0).expect(Expected::Any).run(&q).map(drop));
    Ok(())
}

/// What a chunk has beside it is another command's; a gap is nobody's.
#[test]
fn a_gap_between_chunks_is_watched() -> Result {
    let nvme = stray(DmaModel::PerBuffer, 512, &[0xee]).open()?;
    let (q, ns) = (nvme.qpair(8)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    q.scope(|io| {
        // All but the last, behind which is the end of the page.
        for chunk in buf.chunks_mut(512).take(7) {
            ns.read(chunk, 0).submit(io).wait()?;
        }
        Ok(())
    })?;
    let overruns = q.scope(|io| {
        let parts = buf.chunks_mut(512 + 8).take(7);
        let tickets: Vec<_> =
            parts.map(|part| ns.read(part.narrow(0..512), 0).submit(io)).collect();
        let results = tickets.into_iter().map(|ticket| ticket.wait().map(drop));
        Ok(results.filter(|result| matches!(result, Err(Error::Overrun { .. }))).count())
    })?;
    assert_eq!(overruns, 7);
    Ok(())
}

/// Identify returns a page. What is left of the page of a short buffer is lent with it.
#[test]
fn what_a_command_may_write_behind_a_short_buffer_is_no_overrun() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let logs = qid == 0 && sqe.admin_opcode() == AdminOpcode::GET_LOG_PAGE;
        if logs { Reply::Stray(512, &[0xee]) } else { Reply::Normal }
    });
    let nvme = fake.open()?;
    let mut buf = nvme.buffer(512);
    nvme.identify(nvmetest::Identify::namespace(1), &mut buf).run(&nvme)?;
    drop(buf);
    no_leaks(&nvme)?;

    // A log page has the length that the command names.
    let mut buf = nvme.buffer(512);
    let error = nvme.get_log_page(LogPage::of(2), &mut buf).run(&nvme).unwrap_err();
    assert!(matches!(error, Error::Overrun { .. }), "{error}");
    Ok(())
}

/// A command that was given up is looked at, too, and what stood around its memory is put back.
#[test]
fn a_command_that_is_given_up_is_looked_at() -> Result {
    let fake = Fake::new(|qid, sqe| {
        let hangs = qid != 0 && sqe.opcode() == READ;
        if hangs { Reply::Silence } else { Reply::Normal }
    });
    let nvme = fake.open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    buf.fill(0x5a);
    let result = q.scope(|io| {
        let read = ns.read(buf.slice_mut(512..1024), 0).timeout(Duration::from_millis(10));
        let ticket = read.submit(io);
        assert!(fake.write(fake.data(0) + 512 + 9, &[0x77]));
        ticket.wait().map(drop)
    });
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    assert!(buf.iter().all(|&byte| byte == 0x5a));
    drop(q);
    let leaks = nvme.leaks()?;
    assert_eq!(leaks.len(), 1, "{leaks:?}");
    assert!(leaks[0].contains("Read (02h) on queue 1, CID 0x"), "{leaks:?}");
    assert!(
        leaks[0].contains("0x77 at 0x") && leaks[0].contains("9 bytes behind the end of 512 bytes")
    );
    Ok(())
}

/// Further away than what is looked at for each command: found when the buffer is freed.
#[test]
fn an_overrun_that_is_found_late_names_the_command_that_was_last_lent_the_buffer() -> Result {
    for model in MODELS {
        let fake = stray(model, 4000, &[0x77]);
        let nvme = fake.open()?;
        let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
        let mut buf = nvme.buffer(512);
        let line = line!() + 1;
        ns.read(&mut buf, 0).run(&q)?;
        drop((buf, q));
        let leaks = nvme.leaks()?;
        assert_eq!(leaks.len(), 1, "{leaks:?}");
        assert!(leaks[0].contains("3488 bytes behind the end of 512 bytes at 0x"), "{leaks:?}");
        assert!(leaks[0].contains("last lent to Read (02h) on queue 1, CID 0x"), "{leaks:?}");
        assert!(leaks[0].ends_with(&format!("canary.rs:{line})")), "{leaks:?}");
    }
    Ok(())
}

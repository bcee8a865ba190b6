//! Addresses that the device uses and was not given, where somebody observes that.

use std::sync::Arc;
use std::time::Duration;

use nvmetest::memory::Iova;
use nvmetest::prelude::*;
use nvmetest::transport::DmaAccess;
use nvmetest::transport::DmaFault;

use super::fake::Fake;
use super::fake::Reply;

/// A controller that uses an address for each I/O command, so far from the start of its data.
fn faulty(distance: i64, status: Status) -> Arc<Fake> {
    Fake::new(move |qid, _| if qid == 0 { Reply::Normal } else { Reply::Fault(distance, status) })
}

#[test]
fn a_fault_is_the_failure_of_the_command_and_names_it_and_the_address() -> Result {
    let nvme = faulty(4096 + 17, Status::DATA_TRANSFER_ERROR).open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    let begin = buf.iova().0;
    let line = line!() + 1;
    let error = ns.read(&mut buf, 0).run(&q).unwrap_err();
    let Error::DmaFault { fault, error: came } = &error else { panic!("{error}") };
    let expected = format!(
        "the device wrote 1 bytes at I/O virtual address {:#x}, where no memory is mapped for it: it is 17 bytes \
         behind the end of a buffer of 4096 bytes at {begin:#x} that is there, and that was last lent to \
         Read (02h) on queue 1, CID 0x",
        begin + 4096 + 17,
    );
    assert!(fault.starts_with(&expected), "{fault}");
    assert!(fault.ends_with(&format!("dma_faults.rs:{line})")), "{fault}");
    assert!(matches!(**came, Error::Status { .. }), "{came}");
    Ok(())
}

/// The status was the expected one; who provoked the fault on purpose takes it.
#[test]
fn faults_can_be_taken_and_are_then_gone() -> Result {
    let nvme = faulty(-2, Status::SUCCESS).open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(4096);
    ns.read(&mut buf, 0).run(&q)?;
    let fault = DmaFault {
        iova: Iova(buf.iova().0 - 2),
        len: Some(1),
        access: Some(DmaAccess::Write),
        unrecorded: 0,
    };
    assert_eq!(nvme.take_dma_faults(), [fault]);
    assert_eq!(nvme.take_dma_faults(), []);
    Ok(())
}

#[test]
fn a_fault_in_a_buffer_that_was_freed_says_so() -> Result {
    let fake = Fake::new(|qid, _| if qid == 0 { Reply::Normal } else { Reply::Silence });
    let nvme = fake.open()?;
    let (q, ns) = (nvme.qpair(4)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(512);
    let iova = buf.iova().0;
    nvme.identify(nvmetest::Identify::CONTROLLER, &mut buf).run(&nvme)?;
    drop(buf);
    assert!(!fake.write(iova + 8, &[0xee]));
    let mut other = nvme.buffer(512);
    let error = ns.read(&mut other, 0).timeout(Duration::from_millis(10)).run(&q).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let message = error.to_string();
    let told = "8 bytes behind the begin of a buffer of 512 bytes";
    assert!(message.contains(told) && message.contains("that was freed"), "{message}");
    assert!(message.contains("last lent to Identify (06h) on queue 0"), "{message}");
    Ok(())
}

/// A command that was given up may go on with its memory: that was told, and is no new finding.
#[test]
fn a_fault_in_memory_that_was_revoked_is_no_finding() -> Result {
    let fake = Fake::new(|qid, _| if qid == 0 { Reply::Normal } else { Reply::Silence });
    let nvme = fake.open()?;
    let ns = nvme.namespace(1)?;
    let q = nvme.qpair(4)?;
    let mut buf = nvme.buffer(512);
    let iova = buf.iova().0;
    let hung = ns.read(&mut buf, 0).timeout(Duration::from_millis(10)).run(&q).unwrap_err();
    assert!(matches!(hung, Error::Timeout { .. }), "{hung}");
    let mut buf = Some(buf);
    for freed in [false, true] {
        if freed {
            buf = None;
        }
        assert!(!fake.write(iova + 8, &[0xee]));
        let again = nvme.qpair(4)?;
        let mut other = nvme.buffer(512);
        let hung = ns.read(&mut other, 0).timeout(Duration::from_millis(10)).run(&again);
        assert!(matches!(hung, Err(Error::Timeout { .. })), "freed: {freed}: {hung:?}");
    }
    drop(buf);
    assert_eq!(nvme.take_dma_faults().len(), 2);
    Ok(())
}

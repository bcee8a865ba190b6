//! The Host Memory Buffer: whose the memory is, whatever the controller and the test do.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nvmetest::Hmb;
use nvmetest::HmbError;
use nvmetest::HmbOptions;
use nvmetest::prelude::*;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Fid;
use nvmetest::spec::Sqe;
use nvmetest::spec::feature::HostMemoryBufferDescriptor;
use nvmetest::transport::DmaModel;
use nvmetest_fixtures::soft;
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::fake::Fake;
use super::fake::Reply;

/// The Set Features commands for the Host Memory Buffer that a controller got.
type Seen = Arc<Mutex<Vec<Sqe>>>;

/// A controller that replies as told to enabling (EHM = 1) and disabling.
fn fake(model: DmaModel, enabling: fn() -> Reply, disabling: fn() -> Reply) -> (Arc<Fake>, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let fake = Fake::with_model(model, move |qid, sqe| {
        let is_set = qid == 0 && sqe.admin_opcode() == AdminOpcode::SET_FEATURES;
        if !is_set || sqe.cdw10.get() & 0xff != u32::from(Fid::HOST_MEMORY_BUFFER.0) {
            return Reply::Normal;
        }
        log.lock().unwrap().push(*sqe);
        if sqe.cdw11.get() & 1 == 1 { enabling() } else { disabling() }
    });
    (fake, seen)
}

fn normal() -> Reply {
    Reply::Normal
}

fn internal_error() -> Reply {
    Reply::Status(Status::INTERNAL_ERROR)
}

fn silence() -> Reply {
    Reply::Silence
}

/// Enables a buffer of 8 KiB, whatever Identify says, and returns where it is.
fn enable(nvme: &Controller) -> Result<(Hmb<'_>, u64), HmbError> {
    let part = nvme.buffer(8192);
    let iova = part.iova().0;
    Ok((nvme.enable_hmb_with(vec![part], HmbOptions::default())?, iova))
}

fn reaches(fake: &Fake, iova: u64) -> bool {
    fake.write(iova, &[0xee; 512])
}

fn parts(nvme: &Controller, lens: &[usize]) -> Vec<Buffer> {
    lens.iter().map(|len| nvme.buffer(*len)).collect()
}

#[test]
fn each_buffer_is_a_descriptor_and_the_pages_are_counted() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let parts = parts(&nvme, &[4096, 3 * 4096]);
    let addresses: Vec<u64> = parts.iter().map(|part| part.iova().0).collect();
    let hmb = nvme.enable_hmb_with(parts, HmbOptions::default())?;
    let sqe = seen.lock().unwrap()[0];
    let dwords = [sqe.cdw10, sqe.cdw11, sqe.cdw12, sqe.cdw15].map(U32::get);
    assert_eq!(dwords, [0x0d, 1, 4, 2], "FID, EHM, HSIZE, HMDLEC");
    assert_eq!(sqe.dptr.map(|pointer| pointer.get()), [0, 0]);
    let list = u64::from(sqe.cdw14.get()) << 32 | u64::from(sqe.cdw13.get());
    assert_eq!(list % 16, 0);
    for (number, (address, pages)) in addresses.into_iter().zip([1, 3]).enumerate() {
        let mut bytes = [0; 16];
        fake.read(list + 16 * number as u64, &mut bytes);
        let descriptor = HostMemoryBufferDescriptor::read_from_bytes(&bytes).unwrap();
        assert_eq!(descriptor, HostMemoryBufferDescriptor::new(address, pages));
    }

    let lens: Vec<usize> = hmb.disable()?.iter().map(|part| part.len()).collect();
    assert_eq!(lens, [4096, 3 * 4096]);
    let sqe = seen.lock().unwrap()[1];
    assert_eq!((sqe.cdw10.get(), sqe.cdw11.get()), (0x0d, 0));
    assert!(!reaches(&fake, list), "the list is gone with it");
    Ok(())
}

#[test]
fn what_the_controller_wrote_is_read_when_it_is_disabled() -> Result {
    let (fake, _) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    assert!(fake.write(iova + 4096, b"from the controller"));
    let parts = hmb.disable()?;
    assert_eq!(&parts[0][4096..4096 + 19], b"from the controller");
    assert!(reaches(&fake, iova), "the buffer lives on");
    drop(parts);
    assert!(!reaches(&fake, iova));
    Ok(())
}

/// What Identify Controller of the soft controller asks for: 64 KiB at least, in 8 descriptors of 8 KiB or more.
#[test]
fn memory_that_will_not_do_comes_back_with_a_reason() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let cases: [(&[usize], &str); 4] = [
        (&[], "there are no buffers"),
        (&[32 << 10], "32768 bytes are less than the 65536 that it needs (HMMIN)"),
        (&[8192; 9], "9 buffers are more than the 8 that it can use (HMMAXD)"),
        (&[64 << 10, 4096], "buffer 1 has 4096 bytes, less than the 8192 that a descriptor has"),
    ];
    for (lens, reason) in cases {
        let error = nvme.enable_hmb(parts(&nvme, lens)).expect_err("it will not do");
        let text = error.to_string();
        let is_unfit = matches!(error, HmbError::Unfit { .. });
        assert!(is_unfit && text.contains(reason), "{lens:?}: {text}");
        assert_eq!(error.into_parts().map(|parts| parts.len()), Some(lens.len()));
    }
    let odd = nvme.enable_hmb_with(parts(&nvme, &[65_000]), HmbOptions::default());
    let text = odd.expect_err("it is no whole page").to_string();
    assert!(text.contains("must be whole memory pages of 4096 bytes (CC.MPS)"), "{text}");

    let without = soft::controller("soft:size=1MiB,hmb=0")?;
    let error = without.enable_hmb(parts(&without, &[64 << 10])).expect_err("it uses none");
    assert!(error.to_string().contains("the controller uses none (HMPRE is 0)"), "{error}");
    Ok(())
}

#[test]
fn a_buffer_of_another_controller_is_refused() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let (nvme, other) = (fake.open()?, fake.neighbour().open()?);
    let foreign = parts(&other, &[4096]);
    let error = nvme.enable_hmb_with(foreign, HmbOptions::default()).expect_err("it is foreign");
    assert!(error.to_string().contains("allocated by another controller"), "{error}");
    assert!(seen.lock().unwrap().is_empty(), "nothing was sent");
    Ok(())
}

#[test]
fn memory_that_the_controller_refuses_comes_back() -> Result {
    let refuses = || Reply::Status(Status::INVALID_FIELD_IN_COMMAND);
    let (fake, _) = fake(DmaModel::PerBuffer, refuses, normal);
    let nvme = fake.open()?;
    let error = enable(&nvme).expect_err("it refuses");
    assert_eq!(error.status(), Some(Status::INVALID_FIELD_IN_COMMAND));
    let mut parts = error.into_parts().expect("it has no claim on them");
    parts[0].fill(1);
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_guard_that_is_dropped_disables_and_frees() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    drop(hmb);
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert!(!reaches(&fake, iova));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

/// The device still writes: what it hits must be nobody's, even where all of the arena is mapped.
#[test]
fn memory_that_a_controller_does_not_give_back_is_nobodys_until_it_is_reset() -> Result {
    for model in [DmaModel::PerBuffer, DmaModel::Whole] {
        let (fake, seen) = fake(model, normal, internal_error);
        let mut nvme = fake.open()?;
        let (hmb, iova) = enable(&nvme)?;
        let error = hmb.disable().expect_err("it refuses");
        assert!(matches!(error, Error::Status { status: Status::INTERNAL_ERROR, .. }), "{error}");
        assert_eq!(seen.lock().unwrap().len(), 2, "it is asked once");

        let others: Vec<Buffer> = (0..64).map(|_| nvme.buffer(8192)).collect();
        assert!(reaches(&fake, iova), "it still has the memory");
        assert!(others.iter().all(|other| other.iter().all(|&byte| byte == 0)));
        assert_eq!(nvme.leaks()?, ["the host memory buffer of 8192 bytes was not disabled"]);
        nvme.reset()?;
        assert_eq!(nvme.leaks()?, Vec::<String>::new());
        let again: Vec<Buffer> = std::iter::from_fn(|| nvme.try_buffer(8192).ok()).collect();
        match model {
            DmaModel::PerBuffer => assert!(!reaches(&fake, iova), "the reset took it away"),
            _ => assert!(again.iter().any(|buf| buf.iova().0.abs_diff(iova) < 8192), "it is free"),
        }
    }
    Ok(())
}

#[test]
fn a_drop_that_cannot_disable_is_told() -> Result {
    let (fake, _) = fake(DmaModel::PerBuffer, normal, internal_error);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    drop(hmb);
    assert!(reaches(&fake, iova));
    let leaks = nvme.leaks()?;
    assert_eq!(leaks.len(), 2, "{leaks:?}");
    assert!(leaks[0].starts_with("the host memory buffer could not be disabled: "), "{leaks:?}");
    assert_eq!(leaks[1], "the host memory buffer of 8192 bytes was not disabled");
    Ok(())
}

#[test]
fn a_guard_that_is_forgotten_leaves_the_memory_with_the_controller() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let mut nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    std::mem::forget(hmb);
    assert!(reaches(&fake, iova));
    assert_eq!(nvme.leaks()?, ["the host memory buffer of 8192 bytes was not disabled"]);
    nvme.reset()?;
    assert_eq!(seen.lock().unwrap().len(), 1, "a reset is enough");
    assert!(!reaches(&fake, iova));
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_guard_that_is_forgotten_ends_with_the_controller() -> Result {
    let (fake, _) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    std::mem::forget(hmb);
    drop(nvme);
    assert!(!reaches(&fake, iova));
    Ok(())
}

/// The memory of a controller that cannot be disabled is never used again.
#[test]
fn a_controller_that_is_lost_keeps_the_memory() -> Result {
    let (fake, _) = fake(DmaModel::Whole, normal, normal);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    fake.die();
    let error = hmb.disable().expect_err("it is gone");
    assert!(error.is_lost(), "{error}");
    let others: Vec<Buffer> = (0..64).map(|_| nvme.buffer(8192)).collect();
    drop(nvme);
    assert!(reaches(&fake, iova));
    assert!(others.iter().all(|other| other.iter().all(|&byte| byte == 0)));
    Ok(())
}

#[test]
fn a_guard_of_a_controller_that_was_disabled_has_the_memory() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    nvme.disable()?;
    let parts = hmb.disable()?;
    assert_eq!(parts[0].iova().0, iova);
    assert_eq!(seen.lock().unwrap().len(), 1, "there is nobody to ask");
    Ok(())
}

/// Nobody knows whether the controller took it, so that it counts as taken.
#[test]
fn memory_of_a_command_that_never_completes_is_kept_until_a_reset() -> Result {
    let (fake, _) = fake(DmaModel::PerBuffer, silence, normal);
    let mut nvme = fake.open()?;
    nvme.set_timeout(Duration::from_millis(20));
    let part = nvme.buffer(8192);
    let iova = part.iova().0;
    let error = nvme.enable_hmb_with(vec![part], HmbOptions::default()).expect_err("it is late");
    assert!(matches!(&error, HmbError::Kept(error) if error.is_timeout()), "{error}");
    assert!(error.into_parts().is_none());
    assert!(reaches(&fake, iova));
    nvme.reset()?;
    assert!(!reaches(&fake, iova));
    Ok(())
}

#[test]
fn memory_of_a_disabling_that_never_completes_is_kept_until_a_reset() -> Result {
    let (fake, _) = fake(DmaModel::PerBuffer, normal, silence);
    let mut nvme = fake.open()?;
    nvme.set_timeout(Duration::from_millis(20));
    let (hmb, iova) = enable(&nvme)?;
    let error = hmb.disable().expect_err("it is late");
    assert!(error.is_timeout(), "{error}");
    assert!(reaches(&fake, iova));
    nvme.reset()?;
    assert!(!reaches(&fake, iova));
    Ok(())
}

/// A controller that accepts a second one: both are lent, and both come back.
#[test]
fn two_guards_each_have_their_own_memory() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let ((first, one), (second, two)) = (enable(&nvme)?, enable(&nvme)?);
    assert_eq!(second.disable()?[0].iova().0, two);
    assert_eq!(first.disable()?[0].iova().0, one);
    assert_eq!(seen.lock().unwrap().len(), 3, "one command ends what the controller has");
    Ok(())
}

#[test]
fn memory_is_given_back_as_it_was_after_a_reset() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let mut nvme = fake.open()?;
    let (hmb, iova) = enable(&nvme)?;
    assert!(fake.write(iova, b"kept"));
    let kept = hmb.retain()?;
    nvme.reset()?;
    let hmb = nvme.return_hmb(kept)?;
    let sqes = seen.lock().unwrap().clone();
    let (before, after) = (sqes[0], sqes[2]);
    assert_eq!(after.cdw11.get(), 0b11, "EHM and MR");
    let where_and_how_much = |sqe: Sqe| [sqe.cdw12, sqe.cdw13, sqe.cdw14, sqe.cdw15].map(U32::get);
    assert_eq!(where_and_how_much(after), where_and_how_much(before));
    assert_eq!(&hmb.disable()?[0][..4], b"kept");
    Ok(())
}

/// Descriptors that are wrong describe nothing but the buffers.
#[test]
fn a_skewed_descriptor_stays_within_its_buffer() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let part = nvme.buffer(3 * 4096);
    let iova = part.iova().0;
    let options = HmbOptions { skew: 512, entries: Some(1000), ..HmbOptions::default() };
    let hmb = nvme.enable_hmb_with(vec![part], options)?;
    let sqe = seen.lock().unwrap()[0];
    assert_eq!((sqe.cdw12.get(), sqe.cdw15.get()), (2, 1000), "HSIZE, HMDLEC");
    let mut bytes = [0; 16 * 1000];
    fake.read(u64::from(sqe.cdw14.get()) << 32 | u64::from(sqe.cdw13.get()), &mut bytes);
    let first = HostMemoryBufferDescriptor::read_from_bytes(&bytes[..16]).unwrap();
    assert_eq!(first, HostMemoryBufferDescriptor::new(iova + 512, 2));
    assert!(bytes[16..].iter().all(|&byte| byte == 0), "no pages");
    drop(hmb);

    let one_page = parts(&nvme, &[4096]);
    let skewed = HmbOptions { skew: 512, ..HmbOptions::default() };
    let error = nvme.enable_hmb_with(one_page, skewed).expect_err("there is no room");
    assert!(error.to_string().contains("buffers of two memory pages at least"), "{error}");
    Ok(())
}

#[test]
#[should_panic(expected = "gives the device a host memory buffer (use `nvme.enable_hmb`)")]
fn a_raw_command_cannot_enable_it() {
    let nvme = soft::controller("soft:size=1MiB").expect("a controller");
    drop(nvme.set_features(Fid::HOST_MEMORY_BUFFER.0, 1).run(&nvme));
}

/// Two commands in flight are executed in any order: a controller that was told to disable the buffer while it was
/// about to enable one may have it.
#[test]
fn a_buffer_that_is_enabled_while_another_is_disabled_stays_the_controllers() -> Result {
    let (fake, seen) = fake(DmaModel::PerBuffer, normal, normal);
    let nvme = fake.open()?;
    let hmb = nvme.scope(|io| {
        let disable = |_, _| drop(nvme.disable_hmb());
        // Runs while the command that enables the buffer is waited for.
        nvme.keep_alive().submit_with(io, disable);
        Ok(enable(&nvme)?.0)
    })?;
    assert_eq!(seen.lock().unwrap().len(), 2);
    hmb.disable()?;
    assert_eq!(seen.lock().unwrap().len(), 3, "it was disabled once more");
    Ok(())
}

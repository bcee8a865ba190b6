//! MSI, where the device is used with it (PCIe 7.7.1, PCIe transport 3.5.1).

use nvmetest::CreateIoCq;
use nvmetest::prelude::*;
use nvmetest::spec::Property;
use nvmetest::spec::pci::{CapabilityId, MsiControl, msi};

use super::settle;
use super::settled;
use super::wait_for;

/// The bit of vector 1 in INTMS and INTMC.
const VECTOR_1: u32 = 1 << 1;

/// The function asks for a number of messages that there is, and takes addresses of 64 bits.
#[nvme_test(spec = "PCIe 7.7.1.2", requires(MSI))]
fn the_msi_capability_is_that_of_an_endpoint(nvme: &Controller) -> Result {
    let control = control(nvme)?;
    assert!(control.capable() <= 5, "{control:?}");
    assert!(control.wide(), "{control:?}");
    assert!(!control.enable(), "nobody has enabled it: {control:?}");
    Ok(())
}

/// As many messages are allocated as were asked for, or the next power of two, and none while MSI is disabled.
#[nvme_test(spec = "PCIe 7.7.1.2", requires(MSI), cases(one = 1, two = 2, three = 3, eight = 8))]
fn messages_are_allocated_in_powers_of_two(nvme: &Controller, #[case] count: u16) -> Result {
    let interrupts = nvme.interrupts(count)?;
    let enabled = control(nvme)?;
    assert!(enabled.enable(), "{enabled:?}");
    assert_eq!(enabled.messages_enabled(), count.next_power_of_two(), "{enabled:?}");
    drop(interrupts);
    assert!(!control(nvme)?.enable());
    Ok(())
}

/// A vector beyond the messages that the host has allocated is Invalid Interrupt Vector; the last of them can be had.
#[nvme_test(spec = "Base 5.2.1", requires(super::TWO_VECTORS, MSI), cases(one = 1, two = 2))]
fn a_vector_that_was_not_allocated_is_refused(nvme: &Controller, #[case] count: u16) -> Result {
    let _interrupts = nvme.interrupts(count)?;
    let create = |vector| {
        nvme.create_io_cq(CreateIoCq {
            qid: 1,
            size_z: 1,
            contiguous: true,
            interrupts: true,
            vector,
            offset: 0,
        })
    };
    for vector in [count, u16::MAX] {
        create(vector).expect(Status::INVALID_INTERRUPT_VECTOR).run(nvme)?;
    }
    create(count - 1).run(nvme)?;
    nvme.delete_io_cq(1).run(nvme)?;
    Ok(())
}

/// While INTMS masks a vector, its message is neither sent nor pending; INTMC has it sent.
#[nvme_test(spec = "PCIe transport 3.5.1", requires(super::TWO_VECTORS, MSI))]
fn intms_holds_a_message_back_and_intmc_has_it_sent(nvme: &Controller, ns: Namespace) -> Result {
    let (interrupts, q) = settled(nvme, &ns)?;
    for _ in 0..3 {
        q.scope(|io| {
            let (flush, fired, is_pending) = while_masked(nvme, || {
                let flush = ns.flush().submit(io);
                let fired = settle(&interrupts, 2);
                Ok((flush, fired, interrupts.is_pending(1)))
            })?;
            assert!(!fired.contains(&1), "a message was sent while INTMS masked it");
            // A function without masks of MSI's has no such bit.
            assert!(!matches!(is_pending, Ok(true)), "INTMS is not the mask of the MSI capability");
            wait_for(&interrupts, 1)?;
            flush.wait()
        })?;
        assert!(!settle(&interrupts, 2).contains(&1), "the message was sent twice");
    }
    Ok(())
}

/// A completion that the host has taken while INTMS masked its vector is told by no message afterwards.
#[nvme_test(spec = "PCIe transport 3.5.1", requires(super::TWO_VECTORS, MSI))]
fn what_was_taken_while_intms_masked_it_is_not_signalled(
    nvme: &Controller,
    ns: Namespace,
) -> Result {
    let (interrupts, q) = settled(nvme, &ns)?;
    for _ in 0..3 {
        while_masked(nvme, || {
            ns.flush().run(&q)?;
            settle(&interrupts, 2);
            Ok(())
        })?;
        assert!(!settle(&interrupts, 2).contains(&1), "there is nothing to take");
    }
    super::flush_and_wait(&interrupts, 1, &ns, &q)
}

/// Masks vector 1 by INTMS while `body` runs.
fn while_masked<T>(nvme: &Controller, body: impl FnOnce() -> Result<T>) -> Result<T> {
    nvme.registers().write32(Property::INTMS, VECTOR_1)?;
    let done = body();
    nvme.registers().write32(Property::INTMC, VECTOR_1)?;
    done
}

/// Message Control of the capability.
fn control(nvme: &Controller) -> Result<MsiControl> {
    let at = nvme.pci().capability(CapabilityId::MSI.0)?;
    let at = at.ok_or_else(|| Error::Failed("the function shows no MSI capability".to_owned()))?;
    Ok(MsiControl::from(nvme.pci().read16(at + msi::CONTROL)?))
}

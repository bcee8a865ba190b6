//! What holds for all commands (Base 3.1.3, Base 4.1).

mod opcode;

use nvmetest::Identify;
use nvmetest::prelude::*;
use nvmetest::spec::sqe::Fuse;
use nvmetest::spec::{IdentifyController, Sqe};
use zerocopy::FromZeros;

/// FUSE 11b is reserved: Invalid Field in Command.
#[nvme_test(spec = "Base 4.1.1")]
fn a_reserved_fuse_is_an_invalid_field(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(ns.block());
    let read = ns.read(&mut data, 0).edit(reserved_fuse);
    read.expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    let get = nvme.get_features(0x07).edit(reserved_fuse);
    get.expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    Ok(())
}

/// FUSE 11b is reserved also where a command has no data.
#[nvme_test(spec = "Base 4.1.1")]
fn a_reserved_fuse_of_a_flush_is_an_invalid_field(q: &Qpair, ns: Namespace) -> Result {
    let flush = ns.flush().edit(reserved_fuse);
    flush.expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    ns.flush().run(q)?;
    Ok(())
}

/// There are no fused admin commands: Invalid Field in Command.
#[nvme_test(spec = "Base 3.4.2", cases(first = Fuse::FIRST, second = Fuse::SECOND))]
fn an_admin_command_is_not_fused(nvme: &Controller, #[case] fuse: Fuse) -> Result {
    let get = nvme.get_features(0x07).edit(|sqe| sqe.set_fuse(fuse));
    get.expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    Ok(())
}

/// A fused operation that the controller does not have is Invalid Field in Command.
#[nvme_test(spec = "Base 3.4.2", cases(first = Fuse::FIRST, second = Fuse::SECOND))]
fn a_fused_operation_that_is_not_supported_is_an_invalid_field(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] fuse: Fuse,
) -> Result {
    let fuses = nvme.capabilities().controller.fuses;
    if fuses.fcws() {
        return Err(Error::NotApplicable(format!("fused operations are supported: {fuses:?}")));
    }
    let mut data = nvme.buffer(ns.block());
    let read = ns.read(&mut data, 0).edit(|sqe| sqe.set_fuse(fuse));
    read.expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    ns.flush().run(q)?;
    Ok(())
}

/// Admin commands have no SGLs over PCIe: Invalid Field in Command.
#[nvme_test(spec = "Base 4.1.1")]
fn an_admin_command_with_an_sgl_is_an_invalid_field(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(size_of::<IdentifyController>());
    let identify = nvme.identify(Identify::CONTROLLER, &mut page).layout(Layout::Sgl);
    identify.expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    assert!(page.iter().all(|&byte| byte == 0), "a command that failed has written");
    Ok(())
}

/// PSDT 11b is reserved: Invalid Field in Command, and no data is transferred.
#[nvme_test(spec = "Base 4.1.1")]
fn a_reserved_psdt_is_an_invalid_field(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(ns.block());
    data.fill(0xc3);
    let read = ns.read(&mut data, 0).layout(Layout::ReservedPsdt);
    read.expect(Status::INVALID_FIELD_IN_COMMAND).run(q)?;
    assert!(data.iter().all(|&byte| byte == 0xc3), "a command that failed has written");

    let mut page = nvme.buffer(size_of::<IdentifyController>());
    let identify = nvme.identify(Identify::CONTROLLER, &mut page).layout(Layout::ReservedPsdt);
    identify.expect(Status::INVALID_FIELD_IN_COMMAND).run(nvme)?;
    assert!(page.iter().all(|&byte| byte == 0), "a command that failed has written");
    Ok(())
}

/// A namespace identifier that cannot be is Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2")]
fn a_namespace_that_cannot_be_is_an_invalid_namespace(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let nn = nvme.capabilities().controller.nn.get();
    let mut data = nvme.buffer(ns.block());
    for nsid in [0, nn.saturating_add(1), 0xffff_fffe] {
        let status = Status::INVALID_NAMESPACE_OR_FORMAT;
        ns.read(&mut data, 0).nsid(nsid).expect(status).run(q)?;
        ns.write(&data, 0).nsid(nsid).expect(status).run(q)?;
        ns.flush().nsid(nsid).expect(status).run(q)?;
    }
    Ok(())
}

/// A Read or Write of all namespaces is refused.
#[nvme_test(spec = "Base 3.2.1.2")]
fn all_namespaces_are_not_read_or_written(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let mut data = nvme.buffer(ns.block());
    let refused = &[Status::INVALID_NAMESPACE_OR_FORMAT, Status::INVALID_FIELD_IN_COMMAND];
    ns.read(&mut data, 0).nsid(u32::MAX).expect(refused).run(q)?;
    ns.write(&data, 0).nsid(u32::MAX).expect(refused).run(q)?;
    Ok(())
}

/// A completion has the status of its own command, also where failures and successes alternate.
#[nvme_test(spec = "Base 4.2.3")]
fn each_command_has_a_status_of_its_own(q: &Qpair, ns: Namespace) -> Result {
    const RESERVED: u8 = 0x7e;
    let commands = (0..96).map(|number| match number % 3 {
        0 => io(RESERVED, ns.nsid()).expect(Status::INVALID_COMMAND_OPCODE),
        1 => ns.flush(),
        _ => ns.flush().nsid(0xffff_fffe).expect(Status::INVALID_NAMESPACE_OR_FORMAT),
    });
    q.run_all(commands)
}

/// Reserved dwords of a command are ignored, or are an Invalid Field in Command.
#[nvme_test(spec = "Base 4.1.1")]
fn reserved_dwords_do_no_harm(q: &Qpair, ns: Namespace) -> Result {
    let either = &[Status::SUCCESS, Status::INVALID_FIELD_IN_COMMAND];
    let changes: [fn(&mut Sqe); 8] = [
        |sqe| sqe.cdw2 = u32::MAX.into(),
        |sqe| sqe.cdw3 = u32::MAX.into(),
        |sqe| sqe.cdw10 = u32::MAX.into(),
        |sqe| sqe.cdw11 = u32::MAX.into(),
        |sqe| sqe.cdw12 = u32::MAX.into(),
        |sqe| sqe.cdw13 = u32::MAX.into(),
        |sqe| sqe.cdw14 = u32::MAX.into(),
        |sqe| sqe.cdw15 = u32::MAX.into(),
    ];
    for change in changes {
        ns.flush().edit(change).expect(either).run(q)?;
        ns.flush().run(q)?;
    }
    Ok(())
}

fn reserved_fuse(sqe: &mut Sqe) {
    sqe.set_fuse(Fuse(0b11));
}

fn admin(opcode: u8) -> Command<Admin> {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(opcode);
    Command::raw(sqe, ())
}

fn io(opcode: u8, nsid: u32) -> Command<Nvm> {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(opcode);
    sqe.nsid = nsid.into();
    Command::raw(sqe, ())
}

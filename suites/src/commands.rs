//! What holds for all commands (Base 3.1.3, Base 4.1).

use nvmetest::prelude::*;
use nvmetest::spec::log::CommandsSupportedAndEffects;
use nvmetest::spec::sqe::Fuse;
use nvmetest::spec::{AdminOpcode, IdentifyController, NvmOpcode, Sqe};
use nvmetest::{Identify, LogPage};
use zerocopy::{FromBytes, FromZeros};

/// The first vendor specific opcode of admin commands, which a test does not send: who knows what it does.
const VENDOR_SPECIFIC_ADMIN: u8 = 0xc0;

/// The first vendor specific opcode of I/O commands.
const VENDOR_SPECIFIC_IO: u8 = 0x80;

/// An admin command that the standard does not know is Invalid Command Opcode.
#[nvme_test(spec = "Base 3.1.3")]
fn a_reserved_admin_opcode_is_invalid(nvme: &Controller) -> Result {
    let reserved =
        (0..VENDOR_SPECIFIC_ADMIN).filter(|&opcode| AdminOpcode(opcode).name().is_none());
    for opcode in reserved {
        admin(opcode).expect(Status::INVALID_COMMAND_OPCODE).run(nvme)?;
    }
    nvme.health()
}

/// An I/O command that the standard does not know is Invalid Command Opcode.
#[nvme_test(spec = "Base 3.1.3")]
fn a_reserved_io_opcode_is_invalid(q: &Qpair, ns: Namespace) -> Result {
    let reserved = (0..VENDOR_SPECIFIC_IO).filter(|&opcode| NvmOpcode(opcode).name().is_none());
    for opcode in reserved {
        io(opcode, ns.nsid()).expect(Status::INVALID_COMMAND_OPCODE).run(q)?;
    }
    ns.flush().run(q)?;
    Ok(())
}

/// A command of another transport or of no I/O controller is Invalid Command Opcode.
#[nvme_test(
    spec = "Base 3.1.3.4",
    cases(
        fabrics = AdminOpcode::FABRICS,
        discovery_information = AdminOpcode::DISCOVERY_INFORMATION_MANAGEMENT,
        fabric_zoning = AdminOpcode::FABRIC_ZONING_LOOKUP,
    )
)]
fn a_command_that_is_none_of_an_io_controller_is_invalid(
    nvme: &Controller,
    #[case] opcode: AdminOpcode,
) -> Result {
    admin(opcode.0).expect(Status::INVALID_COMMAND_OPCODE).run(nvme)?;
    Ok(())
}

/// An optional admin command that Identify Controller denies is Invalid Command Opcode.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn an_admin_command_that_oacs_denies_is_invalid(nvme: &Controller) -> Result {
    let oacs = nvme.capabilities().controller.oacs;
    let optional = [
        (oacs.ssrs(), AdminOpcode::SECURITY_SEND),
        (oacs.ssrs(), AdminOpcode::SECURITY_RECEIVE),
        (oacs.fnvms(), AdminOpcode::FORMAT_NVM),
        (oacs.fwds(), AdminOpcode::FIRMWARE_COMMIT),
        (oacs.fwds(), AdminOpcode::FIRMWARE_IMAGE_DOWNLOAD),
        (oacs.nms(), AdminOpcode::NAMESPACE_MANAGEMENT),
        (oacs.nms(), AdminOpcode::NAMESPACE_ATTACHMENT),
        (oacs.dsts(), AdminOpcode::DEVICE_SELF_TEST),
        (oacs.dirs(), AdminOpcode::DIRECTIVE_SEND),
        (oacs.dirs(), AdminOpcode::DIRECTIVE_RECEIVE),
        (oacs.nsrs(), AdminOpcode::NVME_MI_SEND),
        (oacs.nsrs(), AdminOpcode::NVME_MI_RECEIVE),
        (oacs.vms(), AdminOpcode::VIRTUALIZATION_MANAGEMENT),
        (oacs.glss(), AdminOpcode::GET_LBA_STATUS),
        (oacs.cfls(), AdminOpcode::LOCKDOWN),
    ];
    let denied: Vec<_> = optional
        .into_iter()
        .filter(|(supported, _)| !supported)
        .map(|(_, opcode)| opcode)
        .collect();
    if denied.is_empty() {
        return Err(Error::NotApplicable(format!("no command is denied: {oacs:?}")));
    }
    for opcode in denied {
        let done = admin(opcode.0).expect(Expected::Any).run(nvme)?;
        assert_eq!(done.status, Status::INVALID_COMMAND_OPCODE, "{opcode}, {oacs:?}");
    }
    Ok(())
}

/// An optional I/O command that Identify Controller denies is Invalid Command Opcode.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn an_io_command_that_oncs_denies_is_invalid(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
) -> Result {
    let oncs = nvme.capabilities().controller.oncs;
    let optional = [
        (oncs.nvmcmps(), NvmOpcode::COMPARE),
        (oncs.nvmwusv(), NvmOpcode::WRITE_UNCORRECTABLE),
        (oncs.nvmdsmsv(), NvmOpcode::DATASET_MANAGEMENT),
        (oncs.nvmwzsv(), NvmOpcode::WRITE_ZEROES),
        (oncs.reservs(), NvmOpcode::RESERVATION_REGISTER),
        (oncs.reservs(), NvmOpcode::RESERVATION_REPORT),
        (oncs.reservs(), NvmOpcode::RESERVATION_ACQUIRE),
        (oncs.reservs(), NvmOpcode::RESERVATION_RELEASE),
        (oncs.nvmvfys(), NvmOpcode::VERIFY),
        (oncs.nvmcpys(), NvmOpcode::COPY),
    ];
    let denied: Vec<_> = optional
        .into_iter()
        .filter(|(supported, _)| !supported)
        .map(|(_, opcode)| opcode)
        .collect();
    if denied.is_empty() {
        return Err(Error::NotApplicable(format!("no command is denied: {oncs:?}")));
    }
    for opcode in denied {
        let done = io(opcode.0, ns.nsid()).expect(Expected::Any).run(q)?;
        assert_eq!(done.status, Status::INVALID_COMMAND_OPCODE, "{opcode}, {oncs:?}");
    }
    Ok(())
}

/// What the Commands Supported and Effects log page denies is Invalid Command Opcode.
#[nvme_test(spec = "Base 5.1.12.1.6", requires(COMMANDS_SUPPORTED_LOG))]
fn a_command_that_the_log_page_denies_is_invalid(nvme: &Controller, q: &Qpair) -> Result {
    const COMMANDS_SUPPORTED: u8 = 0x05;
    let mut page = nvme.buffer(size_of::<CommandsSupportedAndEffects>());
    nvme.get_log_page(LogPage::of(COMMANDS_SUPPORTED), &mut page).run(nvme)?;
    let log = CommandsSupportedAndEffects::ref_from_bytes(&page);
    let log = log.expect("the buffer has the size of the log");
    // What would destroy something, or keep memory, if the log page were wrong, is not tried.
    let dangerous = [
        AdminOpcode::CREATE_IO_SQ,
        AdminOpcode::CREATE_IO_CQ,
        AdminOpcode::NAMESPACE_MANAGEMENT,
        AdminOpcode::NAMESPACE_ATTACHMENT,
        AdminOpcode::FIRMWARE_COMMIT,
        AdminOpcode::DOORBELL_BUFFER_CONFIG,
        AdminOpcode::CONTROLLER_DATA_QUEUE,
        AdminOpcode::TRACK_SEND,
        AdminOpcode::FORMAT_NVM,
        AdminOpcode::SECURITY_SEND,
        AdminOpcode::SANITIZE,
    ];
    let is_safe = |opcode: &u8| !dangerous.contains(&AdminOpcode(*opcode));
    for opcode in (0..VENDOR_SPECIFIC_ADMIN).filter(is_safe) {
        if !log.admin(AdminOpcode(opcode)).csupp() {
            let done = admin(opcode).expect(Expected::Any).run(nvme)?;
            assert_eq!(done.status, Status::INVALID_COMMAND_OPCODE, "{}", AdminOpcode(opcode));
        }
    }
    for opcode in 0..VENDOR_SPECIFIC_IO {
        if !log.nvm(NvmOpcode(opcode)).csupp() {
            let done = io(opcode, 1).expect(Expected::Any).run(q)?;
            assert_eq!(done.status, Status::INVALID_COMMAND_OPCODE, "{}", NvmOpcode(opcode));
        }
    }
    Ok(())
}

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
    q.scope(|scope| {
        for _ in 0..16 {
            io(RESERVED, ns.nsid()).expect(Status::INVALID_COMMAND_OPCODE).submit(scope);
            ns.flush().submit(scope);
            ns.flush().nsid(0xffff_fffe).expect(Status::INVALID_NAMESPACE_OR_FORMAT).submit(scope);
        }
        scope.waitdone(48)
    })
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

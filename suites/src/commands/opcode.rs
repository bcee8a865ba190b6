//! Opcodes that a controller does not have (Base 3.1.3).

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::log::CommandsSupportedAndEffects;
use nvmetest::spec::{AdminOpcode, NvmOpcode};
use zerocopy::FromBytes;

use super::{admin, io};

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
    for opcode in denied(optional, oacs)? {
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
    for opcode in denied(optional, oncs)? {
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

/// The commands that are not supported, or not applicable if there are none.
fn denied<O>(
    optional: impl IntoIterator<Item = (bool, O)>,
    field: impl std::fmt::Debug,
) -> Result<Vec<O>> {
    let unsupported = optional.into_iter().filter(|(supported, _)| !supported);
    let denied: Vec<O> = unsupported.map(|(_, opcode)| opcode).collect();
    if denied.is_empty() {
        return Err(Error::NotApplicable(format!("no command is denied: {field:?}")));
    }
    Ok(denied)
}

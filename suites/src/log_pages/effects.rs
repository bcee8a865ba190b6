//! Commands Supported and Effects, Feature Identifiers Supported and Effects (Base 5.1.12.1.6, 5.1.12.1.18).

use nvmetest::prelude::*;
use nvmetest::spec::log::CommandsSupportedAndEffects;
use nvmetest::spec::{AdminOpcode, Fid, Lid, NvmOpcode};

use super::{get, retained};

fn effects(nvme: &Controller) -> Result<Box<CommandsSupportedAndEffects>> {
    get(nvme, Lid::COMMANDS_SUPPORTED_AND_EFFECTS)
}

/// The commands that each controller has are in the log.
#[nvme_test(spec = "Base 5.1.12.1.6", requires(COMMANDS_SUPPORTED_LOG))]
fn mandatory_commands_are_supported(nvme: &Controller) -> Result {
    let log = effects(nvme)?;
    let admin = [
        AdminOpcode::DELETE_IO_SQ,
        AdminOpcode::CREATE_IO_SQ,
        AdminOpcode::GET_LOG_PAGE,
        AdminOpcode::DELETE_IO_CQ,
        AdminOpcode::CREATE_IO_CQ,
        AdminOpcode::IDENTIFY,
        AdminOpcode::ABORT,
        AdminOpcode::SET_FEATURES,
        AdminOpcode::GET_FEATURES,
        AdminOpcode::ASYNC_EVENT_REQUEST,
    ];
    for opcode in admin {
        assert!(log.admin(opcode).csupp(), "{opcode}");
    }
    for opcode in [NvmOpcode::FLUSH, NvmOpcode::WRITE, NvmOpcode::READ] {
        assert!(log.nvm(opcode).csupp(), "{opcode}");
    }
    Ok(())
}

/// The log and Identify agree on the optional commands.
#[nvme_test(spec = "Base 5.1.12.1.6", requires(COMMANDS_SUPPORTED_LOG))]
fn optional_commands_are_as_identify_says(nvme: &Controller) -> Result {
    let log = effects(nvme)?;
    let id = &nvme.capabilities().controller;
    let (oacs, oncs) = (id.oacs, id.oncs);
    let admin = [
        (AdminOpcode::FORMAT_NVM, oacs.fnvms()),
        (AdminOpcode::DEVICE_SELF_TEST, oacs.dsts()),
        (AdminOpcode::SECURITY_SEND, oacs.ssrs()),
        (AdminOpcode::FIRMWARE_COMMIT, oacs.fwds()),
        (AdminOpcode::DOORBELL_BUFFER_CONFIG, oacs.dbcs()),
        (AdminOpcode::KEEP_ALIVE, id.kas.get() != 0),
    ];
    for (opcode, supported) in admin {
        assert_eq!(log.admin(opcode).csupp(), supported, "{opcode}: {oacs:?}");
    }
    // A command without its bit may be there with a limit (NVM 4.1.5.4): only the bit is a promise.
    let nvm = [
        (NvmOpcode::COMPARE, oncs.nvmcmps()),
        (NvmOpcode::WRITE_UNCORRECTABLE, oncs.nvmwusv()),
        (NvmOpcode::DATASET_MANAGEMENT, oncs.nvmdsmsv()),
        (NvmOpcode::WRITE_ZEROES, oncs.nvmwzsv()),
        (NvmOpcode::VERIFY, oncs.nvmvfys()),
        (NvmOpcode::COPY, oncs.nvmcpys()),
    ];
    for (opcode, _) in nvm.into_iter().filter(|(_, promised)| *promised) {
        assert!(log.nvm(opcode).csupp(), "{opcode}: {oncs:?}");
    }
    Ok(())
}

/// Of a command that is not supported the log says nothing else.
#[nvme_test(spec = "Base 5.1.12.1.6", requires(COMMANDS_SUPPORTED_LOG))]
fn an_unsupported_command_has_no_effects(nvme: &Controller) -> Result {
    let log = effects(nvme)?;
    let all = [("admin", &log.acs), ("I/O", &log.iocs)];
    for (kind, commands) in all {
        for (opcode, effects) in commands.iter().enumerate().filter(|(_, one)| !one.csupp()) {
            assert_eq!(effects.get(), 0, "{kind} opcode {opcode:02x}h");
        }
    }
    Ok(())
}

/// Commands that change blocks say so (LBCC), and those that do not do not.
#[nvme_test(spec = "Base 5.1.12.1.6", requires(COMMANDS_SUPPORTED_LOG))]
fn commands_that_change_blocks_say_so(nvme: &Controller) -> Result {
    let log = effects(nvme)?;
    let writes = [
        NvmOpcode::WRITE,
        NvmOpcode::WRITE_ZEROES,
        NvmOpcode::WRITE_UNCORRECTABLE,
        NvmOpcode::DATASET_MANAGEMENT,
    ];
    for opcode in writes.into_iter().filter(|&opcode| log.nvm(opcode).csupp()) {
        assert!(log.nvm(opcode).lbcc(), "{opcode}");
    }
    for opcode in [NvmOpcode::READ, NvmOpcode::COMPARE, NvmOpcode::VERIFY] {
        assert!(!log.nvm(opcode).lbcc(), "{opcode}");
    }
    if log.admin(AdminOpcode::FORMAT_NVM).csupp() {
        assert!(log.admin(AdminOpcode::FORMAT_NVM).lbcc(), "Format NVM");
    }
    Ok(())
}

/// The features that each controller has are in the log of features, and one that is not there cannot be read.
#[nvme_test(spec = "Base 5.1.12.1.18", requires(REVISION_2_0))]
fn the_log_of_features_is_that_of_the_features(nvme: &Controller) -> Result {
    let mut log = nvme.buffer(1024);
    let lid = Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS;
    nvme.get_log_page(retained(lid), &mut log).run(nvme)?;
    // FSUPP is bit 0 of each feature's dword.
    let supported = |fid: u8| log[usize::from(fid) * 4] & 1 == 1;
    let mandatory = [
        Fid::ARBITRATION,
        Fid::POWER_MANAGEMENT,
        Fid::TEMPERATURE_THRESHOLD,
        Fid::ERROR_RECOVERY,
        Fid::NUMBER_OF_QUEUES,
        Fid::INTERRUPT_COALESCING,
        Fid::INTERRUPT_VECTOR_CONFIGURATION,
        Fid::WRITE_ATOMICITY_NORMAL,
        Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
    ];
    for fid in mandatory {
        assert!(supported(fid.0), "{fid}");
    }
    for fid in (0..=0xbf).filter(|&fid| !supported(fid)) {
        let got = nvme.get_features(fid).expect(Expected::Any).run(nvme)?;
        assert_eq!(got.status, Status::INVALID_FIELD_IN_COMMAND, "FID {fid:02x}h");
    }
    Ok(())
}

//! The Identify Controller data structure (Base 5.1.13.2.1).

use nvmetest::Identify;
use nvmetest::prelude::*;
use nvmetest::spec::identify::{ControllerType, IdentifyNvmController};
use nvmetest::spec::{Cns, IdentifyController, NvmOpcode, Vs};
use zerocopy::FromZeros;

use super::get;

fn identify(nvme: &Controller) -> Result<Box<IdentifyController>> {
    get(nvme, Identify::CONTROLLER)
}

/// VER is the value of the property VS.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn ver_is_the_version_property(nvme: &Controller) -> Result {
    assert_eq!(identify(nvme)?.version(), nvme.registers().vs()?);
    Ok(())
}

/// VID and SSVID are those of the PCI header.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn the_vendor_is_that_of_the_pci_header(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    let (vid, ssvid) = (nvme.pci().read16(0x00)?, nvme.pci().read16(0x2c)?);
    assert_eq!((id.vid.get(), id.ssvid.get()), (vid, ssvid));
    Ok(())
}

/// Serial number, model number and firmware revision are printable ASCII, padded with spaces.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn the_strings_are_ascii_padded_with_spaces(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    for (name, bytes) in [("SN", &id.sn.0[..]), ("MN", &id.mn.0[..]), ("FR", &id.fr.0[..])] {
        assert!(
            bytes.iter().all(|byte| (0x20..=0x7e).contains(byte)),
            "{name} is {:?}",
            bytes.escape_ascii().to_string()
        );
        assert!(bytes.iter().any(|&byte| byte != b' '), "{name} is blank");
    }
    Ok(())
}

/// SUBNQN begins with "nqn.", is UTF-8, and ends with a zero byte.
#[nvme_test(spec = "Base 4.7")]
fn the_subsystem_has_a_qualified_name(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    if id.version() < Vs::new().with_mjr(1).with_mnr(3) {
        return Err(Error::NotApplicable("SUBNQN is mandatory as of revision 1.2.1".to_owned()));
    }
    let end = id.subnqn.0.iter().position(|&byte| byte == 0);
    let end = end.expect("SUBNQN ends with a zero byte");
    assert!(end <= 223, "a qualified name of {end} bytes; 223 is the most");
    let name = std::str::from_utf8(&id.subnqn.0[..end]).expect("a name is UTF-8");
    assert!(name.starts_with("nqn."), "SUBNQN is {name:?}");
    Ok(())
}

/// An entry of an I/O submission queue has 64 bytes, and one of a completion queue 16.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn queue_entries_have_64_and_16_bytes(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    assert_eq!((id.sqes.min(), id.cqes.min()), (6, 4));
    assert!(6 <= id.sqes.max() && 4 <= id.cqes.max());
    Ok(())
}

/// From revision 1.4 on the controller says what kind it is, and one with namespaces is an I/O controller.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn it_is_an_io_controller(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    if id.version() < Vs::V1_4 {
        return Err(Error::NotApplicable("CNTRLTYPE came with revision 1.4".to_owned()));
    }
    assert_eq!(id.cntrltype, ControllerType::IO);
    Ok(())
}

/// There is a namespace, and no more than NN are allowed.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn the_numbers_of_namespaces_fit_together(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    let (nn, mnan) = (id.nn.get(), id.mnan.get());
    assert!(1 <= nn, "NN is 0");
    assert!(mnan <= nn, "MNAN is {mnan}, and NN is {nn}");
    let active = nvme.active_namespaces()?;
    let most = if mnan == 0 { nn } else { mnan };
    assert!(active.len() as u64 <= most.into(), "{} namespaces, and {most} at most", active.len());
    Ok(())
}

/// Temperatures at which the controller warns: the critical one is not below the warning one.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn the_critical_temperature_is_not_below_the_warning(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    let (warning, critical) = (id.wctemp.get(), id.cctemp.get());
    if warning == 0 || critical == 0 {
        return Err(Error::NotApplicable(format!(
            "WCTEMP is {warning} and CCTEMP {critical}: not reported"
        )));
    }
    assert!(warning <= critical, "WCTEMP is {warning} K, CCTEMP {critical} K");
    Ok(())
}

/// What a write is atomic for at a power loss is no more than what it is atomic for normally.
#[nvme_test(spec = "NVM 2.1.4")]
fn atomicity_at_power_loss_is_not_above_the_normal_one(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    assert!(id.awupf_z.get() <= id.awun_z.get(), "AWUPF {} AWUN {}", id.awupf_z, id.awun_z);
    Ok(())
}

/// The relative performances of a power state are below the number of power states.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn power_states_compare_with_those_that_there_are(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    assert!(id.npss_z <= 31, "NPSS is {}", id.npss_z);
    let states = id.power_states();
    let count = states.len() as u8;
    for (number, state) in states.iter().enumerate() {
        let relative = [state.rrt, state.rrl, state.rwt, state.rwl].map(|value| value & 0x1f);
        assert!(relative.iter().all(|&value| value < count), "power state {number}: {relative:?}");
    }
    // A state of a higher number takes no more power (Base 8.1.17).
    let power: Vec<u32> = states.iter().map(|state| state.max_power_100uw()).collect();
    assert!(power.is_sorted_by(|a, b| b <= a), "maximum powers, in 100 uW: {power:?}");
    for state in &id.psd[states.len()..] {
        assert_eq!(state.mp.get(), 0, "a power state behind NPSS");
    }
    Ok(())
}

/// There are one to seven firmware slots.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn there_are_one_to_seven_firmware_slots(nvme: &Controller) -> Result {
    let slots = identify(nvme)?.frmw.nofs();
    assert!((1..=7).contains(&slots), "FRMW says {slots} slots");
    Ok(())
}

/// Fields with reserved values have none of them: SGLS, VWC.FB.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn no_field_has_a_reserved_value(nvme: &Controller) -> Result {
    let id = identify(nvme)?;
    assert_ne!(id.sgls.sgls(), 0b11, "SGLS bits 1:0");
    assert_ne!(id.vwc.fb(), 0b01, "VWC.FB");
    if Vs::V1_4 <= id.version() {
        assert_ne!(id.vwc.fb(), 0b00, "VWC.FB, as of revision 1.4");
    }
    Ok(())
}

/// A command that ONCS does not have, and for which no limit in CNS 06h stands, is no command.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn a_command_without_its_bit_is_no_command(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let oncs = identify(nvme)?.oncs;
    let limits = if nvme.capabilities().cap.css().iocss() {
        get(nvme, Identify::of(Cns::COMMAND_SET_CONTROLLER.0, 0))?
    } else {
        Box::new(IdentifyNvmController::new_zeroed())
    };
    let commands = [
        ("Compare", oncs.nvmcmps(), ns.flush().edit(|sqe| sqe.set_opcode(NvmOpcode::COMPARE.0))),
        ("Write Uncorrectable", oncs.nvmwusv() || limits.wusl != 0, ns.write_uncorrectable(0, 1)),
        ("Write Zeroes", oncs.nvmwzsv() || limits.wzsl != 0, ns.write_zeroes(0, 1)),
        ("Verify", oncs.nvmvfys() || limits.vsl != 0, ns.verify(0, 1)),
    ];
    let unsupported: Vec<_> = commands.into_iter().filter(|(_, supported, _)| !supported).collect();
    if unsupported.is_empty() {
        return Err(Error::NotApplicable(format!("all of them are there: {oncs:?}")));
    }
    for (name, _, command) in unsupported {
        let status = command.expect(Expected::Any).run(q)?.status;
        assert_eq!(status, Status::INVALID_COMMAND_OPCODE, "{name}");
    }
    Ok(())
}

//! The PCI function: configuration space, capabilities, Function Level Reset (PCIe transport 3.8).

mod bar0;
mod command;
mod errors;
mod extended;
mod function_level_reset;
mod hot_reset;
mod link;
mod msix_tables;
mod payload;
mod power_state;
mod removal;
mod substates;

use std::collections::BTreeSet;

use nvmetest::prelude::*;
use nvmetest::spec::pci::{
    self, Bar, CapabilityId, DeviceCapabilities, DeviceControl, ExpressCapabilities, MsiControl,
    Pmcsr, PowerManagementCapabilities, PowerState, express, msi, offset, power,
};
use nvmetest::spec::property::ShutdownStatus;
use nvmetest::spec::{Cc, Property};

/// The function says that it is a Non-Volatile Memory controller for I/O with the NVM Express interface.
#[nvme_test(spec = "PCIe transport 3.8.1.5")]
fn the_class_code_is_that_of_an_nvme_io_controller(nvme: &Controller) -> Result {
    let class = nvme.pci().read32(offset::REVISION_ID)? >> 8;
    assert_eq!(class, pci::CLASS_NVME, "{class:#08x}");
    Ok(())
}

/// VID and SSVID of Identify Controller are those of configuration space.
#[nvme_test(spec = "Base 5.1.13.2.1")]
fn the_vendor_of_identify_is_that_of_the_function(nvme: &Controller) -> Result {
    let identify = &nvme.capabilities().controller;
    assert_eq!(nvme.pci().read16(offset::VENDOR_ID)?, identify.vid.get());
    assert_eq!(nvme.pci().read16(offset::SUBSYSTEM_VENDOR_ID)?, identify.ssvid.get());
    Ok(())
}

/// The header is that of an endpoint.
#[nvme_test(spec = "PCIe transport 3.8.1.8")]
fn the_header_is_that_of_an_endpoint(nvme: &Controller) -> Result {
    assert_eq!(nvme.pci().read8(offset::HEADER_TYPE)? & 0x7f, 0);
    Ok(())
}

/// Fields that an NVMe function does not have are zero.
#[nvme_test(
    spec = "PCIe transport 3.8.1",
    cases(
        command = (offset::COMMAND, 0xfab8),
        // Bit 0 became Immediate Readiness in PCIe 4.0.
        status = (offset::STATUS, 0x08e6),
        master_latency_timer = (offset::LATENCY_TIMER - 1, 0xff00),
        cardbus_cis_pointer = (0x28, 0xffff),
        cardbus_cis_pointer_upper = (0x2a, 0xffff),
        grant_and_latency = (0x3e, 0xffff),
    )
)]
fn a_field_of_the_header_without_use_is_zero(
    nvme: &Controller,
    #[case] (register, unused): (u16, u16),
) -> Result {
    assert_eq!(nvme.pci().read16(register)? & unused, 0, "offset {register:#04x}");
    Ok(())
}

/// BAR0 is memory that is not prefetchable, of 16 KiB at least.
#[nvme_test(spec = "PCIe transport 3.8.1.10")]
fn bar0_is_memory_for_registers(nvme: &Controller) -> Result {
    let low = nvme.pci().read32(offset::BAR0)?;
    let bar = Bar::from(low);
    assert!(!bar.io(), "{bar:?}");
    assert!(!bar.prefetchable(), "{bar:?}");
    assert!(matches!(bar.kind(), 0b00 | 0b10), "{bar:?}");
    assert_eq!(low & 0x3ff0, 0, "a range of less than 16 KiB: {bar:?}");
    Ok(())
}

/// The identifiers of a function cannot be written.
#[nvme_test(
    spec = "PCIe transport 3.8.1",
    cases(
        identifiers = offset::VENDOR_ID,
        class_code = offset::REVISION_ID,
        subsystem = offset::SUBSYSTEM_VENDOR_ID,
    )
)]
fn an_identifier_of_the_function_ignores_writes(
    nvme: &Controller,
    #[case] register: u16,
) -> Result {
    let before = nvme.pci().read32(register)?;
    nvme.pci().write32(register, !before)?;
    assert_eq!(nvme.pci().read32(register)?, before, "offset {register:#04x}");
    Ok(())
}

/// The list of capabilities ends, and each of its entries is a dword behind the header of its own.
#[nvme_test(spec = "PCIe 7.5.1.1.11")]
fn the_list_of_capabilities_is_well_formed(nvme: &Controller) -> Result {
    let pci = nvme.pci();
    assert!(pci::Status::from(pci.read16(offset::STATUS)?).capabilities_list());
    let mut seen = BTreeSet::new();
    let mut next = pci.read8(offset::CAPABILITIES_POINTER)?;
    while next != 0 {
        assert!(0x40 <= next && next.is_multiple_of(4), "an entry at {next:#04x}");
        assert!(seen.insert(next), "the list comes back to {next:#04x}");
        next = pci.read8(u16::from(next) + 1)?;
    }
    assert!(!seen.is_empty());
    Ok(())
}

/// Each capability has its bytes for itself.
#[nvme_test(spec = "PCIe 7.5.1.1.11")]
fn no_capability_reaches_into_another(nvme: &Controller) -> Result {
    let pci = nvme.pci();
    let mut capabilities = pci.capabilities()?;
    capabilities.sort_by_key(|&(_, at)| at);
    for (&(id, at), &(next, next_at)) in capabilities.iter().zip(capabilities.iter().skip(1)) {
        let (id, next) = (CapabilityId(id), CapabilityId(next));
        let end = at + length_of_capability(pci, id, at)?;
        assert!(
            end <= next_at,
            "{id} at {at:#04x} ends at {end:#04x}, and {next} is at {next_at:#04x}"
        );
    }
    Ok(())
}

/// How many bytes a capability has at least.
fn length_of_capability(pci: PciFunction<'_>, id: CapabilityId, at: u16) -> Result<u16> {
    Ok(match id {
        CapabilityId::POWER_MANAGEMENT => 8,
        CapabilityId::PCI_EXPRESS => {
            let version = ExpressCapabilities::from(pci.read16(at + express::CAPABILITIES)?);
            // To Link Status, or to Link Status 2; what follows is that of slots.
            if version.version() < 2 { 0x14 } else { 0x34 }
        }
        CapabilityId::MSI => {
            let control = MsiControl::from(pci.read16(at + msi::CONTROL)?);
            let plain = if control.wide() { 0x0e } else { 0x0a };
            control.pending_bits().map_or(plain, |register| register + 4)
        }
        CapabilityId::MSI_X => 12,
        // An identifier, and where the next one is.
        _ => 2,
    })
}

/// The capabilities that every NVMe function has are there.
#[nvme_test(
    spec = "PCIe transport 3.8",
    cases(power_management = CapabilityId::POWER_MANAGEMENT, express = CapabilityId::PCI_EXPRESS)
)]
fn a_capability_of_every_function_is_there(nvme: &Controller, #[case] id: CapabilityId) -> Result {
    let found = nvme.pci().capabilities()?.into_iter().filter(|&(known, _)| known == id.0);
    assert_eq!(found.count(), 1, "{id}");
    Ok(())
}

/// The function is in D0, does not make PME and keeps its state from D3hot to D0.
#[nvme_test(spec = "PCIe transport 3.8.2")]
fn the_power_management_capability_is_that_of_nvme(nvme: &Controller) -> Result {
    let at = the_capability(nvme, CapabilityId::POWER_MANAGEMENT)?;
    let capabilities = nvme.pci().read16(at + power::CAPABILITIES)?;
    let capabilities = PowerManagementCapabilities::from(capabilities);
    let status = Pmcsr::from(nvme.pci().read16(at + power::CONTROL_STATUS)?);
    assert_eq!(status.power_state(), PowerState::D0, "{status:?}");
    assert!(status.no_soft_reset(), "{status:?}");
    assert_eq!(capabilities.pme(), 0, "{capabilities:?}");
    assert_eq!(capabilities.aux_current(), 0, "{capabilities:?}");
    Ok(())
}

/// Every NVMe function supports Function Level Reset, and reports errors by their role.
#[nvme_test(spec = "PCIe transport 3.8.5.3")]
fn the_express_capability_is_that_of_nvme(nvme: &Controller) -> Result {
    let at = the_capability(nvme, CapabilityId::PCI_EXPRESS)?;
    let capabilities = nvme.pci().read32(at + express::DEVICE_CAPABILITIES)?;
    let capabilities = DeviceCapabilities::from(capabilities);
    assert!(capabilities.flr(), "{capabilities:?}");
    assert!(capabilities.role_based_error_reporting(), "{capabilities:?}");
    Ok(())
}

/// The payload size in use is one that the function supports.
#[nvme_test(spec = "PCIe 7.5.3.4")]
fn the_payload_size_in_use_is_supported(nvme: &Controller) -> Result {
    let at = the_capability(nvme, CapabilityId::PCI_EXPRESS)?;
    let capabilities = nvme.pci().read32(at + express::DEVICE_CAPABILITIES)?;
    let capabilities = DeviceCapabilities::from(capabilities);
    let control = DeviceControl::from(nvme.pci().read16(at + express::DEVICE_CONTROL)?);
    assert!(control.max_payload_size() <= capabilities.max_payload_size());
    assert!(capabilities.max_payload_size() <= 5 && control.max_read_request_size() <= 5);
    Ok(())
}

/// Looks at the properties of a controller that was reset and not enabled, and enables it.
fn properties_are_clear(nvme: &mut Controller) -> Result {
    let registers = nvme.registers();
    let (cc, csts) = (registers.cc()?, registers.csts()?);
    let (aqa, mask) = (registers.aqa()?, registers.read32(Property::INTMS)?);
    nvme.reset()?;

    assert_eq!(cc, Cc::new());
    assert!(!csts.rdy() && !csts.cfs(), "{csts:?}");
    assert_eq!(csts.shst(), ShutdownStatus::NORMAL_OPERATION);
    assert_eq!(u32::from(aqa), 0);
    assert_eq!(mask, 0);
    Ok(())
}

/// Writes blocks at `slba`, whose bytes count up from `first`, and reads them after a reset.
fn data_survives(
    nvme: &mut Controller,
    (slba, first): (u64, u8),
    reset: impl FnOnce(&mut Controller) -> Result,
) -> Result {
    let block = nvme.first_namespace()?.block();
    let mut data = nvme.buffer(8 * block);
    data.iter_mut().zip((first..=250).cycle()).for_each(|(byte, value)| *byte = value);
    let mut back = nvme.buffer(data.len());
    nvme.first_namespace()?.write(&data, slba).run(&nvme.qpair(1)?)?;
    nvme.first_namespace()?.flush().run(&nvme.qpair(1)?)?;

    reset(nvme)?;

    nvme.first_namespace()?.read(&mut back, slba).run(&nvme.qpair(1)?)?;
    assert_eq!(back[..], data[..]);
    Ok(())
}

/// Looks at a reset that leaves the controller disabled: the one that disables it would delete the queues by itself.
fn io_queues_are_deleted(
    nvme: &mut Controller,
    reset_only: impl FnOnce(&mut Controller) -> Result,
) -> Result {
    crate::reset::create_queue_pair_1(nvme)?;
    reset_only(nvme)?;
    let csts = nvme.registers().csts()?;
    nvme.reset()?;
    assert!(!csts.rdy(), "{csts:?}");
    // A queue that is still there cannot be created.
    crate::reset::create_queue_pair_1(nvme)?;
    crate::reset::delete_queue_pair_1(nvme)
}

fn the_capability(nvme: &Controller, id: CapabilityId) -> Result<u16> {
    let found = nvme.pci().capability(id.0)?;
    found.ok_or_else(|| Error::Failed(format!("the function has no {id} capability")))
}

//! The properties of the controller (Base 3.1.4).

use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::spec::property::NSSR_RESET;
use nvmetest::spec::{Cc, Csts, Property, Vs};

/// Memory pages have a smallest size and a largest one that is not smaller (CAP.MPSMIN, CAP.MPSMAX).
#[nvme_test(spec = "Base 3.1.4.1")]
fn the_largest_memory_page_is_not_smaller_than_the_smallest(nvme: &Controller) -> Result {
    let cap = nvme.registers().cap()?;
    assert!(cap.mpsmin() <= cap.mpsmax(), "{cap:?}");
    Ok(())
}

/// An I/O queue may have two entries or more (CAP.MQES is 1h at least).
#[nvme_test(spec = "Base 3.1.4.1")]
fn an_io_queue_may_have_two_entries_at_least(nvme: &Controller) -> Result {
    let cap = nvme.registers().cap()?;
    assert!(2 <= cap.max_queue_entries(), "{cap:?}");
    Ok(())
}

/// CAP.CSS names at least one choice that CC.CSS has.
#[nvme_test(spec = "Base 3.1.4.1")]
fn some_command_set_can_be_selected(nvme: &Controller) -> Result {
    let css = nvme.registers().cap()?.css();
    assert!(css.ncss() || css.iocss() || css.noiocss(), "{css:?}");
    Ok(())
}

/// A controller with an I/O command set does not say that it has none (CAP.CSS.NOIOCSS).
#[nvme_test(spec = "Base 3.1.4.1")]
fn a_controller_with_an_io_command_set_does_not_deny_it(nvme: &Controller) -> Result {
    let css = nvme.registers().cap()?.css();
    assert!(!(css.noiocss() && (css.ncss() || css.iocss())), "{css:?}");
    Ok(())
}

/// VS and VER of Identify Controller are the same revision.
#[nvme_test(spec = "Base 5.1.13.2.1", requires(self::REVISION_1_2))]
fn the_version_property_is_the_version_of_identify(nvme: &Controller) -> Result {
    let vs = nvme.registers().vs()?;
    assert_eq!(vs, Vs::from(nvme.capabilities().controller.ver.get()));
    Ok(())
}

/// A write to a property that cannot be written has no effect.
#[nvme_test(
    spec = "Base 3.1.4",
    cases(cap = Property::CAP, cap_upper = Property(0x04), vs = Property::VS, csts = Property::CSTS)
)]
fn a_read_only_property_ignores_writes(nvme: &Controller, #[case] property: Property) -> Result {
    // CSTS.NSSRO is cleared by writing a one: that bit is written as zero.
    let clears = if property == Property::CSTS { Csts::new().with_nssro(true).into() } else { 0 };
    let registers = nvme.registers();
    let before = registers.read32(property)?;
    registers.write32(property, !before & !clears)?;
    assert_eq!(registers.read32(property)?, before, "{property}");
    Ok(())
}

/// A property of 64 bits may be read in two accesses of a dword.
#[nvme_test(
    spec = "PCIe transport 3.1",
    cases(cap = Property::CAP, asq = Property::ASQ, acq = Property::ACQ)
)]
fn a_64_bit_property_reads_the_same_in_two_dwords(
    nvme: &Controller,
    #[case] property: Property,
) -> Result {
    let registers = nvme.registers();
    let whole = registers.read64(property)?;
    let low = registers.read32(property)?;
    let high = registers.read32(Property(property.0 + 4))?;
    assert_eq!(u64::from(low) | u64::from(high) << 32, whole, "{property}");
    Ok(())
}

/// Properties that are reserved read as zero.
#[nvme_test(spec = "Base 3.1.4")]
fn reserved_properties_read_as_zero(nvme: &Controller) -> Result {
    let registers = nvme.registers();
    let reserved = [0x18..0x1c, 0x6c..0xe00, 0xe1c..0x1000];
    for offset in reserved.into_iter().flat_map(|range| range.step_by(4)) {
        assert_eq!(registers.read32(Property(offset))?, 0, "offset {offset:#x}");
    }
    Ok(())
}

/// A write to a reserved property has no effect.
#[nvme_test(spec = "Base 3.1.4", cases(low = 0x18, middle = 0x6c, last = 0xffc))]
fn a_reserved_property_ignores_writes(nvme: &Controller, #[case] offset: u32) -> Result {
    nvme.registers().write32(Property(offset), u32::MAX)?;
    assert_eq!(nvme.registers().read32(Property(offset))?, 0, "offset {offset:#x}");
    nvme.health()
}

/// The reserved bits of a property are zero.
#[nvme_test(
    spec = "Base 3.1.4",
    cases(
        cap_lower = (Property::CAP, 0x00f8_0000),
        cap_upper = (Property(0x04), 0xc000_0000),
        cc = (Property::CC, 0xfe00_000e),
        csts = (Property::CSTS, 0xffff_ff80),
        aqa = (Property::AQA, 0xf000_f000),
        asq = (Property::ASQ, 0xfff),
        acq = (Property::ACQ, 0xfff),
    )
)]
fn reserved_bits_of_a_property_are_zero(
    nvme: &Controller,
    #[case] (property, reserved): (Property, u32),
) -> Result {
    assert_eq!(nvme.registers().read32(property)? & reserved, 0, "{property}");
    Ok(())
}

/// The reserved bits of a property that the host may write stay zero.
#[nvme_test(
    spec = "Base 3.1.4",
    cases(
        aqa = (Property::AQA, 0xf000_f000),
        asq = (Property::ASQ, 0xfff),
        acq = (Property::ACQ, 0xfff),
    )
)]
fn reserved_bits_of_a_property_ignore_writes(
    nvme: &mut Controller,
    #[case] (property, reserved): (Property, u32),
) -> Result {
    // These may be written only while the controller is disabled.
    nvme.disable()?;
    let before = nvme.registers().read32(property)?;
    nvme.registers().write32(property, before | reserved)?;
    let after = nvme.registers().read32(property)?;
    nvme.reset()?;
    assert_eq!(after, before, "{property}");
    Ok(())
}

/// CC reads back as it was written when the controller was enabled.
#[nvme_test(spec = "Base 3.1.4.5")]
fn cc_reads_back_as_it_was_written(nvme: &Controller) -> Result {
    let config = nvme.config();
    let expected = Cc::new()
        .with_en(true)
        .with_css(config.css)
        .with_mps(config.page_shift - 12)
        .with_ams(config.ams)
        .with_iosqes(config.iosqes)
        .with_iocqes(config.iocqes);
    assert_eq!(nvme.registers().cc()?, expected);
    Ok(())
}

/// Both interrupt mask properties read as the mask, which one sets and the other clears.
#[nvme_test(spec = "Base 3.1.4.3")]
fn interrupts_are_masked_by_intms_and_unmasked_by_intmc(nvme: &Controller) -> Result {
    // MSI-X is disabled in a test that does not ask for interrupts: the properties may be used.
    let registers = nvme.registers();
    let vector_0 = || -> Result<(u32, u32)> {
        let masks = (registers.read32(Property::INTMS)?, registers.read32(Property::INTMC)?);
        Ok((masks.0 & 1, masks.1 & 1))
    };
    registers.write32(Property::INTMS, 1)?;
    let masked = vector_0()?;
    registers.write32(Property::INTMS, 0)?;
    registers.write32(Property::INTMC, 0)?;
    let still_masked = vector_0()?;
    registers.write32(Property::INTMC, 1)?;
    assert_eq!(masked, (1, 1));
    assert_eq!(still_masked, (1, 1), "a bit that is written as zero has no effect");
    assert_eq!(vector_0()?, (0, 0));
    Ok(())
}

/// A value that is not the key resets nothing, and NSSR reads as zero.
#[nvme_test(
    spec = "Base 3.1.4.7",
    cases(zero = 0, ones = u32::MAX, swapped = NSSR_RESET.swap_bytes(), off_by_one = NSSR_RESET + 1)
)]
fn nssr_ignores_what_is_not_the_key(nvme: &Controller, #[case] value: u32) -> Result {
    let registers = nvme.registers();
    registers.write32(Property::NSSR, value)?;
    assert_eq!(registers.read32(Property::NSSR)?, 0);
    assert!(!registers.csts()?.nssro());
    nvme.health()
}

/// CAP.TO, which is for enabling and disabling, is no shorter than what CRTO names for enabling.
#[nvme_test(spec = "Base 3.1.4.1", requires(self::READY_WITH_MEDIA))]
fn cap_names_no_shorter_time_than_crto(nvme: &Controller) -> Result {
    let (cap, crto) = (nvme.registers().cap()?, nvme.registers().crto()?);
    assert!(crto.crwmt().min(0xff) <= u16::from(cap.to()), "{cap:?} {crto:?}");
    Ok(())
}

/// Every controller of revision 2.0 can become ready with its media (CAP.CRMS.CRWMS).
#[nvme_test(spec = "Base 3.1.4.1", requires(REVISION_2_0))]
fn a_controller_can_become_ready_with_media(nvme: &Controller) -> Result {
    assert!(nvme.registers().cap()?.crms().crwms());
    Ok(())
}

/// A Controller Memory Buffer that is not enabled by CMBMSC shows no location and no size.
#[nvme_test(spec = "Base 3.1.4.11", requires(self::REVISION_1_4))]
fn a_controller_memory_buffer_is_hidden_until_it_is_enabled(nvme: &Controller) -> Result {
    let registers = nvme.registers();
    assert_eq!(registers.read32(Property::CMBLOC)?, 0);
    assert_eq!(registers.read32(Property::CMBSZ)?, 0);
    Ok(())
}

/// The properties of what CAP says is not there read as zero.
#[nvme_test(spec = "Base 3.1.4")]
fn the_properties_of_what_is_not_supported_are_zero(nvme: &Controller) -> Result {
    let cap = nvme.registers().cap()?;
    let boot = [Property::BPINFO, Property::BPRSEL];
    let memory = [Property::PMRCAP, Property::PMRCTL, Property::PMRSTS];
    let mut absent = Vec::new();
    absent.extend((!cap.bps()).then_some(boot).into_iter().flatten());
    absent.extend((!cap.pmrs()).then_some(memory).into_iter().flatten());
    if absent.is_empty() {
        return Err(Error::NotApplicable(format!("boot partitions and a PMR are there: {cap:?}")));
    }
    for property in absent {
        assert_eq!(nvme.registers().read32(property)?, 0, "{property}");
    }
    Ok(())
}

/// A controller that is reset keeps AQA, ASQ and ACQ.
#[nvme_test(spec = "Base 3.7.2")]
fn a_controller_reset_keeps_the_admin_queue_properties(nvme: &mut Controller) -> Result {
    let read = |nvme: &Controller| -> Result<(u32, u64, u64)> {
        let registers = nvme.registers();
        let (asq, acq) = (registers.read64(Property::ASQ)?, registers.read64(Property::ACQ)?);
        Ok((registers.read32(Property::AQA)?, asq, acq))
    };
    let before = read(nvme)?;
    nvme.disable()?;
    let after = read(nvme)?;
    nvme.reset()?;
    assert_eq!(after, before);
    Ok(())
}

/// The first dword of each 64-bit property can be written without the second.
#[nvme_test(spec = "PCIe transport 3.1", cases(asq = Property::ASQ, acq = Property::ACQ))]
fn the_dwords_of_a_queue_address_are_written_one_by_one(
    nvme: &mut Controller,
    #[case] property: Property,
) -> Result {
    nvme.disable()?;
    let registers = nvme.registers();
    registers.write64(property, 0)?;
    registers.write32(property, 0x1234_5000)?;
    let lower = registers.read64(property)?;
    registers.write32(Property(property.0 + 4), 0x6789)?;
    let both = registers.read64(property)?;
    nvme.reset()?;
    assert_eq!(lower, 0x1234_5000, "{property}");
    assert_eq!(both, 0x6789_1234_5000, "{property}");
    Ok(())
}

/// Revision 1.2, which is the first whose Identify Controller has VER.
static REVISION_1_2: Capability = Capability {
    name: "revision 1.2 or later",
    field: "VS",
    clause: "Base 3.1.4.2",
    probe: |capabilities| {
        let vs = capabilities.vs;
        Presence { present: Vs::new().with_mjr(1).with_mnr(2) <= vs, value: vs.to_string() }
    },
};

/// Revision 1.4, which is the first with CMBMSC.
static REVISION_1_4: Capability = Capability {
    name: "revision 1.4 or later",
    field: "VS",
    clause: "Base 3.1.4.2",
    probe: |capabilities| {
        let vs = capabilities.vs;
        Presence { present: Vs::V1_4 <= vs, value: vs.to_string() }
    },
};

/// Controller Ready With Media, and with it CRTO.
static READY_WITH_MEDIA: Capability = Capability {
    name: "Controller Ready With Media",
    field: "CAP.CRMS",
    clause: "Base 3.1.4.1",
    probe: |capabilities| {
        let crms = capabilities.cap.crms();
        Presence { present: crms.crwms(), value: format!("{crms:?}") }
    },
};

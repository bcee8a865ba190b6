//! Which log pages there are, and which part of one a command returns (Base 5.1.12).

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::log::SupportedLogPages;
use nvmetest::spec::{Lid, Vs};

use super::{get, retained};
use crate::pattern;

/// The log pages that each controller has can be read.
#[nvme_test(
    spec = "Base 5.1.12.1",
    cases(
        error_information = Lid::ERROR_INFORMATION,
        smart = Lid::SMART,
        firmware_slot = Lid::FIRMWARE_SLOT
    )
)]
fn a_mandatory_page_can_be_read(nvme: &Controller, #[case] lid: Lid) -> Result {
    let mut page = nvme.buffer(64);
    nvme.get_log_page(retained(lid), &mut page).run(nvme)?;
    Ok(())
}

/// From revision 2.0 on more log pages are mandatory.
#[nvme_test(
    spec = "Base 5.1.12.1",
    requires(REVISION_2_0),
    cases(
        supported_pages = Lid::SUPPORTED_LOG_PAGES,
        effects = Lid::COMMANDS_SUPPORTED_AND_EFFECTS,
        feature_effects = Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS
    )
)]
fn a_page_of_revision_2_can_be_read(nvme: &Controller, #[case] lid: Lid) -> Result {
    let mut page = nvme.buffer(1024);
    nvme.get_log_page(retained(lid), &mut page).run(nvme)?;
    assert!(page.iter().any(|&byte| byte != 0), "the page says nothing");
    Ok(())
}

/// How a page that is not there is refused: up to revision 2.0 also as an invalid field (Base 5.1.12.2).
fn refusals(nvme: &Controller) -> Expected {
    if Vs::V2_1 <= nvme.capabilities().vs {
        Status::INVALID_LOG_PAGE.into()
    } else {
        (&[Status::INVALID_LOG_PAGE, Status::INVALID_FIELD_IN_COMMAND]).into()
    }
}

/// A page is supported if, and only if, the Supported Log Pages page says so.
#[nvme_test(spec = "Base 5.1.12.1.1", requires(REVISION_2_0))]
fn the_supported_pages_are_those_that_can_be_read(nvme: &Controller) -> Result {
    let supported: Box<SupportedLogPages> = get(nvme, Lid::SUPPORTED_LOG_PAGES)?;
    let mut page = nvme.buffer(512);
    for lid in (0..=0xff).map(Lid) {
        let read = nvme.get_log_page(retained(lid), &mut page).expect(Expected::Any).run(nvme)?;
        if supported.get(lid).lsupp() {
            // Some pages want more than a LID, and say so in their own way.
            assert_ne!(read.status, Status::INVALID_LOG_PAGE, "LID {:02x}h is supported", lid.0);
        } else {
            assert!(refusals(nvme).admits(read.status), "LID {:02x}h: {}", lid.0, read.status);
        }
    }
    Ok(())
}

/// A log page that the standard reserves fails.
#[nvme_test(spec = "Base 5.1.12.2")]
fn a_reserved_page_fails(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(512);
    for lid in (0x40..=0x6f).map(Lid) {
        nvme.get_log_page(retained(lid), &mut page).expect(refusals(nvme)).run(nvme)?;
    }
    Ok(())
}

/// A page that is read in parts is the page that is read at once.
#[nvme_test(
    spec = "Base 5.1.12",
    requires(EXTENDED_LOG_PAGES),
    cases(dwords = 4, odd = 12, sectors = 512, half = 2048)
)]
fn the_parts_of_a_page_are_the_page(nvme: &Controller, #[case] len: usize) -> Result {
    // A page that changes only with the firmware, and has 4096 bytes.
    let lid = if nvme.capabilities().controller.lpa.cses() {
        Lid::COMMANDS_SUPPORTED_AND_EFFECTS
    } else {
        Lid::FIRMWARE_SLOT
    };
    let size = if lid == Lid::FIRMWARE_SLOT { 512 } else { 4096 };
    let mut whole = nvme.buffer(size);
    nvme.get_log_page(retained(lid), &mut whole).run(nvme)?;
    let mut parts = nvme.buffer(size);
    for (part, offset) in parts.chunks_mut(len).zip((0..).step_by(len)) {
        nvme.get_log_page(LogPage { offset, ..retained(lid) }, part).run(nvme)?;
    }
    pattern::assert_same(&parts, &whole, 512, 0);
    Ok(())
}

/// A command returns as many dwords as it asks for, and no byte more.
#[nvme_test(spec = "Base 5.1.12")]
fn no_byte_is_written_that_was_not_asked_for(nvme: &Controller) -> Result {
    let mut whole = nvme.buffer(512);
    nvme.get_log_page(retained(Lid::FIRMWARE_SLOT), &mut whole).run(nvme)?;
    let mut memory = nvme.buffer(1024);
    for dwords in [1, 2, 3, 7, 64, 127, 128] {
        let place = 256..256 + dwords * 4;
        memory.fill(0x5a);
        let part = memory.slice_mut(place.clone());
        nvme.get_log_page(retained(Lid::FIRMWARE_SLOT), part).run(nvme)?;
        assert_eq!(memory[place.clone()], whole[..dwords * 4], "{dwords} dwords");
        let around = memory[..place.start].iter().chain(&memory[place.end..]);
        assert_eq!(around.filter(|&&byte| byte != 0x5a).count(), 0, "around {dwords} dwords");
    }
    Ok(())
}

/// An offset behind the end of a page fails with Invalid Field in Command.
#[nvme_test(
    spec = "Base 5.1.12",
    requires(EXTENDED_LOG_PAGES),
    cases(a_dword = 516, a_page = 4608, far = 1 << 40)
)]
fn an_offset_behind_the_page_fails(nvme: &Controller, #[case] offset: u64) -> Result {
    let mut page = nvme.buffer(4);
    nvme.get_log_page(LogPage { offset, ..retained(Lid::SMART) }, &mut page)
        .expect(Status::INVALID_FIELD_IN_COMMAND)
        .run(nvme)?;
    Ok(())
}

/// An offset that is no multiple of four is refused, or its lower bits are taken as zero.
#[nvme_test(spec = "Base 5.1.12", requires(EXTENDED_LOG_PAGES), cases(one = 1, two = 2, three = 3))]
fn an_unaligned_offset_is_refused_or_rounded(nvme: &Controller, #[case] by: u64) -> Result {
    let mut whole = nvme.buffer(512);
    nvme.get_log_page(retained(Lid::FIRMWARE_SLOT), &mut whole).run(nvme)?;
    let mut part = nvme.buffer(64);
    let what = LogPage { offset: 8 + by, ..retained(Lid::FIRMWARE_SLOT) };
    let read = nvme.get_log_page(what, &mut part);
    let read = read.expect(&[Status::SUCCESS, Status::INVALID_FIELD_IN_COMMAND]).run(nvme)?;
    if read.status.is_success() {
        assert_eq!(part[..], whole[8..72]);
    }
    Ok(())
}

/// A page of the controller cannot be had of one namespace: Invalid Field in Command.
#[nvme_test(
    spec = "Base 5.1.12",
    cases(error_information = Lid::ERROR_INFORMATION, firmware_slot = Lid::FIRMWARE_SLOT)
)]
fn a_page_of_the_controller_is_of_no_namespace(nvme: &Controller, #[case] lid: Lid) -> Result {
    let mut page = nvme.buffer(64);
    if nvme.capabilities().vs < Vs::V2_0 {
        return Err(Error::NotApplicable("the scope of a page came with revision 2.0".to_owned()));
    }
    for nsid in [0, u32::MAX] {
        nvme.get_log_page(LogPage { nsid, ..retained(lid) }, &mut page).run(nvme)?;
    }
    nvme.get_log_page(LogPage { nsid: 1, ..retained(lid) }, &mut page)
        .expect(Status::INVALID_FIELD_IN_COMMAND)
        .run(nvme)?;
    Ok(())
}

/// SMART of one namespace is there as LPA.SMARTS says.
#[nvme_test(spec = "Base 5.1.12.1.3")]
fn smart_of_a_namespace_is_as_lpa_says(nvme: &Controller, ns: Namespace) -> Result {
    let mut page = nvme.buffer(512);
    let there = nvme.capabilities().controller.lpa.smarts();
    let status = if there { Status::SUCCESS } else { Status::INVALID_FIELD_IN_COMMAND };
    nvme.get_log_page(LogPage { nsid: ns.nsid(), ..retained(Lid::SMART) }, &mut page)
        .expect(status)
        .run(nvme)?;
    Ok(())
}

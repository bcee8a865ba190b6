//! The Identify Namespace data structure (NVM 4.1.5.1).

use nvmetest::Identify;
use nvmetest::prelude::*;
use nvmetest::spec::IdentifyNamespace;

/// Runs `check` for each active namespace.
fn each(nvme: &Controller, check: impl Fn(u32, &IdentifyNamespace) -> Result) -> Result {
    let active = nvme.active_namespaces()?;
    assert!(!active.is_empty(), "no namespace is active");
    for nsid in active {
        check(nsid, &*nvme.identify_namespace(nsid)?)?;
    }
    Ok(())
}

/// NSZE is not below NCAP, and NCAP not below NUSE; without thin provisioning NSZE is NCAP.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn size_capacity_and_utilization_fit_together(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        let (nsze, ncap, nuse) = (id.nsze.get(), id.ncap.get(), id.nuse.get());
        assert!(0 < nsze && ncap <= nsze && nuse <= ncap, "{nsid}: {nsze}, {ncap}, {nuse}");
        if !id.nsfeat.thinp() {
            assert_eq!(nsze, ncap, "namespace {nsid} without thin provisioning");
        }
        Ok(())
    })
}

/// The format in use is one of those that there are, with blocks of 512 bytes at least.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn the_format_in_use_is_a_format(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        let index = usize::from(id.flbas.format_index());
        let formats = id.formats().len();
        assert!(index < formats, "namespace {nsid}: format {index} of {formats}");
        assert!(
            id.format().data_size().is_some(),
            "namespace {nsid}: LBADS {}",
            id.format().lbads()
        );
        Ok(())
    })
}

/// Formats behind the last one are zero, and LBADS of a format is 0 or 9 at least.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn formats_that_do_not_exist_are_zero(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        let formats = id.formats();
        for (index, format) in formats.iter().enumerate() {
            assert!(
                format.lbads() == 0 || 9 <= format.lbads(),
                "namespace {nsid}: format {index} has LBADS {}",
                format.lbads()
            );
        }
        for (index, format) in id.lbaf.iter().enumerate().skip(formats.len()) {
            assert_eq!(format.get(), 0, "namespace {nsid}: format {index} behind the last");
        }
        Ok(())
    })
}

/// Protection information in use is of a type, and at a place, that DPC has, in metadata that hold it.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn protection_in_use_is_protection_that_is_supported(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        let supported = match id.dps.pit() {
            0 => return Ok(()),
            1 => id.dpc.pit1s(),
            2 => id.dpc.pit2s(),
            3 => id.dpc.pit3s(),
            reserved => panic!("namespace {nsid}: protection type {reserved} is reserved"),
        };
        assert!(supported, "namespace {nsid}: {:?} is in use, and there is {:?}", id.dps, id.dpc);
        let place = if id.dps.pip() { id.dpc.pifb() } else { id.dpc.pilb() };
        assert!(place, "namespace {nsid}: {:?} is in use, and there is {:?}", id.dps, id.dpc);
        assert!(8 <= id.format().ms(), "namespace {nsid}: {} bytes of metadata", id.format().ms());
        Ok(())
    })
}

/// Metadata in use are where MC says that they can be.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn metadata_in_use_are_where_they_can_be(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        if id.format().ms() != 0 {
            let possible = if id.flbas.mtelba() { id.mc.mtelbas() } else { id.mc.mttbs() };
            assert!(
                possible,
                "namespace {nsid}: {:?} is in use, and there is {:?}",
                id.flbas, id.mc
            );
        }
        Ok(())
    })
}

/// The atomic units of a namespace are not below those of the controller, nor at power loss above normal.
#[nvme_test(spec = "NVM 2.1.4")]
fn atomic_units_fit_together(nvme: &Controller) -> Result {
    let controller = &nvme.capabilities().controller;
    each(nvme, |nsid, id| {
        if id.nsfeat.nsabp() {
            assert!(controller.awun_z.get() <= id.nawun_z.get(), "namespace {nsid}: NAWUN");
            assert!(controller.awupf_z.get() <= id.nawupf_z.get(), "namespace {nsid}: NAWUPF");
            assert!(id.nawupf_z.get() <= id.nawun_z.get(), "namespace {nsid}: NAWUPF above NAWUN");
        }
        assert!(id.nabo.get() <= id.nabsn_z.get(), "namespace {nsid}: NABO above NABSN");
        Ok(())
    })
}

/// DLFEAT says of deallocated blocks what can be said.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn dlfeat_has_no_reserved_value(nvme: &Controller) -> Result {
    each(nvme, |nsid, id| {
        assert!(id.dlfeat.drb() <= 0b010, "namespace {nsid}: {:?}", id.dlfeat);
        Ok(())
    })
}

/// NGUID and EUI64 are those of the identification descriptors.
#[nvme_test(spec = "Base 5.1.13.2.3")]
fn identifiers_are_those_of_the_descriptors(nvme: &Controller) -> Result {
    use nvmetest::spec::identify::{NamespaceDescriptors, Nidt};

    let mut page = nvme.buffer(4096);
    for nsid in nvme.active_namespaces()? {
        let id = nvme.identify_namespace(nsid)?;
        nvme.identify(Identify::descriptors(nsid), &mut page).run(nvme)?;
        let find = |wanted: Nidt| {
            NamespaceDescriptors::new(&page)
                .filter_map(|descriptor| descriptor.ok())
                .find(|descriptor| descriptor.nidt == wanted)
                .map(|descriptor| descriptor.nid.to_vec())
        };
        let field = |bytes: &[u8]| bytes.iter().any(|&byte| byte != 0).then(|| bytes.to_vec());
        assert_eq!(find(Nidt::NGUID), field(&id.nguid), "NGUID of namespace {nsid}");
        assert_eq!(find(Nidt::EUI64), field(&id.eui64), "EUI64 of namespace {nsid}");
    }
    Ok(())
}

/// An NSID that is valid and inactive has a data structure of zeroes.
#[nvme_test(spec = "Base 3.2.1.3")]
fn an_inactive_namespace_is_all_zeroes(nvme: &Controller) -> Result {
    let active = nvme.active_namespaces()?;
    let nn = nvme.capabilities().controller.nn.get();
    let Some(inactive) = (1..=nn).find(|nsid| !active.contains(nsid)) else {
        return Err(Error::NotApplicable(format!("all {nn} namespaces are active")));
    };
    assert!(nvme.identify_namespace(inactive)?.is_inactive(), "namespace {inactive}");
    Ok(())
}

/// Identify Namespace for NSID FFFFFFFFh fails where there is no Namespace Management.
#[nvme_test(spec = "NVM 4.1.5.1")]
fn all_namespaces_are_no_namespace_without_management(nvme: &Controller) -> Result {
    if nvme.capabilities().controller.oacs.nms() {
        return Err(Error::NotApplicable(
            "OACS.NMS is 1: it tells what namespaces share".to_owned(),
        ));
    }
    let mut page = nvme.buffer(4096);
    nvme.identify(Identify::namespace(u32::MAX), &mut page)
        .expect(Status::INVALID_NAMESPACE_OR_FORMAT)
        .run(nvme)?;
    Ok(())
}

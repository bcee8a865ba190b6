//! Lists of namespaces, and of what identifies one (Base 5.1.13.2.2, 5.1.13.2.3).

use nvmetest::Identify;
use nvmetest::prelude::*;
use nvmetest::spec::identify::{NamespaceDescriptors, NamespaceList, Nidt};

use super::get;

/// The list of active namespaces increases, is zero behind its end, and its NSIDs are valid.
#[nvme_test(spec = "Base 5.1.13.2.2")]
fn the_active_list_is_well_formed(nvme: &Controller) -> Result {
    let list: Box<NamespaceList> = get(nvme, Identify::active_namespaces(0))?;
    assert!(list.is_well_formed(), "{:?}", &list.nsid[..16]);
    let nn = nvme.capabilities().controller.nn.get();
    assert!(list.iter().all(|nsid| nsid <= nn), "an NSID above NN = {nn}");
    assert!(list.iter().next().is_some(), "no namespace is active");
    Ok(())
}

/// A list that is asked for behind an NSID holds the active ones above it and no other.
#[nvme_test(spec = "Base 5.1.13.2.2")]
fn the_active_list_begins_behind_the_nsid(nvme: &Controller) -> Result {
    let all = nvme.active_namespaces()?;
    let nn = nvme.capabilities().controller.nn.get();
    let starts = [0, 1, 2, nn / 2, nn - 1, nn, 0xffff_fffd].into_iter().chain(all.iter().copied());
    for start in starts {
        let list: Box<NamespaceList> = get(nvme, Identify::active_namespaces(start))?;
        let above: Vec<u32> = all.iter().copied().filter(|&nsid| start < nsid).take(1024).collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), above, "behind {start:#x}");
        assert!(list.is_well_formed(), "behind {start:#x}");
    }
    Ok(())
}

/// A list cannot be asked for behind FFFFFFFEh or FFFFFFFFh: Invalid Namespace or Format.
#[nvme_test(spec = "Base 5.1.13.2.2", cases(fffffffe = 0xffff_fffe, ffffffff = 0xffff_ffff))]
fn the_active_list_has_no_such_beginning(nvme: &Controller, #[case] nsid: u32) -> Result {
    let mut page = nvme.buffer(4096);
    nvme.identify(Identify::active_namespaces(nsid), &mut page)
        .expect(Status::INVALID_NAMESPACE_OR_FORMAT)
        .run(nvme)?;
    Ok(())
}

/// Each namespace has identification descriptors of the right lengths, each type once, and zeroes behind.
#[nvme_test(spec = "Base 5.1.13.2.3")]
fn the_descriptors_are_well_formed(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    for nsid in nvme.active_namespaces()? {
        nvme.identify(Identify::descriptors(nsid), &mut page).run(nvme)?;
        let mut types = Vec::new();
        let mut end = 0;
        for descriptor in NamespaceDescriptors::new(&page) {
            let descriptor = descriptor.unwrap_or_else(|error| panic!("namespace {nsid}: {error}"));
            assert!(
                !types.contains(&descriptor.nidt),
                "namespace {nsid}: {} twice",
                descriptor.nidt
            );
            assert_eq!(descriptor.reserved, [0, 0], "namespace {nsid}: {}", descriptor.nidt);
            types.push(descriptor.nidt);
            end += 4 + descriptor.nid.len();
        }
        let unique = [Nidt::EUI64, Nidt::NGUID, Nidt::UUID];
        assert!(
            types.iter().any(|nidt| unique.contains(nidt)),
            "namespace {nsid} is identified by nothing: {types:?}"
        );
        assert!(
            page[end..].iter().all(|&byte| byte == 0),
            "namespace {nsid}: bytes behind the list"
        );
    }
    Ok(())
}

/// No two namespaces are identified by the same value.
#[nvme_test(spec = "Base 5.1.13.2.3")]
fn no_two_namespaces_share_an_identifier(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    let mut seen: Vec<(u32, Nidt, Vec<u8>)> = Vec::new();
    for nsid in nvme.active_namespaces()?.into_iter().take(256) {
        nvme.identify(Identify::descriptors(nsid), &mut page).run(nvme)?;
        let descriptors = NamespaceDescriptors::new(&page).filter_map(|descriptor| descriptor.ok());
        for descriptor in descriptors.filter(|descriptor| descriptor.nidt != Nidt::CSI) {
            assert!(
                descriptor.nid.iter().any(|&byte| byte != 0),
                "namespace {nsid}: {} is zero",
                descriptor.nidt
            );
            let same = seen
                .iter()
                .find(|(_, nidt, nid)| *nidt == descriptor.nidt && nid == descriptor.nid);
            assert!(same.is_none(), "namespaces {nsid} and {same:?}");
            seen.push((nsid, descriptor.nidt, descriptor.nid.to_vec()));
        }
    }
    Ok(())
}

/// The descriptors of all namespaces at once cannot be had: Invalid Namespace or Format.
#[nvme_test(spec = "Base 5.1.13.2.3")]
fn all_namespaces_have_no_descriptors(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    nvme.identify(Identify::descriptors(u32::MAX), &mut page)
        .expect(Status::INVALID_NAMESPACE_OR_FORMAT)
        .run(nvme)?;
    Ok(())
}

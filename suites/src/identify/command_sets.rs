//! What Identify says of I/O command sets (Base 5.1.13.2.5 to 5.1.13.2.8, 5.1.13.2.19).

use nvmetest::Identify;
use nvmetest::capability::{Capability, Presence};
use nvmetest::prelude::*;
use nvmetest::spec::identify::{
    IdentifyIndependentNamespace, IdentifyNvmController, IdentifyNvmNamespace, IoCommandSets,
    NamespaceDescriptors, NamespaceList,
};
use nvmetest::spec::{Cns, Csi, Vs};

use super::get;

/// CAP.CSS: the controller has I/O command sets, and says which.
static IO_COMMAND_SETS: Capability = Capability {
    name: "one or more I/O command sets",
    field: "CAP bit 43",
    clause: "Base 3.1.4.1",
    probe: |capabilities| {
        let cap = u64::from(capabilities.cap);
        Presence { present: cap >> 43 & 1 == 1, value: format!("0, CAP = {cap:#018x}") }
    },
};

/// CNS 05h for the NVM Command Set has no value that is reserved.
#[nvme_test(spec = "NVM 4.1.5.3", requires(self::IO_COMMAND_SETS))]
fn each_namespace_has_an_nvm_structure(nvme: &Controller) -> Result {
    for nsid in nvme.active_namespaces()? {
        let id: Box<IdentifyNvmNamespace> =
            get(nvme, Identify::of(Cns::COMMAND_SET_NAMESPACE.0, nsid))?;
        let formats = nvme.identify_namespace(nsid)?.formats().len();
        for (index, format) in id.elbaf.iter().enumerate() {
            assert!(
                index < formats || format.get() == 0,
                "namespace {nsid}: extended format {index} behind the last"
            );
        }
    }
    Ok(())
}

/// CNS 06h for the NVM Command Set: the limits of Dataset Management are all there, or none.
#[nvme_test(spec = "NVM 3.3.3.1", requires(self::IO_COMMAND_SETS))]
fn limits_of_dataset_management_are_all_there_or_none(nvme: &Controller) -> Result {
    let vs = nvme.capabilities().vs;
    if vs < Vs::V2_1 {
        return Err(Error::NotApplicable(format!("VS is {vs}: the rule came with NVM 1.1")));
    }
    let id: Box<IdentifyNvmController> = get(nvme, Identify::of(Cns::COMMAND_SET_CONTROLLER.0, 0))?;
    let limits = [id.dmrl != 0, id.dmrsl.get() != 0, id.dmsl.get() != 0];
    assert!(limits == [true; 3] || limits == [false; 3], "DMRL, DMRSL, DMSL: {limits:?}");
    Ok(())
}

/// CNS 07h: the active namespaces of the NVM Command Set are those that say so of themselves.
#[nvme_test(spec = "Base 5.1.13.2.7", requires(self::IO_COMMAND_SETS))]
fn the_nvm_namespaces_are_those_that_say_so(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    let mut expected = Vec::new();
    for nsid in nvme.active_namespaces()?.into_iter().take(1024) {
        nvme.identify(Identify::descriptors(nsid), &mut page).run(nvme)?;
        let descriptors = NamespaceDescriptors::new(&page).filter_map(|descriptor| descriptor.ok());
        let csi: Vec<Csi> = descriptors.filter_map(|descriptor| descriptor.csi()).collect();
        assert_eq!(csi.len(), 1, "namespace {nsid} has one command set");
        if csi[0] == Csi::NVM {
            expected.push(nsid);
        }
    }
    let cns = Cns::COMMAND_SET_ACTIVE_NAMESPACE_LIST.0;
    let list: Box<NamespaceList> = get(nvme, Identify::of(cns, 0))?;
    assert_eq!(list.iter().collect::<Vec<_>>(), expected);
    assert!(list.is_well_formed());
    Ok(())
}

/// CNS 08h says of a namespace what CNS 00h says of it.
#[nvme_test(spec = "Base 5.1.13.2.8", requires(self::IO_COMMAND_SETS, REVISION_2_0))]
fn the_independent_structure_agrees(nvme: &Controller) -> Result {
    for nsid in nvme.active_namespaces()? {
        let common: Box<IdentifyIndependentNamespace> =
            get(nvme, Identify::of(Cns::INDEPENDENT_NAMESPACE.0, nsid))?;
        let id = nvme.identify_namespace(nsid)?;
        assert_eq!(common.nmic, id.nmic, "NMIC of namespace {nsid}");
        assert_eq!(common.rescap, id.rescap, "RESCAP of namespace {nsid}");
        assert_eq!(common.nsattr, id.nsattr, "NSATTR of namespace {nsid}");
        assert_eq!(common.anagrpid, id.anagrpid, "ANAGRPID of namespace {nsid}");
        assert_eq!(common.nvmsetid, id.nvmsetid, "NVMSETID of namespace {nsid}");
        assert_eq!(common.endgid, id.endgid, "ENDGID of namespace {nsid}");
    }
    Ok(())
}

/// CNS 1Ch: a combination of command sets has the NVM Command Set, and no two are alike.
#[nvme_test(spec = "Base 5.1.13.2.19", requires(self::IO_COMMAND_SETS))]
fn there_is_a_combination_with_the_nvm_command_set(nvme: &Controller) -> Result {
    let what = Identify { cntid: 0xffff, ..Identify::of(Cns::COMMAND_SETS.0, 0) };
    let sets: Box<IoCommandSets> = get(nvme, what)?;
    let combinations: Vec<_> = sets.combinations().collect();
    assert!(combinations.iter().any(|sets| sets.nvm()), "{combinations:?}");
    for (number, sets) in combinations.iter().enumerate() {
        assert!(!combinations[..number].contains(sets), "combination {number} is there twice");
    }
    Ok(())
}

/// A command set that nobody has defined is refused.
#[nvme_test(
    spec = "Base 5.1.13.1",
    requires(self::IO_COMMAND_SETS),
    cases(namespace = (0x05, 1), controller = (0x06, 0), list = (0x07, 0))
)]
fn an_undefined_command_set_is_refused(
    nvme: &Controller,
    #[case] (cns, nsid): (u8, u32),
) -> Result {
    let mut page = nvme.buffer(4096);
    for csi in [0x20, 0x2f] {
        nvme.identify(Identify { csi, ..Identify::of(cns, nsid) }, &mut page)
            .expect(&[Status::INVALID_FIELD_IN_COMMAND, Status::INVALID_IO_COMMAND_SET])
            .run(nvme)?;
    }
    Ok(())
}

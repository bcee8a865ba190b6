//! What holds for each Identify command, whatever it asks for.

use nvmetest::Identify;
use nvmetest::prelude::*;

use crate::pattern;

/// The data structure has 4096 bytes, and no byte beside them is written.
#[nvme_test(
    spec = "Base 5.1.13",
    cases(
        controller = Identify::CONTROLLER,
        namespace = Identify::namespace(1),
        list = Identify::active_namespaces(0),
        descriptors = Identify::descriptors(1)
    )
)]
fn no_byte_beside_the_structure_is_written(nvme: &Controller, #[case] what: Identify) -> Result {
    let mut memory = nvme.buffer(3 * 4096);
    memory.fill(0x5a);
    nvme.identify(what, memory.slice_mut(4096..2 * 4096)).run(nvme)?;
    let around = memory[..4096].iter().chain(&memory[2 * 4096..]);
    assert_eq!(around.filter(|&&byte| byte != 0x5a).count(), 0, "bytes around it");
    // All structures end in bytes that are zero or vendor specific, and begin with one that says something.
    assert!(memory[4096..2 * 4096].iter().any(|&byte| byte != 0x5a), "the structure itself");
    Ok(())
}

/// The structure may stand at any dword in memory, and is the same there.
#[nvme_test(spec = "Base 4.3.1")]
fn the_structure_may_stand_at_any_dword(nvme: &Controller) -> Result {
    let mut whole = nvme.buffer(4096);
    nvme.identify(Identify::CONTROLLER, &mut whole).run(nvme)?;
    let mut memory = nvme.buffer(2 * 4096);
    for offset in (0..4096).step_by(4) {
        memory.fill(0x5a);
        let place = offset..offset + 4096;
        nvme.identify(Identify::CONTROLLER, memory.slice_mut(place.clone())).run(nvme)?;
        assert!(memory[place.clone()] == whole[..], "at offset {offset} it is another");
        let around = memory[..place.start].iter().chain(&memory[place.end..]);
        assert!(around.into_iter().all(|&byte| byte == 0x5a), "bytes around it at offset {offset}");
    }
    Ok(())
}

/// Nothing that Identify says changes while nothing is done to the controller.
#[nvme_test(
    spec = "Base 5.1.13",
    cases(
        controller = Identify::CONTROLLER,
        namespace = Identify::namespace(1),
        list = Identify::active_namespaces(0),
        descriptors = Identify::descriptors(1)
    )
)]
fn it_says_the_same_each_time(nvme: &Controller, #[case] what: Identify) -> Result {
    let mut first = nvme.buffer(4096);
    let mut again = nvme.buffer(4096);
    nvme.identify(what, &mut first).run(nvme)?;
    for _ in 0..200 {
        again.fill(0);
        nvme.identify(what, &mut again).run(nvme)?;
        assert!(again[..] == first[..], "it says something else");
    }
    Ok(())
}

/// A reset changes nothing of what Identify says.
#[nvme_test(spec = "Base 3.7.2")]
fn a_reset_changes_nothing_of_it(nvme: &mut Controller) -> Result {
    let all = [
        Identify::CONTROLLER,
        Identify::namespace(1),
        Identify::active_namespaces(0),
        Identify::descriptors(1),
    ];
    let ask = |nvme: &Controller| -> Result<Vec<Vec<u8>>> {
        let mut page = nvme.buffer(4096);
        let mut pages = Vec::new();
        for what in all {
            nvme.identify(what, &mut page).run(nvme)?;
            pages.push(page.to_vec());
        }
        Ok(pages)
    };
    let before = ask(nvme)?;
    nvme.reset()?;
    let after = ask(nvme)?;
    for ((before, after), what) in before.iter().zip(&after).zip(all) {
        assert!(before == after, "CNS {:02x}h says something else after the reset", what.cns);
    }
    Ok(())
}

/// A CNS value that the standard reserves fails with Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.13.1")]
fn a_reserved_cns_fails(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    // Far behind what revision 2.1 defines, so that a later one has not given them away.
    for cns in 0x60..=0xbf {
        nvme.identify(Identify::of(cns, 0), &mut page)
            .expect(Status::INVALID_FIELD_IN_COMMAND)
            .run(nvme)?;
    }
    Ok(())
}

/// Identify for an NSID above NN fails with Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2", cases(namespace = 0x00, descriptors = 0x03))]
fn an_invalid_namespace_fails(nvme: &Controller, #[case] cns: u8) -> Result {
    let mut page = nvme.buffer(4096);
    let above = pattern::nsid_above_nn(nvme)?;
    for nsid in [above, 0xffff_fffd.max(above), 0xffff_fffe] {
        nvme.identify(Identify::of(cns, nsid), &mut page)
            .expect(Status::INVALID_NAMESPACE_OR_FORMAT)
            .run(nvme)?;
    }
    Ok(())
}

/// An admin opcode that no command has fails with Invalid Command Opcode.
#[nvme_test(spec = "Base 4.2.3.1")]
fn an_unknown_admin_opcode_fails(nvme: &Controller) -> Result {
    // Of the opcodes that no revision has given away, those without a data transfer.
    for opcode in [0x4c, 0x50, 0x54, 0x58, 0x5c] {
        nvme.keep_alive()
            .edit(|sqe| sqe.set_opcode(opcode))
            .expect(Status::INVALID_COMMAND_OPCODE)
            .run(nvme)?;
    }
    Ok(())
}

/// Admin commands take no SGL over PCIe: PSDT other than 00b fails with Invalid Field in Command.
#[nvme_test(spec = "Base 4.1.1")]
fn an_sgl_in_an_admin_command_fails(nvme: &Controller) -> Result {
    let mut page = nvme.buffer(4096);
    nvme.identify(Identify::CONTROLLER, &mut page)
        .layout(Layout::Sgl)
        .expect(Status::INVALID_FIELD_IN_COMMAND)
        .run(nvme)?;
    assert!(page.iter().all(|&byte| byte == 0), "data was transferred nevertheless");
    Ok(())
}

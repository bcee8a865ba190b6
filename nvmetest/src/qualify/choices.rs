//! What a controller chose of what the standard leaves open.

use crate::Controller;
use crate::results::Choice;

/// Returns what a reader wants to know of an implementation: each field, its value, and the clause that leaves it open.
pub(super) fn of(nvme: &Controller) -> Vec<Choice> {
    let capabilities = nvme.capabilities();
    let (cap, id) = (capabilities.cap, &capabilities.controller);
    let (queues, completion_queues) = nvme.queues_granted();
    let transfer = match capabilities.max_transfer() {
        Some(bytes) => format!("{} ({bytes} bytes)", id.mdts),
        None => "0 (no limit)".to_owned(),
    };
    const CAP: &str = "Base 3.1.4.1";
    const IDENTIFY: &str = "Base 5.1.13.2.1";
    [
        ("CAP.MQES", format!("{} entries", cap.max_queue_entries()), CAP),
        ("CAP.CQR", yes(cap.cqr()), CAP),
        ("CAP.AMS", format!("{:02b}b", cap.ams()), CAP),
        ("CAP.TO", format!("{:?}", cap.timeout()), CAP),
        ("CAP.DSTRD", cap.dstrd().to_string(), CAP),
        ("CAP.NSSRS", yes(cap.nssrs()), CAP),
        ("CAP.MPSMIN", format!("{} bytes", cap.min_page_size()), CAP),
        ("CAP.MPSMAX", format!("{} bytes", cap.max_page_size()), CAP),
        ("CAP.CMBS", yes(cap.cmbs()), CAP),
        ("CAP.PMRS", yes(cap.pmrs()), CAP),
        ("MDTS", transfer, IDENTIFY),
        ("OAES", format!("{:#x}", id.oaes.get()), IDENTIFY),
        ("OACS", format!("{:#x}", id.oacs.get()), IDENTIFY),
        ("ACL", format!("{} commands", u16::from(id.acl_z) + 1), IDENTIFY),
        ("AERL", format!("{} requests", u16::from(id.aerl_z) + 1), IDENTIFY),
        ("ELPE", format!("{} entries", u16::from(id.elpe_z) + 1), IDENTIFY),
        ("NPSS", format!("{} power states", u16::from(id.npss_z) + 1), IDENTIFY),
        ("HMPRE", format!("{} KiB", u64::from(id.hmpre.get()) * 4), IDENTIFY),
        ("KAS", format!("{} ms", u32::from(id.kas.get()) * 100), IDENTIFY),
        ("MAXCMD", id.maxcmd.get().to_string(), IDENTIFY),
        ("NN", id.nn.get().to_string(), IDENTIFY),
        ("ONCS", format!("{:#x}", id.oncs.get()), IDENTIFY),
        ("FUSES", format!("{:#x}", id.fuses.get()), IDENTIFY),
        ("FNA", format!("{:#x}", id.fna.into_bits()), IDENTIFY),
        ("VWC", format!("{:#x}", id.vwc.into_bits()), IDENTIFY),
        ("AWUN", format!("{} blocks", u32::from(id.awun_z.get()) + 1), IDENTIFY),
        ("AWUPF", format!("{} blocks", u32::from(id.awupf_z.get()) + 1), IDENTIFY),
        ("SGLS", format!("{:#x}", id.sgls.get()), IDENTIFY),
        ("NSQA, NCQA", format!("{queues} and {completion_queues} queues"), "Base 5.1.25.2.1"),
    ]
    .map(|(name, value, clause)| Choice { name: name.to_owned(), value, clause: clause.to_owned() })
    .into()
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

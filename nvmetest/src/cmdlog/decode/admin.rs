//! Admin commands (Base 5).

use super::Fields;
use super::bit;
use super::bits;
use super::named;
use super::qword;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;
use crate::spec::command::AbortCdw10;
use crate::spec::command::CreateIoCqCdw11;
use crate::spec::command::CreateIoQueueCdw10;
use crate::spec::command::CreateIoSqCdw11;
use crate::spec::command::CreateIoSqCdw12;
use crate::spec::command::DeleteIoQueueCdw10;
use crate::spec::command::FeaturesCdw14;
use crate::spec::command::FormatNvmCdw10;
use crate::spec::command::GetFeaturesCdw10;
use crate::spec::command::GetLogPageCdw10;
use crate::spec::command::GetLogPageCdw11;
use crate::spec::command::GetLogPageCdw14;
use crate::spec::command::IdentifyCdw10;
use crate::spec::command::IdentifyCdw11;
use crate::spec::command::IdentifyCdw14;
use crate::spec::command::QueuePriority;
use crate::spec::command::SetFeaturesCdw10;
use crate::spec::command::log_page::number_of_dwords;
use crate::spec::feature::Fid;
use crate::spec::feature::HostMemoryBuffer;
use crate::spec::identify::Csi;

/// Adds the fields of a command; `false` if it is none that this module knows.
pub(super) fn describe(sqe: &Sqe, fields: &mut Fields) -> bool {
    match sqe.admin_opcode() {
        AdminOpcode::DELETE_IO_SQ | AdminOpcode::DELETE_IO_CQ => {
            fields.number("qid", DeleteIoQueueCdw10::from_bits(sqe.cdw10.get()).qid());
        }
        AdminOpcode::CREATE_IO_SQ => create_io_sq(sqe, fields),
        AdminOpcode::CREATE_IO_CQ => create_io_cq(sqe, fields),
        AdminOpcode::GET_LOG_PAGE => get_log_page(sqe, fields),
        AdminOpcode::IDENTIFY => identify(sqe, fields),
        AdminOpcode::ABORT => {
            let cdw10 = AbortCdw10::from_bits(sqe.cdw10.get());
            fields.number("sqid", cdw10.sqid());
            fields.hex("cid", cdw10.cid());
        }
        AdminOpcode::SET_FEATURES => set_features(sqe, fields),
        AdminOpcode::GET_FEATURES => get_features(sqe, fields),
        AdminOpcode::ASYNC_EVENT_REQUEST
        | AdminOpcode::KEEP_ALIVE
        | AdminOpcode::DOORBELL_BUFFER_CONFIG => {}
        AdminOpcode::NAMESPACE_MANAGEMENT => {
            let sel = bits(sqe.cdw10, 3, 0);
            fields.code("SEL", sel as u8, named(&["Create", "Delete"], sel));
            csi(Csi(bits(sqe.cdw11, 31, 24) as u8), fields);
        }
        AdminOpcode::NAMESPACE_ATTACHMENT => {
            let sel = bits(sqe.cdw10, 3, 0);
            let names = ["Controller Attach", "Controller Detach"];
            fields.code("SEL", sel as u8, named(&names, sel));
        }
        AdminOpcode::FIRMWARE_COMMIT => {
            fields.number("fs", bits(sqe.cdw10, 2, 0));
            fields.code("CA", bits(sqe.cdw10, 5, 3) as u8, None);
            fields.optional_number("bpid", bits(sqe.cdw10, 31, 31));
        }
        AdminOpcode::FIRMWARE_IMAGE_DOWNLOAD => {
            fields.number("dwords", bits(sqe.cdw10, 31, 0) + 1);
            fields.hex("ofst", bits(sqe.cdw11, 31, 0));
        }
        AdminOpcode::DEVICE_SELF_TEST => device_self_test(sqe, fields),
        AdminOpcode::DIRECTIVE_SEND | AdminOpcode::DIRECTIVE_RECEIVE => {
            fields.number("dwords", bits(sqe.cdw10, 31, 0) + 1);
            fields.code("DOPER", bits(sqe.cdw11, 7, 0) as u8, None);
            let dtype = bits(sqe.cdw11, 15, 8);
            fields.code("DTYPE", dtype as u8, named(&["Identify", "Streams"], dtype));
            fields.hex("dspec", bits(sqe.cdw11, 31, 16));
        }
        AdminOpcode::FORMAT_NVM => format_nvm(sqe, fields),
        AdminOpcode::SECURITY_SEND | AdminOpcode::SECURITY_RECEIVE => {
            fields.code("SECP", bits(sqe.cdw10, 31, 24) as u8, None);
            fields.hex("spsp", bits(sqe.cdw10, 23, 8));
            fields.optional_hex("nssf", bits(sqe.cdw10, 7, 0));
            fields.number("length", bits(sqe.cdw11, 31, 0));
        }
        AdminOpcode::SANITIZE => sanitize(sqe, fields),
        _ => return false,
    }
    true
}

/// Create I/O Submission Queue (Base 5.2.2).
fn create_io_sq(sqe: &Sqe, fields: &mut Fields) {
    let cdw11 = CreateIoSqCdw11::from_bits(sqe.cdw11.get());
    queue(sqe, fields);
    fields.flag("PC", cdw11.pc());
    fields.number("cqid", cdw11.cqid());
    // Most queues are of the first class: with round robin arbitration it means nothing.
    if cdw11.qprio() != QueuePriority::URGENT {
        fields.code("QPRIO", cdw11.qprio().0, cdw11.qprio().name());
    }
    fields.optional_number("nvmsetid", CreateIoSqCdw12::from_bits(sqe.cdw12.get()).nvmsetid());
}

/// Create I/O Completion Queue (Base 5.2.1).
fn create_io_cq(sqe: &Sqe, fields: &mut Fields) {
    let cdw11 = CreateIoCqCdw11::from_bits(sqe.cdw11.get());
    queue(sqe, fields);
    fields.flag("PC", cdw11.pc());
    fields.flag("IEN", cdw11.ien());
    fields.number("iv", cdw11.iv());
}

/// Command Dword 10 of both of them.
fn queue(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = CreateIoQueueCdw10::from_bits(sqe.cdw10.get());
    fields.number("qid", cdw10.qid());
    fields.number("qsize", u64::from(cdw10.qsize_z()) + 1);
}

/// Get Log Page (Base 5.1.12).
fn get_log_page(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = GetLogPageCdw10::from_bits(sqe.cdw10.get());
    let cdw11 = GetLogPageCdw11::from_bits(sqe.cdw11.get());
    let cdw14 = GetLogPageCdw14::from_bits(sqe.cdw14.get());
    fields.code("LID", cdw10.lid().0, cdw10.lid().name());
    fields.optional_hex("lsp", cdw10.lsp());
    fields.flag("RAE", cdw10.rae());
    fields.number("dwords", number_of_dwords(cdw10, cdw11));
    fields.optional_hex("lsi", cdw11.lsi());
    fields.optional_hex("lpo", qword(sqe.cdw12, sqe.cdw13));
    fields.optional_number("uidx", cdw14.uidx());
    fields.flag("OT", cdw14.ot());
    csi(cdw14.csi(), fields);
}

/// Identify (Base 5.1.13).
fn identify(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = IdentifyCdw10::from_bits(sqe.cdw10.get());
    let cdw11 = IdentifyCdw11::from_bits(sqe.cdw11.get());
    fields.code("CNS", cdw10.cns().0, cdw10.cns().name());
    fields.optional_hex("cntid", cdw10.cntid());
    fields.optional_hex("cnssid", cdw11.cnssid());
    csi(cdw11.csi(), fields);
    fields.optional_number("uidx", IdentifyCdw14::from_bits(sqe.cdw14.get()).uidx());
}

/// Set Features (Base 5.1.25).
fn set_features(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = SetFeaturesCdw10::from_bits(sqe.cdw10.get());
    fields.code("FID", cdw10.fid().0, cdw10.fid().name());
    fields.flag("SV", cdw10.sv());
    if cdw10.fid() == Fid::HOST_MEMORY_BUFFER {
        return host_memory_buffer(sqe, fields);
    }
    fields.hex("cdw11", sqe.cdw11.get());
    for (name, dword) in [("cdw12", sqe.cdw12), ("cdw13", sqe.cdw13), ("cdw15", sqe.cdw15)] {
        fields.optional_hex(name, dword.get());
    }
    fields.optional_number("uidx", FeaturesCdw14::from_bits(sqe.cdw14.get()).uidx());
}

/// Set Features for the Host Memory Buffer (Base 5.1.25.2.4).
fn host_memory_buffer(sqe: &Sqe, fields: &mut Fields) {
    let cdw11 = HostMemoryBuffer::from_bits(sqe.cdw11.get());
    fields.number("ehm", u8::from(cdw11.ehm()));
    fields.flag("MR", cdw11.mr());
    fields.flag("HMNARE", cdw11.hmnare());
    fields.optional_number("hsize", sqe.cdw12.get());
    fields.optional_hex("hmdl", qword(sqe.cdw13, sqe.cdw14));
    fields.optional_number("hmdlec", sqe.cdw15.get());
}

/// Get Features (Base 5.1.11).
fn get_features(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = GetFeaturesCdw10::from_bits(sqe.cdw10.get());
    fields.code("FID", cdw10.fid().0, cdw10.fid().name());
    fields.code("SEL", cdw10.sel().0, cdw10.sel().name());
    fields.optional_hex("cdw11", sqe.cdw11.get());
    fields.optional_number("uidx", FeaturesCdw14::from_bits(sqe.cdw14.get()).uidx());
}

/// Device Self-test (Base 5.1.5).
fn device_self_test(sqe: &Sqe, fields: &mut Fields) {
    let stc = bits(sqe.cdw10, 3, 0);
    let meaning = match stc {
        0x1 => Some("Short"),
        0x2 => Some("Extended"),
        0xE => Some("Vendor specific"),
        0xF => Some("Abort"),
        _ => None,
    };
    fields.code("STC", stc as u8, meaning);
}

/// Format NVM (Base 5.1.10).
fn format_nvm(sqe: &Sqe, fields: &mut Fields) {
    let cdw10 = FormatNvmCdw10::from_bits(sqe.cdw10.get());
    fields.number("lbaf", cdw10.format_index());
    fields.flag("MSET", cdw10.mset());
    fields.optional_number("pi", cdw10.pi());
    fields.flag("PIL", cdw10.pil());
    fields.code("SES", cdw10.ses().0, cdw10.ses().name());
}

/// Sanitize (Base 5.1.22).
fn sanitize(sqe: &Sqe, fields: &mut Fields) {
    let action = bits(sqe.cdw10, 2, 0);
    let names = ["", "Exit Failure Mode", "Block Erase", "Overwrite", "Crypto Erase"];
    fields.code("SANACT", action as u8, named(&names, action));
    fields.flag("AUSE", bit(sqe.cdw10, 3));
    fields.optional_number("owpass", bits(sqe.cdw10, 7, 4));
    fields.flag("OIPBP", bit(sqe.cdw10, 8));
    fields.flag("NDAS", bit(sqe.cdw10, 9));
    fields.flag("EMVS", bit(sqe.cdw10, 10));
    fields.optional_hex("ovrpat", sqe.cdw11.get());
}

/// CSI 0 is the NVM Command Set, which is the usual case and left out.
fn csi(csi: Csi, fields: &mut Fields) {
    if csi != Csi(0) {
        fields.code("CSI", csi.0, csi.name());
    }
}

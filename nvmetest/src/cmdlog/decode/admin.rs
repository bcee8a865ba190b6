//! Admin commands (Base 5).

use super::Fields;
use super::bit;
use super::bits;
use super::named;
use super::qword;
use crate::spec::AdminOpcode;
use crate::spec::Sqe;
use crate::spec::identify::Cns;
use crate::spec::identify::Csi;
use crate::spec::log::Lid;

/// Adds the fields of a command; `false` if it is none that this module knows.
pub(super) fn describe(sqe: &Sqe, fields: &mut Fields) -> bool {
    match sqe.admin_opcode() {
        AdminOpcode::DELETE_IO_SQ | AdminOpcode::DELETE_IO_CQ => {
            fields.number("qid", bits(sqe.cdw10, 15, 0));
        }
        AdminOpcode::CREATE_IO_SQ => create_io_sq(sqe, fields),
        AdminOpcode::CREATE_IO_CQ => create_io_cq(sqe, fields),
        AdminOpcode::GET_LOG_PAGE => get_log_page(sqe, fields),
        AdminOpcode::IDENTIFY => identify(sqe, fields),
        AdminOpcode::ABORT => {
            fields.number("sqid", bits(sqe.cdw10, 15, 0));
            fields.hex("cid", bits(sqe.cdw10, 31, 16));
        }
        AdminOpcode::SET_FEATURES => set_features(sqe, fields),
        AdminOpcode::GET_FEATURES => get_features(sqe, fields),
        AdminOpcode::ASYNC_EVENT_REQUEST
        | AdminOpcode::KEEP_ALIVE
        | AdminOpcode::DOORBELL_BUFFER_CONFIG => {}
        AdminOpcode::NAMESPACE_MANAGEMENT => {
            let sel = bits(sqe.cdw10, 3, 0);
            fields.code("SEL", sel as u8, named(&["Create", "Delete"], sel));
            csi(sqe.cdw11, fields);
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
    queue(sqe, fields);
    fields.number("cqid", bits(sqe.cdw11, 31, 16));
    fields.optional_number("qprio", bits(sqe.cdw11, 2, 1));
    fields.optional_number("nvmsetid", bits(sqe.cdw12, 15, 0));
}

/// Create I/O Completion Queue (Base 5.2.1).
fn create_io_cq(sqe: &Sqe, fields: &mut Fields) {
    queue(sqe, fields);
    fields.flag("IEN", bit(sqe.cdw11, 1));
    fields.number("iv", bits(sqe.cdw11, 31, 16));
}

/// What both of them have in the same bits.
fn queue(sqe: &Sqe, fields: &mut Fields) {
    fields.number("qid", bits(sqe.cdw10, 15, 0));
    fields.number("qsize", bits(sqe.cdw10, 31, 16) + 1);
    fields.flag("PC", bit(sqe.cdw11, 0));
}

/// Get Log Page (Base 5.1.12).
fn get_log_page(sqe: &Sqe, fields: &mut Fields) {
    let lid = Lid(bits(sqe.cdw10, 7, 0) as u8);
    fields.code("LID", lid.0, lid.name());
    fields.optional_hex("lsp", bits(sqe.cdw10, 14, 8));
    fields.flag("RAE", bit(sqe.cdw10, 15));
    let numd = bits(sqe.cdw11, 15, 0) << 16 | bits(sqe.cdw10, 31, 16);
    fields.number("dwords", numd + 1);
    fields.optional_hex("lsi", bits(sqe.cdw11, 31, 16));
    fields.optional_hex("lpo", qword(sqe.cdw12.get(), sqe.cdw13.get()));
    fields.optional_number("uidx", bits(sqe.cdw14, 6, 0));
    fields.flag("OT", bit(sqe.cdw14, 23));
    csi(sqe.cdw14, fields);
}

/// Identify (Base 5.1.13).
fn identify(sqe: &Sqe, fields: &mut Fields) {
    let cns = Cns(bits(sqe.cdw10, 7, 0) as u8);
    fields.code("CNS", cns.0, cns.name());
    fields.optional_hex("cntid", bits(sqe.cdw10, 31, 16));
    fields.optional_hex("cnssid", bits(sqe.cdw11, 15, 0));
    csi(sqe.cdw11, fields);
    fields.optional_number("uidx", bits(sqe.cdw14, 6, 0));
}

/// Set Features (Base 5.1.25).
fn set_features(sqe: &Sqe, fields: &mut Fields) {
    feature(sqe, fields);
    fields.flag("SV", bit(sqe.cdw10, 31));
    fields.hex("cdw11", sqe.cdw11.get().into());
    for (name, dword) in [("cdw12", sqe.cdw12), ("cdw13", sqe.cdw13), ("cdw15", sqe.cdw15)] {
        fields.optional_hex(name, dword.get().into());
    }
    fields.optional_number("uidx", bits(sqe.cdw14, 6, 0));
}

/// Get Features (Base 5.1.11).
fn get_features(sqe: &Sqe, fields: &mut Fields) {
    feature(sqe, fields);
    let sel = bits(sqe.cdw10, 10, 8);
    let names = ["Current", "Default", "Saved", "Supported Capabilities"];
    fields.code("SEL", sel as u8, named(&names, sel));
    fields.optional_hex("cdw11", sqe.cdw11.get().into());
    fields.optional_number("uidx", bits(sqe.cdw14, 6, 0));
}

fn feature(sqe: &Sqe, fields: &mut Fields) {
    let fid = bits(sqe.cdw10, 7, 0) as u8;
    fields.code("FID", fid, None);
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
    fields.number("lbaf", bits(sqe.cdw10, 13, 12) << 4 | bits(sqe.cdw10, 3, 0));
    fields.flag("MSET", bit(sqe.cdw10, 4));
    fields.optional_number("pi", bits(sqe.cdw10, 7, 5));
    fields.flag("PIL", bit(sqe.cdw10, 8));
    let ses = bits(sqe.cdw10, 11, 9);
    let names = ["No secure erase", "User Data Erase", "Cryptographic Erase"];
    fields.code("SES", ses as u8, named(&names, ses));
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
    fields.optional_hex("ovrpat", sqe.cdw11.get().into());
}

/// CSI, in bits 31:24 of the dwords that have one; 0 is the NVM Command Set and the usual case.
fn csi(dword: zerocopy::little_endian::U32, fields: &mut Fields) {
    let csi = Csi(bits(dword, 31, 24) as u8);
    if csi.0 != 0 {
        fields.code("CSI", csi.0, csi.name());
    }
}

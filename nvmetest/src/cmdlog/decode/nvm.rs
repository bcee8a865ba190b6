//! I/O commands of the NVM Command Set (NVM 3.3), and those of every command set (Base 7).

use super::Fields;
use super::bit;
use super::bits;
use super::named;
use super::qword;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;

/// Adds the fields of a command; `false` if it is none that this module knows.
pub(super) fn describe(sqe: &Sqe, fields: &mut Fields) -> bool {
    match sqe.nvm_opcode() {
        NvmOpcode::FLUSH => {}
        NvmOpcode::READ | NvmOpcode::COMPARE | NvmOpcode::VERIFY => {
            lba_range(sqe, fields);
            protection(sqe, fields);
            fields.optional_hex("dsm", bits(sqe.cdw13, 7, 0));
        }
        NvmOpcode::WRITE => {
            lba_range(sqe, fields);
            protection(sqe, fields);
            directive(sqe, fields);
            fields.optional_hex("dsm", bits(sqe.cdw13, 7, 0));
        }
        NvmOpcode::WRITE_ZEROES => {
            lba_range(sqe, fields);
            fields.flag("DEAC", bit(sqe.cdw12, 25));
            protection(sqe, fields);
            directive(sqe, fields);
        }
        NvmOpcode::WRITE_UNCORRECTABLE => {
            lba_range(sqe, fields);
            directive(sqe, fields);
        }
        NvmOpcode::DATASET_MANAGEMENT => {
            fields.number("nr", bits(sqe.cdw10, 7, 0) + 1);
            fields.flag("IDR", bit(sqe.cdw11, 0));
            fields.flag("IDW", bit(sqe.cdw11, 1));
            fields.flag("AD", bit(sqe.cdw11, 2));
        }
        NvmOpcode::COPY => copy(sqe, fields),
        NvmOpcode::RESERVATION_REGISTER => {
            let names = ["Register", "Unregister", "Replace"];
            reservation("RREGA", &names, sqe, fields);
            fields.optional_number("cptpl", bits(sqe.cdw10, 31, 30));
        }
        NvmOpcode::RESERVATION_ACQUIRE => {
            reservation("RACQA", &["Acquire", "Preempt", "Preempt and Abort"], sqe, fields);
            fields.number("rtype", bits(sqe.cdw10, 15, 8));
        }
        NvmOpcode::RESERVATION_RELEASE => {
            reservation("RRELA", &["Release", "Clear"], sqe, fields);
            fields.number("rtype", bits(sqe.cdw10, 15, 8));
        }
        NvmOpcode::RESERVATION_REPORT => {
            fields.number("dwords", bits(sqe.cdw10, 31, 0) + 1);
            fields.flag("EDS", bit(sqe.cdw11, 0));
        }
        NvmOpcode::CANCEL => {
            fields.number("sqid", bits(sqe.cdw10, 15, 0));
            fields.hex("cid", bits(sqe.cdw10, 31, 16));
            let action = bits(sqe.cdw11, 1, 0);
            let names = ["Single Command Cancel", "Multiple Command Cancel"];
            fields.code("ACT", action as u8, named(&names, action));
        }
        _ => return false,
    }
    true
}

/// SLBA and NLB, where Read has them (NVM 3.3.4).
fn lba_range(sqe: &Sqe, fields: &mut Fields) {
    fields.hex("slba", qword(sqe.cdw10.get(), sqe.cdw11.get()));
    fields.number("nlb", bits(sqe.cdw12, 15, 0) + 1);
}

/// The upper bits of Command Dword 12, where Read has them (NVM 3.3.4).
fn protection(sqe: &Sqe, fields: &mut Fields) {
    fields.flag("STC", bit(sqe.cdw12, 24));
    fields.optional_hex("prinfo", bits(sqe.cdw12, 29, 26));
    fields.flag("FUA", bit(sqe.cdw12, 30));
    fields.flag("LR", bit(sqe.cdw12, 31));
}

/// DTYPE and DSPEC, where Write has them (NVM 3.3.6).
fn directive(sqe: &Sqe, fields: &mut Fields) {
    let dtype = bits(sqe.cdw12, 23, 20);
    if dtype != 0 {
        fields.code("DTYPE", dtype as u8, named(&["", "Streams", "Data Placement"], dtype));
        fields.hex("dspec", bits(sqe.cdw13, 31, 16));
    }
}

/// Copy (NVM 3.3.2).
fn copy(sqe: &Sqe, fields: &mut Fields) {
    fields.hex("sdlba", qword(sqe.cdw10.get(), sqe.cdw11.get()));
    fields.number("nr", bits(sqe.cdw12, 7, 0) + 1);
    fields.number("desfmt", bits(sqe.cdw12, 11, 8));
    fields.optional_hex("prinfor", bits(sqe.cdw12, 15, 12));
    fields.flag("STCR", bit(sqe.cdw12, 24));
    fields.flag("STCW", bit(sqe.cdw12, 25));
    fields.optional_hex("prinfow", bits(sqe.cdw12, 29, 26));
    fields.flag("FUA", bit(sqe.cdw12, 30));
    fields.flag("LR", bit(sqe.cdw12, 31));
    directive(sqe, fields);
}

/// The action and IEKEY, in the same bits of all reservation commands (Base 7.5, 7.6, 7.7).
fn reservation(action: &'static str, names: &[&'static str], sqe: &Sqe, fields: &mut Fields) {
    let code = bits(sqe.cdw10, 2, 0);
    fields.code(action, code as u8, named(names, code));
    fields.flag("IEKEY", bit(sqe.cdw10, 3));
}

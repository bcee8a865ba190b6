//! I/O commands of the NVM Command Set (NVM 3.3), and those of every command set (Base 7).

use super::Fields;
use super::bit;
use super::bits;
use super::named;
use super::qword;
use crate::spec::NvmOpcode;
use crate::spec::Sqe;
use crate::spec::command::CopyCdw12;
use crate::spec::command::DatasetManagementCdw10;
use crate::spec::command::DatasetManagementCdw11;
use crate::spec::command::ReadWriteCdw12;
use crate::spec::command::ReadWriteCdw13;
use crate::spec::command::WriteUncorrectableCdw12;
use crate::spec::command::WriteZeroesCdw12;

/// Adds the fields of a command; `false` if it is none that this module knows.
pub(super) fn describe(sqe: &Sqe, fields: &mut Fields) -> bool {
    match sqe.nvm_opcode() {
        NvmOpcode::FLUSH => {}
        NvmOpcode::READ | NvmOpcode::WRITE | NvmOpcode::COMPARE | NvmOpcode::VERIFY => {
            read_write(sqe, fields);
        }
        NvmOpcode::WRITE_ZEROES => write_zeroes(sqe, fields),
        NvmOpcode::WRITE_UNCORRECTABLE => {
            let cdw12 = WriteUncorrectableCdw12::from_bits(sqe.cdw12.get());
            lba_range(sqe, cdw12.nlb_z(), fields);
            directive(sqe, cdw12.dtype(), fields);
        }
        NvmOpcode::DATASET_MANAGEMENT => {
            let cdw10 = DatasetManagementCdw10::from_bits(sqe.cdw10.get());
            let cdw11 = DatasetManagementCdw11::from_bits(sqe.cdw11.get());
            fields.number("nr", u64::from(cdw10.nr_z()) + 1);
            fields.flag("IDR", cdw11.idr());
            fields.flag("IDW", cdw11.idw());
            fields.flag("AD", cdw11.ad());
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

/// Read, Write, Compare and Verify (NVM 3.3.4, 3.3.6, 3.3.1, 3.3.5).
fn read_write(sqe: &Sqe, fields: &mut Fields) {
    let cdw12 = ReadWriteCdw12::from_bits(sqe.cdw12.get());
    lba_range(sqe, cdw12.nlb_z(), fields);
    fields.optional_number("cetype", cdw12.cetype());
    fields.flag("STC", cdw12.stc());
    fields.optional_hex("prinfo", cdw12.prinfo().into_bits());
    fields.flag("FUA", cdw12.fua());
    fields.flag("LR", cdw12.lr());
    directive(sqe, cdw12.dtype(), fields);
    fields.optional_hex("dsm", bits(sqe.cdw13, 7, 0));
}

/// Write Zeroes (NVM 3.3.8).
fn write_zeroes(sqe: &Sqe, fields: &mut Fields) {
    let cdw12 = WriteZeroesCdw12::from_bits(sqe.cdw12.get());
    lba_range(sqe, cdw12.nlb_z(), fields);
    fields.optional_number("cetype", cdw12.cetype());
    fields.flag("NSZ", cdw12.nsz());
    fields.flag("STC", cdw12.stc());
    fields.flag("DEAC", cdw12.deac());
    fields.optional_hex("prinfo", cdw12.prinfo().into_bits());
    fields.flag("FUA", cdw12.fua());
    fields.flag("LR", cdw12.lr());
}

/// Copy (NVM 3.3.2).
fn copy(sqe: &Sqe, fields: &mut Fields) {
    let cdw12 = CopyCdw12::from_bits(sqe.cdw12.get());
    fields.hex("sdlba", qword(sqe.cdw10, sqe.cdw11));
    fields.number("nr", u64::from(cdw12.nr_z()) + 1);
    fields.number("cdft", cdw12.cdft());
    fields.optional_hex("prinfor", cdw12.prinfor().into_bits());
    fields.optional_number("cetype", cdw12.cetype());
    fields.flag("STCW", cdw12.stcw());
    fields.flag("STCR", cdw12.stcr());
    fields.optional_hex("prinfow", cdw12.prinfow().into_bits());
    fields.flag("FUA", cdw12.fua());
    fields.flag("LR", cdw12.lr());
    directive(sqe, cdw12.dtype(), fields);
}

/// SLBA and NLB: the blocks of all commands that have them.
fn lba_range(sqe: &Sqe, nlb_z: u16, fields: &mut Fields) {
    fields.hex("slba", qword(sqe.cdw10, sqe.cdw11));
    fields.number("nlb", u64::from(nlb_z) + 1);
}

/// DTYPE, and DSPEC, which means something beside it only (NVM 3.3.6).
fn directive(sqe: &Sqe, dtype: u8, fields: &mut Fields) {
    if dtype != 0 {
        let names = ["", "Streams", "Data Placement"];
        fields.code("DTYPE", dtype, named(&names, dtype.into()));
        fields.hex("dspec", ReadWriteCdw13::from_bits(sqe.cdw13.get()).dspec());
    }
}

/// The action and IEKEY, in the same bits of all reservation commands (Base 7.5, 7.6, 7.7).
fn reservation(action: &'static str, names: &[&'static str], sqe: &Sqe, fields: &mut Fields) {
    let code = bits(sqe.cdw10, 2, 0);
    fields.code(action, code as u8, named(names, code));
    fields.flag("IEKEY", bit(sqe.cdw10, 3));
}

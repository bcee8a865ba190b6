//! Where the data of a command is (Base 4.1.1, Base 4.3).

use super::Fields;
use crate::spec::SglDescriptor;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

/// Adds DPTR and MPTR, where they are not zero.
pub(super) fn describe(sqe: &Sqe, fields: &mut Fields) {
    if sqe.cdw0().psdt() == Psdt::PRP {
        fields.optional_hex("prp1", sqe.dptr[0].get());
        fields.optional_hex("prp2", sqe.dptr[1].get());
    } else {
        let psdt = sqe.cdw0().psdt();
        let meaning = match psdt {
            Psdt::SGL_MPTR_CONTIGUOUS => "SGL",
            Psdt::SGL_MPTR_SGL => "SGL, metadata by SGL",
            _ => "reserved",
        };
        fields.code("PSDT", psdt.0, Some(meaning));
        let sgl = SglDescriptor::from_dptr(sqe.dptr);
        fields.code("SGL1", sgl.identifier, sgl.kind().name());
        fields.hex("address", sgl.address.get());
        fields.number("length", sgl.length.get());
    }
    fields.optional_hex("mptr", sqe.mptr.get());
}

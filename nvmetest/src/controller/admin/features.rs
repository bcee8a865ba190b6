//! Get Features and Set Features (Base 5.1.11, Base 5.1.25).

use zerocopy::little_endian::U32;

use crate::command::Admin;
use crate::command::Command;
use crate::controller::Controller;
use crate::memory::Data;
use crate::memory::DeviceRead;
use crate::memory::DeviceWrite;
use crate::spec::AdminOpcode;
use crate::spec::command::GetFeaturesCdw10;
use crate::spec::command::SetFeaturesCdw10;
use crate::spec::feature::Select;

use super::admin;
use super::dword;

impl Controller {
    /// Get Features (Base 5.1.11): the current value, in the completion's `cdw0`.
    #[track_caller]
    pub fn get_features(&self, fid: u8) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::GET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, ())
    }

    /// Get Features (Base 5.1.11), for a feature with a data structure.
    #[track_caller]
    pub fn get_features_data<D: DeviceWrite>(&self, fid: u8, data: D) -> Command<Admin, D::Lent> {
        let mut sqe = admin(AdminOpcode::GET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, data.lend())
    }

    /// Set Features (Base 5.1.25).
    #[track_caller]
    pub fn set_features(&self, fid: u8, cdw11: u32) -> Command<Admin> {
        let mut sqe = admin(AdminOpcode::SET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        sqe.cdw11 = U32::new(cdw11);
        Command::new(sqe, ())
    }

    /// Set Features (Base 5.1.25), for a feature with a data structure.
    #[track_caller]
    pub fn set_features_data<D: DeviceRead>(&self, fid: u8, data: D) -> Command<Admin, D::Lent> {
        let mut sqe = admin(AdminOpcode::SET_FEATURES, 0);
        sqe.cdw10 = U32::new(fid.into());
        Command::new(sqe, data.lend())
    }
}

impl<D: Data> Command<Admin, D> {
    /// SEL of Get Features (Base 5.1.11): which value is wanted.
    pub fn select(self, select: Select) -> Self {
        self.edit(|sqe| {
            let cdw10 = GetFeaturesCdw10::from(sqe.cdw10.get());
            sqe.cdw10 = dword(cdw10.with_sel(select));
        })
    }

    /// SV of Set Features (Base 5.1.25): the value is restored after a reset and a power cycle.
    pub fn save(self) -> Self {
        self.edit(|sqe| {
            sqe.cdw10 = dword(SetFeaturesCdw10::from(sqe.cdw10.get()).with_sv(true));
        })
    }

    /// Replaces Command Dword 11: what a feature takes beside its identifier.
    pub fn cdw11(self, cdw11: u32) -> Self {
        self.edit(|sqe| sqe.cdw11 = U32::new(cdw11))
    }
}

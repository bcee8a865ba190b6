//! The wire formats of NVM Express, as data: no I/O, no `unsafe`, no policy.
//!
//! Clauses are those of
//!
//! * **Base**: NVM Express Base Specification, Revision 2.1;
//! * **NVM**: NVM Command Set Specification, Revision 1.1;
//! * **ZNS**, **KV**: Zoned Namespace and Key Value Command Set Specifications, Revision 1.2 and 1.1;
//! * **PCIe transport**: NVMe over PCIe Transport Specification, Revision 1.1;
//! * **PCIe**: PCI Express Base Specification, Revision 6.0.
//!
//! | module | what | clause |
//! | --- | --- | --- |
//! | [`property`] | controller properties | Base 3.1.4 |
//! | [`doorbell`] | where the doorbells are | PCIe transport 3.1.2 |
//! | [`sqe`], [`cqe`], [`status`] | queue entries and the status field | Base 4.1, 4.2 |
//! | [`data`] | PRP entries and SGL descriptors | Base 4.3 |
//! | [`opcode`] | admin and NVM opcodes | Base 5, Base 7, NVM 3 |
//! | [`identify`] | data structures of Identify | Base 5.1.13, NVM 4.1.5 |
//! | [`log`] | log pages | Base 5.1.12.1 |
//! | [`feature`] | values of features | Base 5.1.25, NVM 4.1.3 |
//! | [`command`] | dwords of commands | Base 5, NVM 3.3 |
//! | [`pci`] | PCI configuration space, MSI-X table | PCIe transport 3.8, PCIe 7 |
//!
//! Three kinds of type, and how each treats what the standard does not define:
//!
//! * A **structure** has exactly the bytes of the standard's figure; its size is asserted when the
//!   crate compiles. A structure in memory comes from [`zerocopy::FromZeros::new_zeroed`] or from
//!   bytes, and reserved bytes are kept.
//! * A **bitfield** is one register or dword; reserved bits survive a round trip through it.
//! * An **open enum** is a newtype with constants: a value that the standard reserves is a value
//!   like any other, it only has no name.

#[macro_use]
mod open_enum;
#[macro_use]
mod wire;

pub mod ascii;
pub mod command;
pub mod cqe;
pub mod data;
pub mod doorbell;
pub mod feature;
pub mod identify;
pub mod log;
pub mod opcode;
pub mod pci;
pub mod property;
pub mod reserved;
pub mod sqe;
pub mod status;

pub use ascii::Ascii;
pub use cqe::Cqe;
pub use cqe::StatusField;
pub use data::Prp;
pub use data::SglDescriptor;
pub use feature::Fid;
pub use identify::Cns;
pub use identify::Csi;
pub use identify::IdentifyController;
pub use identify::IdentifyNamespace;
pub use log::Lid;
pub use opcode::AdminOpcode;
pub use opcode::NvmOpcode;
pub use property::Aqa;
pub use property::Cap;
pub use property::Cc;
pub use property::Crto;
pub use property::Csts;
pub use property::Property;
pub use property::Vs;
pub use reserved::Reserved;
pub use sqe::Cdw0;
pub use sqe::Sqe;
pub use status::Status;

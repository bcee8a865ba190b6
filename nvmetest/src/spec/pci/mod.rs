//! PCI configuration space as far as an NVMe function has it (PCIe transport 3.8, PCIe 7).
//!
//! One file a capability; the list of capabilities starts at [`offset::CAPABILITIES_POINTER`], that
//! of extended capabilities at [`offset::EXTENDED_CAPABILITIES`].

pub mod capability;
pub mod error_reporting;
pub mod express;
pub mod header;
pub mod l1_substates;
pub mod msi;
pub mod msix;
pub mod power;

pub use capability::CapabilityId;
pub use capability::ExtendedCapabilityHeader;
pub use capability::ExtendedCapabilityId;
pub use error_reporting::CorrectableErrors;
pub use error_reporting::UncorrectableErrors;
pub use express::DeviceCapabilities;
pub use express::DeviceCapabilities2;
pub use express::DeviceControl;
pub use express::DeviceControl2;
pub use express::DeviceStatus;
pub use express::ExpressCapabilities;
pub use express::LinkCapabilities;
pub use express::LinkControl;
pub use express::LinkStatus;
pub use header::Bar;
pub use header::CLASS_NVME;
pub use header::Command;
pub use header::Status;
pub use header::offset;
pub use l1_substates::L1Substates;
pub use l1_substates::L1SubstatesCapabilities;
pub use l1_substates::L1SubstatesControl1;
pub use l1_substates::L1SubstatesControl2;
pub use l1_substates::LtrThreshold;
pub use l1_substates::TPowerOn;
pub use msi::MsiControl;
pub use msix::MsixControl;
pub use msix::MsixLocation;
pub use msix::MsixTableEntry;
pub use msix::MsixVectorControl;
pub use power::Pmcsr;
pub use power::PowerManagementCapabilities;
pub use power::PowerState;

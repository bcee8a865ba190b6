//! Identify: the data structures that a controller describes itself and its namespaces with
//! (Base 5.1.13, NVM 4.1.5).

use zerocopy::Unaligned;

pub mod admin_attributes;
pub mod command_sets;
pub mod controller;
pub mod controller_attributes;
pub mod descriptor_list;
pub mod independent_namespace;
pub mod namespace;
pub mod namespace_attributes;
pub mod namespace_list;
pub mod nvm_attributes;
pub mod nvm_command_set;
pub mod power_state;

pub use admin_attributes::Apsta;
pub use admin_attributes::Avscc;
pub use admin_attributes::Dsto;
pub use admin_attributes::Frmw;
pub use admin_attributes::Hctma;
pub use admin_attributes::Kpioc;
pub use admin_attributes::Lpa;
pub use admin_attributes::Oacs;
pub use admin_attributes::Rpmbs;
pub use admin_attributes::Sanicap;
pub use command_sets::IoCommandSetVector;
pub use command_sets::IoCommandSets;
pub use controller::IdentifyController;
pub use controller_attributes::Cmic;
pub use controller_attributes::ControllerType;
pub use controller_attributes::Ctratt;
pub use controller_attributes::Oaes;
pub use descriptor_list::DescriptorError;
pub use descriptor_list::NamespaceDescriptor;
pub use descriptor_list::NamespaceDescriptors;
pub use descriptor_list::Nidt;
pub use independent_namespace::IdentifyIndependentNamespace;
pub use namespace::IdentifyNamespace;
pub use namespace::LbaFormat;
pub use namespace_attributes::Dlfeat;
pub use namespace_attributes::Dpc;
pub use namespace_attributes::Dps;
pub use namespace_attributes::Flbas;
pub use namespace_attributes::Fpi;
pub use namespace_attributes::Mc;
pub use namespace_attributes::Nmic;
pub use namespace_attributes::Nsattr;
pub use namespace_attributes::Nsfeat;
pub use namespace_attributes::Rescap;
pub use namespace_list::NamespaceList;
pub use nvm_attributes::Cdfs;
pub use nvm_attributes::Fna;
pub use nvm_attributes::Fuses;
pub use nvm_attributes::Nwpc;
pub use nvm_attributes::Oncs;
pub use nvm_attributes::QueueEntrySizes;
pub use nvm_attributes::Sgls;
pub use nvm_attributes::Vwc;
pub use nvm_command_set::ExtendedLbaFormat;
pub use nvm_command_set::IdentifyNvmController;
pub use nvm_command_set::IdentifyNvmNamespace;
pub use power_state::PowerStateDescriptor;

open_enum! {
    /// CNS: Controller or Namespace Structure, which data structure Identify returns
    /// (Base 5.1.13.1).
    #[derive(Unaligned)]
    pub enum Cns: u8 {
        NAMESPACE = 0x00, "Identify Namespace data structure", "NVM 4.1.5.1";
        CONTROLLER = 0x01, "Identify Controller data structure", "Base 5.1.13.2.1";
        ACTIVE_NAMESPACE_LIST = 0x02, "Active Namespace ID list", "Base 5.1.13.2.2";
        NAMESPACE_DESCRIPTOR_LIST = 0x03, "Namespace Identification Descriptor list", "Base 5.1.13.2.3";
        NVM_SET_LIST = 0x04, "NVM Set List", "Base 5.1.13.2.4";
        COMMAND_SET_NAMESPACE = 0x05, "I/O Command Set specific Identify Namespace data structure", "Base 5.1.13.2.5";
        COMMAND_SET_CONTROLLER = 0x06, "I/O Command Set specific Identify Controller data structure", "Base 5.1.13.2.6";
        COMMAND_SET_ACTIVE_NAMESPACE_LIST = 0x07, "I/O Command Set specific Active Namespace ID list", "Base 5.1.13.2.7";
        INDEPENDENT_NAMESPACE = 0x08, "I/O Command Set Independent Identify Namespace data structure", "Base 5.1.13.2.8";
        NAMESPACE_USER_DATA_FORMAT = 0x09, "Identify Namespace data structure for a User Data Format", "NVM 4.1.5.5";
        COMMAND_SET_NAMESPACE_USER_DATA_FORMAT = 0x0A, "I/O Command Set specific Identify Namespace data structure for a User Data Format", "NVM 4.1.5.6";
        ALLOCATED_NAMESPACE_LIST = 0x10, "Allocated Namespace ID list", "Base 5.1.13.2.9";
        ALLOCATED_NAMESPACE = 0x11, "Identify Namespace data structure for an Allocated Namespace ID", "Base 5.1.13.2.10";
        NAMESPACE_CONTROLLER_LIST = 0x12, "Namespace Attached Controller list", "Base 5.1.13.2.11";
        CONTROLLER_LIST = 0x13, "Controller list", "Base 5.1.13.2.12";
        PRIMARY_CONTROLLER_CAPABILITIES = 0x14, "Primary Controller Capabilities data structure", "Base 5.1.13.3.1";
        SECONDARY_CONTROLLER_LIST = 0x15, "Secondary Controller list", "Base 5.1.13.3.2";
        NAMESPACE_GRANULARITY_LIST = 0x16, "Namespace Granularity List", "Base 5.1.13.2.13";
        UUID_LIST = 0x17, "UUID List", "Base 5.1.13.2.14";
        DOMAIN_LIST = 0x18, "Domain List", "Base 5.1.13.2.15";
        ENDURANCE_GROUP_LIST = 0x19, "Endurance Group List", "Base 5.1.13.2.16";
        COMMAND_SET_ALLOCATED_NAMESPACE_LIST = 0x1A, "I/O Command Set specific Allocated Namespace ID list", "Base 5.1.13.2.17";
        COMMAND_SET_ALLOCATED_NAMESPACE = 0x1B, "I/O Command Set specific Identify Namespace data structure for an Allocated Namespace ID", "Base 5.1.13.2.18";
        COMMAND_SETS = 0x1C, "I/O Command Set data structure", "Base 5.1.13.2.19";
        UNDERLYING_NAMESPACE_LIST = 0x1D, "Underlying Namespace List", "Base 5.1.13.4.1";
        PORTS_LIST = 0x1E, "Ports List", "Base 5.1.13.4.2";
        INDEPENDENT_ALLOCATED_NAMESPACE = 0x1F, "I/O Command Set Independent Identify Namespace data structure for an Allocated Namespace ID", "Base 5.1.13.2.20";
        SUPPORTED_CONTROLLER_STATE_FORMATS = 0x20, "Supported Controller State Formats", "Base 5.1.13.2.21";
    }
}

open_enum! {
    /// CSI: Command Set Identifier (Base 5.1.13.1, figure "Command Set Identifiers").
    #[derive(Unaligned)]
    pub enum Csi: u8 {
        NVM = 0x00, "NVM Command Set", "NVM 3";
        KEY_VALUE = 0x01, "Key Value Command Set", "KV 3";
        ZONED_NAMESPACE = 0x02, "Zoned Namespace Command Set", "ZNS 3";
        SUBSYSTEM_LOCAL_MEMORY = 0x03, "Subsystem Local Memory Command Set", "SLM 3";
        COMPUTATIONAL_PROGRAMS = 0x04, "Computational Programs Command Set", "Computational Programs 3";
    }
}

/// Bytes of every data structure that Identify returns (Base 5.1.13).
pub const IDENTIFY_SIZE: usize = 4096;

//! Log pages (Base 5.1.12.1).
//!
//! Log page 04h, Changed Attached Namespace List, is a [`NamespaceList`](super::identify::NamespaceList)
//! (Base 5.1.12.1.5); its first entry is FFFFFFFFh when more than 1024 namespaces changed.

use zerocopy::Unaligned;

pub mod commands_supported;
pub mod error_information;
pub mod firmware_slot;
pub mod self_test;
pub mod smart;
pub mod supported;

pub use commands_supported::CommandEffects;
pub use commands_supported::CommandsSupportedAndEffects;
pub use error_information::ErrorInformation;
pub use firmware_slot::FirmwareSlotInformation;
pub use self_test::DeviceSelfTest;
pub use self_test::SelfTestResult;
pub use smart::CriticalWarning;
pub use smart::SmartHealth;
pub use supported::LidSupported;
pub use supported::SupportedLogPages;

open_enum! {
    /// LID: Log Page Identifier (Base 5.1.12, figure "Log Page Identifiers"); C0h to FFh are vendor
    /// specific.
    #[derive(Unaligned)]
    pub enum Lid: u8 {
        SUPPORTED_LOG_PAGES = 0x00, "Supported Log Pages", "Base 5.1.12.1.1";
        ERROR_INFORMATION = 0x01, "Error Information", "Base 5.1.12.1.2";
        SMART = 0x02, "SMART / Health Information", "Base 5.1.12.1.3";
        FIRMWARE_SLOT = 0x03, "Firmware Slot Information", "Base 5.1.12.1.4";
        CHANGED_ATTACHED_NAMESPACE_LIST = 0x04, "Changed Attached Namespace List", "Base 5.1.12.1.5";
        COMMANDS_SUPPORTED_AND_EFFECTS = 0x05, "Commands Supported and Effects", "Base 5.1.12.1.6";
        DEVICE_SELF_TEST = 0x06, "Device Self-test", "Base 5.1.12.1.7";
        TELEMETRY_HOST_INITIATED = 0x07, "Telemetry Host-Initiated", "Base 5.1.12.1.8";
        TELEMETRY_CONTROLLER_INITIATED = 0x08, "Telemetry Controller-Initiated", "Base 5.1.12.1.9";
        ENDURANCE_GROUP_INFORMATION = 0x09, "Endurance Group Information", "Base 5.1.12.1.10";
        PREDICTABLE_LATENCY_PER_NVM_SET = 0x0A, "Predictable Latency Per NVM Set", "Base 5.1.12.1.11";
        PREDICTABLE_LATENCY_EVENT_AGGREGATE = 0x0B, "Predictable Latency Event Aggregate", "Base 5.1.12.1.12";
        ASYMMETRIC_NAMESPACE_ACCESS = 0x0C, "Asymmetric Namespace Access", "Base 5.1.12.1.13";
        PERSISTENT_EVENT_LOG = 0x0D, "Persistent Event Log", "Base 5.1.12.1.14";
        LBA_STATUS_INFORMATION = 0x0E, "LBA Status Information", "NVM 4.1.4";
        ENDURANCE_GROUP_EVENT_AGGREGATE = 0x0F, "Endurance Group Event Aggregate", "Base 5.1.12.1.15";
        MEDIA_UNIT_STATUS = 0x10, "Media Unit Status", "Base 5.1.12.1.16";
        SUPPORTED_CAPACITY_CONFIGURATION_LIST = 0x11, "Supported Capacity Configuration List", "Base 5.1.12.1.17";
        FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS = 0x12, "Feature Identifiers Supported and Effects", "Base 5.1.12.1.18";
        NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS = 0x13, "NVMe-MI Commands Supported and Effects", "Base 5.1.12.1.19";
        COMMAND_AND_FEATURE_LOCKDOWN = 0x14, "Command and Feature Lockdown", "Base 5.1.12.1.20";
        BOOT_PARTITION = 0x15, "Boot Partition", "Base 5.1.12.1.21";
        ROTATIONAL_MEDIA_INFORMATION = 0x16, "Rotational Media Information", "Base 5.1.12.1.22";
        DISPERSED_NAMESPACE_PARTICIPATING_NVM_SUBSYSTEMS = 0x17, "Dispersed Namespace Participating NVM Subsystems", "Base 5.1.12.1.23";
        MANAGEMENT_ADDRESS_LIST = 0x18, "Management Address List", "Base 5.1.12.1.24";
        PHYSICAL_INTERFACE_RECEIVER_EYE_OPENING_MEASUREMENT = 0x19, "Physical Interface Receiver Eye Opening Measurement", "PCIe transport 3.6";
        REACHABILITY_GROUPS = 0x1A, "Reachability Groups", "Base 5.1.12.1.25";
        REACHABILITY_ASSOCIATIONS = 0x1B, "Reachability Associations", "Base 5.1.12.1.26";
        CHANGED_ALLOCATED_NAMESPACE_LIST = 0x1C, "Changed Allocated Namespace List", "Base 5.1.12.1.27";
        FDP_CONFIGURATIONS = 0x20, "FDP Configurations", "Base 5.1.12.1.28";
        RECLAIM_UNIT_HANDLE_USAGE = 0x21, "Reclaim Unit Handle Usage", "Base 5.1.12.1.29";
        FDP_STATISTICS = 0x22, "FDP Statistics", "Base 5.1.12.1.30";
        FDP_EVENTS = 0x23, "FDP Events", "Base 5.1.12.1.31";
        DISCOVERY = 0x70, "Discovery", "Base 5.1.12.3.1";
        HOST_DISCOVERY = 0x71, "Host Discovery", "Base 5.1.12.3.2";
        AVE_DISCOVERY = 0x72, "AVE Discovery", "Base 5.1.12.3.3";
        PULL_MODEL_DDC_REQUEST = 0x73, "Pull Model DDC Request", "Base 5.1.12.3.4";
        RESERVATION_NOTIFICATION = 0x80, "Reservation Notification", "Base 5.1.12.1.32";
        SANITIZE_STATUS = 0x81, "Sanitize Status", "Base 5.1.12.1.33";
        CHANGED_ZONE_LIST = 0xBF, "Changed Zone List", "ZNS 4.1.4";
    }
}

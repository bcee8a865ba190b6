//! Features: what Set Features changes and Get Features reads (Base 5.1.25, NVM 4.1.3).
//!
//! The value of most features is one dword: Command Dword 11 of Set Features, Dword 0 of the
//! completion of Get Features. Those are in [`value`]; [`data`] has the ones in a data buffer, and
//! [`host_memory_buffer`] the one that takes five dwords.

use zerocopy::Unaligned;

pub mod data;
pub mod host_memory_buffer;
pub mod value;

pub use data::HostBehaviorSupport;
pub use data::LbaRangeType;
pub use data::Timestamp;
pub use host_memory_buffer::HostMemoryBuffer;
pub use host_memory_buffer::HostMemoryBufferAttributes;
pub use host_memory_buffer::HostMemoryBufferDescriptor;
pub use host_memory_buffer::HostMemoryBufferStatus;
pub use value::Arbitration;
pub use value::AsyncEventConfiguration;
pub use value::ErrorRecovery;
pub use value::FeatureCapabilities;
pub use value::InterruptCoalescing;
pub use value::InterruptVectorConfiguration;
pub use value::LbaRangeNumber;
pub use value::NumberOfQueues;
pub use value::PowerManagement;
pub use value::TemperatureThreshold;
pub use value::VolatileWriteCache;
pub use value::WriteAtomicityNormal;

open_enum! {
    /// FID: Feature Identifier (Base 5.1.25, figure "Feature Identifiers"); C0h to FFh are vendor
    /// specific.
    #[derive(Unaligned)]
    pub enum Fid: u8 {
        ARBITRATION = 0x01, "Arbitration", "Base 5.1.25.1.1";
        POWER_MANAGEMENT = 0x02, "Power Management", "Base 5.1.25.1.2";
        LBA_RANGE_TYPE = 0x03, "LBA Range Type", "NVM 4.1.3.1";
        TEMPERATURE_THRESHOLD = 0x04, "Temperature Threshold", "Base 5.1.25.1.3";
        ERROR_RECOVERY = 0x05, "Error Recovery", "NVM 4.1.3.2";
        VOLATILE_WRITE_CACHE = 0x06, "Volatile Write Cache", "Base 5.1.25.1.4";
        NUMBER_OF_QUEUES = 0x07, "Number of Queues", "Base 5.1.25.2.1";
        INTERRUPT_COALESCING = 0x08, "Interrupt Coalescing", "Base 5.1.25.2.2";
        INTERRUPT_VECTOR_CONFIGURATION = 0x09, "Interrupt Vector Configuration", "Base 5.1.25.2.3";
        WRITE_ATOMICITY_NORMAL = 0x0A, "Write Atomicity Normal", "NVM 4.1.3.3";
        ASYNCHRONOUS_EVENT_CONFIGURATION = 0x0B, "Asynchronous Event Configuration", "Base 5.1.25.1.5";
        AUTONOMOUS_POWER_STATE_TRANSITION = 0x0C, "Autonomous Power State Transition", "Base 5.1.25.1.6";
        HOST_MEMORY_BUFFER = 0x0D, "Host Memory Buffer", "Base 5.1.25.2.4";
        TIMESTAMP = 0x0E, "Timestamp", "Base 5.1.25.1.7";
        KEEP_ALIVE_TIMER = 0x0F, "Keep Alive Timer", "Base 5.1.25.1.8";
        HOST_CONTROLLED_THERMAL_MANAGEMENT = 0x10, "Host Controlled Thermal Management", "Base 5.1.25.1.9";
        NON_OPERATIONAL_POWER_STATE_CONFIG = 0x11, "Non-Operational Power State Config", "Base 5.1.25.1.10";
        READ_RECOVERY_LEVEL_CONFIG = 0x12, "Read Recovery Level Config", "Base 5.1.25.1.11";
        PREDICTABLE_LATENCY_MODE_CONFIG = 0x13, "Predictable Latency Mode Config", "Base 5.1.25.1.12";
        PREDICTABLE_LATENCY_MODE_WINDOW = 0x14, "Predictable Latency Mode Window", "Base 5.1.25.1.13";
        LBA_STATUS_INFORMATION_ATTRIBUTES = 0x15, "LBA Status Information Attributes", "NVM 4.1.3.5";
        HOST_BEHAVIOR_SUPPORT = 0x16, "Host Behavior Support", "Base 5.1.25.1.14";
        SANITIZE_CONFIG = 0x17, "Sanitize Config", "Base 5.1.25.1.15";
        ENDURANCE_GROUP_EVENT_CONFIGURATION = 0x18, "Endurance Group Event Configuration", "Base 5.1.25.1.16";
        IO_COMMAND_SET_PROFILE = 0x19, "I/O Command Set Profile", "Base 5.1.25.1.17";
        SPINUP_CONTROL = 0x1A, "Spinup Control", "Base 5.1.25.1.18";
        POWER_LOSS_SIGNALING_CONFIG = 0x1B, "Power Loss Signaling Config", "Base 5.1.25.1.19";
        PERFORMANCE_CHARACTERISTICS = 0x1C, "Performance Characteristics", "NVM 4.1.3.7";
        FLEXIBLE_DATA_PLACEMENT = 0x1D, "Flexible Data Placement", "Base 5.1.25.1.20";
        FLEXIBLE_DATA_PLACEMENT_EVENTS = 0x1E, "Flexible Data Placement Events", "Base 5.1.25.1.21";
        NAMESPACE_ADMIN_LABEL = 0x1F, "Namespace Admin Label", "Base 5.1.25.1.22";
        KEY_VALUE_CONFIGURATION = 0x20, "Key Value Configuration", "KV 4.1.3";
        CONTROLLER_DATA_QUEUE = 0x21, "Controller Data Queue", "Base 5.1.25.1.23";
        EMBEDDED_MANAGEMENT_CONTROLLER_ADDRESS = 0x78, "Embedded Management Controller Address", "Base 5.1.25.1.24";
        HOST_MANAGEMENT_AGENT_ADDRESS = 0x79, "Host Management Agent Address", "Base 5.1.25.1.25";
        ENHANCED_CONTROLLER_METADATA = 0x7D, "Enhanced Controller Metadata", "Base 5.1.25.1.26.1";
        CONTROLLER_METADATA = 0x7E, "Controller Metadata", "Base 5.1.25.1.26.2";
        NAMESPACE_METADATA = 0x7F, "Namespace Metadata", "Base 5.1.25.1.26.3";
        SOFTWARE_PROGRESS_MARKER = 0x80, "Software Progress Marker", "Base 5.1.25.1.27";
        HOST_IDENTIFIER = 0x81, "Host Identifier", "Base 5.1.25.1.28";
        RESERVATION_NOTIFICATION_MASK = 0x82, "Reservation Notification Mask", "Base 5.1.25.1.29";
        RESERVATION_PERSISTENCE = 0x83, "Reservation Persistence", "Base 5.1.25.1.30";
        NAMESPACE_WRITE_PROTECTION_CONFIG = 0x84, "Namespace Write Protection Config", "Base 5.1.25.1.31";
        BOOT_PARTITION_WRITE_PROTECTION_CONFIG = 0x85, "Boot Partition Write Protection Config", "Base 5.1.25.1.32";
    }
}

open_enum! {
    /// SEL: which value of a feature Get Features returns (Base 5.1.11).
    #[derive(Unaligned)]
    pub enum Select: u8 {
        CURRENT = 0b000, "Current", "Base 5.1.11";
        DEFAULT = 0b001, "Default", "Base 5.1.11";
        SAVED = 0b010, "Saved", "Base 5.1.11";
        SUPPORTED_CAPABILITIES = 0b011, "Supported Capabilities", "Base 5.1.11";
    }
}

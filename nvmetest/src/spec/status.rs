//! Status codes (Base 4.2.3).

use std::fmt;

open_enum! { manual Display
    /// What a completed command reports: Status Code Type and Status Code, as `SCT << 8 | SC`
    /// (Base 4.2.3).
    ///
    /// The command specific codes 80h to BFh are those of I/O commands; the Fabrics commands give
    /// the same values other meanings (Base 4.2.3.2).
    #[derive(serde::Serialize, serde::Deserialize)]
    pub enum Status: u16 {
        SUCCESS = 0x000, "Successful Completion", "Base 4.2.3.1";
        INVALID_COMMAND_OPCODE = 0x001, "Invalid Command Opcode", "Base 4.2.3.1";
        INVALID_FIELD_IN_COMMAND = 0x002, "Invalid Field in Command", "Base 4.2.3.1";
        COMMAND_ID_CONFLICT = 0x003, "Command ID Conflict", "Base 4.2.3.1";
        DATA_TRANSFER_ERROR = 0x004, "Data Transfer Error", "Base 4.2.3.1";
        COMMANDS_ABORTED_DUE_TO_POWER_LOSS_NOTIFICATION = 0x005, "Commands Aborted due to Power Loss Notification", "Base 4.2.3.1";
        INTERNAL_ERROR = 0x006, "Internal Error", "Base 4.2.3.1";
        COMMAND_ABORT_REQUESTED = 0x007, "Command Abort Requested", "Base 4.2.3.1";
        COMMAND_ABORTED_DUE_TO_SQ_DELETION = 0x008, "Command Aborted due to SQ Deletion", "Base 4.2.3.1";
        COMMAND_ABORTED_DUE_TO_FAILED_FUSED_COMMAND = 0x009, "Command Aborted due to Failed Fused Command", "Base 4.2.3.1";
        COMMAND_ABORTED_DUE_TO_MISSING_FUSED_COMMAND = 0x00A, "Command Aborted due to Missing Fused Command", "Base 4.2.3.1";
        INVALID_NAMESPACE_OR_FORMAT = 0x00B, "Invalid Namespace or Format", "Base 4.2.3.1";
        COMMAND_SEQUENCE_ERROR = 0x00C, "Command Sequence Error", "Base 4.2.3.1";
        INVALID_SGL_SEGMENT_DESCRIPTOR = 0x00D, "Invalid SGL Segment Descriptor", "Base 4.2.3.1";
        INVALID_NUMBER_OF_SGL_DESCRIPTORS = 0x00E, "Invalid Number of SGL Descriptors", "Base 4.2.3.1";
        DATA_SGL_LENGTH_INVALID = 0x00F, "Data SGL Length Invalid", "Base 4.2.3.1";
        METADATA_SGL_LENGTH_INVALID = 0x010, "Metadata SGL Length Invalid", "Base 4.2.3.1";
        SGL_DESCRIPTOR_TYPE_INVALID = 0x011, "SGL Descriptor Type Invalid", "Base 4.2.3.1";
        INVALID_USE_OF_CONTROLLER_MEMORY_BUFFER = 0x012, "Invalid Use of Controller Memory Buffer", "Base 4.2.3.1";
        PRP_OFFSET_INVALID = 0x013, "PRP Offset Invalid", "Base 4.2.3.1";
        ATOMIC_WRITE_UNIT_EXCEEDED = 0x014, "Atomic Write Unit Exceeded", "Base 4.2.3.1";
        OPERATION_DENIED = 0x015, "Operation Denied", "Base 4.2.3.1";
        SGL_OFFSET_INVALID = 0x016, "SGL Offset Invalid", "Base 4.2.3.1";
        HOST_IDENTIFIER_INCONSISTENT_FORMAT = 0x018, "Host Identifier Inconsistent Format", "Base 4.2.3.1";
        KEEP_ALIVE_TIMER_EXPIRED = 0x019, "Keep Alive Timer Expired", "Base 4.2.3.1";
        KEEP_ALIVE_TIMEOUT_INVALID = 0x01A, "Keep Alive Timeout Invalid", "Base 4.2.3.1";
        COMMAND_ABORTED_DUE_TO_PREEMPT_AND_ABORT = 0x01B, "Command Aborted due to Preempt and Abort", "Base 4.2.3.1";
        SANITIZE_FAILED = 0x01C, "Sanitize Failed", "Base 4.2.3.1";
        SANITIZE_IN_PROGRESS = 0x01D, "Sanitize In Progress", "Base 4.2.3.1";
        SGL_DATA_BLOCK_GRANULARITY_INVALID = 0x01E, "SGL Data Block Granularity Invalid", "Base 4.2.3.1";
        COMMAND_NOT_SUPPORTED_FOR_QUEUE_IN_CMB = 0x01F, "Command Not Supported for Queue in CMB", "Base 4.2.3.1";
        NAMESPACE_IS_WRITE_PROTECTED = 0x020, "Namespace is Write Protected", "Base 4.2.3.1";
        COMMAND_INTERRUPTED = 0x021, "Command Interrupted", "Base 4.2.3.1";
        TRANSIENT_TRANSPORT_ERROR = 0x022, "Transient Transport Error", "Base 4.2.3.1";
        COMMAND_PROHIBITED_BY_COMMAND_AND_FEATURE_LOCKDOWN = 0x023, "Command Prohibited by Command and Feature Lockdown", "Base 4.2.3.1";
        ADMIN_COMMAND_MEDIA_NOT_READY = 0x024, "Admin Command Media Not Ready", "Base 4.2.3.1";
        INVALID_KEY_TAG = 0x025, "Invalid Key Tag", "Base 4.2.3.1";
        HOST_DISPERSED_NAMESPACE_SUPPORT_NOT_ENABLED = 0x026, "Host Dispersed Namespace Support Not Enabled", "Base 4.2.3.1";
        HOST_IDENTIFIER_NOT_INITIALIZED = 0x027, "Host Identifier Not Initialized", "Base 4.2.3.1";
        INCORRECT_KEY = 0x028, "Incorrect Key", "Base 4.2.3.1";
        FDP_DISABLED = 0x029, "FDP Disabled", "Base 4.2.3.1";
        INVALID_PLACEMENT_HANDLE_LIST = 0x02A, "Invalid Placement Handle List", "Base 4.2.3.1";
        LBA_OUT_OF_RANGE = 0x080, "LBA Out of Range", "Base 4.2.3.1";
        CAPACITY_EXCEEDED = 0x081, "Capacity Exceeded", "Base 4.2.3.1";
        NAMESPACE_NOT_READY = 0x082, "Namespace Not Ready", "Base 4.2.3.1";
        RESERVATION_CONFLICT = 0x083, "Reservation Conflict", "Base 4.2.3.1";
        FORMAT_IN_PROGRESS = 0x084, "Format In Progress", "Base 4.2.3.1";
        INVALID_VALUE_SIZE = 0x085, "Invalid Value Size", "Base 4.2.3.1";
        INVALID_KEY_SIZE = 0x086, "Invalid Key Size", "Base 4.2.3.1";
        KV_KEY_DOES_NOT_EXIST = 0x087, "KV Key Does Not Exist", "Base 4.2.3.1";
        UNRECOVERED_ERROR = 0x088, "Unrecovered Error", "Base 4.2.3.1";
        KEY_EXISTS = 0x089, "Key Exists", "Base 4.2.3.1";
        COMPLETION_QUEUE_INVALID = 0x100, "Completion Queue Invalid", "Base 4.2.3.2";
        INVALID_QUEUE_IDENTIFIER = 0x101, "Invalid Queue Identifier", "Base 4.2.3.2";
        INVALID_QUEUE_SIZE = 0x102, "Invalid Queue Size", "Base 4.2.3.2";
        ABORT_COMMAND_LIMIT_EXCEEDED = 0x103, "Abort Command Limit Exceeded", "Base 4.2.3.2";
        ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED = 0x105, "Asynchronous Event Request Limit Exceeded", "Base 4.2.3.2";
        INVALID_FIRMWARE_SLOT = 0x106, "Invalid Firmware Slot", "Base 4.2.3.2";
        INVALID_FIRMWARE_IMAGE = 0x107, "Invalid Firmware Image", "Base 4.2.3.2";
        INVALID_INTERRUPT_VECTOR = 0x108, "Invalid Interrupt Vector", "Base 4.2.3.2";
        INVALID_LOG_PAGE = 0x109, "Invalid Log Page", "Base 4.2.3.2";
        INVALID_FORMAT = 0x10A, "Invalid Format", "Base 4.2.3.2";
        FIRMWARE_ACTIVATION_REQUIRES_CONVENTIONAL_RESET = 0x10B, "Firmware Activation Requires Conventional Reset", "Base 4.2.3.2";
        INVALID_QUEUE_DELETION = 0x10C, "Invalid Queue Deletion", "Base 4.2.3.2";
        FEATURE_IDENTIFIER_NOT_SAVEABLE = 0x10D, "Feature Identifier Not Saveable", "Base 4.2.3.2";
        FEATURE_NOT_CHANGEABLE = 0x10E, "Feature Not Changeable", "Base 4.2.3.2";
        FEATURE_NOT_NAMESPACE_SPECIFIC = 0x10F, "Feature Not Namespace Specific", "Base 4.2.3.2";
        FIRMWARE_ACTIVATION_REQUIRES_NVM_SUBSYSTEM_RESET = 0x110, "Firmware Activation Requires NVM Subsystem Reset", "Base 4.2.3.2";
        FIRMWARE_ACTIVATION_REQUIRES_CONTROLLER_LEVEL_RESET = 0x111, "Firmware Activation Requires Controller Level Reset", "Base 4.2.3.2";
        FIRMWARE_ACTIVATION_REQUIRES_MAXIMUM_TIME_VIOLATION = 0x112, "Firmware Activation Requires Maximum Time Violation", "Base 4.2.3.2";
        FIRMWARE_ACTIVATION_PROHIBITED = 0x113, "Firmware Activation Prohibited", "Base 4.2.3.2";
        OVERLAPPING_RANGE = 0x114, "Overlapping Range", "Base 4.2.3.2";
        NAMESPACE_INSUFFICIENT_CAPACITY = 0x115, "Namespace Insufficient Capacity", "Base 4.2.3.2";
        NAMESPACE_IDENTIFIER_UNAVAILABLE = 0x116, "Namespace Identifier Unavailable", "Base 4.2.3.2";
        NAMESPACE_ALREADY_ATTACHED = 0x118, "Namespace Already Attached", "Base 4.2.3.2";
        NAMESPACE_IS_PRIVATE = 0x119, "Namespace Is Private", "Base 4.2.3.2";
        NAMESPACE_NOT_ATTACHED = 0x11A, "Namespace Not Attached", "Base 4.2.3.2";
        THIN_PROVISIONING_NOT_SUPPORTED = 0x11B, "Thin Provisioning Not Supported", "Base 4.2.3.2";
        CONTROLLER_LIST_INVALID = 0x11C, "Controller List Invalid", "Base 4.2.3.2";
        DEVICE_SELF_TEST_IN_PROGRESS = 0x11D, "Device Self-test In Progress", "Base 4.2.3.2";
        BOOT_PARTITION_WRITE_PROHIBITED = 0x11E, "Boot Partition Write Prohibited", "Base 4.2.3.2";
        INVALID_CONTROLLER_IDENTIFIER = 0x11F, "Invalid Controller Identifier", "Base 4.2.3.2";
        INVALID_SECONDARY_CONTROLLER_STATE = 0x120, "Invalid Secondary Controller State", "Base 4.2.3.2";
        INVALID_NUMBER_OF_CONTROLLER_RESOURCES = 0x121, "Invalid Number of Controller Resources", "Base 4.2.3.2";
        INVALID_RESOURCE_IDENTIFIER = 0x122, "Invalid Resource Identifier", "Base 4.2.3.2";
        SANITIZE_PROHIBITED_WHILE_PERSISTENT_MEMORY_REGION_IS_ENABLED = 0x123, "Sanitize Prohibited While Persistent Memory Region is Enabled", "Base 4.2.3.2";
        ANA_GROUP_IDENTIFIER_INVALID = 0x124, "ANA Group Identifier Invalid", "Base 4.2.3.2";
        ANA_ATTACH_FAILED = 0x125, "ANA Attach Failed", "Base 4.2.3.2";
        INSUFFICIENT_CAPACITY = 0x126, "Insufficient Capacity", "Base 4.2.3.2";
        NAMESPACE_ATTACHMENT_LIMIT_EXCEEDED = 0x127, "Namespace Attachment Limit Exceeded", "Base 4.2.3.2";
        PROHIBITION_OF_COMMAND_EXECUTION_NOT_SUPPORTED = 0x128, "Prohibition of Command Execution Not Supported", "Base 4.2.3.2";
        IO_COMMAND_SET_NOT_SUPPORTED = 0x129, "I/O Command Set Not Supported", "Base 4.2.3.2";
        IO_COMMAND_SET_NOT_ENABLED = 0x12A, "I/O Command Set Not Enabled", "Base 4.2.3.2";
        IO_COMMAND_SET_COMBINATION_REJECTED = 0x12B, "I/O Command Set Combination Rejected", "Base 4.2.3.2";
        INVALID_IO_COMMAND_SET = 0x12C, "Invalid I/O Command Set", "Base 4.2.3.2";
        IDENTIFIER_UNAVAILABLE = 0x12D, "Identifier Unavailable", "Base 4.2.3.2";
        NAMESPACE_IS_DISPERSED = 0x12E, "Namespace Is Dispersed", "Base 4.2.3.2";
        INVALID_DISCOVERY_INFORMATION = 0x12F, "Invalid Discovery Information", "Base 4.2.3.2";
        ZONING_DATA_STRUCTURE_LOCKED = 0x130, "Zoning Data Structure Locked", "Base 4.2.3.2";
        ZONING_DATA_STRUCTURE_NOT_FOUND = 0x131, "Zoning Data Structure Not Found", "Base 4.2.3.2";
        INSUFFICIENT_DISCOVERY_RESOURCES = 0x132, "Insufficient Discovery Resources", "Base 4.2.3.2";
        REQUESTED_FUNCTION_DISABLED = 0x133, "Requested Function Disabled", "Base 4.2.3.2";
        ZONEGROUP_ORIGINATOR_INVALID = 0x134, "ZoneGroup Originator Invalid", "Base 4.2.3.2";
        INVALID_HOST = 0x135, "Invalid Host", "Base 4.2.3.2";
        INVALID_NVM_SUBSYSTEM = 0x136, "Invalid NVM Subsystem", "Base 4.2.3.2";
        INVALID_CONTROLLER_DATA_QUEUE = 0x137, "Invalid Controller Data Queue", "Base 4.2.3.2";
        NOT_ENOUGH_RESOURCES = 0x138, "Not Enough Resources", "Base 4.2.3.2";
        CONTROLLER_SUSPENDED = 0x139, "Controller Suspended", "Base 4.2.3.2";
        CONTROLLER_NOT_SUSPENDED = 0x13A, "Controller Not Suspended", "Base 4.2.3.2";
        CONTROLLER_DATA_QUEUE_FULL = 0x13B, "Controller Data Queue Full", "Base 4.2.3.2";
        STREAM_RESOURCE_ALLOCATION_FAILED = 0x17F, "Stream Resource Allocation Failed", "Base 8.1.8.3";
        CONFLICTING_ATTRIBUTES = 0x180, "Conflicting Attributes", "Base 4.2.3.2";
        INVALID_PROTECTION_INFORMATION = 0x181, "Invalid Protection Information", "Base 4.2.3.2";
        ATTEMPTED_WRITE_TO_READ_ONLY_RANGE = 0x182, "Attempted Write to Read Only Range", "Base 4.2.3.2";
        COMMAND_SIZE_LIMIT_EXCEEDED = 0x183, "Command Size Limit Exceeded", "Base 4.2.3.2";
        INVALID_COMMAND_ID = 0x184, "Invalid Command ID", "Base 4.2.3.2";
        INCOMPATIBLE_NAMESPACE_OR_FORMAT = 0x185, "Incompatible Namespace or Format", "Base 4.2.3.2";
        FAST_COPY_NOT_POSSIBLE = 0x186, "Fast Copy Not Possible", "Base 4.2.3.2";
        OVERLAPPING_IO_RANGE = 0x187, "Overlapping I/O Range", "Base 4.2.3.2";
        NAMESPACE_NOT_REACHABLE = 0x188, "Namespace Not Reachable", "Base 4.2.3.2";
        INSUFFICIENT_RESOURCES = 0x189, "Insufficient Resources", "Base 4.2.3.2";
        INSUFFICIENT_PROGRAM_RESOURCES = 0x18A, "Insufficient Program Resources", "Base 4.2.3.2";
        INVALID_MEMORY_NAMESPACE = 0x18B, "Invalid Memory Namespace", "Base 4.2.3.2";
        INVALID_MEMORY_RANGE_SET = 0x18C, "Invalid Memory Range Set", "Base 4.2.3.2";
        INVALID_MEMORY_RANGE_SET_IDENTIFIER = 0x18D, "Invalid Memory Range Set Identifier", "Base 4.2.3.2";
        INVALID_PROGRAM_DATA = 0x18E, "Invalid Program Data", "Base 4.2.3.2";
        INVALID_PROGRAM_INDEX = 0x18F, "Invalid Program Index", "Base 4.2.3.2";
        INVALID_PROGRAM_TYPE = 0x190, "Invalid Program Type", "Base 4.2.3.2";
        MAXIMUM_MEMORY_RANGES_EXCEEDED = 0x191, "Maximum Memory Ranges Exceeded", "Base 4.2.3.2";
        MAXIMUM_MEMORY_RANGE_SETS_EXCEEDED = 0x192, "Maximum Memory Range Sets Exceeded", "Base 4.2.3.2";
        MAXIMUM_PROGRAMS_ACTIVATED = 0x193, "Maximum Programs Activated", "Base 4.2.3.2";
        MAXIMUM_PROGRAM_BYTES_EXCEEDED = 0x194, "Maximum Program Bytes Exceeded", "Base 4.2.3.2";
        MEMORY_RANGE_SET_IN_USE = 0x195, "Memory Range Set In Use", "Base 4.2.3.2";
        NO_PROGRAM = 0x196, "No Program", "Base 4.2.3.2";
        OVERLAPPING_MEMORY_RANGES = 0x197, "Overlapping Memory Ranges", "Base 4.2.3.2";
        PROGRAM_NOT_ACTIVATED = 0x198, "Program Not Activated", "Base 4.2.3.2";
        PROGRAM_IN_USE = 0x199, "Program In Use", "Base 4.2.3.2";
        PROGRAM_INDEX_NOT_DOWNLOADABLE = 0x19A, "Program Index Not Downloadable", "Base 4.2.3.2";
        PROGRAM_TOO_BIG = 0x19B, "Program Too Big", "Base 4.2.3.2";
        ZONED_BOUNDARY_ERROR = 0x1B8, "Zoned Boundary Error", "Base 4.2.3.2";
        ZONE_IS_FULL = 0x1B9, "Zone Is Full", "Base 4.2.3.2";
        ZONE_IS_READ_ONLY = 0x1BA, "Zone Is Read Only", "Base 4.2.3.2";
        ZONE_IS_OFFLINE = 0x1BB, "Zone Is Offline", "Base 4.2.3.2";
        ZONE_INVALID_WRITE = 0x1BC, "Zone Invalid Write", "Base 4.2.3.2";
        TOO_MANY_ACTIVE_ZONES = 0x1BD, "Too Many Active Zones", "Base 4.2.3.2";
        TOO_MANY_OPEN_ZONES = 0x1BE, "Too Many Open Zones", "Base 4.2.3.2";
        INVALID_ZONE_STATE_TRANSITION = 0x1BF, "Invalid Zone State Transition", "Base 4.2.3.2";
        WRITE_FAULT = 0x280, "Write Fault", "Base 4.2.3.3";
        UNRECOVERED_READ_ERROR = 0x281, "Unrecovered Read Error", "Base 4.2.3.3";
        END_TO_END_GUARD_CHECK_ERROR = 0x282, "End-to-end Guard Check Error", "Base 4.2.3.3";
        END_TO_END_APPLICATION_TAG_CHECK_ERROR = 0x283, "End-to-end Application Tag Check Error", "Base 4.2.3.3";
        END_TO_END_REFERENCE_TAG_CHECK_ERROR = 0x284, "End-to-end Reference Tag Check Error", "Base 4.2.3.3";
        COMPARE_FAILURE = 0x285, "Compare Failure", "Base 4.2.3.3";
        ACCESS_DENIED = 0x286, "Access Denied", "Base 4.2.3.3";
        DEALLOCATED_OR_UNWRITTEN_LOGICAL_BLOCK = 0x287, "Deallocated or Unwritten Logical Block", "Base 4.2.3.3";
        END_TO_END_STORAGE_TAG_CHECK_ERROR = 0x288, "End-to-End Storage Tag Check Error", "Base 4.2.3.3";
        INTERNAL_PATH_ERROR = 0x300, "Internal Path Error", "Base 4.2.3.4";
        ASYMMETRIC_ACCESS_PERSISTENT_LOSS = 0x301, "Asymmetric Access Persistent Loss", "Base 4.2.3.4";
        ASYMMETRIC_ACCESS_INACCESSIBLE = 0x302, "Asymmetric Access Inaccessible", "Base 4.2.3.4";
        ASYMMETRIC_ACCESS_TRANSITION = 0x303, "Asymmetric Access Transition", "Base 4.2.3.4";
        CONTROLLER_PATHING_ERROR = 0x360, "Controller Pathing Error", "Base 4.2.3.4";
        HOST_PATHING_ERROR = 0x370, "Host Pathing Error", "Base 4.2.3.4";
        COMMAND_ABORTED_BY_HOST = 0x371, "Command Aborted By Host", "Base 4.2.3.4";
    }
}

open_enum! {
    /// SCT: Status Code Type (Base 4.2.3).
    #[derive(zerocopy::Unaligned)]
    pub enum StatusCodeType: u8 {
        GENERIC = 0x0, "Generic Command Status", "Base 4.2.3.1";
        COMMAND_SPECIFIC = 0x1, "Command Specific Status", "Base 4.2.3.2";
        MEDIA_AND_DATA_INTEGRITY = 0x2, "Media and Data Integrity Errors", "Base 4.2.3.3";
        PATH_RELATED = 0x3, "Path Related Status", "Base 4.2.3.4";
        VENDOR_SPECIFIC = 0x7, "Vendor Specific", "Base 4.2.3";
    }
}

impl Status {
    /// A status from its type and code.
    pub const fn new(code_type: u8, code: u8) -> Self {
        Self((code_type as u16) << 8 | code as u16)
    }

    /// SCT: the status code type.
    pub const fn code_type(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// SC: the status code.
    pub const fn code(self) -> u8 {
        self.0 as u8
    }

    /// Whether this is Successful Completion and nothing else.
    pub const fn is_success(self) -> bool {
        self.0 == Self::SUCCESS.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("Unknown Status");
        write!(f, "{name} ({:02X}h/{:02X}h)", self.code_type(), self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_shows_its_name_type_and_code() {
        assert_eq!(Status(0x0080).to_string(), "LBA Out of Range (00h/80h)");
        assert_eq!(Status::new(1, 0x02).to_string(), "Invalid Queue Size (01h/02h)");
        assert_eq!(Status::new(2, 0x85), Status::COMPARE_FAILURE);
        assert_eq!(Status::new(3, 0x71), Status::COMMAND_ABORTED_BY_HOST);
        assert_eq!(format!("{:?}", Status(0x07C0)), "Unknown Status (07h/C0h)");
    }

    #[test]
    fn only_zero_is_success() {
        assert!(Status(0).is_success());
        assert!((1..0x800).all(|bits| !Status(bits).is_success()));
    }

    #[test]
    fn the_clause_follows_from_the_type() {
        for &status in Status::NAMED {
            let clause = status.clause().expect("a defined status has a clause");
            let of_type = StatusCodeType(status.code_type()).clause();
            assert!(Some(clause) == of_type || clause.starts_with("Base 8"), "{status}: {clause}");
        }
    }

    #[test]
    fn reserved_codes_have_no_name() {
        for reserved in [0x017, 0x02B, 0x104, 0x117, 0x280 - 1, 0x304] {
            assert_eq!(Status(reserved).name(), None);
        }
    }
}

//! Opcodes (Base 3.1.3, Base 5, Base 7, NVM 3).

use zerocopy::Unaligned;

open_enum! {
    /// Opcode of an admin command (Base 5); C0h to FFh are vendor specific.
    #[derive(Unaligned)]
    pub enum AdminOpcode: u8 {
        DELETE_IO_SQ = 0x00, "Delete I/O Submission Queue", "Base 5.2.4";
        CREATE_IO_SQ = 0x01, "Create I/O Submission Queue", "Base 5.2.2";
        GET_LOG_PAGE = 0x02, "Get Log Page", "Base 5.1.12";
        DELETE_IO_CQ = 0x04, "Delete I/O Completion Queue", "Base 5.2.3";
        CREATE_IO_CQ = 0x05, "Create I/O Completion Queue", "Base 5.2.1";
        IDENTIFY = 0x06, "Identify", "Base 5.1.13";
        ABORT = 0x08, "Abort", "Base 5.1.1";
        SET_FEATURES = 0x09, "Set Features", "Base 5.1.25";
        GET_FEATURES = 0x0A, "Get Features", "Base 5.1.11";
        ASYNC_EVENT_REQUEST = 0x0C, "Asynchronous Event Request", "Base 5.1.2";
        NAMESPACE_MANAGEMENT = 0x0D, "Namespace Management", "Base 5.1.21";
        FIRMWARE_COMMIT = 0x10, "Firmware Commit", "Base 5.1.8";
        FIRMWARE_IMAGE_DOWNLOAD = 0x11, "Firmware Image Download", "Base 5.1.9";
        DEVICE_SELF_TEST = 0x14, "Device Self-test", "Base 5.1.5";
        NAMESPACE_ATTACHMENT = 0x15, "Namespace Attachment", "Base 5.1.20";
        KEEP_ALIVE = 0x18, "Keep Alive", "Base 5.1.14";
        DIRECTIVE_SEND = 0x19, "Directive Send", "Base 5.1.7";
        DIRECTIVE_RECEIVE = 0x1A, "Directive Receive", "Base 5.1.6";
        VIRTUALIZATION_MANAGEMENT = 0x1C, "Virtualization Management", "Base 5.2.6";
        NVME_MI_SEND = 0x1D, "NVMe-MI Send", "Base 5.1.19";
        NVME_MI_RECEIVE = 0x1E, "NVMe-MI Receive", "Base 5.1.18";
        CAPACITY_MANAGEMENT = 0x20, "Capacity Management", "Base 5.1.3";
        DISCOVERY_INFORMATION_MANAGEMENT = 0x21, "Discovery Information Management", "Base 5.3.3";
        FABRIC_ZONING_RECEIVE = 0x22, "Fabric Zoning Receive", "Base 5.3.5";
        LOCKDOWN = 0x24, "Lockdown", "Base 5.1.15";
        FABRIC_ZONING_LOOKUP = 0x25, "Fabric Zoning Lookup", "Base 5.3.4";
        CLEAR_EXPORTED_NVM_RESOURCE_CONFIGURATION = 0x28, "Clear Exported NVM Resource Configuration", "Base 5.3.1";
        FABRIC_ZONING_SEND = 0x29, "Fabric Zoning Send", "Base 5.3.6";
        CREATE_EXPORTED_NVM_SUBSYSTEM = 0x2A, "Create Exported NVM Subsystem", "Base 5.3.2";
        MANAGE_EXPORTED_NVM_SUBSYSTEM = 0x2D, "Manage Exported NVM Subsystem", "Base 5.3.8";
        MANAGE_EXPORTED_NAMESPACE = 0x31, "Manage Exported Namespace", "Base 5.3.7";
        MANAGE_EXPORTED_PORT = 0x35, "Manage Exported Port", "Base 5.3.9";
        SEND_DISCOVERY_LOG_PAGE = 0x39, "Send Discovery Log Page", "Base 5.3.10";
        TRACK_SEND = 0x3D, "Track Send", "Base 5.1.27";
        TRACK_RECEIVE = 0x3E, "Track Receive", "Base 5.1.26";
        MIGRATION_SEND = 0x41, "Migration Send", "Base 5.1.17";
        MIGRATION_RECEIVE = 0x42, "Migration Receive", "Base 5.1.16";
        CONTROLLER_DATA_QUEUE = 0x45, "Controller Data Queue", "Base 5.1.4";
        DOORBELL_BUFFER_CONFIG = 0x7C, "Doorbell Buffer Config", "Base 5.2.5";
        FABRICS = 0x7F, "Fabrics Commands", "Base 6";
        FORMAT_NVM = 0x80, "Format NVM", "Base 5.1.10";
        SECURITY_SEND = 0x81, "Security Send", "Base 5.1.24";
        SECURITY_RECEIVE = 0x82, "Security Receive", "Base 5.1.23";
        SANITIZE = 0x84, "Sanitize", "Base 5.1.22";
        LOAD_PROGRAM = 0x85, "Load Program", "Computational Programs 4";
        GET_LBA_STATUS = 0x86, "Get LBA Status", "NVM 4.2.1";
        PROGRAM_ACTIVATION_MANAGEMENT = 0x88, "Program Activation Management", "Computational Programs 4";
        MEMORY_RANGE_SET_MANAGEMENT = 0x89, "Memory Range Set Management", "Computational Programs 4";
    }
}

open_enum! {
    /// Opcode of a command of the NVM Command Set, on an I/O queue (Base 7, NVM 3); 80h to FFh are
    /// vendor specific.
    #[derive(Unaligned, serde::Serialize, serde::Deserialize)]
    pub enum NvmOpcode: u8 {
        FLUSH = 0x00, "Flush", "Base 7.2";
        WRITE = 0x01, "Write", "NVM 3.3.6";
        READ = 0x02, "Read", "NVM 3.3.4";
        WRITE_UNCORRECTABLE = 0x04, "Write Uncorrectable", "NVM 3.3.7";
        COMPARE = 0x05, "Compare", "NVM 3.3.1";
        WRITE_ZEROES = 0x08, "Write Zeroes", "NVM 3.3.8";
        DATASET_MANAGEMENT = 0x09, "Dataset Management", "NVM 3.3.3";
        VERIFY = 0x0C, "Verify", "NVM 3.3.5";
        RESERVATION_REGISTER = 0x0D, "Reservation Register", "Base 7.6";
        RESERVATION_REPORT = 0x0E, "Reservation Report", "Base 7.8";
        RESERVATION_ACQUIRE = 0x11, "Reservation Acquire", "Base 7.5";
        IO_MANAGEMENT_RECEIVE = 0x12, "I/O Management Receive", "Base 7.3";
        RESERVATION_RELEASE = 0x15, "Reservation Release", "Base 7.7";
        CANCEL = 0x18, "Cancel", "Base 7.1";
        COPY = 0x19, "Copy", "NVM 3.3.2";
        IO_MANAGEMENT_SEND = 0x1D, "I/O Management Send", "Base 7.4";
        FABRICS = 0x7F, "Fabrics Commands", "Base 6";
    }
}

open_enum! {
    /// DTD: the direction of the data transfer, in bits 1:0 of every opcode (Base 5, Base 7).
    #[derive(Unaligned)]
    pub enum DataTransfer: u8 {
        NONE = 0b00, "No data transfer", "Base 5";
        HOST_TO_CONTROLLER = 0b01, "Host to controller", "Base 5";
        CONTROLLER_TO_HOST = 0b10, "Controller to host", "Base 5";
        BIDIRECTIONAL = 0b11, "Bidirectional", "Base 5";
    }
}

impl DataTransfer {
    /// The direction that an opcode implies.
    ///
    /// An opcode may declare a direction and yet transfer nothing, as Flush with a standard code
    /// does; it never transfers in another direction.
    pub const fn of(opcode: u8) -> Self {
        Self(opcode & 0b11)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opcodes_of_every_controller_have_their_names() {
        assert_eq!(AdminOpcode(0x0C).to_string(), "Asynchronous Event Request (0Ch)");
        assert_eq!(AdminOpcode(0x80).to_string(), "Format NVM (80h)");
        assert_eq!(AdminOpcode(0x03).to_string(), "Unknown AdminOpcode (03h)");
        assert_eq!(NvmOpcode(0x09).to_string(), "Dataset Management (09h)");
        assert_eq!(NvmOpcode(0x02).clause(), Some("NVM 3.3.4"));
    }

    #[test]
    fn the_direction_follows_from_the_opcode() {
        assert_eq!(DataTransfer::of(NvmOpcode::READ.0), DataTransfer::CONTROLLER_TO_HOST);
        assert_eq!(DataTransfer::of(NvmOpcode::WRITE.0), DataTransfer::HOST_TO_CONTROLLER);
        assert_eq!(DataTransfer::of(NvmOpcode::WRITE_ZEROES.0), DataTransfer::NONE);
        assert_eq!(DataTransfer::of(AdminOpcode::IDENTIFY.0), DataTransfer::CONTROLLER_TO_HOST);
    }
}

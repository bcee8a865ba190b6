//! Asynchronous Event Request: what its completion says (Base 5.1.2.1).

use std::fmt;

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

use crate::spec::log::Lid;

/// Dword 0 of the completion of Asynchronous Event Request (Base 5.1.2.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct AsyncEvent {
    /// AET: Asynchronous Event Type.
    #[bits(3)]
    pub aet: AsyncEventType,
    #[bits(5)]
    __: u8,
    /// AEI: Asynchronous Event Information, whose meaning depends on AET.
    pub aei: u8,
    /// LID: the log page to read to clear the event.
    #[bits(8)]
    pub lid: Lid,
    __: u8,
}

open_enum! {
    /// AET: Asynchronous Event Type (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum AsyncEventType: u8 {
        ERROR = 0b000, "Error status", "Base 5.1.2.1";
        SMART = 0b001, "SMART / Health status", "Base 5.1.2.1";
        NOTICE = 0b010, "Notice", "Base 5.1.2.1";
        IMMEDIATE = 0b011, "Immediate", "Base 5.1.2.1";
        ONE_SHOT = 0b100, "One-Shot", "Base 5.1.2.1";
        IO_COMMAND_SPECIFIC = 0b110, "I/O Command specific status", "Base 5.1.2.1";
        VENDOR_SPECIFIC = 0b111, "Vendor specific", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of an Error status event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum ErrorEvent: u8 {
        INVALID_DOORBELL_REGISTER = 0x00, "Write to Invalid Doorbell Register", "Base 5.1.2.1";
        INVALID_DOORBELL_VALUE = 0x01, "Invalid Doorbell Write Value", "Base 5.1.2.1";
        DIAGNOSTIC_FAILURE = 0x02, "Diagnostic Failure", "Base 5.1.2.1";
        PERSISTENT_INTERNAL_ERROR = 0x03, "Persistent Internal Error", "Base 5.1.2.1";
        TRANSIENT_INTERNAL_ERROR = 0x04, "Transient Internal Error", "Base 5.1.2.1";
        FIRMWARE_IMAGE_LOAD_ERROR = 0x05, "Firmware Image Load Error", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of a SMART / Health status event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum SmartEvent: u8 {
        NVM_SUBSYSTEM_RELIABILITY = 0x00, "NVM subsystem Reliability", "Base 5.1.2.1";
        TEMPERATURE_THRESHOLD = 0x01, "Temperature Threshold", "Base 5.1.2.1";
        SPARE_BELOW_THRESHOLD = 0x02, "Spare Below Threshold", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of a Notice event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum NoticeEvent: u8 {
        ATTACHED_NAMESPACE_ATTRIBUTE_CHANGED = 0x00, "Attached Namespace Attribute Changed", "Base 5.1.2.1";
        FIRMWARE_ACTIVATION_STARTING = 0x01, "Firmware Activation Starting", "Base 5.1.2.1";
        TELEMETRY_LOG_CHANGED = 0x02, "Telemetry Log Changed", "Base 5.1.2.1";
        ASYMMETRIC_NAMESPACE_ACCESS_CHANGE = 0x03, "Asymmetric Namespace Access Change", "Base 5.1.2.1";
        PREDICTABLE_LATENCY_EVENT_AGGREGATE_LOG_CHANGE = 0x04, "Predictable Latency Event Aggregate Log Change", "Base 5.1.2.1";
        LBA_STATUS_INFORMATION_ALERT = 0x05, "LBA Status Information Alert", "NVM 4.1.1";
        ENDURANCE_GROUP_EVENT_AGGREGATE_LOG_PAGE_CHANGE = 0x06, "Endurance Group Event Aggregate Log Page Change", "Base 5.1.2.1";
        REACHABILITY_GROUP_CHANGE = 0x07, "Reachability Group Change", "Base 5.1.2.1";
        REACHABILITY_ASSOCIATION_CHANGE = 0x08, "Reachability Association Change", "Base 5.1.2.1";
        ALLOCATED_NAMESPACE_ATTRIBUTE_CHANGED = 0x09, "Allocated Namespace Attribute Changed", "Base 5.1.2.1";
        ZONE_DESCRIPTOR_CHANGED = 0xEF, "Zone Descriptor Changed", "ZNS 4.1.1";
        DISCOVERY_LOG_PAGE_CHANGE = 0xF0, "Discovery Log Page Change", "Base 5.1.2.1";
        HOST_DISCOVERY_LOG_PAGE_CHANGE = 0xF1, "Host Discovery Log Page Change", "Base 5.1.2.1";
        AVE_DISCOVERY_LOG_PAGE_CHANGE = 0xF2, "AVE Discovery Log Page Change", "Base 5.1.2.1";
        PULL_MODEL_DDC_REQUEST = 0xF3, "Pull Model DDC Request", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of an Immediate event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum ImmediateEvent: u8 {
        NVM_SUBSYSTEM_NORMAL_SHUTDOWN = 0x00, "NVM Subsystem Normal Shutdown", "Base 5.1.2.1";
        TEMPERATURE_THRESHOLD_HYSTERESIS_RECOVERY = 0x01, "Temperature Threshold Hysteresis Recovery", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of a One-Shot event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum OneShotEvent: u8 {
        CONTROLLER_DATA_QUEUE_TAIL_POINTER = 0x00, "Controller Data Queue Tail Pointer", "Base 5.1.2.1";
        CONTROLLER_DATA_QUEUE_FULL_ERROR = 0x01, "Controller Data Queue Full Error", "Base 5.1.2.1";
    }
}

open_enum! {
    /// AEI of an I/O Command specific status event (Base 5.1.2.1).
    #[derive(Unaligned)]
    pub enum IoCommandSpecificEvent: u8 {
        RESERVATION_LOG_PAGE_AVAILABLE = 0x00, "Reservation Log Page Available", "Base 5.1.2.1";
        SANITIZE_OPERATION_COMPLETED = 0x01, "Sanitize Operation Completed", "Base 5.1.2.1";
        SANITIZE_OPERATION_COMPLETED_WITH_UNEXPECTED_DEALLOCATION = 0x02, "Sanitize Operation Completed With Unexpected Deallocation", "Base 5.1.2.1";
        SANITIZE_OPERATION_ENTERED_MEDIA_VERIFICATION_STATE = 0x03, "Sanitize Operation Entered Media Verification State", "Base 5.1.2.1";
    }
}

impl AsyncEvent {
    /// The name of the event; `None` for one that the standard does not define.
    pub const fn name(self) -> Option<&'static str> {
        match self.aet() {
            AsyncEventType::ERROR => ErrorEvent(self.aei()).name(),
            AsyncEventType::SMART => SmartEvent(self.aei()).name(),
            AsyncEventType::NOTICE => NoticeEvent(self.aei()).name(),
            AsyncEventType::IMMEDIATE => ImmediateEvent(self.aei()).name(),
            AsyncEventType::ONE_SHOT => OneShotEvent(self.aei()).name(),
            AsyncEventType::IO_COMMAND_SPECIFIC => IoCommandSpecificEvent(self.aei()).name(),
            _ => None,
        }
    }
}

impl fmt::Display for AsyncEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("Unknown event");
        write!(f, "{name} ({:X}h/{:02X}h), log page {}", self.aet().0, self.aei(), self.lid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figure() {
        let event = AsyncEvent::from(0x0002_0101);
        assert_eq!(event.aet(), AsyncEventType::SMART);
        assert_eq!(
            (SmartEvent(event.aei()), event.lid()),
            (SmartEvent::TEMPERATURE_THRESHOLD, Lid::SMART)
        );
    }

    #[test]
    fn an_event_shows_its_name_and_its_log_page() {
        assert_eq!(
            AsyncEvent::from(0x0004_0002).to_string(),
            "Attached Namespace Attribute Changed (2h/00h), log page Changed Attached Namespace List (04h)"
        );
        assert_eq!(
            AsyncEvent::from(0x0001_EE00).to_string(),
            "Unknown event (0h/EEh), log page Error Information (01h)"
        );
    }
}

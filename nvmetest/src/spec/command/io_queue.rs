//! Create and Delete I/O Completion and Submission Queue (Base 5.2.1 to Base 5.2.4).

use bitfield_struct::bitfield;
use zerocopy::Unaligned;

/// Command Dword 10 of Create I/O Completion Queue and Create I/O Submission Queue
/// (Base 5.2.1, Base 5.2.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CreateIoQueueCdw10 {
    /// QID: Queue Identifier, from 1h up.
    pub qid: u16,
    /// QSIZE: Queue Size in entries, zero-based; 0h and more than CAP.MQES are Invalid Queue Size.
    pub qsize_z: u16,
}

/// Command Dword 11 of Create I/O Completion Queue (Base 5.2.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CreateIoCqCdw11 {
    /// PC: Physically Contiguous, PRP1 is the queue and not a PRP list.
    pub pc: bool,
    /// IEN: Interrupts Enabled.
    pub ien: bool,
    #[bits(14)]
    __: u16,
    /// IV: Interrupt Vector.
    pub iv: u16,
}

/// Command Dword 11 of Create I/O Submission Queue (Base 5.2.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CreateIoSqCdw11 {
    /// PC: Physically Contiguous, PRP1 is the queue and not a PRP list.
    pub pc: bool,
    /// QPRIO: Queue Priority; only used by weighted round robin.
    #[bits(2)]
    pub qprio: QueuePriority,
    #[bits(13)]
    __: u16,
    /// CQID: Completion Queue Identifier; 0h is Completion Queue Invalid.
    pub cqid: u16,
}

open_enum! {
    /// QPRIO: Queue Priority (Base 5.2.2).
    #[derive(Unaligned)]
    pub enum QueuePriority: u8 {
        URGENT = 0b00, "Urgent", "Base 5.2.2";
        HIGH = 0b01, "High", "Base 5.2.2";
        MEDIUM = 0b10, "Medium", "Base 5.2.2";
        LOW = 0b11, "Low", "Base 5.2.2";
    }
}

/// Command Dword 12 of Create I/O Submission Queue (Base 5.2.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct CreateIoSqCdw12 {
    /// NVMSETID: NVM Set Identifier; 0h is none.
    pub nvmsetid: u16,
    #[bits(16)]
    __: u16,
}

/// Command Dword 10 of Delete I/O Completion Queue and Delete I/O Submission Queue
/// (Base 5.2.3, Base 5.2.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DeleteIoQueueCdw10 {
    /// QID: Queue Identifier.
    pub qid: u16,
    #[bits(16)]
    __: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_in_the_bits_of_the_figures() {
        assert_eq!(
            u32::from(CreateIoQueueCdw10::new().with_qid(1).with_qsize_z(1023)),
            0x03FF_0001
        );
        assert_eq!(
            u32::from(CreateIoCqCdw11::new().with_pc(true).with_ien(true).with_iv(5)),
            0x0005_0003
        );
        assert_eq!(
            u32::from(
                CreateIoSqCdw11::new().with_pc(true).with_qprio(QueuePriority::LOW).with_cqid(2)
            ),
            0x0002_0007
        );
        assert_eq!(u32::from(DeleteIoQueueCdw10::new().with_qid(0xABCD)), 0xABCD);
        assert_eq!(CreateIoSqCdw12::from(0x1_0002).nvmsetid(), 2);
    }
}

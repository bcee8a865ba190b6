//! The dwords of commands that the standard divides into fields (Base 5, NVM 3.3, NVM 4.1).
//!
//! A type is named after its command and dword: `CreateIoCqCdw11`. Set Features has its Command
//! Dword 11 in [`feature`](super::feature).

pub mod abort;
pub mod async_event;
pub mod copy;
pub mod dataset_management;
pub mod features;
pub mod format;
pub mod identify;
pub mod io_queue;
pub mod log_page;
pub mod protection;
pub mod read_write;
pub mod write_zeroes;

pub use abort::AbortCdw10;
pub use abort::AbortDw0;
pub use async_event::AsyncEvent;
pub use async_event::AsyncEventType;
pub use copy::CopyCdw12;
pub use copy::CopySourceRange;
pub use dataset_management::ContextAttributes;
pub use dataset_management::DatasetManagementCdw10;
pub use dataset_management::DatasetManagementCdw11;
pub use dataset_management::DatasetManagementRange;
pub use features::FeaturesCdw14;
pub use features::GetFeaturesCdw10;
pub use features::SetFeaturesCdw10;
pub use format::FormatNvmCdw10;
pub use format::SecureErase;
pub use identify::IdentifyCdw10;
pub use identify::IdentifyCdw11;
pub use identify::IdentifyCdw14;
pub use io_queue::CreateIoCqCdw11;
pub use io_queue::CreateIoQueueCdw10;
pub use io_queue::CreateIoSqCdw11;
pub use io_queue::CreateIoSqCdw12;
pub use io_queue::DeleteIoQueueCdw10;
pub use io_queue::QueuePriority;
pub use log_page::GetLogPageCdw10;
pub use log_page::GetLogPageCdw11;
pub use log_page::GetLogPageCdw14;
pub use protection::Prinfo;
pub use read_write::ReadWriteCdw12;
pub use read_write::ReadWriteCdw13;
pub use read_write::ReadWriteCdw15;
pub use write_zeroes::WriteUncorrectableCdw12;
pub use write_zeroes::WriteZeroesCdw12;
pub use write_zeroes::WriteZeroesDw0;

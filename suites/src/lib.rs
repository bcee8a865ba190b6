//! The suites, one file a chapter.

mod abort;
mod asynchronous_events;
mod commands;
mod compare;
mod dataset_management;
mod features;
mod flush;
mod format;
mod identify;
mod initialization;
mod interrupts;
mod keep_alive;
mod log_pages;
mod pattern;
mod pci;
mod prp;
mod queue_creation;
mod queue_operation;
mod read_write;
mod registers;
mod reset;
mod sgl;
mod shutdown;
mod verify;
mod write_uncorrectable;
mod write_zeroes;

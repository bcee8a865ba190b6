//! The suites, one file a chapter.

mod abort;
mod asynchronous_events;
mod commands;
mod compare;
mod dataset_management;
mod flush;
mod initialization;
mod interrupts;
mod keep_alive;
mod pattern;
mod pci;
mod queue_creation;
mod queue_operation;
mod read_write;
mod registers;
mod reset;
mod shutdown;
mod verify;
mod write_uncorrectable;
mod write_zeroes;

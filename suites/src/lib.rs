//! The suites, one file a chapter.

mod abort;
mod asynchronous_events;
mod commands;
mod initialization;
mod interrupts;
mod keep_alive;
mod pci;
mod queue_creation;
mod queue_operation;
mod read_write;
mod registers;
mod reset;
mod shutdown;

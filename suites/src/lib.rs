//! The suites, one file a chapter.

mod abort;
mod initialization;
mod interrupts;
mod keep_alive;
mod pci;
mod queue_creation;
mod read_write;
mod registers;
mod reset;
mod shutdown;

//! The suites, one file a chapter.

mod queue_creation;
mod read_write;
mod registers;

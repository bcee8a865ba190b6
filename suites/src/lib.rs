//! The suites, one file a chapter.

mod compare;
mod dataset_management;
mod flush;
mod pattern;
mod queue_creation;
mod read_write;
mod registers;
mod verify;
mod write_uncorrectable;
mod write_zeroes;

//! The suites, one file a chapter.

mod compare;
mod dataset_management;
mod flush;
mod pattern;
mod read_write;
mod verify;
mod write_uncorrectable;
mod write_zeroes;

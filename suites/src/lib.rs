//! The suites, one file a chapter.

mod compare;
mod dataset_management;
mod features;
mod flush;
mod format;
mod identify;
mod log_pages;
mod pattern;
mod prp;
mod read_write;
mod sgl;
mod verify;
mod write_uncorrectable;
mod write_zeroes;
